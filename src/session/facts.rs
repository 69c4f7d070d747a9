//! What the actor leaves for operators to see, and how a report is made of it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use uuid::Uuid;

use super::attempt::Attempt;
use super::handle::Session;
use super::known::{Known, Next, Trouble};
use super::past::{Cause, Entry, Kind, Past};
use super::publish::{Live, Publication};
use super::report::{
    EncoderReport, HoldReport, RenditionReport, SessionReport, ViewerReport, WindowReport,
};
use super::state::Phase;
use super::status::Status;
use crate::encoder::{Encoder, EncoderPlan, PlannedRendition, Progress, RenditionKind, usage};
use crate::hls::Snapshot;
use crate::media::MediaFormat;

/// Facts about the run of a session.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) id: Uuid,
    pub(super) phase: Phase,
    pub(super) reason: String,
    pub(super) started_at: Option<Instant>,
    pub(super) source: String,
    pub(super) error_count: u64,
    pub(super) last_error: Option<String>,
    pub(super) encoder: Option<EncoderFacts>,
    pub(super) restarts: u64,
    /// The slate's, and how often one was started in this run.
    pub(super) slate: Option<EncoderFacts>,
    slates: u64,
    pub(super) on_air: Option<&'static str>,
    pub(super) renditions: Vec<PlannedRendition>,
    pub(super) first_part: Option<Duration>,
    /// Why the next encoder is needed.
    pub(super) cause: Option<Cause>,
    pub(super) slate_shown: bool,
    /// By position in the configuration.
    pub(super) sources: Vec<Known>,
    /// By position in the configuration; kept while the session is.
    pub(super) troubles: Vec<Option<Trouble>>,
    pub(super) next: Vec<Next>,
    /// The source that has not delivered yet.
    pub(super) attempt: Option<Attempt>,
    pub(super) past: Past,
}

/// Facts about the running encoder.
#[derive(Debug, Clone)]
pub(super) struct EncoderFacts {
    pub(super) pid: u32,
    /// How well it is caged.
    pub(super) cage: &'static str,
    pub(super) since: Instant,
    pub(super) progress: Option<Progress>,
    pub(super) last_lines: Vec<String>,
}

/// What is known of an encoder from its birth on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Born {
    pub(super) pid: u32,
    pub(super) cage: &'static str,
}

// === impl Born ===

impl Born {
    pub(super) fn of(encoder: Option<&Encoder>) -> Self {
        Self {
            pid: encoder.map_or(0, |encoder| encoder.pid),
            cage: encoder.map_or("none", |encoder| encoder.cage),
        }
    }
}

// === impl Facts ===

impl Default for Facts {
    fn default() -> Self {
        Self {
            id: Uuid::now_v7(),
            phase: Phase::Idle,
            reason: "nobody has asked for it".into(),
            started_at: None,
            source: String::new(),
            error_count: 0,
            last_error: None,
            encoder: None,
            restarts: 0,
            slate: None,
            slates: 0,
            on_air: None,
            renditions: Vec::new(),
            first_part: None,
            cause: None,
            slate_shown: false,
            sources: Vec::new(),
            troubles: Vec::new(),
            next: Vec::new(),
            attempt: None,
            past: Past::default(),
        }
    }
}

impl Facts {
    /// A new run: its own identifier and counters; the past stays.
    pub(super) fn begin(&mut self, now: Instant) {
        let past = std::mem::take(&mut self.past);
        let troubles = std::mem::take(&mut self.troubles);
        *self = Self {
            started_at: Some(now),
            past,
            troubles,
            ..Self::default()
        };
    }

    /// An encoder runs.
    pub(super) fn encoder_started(&mut self, now: Instant, born: Born, plan: &EncoderPlan) {
        if !self.renditions.is_empty() {
            self.restarts += 1;
            let cause = self.cause.take().unwrap_or(Cause::Ended);
            self.past.counts.restarted(cause);
        }
        self.renditions = plan.renditions.clone();
        self.encoder = Some(EncoderFacts::new(now, born));
    }

    /// The slate's encoder runs.
    pub(super) fn slate_started(&mut self, now: Instant, born: Born) {
        self.slates += 1;
        self.slate = Some(EncoderFacts::new(now, born));
    }

    /// The encoder ended; what it said last stays.
    pub(super) fn encoder_ended(&mut self, now: Instant, pid: u32, last_lines: &[String]) {
        let last = last_lines
            .last()
            .map(|line| format!(": {line}"))
            .unwrap_or_default();
        let what = format!("encoder {pid} ended{last}");
        let entry = Entry::new(now, Kind::EncoderEnded, what).of_process(pid);
        let ran_for = self
            .process(pid)
            .map(|own| now.saturating_duration_since(own.since));
        self.past.note(Entry {
            ran_for,
            ..entry.with_lines(last_lines)
        });
        self.encoder_gone(pid);
    }

    /// The process is no more.
    pub(super) fn encoder_gone(&mut self, pid: u32) {
        self.encoder.take_if(|encoder| encoder.pid == pid);
        self.slate.take_if(|slate| slate.pid == pid);
    }

    /// The encoder's heartbeat.
    pub(super) fn heartbeat(&mut self, pid: u32, progress: Progress, last_lines: Vec<String>) {
        if let Some(encoder) = self.process(pid) {
            encoder.progress = Some(progress);
            encoder.last_lines = last_lines;
        }
    }

    fn process(&mut self, pid: u32) -> Option<&mut EncoderFacts> {
        let mut all = self.encoder.iter_mut().chain(&mut self.slate);
        all.find(|encoder| encoder.pid == pid)
    }
}

// === impl Session ===

impl Session {
    /// Everything that is known about the session.
    pub(super) fn report(&self) -> SessionReport {
        let (now, clock) = (Instant::now(), WallClock::now());
        let live = match &*self.status.borrow() {
            Status::Active(live) => Some(live.clone()),
            _ => None,
        };
        let facts = self.facts.lock();
        let last_access = self.viewers.last_access();
        let (ts_streams, ts_segments_remuxed, ts_readers_moved) = self.transport_report();
        SessionReport {
            id: facts.id,
            channel: self.id.to_string(),
            state: facts.phase.as_str(),
            reason: facts.reason.clone(),
            started_at: clock.text(facts.started_at.unwrap_or(now)),
            last_access: last_access.map(|at| clock.text(at)),
            idle_for: last_access.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64()),
            held_until: self.viewers.held_until(now).map(|until| clock.text(until)),
            viewers: self.viewers.count(now),
            audience: self.viewers.audience(now),
            source: facts.source.clone(),
            error_count: facts.error_count,
            last_error: facts.last_error.clone(),
            on_air: facts.on_air,
            encoder: facts
                .encoder
                .as_ref()
                .map(|encoder| encoder.report(facts.restarts, now)),
            slate: facts
                .slate
                .as_ref()
                .map(|slate| slate.report(facts.slates.saturating_sub(1), now)),
            renditions: renditions(&facts.renditions, live.as_deref()),
            first_part_ms: facts.first_part.map(|elapsed| elapsed.as_millis() as u64),
            memory_bytes: live.as_ref().map_or(0, |live| live.bytes()),
            bytes_sent: self.bytes_sent(),
            ts_streams,
            ts_segments_remuxed,
            ts_readers_moved,
            blocked_requests: self.blocked(live.as_deref()),
            sources: self.source_reports(&facts, &clock),
            slate_shown: facts.slate_shown,
            next: self.next_reports(&facts, &clock),
            counts: facts.past.counts.report(),
            history: facts
                .past
                .entries()
                .map(|entry| entry.report(&clock))
                .collect(),
            part_delays: self.delays.report(),
        }
    }

    /// Requests that wait for the channel to start, or for media.
    fn blocked(&self, live: Option<&Live>) -> usize {
        let renditions = live.map_or(&[][..], Live::renditions);
        let parked: usize = renditions.iter().map(Publication::waiting).sum();
        self.status.receiver_count() + parked
    }

    /// Who watches.
    pub(super) fn viewer_reports(&self) -> Vec<ViewerReport> {
        let clock = WallClock::now();
        let viewers = self.viewers.list(clock.monotonic);
        let mut at_address: HashMap<IpAddr, usize> = HashMap::new();
        for known in &viewers {
            *at_address.entry(known.address).or_default() += 1;
        }
        let report = |known: super::viewers::Known| ViewerReport {
            id: format!("{:016x}", known.id),
            address: known.address,
            since: clock.text(known.since),
            last_access: clock.text(known.last_access),
            requests: known.requests,
            playback: known.playback.as_ref().map(|playback| playback.report()),
            same_address: at_address[&known.address],
            agent: known.agent,
        };
        viewers.into_iter().map(report).collect()
    }

    /// That the session is kept until then.
    pub(super) fn hold_report(&self, until: Instant) -> HoldReport {
        HoldReport {
            channel: self.id.to_string(),
            until: WallClock::now().text(until),
        }
    }
}

// === impl EncoderFacts ===

impl EncoderFacts {
    fn new(since: Instant, born: Born) -> Self {
        Self {
            pid: born.pid,
            cage: born.cage,
            since,
            progress: None,
            last_lines: Vec::new(),
        }
    }

    fn report(&self, restarts: u64, now: Instant) -> EncoderReport {
        let usage = usage(self.pid);
        let elapsed = now.saturating_duration_since(self.since).as_secs_f64();
        EncoderReport {
            pid: self.pid,
            cage: self.cage,
            speed: self.progress.map(|progress| progress.speed),
            fps: self.progress.map(|progress| progress.fps),
            restarts,
            cpu: usage
                .filter(|_| elapsed > 0.0)
                .map(|usage| usage.cpu_time.as_secs_f64() / elapsed),
            memory: usage.map(|usage| usage.resident_bytes),
            last_lines: self.last_lines.clone(),
        }
    }
}

fn renditions(planned: &[PlannedRendition], live: Option<&Live>) -> Vec<RenditionReport> {
    let report = |planned: &PlannedRendition| {
        let snapshot = live
            .and_then(|live| live.rendition(planned.name.as_str()))
            .and_then(Publication::latest);
        let section = snapshot
            .as_ref()
            .and_then(|snapshot| snapshot.init.as_ref())
            .map(|init| &init.section);
        RenditionReport {
            name: planned.name.to_string(),
            kind: match planned.kind {
                RenditionKind::Video => "video",
                RenditionKind::Audio => "audio",
            },
            resolution: section.and_then(|section| match &section.format {
                MediaFormat::Video(format) => Some(format!("{}x{}", format.width, format.height)),
                MediaFormat::Audio(_) => None,
            }),
            frame_rate: snapshot.as_ref().and_then(|snapshot| snapshot.frame_rate),
            codecs: section.map(|section| section.codec.clone()),
            target_bitrate: planned.average_bitrate,
            measured_bitrate: snapshot.as_ref().and_then(|snapshot| snapshot.bitrate),
            window: snapshot.as_deref().map(window),
        }
    };
    planned.iter().map(report).collect()
}

fn window(snapshot: &Snapshot) -> WindowReport {
    WindowReport {
        media_sequence: snapshot.media_sequence,
        discontinuity_sequence: snapshot.discontinuity_sequence,
        last_msn: snapshot.edge.msn,
        last_part: snapshot.edge.parts.checked_sub(1),
        duration: snapshot.listed_duration.as_secs_f64(),
    }
}

/// The wall clock beside the monotonic one, to tell people when something happened.
pub(super) struct WallClock {
    monotonic: Instant,
    wall: Timestamp,
}

impl WallClock {
    fn now() -> Self {
        Self {
            monotonic: Instant::now(),
            wall: Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH),
        }
    }

    pub(super) fn text(&self, at: Instant) -> String {
        let ago = self.monotonic.saturating_duration_since(at);
        let ahead = at.saturating_duration_since(self.monotonic);
        let wall = self
            .wall
            .checked_sub(ago)
            .and_then(|wall| wall.checked_add(ahead));
        let wall = wall.unwrap_or(self.wall);
        wall.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
    }
}
