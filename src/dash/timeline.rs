//! The segments of one rendition, in order, with their presentation times.

use super::Track;
use crate::base::MediaTime;
use crate::hls::{GrowingSegment, RunStart};

/// A segment as a manifest lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) msn: u64,
    /// Its Discontinuity Sequence Number.
    pub(super) discontinuity: u64,
    /// Its earliest presentation time, in ticks.
    pub(super) start: u64,
    /// In ticks.
    pub(super) duration: u64,
    pub(super) run: RunStart,
    pub(super) init_version: u32,
    /// There is no such media.
    pub(super) gap: bool,
}

/// What a rendition lists from a Media Sequence Number on. `leader` is what the leading rendition lists, for all but
/// itself: the segment that grows will end where the leader's does.
pub(super) fn entries(track: Track<'_>, first: u64, leader: Option<&[Entry]>) -> Vec<Entry> {
    let snapshot = track.snapshot;
    let timescale = timescale(track);
    let mut discontinuity = snapshot.discontinuity_sequence;
    let mut entries = Vec::new();
    let listed = snapshot.segments().iter();
    for segment in listed.filter(|segment| segment.msn >= snapshot.media_sequence) {
        discontinuity += u64::from(segment.discontinuity);
        entries.push(Entry {
            msn: segment.msn,
            discontinuity,
            start: segment.start,
            duration: rescale(segment.duration, timescale),
            run: segment.run,
            init_version: segment.init_version,
            gap: segment.gap,
        });
    }
    // How long a copied source's segments will be is not known, and a promise that is not kept is worse than none.
    if let Some(growing) = snapshot
        .growing
        .filter(|_| !snapshot.promise.irregular_key_frames)
    {
        entries.push(Entry {
            msn: growing.msn,
            discontinuity: discontinuity + u64::from(growing.discontinuity),
            start: growing.start,
            duration: expected(track, &growing, leader),
            run: growing.run,
            init_version: growing.init_version,
            gap: false,
        });
    }
    entries.retain(|entry| entry.msn >= first);
    close_up(&mut entries);
    entries
}

/// Ticks a second of a rendition.
pub(super) fn timescale(track: Track<'_>) -> u32 {
    let init = track.snapshot.init.as_ref();
    init.map_or(1, |init| init.section.timescale)
}

/// A time in the nearest ticks of another scale.
pub(super) fn rescale(time: MediaTime, timescale: u32) -> u64 {
    let (from, to) = (u128::from(time.timescale), u128::from(timescale));
    let ticks = (u128::from(time.ticks) * to + from / 2) / from;
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

/// How long the segment that grows will be, in whole samples.
fn expected(track: Track<'_>, growing: &GrowingSegment, leader: Option<&[Entry]>) -> u64 {
    let timescale = timescale(track);
    let aim = MediaTime::from_duration(track.snapshot.promise.segment_duration, timescale).ticks;
    let same = leader.and_then(|entries| entries.iter().find(|entry| entry.msn == growing.msn));
    let wanted = same.map_or(aim, |entry| {
        let scale = entry.run.media.timescale;
        let end = rescale(
            MediaTime::new(entry.start + entry.duration, scale),
            timescale,
        );
        end.saturating_sub(growing.start).max(1)
    });
    let rate = track.snapshot.frame_rate.filter(|rate| *rate > 0.0);
    let sample = rate.map_or(1.0, |rate| (f64::from(timescale) / rate).round().max(1.0));
    ((wanted as f64 / sample).round().max(1.0) * sample) as u64
}

/// Lets each segment last until the next one of its run begins: with reordered pictures, decode times alone do not add
/// up to presentation times.
fn close_up(entries: &mut [Entry]) {
    for index in 1..entries.len() {
        let next = entries[index];
        let entry = &mut entries[index - 1];
        let follows = entry.discontinuity == next.discontinuity && !entry.gap && !next.gap;
        if follows && next.start > entry.start {
            entry.duration = next.start - entry.start;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_change_their_scale_to_the_nearest_tick() {
        assert_eq!(rescale(MediaTime::new(1001, 30_000), 90_000), 3003);
        assert_eq!(rescale(MediaTime::new(1, 3), 48_000), 16_000);
        assert_eq!(rescale(MediaTime::new(2, 3), 1_000), 667);
        assert_eq!(rescale(MediaTime::new(u64::MAX, 1), 90_000), u64::MAX);
    }
}
