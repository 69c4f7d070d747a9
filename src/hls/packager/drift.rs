//! Dates follow the wall clock.
//!
//! The clock of a source is not ours: 100 ppm are 8.6 s a day. Media keeps its own time, so durations stay exact; the
//! dates of later segments are moved a little, by less than a player can see, until they are right again. A clock that
//! was set is no drift: then dates go on as they were, until a discontinuity makes them new (RFC 8216bis 6.2.1 forbids
//! to give a date twice).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Packager;
use crate::base::MediaTime;

/// Media that comes this much too early or too late is as it always is.
const TOLERANCE: SignedDuration = SignedDuration::from_millis(100);

/// What is more than this is no drift.
const MAX_DRIFT: SignedDuration = SignedDuration::from_secs(60);

/// How much dates are moved, as a part of the time that goes by: twice what clocks differ by, and in a playlist of a
/// minute still less than a frame.
const PER_MILLION: u64 = 200;

impl Packager {
    /// The leader has come to a boundary: the dates from here on are a little nearer to the clock.
    pub(super) fn follow_clock(&mut self, now: Timestamp, time: MediaTime) {
        let Some(last) = self.boundaries.back() else {
            return;
        };
        let date = self.by_anchor(time);
        let date = date.checked_add(self.correction).unwrap_or(date);
        let late = now.duration_since(date);
        if late.abs() <= TOLERANCE || late.abs() > MAX_DRIFT {
            return;
        }
        let elapsed = time.to_duration().saturating_sub(last.time.to_duration());
        let step = elapsed.as_nanos() * u128::from(PER_MILLION) / 1_000_000;
        let step = Duration::from_nanos(u64::try_from(step).unwrap_or_default());
        let step = SignedDuration::try_from(step).unwrap_or_default();
        self.correction += match late.is_positive() {
            true => step,
            false => -step,
        };
    }

    /// The wall clock at a time of the media, by the first sample of this run.
    pub(super) fn by_anchor(&self, time: MediaTime) -> Timestamp {
        let (wall, origin) = self.anchor.unwrap_or((Timestamp::UNIX_EPOCH, time));
        let nanos =
            |time: MediaTime| i128::try_from(time.to_duration().as_nanos()).unwrap_or(i128::MAX);
        let since = nanos(time) - nanos(origin);
        let since = SignedDuration::from_nanos(i64::try_from(since).unwrap_or(i64::MAX));
        wall.checked_add(since).unwrap_or(wall)
    }
}
