//! The life of a session as a state machine. Pure: events and the time go in, effects come out.
//!
//! There are three timers and they are never shared: a source must deliver, a channel that is ready must find a
//! viewer, and a channel that was left stops after its grace period. [`SessionState::poll_timeout`] names the one
//! that is set.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod ahead;
mod event;
mod gaps;
mod jitter;
mod outlook;
mod pace;
mod reconfigured;
mod relief;
mod rules;
mod timers;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod reconfigured_tests;
#[cfg(test)]
mod relief_tests;
#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod timer_tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub use ahead::Ahead;
pub use event::{
    Effects, GapPatience, Patience, Phase, RefusedTransition, SessionEvent, SlatePatience,
    Testimony, TimerReason,
};
pub use pace::{Heartbeat, Pace, Suspicion};

use gaps::Gaps;
use jitter::Jitter;
use relief::Relief;

/// See the module.
#[derive(Debug)]
pub struct SessionState {
    patience: Patience,
    phase: Phase,
    reason: String,
    since: Instant,
    /// Starting: by when media must be there.
    deadline: Instant,
    /// Starting and Active without an encoder, and Failed: when the next attempt is due.
    retry_at: Option<Instant>,
    /// Active: until when somebody is known to watch.
    watched_until: Option<Instant>,
    /// Active: since when nobody watches, and whether anybody ever did.
    unwatched: Option<(Instant, TimerReason)>,
    last_media: Instant,
    /// When media was last seen, of whichever encoder.
    seen_media: Instant,
    gaps: Gaps,
    /// The encoder delivers: it is what viewers see.
    delivers: bool,
    /// Stopping: somebody wants the channel again.
    wanted_again: bool,
    /// Active: a new encoder was asked for and has not delivered yet.
    recovering: bool,
    /// Failures of sources in this run: the first source comes first, each failure is answered with the next one.
    blamed: usize,
    /// The source that a run begins with: the first one, or the last that was good.
    first: usize,
    /// Starting: sources that were useless, one after the other.
    useless: usize,
    /// Recent losses of each source.
    losses: Vec<VecDeque<Instant>>,
    relief: Relief,
    failures_in_a_row: usize,
    /// Failed: for how long.
    rest: Duration,
    jitter: Jitter,
    error_count: u64,
    last_error: Option<String>,
    encoder_runs: bool,
    /// What is known of the source in use if its time is up.
    testimony: Option<Testimony>,
    /// What to say if nothing new comes.
    suspicion: Suspicion,
}

// === impl SessionState ===

impl SessionState {
    /// A session that does nothing yet.
    pub fn new(now: Instant, patience: Patience) -> Self {
        let sources = patience.sources.max(1);
        Self {
            patience,
            phase: Phase::Idle,
            reason: "nobody has asked for it".into(),
            since: now,
            deadline: now,
            retry_at: None,
            watched_until: None,
            unwatched: None,
            last_media: now,
            seen_media: now,
            gaps: Gaps::new(now),
            delivers: false,
            wanted_again: false,
            recovering: false,
            blamed: 0,
            first: 0,
            useless: 0,
            losses: vec![VecDeque::new(); sources],
            relief: Relief::new(sources),
            failures_in_a_row: 0,
            rest: Duration::ZERO,
            jitter: Jitter::default(),
            error_count: 0,
            last_error: None,
            encoder_runs: false,
            testimony: None,
            suspicion: Suspicion::default(),
        }
    }

    /// What is suspected if the encoder has delivered nothing new for too long.
    pub fn suspect(&mut self, suspicion: Suspicion) {
        self.suspicion = suspicion;
    }

    /// A session whose first source is not the one to begin with.
    pub fn beginning_with(mut self, source: usize) -> Self {
        self.first = source.min(self.patience.sources.saturating_sub(1));
        self
    }

    /// A session whose pauses vary; each channel has another seed.
    pub fn scattered(mut self, seed: u64) -> Self {
        self.jitter = Jitter::seeded(seed);
        self
    }

    /// What to say of the source in use should its time be up now.
    pub fn hear(&mut self, testimony: Option<Testimony>) {
        self.testimony = testimony;
    }

    /// A source delivers right now.
    pub fn delivers(&self) -> bool {
        self.delivers
    }

    /// What it is doing.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Why it is doing that, for people.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Since when.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// The source whose turn it is, by its position.
    pub fn source(&self) -> usize {
        self.blamed % self.patience.sources.max(1)
    }

    /// Losses since the session began.
    pub fn error_count(&self) -> u64 {
        self.error_count
    }

    /// The last loss.
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// Failed: when a viewer may start it again.
    pub fn rests_until(&self) -> Option<Instant> {
        (self.phase == Phase::Failed).then(|| self.since + self.rest)
    }

    /// Whether an encoder should be running or starting.
    pub fn expects_encoder(&self) -> bool {
        self.encoder_runs
    }

    /// Takes an event; says what to do about it.
    pub fn handle(
        &mut self,
        now: Instant,
        event: SessionEvent,
    ) -> Result<Effects, RefusedTransition> {
        use Phase::{Active, Failed, Idle, Starting, Stopping};
        use SessionEvent as E;
        let effects = match (self.phase, event) {
            (Idle, E::ViewerArrived) => self.start(now, "the first viewer came"),
            (Failed, E::ViewerArrived) => self.arrive_failed(now),
            (Stopping, E::ViewerArrived) => self.arrive_stopping(),
            (Starting | Active, E::ViewerArrived) => Effects::default(),

            // The last words of an encoder that was given up.
            (Starting | Active, event) if event.is_about_an_encoder() && !self.encoder_runs => {
                Effects::default()
            }
            (Starting, E::Delivered) => self.deliver(now),
            (Active, E::Delivered) => self.recover(now),
            (Active, E::Progress) => self.progress(now),
            (Starting, E::Progress) => Effects::default(),
            (Active, E::Presence(until)) => self.presence(now, until),
            (Starting | Stopping, E::Presence(_)) => Effects::default(),
            (Failed, E::Presence(until)) => self.presence_failed(now, until),

            (Starting | Active, E::EncoderLost(why)) => self.lose(now, why),
            (Starting, E::SourceRefused(why)) => self.refuse(now, why),
            // It did deliver: players live on what they have while it is tried again.
            (Active, E::SourceRefused(why)) => self.lose(now, why),
            (Stopping, E::EncoderGone) => self.gone(now),
            // What an encoder says that was asked to end: only its end counts.
            (Stopping, E::Delivered | E::Progress | E::EncoderLost(_) | E::SourceRefused(_)) => {
                Effects::default()
            }
            // One that was lost is gone at last.
            (Starting | Active | Failed, E::EncoderGone) => Effects::default(),

            (Starting | Active | Failed, E::StopAsked(why)) => self.stop(now, why),
            (Stopping, E::StopAsked(_)) => self.forget_wish(),
            (Starting | Active, E::RestartAsked) => self.restart(now),
            (Stopping, E::RestartAsked) => self.arrive_stopping(),
            (Failed, E::RestartAsked) => self.start(now, "an operator asked for it"),

            (Starting | Active, E::SlateDelivered) => self.slate_delivered(now),
            (Starting | Active, E::SlateLost(why)) => self.slate_lost(now, why),
            (Active, E::CandidateDelivered) => self.candidate_delivered(now),
            (Active, E::CandidateLost(why)) => self.candidate_lost(now, why),
            (Active, E::Probed { source, answers }) => self.probed(now, source, answers),
            // News of what stood beside an encoder that is not wanted any more.
            (
                Starting | Stopping | Failed,
                E::SlateDelivered | E::SlateLost(_) | E::CandidateDelivered | E::CandidateLost(_),
            ) => Effects::default(),
            (Idle | Starting | Stopping | Failed, E::Probed { .. }) => self.answered_late(),

            (Starting | Active | Stopping | Failed, E::SourceChosen(position)) => {
                self.choose(now, position)
            }

            (Starting | Active, E::CardOutdated { beside: false }) => self.draw_again(now),
            (Starting | Active, E::CardOutdated { beside: true }) => self.draw_slate_again(now),
            (Stopping | Failed, E::CardOutdated { .. }) => Effects::default(),

            (_, E::Reconfigured { patience, restart }) => self.reconfigure(now, *patience, restart),
            (Idle | Starting | Active | Failed | Stopping, E::TimedOut) => self.time_out(now),
            (phase, event) => return Err(RefusedTransition { phase, event }),
        };
        Ok(effects)
    }
}
