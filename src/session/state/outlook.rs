//! What the state machine knows about its sources and its own future: for people, never for decisions.

use std::time::{Duration, Instant};

use super::rules::{BUDGET_PERIOD, RESTART_BUDGET};
use super::{SessionState, TimerReason};

// === impl SessionState ===

impl SessionState {
    /// All timers that are set, soonest first.
    pub fn outlook(&self) -> Vec<(Instant, TimerReason)> {
        let mut all: Vec<_> = self.timers().into_iter().flatten().collect();
        all.sort_by_key(|(at, _)| *at);
        all
    }

    /// How often a source was lost within the last minute.
    pub fn recent_losses(&self, now: Instant, source: usize) -> usize {
        self.counted(now, source).count()
    }

    /// Until when a source is passed over because it was lost too often.
    pub fn source_rests_until(&self, now: Instant, source: usize) -> Option<Instant> {
        let losses = self.recent_losses(now, source);
        let excess = losses.checked_sub(RESTART_BUDGET)?;
        self.counted(now, source)
            .nth(excess)
            .map(|loss| loss + BUDGET_PERIOD)
    }

    /// For how long a better source must answer before it takes over.
    pub fn hold_down_of(&self, source: usize) -> Duration {
        self.patience.hold_down * self.holds(source)
    }

    fn counted(&self, now: Instant, source: usize) -> impl Iterator<Item = Instant> {
        let losses = self.losses.get(source).into_iter().flatten().copied();
        losses.filter(move |loss| now.saturating_duration_since(*loss) <= BUDGET_PERIOD)
    }
}

// === impl TimerReason ===

impl TimerReason {
    /// As the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StartTimeout => "start_timeout",
            Self::Retry => "retry",
            Self::ViewerDeadline => "viewer_deadline",
            Self::NobodyCame => "nobody_came",
            Self::Grace => "grace",
            Self::Stall => "stall",
            Self::Rest => "rest",
            Self::ForgetFailure => "forget_failure",
            Self::Slate => "slate",
            Self::Gap => "gap",
            Self::SlateTimeout => "slate_timeout",
            Self::Probe => "probe",
            Self::CandidateTimeout => "candidate_timeout",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::table_tests::some_time;
    use super::super::{Patience, SessionEvent};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn state(now: Instant) -> SessionState {
        let patience = Patience {
            start_timeout: 10 * SECOND,
            grace_period: 30 * SECOND,
            stall: 3 * SECOND,
            sources: 2,
            timeouts: vec![None, None],
            hold_down: 30 * SECOND,
            slate: None,
            gap: None,
        };
        let mut state = SessionState::new(now, patience);
        state.handle(now, SessionEvent::ViewerArrived).unwrap();
        state
    }

    #[test]
    fn timers_come_in_order_and_the_first_is_the_one_that_counts() {
        let now = some_time();
        let mut state = state(now);
        state.handle(now, SessionEvent::Delivered).unwrap();
        let watched = SessionEvent::Presence(Some(now + 12 * SECOND));
        state.handle(now, watched).unwrap();
        let outlook = state.outlook();
        assert_eq!(outlook.first().copied(), state.poll_timeout());
        assert!(outlook.is_sorted_by_key(|(at, _)| *at));
        let reasons: Vec<_> = outlook.iter().map(|(_, reason)| *reason).collect();
        assert_eq!(reasons, [TimerReason::Stall, TimerReason::ViewerDeadline]);
    }

    #[test]
    fn losses_count_for_a_minute_and_too_many_are_a_rest() {
        let start = some_time();
        let mut state = state(start);
        state.handle(start, SessionEvent::Delivered).unwrap();
        let mut now = start;
        let mut lost_at = Vec::new();
        while state.source_rests_until(now, 0).is_none() {
            assert!(lost_at.len() <= 5, "it never rests");
            state.handle(now, SessionEvent::SourceChosen(0)).unwrap();
            state.handle(now, SessionEvent::TimedOut).unwrap();
            let lost = SessionEvent::EncoderLost("it ended".into());
            state.handle(now, lost).unwrap();
            lost_at.push(now);
            now += SECOND;
        }
        assert_eq!(lost_at.len(), 5);
        assert_eq!(state.recent_losses(now, 0), 5);
        assert_eq!(state.recent_losses(now, 1), 0);
        let until = state.source_rests_until(now, 0);
        assert_eq!(until, Some(lost_at[0] + 60 * SECOND));
        let later = lost_at[0] + 61 * SECOND;
        assert_eq!(state.recent_losses(later, 0), 4);
        assert_eq!(state.source_rests_until(later, 0), None);
    }
}
