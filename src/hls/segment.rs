//! Media Segments and Partial Segments, immutable once they are here.

use bytes::Bytes;
use jiff::Timestamp;

use crate::base::MediaTime;
use crate::media::MediaInitializationSection;

/// A Media Segment (section 3) as it is listed and served.
#[derive(Debug, Clone)]
pub struct MediaSegment {
    /// Its Media Sequence Number.
    pub msn: u64,
    /// EXTINF.
    pub duration: MediaTime,
    /// The wall clock at its first sample.
    pub program_date_time: Timestamp,
    /// EXT-X-DISCONTINUITY stands before it.
    pub discontinuity: bool,
    /// The version of the Media Initialization Section that it needs.
    pub init_version: u32,
    /// EXT-X-GAP: the media is missing, and so is the body.
    pub gap: bool,
    /// All of it.
    pub body: Bytes,
    /// Its Partial Segments; their bodies are slices of `body`.
    pub parts: Vec<PartialSegment>,
    /// A strong entity tag with its quotes.
    pub etag: Bytes,
}

/// A Partial Segment (section 3.2).
#[derive(Debug, Clone)]
pub struct PartialSegment {
    /// Its duration.
    pub duration: MediaTime,
    /// It starts with a key frame.
    pub independent: bool,
    /// All of it.
    pub body: Bytes,
    /// A strong entity tag with its quotes.
    pub etag: Bytes,
}

/// A version of a rendition's Media Initialization Section.
#[derive(Debug, Clone)]
pub struct InitSection {
    /// Counts from 0 in each timeline.
    pub version: u32,
    /// What it says.
    pub section: MediaInitializationSection,
    /// A strong entity tag with its quotes.
    pub etag: Bytes,
}
