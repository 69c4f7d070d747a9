//! The packager: fragments in; Media Segments, Partial Segments and Playlists out.
//!
//! Knows RFC 8216bis (draft-pantos-hls-rfc8216bis-22), nothing else: no ffmpeg, no HTTP, no clock, no logger.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod directives;
mod rendered;

pub use directives::{DeliveryDirectives, DirectiveError};
pub use rendered::Rendered;
