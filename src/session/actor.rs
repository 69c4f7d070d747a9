//! The one task that owns a running session: it waits for events, lets [`SessionState`] decide, and does as told.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use tokio::sync::mpsc;
use tracing::{debug, error, info, warn};

use super::handle::{Command, Session, Status};
use super::launch::{Launch, Launched};
use super::map::Shared;
use super::publish::Live;
use super::state::{Effects, Patience, Phase, SessionEvent, SessionState};
use crate::config::SourceSpec;
use crate::encoder::{Encoder, EncoderEvent, RenditionKind};
use crate::hls::{self, Packager, PackagerConfig, RenditionConfig, Timeline};

/// How long ffmpeg has to end by itself after TERM. With its pipes drained it needs some 40 ms.
const TERM_PATIENCE: Duration = Duration::from_secs(2);

/// The most that a channel may go without new media.
const MAX_STALL: Duration = Duration::from_secs(5);

/// See the module.
struct Actor {
    session: Arc<Session>,
    shared: Arc<Shared>,
    inbox: mpsc::UnboundedReceiver<Command>,
    state: SessionState,
    /// An encoder that is being started.
    launch: Option<Launch>,
    encoder: Option<Encoder>,
    /// The encoder was given up: what it still delivers is not media any more.
    dying: bool,
    /// An encoder is wanted as soon as the dying one is gone.
    start_pending: bool,
    failures: usize,
    media: Option<Media>,
    asked_at: Instant,
}

/// The packager of this run and what readers see of it.
struct Media {
    packager: Packager,
    live: Arc<Live>,
    /// Readers have been told of it.
    announced: bool,
}

/// What woke the actor.
enum Wake {
    Command(Option<Command>),
    Launched(Result<Launched, super::launch::LaunchError>),
    Encoder(Option<EncoderEvent>),
    Timer,
}

/// Starts the actor of a session for its first viewer; returns its inbox.
pub(super) fn spawn(
    shared: &Arc<Shared>,
    session: &Arc<Session>,
) -> mpsc::UnboundedSender<Command> {
    let (sender, inbox) = mpsc::unbounded_channel();
    let now = Instant::now();
    let actor = Actor {
        state: SessionState::new(now, patience(session)),
        session: session.clone(),
        shared: shared.clone(),
        inbox,
        launch: None,
        encoder: None,
        dying: false,
        start_pending: false,
        failures: 0,
        media: None,
        asked_at: now,
    };
    shared.running.fetch_add(1, Ordering::SeqCst);
    session.facts.lock().begin(now);
    shared.tasks.spawn(actor.run());
    sender
}

fn patience(session: &Session) -> Patience {
    Patience {
        start_timeout: session.spec.start_timeout,
        grace_period: session.spec.grace_period,
        stall: MAX_STALL.min(session.target_duration() + Duration::from_secs(1)),
    }
}

// === impl Actor ===

impl Actor {
    async fn run(mut self) {
        self.dispatch(SessionEvent::ViewerArrived);
        loop {
            if self.state.phase() == Phase::Idle && self.leave() {
                return;
            }
            match self.wake().await {
                Wake::Command(Some(command)) => self.obey(command),
                // The sender lives in the session, which this task holds.
                Wake::Command(None) => {
                    self.dispatch(SessionEvent::StopAsked("the session was dropped".into()))
                }
                Wake::Launched(result) => self.launched(result),
                Wake::Encoder(Some(event)) => self.encoder_event(event),
                Wake::Encoder(None) => self.encoder_gone(),
                Wake::Timer => self.dispatch(SessionEvent::TimedOut),
            }
        }
    }

    /// Ends the task, unless somebody came at the last moment.
    fn leave(&mut self) -> bool {
        let session = self.session.clone();
        let mut inbox = session.inbox.lock();
        match self.inbox.try_recv() {
            Ok(Command::ViewerArrived) => {
                drop(inbox);
                self.session.facts.lock().begin(Instant::now());
                self.dispatch(SessionEvent::ViewerArrived);
                false
            }
            Ok(_) => false, // There is nothing to stop or to restart.
            Err(_) => {
                *inbox = None;
                self.session.status.send_replace(Status::Idle);
                self.shared.running.fetch_sub(1, Ordering::SeqCst);
                true
            }
        }
    }

    async fn wake(&mut self) -> Wake {
        let timer = self
            .state
            .poll_timeout()
            .map(|(at, _)| tokio::time::Instant::from_std(at));
        tokio::select! {
            biased;
            command = self.inbox.recv() => Wake::Command(command),
            () = tokio::time::sleep_until(timer.unwrap_or_else(tokio::time::Instant::now)), if timer.is_some() => Wake::Timer,
            result = async { self.launch.as_mut().expect("it should be guarded").await }, if self.launch.is_some() => {
                self.launch = None;
                Wake::Launched(result)
            }
            event = async { self.encoder.as_mut().expect("it should be guarded").events.recv().await }, if self.encoder.is_some() => {
                Wake::Encoder(event)
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::ViewerArrived => {
                if self.state.phase() == Phase::Failed {
                    self.asked_at = Instant::now();
                }
                self.dispatch(SessionEvent::ViewerArrived);
            }
            Command::Restart => self.dispatch(SessionEvent::RestartAsked),
            Command::Stop(why) => self.dispatch(SessionEvent::StopAsked(why.into())),
        }
    }

    /// Lets the state decide, then does it.
    fn dispatch(&mut self, event: SessionEvent) {
        let now = Instant::now();
        let before = (
            self.state.phase(),
            self.state.error_count(),
            self.state.reason().to_owned(),
        );
        match self.state.handle(now, event) {
            Ok(effects) => {
                self.note_changes(now, &before);
                self.perform(effects);
            }
            // A bug, but not one that viewers should pay for.
            Err(refused) => error!(channel = %self.session.spec.id, "{refused}"),
        }
    }

    fn perform(&mut self, effects: Effects) {
        if effects.end {
            self.end();
        }
        if effects.stop_encoder {
            self.stop_encoder();
        }
        if effects.start_encoder {
            self.start_encoder();
        }
        self.show_status();
        if effects.stop_encoder && self.state.phase() == Phase::Stopping {
            self.look_back();
        }
        if effects.inspect_presence {
            let until = self.session.viewers.present_until(Instant::now());
            self.dispatch(SessionEvent::Presence(until));
        }
    }

    /// A viewer that came while the stop was being decided saw a running session and sent no word: look again now
    /// that the session is seen to stop. And without an encoder there is nothing to wait for.
    fn look_back(&mut self) {
        let seen = self
            .session
            .viewers
            .last_access()
            .is_some_and(|at| at >= self.state.since());
        if seen && !self.shared.is_draining() {
            self.dispatch(SessionEvent::ViewerArrived);
        }
        if self.encoder.is_none() {
            self.dispatch(SessionEvent::EncoderGone);
        }
    }

    fn stop_encoder(&mut self) {
        self.launch = None;
        self.start_pending = false;
        if let Some(encoder) = &mut self.encoder {
            self.dying = true;
            encoder.stop(TERM_PATIENCE);
        }
    }

    fn start_encoder(&mut self) {
        if self.encoder.is_some() {
            self.start_pending = true; // Never two encoders for one channel.
            return;
        }
        let source = self.source().clone();
        self.session.facts.lock().source = source.label();
        let behind = self
            .media
            .as_ref()
            .and_then(|media| media.packager.ends_at())
            .map(|end| behind(end, wall_clock()));
        self.launch = Some(
            self.shared
                .encoders
                .launch(self.session.spec.clone(), source, behind),
        );
    }

    /// The first source first; the next one after each failure.
    fn source(&self) -> &SourceSpec {
        let sources = &self.session.spec.sources;
        &sources[self.failures % sources.len()]
    }

    fn launched(&mut self, result: Result<Launched, super::launch::LaunchError>) {
        match result {
            Ok(launched) => self.take_over(launched),
            Err(problem) if problem.is_final() && self.session.spec.sources.len() == 1 => {
                self.dispatch(SessionEvent::SourceRefused(problem.to_string()))
            }
            Err(problem) => self.lost(problem.to_string()),
        }
    }

    fn take_over(&mut self, launched: Launched) {
        let now = Instant::now();
        let Launched { plan, encoder } = launched;
        {
            let mut facts = self.session.facts.lock();
            facts.encoder_started(now, encoder.pid, &plan);
            facts.note(
                now,
                format!("encoder {} started for {}", encoder.pid, plan.source_label),
            );
        }
        info!(channel = %self.session.spec.id, pid = encoder.pid, source = %plan.source_label, "encoder started");
        let renditions: Vec<_> = plan.renditions.iter().map(rendition_config).collect();
        match &mut self.media {
            Some(media) if media.fits(&renditions) => {
                media.packager.discontinuity();
                media.packager.set_lead(plan.lead);
                media.show(now);
            }
            _ => {
                self.end();
                self.media = Some(self.new_media(renditions, plan.lead, plan.irregular_key_frames));
            }
        }
        self.dying = false;
        self.encoder = Some(encoder);
    }

    fn new_media(
        &self,
        renditions: Vec<RenditionConfig>,
        lead: Duration,
        irregular_key_frames: bool,
    ) -> Media {
        let spec = &self.session.spec;
        let mut floor = self.session.floor.lock();
        let timeline = Timeline::above(*floor, wall_clock());
        *floor = timeline.numbers();
        let config = PackagerConfig {
            segment_duration: spec.segment_duration,
            part_duration: spec.part_duration,
            window: spec.window,
            irregular_key_frames,
            lead,
            timeline,
            renditions,
        };
        let names = config
            .renditions
            .iter()
            .map(|rendition| rendition.name.clone());
        let live = Arc::new(Live::new(timeline.epoch, names, Instant::now()));
        Media {
            packager: Packager::new(config),
            live,
            announced: false,
        }
    }

    fn encoder_event(&mut self, event: EncoderEvent) {
        match event {
            EncoderEvent::Exited(exit) => {
                let lines = exit.last_lines.last().cloned().unwrap_or_default();
                self.session
                    .facts
                    .lock()
                    .encoder_ended(Instant::now(), &exit.last_lines);
                if !self.dying {
                    self.lost(format!("ffmpeg ended ({}): {lines}", exit.status));
                }
            }
            EncoderEvent::Progress(progress) => {
                let lines = self
                    .encoder
                    .as_ref()
                    .map(Encoder::last_lines)
                    .unwrap_or_default();
                self.session.facts.lock().heartbeat(progress, lines);
            }
            _ if self.dying => {}
            EncoderEvent::Init(id, section) => {
                let result = self
                    .media
                    .as_mut()
                    .map(|media| media.packager.init(id, section));
                self.packaged(result.unwrap_or(Ok(())));
            }
            EncoderEvent::Fragment(id, fragment) => {
                let now = wall_clock();
                let result = self
                    .media
                    .as_mut()
                    .map(|media| media.packager.push(id, &fragment, now));
                self.packaged(result.unwrap_or(Ok(())));
            }
            EncoderEvent::Broken(id, problem) => {
                let name = self
                    .media
                    .as_ref()
                    .map(|media| media.packager.config().renditions[id.index()].name.clone());
                let name = name.map(|name| name.to_string()).unwrap_or_default();
                self.lost(format!("rendition {name} cannot be read: {problem}"));
            }
        }
    }

    fn packaged(&mut self, result: Result<(), hls::PackagerError>) {
        match result {
            Ok(()) => self.publish(),
            Err(problem) => self.lost(problem.to_string()),
        }
    }

    /// Shows readers what the packager made.
    fn publish(&mut self) {
        let Some(media) = &mut self.media else { return };
        let now = Instant::now();
        if !media.show(now) {
            return;
        }
        *self.session.floor.lock() = media.packager.numbers();
        if self.state.phase() == Phase::Starting || !media.announced {
            media.announced = true;
            self.session
                .facts
                .lock()
                .first_part
                .get_or_insert(now.duration_since(self.asked_at));
            self.dispatch(SessionEvent::Delivered);
        } else {
            self.progress();
        }
    }

    /// New media: the most frequent event of all, so it takes the short way.
    fn progress(&mut self) {
        if let Err(refused) = self.state.handle(Instant::now(), SessionEvent::Progress) {
            debug!(channel = %self.session.spec.id, "{refused}");
        }
    }

    fn lost(&mut self, why: String) {
        self.shared.encoders.doubt(self.source());
        self.failures += 1;
        warn!(channel = %self.session.spec.id, "{why}");
        self.dispatch(SessionEvent::EncoderLost(why));
    }

    /// The last event has been read: the process is reaped.
    fn encoder_gone(&mut self) {
        self.encoder = None;
        self.session.facts.lock().encoder = None;
        if !self.dying
            && matches!(self.state.phase(), Phase::Starting | Phase::Active)
            && self.state.expects_encoder()
        {
            self.lost("ffmpeg vanished".into());
        } else if self.state.phase() != Phase::Idle {
            self.dispatch(SessionEvent::EncoderGone);
        }
        self.dying = false;
        if std::mem::take(&mut self.start_pending) {
            self.start_encoder();
        }
    }

    /// Forgets the media of this run.
    fn end(&mut self) {
        if let Some(media) = self.media.take() {
            media.live.end();
        }
        if self.state.phase() == Phase::Idle {
            self.session.viewers.clear();
            self.session.facts.lock().renditions = Vec::new();
        }
    }

    /// Tells readers what to expect.
    fn show_status(&mut self) {
        let status = match self.state.phase() {
            Phase::Idle => Status::Idle,
            Phase::Starting | Phase::Stopping => Status::Starting,
            Phase::Active => match &self.media {
                Some(media) if media.announced => Status::Active(media.live.clone()),
                _ => Status::Starting,
            },
            Phase::Failed => {
                let until = self.state.rests_until().unwrap_or_else(Instant::now);
                Status::Failed {
                    reason: self.state.reason().into(),
                    until,
                }
            }
        };
        self.session.status.send_if_modified(|shown| {
            let same = status.is_like(shown);
            if !same {
                *shown = status;
            }
            !same
        });
    }

    fn note_changes(&self, now: Instant, before: &(Phase, u64, String)) {
        let (phase, reason) = (self.state.phase(), self.state.reason());
        let mut facts = self.session.facts.lock();
        facts.error_count = self.state.error_count();
        facts.last_error = self.state.last_error().map(str::to_owned);
        if before.0 == phase && before.2 == reason {
            return;
        }
        facts.phase = phase;
        facts.reason = reason.into();
        facts.note(now, format!("{}: {reason}", phase.as_str()));
        info!(channel = %self.session.spec.id, state = phase.as_str(), "{reason}");
    }
}

// === impl Media ===

impl Media {
    /// Publishes everything new; `false` if there is nothing.
    fn show(&mut self, now: Instant) -> bool {
        let mut any = false;
        while let Some(event) = self.packager.poll() {
            any = true;
            self.live.publish(&self.packager, event, now);
        }
        any
    }

    /// Whether the next encoder makes the same renditions, so that the timeline goes on.
    fn fits(&self, renditions: &[RenditionConfig]) -> bool {
        let mine = &self.packager.config().renditions;
        mine.len() == renditions.len()
            && mine
                .iter()
                .zip(renditions)
                .all(|(mine, new)| mine.name == new.name && mine.kind == new.kind)
    }
}

fn rendition_config(planned: &crate::encoder::PlannedRendition) -> RenditionConfig {
    RenditionConfig {
        name: planned.name.clone(),
        kind: match planned.kind {
            RenditionKind::Video => hls::RenditionKind::Video,
            RenditionKind::Audio => hls::RenditionKind::Audio,
        },
        peak_bitrate: planned.peak_bitrate,
        average_bitrate: planned.average_bitrate,
    }
}

/// How much media the viewers have missed since the last run ended.
fn behind(end: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(end)).unwrap_or_default()
}

fn wall_clock() -> Timestamp {
    Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH)
}
