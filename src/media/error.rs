//! Why bytes are not a fragmented MP4 stream that Headgate can use. Each error names the box and where in the
//! stream it began, so that a person can look at it in a dump.

use std::fmt;

/// The four characters that name a box or a sample entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BoxType(pub [u8; 4]);

/// A box of a stream, for errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoxPosition {
    /// The box's type.
    pub box_type: BoxType,
    /// Bytes of the stream before the box's first byte.
    pub offset: u64,
}

/// Why bytes are not a fragmented MP4 stream that Headgate can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// A size of zero ("to the end of the file"): a live stream has no end to wait for.
    #[error("{at} has no end (size 0): a stream needs boxes of known size")]
    OpenEnded {
        /// The box.
        at: BoxPosition,
    },
    /// The size is less than the box's own header.
    #[error("{at} claims {size} bytes, less than its own header")]
    TooSmall {
        /// The box.
        at: BoxPosition,
        /// The size as written, in bytes.
        size: u64,
    },
    /// More than the reader is willing to hold.
    #[error("{at} claims {size} bytes; the limit for this box is {limit}")]
    TooLarge {
        /// The box.
        at: BoxPosition,
        /// The size as written, in bytes.
        size: u64,
        /// The most that is accepted, in bytes.
        limit: u64,
    },
    /// A box ends after the box that holds it.
    #[error("{at} claims {size} bytes, but the box around it has only {available} left")]
    Overrun {
        /// The inner box.
        at: BoxPosition,
        /// The size as written, in bytes.
        size: u64,
        /// What the outer box has left, in bytes.
        available: u64,
    },
    /// A box that must be there is not.
    #[error("{at} has no '{missing}' box")]
    Missing {
        /// The box that lacks it.
        at: BoxPosition,
        /// What is missing.
        missing: BoxType,
    },
    /// A box that may be there once is there twice.
    #[error("{at} is the second of its kind where only one may stand")]
    Duplicate {
        /// The second box.
        at: BoxPosition,
    },
    /// The box's fields make no sense.
    #[error("{at} cannot be read: {reason}")]
    Unreadable {
        /// The box.
        at: BoxPosition,
        /// What is wrong with it.
        reason: String,
    },
    /// Headgate reads one track a stream.
    #[error("{at} holds {count} tracks; a stream must carry exactly one")]
    TrackCount {
        /// The moov or moof.
        at: BoxPosition,
        /// How many it holds.
        count: usize,
    },
    /// A fragment of a track that moov does not announce.
    #[error("{at} is of track {found}; the stream's track is {expected}")]
    UnknownTrack {
        /// The tfhd or trex.
        at: BoxPosition,
        /// The track of the moov.
        expected: u32,
        /// The track of the box.
        found: u32,
    },
    /// Ticks a second of zero.
    #[error("{at} has timescale 0: its times mean nothing")]
    ZeroTimescale {
        /// The mdhd.
        at: BoxPosition,
    },
    /// The moov carries samples itself: an ordinary, not a fragmented, file.
    #[error("{at} lists {count} entries: write a fragmented stream, whose moov has no samples")]
    SamplesInMoov {
        /// The sample table.
        at: BoxPosition,
        /// How many entries it has.
        count: u32,
    },
    /// An edit list moves the track in time. Players differ in obeying it, so renditions would drift apart.
    #[error("{at} shifts the track in time: write the stream without an edit list")]
    EditList {
        /// The elst.
        at: BoxPosition,
    },
    /// The media's bytes are said to be in another file.
    #[error("{at} points to another file; the media must be in the stream itself")]
    ExternalData {
        /// The data reference.
        at: BoxPosition,
    },
    /// A stsd with more than one sample entry, or a fragment that asks for another than the first.
    #[error("{at} uses sample entry {index}; a stream must have exactly one")]
    SampleEntryCount {
        /// The stsd, trex or tfhd.
        at: BoxPosition,
        /// The count, or the index (from 1) that was asked for.
        index: u32,
    },
    /// A coding that Headgate has no codec string for.
    #[error("sample entry {at} is of a coding that is not supported")]
    UnknownSampleEntry {
        /// The sample entry.
        at: BoxPosition,
    },
    /// Media came before the initialization section.
    #[error("{at} came before the stream's moov")]
    BeforeMoov {
        /// The moof or mdat.
        at: BoxPosition,
    },
    /// The moov came without its ftyp.
    #[error("{at} came before the stream's ftyp")]
    BeforeFtyp {
        /// The moov.
        at: BoxPosition,
    },
    /// Media data that no moof describes.
    #[error("{at} has no moof before it that says what is in it")]
    OrphanMediaData {
        /// The mdat.
        at: BoxPosition,
    },
    /// A moof whose mdat never came.
    #[error("{at} came where the media data of the moof before it should be")]
    NoMediaData {
        /// The box that came instead.
        at: BoxPosition,
    },
    /// A fragment without samples.
    #[error("{at} describes no samples")]
    NoSamples {
        /// The traf.
        at: BoxPosition,
    },
    /// More samples in a fragment than any real one has.
    #[error("{at} describes more than {limit} samples in one fragment")]
    TooManySamples {
        /// The trun.
        at: BoxPosition,
        /// The most that is accepted.
        limit: usize,
    },
    /// The samples are said to be elsewhere than the media data is.
    #[error(
        "{at}: samples should begin at byte {expected} of the stream, but are said to be at {found}"
    )]
    DataOffset {
        /// The mdat or trun.
        at: BoxPosition,
        /// Where they must be.
        expected: u64,
        /// Where the run says they are; negative is before the stream's first byte.
        found: i128,
    },
    /// The samples' sizes do not add up to the media data.
    #[error("{at} has {found} bytes of media, but the sizes of its samples add up to {expected}")]
    DataSize {
        /// The mdat.
        at: BoxPosition,
        /// The sum of the samples' sizes.
        expected: u64,
        /// The mdat's own, without its header.
        found: u64,
    },
    /// A copied track goes on with what its decoder cannot read.
    #[error("its pictures are not {codec} any more: the source's codec has changed")]
    OtherCodec {
        /// What the track announces.
        codec: &'static str,
    },
    /// A copied track goes on with pictures that its initialization section does not describe.
    #[error("its pictures have another format: the source has changed their size or profile")]
    OtherFormat,
}

// === impl BoxType ===

impl fmt::Display for BoxType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}

impl fmt::Debug for BoxType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{self}'")
    }
}

// === impl BoxPosition ===

impl fmt::Display for BoxPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' at byte {}", self.box_type, self.offset)
    }
}
