//! Operators' access over real sockets: who is served where, by which token and role, by which name, and what is kept
//! of what they change.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

#[path = "operators/access.rs"]
mod access;
#[path = "operators/audited.rs"]
mod audited;
#[path = "operators/commands.rs"]
mod commands;
#[path = "operators/gateway.rs"]
mod gateway;
#[path = "operators/routes.rs"]
mod routes;
