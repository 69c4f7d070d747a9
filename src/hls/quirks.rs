//! What players are known to need beyond the standard. Folklore lives here and nowhere else, each entry with its source.

/// Whether a player that asks for its first Media Playlist should wait for one whole Media Segment.
///
/// A channel that has just started has Partial Segments but no Media Segment yet. That is a valid playlist, and a
/// low-latency player starts from it; players that read only Media Segments see an empty one:
/// - libavformat (`Lavf/…`; mpv says `libmpv`): logs "Empty segment" and skips the rendition's streams (seen with 5.1.9);
/// - VLC 3 (`VLC/… LibVLC/…`): ends playback of an empty live playlist (seen with 3.0.24);
/// - GStreamer's hlsdemux (`GStreamer souphttpsrc`): fails on a playlist without a segment (`hlsdemux.c`, "no fragments").
pub fn needs_whole_segment(agent: &str) -> bool {
    const AGENTS: [&str; 5] = ["Lavf/", "libmpv", "VLC/", "LibVLC/", "GStreamer"];
    AGENTS.iter().any(|known| agent.contains(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_start_from_parts_and_old_readers_wait() {
        assert!(needs_whole_segment("Lavf/59.27.100"));
        assert!(needs_whole_segment("VLC/3.0.24 LibVLC/3.0.24"));
        assert!(needs_whole_segment("libmpv"));
        assert!(!needs_whole_segment(
            "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0 Safari/537.36"
        ));
        assert!(!needs_whole_segment("AppleCoreMedia/1.0.0"));
        assert!(!needs_whole_segment(""));
    }
}
