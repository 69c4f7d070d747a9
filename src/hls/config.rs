//! What is promised before the first segment, and where a timeline begins.

use std::time::Duration;

use jiff::Timestamp;

use super::quirks;
use crate::base::RenditionName;

/// How much longer than it aims at a Partial Segment may get: frames rarely fit a duration exactly.
const PART_TARGET_SLACK_PERCENT: u32 = 5;

/// Everything that a packager must know before media arrives.
#[derive(Debug, Clone)]
pub struct PackagerConfig {
    /// The duration that a Media Segment aims at.
    pub segment_duration: Duration,
    /// The duration that a Partial Segment aims at.
    pub part_duration: Duration,
    /// How much media a playlist shows.
    pub window: Duration,
    /// Whether boundaries come from a copied source, whose key frames come when they come.
    pub irregular_key_frames: bool,
    /// How far ahead of the clock the media runs at its start.
    pub lead: Duration,
    /// The renditions; the first leads: its key frames are the boundaries of all.
    pub renditions: Vec<RenditionConfig>,
    /// Where numbers start.
    pub timeline: Timeline,
}

/// One rendition before its media is known.
#[derive(Debug, Clone)]
pub struct RenditionConfig {
    /// In URLs.
    pub name: RenditionName,
    /// Picture or sound.
    pub kind: RenditionKind,
    /// Planned peak, bits a second.
    pub peak_bitrate: u64,
    /// Planned average, bits a second.
    pub average_bitrate: u64,
}

/// What a rendition carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenditionKind {
    /// The pictures of a Variant Stream.
    Video,
    /// The sound of all Variant Streams.
    Audio,
}

/// The beginning of 2026, in Unix seconds: Media Sequence Numbers count from here, so that they fit into 32 bits until
/// 2034.
const NUMBERS_BEGIN_S: i64 = 1_767_225_600;

/// How many Media Sequence Numbers a second has. A timeline begins with a burst, so its first seconds give out more
/// than one number each; a gateway that is killed then and starts again must begin above them all the same.
const NUMBERS_A_SECOND: i64 = 8;

/// Where the numbers of a timeline start.
///
/// All are seeded from the clock, so a gateway that starts again, even after `kill -9`, continues above what it gave
/// out before, without having written anything down: segments last at least a second each, and discontinuities are
/// rare. [`Numbers`] of an earlier timeline of the same process are respected whatever the clock does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeline {
    /// Part of every URI: a URI of an earlier or another timeline never names other bytes. Milliseconds since 1970.
    pub epoch: u64,
    /// The first Media Sequence Number.
    pub first_msn: u64,
    /// The first Discontinuity Sequence Number.
    pub first_discontinuity: u64,
}

/// No number that was given out is above these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Epochs.
    pub epoch: u64,
    /// Media Sequence Numbers.
    pub msn: u64,
    /// Discontinuity Sequence Numbers.
    pub discontinuity: u64,
}

/// What holds for every segment of a timeline, for those who describe it in other words than playlists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    /// [`Timeline::epoch`].
    pub epoch: u64,
    /// The duration that a Media Segment aims at.
    pub segment_duration: Duration,
    /// The most that a Media Segment lasts, but for the rounding.
    pub target_duration: Duration,
    /// The most that a Partial Segment lasts.
    pub part_target: Duration,
    /// How much media a playlist shows.
    pub window: Duration,
    /// Segments last as long as the source likes.
    pub irregular_key_frames: bool,
}

// === impl Timeline ===

impl Timeline {
    /// The numbers of a timeline that begins at `now` and lies above an earlier one.
    pub fn above(earlier: Numbers, now: Timestamp) -> Self {
        let from_clock = |wanted: i64| u64::try_from(wanted).unwrap_or(0);
        let eighths = now.as_millisecond() * NUMBERS_A_SECOND / 1_000;
        let msn = from_clock(eighths - NUMBERS_BEGIN_S * NUMBERS_A_SECOND);
        let discontinuity = quirks::discontinuity_seed(from_clock(now.as_second()));
        Self {
            epoch: from_clock(now.as_millisecond()).max(earlier.epoch + 1),
            first_msn: msn.max(earlier.msn + 1),
            first_discontinuity: discontinuity.max(earlier.discontinuity + 1),
        }
    }

    /// The first numbers, which are given out as soon as the timeline is shown.
    pub fn numbers(&self) -> Numbers {
        Numbers {
            epoch: self.epoch,
            msn: self.first_msn,
            discontinuity: self.first_discontinuity,
        }
    }
}

// === impl PackagerConfig ===

impl PackagerConfig {
    /// EXT-X-TARGETDURATION in seconds: an upper bound of every rounded EXTINF, fixed for ever (4.4.3.1).
    ///
    /// A copied source cuts where it has key frames, so its promise is wider: up to three times the aim.
    pub fn target_duration(&self) -> u64 {
        let aim =
            self.segment_duration.as_secs() + u64::from(self.segment_duration.subsec_nanos() > 0);
        let aim = aim.max(1);
        if self.irregular_key_frames {
            aim * 3
        } else {
            aim
        }
    }

    /// How long a segment should be. The first one may be as short as a part: players that know nothing of Partial
    /// Segments begin with a whole segment, and hls.js refuses a first playlist that has none.
    pub fn aim(&self, msn: u64) -> Duration {
        if msn == self.timeline.first_msn {
            self.part_duration
        } else {
            self.segment_duration
        }
    }

    /// PART-TARGET: the ceiling of every Partial Segment's duration (4.4.3.7).
    pub fn part_target(&self) -> Duration {
        let exact = self.part_duration + self.part_duration * PART_TARGET_SLACK_PERCENT / 100;
        // Whole milliseconds: what is written is what is meant, and three of it are three of it.
        Duration::from_millis(
            u64::try_from(exact.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX),
        )
    }

    /// PART-HOLD-BACK: three Part Target Durations (4.4.3.8, and the authoring specification's MUST).
    pub fn part_hold_back(&self) -> Duration {
        self.part_target() * 3
    }

    /// What holds for every segment.
    pub fn promise(&self) -> Promise {
        Promise {
            epoch: self.timeline.epoch,
            segment_duration: self.segment_duration,
            target_duration: Duration::from_secs(self.target_duration()),
            part_target: self.part_target(),
            window: self.window,
            irregular_key_frames: self.irregular_key_frames,
        }
    }

    /// CAN-SKIP-UNTIL: the Skip Boundary, six Target Durations (4.4.3.8).
    pub fn skip_until(&self) -> Duration {
        Duration::from_secs(self.target_duration() * 6)
    }

    /// How far from the end Partial Segments are still listed: three Target Durations (6.2.2).
    pub fn parts_horizon(&self) -> Duration {
        Duration::from_secs(self.target_duration() * 3)
    }

    /// How many parts ahead of the playlist a client may ask for (6.2.5.2, the Advance Part Limit).
    pub fn advance_part_limit(&self) -> u32 {
        let target = self.part_target().as_secs_f64();
        if target < 1.0 {
            (3.0 / target).ceil() as u32
        } else {
            3
        }
    }

    /// How much a playlist shows: what was asked for, but never less than three target durations (6.2.2).
    pub fn listed(&self) -> Duration {
        self.window
            .max(Duration::from_secs(self.target_duration()) * 3)
    }

    /// For how long media stays available after it was listed first: at least the playlist's and its own duration
    /// after it has left the playlist (6.2.2).
    pub fn retention(&self) -> Duration {
        let segment = Duration::from_secs(self.target_duration());
        (self.listed() + segment) * 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(at: &str) -> Timeline {
        Timeline::above(Numbers::default(), at.parse().expect("a time"))
    }

    #[test]
    fn a_gateway_that_was_killed_in_its_first_second_starts_above_what_it_gave_out() {
        // Two segments and a growing one within 300 ms, and a new process half a second after the old one began.
        let (before, after) = (
            begun("2026-11-21T09:00:00.900Z"),
            begun("2026-11-21T09:00:01.400Z"),
        );
        assert!(
            after.first_msn > before.first_msn + 2,
            "{before:?} {after:?}"
        );
        assert!(after.epoch > before.epoch);
    }

    #[test]
    fn numbers_fit_into_32_bits_for_players_that_know_no_more() {
        let number = begun("2034-01-01T00:00:00Z").first_msn;
        assert!(i32::try_from(number).is_ok(), "{number}");
    }

    #[test]
    fn a_clock_that_goes_back_takes_no_number_back() {
        let first = begun("2027-01-01T00:00:00Z").numbers();
        for past in ["2026-12-31T23:00:00Z", "1970-01-01T00:00:00Z"] {
            let next = Timeline::above(first, past.parse().unwrap()).numbers();
            assert!(next.msn > first.msn && next.epoch > first.epoch, "{next:?}");
            assert!(next.discontinuity > first.discontinuity, "{next:?}");
        }
        let lost = begun("1970-01-01T00:00:00Z");
        assert!(lost.first_msn >= 1 && lost.epoch >= 1, "{lost:?}");
    }
}
