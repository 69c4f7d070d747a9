//! The gateway as it is shipped: the real binary, the real ffmpeg, real sockets and real players.
//!
//! One test at a time uses the machine: an encoder wants a core for itself, and a test that measures the neighbour's
//! work measures nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(
    clippy::allow_attributes,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "figures are for people"
)]
#[path = "e2e/client.rs"]
mod client;
#[path = "e2e/crashes.rs"]
mod crashes;
#[path = "e2e/crawl.rs"]
mod crawl;
#[path = "e2e/delivery.rs"]
mod delivery;
#[path = "e2e/gateway.rs"]
mod gateway;
#[path = "e2e/hevc.rs"]
mod hevc;
#[path = "e2e/lifecycle.rs"]
mod lifecycle;
#[path = "e2e/players.rs"]
mod players;
#[path = "support/playlist.rs"]
mod playlist;
#[path = "e2e/presentations.rs"]
mod presentations;
#[path = "e2e/sources.rs"]
mod sources;
#[path = "e2e/transport.rs"]
mod transport;
#[path = "e2e/truth.rs"]
mod truth;
#[path = "support/ts_analysers.rs"]
mod ts_analysers;
#[path = "support/ts_reader.rs"]
mod ts_reader;
