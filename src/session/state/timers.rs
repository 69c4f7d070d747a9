//! When a session must act by itself, and why.

use std::time::{Duration, Instant};

use super::rules::BUDGET_PERIOD;
use super::{Effects, Phase, SessionState, Testimony, TimerReason};

/// How long a failed channel rests before a viewer may start it again: longer after each failure in a row.
const RESTS_S: [u64; 5] = [2, 4, 8, 16, 30];

/// A stall timer that comes later than this says that the machine slept, not the encoder.
const OVERSLEPT: Duration = Duration::from_secs(1);

// === impl SessionState ===

impl SessionState {
    /// When to call [`Self::handle`] with [`TimedOut`](super::SessionEvent::TimedOut) at the latest, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, TimerReason)> {
        let timers = self.timers().into_iter().flatten();
        timers.min_by_key(|(at, _)| *at)
    }

    /// Those that are set.
    pub(super) fn timers(&self) -> [Option<(Instant, TimerReason)>; 7] {
        let retry = self.retry_at.map(|at| (at, TimerReason::Retry));
        match self.phase {
            Phase::Idle | Phase::Stopping => [None; 7],
            Phase::Starting => [
                retry,
                Some((self.deadline, TimerReason::StartTimeout)),
                self.slate_timer(),
                None,
                None,
                None,
                None,
            ],
            Phase::Active => [
                retry,
                self.stall_timer(),
                self.audience_timer(),
                self.slate_timer(),
                self.probe_timer(),
                self.candidate_timer(),
                self.gap_timer(),
            ],
            Phase::Failed => {
                // Not before its losses are forgotten too: who comes back must not get a new budget by that.
                let rest = self.rest.max(self.patience.grace_period);
                let forget = self.since + rest.max(BUDGET_PERIOD);
                let forget = Some((forget, TimerReason::ForgetFailure));
                let rest = self.retry_at.map(|at| (at, TimerReason::Rest));
                [forget, rest, None, None, None, None, None]
            }
        }
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

    pub(super) fn time_out(&mut self, now: Instant) -> Effects {
        let Some((at, reason)) = self.poll_timeout().filter(|(at, _)| *at <= now) else {
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
            TimerReason::Stall if now.duration_since(at) > OVERSLEPT => self.progress(now),
            TimerReason::Stall => {
                let is_reduced = self.delivers && self.suspicion.who.is_some();
                Effects {
                    is_reduced,
                    ..self.lose(now, self.silence())
                }
            }
            TimerReason::Gap if now.duration_since(at) > OVERSLEPT => self.wake(now),
            TimerReason::Gap => self.list_gap(now),
            TimerReason::Slate => self.show_slate(now),
            TimerReason::SlateTimeout => self.slate_lost(now, "it showed nothing in time".into()),
            TimerReason::Probe => self.probe(),
            TimerReason::CandidateTimeout => {
                self.candidate_lost(now, "it delivered nothing in time".into())
            }
            TimerReason::Rest => {
                self.retry_at = None;
                Effects {
                    inspect_presence: true,
                    ..Effects::default()
                }
            }
            TimerReason::ForgetFailure => {
                self.stop(now, "it failed, and nobody asks for it any more")
            }
        }
    }

    fn silence(&self) -> String {
        if self.delivers {
            return self.suspicion.complaint(self.patience.stall);
        }
        match &self.testimony {
            Some(Testimony { source, did }) => {
                format!("{source} delivered nothing in its time: {did}")
            }
            None => "the source delivered nothing in its time".into(),
        }
    }

    pub(super) fn start_timed_out(&mut self, now: Instant) -> Effects {
        let seconds = self.patience.budget(self.source()).as_secs_f64();
        let own = match self.testimony.take() {
            Some(Testimony { source, did }) => {
                format!("{source} delivered nothing within {seconds} s: {did}")
            }
            None => format!("the source delivered nothing within {seconds} s"),
        };
        let why = match &self.last_error {
            Some(error) if self.useless == 0 => format!("{own}; the last problem: {error}"),
            _ => own,
        };
        self.refuse(now, why)
    }
}

/// After so many failures in a row.
pub(super) fn rest(failures_in_a_row: usize) -> Duration {
    let index = failures_in_a_row.saturating_sub(1).min(RESTS_S.len() - 1);
    Duration::from_secs(RESTS_S[index])
}
