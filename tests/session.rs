//! The session room with the scripted ffmpeg: one encoder a channel, whatever viewers, operators and encoders do.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

#[path = "session/ends.rs"]
mod ends;
#[path = "session/failures.rs"]
mod failures;
#[path = "session/operators.rs"]
mod operators;
#[path = "session/relief.rs"]
mod relief;
#[path = "session/starts.rs"]
mod starts;
#[path = "session/support.rs"]
mod support;
#[path = "session/symptoms.rs"]
mod symptoms;
#[path = "session/told.rs"]
mod told;
#[path = "session/transport.rs"]
mod transport;

#[path = "support/playlist.rs"]
mod playlist;
#[path = "support/ts_reader.rs"]
mod ts_reader;
