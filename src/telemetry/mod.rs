//! Logging and metrics: what leaves the process about itself.
//!
//! Belongs here: the subscriber, the registry of metrics and what sessions look like in it. Other rooms write
//! `tracing` events, and give collectors of their own counts to the [`Registry`]; none of them knows this room.

mod cage;
mod certificates;
mod egress;
mod load;
mod log;
mod metrics;
mod operators;
mod reloads;
mod sessions;
mod thumbnails;

pub use cage::CageCollector;
pub use certificates::CertificateCollector;
pub use egress::EgressCollector;
pub use load::LoadCollector;
pub use log::{InitError, LogFormat, init};
pub use metrics::Registry;
pub use operators::OperatorCollector;
pub use reloads::Reloads;
pub use sessions::SessionCollector;
pub use thumbnails::ThumbnailCollector;
