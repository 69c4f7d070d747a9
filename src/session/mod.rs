//! One running channel: state machine, actor, leases, published window; and the map of all.
//!
//! Does not know that HTTP exists: readers ask for playlists and media by name and get bytes or a kind of error.

mod error;
mod map;
mod report;

pub use error::ServeError;
pub use map::{MediaName, Resource, Session, SessionMap, Viewer};
pub use report::{
    EncoderReport, HistoryEntry, RenditionReport, SessionReport, ViewerReport, WindowReport,
};
