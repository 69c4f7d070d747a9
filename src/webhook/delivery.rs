//! When an event is sent again, and when it is given up: a pure decision after each attempt.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Duration;

/// The pauses after the first failure, the second, and so on: 63 minutes in all.
const PAUSES_SECONDS: [u64; 7] = [5, 30, 120, 300, 600, 1_200, 1_500];

/// No attempt begins later than this after the event was queued, whatever the endpoint asks for.
const PATIENCE: Duration = Duration::from_secs(70 * 60);

/// The longest that an endpoint may ask to be left alone.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(15 * 60);

/// A pause is up to a tenth shorter or longer, so that endpoints of one host are not asked at the same time for ever.
const JITTER_PERCENT: u64 = 10;

/// One event on its way to one endpoint.
#[derive(Debug)]
pub(super) struct Delivery {
    failures: usize,
    seed: u64,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The endpoint answered with this status.
    Answered {
        status: u16,
        /// What it asks for in Retry-After.
        retry_after: Option<Duration>,
    },
    /// It did not.
    Failed(String),
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It has arrived.
    Delivered,
    /// Again after this pause.
    Again(Duration),
    /// The endpoint has had its hour.
    GivenUp,
    /// The endpoint says that it is gone for good.
    Gone,
}

// === impl Delivery ===

impl Delivery {
    /// The seed decides the jitter of the pauses.
    pub(super) fn new(seed: u64) -> Self {
        Self { failures: 0, seed }
    }

    /// Decides after an attempt; `age` is how long ago the event was queued.
    pub(super) fn decide(&mut self, age: Duration, outcome: &Outcome) -> Verdict {
        let asked_for = match outcome {
            Outcome::Answered {
                status: 200..=299, ..
            } => return Verdict::Delivered,
            Outcome::Answered { status: 410, .. } => return Verdict::Gone,
            Outcome::Answered {
                status: 429 | 503,
                retry_after,
            } => retry_after.unwrap_or_default().min(MAX_RETRY_AFTER),
            _ => Duration::ZERO,
        };
        let Some(pause) = PAUSES_SECONDS.get(self.failures) else {
            return Verdict::GivenUp;
        };
        let pause = self.jittered(*pause).max(asked_for);
        self.failures += 1;
        if age + pause > PATIENCE {
            return Verdict::GivenUp;
        }
        Verdict::Again(pause)
    }

    fn jittered(&self, seconds: u64) -> Duration {
        let milliseconds = seconds * 1_000;
        let span = milliseconds * JITTER_PERCENT / 100;
        let roll = scramble(self.seed.wrapping_add(self.failures as u64)) % (2 * span + 1);
        Duration::from_millis(milliseconds - span + roll)
    }
}

// === impl Outcome ===

impl Outcome {
    /// Why it is a failure, for people; nothing if it is none.
    pub(super) fn problem(&self) -> Option<String> {
        match self {
            Self::Answered {
                status: 200..=299, ..
            } => None,
            Self::Answered {
                status: status @ 300..=399,
                ..
            } => Some(format!(
                "it answered {status}, and redirects are not followed: configure where it leads to"
            )),
            Self::Answered { status, .. } => Some(format!("it answered {status}")),
            Self::Failed(why) => Some(why.clone()),
        }
    }
}

/// Spreads a number over all 64 bits (the finalizer of SplitMix64).
fn scramble(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16) -> Outcome {
        Outcome::Answered {
            status,
            retry_after: None,
        }
    }

    fn busy(status: u16, seconds: u64) -> Outcome {
        Outcome::Answered {
            status,
            retry_after: Some(Duration::from_secs(seconds)),
        }
    }

    /// The pauses of an event whose every attempt ends like this, and how it ends.
    fn pauses(seed: u64, outcome: &Outcome) -> (Vec<Duration>, Verdict) {
        let (mut delivery, mut age, mut pauses) = (Delivery::new(seed), Duration::ZERO, Vec::new());
        loop {
            match delivery.decide(age, outcome) {
                Verdict::Again(pause) => {
                    pauses.push(pause);
                    age += pause;
                }
                verdict => return (pauses, verdict),
            }
        }
    }

    #[test]
    fn it_is_tried_for_about_an_hour_with_growing_pauses() {
        for seed in 0..200 {
            for outcome in [answered(500), answered(302), Outcome::Failed("x".into())] {
                let (pauses, end) = pauses(seed, &outcome);
                assert_eq!((pauses.len(), end), (7, Verdict::GivenUp));
                assert!(pauses.is_sorted(), "{pauses:?}");
                let minutes = pauses.iter().sum::<Duration>().as_secs() / 60;
                assert!((55..=70).contains(&minutes), "{minutes} min");
            }
        }
    }

    #[test]
    fn the_seed_decides_the_jitter_and_nothing_else_does() {
        let first = |seed| pauses(seed, &answered(500)).0[0];
        assert_eq!(first(7), first(7));
        let all: Vec<Duration> = (0..100).map(first).collect();
        let limits = Duration::from_millis(4_500)..=Duration::from_millis(5_500);
        assert!(all.iter().all(|pause| limits.contains(pause)), "{all:?}");
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert!(distinct.len() > 50, "{all:?}");
    }

    #[test]
    fn what_arrives_or_is_gone_is_not_tried_again() {
        for status in [200, 201, 204, 299] {
            let verdict = Delivery::new(1).decide(Duration::ZERO, &answered(status));
            assert_eq!(verdict, Verdict::Delivered);
            assert_eq!(answered(status).problem(), None);
        }
        let verdict = Delivery::new(1).decide(Duration::ZERO, &answered(410));
        assert_eq!(verdict, Verdict::Gone);
    }

    #[test]
    fn a_busy_endpoint_is_left_alone_for_as_long_as_it_asks_but_not_for_ever() {
        let first = |outcome: &Outcome| match Delivery::new(1).decide(Duration::ZERO, outcome) {
            Verdict::Again(pause) => pause.as_secs(),
            verdict => panic!("{verdict:?}"),
        };
        for status in [429, 503] {
            assert_eq!(first(&busy(status, 60)), 60);
            assert_eq!(first(&busy(status, 86_400)), 15 * 60);
            assert!(first(&busy(status, 0)) >= 4, "never sooner than by itself");
        }
        assert!(first(&busy(500, 60)) < 6, "only those two may ask");
        let (pauses, end) = pauses(1, &busy(503, 86_400));
        assert_eq!(end, Verdict::GivenUp);
        assert!(pauses.iter().sum::<Duration>() <= PATIENCE, "{pauses:?}");
    }

    #[test]
    fn what_has_waited_for_an_hour_gets_one_attempt() {
        let old = Duration::from_secs(70 * 60);
        let verdict = Delivery::new(1).decide(old, &answered(500));
        assert_eq!(verdict, Verdict::GivenUp);
        let verdict = Delivery::new(1).decide(old, &answered(200));
        assert_eq!(verdict, Verdict::Delivered);
    }

    #[test]
    fn a_redirect_says_what_to_do_about_it() {
        let problem = answered(301).problem().unwrap();
        assert!(problem.contains("redirects are not followed"), "{problem}");
    }
}
