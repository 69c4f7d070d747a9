//! What the machine has left and which starts were refused, as metrics.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::pressure::{Resource, Standing};
use crate::session::SessionMap;

/// Shows pressure and starts as metrics.
#[derive(Debug)]
pub struct LoadCollector(Arc<SessionMap>);

// === impl LoadCollector ===

impl LoadCollector {
    /// Over the sessions of the map.
    pub fn new(sessions: Arc<SessionMap>) -> Self {
        Self(sessions)
    }

    fn pressure(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let standing: Vec<(&str, Standing)> = Resource::ALL
            .into_iter()
            .map(|resource| (resource.label(), self.0.pressure().standing(resource)))
            .collect();
        let help =
            "What is in use of the machine or of the control group, by resource, from 0 to 1.";
        let gauge = MetricType::Gauge;
        let ratio = Unit::Other("ratio".to_owned());
        let mut family =
            encoder.encode_descriptor("headgate_resource_use", help, Some(&ratio), gauge)?;
        for (resource, standing) in &standing {
            if let Some(used) = standing.used {
                let labels = [("resource", *resource)];
                ConstGauge::new(used / 100.0).encode(family.encode_family(&labels)?)?;
            }
        }
        let help = "1 while no channel is started because a resource is short.";
        let mut family = encoder.encode_descriptor("headgate_shedding", help, None, gauge)?;
        for (resource, standing) in &standing {
            let labels = [("resource", *resource)];
            let sheds = i64::from(standing.sheds);
            ConstGauge::new(sheds).encode(family.encode_family(&labels)?)?;
        }
        let help = "How often starts were stopped because a resource was short.";
        let counter = MetricType::Counter;
        let mut family = encoder.encode_descriptor("headgate_sheddings", help, None, counter)?;
        for (resource, standing) in &standing {
            let labels = [("resource", *resource)];
            ConstCounter::new(standing.sheddings).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn starts(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let counts = self.0.start_counts();
        let gauges = [
            (
                "headgate_starts_running",
                "Channels that start now, of those that may at once.",
                counts.starting,
            ),
            (
                "headgate_starts_waiting",
                "Channels that wait for their turn to start.",
                counts.waiting,
            ),
        ];
        for (name, help, count) in gauges {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            let kind = MetricType::Gauge;
            ConstGauge::new(count).encode(encoder.encode_descriptor(name, help, None, kind)?)?;
        }
        let help = "Starts that were refused, by what there was too much of: sessions, memory, pressure or starts.";
        let kind = MetricType::Counter;
        let mut family = encoder.encode_descriptor("headgate_starts_refused", help, None, kind)?;
        for (reason, count) in counts.refused {
            let labels = [("reason", reason)];
            ConstCounter::new(count as u64).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

impl Collector for LoadCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.pressure(&mut encoder)?;
        self.starts(&mut encoder)
    }
}
