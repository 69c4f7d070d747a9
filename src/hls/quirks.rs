//! What players are known to need beyond the standard. Folklore lives here and nowhere else, each entry with its source.

use super::snapshot::Snapshot;

/// Whether a playlist should be held back because players cannot begin with it: it has no whole Media Segment yet.
///
/// Such a playlist is valid, but it makes a cold start slower than waiting does:
/// - hls.js 1.7.4 raises `levelEmptyError` for it and asks again after 0.25, 0.5, 1 and 2 s (measured);
/// - libavformat (ffmpeg, mpv) logs "Empty segment" and may leave out the rendition (`hls.c`, seen with 5.1);
/// - VLC 3 and GStreamer's hlsdemux end playback of a live playlist without a segment.
///
/// The first segment of a timeline is therefore as short as one part, and costs one frame more than the part itself.
pub fn is_too_early(snapshot: &Snapshot) -> bool {
    snapshot.segments().is_empty()
}

/// 2026-11-01T00:00:00Z, before the first release.
const DISCONTINUITY_BASE_S: u64 = 1_793_491_200;

/// A session has fewer discontinuities than this many seconds have passed, divided by it.
const DISCONTINUITY_UNIT_S: u64 = 600;

/// A Discontinuity Sequence Number for a timeline that begins at a time of the clock (seconds since 1970): larger for
/// later times, but small.
///
/// Small, because hls.js 1.7.4 keeps a sparse array that is indexed by it and walks all of it at every playlist
/// (`stream-controller.ts`, `initPTS`): with seconds since 1970 a page stands still for half a minute, with 50,000 it
/// takes 1.5 ms (measured).
pub fn discontinuity_seed(seconds: u64) -> u64 {
    seconds.saturating_sub(DISCONTINUITY_BASE_S) / DISCONTINUITY_UNIT_S
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discontinuity_seeds_grow_and_stay_small() {
        let in_ten_years = DISCONTINUITY_BASE_S + 10 * 366 * 86_400;
        assert!(discontinuity_seed(in_ten_years) < 600_000);
        assert!(discontinuity_seed(in_ten_years) > discontinuity_seed(in_ten_years - 1_000));
        assert_eq!(discontinuity_seed(0), 0, "a clock that was never set");
    }
}
