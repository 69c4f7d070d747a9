//! Headgate is a live HLS streaming gateway.
//!
//! The first viewer of a channel starts one ffmpeg for it; its output is packaged in memory into Low-Latency HLS
//! and shared by all viewers; when the last one has left and a grace period has passed, the channel stops.
//!
//! `ARCHITECTURE.md` shows the rooms and which may use which; `tests/architecture.rs` holds the code to it.

pub mod access;
pub mod app;
pub mod audit;
pub mod base;
pub mod cage;
pub mod cli;
pub mod client;
pub mod commands;
pub mod config;
pub mod dash;
pub mod discovery;
pub mod egress;
pub mod encoder;
pub mod events;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod guide;
pub mod hls;
pub mod http;
pub mod iptv;
pub mod media;
pub mod pressure;
pub mod security;
pub mod session;
pub mod story;
pub mod telemetry;
pub mod tls;
pub mod webhook;
