//! What a configuration says about being found, for the task that answers searches.

use std::net::SocketAddr;

use crate::config::Config;
use crate::discovery::{Announced, Discovery};

/// Turns configurations into what is told to who searches.
#[derive(Debug)]
pub struct Announcer {
    discovery: Discovery,
    listen: SocketAddr,
    device_id: u32,
}

// === impl Announcer ===

impl Announcer {
    /// `listen` is where the gateway is bound; `device_id` is the tuner's number if none is configured.
    pub fn new(listen: SocketAddr, device_id: u32) -> Self {
        Self {
            discovery: Discovery::default(),
            listen,
            device_id,
        }
    }

    /// From now on this is told.
    pub fn apply(&self, config: &Config) {
        let spec = &config.hdhomerun;
        self.discovery.apply(Announced {
            id: spec.device_id.unwrap_or(self.device_id),
            name: spec.name.clone(),
            tuners: spec.tuners,
            public_url: config.server.public_url.clone(),
            listen: self.listen,
            discovery: spec.discovery,
            ssdp: spec.ssdp,
        });
    }

    /// Ends all tasks.
    pub async fn drain(&self) {
        self.discovery.drain().await;
    }
}
