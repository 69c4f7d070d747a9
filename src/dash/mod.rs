//! The same media as MPEG-DASH: what snapshots of renditions hold, as a Media Presentation Description.
//!
//! Knows ISO/IEC 23009-1 and what an HLS snapshot is. Segments keep their names and their bytes, so a client of either
//! kind fills the same caches. Time comes in as an argument; what comes out is text.
//!
//! - The timeline begins in 1970 for every channel and for ever, so `availabilityStartTime` never moves, and a Period
//!   starts at the wall clock of its first picture (EXT-X-PROGRAM-DATE-TIME).
//! - A Period is what lies between two discontinuities; its `id` is the Discontinuity Sequence Number.
//! - A segment's `$Number$` is its Media Sequence Number.
//! - A Period is told when every rendition has media in it: what a Period is made of must not change afterwards.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod latency;
mod period;
mod timeline;
mod writer;
mod xml;

use std::time::Duration;

use jiff::Timestamp;
use latency::Latency;

use crate::hls::Snapshot;

/// How often a client asks for the manifest again, at most and at least.
const UPDATE_PERIODS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(2));

/// One rendition of the channel.
#[derive(Debug, Clone, Copy)]
pub struct Track<'a> {
    /// In URLs; the identifier of the Representation.
    pub name: &'a str,
    /// What there is of it.
    pub snapshot: &'a Snapshot,
}

/// What a manifest depends on: as long as this is the same, so is the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(Vec<(u64, u64, bool)>);

// === impl Version ===

impl Version {
    /// The version of a manifest of these renditions.
    pub fn of(tracks: &[Track<'_>]) -> Self {
        let facts = tracks.iter().map(|track| {
            let snapshot = track.snapshot;
            let grows = snapshot.growing.is_some();
            (snapshot.media_sequence, snapshot.edge.msn, grows)
        });
        Self(facts.collect())
    }
}

/// Whether there is enough of a rendition for players to begin with: as much as they stay behind.
pub fn is_ready(snapshot: &Snapshot) -> bool {
    latency::is_ready(snapshot)
}

/// The manifest of a channel, or `None` while there is not enough to play ([`is_ready`]).
///
/// `published` is the time of its writing. URLs are relative to `/live/{channel}/`.
pub fn manifest(tracks: &[Track<'_>], published: Timestamp) -> Option<String> {
    let first = tracks.first()?.snapshot;
    let latency = Latency::of(first);
    let periods = period::periods(tracks);
    (!periods.is_empty()).then(|| writer::write(&first.promise, &latency, &periods, published))
}
