//! The data model of the room: what comes out of a stream and goes back into fragments.

use bytes::Bytes;

/// An initialization section (ftyp and moov) and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaInitializationSection {
    /// ftyp and moov as they are served.
    pub bytes: Bytes,
    /// The track's identifier in each traf.
    pub track_id: u32,
    /// Ticks a second of the track's media time; never zero.
    pub timescale: u32,
    /// RFC 6381 codec string, for CODECS.
    pub codec: String,
    /// Picture or sound.
    pub format: MediaFormat,
}

/// What a track carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaFormat {
    /// Pictures.
    Video(VideoFormat),
    /// Sound.
    Audio(AudioFormat),
}

/// The pictures of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoFormat {
    /// Display width in pixels.
    pub width: u32,
    /// Display height in pixels.
    pub height: u32,
}

/// The sound of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioFormat {
    /// Samples a second.
    pub sample_rate: u32,
    /// How many channels.
    pub channels: u16,
}

/// One sample (access unit) of a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// In ticks of the track.
    pub duration: u32,
    /// In bytes.
    pub size: u32,
    /// Composition time minus decode time, in ticks.
    pub composition_offset: i32,
    /// A random access point.
    pub is_sync: bool,
}

/// One moof and its mdat: samples of the one track, in decode order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// Decode time of the first sample, in ticks of the track (tfdt).
    pub base_decode_time: u64,
    /// At least one.
    pub samples: Vec<Sample>,
    /// The samples' bytes, one after the other; its length is the sum of the sizes.
    pub data: Bytes,
}

/// What came out of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaEvent {
    /// The stream's initialization section; always before the first fragment.
    Init(MediaInitializationSection),
    /// A whole fragment.
    Fragment(Fragment),
}
