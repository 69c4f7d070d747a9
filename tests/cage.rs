//! The cage of ffmpeg, tried from inside: a program in ffmpeg's place finds every door shut. Each door is tried outside
//! of the cage too, where it opens: a test of a door that is not there would prove nothing.
//!
//! A kernel without Landlock cannot hold these doors. There the tests say what is missing, and hold the gateway to saying
//! the same.

#![cfg(target_os = "linux")]

#[path = "cage/doors.rs"]
mod doors;
#[path = "cage/layers.rs"]
mod layers;
#[path = "cage/real.rs"]
mod real;
#[path = "cage/world.rs"]
mod world;
