//! Pauses that differ from channel to channel: what is lost together must not come back in one beat.
//!
//! Chance comes in from outside as a seed. Without one nothing varies.

use std::time::Duration;

/// The most by which a pause is shortened, in per cent. None becomes longer: deadlines hold whatever chance says.
const MOST: u64 = 40;

/// What looks like chance, and is the same again for the same seed.
#[derive(Debug, Clone, Default)]
pub(super) struct Jitter(Option<u64>);

// === impl Jitter ===

impl Jitter {
    pub(super) fn seeded(seed: u64) -> Self {
        Self(Some(seed))
    }

    /// Between three fifths of the pause and all of it.
    pub(super) fn shorten(&mut self, pause: Duration) -> Duration {
        pause - self.part_of(pause * MOST as u32 / 100)
    }

    /// Between nothing and all of it; nothing without a seed.
    pub(super) fn part_of(&mut self, whole: Duration) -> Duration {
        let Some(state) = &mut self.0 else {
            return Duration::ZERO;
        };
        whole * (next(state) >> 48) as u32 / (1 << 16)
    }
}

/// SplitMix64: even over its whole range, also for seeds that are close to each other.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::table_tests::{patience, some_time};
    use super::super::{Patience, SessionEvent, SessionState, TimerReason};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// When the encoder of a channel starts again that is lost as soon as it runs, after the first loss.
    fn retries(seed: u64) -> Vec<Duration> {
        let start = some_time();
        let mut state = SessionState::new(start, patience()).scattered(seed);
        state.handle(start, SessionEvent::ViewerArrived).unwrap();
        state.handle(start, SessionEvent::Delivered).unwrap();
        let mut now = start;
        let mut retries = Vec::new();
        for _ in 0..4 {
            let lost = SessionEvent::EncoderLost("it broke".into());
            state.handle(now, lost).unwrap();
            let (at, reason) = state.poll_timeout().unwrap();
            assert_eq!(reason, TimerReason::Retry);
            state.handle(at, SessionEvent::TimedOut).unwrap();
            retries.push(at - start);
            now = at;
        }
        retries
    }

    #[test]
    fn a_thousand_channels_that_are_lost_together_do_not_come_back_in_one_beat() {
        let all: Vec<_> = (0..1_000).map(retries).collect();
        for attempt in 0..4 {
            let mut beats = BTreeMap::new();
            for channel in &all {
                *beats.entry(channel[attempt].as_millis() / 10).or_insert(0) += 1;
            }
            let most = beats.values().max().copied().unwrap();
            assert!(most <= 200, "attempt {attempt}: {most} within 10 ms");
        }
        assert!(all[0] != all[1]);
        assert_eq!(all[7], retries(7), "the same seed, the same pauses");
    }

    #[test]
    fn pauses_become_shorter_and_never_longer() {
        for seed in 0..1_000 {
            let mut before = Duration::ZERO;
            for (at, pause) in retries(seed).into_iter().zip([100, 500, 1_000, 2_000]) {
                let least = if pause == 100 { 0 } else { pause * 6 / 10 };
                let paused = (at - before).as_micros() as u64;
                let range = least * 1_000..=pause * 1_000;
                assert!(range.contains(&paused), "{pause}: {paused}");
                before = at;
            }
        }
    }

    #[test]
    fn questions_to_a_better_source_are_scattered_too() {
        let asked = |seed| {
            let now = some_time();
            let two = Patience {
                sources: 2,
                stall: 600 * SECOND,
                ..patience()
            };
            let state = SessionState::new(now, two).beginning_with(1);
            let mut state = state.scattered(seed);
            state.handle(now, SessionEvent::ViewerArrived).unwrap();
            state.handle(now, SessionEvent::Delivered).unwrap();
            let (at, reason) = state.poll_timeout().unwrap();
            assert_eq!(reason, TimerReason::Probe);
            at - now
        };
        assert!((0..50).all(|seed| (3 * SECOND..=5 * SECOND).contains(&asked(seed))));
        assert!(asked(1) != asked(2));
    }
}
