//! What became of attempts to put another configuration in force, as metrics.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::config::ConfigHolder;

/// Counts configurations that were read again.
#[derive(Debug)]
pub struct Reloads {
    holder: Arc<ConfigHolder>,
    applied: AtomicU64,
    refused: AtomicU64,
}

// === impl Reloads ===

impl Reloads {
    /// Nothing has been read again yet.
    pub fn new(holder: Arc<ConfigHolder>) -> Arc<Self> {
        Arc::new(Self {
            holder,
            applied: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// Another configuration is in force.
    pub fn applied(&self) {
        self.applied.fetch_add(1, Relaxed);
    }

    /// What was read is wrong, and the one before stays in force.
    pub fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }
}

impl Collector for Reloads {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Configurations that were read again, by what became of them.";
        let kind = MetricType::Counter;
        let mut family = encoder.encode_descriptor("headgate_config_reloads", help, None, kind)?;
        for (result, count) in [("applied", &self.applied), ("refused", &self.refused)] {
            let count = ConstCounter::new(count.load(Relaxed));
            count.encode(family.encode_family(&[("result", result)])?)?;
        }
        let standing = self.holder.standing();
        let help = "1 while the configuration's file is refused and an older one stays in force.";
        let kind = MetricType::Gauge;
        let refused = ConstGauge::new(i64::from(standing.refused.is_some()));
        refused.encode(encoder.encode_descriptor(
            "headgate_config_refused",
            help,
            None,
            kind,
        )?)?;
        let help = "Since when the configuration is in force, in seconds of Unix time.";
        let name = "headgate_config_in_force_timestamp";
        let since = ConstGauge::new(standing.since.as_second());
        since.encode(encoder.encode_descriptor(name, help, Some(&Unit::Seconds), kind)?)
    }
}
