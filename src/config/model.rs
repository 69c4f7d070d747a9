//! What a configuration means: validated, with defaults applied, and plain data.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{ChannelId, RenditionName};

/// A whole configuration in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The listener and the limits of the gateway.
    pub server: ServerConfig,
    /// Channels in the order of the file; identifiers are unique.
    pub channels: Vec<Arc<ChannelSpec>>,
}

/// The `[server]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Where to listen for viewers and operators.
    pub listen: SocketAddr,
    /// The ffmpeg to run: a path, or a bare name to look up in `PATH`; `None` looks it up (`$FFMPEG`, `PATH`,
    /// `.tools/`).
    pub ffmpeg: Option<PathBuf>,
    /// Connections in all.
    pub max_connections: usize,
    /// Connections from one address (a /64 counts as one in IPv6).
    pub max_connections_per_address: usize,
    /// Channels that may run at the same time.
    pub max_sessions: usize,
}

/// One channel, with the defaults of the file applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelSpec {
    /// In URLs.
    pub id: ChannelId,
    /// For people; any text without control characters.
    pub name: String,
    /// An http(s) URL of a picture.
    pub logo: Option<String>,
    /// The number in front ends.
    pub number: Option<u32>,
    /// The group in front ends.
    pub group: Option<String>,
    /// In order of preference; at least one.
    pub sources: Vec<SourceSpec>,
    /// Which renditions to make.
    pub ladder: LadderSpec,
    /// How long the channel runs on after its last viewer left.
    pub grace_period: Duration,
    /// By when a source must deliver.
    pub start_timeout: Duration,
    /// The duration of a Media Segment; at least 1 s, because sequence numbers are seeded from the clock's seconds.
    pub segment_duration: Duration,
    /// The duration that a Partial Segment aims at; at most half of a segment.
    pub part_duration: Duration,
    /// How much a live playlist shows; at least six segments.
    pub window: Duration,
}

/// One source of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSpec {
    /// How people call it; `None` shows the masked URL.
    pub name: Option<String>,
    /// What it is.
    pub kind: SourceKind,
}

/// What a source is. `Debug` shows [`SourceKind::label`] instead of a URL.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum SourceKind {
    /// Made by ffmpeg itself: a moving picture, a clock and a tone.
    TestCard,
    /// A card with a text, made by ffmpeg itself.
    Slate {
        /// What the card says.
        text: String,
    },
    /// A file, played for ever from its start; absolute, or relative to the working folder.
    File {
        /// Where it is.
        path: PathBuf,
    },
    /// Something live that ffmpeg reads: http(s), rtsp(s), srt, rtmp(s), udp, rtp. May hold credentials.
    Live {
        /// The URL, whole. Never show it: use [`SourceSpec::label`].
        url: String,
    },
}

/// Which renditions a channel offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LadderSpec {
    /// Chosen from what the source is.
    Auto,
    /// As written; best first; at least one.
    Rungs(Vec<Rung>),
}

/// One rung of a ladder: a Variant Stream's video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rung {
    /// In URLs; unique in its ladder; not a name that a URL of the gateway uses (`audio`, `ts`).
    pub name: RenditionName,
    /// Encoded or copied.
    pub video: RungVideo,
}

/// How a rung's video is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RungVideo {
    /// Scaled and encoded.
    Encode {
        /// Lines; even; the width follows from the source's shape.
        height: u32,
        /// Target and peak, bits a second.
        bitrate: u64,
    },
    /// As the source has it.
    Copy,
}
