//! Media Segments and Partial Segments, immutable once they are here.

use bytes::Bytes;
use jiff::Timestamp;

use crate::base::MediaTime;
use crate::media::{MediaInitializationSection, Sample, write_fragment};

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
    /// Its earliest presentation time, in ticks of its track.
    pub start: u64,
    /// The run of an encoder that made it.
    pub run: RunStart,
    /// Where its first key frame is; `None` in a gap.
    pub key_frame: Option<KeyFrame>,
}

/// Where the run of an encoder begins: the same for all that it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunStart {
    /// The wall clock at the first key frame of the leading rendition.
    pub wall: Timestamp,
    /// The presentation time of that frame.
    pub media: MediaTime,
}

/// The first sample of a Media Segment, when that is a key frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyFrame {
    /// Its decode time, in ticks of the track.
    pub time: u64,
    /// What the container says of it.
    pub sample: Sample,
    /// Where in the segment its bytes begin.
    pub offset: usize,
}

/// The Media Segment that grows, as readers can see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrowingSegment {
    /// Its Media Sequence Number.
    pub msn: u64,
    /// As in [`MediaSegment`].
    pub start: u64,
    /// As in [`MediaSegment`].
    pub discontinuity: bool,
    /// As in [`MediaSegment`].
    pub run: RunStart,
    /// The version of the Media Initialization Section that it needs.
    pub init_version: u32,
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

// === impl MediaSegment ===

impl MediaSegment {
    /// The segment's key frame as a fragment of its own, which lasts as long as the segment: an I-frame segment
    /// (4.4.3.6). The same bytes each time.
    pub fn key_frame_fragment(&self, track_id: u32, timescale: u32) -> Option<Bytes> {
        let key = self.key_frame?;
        let end = key.offset.checked_add(key.sample.size as usize)?;
        if end > self.body.len() {
            return None;
        }
        let duration = MediaTime::from_duration(self.duration.to_duration(), timescale).ticks;
        let sample = Sample {
            duration: u32::try_from(duration).ok()?,
            ..key.sample
        };
        let data = [self.body.slice(key.offset..end)];
        // The number only has to be there: each fragment is read by itself.
        let number = self.msn as u32;
        Some(write_fragment(track_id, number, key.time, &[sample], &data))
    }
}
