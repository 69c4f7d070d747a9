//! The session room with the scripted ffmpeg: one encoder a channel, whatever viewers, operators and encoders do.

#[path = "session/ends.rs"]
mod ends;
#[path = "session/failures.rs"]
mod failures;
#[path = "session/starts.rs"]
mod starts;
#[path = "session/support.rs"]
mod support;

#[path = "support/playlist.rs"]
mod playlist;
