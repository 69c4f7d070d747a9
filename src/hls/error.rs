//! Why media cannot be packaged. Each is the end of an encoder's run, not of the timeline.

use crate::base::RenditionName;

/// Media that breaks a promise. Nothing of it was published.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PackagerError {
    /// Media came before its initialization section.
    #[error("rendition {rendition}: media arrived before its initialization section")]
    NoInit {
        /// Where.
        rendition: RenditionName,
    },
    /// A rendition's initialization section is not of the kind that was planned.
    #[error("rendition {rendition}: the encoder sent {got} where {expected} was planned")]
    WrongKind {
        /// Where.
        rendition: RenditionName,
        /// What was planned.
        expected: &'static str,
        /// What came.
        got: &'static str,
    },
    /// The initialization section changed without a discontinuity.
    #[error("rendition {rendition}: the initialization section changed in the middle of a stream")]
    InitChanged {
        /// Where.
        rendition: RenditionName,
    },
    /// Decode times do not follow one another.
    #[error(
        "rendition {rendition}: media time jumped from {expected:.3} s to {got:.3} s at segment {msn}: a discontinuity \
         was needed"
    )]
    TimeJump {
        /// Where.
        rendition: RenditionName,
        /// The segment.
        msn: u64,
        /// Seconds.
        expected: f64,
        /// Seconds.
        got: f64,
    },
    /// No key frame came in time to end a segment within its Target Duration.
    #[error(
        "rendition {rendition}: segment {msn} has lasted {seconds:.3} s without a key frame, more than the target \
         duration of {target} s"
    )]
    NoKeyFrame {
        /// Where.
        rendition: RenditionName,
        /// The segment.
        msn: u64,
        /// Its duration so far.
        seconds: f64,
        /// EXT-X-TARGETDURATION.
        target: u64,
    },
    /// A rendition has no key frame where the leading one has a boundary.
    #[error(
        "rendition {rendition}: no key frame at the start of segment {msn}, where the leading rendition has one"
    )]
    Misaligned {
        /// Where.
        rendition: RenditionName,
        /// The segment.
        msn: u64,
    },
    /// A rendition ran far ahead of the leading one, or the leading one stands still.
    #[error(
        "rendition {rendition}: {seconds:.1} s ahead of the leading rendition, which delivers nothing"
    )]
    LeaderStalled {
        /// Where.
        rendition: RenditionName,
        /// How far ahead.
        seconds: f64,
    },
    /// A single sample is longer than a Partial Segment may be.
    #[error(
        "rendition {rendition}: a frame of {seconds:.3} s is longer than a part of {target:.3} s; is the frame rate right?"
    )]
    FrameTooLong {
        /// Where.
        rendition: RenditionName,
        /// The frame's duration.
        seconds: f64,
        /// PART-TARGET.
        target: f64,
    },
}
