//! The packager: fragments in; Media Segments, Partial Segments and Playlists out.
//!
//! Knows RFC 8216bis (draft-pantos-hls-rfc8216bis-22), nothing else: no ffmpeg, no HTTP, no clock, no logger.
//! Time comes in as an argument, change comes out of [`Packager::poll`], and what readers see is a [`Snapshot`].
//!
//! Invariants, each with a test in `tests/hls_laws.rs`:
//! - the Target Duration and the Part Target Duration are promises made before the first segment (4.4.3.1, 4.4.3.7);
//! - Media Sequence Numbers and Discontinuity Sequence Numbers only grow (6.2.2);
//! - all renditions share Media Sequence Numbers, boundaries and discontinuities (6.2.4);
//! - the Partial Segments of a Media Segment, concatenated, are the Media Segment, byte for byte (3.2);
//! - a URI names its bytes for ever.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod assembler;
mod config;
mod directives;
mod error;
mod missing;
mod name;
mod packager;
mod playlist;
pub mod quirks;
mod rates;
mod rendered;
mod segment;
mod snapshot;
mod window;

pub use config::{Numbers, PackagerConfig, Promise, RenditionConfig, RenditionKind, Timeline};
pub use directives::{DeliveryDirectives, DirectiveError};
pub use error::PackagerError;
pub use name::MediaName;
pub use packager::{Packager, PackagerEvent};
pub use playlist::{TransportVariant, transport_multivariant};
pub use rendered::Rendered;
pub use segment::{GrowingSegment, InitSection, KeyFrame, MediaSegment, PartialSegment, RunStart};
pub use snapshot::{Edge, Readiness, Snapshot};
