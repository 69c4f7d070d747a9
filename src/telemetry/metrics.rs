//! The registry of metrics, and sessions as metrics.
//!
//! Nothing is counted here: at each scrape the sessions' reports become samples, so a metric can never disagree with
//! the API. Names carry their base unit; counters of a session start over with the next session of its channel, as
//! Prometheus expects of a restart.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::session::{SessionMap, SessionReport};

/// The states of a session, so that each is always present.
const STATES: [&str; 5] = ["idle", "starting", "active", "stopping", "failed"];

/// All metrics of the process.
#[derive(Debug, Default)]
pub struct Registry(prometheus_client::registry::Registry);

/// Shows sessions as metrics.
#[derive(Debug)]
pub struct SessionCollector(Arc<SessionMap>);

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

// === impl SessionCollector ===

impl SessionCollector {
    /// Over all sessions of the map.
    pub fn new(sessions: Arc<SessionMap>) -> Self {
        Self(sessions)
    }
}

impl Collector for SessionCollector {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        Samples(encoder, &self.0.reports()).encode()
    }
}

/// The encoding of one scrape.
struct Samples<'e, 'r>(DescriptorEncoder<'e>, &'r [SessionReport]);

// === impl Samples ===

impl Samples<'_, '_> {
    fn encode(mut self) -> fmt::Result {
        self.states()?;
        self.media()?;
        self.encoders()
    }

    fn states(&mut self) -> fmt::Result {
        let help = "Channels with a session, by the session's state.";
        let kind = MetricType::Gauge;
        let mut family = self
            .0
            .encode_descriptor("headgate_sessions", help, None, kind)?;
        for state in STATES {
            let count = self.1.iter().filter(|report| report.state == state).count();
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            ConstGauge::new(count).encode(family.encode_family(&[("state", state)])?)?;
        }
        Ok(())
    }

    fn media(&mut self) -> fmt::Result {
        self.gauge("headgate_viewers", "Viewers that watch now.", |r| {
            Some(r.viewers as f64)
        })?;
        self.counter("headgate_sent_bytes", "Bytes handed to viewers.", |r| {
            Some(r.bytes_sent)
        })?;
        self.gauge(
            "headgate_blocked_requests",
            "Playlist requests that wait for media right now.",
            |r| Some(r.blocked_requests as f64),
        )?;
        self.gauge(
            "headgate_first_part_seconds",
            "Time from the first request to the first Partial Segment.",
            |r| r.first_part_ms.map(|ms| ms as f64 / 1000.0),
        )?;
        self.gauge(
            "headgate_media_memory_bytes",
            "Media held in memory.",
            |r| Some(r.memory_bytes as f64),
        )?;
        self.counter(
            "headgate_session_errors",
            "Failures since the session began.",
            |r| Some(r.error_count),
        )
    }

    fn encoders(&mut self) -> fmt::Result {
        self.gauge(
            "headgate_encoder_speed_ratio",
            "Media time over wall time of the encoder.",
            |r| r.encoder.as_ref()?.speed,
        )?;
        self.gauge(
            "headgate_encoder_cpu_ratio",
            "Processor time over wall time of the encoder; 1 is one core.",
            |r| r.encoder.as_ref()?.cpu,
        )?;
        self.gauge(
            "headgate_encoder_memory_bytes",
            "Resident memory of the encoder.",
            |r| r.encoder.as_ref()?.memory.map(|bytes| bytes as f64),
        )?;
        self.counter(
            "headgate_encoder_restarts",
            "How often the encoder was started again.",
            |r| r.encoder.as_ref().map(|encoder| encoder.restarts),
        )
    }

    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        value: impl Fn(&SessionReport) -> Option<f64>,
    ) -> fmt::Result {
        let mut family = self
            .0
            .encode_descriptor(name, help, None, MetricType::Gauge)?;
        for report in self.1 {
            if let Some(value) = value(report) {
                let labels = [("channel", report.channel.as_str())];
                ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn counter(
        &mut self,
        name: &str,
        help: &str,
        value: impl Fn(&SessionReport) -> Option<u64>,
    ) -> fmt::Result {
        let mut family = self
            .0
            .encode_descriptor(name, help, None, MetricType::Counter)?;
        for report in self.1 {
            if let Some(value) = value(report) {
                let labels = [("channel", report.channel.as_str())];
                ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
