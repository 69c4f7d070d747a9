//! Time on the media timeline, exact.

use std::cmp::Ordering;
use std::time::Duration;

/// A duration or a position on a media timeline: `ticks / timescale` seconds.
///
/// Comparison is by value, exact, also between different timescales.
#[derive(Debug, Clone, Copy)]
pub struct MediaTime {
    /// How many units of `1 / timescale` seconds.
    pub ticks: u64,
    /// Units a second; never zero.
    pub timescale: u32,
}

impl MediaTime {
    /// Zero, in a timescale of one second.
    pub const ZERO: Self = Self {
        ticks: 0,
        timescale: 1,
    };

    /// `ticks / timescale` seconds.
    ///
    /// # Panics
    /// If `timescale` is zero; readers of foreign bytes refuse such tracks before they get here.
    pub fn new(ticks: u64, timescale: u32) -> Self {
        assert!(timescale > 0, "a timescale should never be zero");
        Self { ticks, timescale }
    }

    /// The nearest tick of `timescale` to a duration of the clock.
    pub fn from_duration(duration: Duration, timescale: u32) -> Self {
        let ticks = (duration.as_nanos() * u128::from(timescale) + 500_000_000) / 1_000_000_000;
        Self::new(u64::try_from(ticks).unwrap_or(u64::MAX), timescale)
    }

    /// In seconds, for playlists and people.
    pub fn as_secs_f64(self) -> f64 {
        self.ticks as f64 / f64::from(self.timescale)
    }

    /// As a duration of the clock, rounded to the nearest nanosecond.
    pub fn to_duration(self) -> Duration {
        let scale = u128::from(self.timescale);
        let nanos = (u128::from(self.ticks) * 1_000_000_000 + scale / 2) / scale;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl PartialEq for MediaTime {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for MediaTime {}

impl PartialOrd for MediaTime {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for MediaTime {
    fn cmp(&self, other: &Self) -> Ordering {
        let left = u128::from(self.ticks) * u128::from(other.timescale);
        let right = u128::from(other.ticks) * u128::from(self.timescale);
        left.cmp(&right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_timescales_compare_by_value() {
        assert_eq!(MediaTime::new(1, 2), MediaTime::new(45_000, 90_000));
        assert!(MediaTime::new(1024, 48_000) < MediaTime::new(640, 15_360));
        assert!(MediaTime::new(u64::MAX, 1) > MediaTime::new(u64::MAX, 90_000));
    }

    #[test]
    fn durations_round_to_the_nearest_tick_and_back() {
        let third = MediaTime::from_duration(Duration::from_nanos(333_333_333), 3);
        assert_eq!(third.ticks, 1);
        assert_eq!(
            MediaTime::new(1001, 30_000).to_duration(),
            Duration::from_nanos(33_366_667)
        );
    }
}
