//! What each transition changes, and what it asks for.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::timers::rest;
use super::{Effects, Phase, SessionState, TimerReason};

/// This many losses within [`BUDGET_PERIOD`] are enough.
pub(super) const RESTART_BUDGET: usize = 5;

/// For how long a loss counts.
pub(super) const BUDGET_PERIOD: Duration = Duration::from_secs(60);

/// How often each source is tried while the slate is shown, …
const SEEK_EVERY: Duration = Duration::from_secs(1);

/// … and the most that one attempt may take then.
const SEEK_BUDGET: Duration = Duration::from_secs(6);

/// A first loss is answered at once, or almost: what is lost together is spread over this, …
const FIRST_SPREAD: Duration = Duration::from_millis(100);

/// … and later ones after longer and longer pauses.
const PAUSES_MS: [u64; RESTART_BUDGET - 1] = [0, 500, 1_000, 2_000];

// === impl SessionState ===

impl SessionState {
    pub(super) fn enter(&mut self, now: Instant, phase: Phase, reason: impl Into<String>) {
        self.phase = phase;
        self.reason = reason.into();
        self.since = now;
        self.retry_at = None;
        self.recovering = false;
        self.useless = 0;
    }

    pub(super) fn start(&mut self, now: Instant, reason: &str) -> Effects {
        if self.phase != Phase::Failed {
            // A new run; one that failed goes on with the next source.
            self.blamed = self.first;
            self.error_count = 0;
            self.last_error = None;
        }
        self.enter(now, Phase::Starting, reason);
        self.deadline = now + self.patience.budget(self.source());
        self.delivers = false;
        self.relief.begin();
        self.watched_until = None;
        self.unwatched = None;
        self.wanted_again = false;
        self.run_encoder(now)
    }

    pub(super) fn run_encoder(&mut self, now: Instant) -> Effects {
        self.encoder_runs = true;
        self.retry_at = None;
        // A new encoder gets as long as a source gets to start; its first media sets the stall timer right.
        let budget = match self.shows_slate() {
            // The slate is left soon after a source is back: none may hold up the next one for long.
            true => self.patience.budget(self.source()).min(SEEK_BUDGET),
            false => self.patience.budget(self.source()),
        };
        self.last_media = now + budget.saturating_sub(self.patience.stall);
        Effects {
            start_encoder: true,
            ..Effects::default()
        }
    }

    pub(super) fn arrive_failed(&mut self, now: Instant) -> Effects {
        if now < self.since + self.rest {
            return Effects::default();
        }
        self.start(now, "a viewer came after it had failed")
    }

    /// Somebody waits for it without asking again and again: a player that is patient, or an operator.
    pub(super) fn presence_failed(&mut self, now: Instant, until: Option<Instant>) -> Effects {
        if until.is_none() || now < self.since + self.rest {
            return Effects::default();
        }
        self.start(now, "it had failed and is still wanted")
    }

    pub(super) fn arrive_stopping(&mut self) -> Effects {
        self.wanted_again = true;
        Effects::default()
    }

    pub(super) fn forget_wish(&mut self) -> Effects {
        self.wanted_again = false;
        Effects::default()
    }

    pub(super) fn deliver(&mut self, now: Instant) -> Effects {
        self.enter(now, Phase::Active, "the source delivers");
        self.last_media = now;
        self.unwatched = Some((now, TimerReason::NobodyCame));
        Effects {
            inspect_presence: true,
            ..self.relieved(now)
        }
    }

    pub(super) fn recover(&mut self, now: Instant) -> Effects {
        if std::mem::take(&mut self.recovering) {
            self.reason = match self.shows_slate() {
                true => "a source delivers again".into(),
                false => "a new encoder delivers".into(),
            };
        }
        self.progress(now);
        self.relieved(now)
    }

    pub(super) fn progress(&mut self, now: Instant) -> Effects {
        self.last_media = now;
        self.seen_media = now;
        self.gaps.end(now);
        Effects::default()
    }

    pub(super) fn presence(&mut self, now: Instant, until: Option<Instant>) -> Effects {
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

    pub(super) fn lose(&mut self, now: Instant, why: String) -> Effects {
        let lost = self.source();
        let stop_standby = self.count_against(now, lost);
        let doubt_source = self.blame(why);
        self.count_loss(now, lost);
        let Some(pause) = self.next_source(now) else {
            let reason = match self.has_slate() {
                true => self.error(),
                false => format!(
                    "{} encoders were lost within a minute: {}",
                    self.losses.iter().map(VecDeque::len).sum::<usize>(),
                    self.error()
                ),
            };
            return self.fail_or_show_slate(now, reason, doubt_source);
        };
        self.try_again(now + pause);
        if self.patience.sources > 1 {
            self.deadline = now + pause + self.patience.budget(self.source());
        }
        self.reason = format!(
            "the encoder was lost, the next one starts: {}",
            self.error()
        );
        // Who waits for the start has waited for every source once: that is enough.
        let all_failed = self.phase == Phase::Starting
            && self.has_slate()
            && self.losses.iter().all(|losses| !losses.is_empty());
        let slate = match all_failed {
            true => self.show_slate(now),
            false => Effects::default(),
        };
        Effects {
            stop_encoder: true,
            doubt_source,
            stop_standby,
            ..slate
        }
    }

    /// Moves on to a source that may be tried; how long to wait before that.
    fn next_source(&mut self, now: Instant) -> Option<Duration> {
        for losses in &mut self.losses {
            let is_old = |loss: &Instant| now.duration_since(*loss) > BUDGET_PERIOD;
            while losses.front().is_some_and(is_old) {
                losses.pop_front();
            }
        }
        for _ in 0..self.losses.len() {
            let losses = self.losses[self.source()].len();
            if losses < RESTART_BUDGET {
                return Some(self.pause_after(losses));
            }
            self.blamed += 1;
        }
        None
    }

    fn pause_after(&mut self, losses: usize) -> Duration {
        let pause = PAUSES_MS[losses.saturating_sub(1).min(PAUSES_MS.len() - 1)];
        let pause = match pause {
            0 => self.jitter.part_of(FIRST_SPREAD),
            pause => self.jitter.shorten(Duration::from_millis(pause)),
        };
        match self.shows_slate() {
            true => pause.min(self.seek_pause()),
            false => pause,
        }
    }

    fn seek_pause(&mut self) -> Duration {
        let sources = u32::try_from(self.patience.sources.max(1)).unwrap_or(1);
        self.jitter.shorten(SEEK_EVERY / sources)
    }

    /// The source is useless: the next one at once, until all have been tried.
    pub(super) fn refuse(&mut self, now: Instant, why: String) -> Effects {
        let doubt_source = self.blame(why);
        self.useless += 1;
        if self.useless >= self.patience.sources {
            let reason = self.error();
            return self.fail_or_show_slate(now, reason, doubt_source);
        }
        self.try_again(now);
        self.deadline = now + self.patience.budget(self.source());
        self.reason = format!("the next source is tried: {}", self.error());
        Effects {
            stop_encoder: true,
            doubt_source,
            ..Effects::default()
        }
    }

    /// No source is left. With a slate viewers keep a picture, and the sources are tried again and again.
    fn fail_or_show_slate(
        &mut self,
        now: Instant,
        reason: String,
        doubt_source: Option<usize>,
    ) -> Effects {
        if !self.has_slate() {
            return self.fail(now, reason, doubt_source);
        }
        self.useless = 0;
        let pause = self.seek_pause();
        self.try_again(now + pause);
        self.deadline = now + pause + self.patience.budget(self.source());
        self.reason = format!("no source delivers: {reason}");
        Effects {
            stop_encoder: true,
            doubt_source,
            ..self.show_slate(now)
        }
    }

    /// The source in use has failed: its position.
    pub(super) fn blame(&mut self, why: String) -> Option<usize> {
        let source = self.source();
        self.error_count += 1;
        self.last_error = Some(why);
        self.blamed += 1;
        Some(source)
    }

    fn count_loss(&mut self, now: Instant, source: usize) {
        self.losses[source].push_back(now);
    }

    pub(super) fn try_again(&mut self, at: Instant) {
        self.encoder_runs = false;
        self.recovering = self.phase == Phase::Active;
        self.retry_at = Some(at);
    }

    pub(super) fn fail(
        &mut self,
        now: Instant,
        reason: String,
        doubt_source: Option<usize>,
    ) -> Effects {
        // Losses stay: one that fails again at once has no budget for five more attempts.
        let was_healthy =
            self.phase == Phase::Active && now.duration_since(self.since) >= BUDGET_PERIOD;
        self.failures_in_a_row = if was_healthy {
            1
        } else {
            self.failures_in_a_row + 1
        };
        self.enter(now, Phase::Failed, reason);
        self.rest = self.jitter.shorten(rest(self.failures_in_a_row));
        self.retry_at = Some(now + self.rest);
        self.encoder_runs = false;
        self.delivers = false;
        Effects {
            stop_encoder: true,
            stop_standby: self.relief.dismiss(),
            doubt_source,
            ..Effects::default()
        }
    }

    pub(super) fn stop(&mut self, now: Instant, why: impl Into<String>) -> Effects {
        self.enter(now, Phase::Stopping, why);
        self.wanted_again = false;
        self.encoder_runs = false;
        self.delivers = false;
        Effects {
            stop_encoder: true,
            stop_standby: self.relief.dismiss(),
            // Nothing more will come: who waits is told now, not when the encoder is gone.
            end: true,
            ..Effects::default()
        }
    }

    pub(super) fn gone(&mut self, now: Instant) -> Effects {
        if self.wanted_again {
            return self.start(now, "a viewer came while it was stopping");
        }
        let why = std::mem::take(&mut self.reason);
        self.enter(now, Phase::Idle, why);
        Effects {
            end: true,
            ..Effects::default()
        }
    }

    pub(super) fn restart(&mut self, now: Instant) -> Effects {
        let stop_standby = self.count_against(now, self.source());
        self.try_again(now);
        self.deadline = now + self.patience.budget(self.source());
        self.reason = "an operator asked for a new encoder".into();
        Effects {
            stop_encoder: true,
            stop_standby,
            ..Effects::default()
        }
    }

    /// As [`Self::restart`], with the source of this position.
    pub(super) fn choose(&mut self, now: Instant, position: usize) -> Effects {
        self.blamed = position;
        match self.phase {
            Phase::Stopping => self.arrive_stopping(),
            Phase::Failed => self.start(now, "an operator chose a source"),
            _ => {
                let effects = self.restart(now);
                self.reason = "an operator chose a source".into();
                effects
            }
        }
    }

    fn error(&self) -> String {
        self.last_error.clone().unwrap_or_default()
    }
}
