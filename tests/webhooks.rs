//! Webhooks against real receivers: what they are sent, and what happens when they do not behave.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

#[path = "webhooks/deliveries.rs"]
mod deliveries;
#[path = "webhooks/receiver.rs"]
mod receiver;
#[path = "webhooks/troubles.rs"]
mod troubles;
