//! What an actor does with its encoder: starts it, takes its media, ends it. Never two of them at a time.

use std::time::{Duration, Instant};

use tracing::info;

use super::actor::Actor;
use super::launch::{LaunchError, Launched};
use super::run::{Run, wall_clock};
use super::state::{Phase, SessionEvent};
use crate::encoder::{Encoder, EncoderEvent};
use crate::hls::PackagerError;

/// How long ffmpeg has to end by itself after TERM. With its pipes drained it needs some 40 ms.
const TERM_PATIENCE: Duration = Duration::from_secs(2);

// === impl Actor ===

impl Actor {
    pub(super) fn stop_encoder(&mut self) {
        self.start_pending = false;
        if let Some(launch) = &self.launch {
            launch.give_up();
        }
        if let Some(encoder) = &mut self.encoder {
            self.dying = true;
            encoder.stop(TERM_PATIENCE);
        }
    }

    pub(super) fn start_encoder(&mut self) {
        if self.encoder.is_some() || self.launch.is_some() {
            self.start_pending = true; // Never two encoders for one channel.
            return;
        }
        self.adopt();
        let spec = self.planned.clone();
        // A changed list may be shorter than the state knows yet.
        let source = spec.sources.get(self.state.source());
        let source = source.unwrap_or(&spec.sources[0]).clone();
        self.session.facts.lock().source = source.label();
        let behind = self.run.as_ref().and_then(Run::behind);
        self.launch = Some(self.shared.encoders.launch(spec, source, behind));
    }

    pub(super) fn launched(&mut self, result: Result<Launched, LaunchError>) {
        let cancelled = self
            .launch
            .take()
            .is_some_and(|launch| launch.is_given_up());
        match result {
            Ok(launched) if cancelled => {
                // It was born while it was given up: it counts until it is gone.
                self.encoder = Some(launched.encoder);
                self.end_stillborn();
            }
            Ok(launched) => self.take_over(launched),
            Err(_) if cancelled => self.encoder_gone(),
            Err(problem) if problem.is_final() => {
                self.dispatch(SessionEvent::SourceRefused(problem.to_string()))
            }
            Err(problem) => self.dispatch(SessionEvent::EncoderLost(problem.to_string())),
        }
    }

    fn end_stillborn(&mut self) {
        self.dying = true;
        if let Some(encoder) = &mut self.encoder {
            encoder.stop(TERM_PATIENCE);
        }
    }

    fn take_over(&mut self, launched: Launched) {
        let now = Instant::now();
        let Launched { plan, encoder } = launched;
        let session = self.session.clone();
        {
            let mut facts = session.facts.lock();
            facts.encoder_started(now, encoder.pid, &plan);
            let what = format!("encoder {} started for {}", encoder.pid, plan.source_label);
            facts.note(now, what);
        }
        info!(channel = %session.id, pid = encoder.pid, source = %plan.source_label, "encoder started");
        self.tell_started(encoder.pid, &plan.source_label);
        match &mut self.run {
            Some(run) if !self.outdated && run.fits(&plan) => {
                run.go_on(&plan, &session.floor, now);
            }
            _ => {
                self.retire();
                self.run = Some(Run::new(&self.planned, &plan, &session.floor, now));
                self.outdated = false;
            }
        }
        self.dying = false;
        self.encoder = Some(encoder);
    }

    pub(super) fn encoder_event(&mut self, event: EncoderEvent) {
        match event {
            EncoderEvent::Exited(exit) => {
                let now = Instant::now();
                let mut facts = self.session.facts.lock();
                facts.encoder_ended(now, &exit.last_lines);
                drop(facts);
                let last = exit.last_lines.last().map_or("", String::as_str);
                let why = format!("ffmpeg ended ({}): {last}", exit.status);
                self.tell_ended(&why);
                self.lost(why);
            }
            EncoderEvent::Progress(progress) => {
                let lines = self.encoder.as_ref().map(Encoder::last_lines);
                let mut facts = self.session.facts.lock();
                facts.heartbeat(progress, lines.unwrap_or_default());
            }
            _ if self.dying => {}
            EncoderEvent::Init(id, section) => {
                let result = self.run.as_mut().map(|run| run.packager.init(id, section));
                self.packaged(result.unwrap_or(Ok(())));
            }
            EncoderEvent::Fragment(id, fragment) => {
                let now = wall_clock();
                let push = |run: &mut Run| run.packager.push(id, &fragment, now);
                let result = self.run.as_mut().map(push);
                self.packaged(result.unwrap_or(Ok(())));
            }
            EncoderEvent::Broken(id, problem) => {
                let name = self.run.as_ref().map_or("?", |run| run.name(id));
                self.lost(format!("rendition {name} cannot be read: {problem}"));
            }
        }
    }

    fn packaged(&mut self, result: Result<(), PackagerError>) {
        match result {
            Ok(()) => self.publish(),
            Err(problem) => self.lost(problem.to_string()),
        }
    }

    /// Shows readers what the packager made.
    fn publish(&mut self) {
        let Some(run) = &mut self.run else { return };
        let now = Instant::now();
        if !run.show(&self.session.floor, now) {
            return;
        }
        if run.delivers {
            // The most frequent event of all takes the short way.
            let progress = self.state.handle(now, SessionEvent::Progress);
            debug_assert!(progress.is_ok(), "{progress:?}");
            return;
        }
        (run.delivers, run.announced) = (true, true);
        let mut facts = self.session.facts.lock();
        let elapsed = now.duration_since(self.started_for);
        facts.first_part.get_or_insert(elapsed);
        drop(facts);
        self.dispatch(SessionEvent::Delivered);
    }

    /// The encoder ended or is of no use; nothing new if it was given up before.
    fn lost(&mut self, why: String) {
        if !self.dying {
            self.dispatch(SessionEvent::EncoderLost(why));
        }
    }

    /// The last event has been read: the process is reaped.
    pub(super) fn encoder_gone(&mut self) {
        self.encoder = None;
        self.session.facts.lock().encoder = None;
        self.tell_ended("ffmpeg vanished");
        if std::mem::take(&mut self.dying) || !self.state.expects_encoder() {
            if self.state.phase() != Phase::Idle {
                self.dispatch(SessionEvent::EncoderGone);
            }
        } else if !self.start_pending {
            self.dispatch(SessionEvent::EncoderLost("ffmpeg vanished".into()));
        }
        if std::mem::take(&mut self.start_pending) {
            self.start_encoder();
        }
    }
}
