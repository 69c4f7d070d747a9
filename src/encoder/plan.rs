//! The ffmpeg command of a channel, as data. Pure: no process, no clock.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Duration;

use crate::base::{RenditionId, RenditionName};

/// Everything that is decided before ffmpeg starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderPlan {
    /// After the program's name.
    pub arguments: Vec<Argument>,
    /// The outputs: video rungs first, best first, then audio. `RenditionId(i)` is position `i`.
    pub renditions: Vec<PlannedRendition>,
    /// How far ahead of the clock the source runs when it starts (a paced source that begins with a burst).
    pub lead: Duration,
    /// The source without its credentials, for people.
    pub source_label: String,
}

/// One word of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// As it stands.
    Text(String),
    /// The URL of the pipe on which this rendition leaves the encoder.
    Output(RenditionId),
}

/// One output of the encoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedRendition {
    /// In URLs.
    pub name: RenditionName,
    /// Picture or sound.
    pub kind: RenditionKind,
    /// The most that any segment may need, bits a second, container included.
    pub peak_bitrate: u64,
    /// What it should need on average, bits a second, container included.
    pub average_bitrate: u64,
}

/// What an output carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenditionKind {
    /// A Variant Stream's pictures.
    Video,
    /// The sound of all Variant Streams.
    Audio,
}
