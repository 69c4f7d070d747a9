//! TLS over real sockets: handshakes, HTTP/2, certificates that are exchanged and certificates that are ordered.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "tls/acme.rs"]
mod acme;
#[path = "tls/client.rs"]
mod client;
#[expect(dead_code, reason = "each suite uses a part of it")]
#[path = "config_live/gateway.rs"]
mod gateway;
#[path = "tls/handshakes.rs"]
mod handshakes;
#[path = "tls/http2.rs"]
mod http2;
#[path = "tls/made.rs"]
mod made;
#[path = "tls/swap.rs"]
mod swap;
