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
