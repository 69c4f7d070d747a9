//! Real players, at a channel's cold start and when it runs: they play, and have nothing to say about the playlist.
