//! A configuration that changes under a running gateway: the right one is in force soon, a bad one never is, and
//! channels that did not change do not notice.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

#[path = "config_live/edits.rs"]
mod edits;
#[expect(dead_code, reason = "each suite uses a part of it")]
#[path = "config_live/gateway.rs"]
mod gateway;
#[path = "config_live/sessions.rs"]
mod sessions;
