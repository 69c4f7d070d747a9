//! What another configuration changes in each phase.

use std::time::Instant;

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
        let before = std::mem::replace(&mut self.patience, patience);
        if !restart {
            // The time that was left counts, not what it was counted from.
            if self.phase == Phase::Starting {
                let began = self
                    .deadline
                    .checked_sub(before.start_timeout)
                    .unwrap_or(now);
                self.deadline = began + patience.start_timeout;
            }
            return Effects::default();
        }
        // Positions mean other sources now.
        self.blamed = 0;
        self.useless = 0;
        self.losses.clear();
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
                effects
            }
        }
    }
}
