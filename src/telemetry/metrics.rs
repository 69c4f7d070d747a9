//! The registry of metrics.
//!
//! Names carry their base unit. Those who count are the rooms that know: each gives a collector, and is asked at each
//! scrape.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text;

/// All metrics of the process.
#[derive(Debug, Default)]
pub struct Registry(prometheus_client::registry::Registry);

// === impl Registry ===

impl Registry {
    /// The metrics of these collectors.
    pub fn new(collectors: Vec<Box<dyn Collector>>) -> Self {
        let mut registry = prometheus_client::registry::Registry::default();
        for collector in collectors {
            registry.register_collector(collector);
        }
        Self(registry)
    }

    /// All metrics now, in OpenMetrics text format 1.0.0.
    pub fn encode(&self) -> String {
        let mut out = String::with_capacity(16 * 1024);
        text::encode(&mut out, &self.0).expect("writing to a String should not fail");
        out
    }
}
