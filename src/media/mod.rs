//! Containers: bytes of fragmented MP4 into whole fragments, and samples back into fragments or into MPEG transport
//! streams.
//!
//! Knows ISO BMFF (ISO/IEC 14496-12), CMAF (ISO/IEC 23000-19) and MPEG-TS (ISO/IEC 13818-1). Does not know HLS, ffmpeg or time of day.
//! One stream carries one track: that is how the encoder is told to write.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod boxes;
mod codec;
mod error;
mod fragment;
mod init;
mod moof;
mod pictures;
mod reader;
mod sample_entry;
pub mod ts;
mod writer;

pub use error::{BoxPosition, BoxType, MediaError};
pub use fragment::{
    AudioFormat, Fragment, MediaEvent, MediaFormat, MediaInitializationSection, Sample, VideoFormat,
};
pub use pictures::PictureCheck;
pub use reader::{FragmentReader, read_fragment};
pub use writer::write_fragment;
