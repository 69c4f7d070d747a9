//! One running channel: state machine, actor, leases, published window; and the map of all.
//!
//! Does not know that HTTP exists: readers ask for playlists and media by name and get bytes or a kind of error.
//!
//! A session has one writer, its [`actor`], which owns the encoder, the packager and the state. Everybody else reads
//! what it publishes. Invariants: at most one encoder a channel at any time; an idle session holds no media and runs
//! no task; numbers of a later run are above those of an earlier one.

mod actor;
mod admission;
mod attempt;
mod cmcd;
mod door;
mod encoding;
mod error;
mod facts;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod growing;
mod handle;
mod key;
mod kicked;
mod known;
mod launch;
mod ledger;
mod manifest;
mod map;
mod past;
mod playback;
mod presence;
mod promise;
mod publish;
mod reconfigure;
mod remembered;
mod report;
mod run;
mod slot;
mod sources;
pub mod state;
mod status;
mod symptoms;
mod sync;
mod tell;
mod thumbnail;
mod transport;
mod viewers;

pub use admission::StartCounts;
pub use cmcd::Cmcd;
pub use error::ServeError;
pub use growing::{GrowingReader, Unfinished};
pub use handle::{Resource, Session};
pub use launch::{Encoders, FindFfmpeg, LaunchError};
pub use ledger::Ledger;
pub use map::SessionMap;
pub use playback::{AudienceReport, PlaybackReport};
pub use report::{
    CountsReport, DelayReport, EncoderReport, HistoryEntry, HoldReport, NextReport,
    RenditionReport, RestartsReport, SessionReport, SourceReport, ViewerReport, WindowReport,
    state_names,
};
pub use thumbnail::{Picture, Sitting, ThumbnailCounts};
pub use transport::TransportStream;
pub use viewers::Viewer;
