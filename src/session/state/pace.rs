//! Whether an encoder keeps up with the clock.

use std::time::{Duration, Instant};

/// Media time over wall time below which viewers run dry sooner or later.
const TOO_SLOW: f64 = 0.8;

/// For how long it may be that slow: a busy minute of the machine is not the source's fault.
const PATIENCE: Duration = Duration::from_secs(30);

/// The pace of one encoder.
#[derive(Debug, Default)]
pub struct Pace {
    slow_since: Option<Instant>,
}

// === impl Pace ===

impl Pace {
    /// Another encoder is looked at from now on.
    pub fn reset(&mut self) {
        self.slow_since = None;
    }

    /// Takes a heartbeat's speed; says what is wrong when it has been wrong for long enough.
    pub fn look(&mut self, now: Instant, speed: f64) -> Option<String> {
        // ffmpeg says 0 when it does not know.
        if speed <= 0.0 || speed >= TOO_SLOW {
            self.slow_since = None;
            return None;
        }
        let since = *self.slow_since.get_or_insert(now);
        (now.duration_since(since) >= PATIENCE).then(|| {
            format!(
                "the encoder has run at {speed:.2} of real time for {} s: the source is too slow, or this machine is",
                PATIENCE.as_secs()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::table_tests::some_time;
    use super::*;

    #[test]
    fn slow_for_a_while_is_fine_and_slow_for_long_is_not() {
        let (mut pace, start) = (Pace::default(), some_time());
        let second = Duration::from_secs(1);
        assert_eq!(pace.look(start, 0.5), None);
        assert_eq!(pace.look(start + 29 * second, 0.7), None);
        assert_eq!(pace.look(start + 30 * second, 1.0), None);
        assert_eq!(pace.look(start + 31 * second, 0.5), None);
        assert_eq!(pace.look(start + 60 * second, 0.5), None);
        let why = pace.look(start + 61 * second, 0.5).unwrap();
        assert!(why.contains("0.50 of real time"), "{why}");
        pace.reset();
        assert_eq!(pace.look(start + 62 * second, 0.5), None);
    }

    #[test]
    fn a_speed_that_is_not_known_is_not_slow() {
        let (mut pace, start) = (Pace::default(), some_time());
        for seconds in 0..100 {
            assert_eq!(pace.look(start + Duration::from_secs(seconds), 0.0), None);
        }
    }
}
