//! Which ffmpeg command a channel needs ([`plan`], pure), and keeping that child alive and mortal.
//!
//! Knows ffmpeg and processes. Does not know playlists, viewers or HTTP.

pub mod plan;
pub mod process;

pub use plan::{Argument, EncoderPlan, PlannedRendition, RenditionKind};
pub use process::{Encoder, EncoderEvent, EncoderExit, Launcher, Progress, SpawnError};
