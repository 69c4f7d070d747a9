//! Pictures of channels as metrics: counted where they are made.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use crate::session::SessionMap;

/// Shows how many pictures were made.
#[derive(Debug)]
pub struct ThumbnailCollector(Arc<SessionMap>);

// === impl ThumbnailCollector ===

impl ThumbnailCollector {
    /// Over all sessions of the map.
    pub fn new(sessions: Arc<SessionMap>) -> Self {
        Self(sessions)
    }
}

impl Collector for ThumbnailCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let counts = self.0.thumbnail_counts();
        let help = "Pictures of channels that were decoded, by what came of it.";
        let kind = MetricType::Counter;
        let mut family = encoder.encode_descriptor("headgate_thumbnails", help, None, kind)?;
        for (result, count) in [("made", counts.made), ("failed", counts.failed)] {
            ConstCounter::new(count).encode(family.encode_family(&[("result", result)])?)?;
        }
        Ok(())
    }
}
