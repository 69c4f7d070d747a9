//! Whether an encoder keeps up with the clock, and understands what it is given.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Media time over wall time below which viewers run dry sooner or later.
const TOO_SLOW: f64 = 0.8;

/// For how long it may be that slow: a busy minute of the machine is not the source's fault.
const PATIENCE: Duration = Duration::from_secs(30);

/// Packets a second that cannot be decoded: a disturbed line has bursts of them, a source that has changed its format
/// has nothing else.
const TOO_MANY: f64 = 10.0;

/// Over which time they are counted. Heartbeats come twice a second, and what has a picture in it now and then is no
/// better for it: a decoder that reads another format finds some.
const COUNTED_OVER: Duration = Duration::from_secs(1);

/// For how long they may come like that: a little less than any channel waits for new media, because it says more.
const DISTURBANCE: Duration = Duration::from_millis(2500);

/// What is said of it.
const GARBLED: &str =
    "what the source sends cannot be decoded any more: its format may have changed";

/// The pace of one encoder.
#[derive(Debug, Default)]
pub struct Pace {
    slow_since: Option<Instant>,
    garbled_since: Option<Instant>,
    /// What was said of undecoded packets, oldest first: the last one before [`COUNTED_OVER`] and all since.
    undecoded: VecDeque<(Instant, u64)>,
}

/// What an encoder says of itself from time to time.
#[derive(Debug, Clone, Copy)]
pub struct Heartbeat {
    /// Media time over wall time; 0 is not known.
    pub speed: f64,
    /// Packets that could not be decoded so far.
    pub undecoded: u64,
}

/// What is suspected when an encoder delivers nothing new.
#[derive(Debug, Default)]
pub struct Suspicion {
    /// Who does not deliver, if not all of it.
    pub who: Option<String>,
    /// Why not.
    pub why: Option<&'static str>,
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

    /// Why nothing new comes, if the encoder complains about what it is given.
    pub fn explanation(&self) -> Option<&'static str> {
        self.garbled_since.map(|_| GARBLED)
    }

    fn garbled(&mut self, now: Instant, undecoded: u64) -> Option<String> {
        let counted = &mut self.undecoded;
        let last = counted.back().map_or(now, |(at, _)| *at);
        counted.push_back((now, undecoded));
        while counted
            .get(1)
            .is_some_and(|(at, _)| now.duration_since(*at) >= COUNTED_OVER)
        {
            counted.pop_front();
        }
        let (at, before) = *counted.front()?;
        // The first heartbeats of an encoder have nothing behind them.
        let seconds = now.duration_since(at).max(COUNTED_OVER).as_secs_f64();
        if (undecoded.saturating_sub(before) as f64) < TOO_MANY * seconds {
            self.garbled_since = None;
            return None;
        }
        let since = *self.garbled_since.get_or_insert(last);
        (now.duration_since(since) >= DISTURBANCE).then(|| GARBLED.into())
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

// === impl Suspicion ===

impl Suspicion {
    /// That nothing new came for so long.
    pub(super) fn complaint(&self, silence: Duration) -> String {
        let who = self.who.as_deref().unwrap_or("the encoder");
        let seconds = silence.as_secs_f64();
        let what = format!("{who} has delivered no new media for {seconds:.1} s");
        match self.why {
            Some(why) => format!("{what}; {why}"),
            None => what,
        }
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

    /// A heartbeat every half second with so many more packets that could not be decoded; what was said at the end.
    fn hear(pace: &mut Pace, start: Instant, more: &[u64]) -> Option<String> {
        let mut undecoded = 0;
        let mut said = None;
        for (half, more) in (0..).zip(more) {
            undecoded += more;
            let heartbeat = Heartbeat {
                speed: 1.0,
                undecoded,
            };
            assert_eq!(said, None, "before heartbeat {half}");
            said = pace.look(start + half * SECOND / 2, heartbeat);
        }
        said
    }

    #[test]
    fn a_burst_of_bad_packets_is_a_disturbance_and_a_stream_of_them_is_another_format() {
        let (mut pace, start) = (Pace::default(), some_time());
        let burst = [0, 200, 12, 12, 0, 0, 12, 12, 12, 0, 0, 0, 300, 0, 0, 0];
        assert_eq!(hear(&mut pace, start, &burst), None);
        assert_eq!(pace.explanation(), None);
        pace.reset();
        let stream = [0, 12, 12, 12, 12, 12];
        assert!(hear(&mut pace, start, &stream).unwrap().contains("format"));
        assert!(pace.explanation().is_some());
    }

    #[test]
    fn a_stream_of_bad_packets_with_a_good_moment_in_it_is_no_better() {
        let (mut pace, start) = (Pace::default(), some_time());
        let stream = [0, 12, 3, 20, 0, 25];
        assert!(hear(&mut pace, start, &stream).is_some());
        pace.reset();
        // As seldom as on a line that is disturbed all the time.
        assert_eq!(hear(&mut pace, start, &[4; 600]), None);
    }
}
