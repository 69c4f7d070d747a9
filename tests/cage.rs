//! The cage of ffmpeg, tried from inside: a program in ffmpeg's place finds every door shut. Each door is tried outside
//! of the cage too, where it opens: a test of a door that is not there would prove nothing.
//!
//! A kernel without Landlock cannot hold these doors. There the tests say what is missing, and hold the gateway to saying
//! the same.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]
#![expect(
    clippy::print_stderr,
    reason = "the log of a gateway whose test has failed, and what this host cannot test"
)]

#[path = "cage/doors.rs"]
mod doors;
#[path = "cage/layers.rs"]
mod layers;
#[expect(dead_code, reason = "explaining is for others")]
#[path = "support/process.rs"]
mod process;
#[path = "cage/real.rs"]
mod real;
#[path = "cage/world.rs"]
mod world;
