//! Whether an encoder keeps up with the clock, and understands what it is given.

use std::time::{Duration, Instant};

/// Media time over wall time below which viewers run dry sooner or later.
const TOO_SLOW: f64 = 0.8;

/// For how long it may be that slow: a busy minute of the machine is not the source's fault.
const PATIENCE: Duration = Duration::from_secs(30);

/// Packets a second that cannot be decoded: a disturbed line has bursts of them, a source that has changed its format
/// has nothing else.
const TOO_MANY: f64 = 10.0;

/// For how long they may come like that.
const DISTURBANCE: Duration = Duration::from_secs(5);

/// The pace of one encoder.
#[derive(Debug, Default)]
pub struct Pace {
    slow_since: Option<Instant>,
    garbled_since: Option<Instant>,
    last: Option<(Instant, u64)>,
}

/// What an encoder says of itself from time to time.
#[derive(Debug, Clone, Copy)]
pub struct Heartbeat {
    /// Media time over wall time; 0 is not known.
    pub speed: f64,
    /// Packets that could not be decoded so far.
    pub undecoded: u64,
}

// === impl Pace ===

impl Pace {
    /// Another encoder is looked at from now on.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Says what is wrong when it has been wrong for long enough.
    pub fn look(&mut self, now: Instant, heartbeat: Heartbeat) -> Option<String> {
        let garbled = self.garbled(now, heartbeat.undecoded);
        garbled.or_else(|| self.slow(now, heartbeat.speed))
    }

    fn garbled(&mut self, now: Instant, undecoded: u64) -> Option<String> {
        let (at, before) = self.last.replace((now, undecoded))?;
        let seconds = now.duration_since(at).as_secs_f64();
        if undecoded.saturating_sub(before) as f64 <= TOO_MANY * seconds {
            self.garbled_since = None;
            return None;
        }
        let since = *self.garbled_since.get_or_insert(at);
        (now.duration_since(since) >= DISTURBANCE).then(|| {
            "what the source sends cannot be decoded any more: its format may have changed".into()
        })
    }

    fn slow(&mut self, now: Instant, speed: f64) -> Option<String> {
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

    const SECOND: Duration = Duration::from_secs(1);

    fn at(speed: f64) -> Heartbeat {
        Heartbeat {
            speed,
            undecoded: 0,
        }
    }

    #[test]
    fn slow_for_a_while_is_fine_and_slow_for_long_is_not() {
        let (mut pace, start) = (Pace::default(), some_time());
        assert_eq!(pace.look(start, at(0.5)), None);
        assert_eq!(pace.look(start + 29 * SECOND, at(0.7)), None);
        assert_eq!(pace.look(start + 30 * SECOND, at(1.0)), None);
        assert_eq!(pace.look(start + 31 * SECOND, at(0.5)), None);
        assert_eq!(pace.look(start + 60 * SECOND, at(0.5)), None);
        let why = pace.look(start + 61 * SECOND, at(0.5)).unwrap();
        assert!(why.contains("0.50 of real time"), "{why}");
        pace.reset();
        assert_eq!(pace.look(start + 62 * SECOND, at(0.5)), None);
    }

    #[test]
    fn a_speed_that_is_not_known_is_not_slow() {
        let (mut pace, start) = (Pace::default(), some_time());
        for seconds in 0..100 {
            assert_eq!(pace.look(start + seconds * SECOND, at(0.0)), None);
        }
    }

    #[test]
    fn a_burst_of_bad_packets_is_a_disturbance_and_a_stream_of_them_is_another_format() {
        let (mut pace, start) = (Pace::default(), some_time());
        let mut undecoded = 0;
        let mut hear = |seconds: u32, more: u64| {
            undecoded += more;
            let heartbeat = Heartbeat {
                speed: 1.0,
                undecoded,
            };
            pace.look(start + seconds * SECOND, heartbeat)
        };
        assert_eq!(hear(0, 7), None);
        for seconds in 1..5 {
            assert_eq!(hear(seconds, 25), None);
        }
        assert_eq!(hear(5, 3), None, "it has recovered");
        for seconds in 6..10 {
            assert_eq!(hear(seconds, 25), None);
        }
        assert!(hear(10, 25).unwrap().contains("format"));
    }
}
