//! What players are told while there is nothing to show them: gaps, soon enough that they do not take the stream for
//! dead, and not for ever.

use std::time::Instant;

use super::{Effects, Phase, SessionState, TimerReason};

/// See the module.
#[derive(Debug)]
pub(super) struct Gaps {
    /// When viewers were shown something last, be it a gap.
    since: Instant,
    /// Listed in a row.
    count: u32,
}

// === impl Gaps ===

impl Gaps {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            count: 0,
        }
    }

    /// Viewers have media up to now, of a source or of the slate.
    pub(super) fn end(&mut self, now: Instant) {
        *self = Self::new(now);
    }
}

// === impl SessionState ===

impl SessionState {
    pub(super) fn gap_timer(&self) -> Option<(Instant, TimerReason)> {
        let patience = self.patience.gap?;
        let is_dead = self.gaps.count >= patience.most;
        if self.phase != Phase::Active || self.shows_slate() || is_dead {
            return None;
        }
        let pause = match self.gaps.count {
            0 => patience.after,
            _ => patience.every,
        };
        Some((self.gaps.since + pause, TimerReason::Gap))
    }

    pub(super) fn list_gap(&mut self, now: Instant) -> Effects {
        self.gaps.since = now;
        self.gaps.count += 1;
        Effects {
            gap: true,
            ..Effects::default()
        }
    }

    /// The machine slept: how long nothing was shown is not known.
    pub(super) fn wake(&mut self, now: Instant) -> Effects {
        self.gaps.since = now;
        Effects::default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::table_tests::{patience, session_with};
    use super::super::{GapPatience, Patience, SessionEvent, SlatePatience};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn patient(slate: bool) -> Patience {
        Patience {
            gap: Some(GapPatience {
                after: SECOND * 14 / 5,
                every: 2 * SECOND,
                most: 5,
            }),
            slate: slate.then_some(SlatePatience {
                after_start: None,
                after_media: SECOND * 9 / 5,
            }),
            ..patience()
        }
    }

    /// Fires timers until this time; when gaps were listed. Encoders never deliver.
    fn gaps_until(state: &mut SessionState, start: Instant, until: Duration) -> Vec<Duration> {
        let mut gaps = Vec::new();
        while let Some((at, _)) = state.poll_timeout().filter(|(at, _)| *at <= start + until) {
            let effects = state.handle(at, SessionEvent::TimedOut).unwrap();
            gaps.extend(effects.gap.then_some(at - start));
            if effects.inspect_presence {
                let watched = SessionEvent::Presence(Some(at + 3600 * SECOND));
                state.handle(at, watched).unwrap();
            }
        }
        gaps
    }

    fn seconds(tenths: &[u32]) -> Vec<Duration> {
        tenths.iter().map(|tenth| SECOND * *tenth / 10).collect()
    }

    #[test]
    fn a_source_that_is_lost_leaves_gaps_in_time_and_not_for_ever() {
        let (mut state, start) = session_with(Phase::Active, patient(false));
        let gaps = gaps_until(&mut state, start, 60 * SECOND);
        assert_eq!(gaps, seconds(&[28, 48, 68, 88, 108]));
    }

    #[test]
    fn media_that_comes_again_begins_the_count_anew() {
        let (mut state, start) = session_with(Phase::Active, patient(false));
        gaps_until(&mut state, start, 6 * SECOND);
        let now = start + 6 * SECOND;
        state.handle(now, SessionEvent::Delivered).unwrap();
        let later = now + SECOND;
        state.handle(later, SessionEvent::Progress).unwrap();
        let gaps = gaps_until(&mut state, later, 4 * SECOND);
        assert_eq!(gaps, seconds(&[28]));
    }

    #[test]
    fn a_slate_that_is_shown_is_no_gap_and_one_that_is_late_is() {
        let (mut state, start) = session_with(Phase::Active, patient(true));
        let gaps = gaps_until(&mut state, start, 3 * SECOND);
        assert_eq!(gaps, seconds(&[28]));
        let now = start + 3 * SECOND;
        state.handle(now, SessionEvent::SlateDelivered).unwrap();
        assert!(gaps_until(&mut state, start, 20 * SECOND).is_empty());
        // It is lost, and the next one takes a while too.
        let now = start + 20 * SECOND;
        let lost = SessionEvent::SlateLost("it broke".into());
        state.handle(now, lost).unwrap();
        assert_eq!(gaps_until(&mut state, now, 3 * SECOND), seconds(&[28]));
    }

    #[test]
    fn a_machine_that_slept_shows_no_gap_for_that() {
        let (mut state, start) = session_with(Phase::Active, patient(false));
        let woke = start + 3600 * SECOND;
        for _ in 0..3 {
            let effects = state.handle(woke, SessionEvent::TimedOut).unwrap();
            assert!(!effects.gap);
        }
    }
}
