//! Words and tools that every room may use: names of things, media time, identifiers.
//!
//! What belongs here has no knowledge of HLS, ffmpeg, HTTP or configuration files, and no input or output.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod id;
mod network;
mod time;

pub use id::{ChannelId, InvalidId, RenditionId, RenditionName};
pub use network::{InvalidNetwork, Network};
pub use time::MediaTime;
