//! Sessions as metrics.
//!
//! Nothing is counted here: at each scrape the sessions' reports become samples, so a metric can never disagree with
//! the API. Each sample has the channel's label and at most one more, whose values are a short list.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::session::{SessionMap, SessionReport};

/// The states of a session, so that each is always present.
pub(super) const STATES: [&str; 5] = ["idle", "starting", "active", "stopping", "failed"];

/// Shows sessions as metrics.
#[derive(Debug)]
pub struct SessionCollector(Arc<SessionMap>);

/// What a family of metrics is called.
struct Name<'a> {
    /// Without its unit.
    name: &'a str,
    unit: Option<Unit>,
    help: &'a str,
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
pub(super) struct Samples<'e, 'r>(
    pub(super) DescriptorEncoder<'e>,
    pub(super) &'r [SessionReport],
);

// === impl Samples ===

impl Samples<'_, '_> {
    pub(super) fn encode(mut self) -> fmt::Result {
        self.states()?;
        self.audience()?;
        self.media()?;
        self.sources()?;
        self.restarts()?;
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

    fn audience(&mut self) -> fmt::Result {
        let name = named("headgate_viewers", "Viewers that watch now.");
        self.gauge(name, |r| Some(r.viewers as f64))?;
        let name = named("headgate_sent", "Bytes handed to viewers.");
        self.counter(name.of(Unit::Bytes), |r| r.bytes_sent)?;
        let name = named(
            "headgate_ts_streams",
            "Readers of the MPEG-TS stream without an end.",
        );
        self.gauge(name, |r| Some(r.ts_streams as f64))?;
        let name = named(
            "headgate_ts_segments_remuxed",
            "Segments that were made as MPEG-TS because somebody asked.",
        );
        self.counter(name, |r| r.ts_segments_remuxed)?;
        let name = named(
            "headgate_ts_readers_moved",
            "How often a slow reader of MPEG-TS was moved to the newest random access point.",
        );
        self.counter(name, |r| r.ts_readers_moved)?;
        let name = named(
            "headgate_blocked_requests",
            "Playlist requests that wait for media right now.",
        );
        self.gauge(name, |r| Some(r.blocked_requests as f64))?;
        self.playback()
    }

    /// What players tell, summed up for each channel.
    fn playback(&mut self) -> fmt::Result {
        let name = named(
            "headgate_viewers_reporting",
            "Viewers that watch now whose players tell about their playback (CMCD).",
        );
        self.gauge(name, |r| Some(r.audience.reporting as f64))?;
        let name = named(
            "headgate_viewer_addresses",
            "Addresses that viewers watch from now.",
        );
        self.gauge(name, |r| Some(r.audience.addresses as f64))?;
        let name = named(
            "headgate_viewer_rebuffers",
            "How often players told that their buffer ran dry; starts over with each session.",
        );
        self.counter(name, |r| r.audience.rebuffers)?;
        let name = named(
            "headgate_viewer_buffer",
            "Media in the players' buffers, mean of those that tell.",
        );
        self.gauge(name.of(Unit::Seconds), |r| r.audience.buffer)?;
        let name = named(
            "headgate_viewer_latency",
            "How far players are behind the live edge, mean of those that tell.",
        );
        self.gauge(name.of(Unit::Seconds), |r| r.audience.latency)?;
        let name = named(
            "headgate_viewer_bitrate_bits_per_second",
            "What players play, mean of those that tell.",
        );
        self.gauge(name, |r| r.audience.bitrate.map(|bits| bits as f64))
    }

    fn media(&mut self) -> fmt::Result {
        let name = named(
            "headgate_first_part",
            "Time from the first request to the first Partial Segment.",
        );
        self.gauge(name.of(Unit::Seconds), |r| {
            r.first_part_ms.map(|ms| ms as f64 / 1000.0)
        })?;
        self.part_delays()?;
        let name = named("headgate_media_memory", "Media held in memory.");
        self.gauge(name.of(Unit::Bytes), |r| Some(r.memory_bytes as f64))
    }

    fn part_delays(&mut self) -> fmt::Result {
        let help = "How long after its time on the playlist's clock media was published.";
        let (name, kind) = ("headgate_part_delay", MetricType::Histogram);
        let mut family = self
            .0
            .encode_descriptor(name, help, Some(&Unit::Seconds), kind)?;
        for report in self.1 {
            let delays = &report.part_delays;
            let count = delays.buckets.iter().map(|(_, count)| count).sum();
            let labels = [("channel", report.channel.as_str())];
            family
                .encode_family(&labels)?
                .encode_histogram::<NoLabelSet>(delays.sum, count, &delays.buckets, None)?;
        }
        Ok(())
    }

    fn sources(&mut self) -> fmt::Result {
        let name = named(
            "headgate_slate_on_air",
            "1 while viewers see the slate because no source delivers.",
        );
        self.gauge(name, |r| Some(f64::from(u8::from(r.slate_shown))))?;
        let name = named(
            "headgate_slates_shown",
            "How often the slate was shown because no source delivered.",
        );
        self.counter(name, |r| r.counts.slates_shown)?;
        let name = named(
            "headgate_source_switches",
            "How often viewers were given another source; the slate counts as one.",
        );
        self.counter(name, |r| r.counts.source_switches)?;
        let name = named(
            "headgate_source_losses",
            "How often a source was lost or refused.",
        );
        self.counter(name, |r| r.counts.source_losses)?;
        let name = named(
            "headgate_session_errors",
            "Failures since the session began; starts over with each session.",
        );
        self.counter(name, |r| r.error_count)
    }

    fn restarts(&mut self) -> fmt::Result {
        let help = "Encoders that took the place of another one, by why that was needed.";
        let (name, kind) = ("headgate_encoder_restarts", MetricType::Counter);
        let mut family = self.0.encode_descriptor(name, help, None, kind)?;
        for report in self.1 {
            for restarts in &report.counts.restarts {
                let labels = [
                    ("channel", report.channel.as_str()),
                    ("cause", restarts.cause),
                ];
                ConstCounter::new(restarts.count).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn encoders(&mut self) -> fmt::Result {
        let name = named(
            "headgate_encoder_speed",
            "Media time over wall time of the encoder.",
        );
        self.gauge(name.of(ratio()), |r| r.encoder.as_ref()?.speed)?;
        let name = named(
            "headgate_encoder_cpu",
            "Processor time over wall time of the encoder; 1 is one core.",
        );
        self.gauge(name.of(ratio()), |r| r.encoder.as_ref()?.cpu)?;
        let name = named("headgate_encoder_memory", "Resident memory of the encoder.");
        self.gauge(name.of(Unit::Bytes), |r| {
            r.encoder.as_ref()?.memory.map(|bytes| bytes as f64)
        })
    }

    fn gauge(
        &mut self,
        name: Name<'_>,
        value: impl Fn(&SessionReport) -> Option<f64>,
    ) -> fmt::Result {
        let (kind, unit) = (MetricType::Gauge, name.unit.as_ref());
        let mut family = self.0.encode_descriptor(name.name, name.help, unit, kind)?;
        for report in self.1 {
            if let Some(value) = value(report) {
                let labels = [("channel", report.channel.as_str())];
                ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn counter(&mut self, name: Name<'_>, value: impl Fn(&SessionReport) -> u64) -> fmt::Result {
        let (kind, unit) = (MetricType::Counter, name.unit.as_ref());
        let mut family = self.0.encode_descriptor(name.name, name.help, unit, kind)?;
        for report in self.1 {
            let labels = [("channel", report.channel.as_str())];
            ConstCounter::new(value(report)).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

fn named<'a>(name: &'a str, help: &'a str) -> Name<'a> {
    let unit = None;
    Name { name, unit, help }
}

/// As Prometheus names it: of one thing.
fn ratio() -> Unit {
    Unit::Other("ratio".into())
}

// === impl Name ===

impl Name<'_> {
    fn of(self, unit: Unit) -> Self {
        Self {
            unit: Some(unit),
            ..self
        }
    }
}

#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;
