//! The edge over real sockets: what it answers without a running channel, and what it refuses.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "http/control.rs"]
mod control;
#[path = "http/events.rs"]
mod events;
#[path = "http/limits.rs"]
mod limits;
#[path = "http/media.rs"]
mod media;
#[path = "http/openapi.rs"]
mod openapi;
#[path = "http/operators.rs"]
mod operators;
#[path = "http/support.rs"]
mod support;
#[path = "http/web.rs"]
mod web;
