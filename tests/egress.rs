//! The way out: what a stranger's server can make ffmpeg and the gateway do. Nothing but what is allowed.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

#[path = "egress/relay.rs"]
mod relay;
#[path = "egress/secure.rs"]
mod secure;
#[path = "egress/server.rs"]
mod server;
#[path = "egress/tricks.rs"]
mod tricks;
