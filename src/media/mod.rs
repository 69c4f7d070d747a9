//! Containers: bytes of fragmented MP4 into whole fragments, and samples back into fragments.
//!
//! Knows ISO BMFF (ISO/IEC 14496-12) and CMAF (ISO/IEC 23000-19). Does not know HLS, ffmpeg or time of day.
//! One stream carries one track: that is how the encoder is told to write.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod fragment;

pub use fragment::{
    AudioFormat, Fragment, FragmentReader, MediaError, MediaEvent, MediaFormat,
    MediaInitializationSection, Sample, VideoFormat, write_fragment,
};
