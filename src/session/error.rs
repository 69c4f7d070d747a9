//! Why a reader does not get what it asked for: kinds, without status codes.

use std::time::Duration;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServeError {
    /// No channel of this name is configured.
    #[error("there is no channel {0:?}")]
    UnknownChannel(String),
    /// The channel has no such rendition.
    #[error("channel {channel:?} has no rendition {rendition:?}")]
    UnknownRendition {
        /// The channel.
        channel: String,
        /// What was asked for.
        rendition: String,
    },
    /// The segment, part or section is not there: it has left the window, or it never was.
    #[error("{0} is not available")]
    NotFound(String),
    /// The client asks for something that it must not.
    #[error("{0}")]
    BadRequest(String),
    /// The channel cannot deliver now; asking again later may help.
    #[error("channel {channel:?} is not available: {reason}")]
    Unavailable {
        /// The channel.
        channel: String,
        /// Why, for people.
        reason: String,
        /// When to ask again.
        retry_after: Duration,
    },
    /// An operator has sent this viewer away.
    #[error("an operator has sent you away from channel {channel:?} for a while")]
    Kicked {
        /// The channel.
        channel: String,
        /// For how much longer.
        retry_after: Duration,
    },
}
