//! Playlists as text. Pure: from a rendition's state to bytes.

mod media;
mod multivariant;
mod tags;
mod transport;

pub(super) use media::{Report, media, report};
pub(super) use multivariant::{average, multivariant, peak};
pub use transport::{TransportVariant, transport_multivariant};
