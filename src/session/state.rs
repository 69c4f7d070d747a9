//! The life of a session as a state machine. Pure: events and the time go in, effects come out.
//!
//! There are three timers and they are never shared: a source must deliver, a channel that is ready must find a
//! viewer, and a channel that was left stops after its grace period. [`SessionState::poll_timeout`] names the one
//! that is set.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// This many losses within [`BUDGET_PERIOD`] are enough.
const RESTART_BUDGET: usize = 5;
const BUDGET_PERIOD: Duration = Duration::from_secs(60);

/// A first loss is answered at once, later ones after longer and longer pauses.
const PAUSES_MS: [u64; 6] = [0, 500, 1_000, 2_000, 4_000, 8_000];

/// How long a failed channel rests before a viewer may start it again: longer after each failure in a row.
const RESTS_S: [u64; 5] = [2, 4, 8, 16, 30];

/// What a session is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing runs.
    Idle,
    /// A source was asked and has not delivered yet.
    Starting,
    /// Media is published.
    Active,
    /// The encoder was asked to end.
    Stopping,
    /// No source delivers.
    Failed,
}

/// What happens to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// Somebody asks for the channel.
    ViewerArrived,
    /// The reaper looked: somebody watches until then, or nobody does.
    Presence(Option<Instant>),
    /// Every rendition has its first Partial Segment.
    Delivered,
    /// New media arrived.
    Progress,
    /// The encoder ended or its output is useless, and nobody asked for that.
    EncoderLost(String),
    /// The source is known to be useless: trying again at once would not help.
    SourceRefused(String),
    /// The encoder that was asked to end is gone.
    EncoderGone,
    /// An operator, a drain or a changed configuration wants the session to end.
    StopAsked(String),
    /// An operator wants a new encoder.
    RestartAsked,
    /// The time of [`SessionState::poll_timeout`] has come.
    TimedOut,
}

/// What has to be done, in this order.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Effects {
    /// Ask the encoder to end.
    pub stop_encoder: bool,
    /// Start an encoder.
    pub start_encoder: bool,
    /// Look who watches, and answer with [`SessionEvent::Presence`].
    pub inspect_presence: bool,
    /// The session is over: forget its media.
    pub end: bool,
}

/// Why the timer is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimerReason {
    /// The source must deliver by then.
    StartTimeout,
    /// The pause before the next attempt is over then.
    Retry,
    /// The last known viewer's deadline.
    ViewerDeadline,
    /// The channel is ready and nobody came.
    NobodyCame,
    /// The grace period after the last viewer.
    Grace,
    /// The encoder has delivered no new media for too long.
    Stall,
    /// A failed session that nobody asks for is forgotten.
    ForgetFailure,
}

/// An event that makes no sense in a phase: a bug of the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} is refused in phase {phase:?}")]
pub struct RefusedTransition {
    /// Where.
    pub phase: Phase,
    /// What.
    pub event: SessionEvent,
}

/// The durations that a session obeys.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// A source must deliver within this.
    pub start_timeout: Duration,
    /// A channel that nobody watches lives for this.
    pub grace_period: Duration,
    /// An encoder that delivers nothing new for this is lost.
    pub stall: Duration,
}

/// See the module.
#[derive(Debug)]
pub struct SessionState {
    patience: Patience,
    phase: Phase,
    reason: String,
    since: Instant,
    /// Starting: by when media must be there.
    deadline: Instant,
    /// Starting and Active without an encoder: when the next attempt is due.
    retry_at: Option<Instant>,
    /// Active: until when somebody is known to watch.
    watched_until: Option<Instant>,
    /// Active: since when nobody watches, and whether anybody ever did.
    unwatched: Option<(Instant, TimerReason)>,
    last_media: Instant,
    /// Stopping: somebody wants the channel again.
    wanted_again: bool,
    losses: VecDeque<Instant>,
    failures_in_a_row: usize,
    error_count: u64,
    last_error: Option<String>,
    encoder_runs: bool,
}

// === impl SessionState ===

impl SessionState {
    /// A session that does nothing yet.
    pub fn new(now: Instant, patience: Patience) -> Self {
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
            wanted_again: false,
            losses: VecDeque::new(),
            failures_in_a_row: 0,
            error_count: 0,
            last_error: None,
            encoder_runs: false,
        }
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
        (self.phase == Phase::Failed).then(|| self.since + self.rest())
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

            (Starting, E::Delivered) => self.deliver(now),
            (Active, E::Delivered | E::Progress) => self.progress(now),
            (Starting, E::Progress) => Effects::default(),
            (Active, E::Presence(until)) => self.presence(now, until),
            (Starting | Stopping | Failed, E::Presence(_)) => Effects::default(),

            (Starting | Active, E::EncoderLost(why)) => self.lose(now, why),
            (Starting | Active, E::SourceRefused(why)) => self.refuse(now, why),
            (Stopping, E::EncoderGone | E::EncoderLost(_) | E::SourceRefused(_)) => self.gone(now),
            (Stopping, E::Delivered | E::Progress) => Effects::default(),
            // What a lost encoder still says after it was given up.
            (Starting | Active | Failed, E::EncoderGone) => Effects::default(),

            (Starting | Active, E::StopAsked(why)) => self.stop(now, why),
            (Failed, E::StopAsked(why)) => self.forget(now, &why),
            (Stopping, E::StopAsked(_)) => self.forget_wish(),
            (Starting | Active, E::RestartAsked) => self.restart(now),
            (Stopping, E::RestartAsked) => self.arrive_stopping(),
            (Failed, E::RestartAsked) => self.start(now, "an operator asked for it"),

            (Idle | Starting | Active | Failed | Stopping, E::TimedOut) => self.time_out(now),
            (phase, event) => return Err(RefusedTransition { phase, event }),
        };
        Ok(effects)
    }

    /// When to call [`Self::handle`] with [`SessionEvent::TimedOut`] at the latest, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, TimerReason)> {
        let retry = self.retry_at.map(|at| (at, TimerReason::Retry));
        let candidates = match self.phase {
            Phase::Idle | Phase::Stopping => [None, None, None],
            Phase::Starting => [
                retry,
                Some((self.deadline, TimerReason::StartTimeout)),
                None,
            ],
            Phase::Active => [retry, self.stall_timer(), self.audience_timer()],
            Phase::Failed => {
                let forget = self.since + self.rest().max(self.patience.grace_period);
                [Some((forget, TimerReason::ForgetFailure)), None, None]
            }
        };
        candidates.into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    fn audience_timer(&self) -> Option<(Instant, TimerReason)> {
        match self.unwatched {
            Some((since, reason)) => Some((since + self.patience.grace_period, reason)),
            None => self
                .watched_until
                .map(|until| (until, TimerReason::ViewerDeadline)),
        }
    }

    fn stall_timer(&self) -> Option<(Instant, TimerReason)> {
        self.encoder_runs
            .then(|| (self.last_media + self.patience.stall, TimerReason::Stall))
    }

    fn enter(&mut self, now: Instant, phase: Phase, reason: impl Into<String>) {
        self.phase = phase;
        self.reason = reason.into();
        self.since = now;
        self.retry_at = None;
    }

    fn start(&mut self, now: Instant, reason: &str) -> Effects {
        self.enter(now, Phase::Starting, reason);
        self.deadline = now + self.patience.start_timeout;
        self.watched_until = None;
        self.unwatched = None;
        self.wanted_again = false;
        self.run_encoder(now)
    }

    fn run_encoder(&mut self, now: Instant) -> Effects {
        self.encoder_runs = true;
        self.retry_at = None;
        // A new encoder gets as long as a source gets to start; its first media sets the stall timer right.
        self.last_media = now
            + self
                .patience
                .start_timeout
                .saturating_sub(self.patience.stall);
        Effects {
            start_encoder: true,
            ..Effects::default()
        }
    }

    fn arrive_failed(&mut self, now: Instant) -> Effects {
        if now < self.since + self.rest() {
            return Effects::default();
        }
        self.start(now, "a viewer came after it had failed")
    }

    fn arrive_stopping(&mut self) -> Effects {
        self.wanted_again = true;
        Effects::default()
    }

    fn forget_wish(&mut self) -> Effects {
        self.wanted_again = false;
        Effects::default()
    }

    fn deliver(&mut self, now: Instant) -> Effects {
        self.enter(now, Phase::Active, "the source delivers");
        self.failures_in_a_row = 0;
        self.last_media = now;
        self.unwatched = Some((now, TimerReason::NobodyCame));
        Effects {
            inspect_presence: true,
            ..Effects::default()
        }
    }

    fn progress(&mut self, now: Instant) -> Effects {
        self.last_media = now;
        Effects::default()
    }

    fn presence(&mut self, now: Instant, until: Option<Instant>) -> Effects {
        match (until, self.unwatched) {
            (Some(until), was) => {
                self.watched_until = Some(until);
                self.unwatched = None;
                if was.is_some() {
                    self.reason = "somebody watches".into();
                }
            }
            (None, None) => {
                self.unwatched = Some((now, TimerReason::Grace));
                self.reason = "the last viewer left; the grace period runs".into();
            }
            (None, Some((since, reason))) if now >= since + self.patience.grace_period => {
                return self.stop(now, reason.farewell());
            }
            (None, Some(_)) => {}
        }
        Effects::default()
    }

    fn lose(&mut self, now: Instant, why: String) -> Effects {
        self.note_error(why);
        self.encoder_runs = false;
        self.losses.push_back(now);
        while self
            .losses
            .front()
            .is_some_and(|loss| now.duration_since(*loss) > BUDGET_PERIOD)
        {
            self.losses.pop_front();
        }
        if self.losses.len() >= RESTART_BUDGET {
            let reason = format!(
                "{} encoders were lost within a minute: {}",
                self.losses.len(),
                self.error()
            );
            return self.fail(now, reason);
        }
        let pause = PAUSES_MS[(self.losses.len() - 1).min(PAUSES_MS.len() - 1)];
        self.reason = format!(
            "the encoder was lost, the next one starts: {}",
            self.error()
        );
        self.retry_at = Some(now + Duration::from_millis(pause));
        Effects {
            stop_encoder: true,
            ..Effects::default()
        }
    }

    fn refuse(&mut self, now: Instant, why: String) -> Effects {
        self.note_error(why);
        let reason = self.error();
        self.fail(now, reason)
    }

    fn fail(&mut self, now: Instant, reason: String) -> Effects {
        self.enter(now, Phase::Failed, reason);
        self.failures_in_a_row += 1;
        self.losses.clear();
        self.encoder_runs = false;
        Effects {
            stop_encoder: true,
            ..Effects::default()
        }
    }

    fn stop(&mut self, now: Instant, why: impl Into<String>) -> Effects {
        self.enter(now, Phase::Stopping, why);
        self.wanted_again = false;
        self.encoder_runs = false;
        Effects {
            stop_encoder: true,
            ..Effects::default()
        }
    }

    fn gone(&mut self, now: Instant) -> Effects {
        if self.wanted_again {
            let effects = self.start(now, "a viewer came while it was stopping");
            // The media of the run that ended is not shown to the viewers of the new one.
            return Effects {
                end: true,
                ..effects
            };
        }
        self.forget(now, "it has stopped")
    }

    fn forget(&mut self, now: Instant, why: &str) -> Effects {
        self.enter(now, Phase::Idle, why);
        Effects {
            end: true,
            ..Effects::default()
        }
    }

    fn restart(&mut self, now: Instant) -> Effects {
        self.reason = "an operator asked for a new encoder".into();
        self.encoder_runs = false;
        self.retry_at = Some(now);
        Effects {
            stop_encoder: true,
            ..Effects::default()
        }
    }

    fn time_out(&mut self, now: Instant) -> Effects {
        let Some((_, reason)) = self.poll_timeout().filter(|(at, _)| *at <= now) else {
            return Effects::default(); // A timer that was moved in the meantime.
        };
        match reason {
            TimerReason::Retry => self.run_encoder(now),
            TimerReason::StartTimeout => self.start_timed_out(now),
            // Viewers do not report here when they come: look before the channel is stopped.
            TimerReason::ViewerDeadline | TimerReason::NobodyCame | TimerReason::Grace => Effects {
                inspect_presence: true,
                ..Effects::default()
            },
            TimerReason::Stall => {
                let seconds = self.patience.stall.as_secs_f64();
                self.lose(
                    now,
                    format!("the encoder has delivered no new media for {seconds:.1} s"),
                )
            }
            TimerReason::ForgetFailure => {
                self.forget(now, "it failed, and nobody has asked for it since")
            }
        }
    }

    fn start_timed_out(&mut self, now: Instant) -> Effects {
        let seconds = self.patience.start_timeout.as_secs_f64();
        let why = match &self.last_error {
            Some(error) => {
                format!("no source delivered within {seconds} s; the last problem: {error}")
            }
            None => format!("the source delivered nothing within {seconds} s"),
        };
        self.error_count += 1;
        self.last_error = Some(why.clone());
        self.fail(now, why)
    }

    fn rest(&self) -> Duration {
        let index = self
            .failures_in_a_row
            .saturating_sub(1)
            .min(RESTS_S.len() - 1);
        Duration::from_secs(RESTS_S[index])
    }

    fn note_error(&mut self, why: String) {
        self.error_count += 1;
        self.last_error = Some(why);
    }

    fn error(&self) -> String {
        self.last_error.clone().unwrap_or_default()
    }
}

// === impl TimerReason ===

impl TimerReason {
    fn farewell(self) -> &'static str {
        match self {
            Self::NobodyCame => "it was ready and nobody came",
            _ => "the last viewer left and the grace period has passed",
        }
    }
}

// === impl Phase ===

impl Phase {
    /// As the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Starting => "starting",
            Self::Active => "active",
            Self::Stopping => "stopping",
            Self::Failed => "failed",
        }
    }
}
