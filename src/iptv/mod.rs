//! What IPTV front ends read: channel lists, guides, a network tuner and the Xtream Codes API, as pure text.
//!
//! Belongs here: the formats, in and out, and what front ends are known to make of them. Does not belong here: which
//! URL answers with what (`http`), where guides are fetched (`guide`), sockets (`discovery`).
//!
//! Everything that comes in was written by strangers: names are text and nothing else, sizes are bounded, and nothing
//! that is read here can end a line, an attribute or an element of what is written.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod discovery;
pub mod hdhomerun;
pub mod import;
pub mod lineup;
pub mod m3u;
pub mod playlist;
pub mod programme;
pub mod ssdp;
pub mod xmltv;
pub mod xmltv_reader;
mod xmltv_values;
pub mod xtream;

pub use lineup::{Lineup, LineupEntry};
pub use programme::{Guide, Programme};
