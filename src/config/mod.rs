//! From `channels.toml` to a validated [`Config`].
//!
//! Three types, three meanings: what was *written* (`file`), what it *means* ([`model`]) and what was *wrong*
//! ([`ConfigError`]). Nothing here starts, listens or watches.

pub mod model;

pub use model::{
    ChannelSpec, Config, LadderSpec, Rung, RungVideo, ServerConfig, SourceKind, SourceSpec,
};
