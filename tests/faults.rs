//! Everything that can go wrong with a source or an encoder, under the eyes of viewers who believe nothing: it is
//! noticed in time, what is published stays right, and the session says what happened.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(
    clippy::allow_attributes,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "figures are for people"
)]

#[path = "support/checker.rs"]
mod checker;
#[expect(dead_code, reason = "these tests use a part of it")]
#[path = "e2e/client.rs"]
mod client;
#[path = "faults/codecs.rs"]
mod codecs;
#[path = "faults/failover.rs"]
mod failover;
#[path = "e2e/gateway.rs"]
mod gateway;
#[path = "faults/isolation.rs"]
mod isolation;
#[path = "faults/kills.rs"]
mod kills;
#[path = "faults/observed.rs"]
mod observed;
#[path = "support/playlist.rs"]
mod playlist;
#[path = "faults/scripted.rs"]
mod scripted;
#[path = "support/source_server.rs"]
mod source_server;
#[path = "faults/table.rs"]
mod table;
#[path = "support/transport.rs"]
mod transport;
