//! What another configuration changes in each phase.

use std::collections::VecDeque;
use std::time::Instant;

use super::relief::Relief;
use super::{Effects, Patience, Phase, SessionState};

// === impl SessionState ===

impl SessionState {
    /// New durations hold at once. What waits for a source begins anew with the first one if the encoder is to be
    /// another.
    pub(super) fn reconfigure(
        &mut self,
        now: Instant,
        patience: Patience,
        restart: bool,
    ) -> Effects {
        let began = self.deadline.checked_sub(self.patience.start_timeout);
        let sources = patience.sources.max(1);
        self.patience = patience;
        if !restart {
            // The time that was left counts, not what it was counted from.
            if self.phase == Phase::Starting {
                self.deadline = began.unwrap_or(now) + self.patience.start_timeout;
            }
            return Effects::default();
        }
        // Positions mean other sources now.
        (self.blamed, self.first, self.useless) = (0, 0, 0);
        self.losses = vec![VecDeque::new(); sources];
        let stop_standby = std::mem::replace(&mut self.relief, Relief::new(sources)).dismiss();
        match self.phase {
            Phase::Idle | Phase::Stopping => Effects::default(),
            // What failed was something else: the next viewer starts it at once.
            Phase::Failed => {
                self.failures_in_a_row = 0;
                self.stop(now, "its configuration has changed")
            }
            Phase::Starting | Phase::Active => {
                let effects = self.restart(now);
                self.reason = "its configuration has changed: a new encoder starts".into();
                Effects {
                    stop_standby,
                    ..effects
                }
            }
        }
    }

    /// The picture shows words that have changed.
    pub(super) fn draw_again(&mut self, now: Instant) -> Effects {
        let effects = self.restart(now);
        self.reason = "its picture shows a name that has changed: a new encoder starts".into();
        effects
    }
}
