//! What ffmpeg fetches through the gateway, as metrics.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::egress::Egress;
use crate::egress::address::CLASSES;

/// Shows what went through the way out.
#[derive(Debug)]
pub struct EgressCollector(Arc<Egress>);

// === impl EgressCollector ===

impl EgressCollector {
    /// Over all leases.
    pub fn new(egress: Arc<Egress>) -> Self {
        Self(egress)
    }
}

impl Collector for EgressCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let counted = self.0.counters().counted();
        let counter = MetricType::Counter;
        let help = "Requests of encoders for what sources consist of, by what came of them.";
        let name = "headgate_egress_requests";
        let mut family = encoder.encode_descriptor(name, help, None, counter)?;
        for (result, count) in [
            ("answered", counted.answered),
            ("failed", counted.failed),
            ("unknown", counted.unknown),
        ] {
            ConstCounter::new(count).encode(family.encode_family(&[("result", result)])?)?;
        }
        let help = "Addresses that nothing is fetched from, each time that one was named.";
        let name = "headgate_egress_refused";
        let mut family = encoder.encode_descriptor(name, help, None, counter)?;
        for (class, count) in CLASSES.into_iter().zip(counted.refused) {
            if class.as_str() != "public" {
                let labels = [("class", class.as_str())];
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        let help = "Bytes of bodies that encoders got from sources.";
        let name = "headgate_egress_received";
        let family = encoder.encode_descriptor(name, help, Some(&Unit::Bytes), counter)?;
        ConstCounter::new(counted.bytes).encode(family)?;
        let help = "Bodies that are on their way from sources to encoders.";
        let family =
            encoder.encode_descriptor("headgate_egress_bodies", help, None, MetricType::Gauge)?;
        ConstGauge::new(i64::try_from(counted.open).unwrap_or(i64::MAX)).encode(family)
    }
}
