//! The Periods of a manifest: what all renditions have between two discontinuities.

use std::time::Duration;

use jiff::Timestamp;

use super::Track;
use super::timeline::{self, Entry};
use crate::base::MediaTime;
use crate::hls::RunStart;

/// How many steps a second has on which Periods start. Seconds since 1970 with such a fraction are exact in the numbers
/// of players. Others are rounded in one place and cut off in another: Chromium then looks for the first picture a
/// microsecond before it, and dash.js waits there for 20 s (seen with 5.2.1).
const STEPS: i64 = 64;

/// How much later than its first picture a Period starts at least, in nanoseconds: the sound may begin half a frame after
/// the pictures. Players take media from 0.1 s before a Period.
const LATER_NS: i64 = 20_000_000;

/// What lies between two discontinuities.
#[derive(Debug)]
pub(super) struct Period<'a> {
    /// The Discontinuity Sequence Number.
    pub(super) number: u64,
    /// The run that it is about.
    pub(super) run: RunStart,
    /// When it starts, in steps of [`STEPS`] a second since 1970: in or just after the first picture.
    steps: i64,
    pub(super) rows: Vec<Row<'a>>,
}

/// What a rendition has in a Period: at least one segment, without a hole.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) track: Track<'a>,
    pub(super) entries: Vec<Entry>,
}

/// The Periods that every rendition has media in, oldest first. Empty while that is not enough to begin with.
pub(super) fn periods<'a>(tracks: &[Track<'a>]) -> Vec<Period<'a>> {
    let is_early = |track: &Track<'_>| !super::is_ready(track.snapshot);
    let first = tracks.iter().map(|track| track.snapshot.media_sequence);
    let (Some(first), false) = (first.max(), tracks.iter().any(is_early)) else {
        return Vec::new();
    };
    let leader = timeline::entries(tracks[0], first, None);
    let mut all = vec![leader.clone()];
    let others = tracks[1..].iter();
    all.extend(others.map(|track| timeline::entries(*track, first, Some(&leader))));
    let mut numbers: Vec<u64> = leader.iter().map(|entry| entry.discontinuity).collect();
    numbers.dedup();
    let periods = numbers.into_iter();
    periods
        .filter_map(|number| period(tracks, &all, number))
        .collect()
}

fn period<'a>(tracks: &[Track<'a>], all: &[Vec<Entry>], number: u64) -> Option<Period<'a>> {
    let rows = tracks.iter().zip(all).map(|(track, entries)| {
        let entries = newest_whole(entries, number);
        let track = *track;
        (!entries.is_empty()).then_some(Row { track, entries })
    });
    let rows: Vec<Row<'_>> = rows.collect::<Option<_>>()?;
    let run = rows.first()?.entries.first()?.run;
    let steps = steps_at(run.wall);
    Some(Period {
        number,
        run,
        steps,
        rows,
    })
}

/// The first step that is late enough.
fn steps_at(wall: Timestamp) -> i64 {
    let nanos = wall.as_nanosecond() + i128::from(LATER_NS);
    let steps = (nanos * i128::from(STEPS) + 999_999_999).div_euclid(1_000_000_000);
    i64::try_from(steps).unwrap_or(i64::MAX)
}

// === impl Period ===

impl Period<'_> {
    /// Since 1970, exact in binary.
    pub(super) fn start(&self) -> Duration {
        let steps = u64::try_from(self.steps).unwrap_or(0);
        let micros = steps * (1_000_000 / STEPS as u64);
        Duration::from_micros(micros)
    }

    /// The presentation time that is shown when the Period starts.
    pub(super) fn offset(&self, timescale: u32) -> u64 {
        let wall = self.run.wall.as_nanosecond();
        let later = i128::try_from(self.start().as_nanos()).unwrap_or(i128::MAX) - wall;
        let later = u64::try_from(later).unwrap_or(0);
        let ticks = MediaTime::from_duration(Duration::from_nanos(later), timescale).ticks;
        timeline::rescale(self.run.media, timescale) + ticks
    }
}

/// The newest segments of a run that follow one another: a rendition that comes late or ends early has gaps, and a
/// numbered timeline has no place for those.
fn newest_whole(entries: &[Entry], number: u64) -> Vec<Entry> {
    let of_run = entries.iter().rev().filter(|e| e.discontinuity == number);
    let mut kept: Vec<Entry> = of_run
        .skip_while(|entry| entry.gap)
        .take_while(|entry| !entry.gap)
        .copied()
        .collect();
    kept.reverse();
    kept
}
