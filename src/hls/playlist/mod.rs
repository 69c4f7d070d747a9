//! Playlists as text. Pure: from a rendition's state to bytes.

mod key_frames;
mod media;
mod multivariant;
mod tags;
mod transport;

pub(super) use media::{Report, media, report};
pub(super) use multivariant::{average, multivariant};
pub use transport::{TransportVariant, transport_multivariant};
