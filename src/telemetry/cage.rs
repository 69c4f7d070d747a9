//! The cage of ffmpeg as a metric: how well it holds on this host.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::session::Encoders;

/// What can be said of it, so that each is always present.
const STATES: [&str; 4] = ["enforced", "partial", "none", "unknown"];

/// Shows what the cage is worth.
#[derive(Debug)]
pub struct CageCollector(Arc<Encoders>);

// === impl CageCollector ===

impl CageCollector {
    /// Of what starts encoders.
    pub fn new(encoders: Arc<Encoders>) -> Self {
        Self(encoders)
    }
}

impl Collector for CageCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let report = self.0.cage();
        let now = report.as_ref().map_or("unknown", |report| report.status());
        let help = "1 at how well ffmpeg is caged on this host.";
        let kind = MetricType::Gauge;
        let mut family = encoder.encode_descriptor("headgate_cage", help, None, kind)?;
        for state in STATES {
            let is_so = ConstGauge::new(i64::from(state == now));
            is_so.encode(family.encode_family(&[("state", state)])?)?;
        }
        Ok(())
    }
}
