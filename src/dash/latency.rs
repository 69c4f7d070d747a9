//! How far from the live edge a player should stay, and when there is enough for one to begin.

use std::time::Duration;

use crate::hls::Snapshot;

/// This much more than its latency must be there when a player begins.
const MARGIN: Duration = Duration::from_millis(250);

/// A rendition of so many segments is enough for anybody.
const ENOUGH: usize = 4;

/// How far from the live edge a player should stay.
#[derive(Debug, Clone, Copy)]
pub(super) struct Latency {
    pub(super) target: Duration,
    pub(super) min: Duration,
    pub(super) max: Duration,
}

// === impl Latency ===

impl Latency {
    /// Where segments are listed while they grow: the one that may not be known yet, and three parts. Elsewhere: two of
    /// the longest that are listed, and one of usual length.
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let promise = &snapshot.promise;
        let (min, target) = if promise.irregular_key_frames {
            let listed = snapshot.segments().iter();
            let durations = listed.map(|segment| segment.duration.to_duration());
            let longest = durations.max().unwrap_or_default();
            let two = longest.max(promise.segment_duration) * 2;
            (two, two + promise.segment_duration)
        } else {
            let parts = promise.part_target * 3;
            (parts, promise.segment_duration + parts)
        };
        let max = (promise.window * 2 / 3).max(target);
        Self { target, min, max }
    }
}

/// Whether there is enough of a rendition for a manifest: as much as a player stays behind.
///
/// With less, players begin at the start of the Period. There dash.js 5.2.1 in Chromium stands still until it is farther
/// behind than the manifest allows, for 20 s (seen).
pub(super) fn is_ready(snapshot: &Snapshot) -> bool {
    let listed = snapshot.segments().iter();
    let listed = listed.filter(|segment| segment.msn >= snapshot.media_sequence);
    let whole = listed.map(|segment| segment.duration.to_duration());
    let (count, whole) = whole.fold((0, Duration::ZERO), |(count, sum), one| {
        (count + 1, sum + one)
    });
    // Where it is not listed while it grows, a part of it helps nobody.
    let parts = snapshot.open_parts().iter();
    let parts = parts.filter(|_| !snapshot.promise.irregular_key_frames);
    let grown: Duration = parts.map(|part| part.duration.to_duration()).sum();
    count > ENOUGH || (count > 0 && whole + grown >= Latency::of(snapshot).target + MARGIN)
}
