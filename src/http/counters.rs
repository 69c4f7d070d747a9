//! What the edge counts about itself. Plain atomics on the request's path; names and help only when somebody asks.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use http::StatusCode;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::activity::Overdue;
use super::limits::NoRoom;
use super::route::Route;
use crate::hls::MediaName;

/// What a request was for, as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestKind {
    Multivariant,
    MediaPlaylist,
    Init,
    Segment,
    Part,
    TsMultivariant,
    TsPlaylist,
    TsSegment,
    TsStream,
    KeyFrame,
    KeyFramePlaylist,
    Manifest,
    Thumbnail,
    Time,
    Preflight,
    Xtream,
    Tuner,
    Iptv,
    Debug,
    Api,
    Health,
    Ready,
    Metrics,
    Web,
    Refused,
}

const KINDS: [(RequestKind, &str); 25] = [
    (RequestKind::Multivariant, "multivariant"),
    (RequestKind::MediaPlaylist, "media_playlist"),
    (RequestKind::Init, "init"),
    (RequestKind::Segment, "segment"),
    (RequestKind::Part, "part"),
    (RequestKind::TsMultivariant, "ts_multivariant"),
    (RequestKind::TsPlaylist, "ts_playlist"),
    (RequestKind::TsSegment, "ts_segment"),
    (RequestKind::TsStream, "ts_stream"),
    (RequestKind::KeyFrame, "key_frame"),
    (RequestKind::KeyFramePlaylist, "key_frame_playlist"),
    (RequestKind::Manifest, "manifest"),
    (RequestKind::Thumbnail, "thumbnail"),
    (RequestKind::Time, "time"),
    (RequestKind::Preflight, "preflight"),
    (RequestKind::Xtream, "xtream"),
    (RequestKind::Tuner, "tuner"),
    (RequestKind::Iptv, "iptv"),
    (RequestKind::Debug, "debug"),
    (RequestKind::Api, "api"),
    (RequestKind::Health, "health"),
    (RequestKind::Ready, "ready"),
    (RequestKind::Metrics, "metrics"),
    (RequestKind::Web, "web"),
    (RequestKind::Refused, "refused"),
];

/// The status codes that the edge answers with; the last row is for all others.
const STATUSES: [u16; 21] = [
    200, 202, 204, 206, 302, 304, 400, 401, 403, 404, 405, 408, 413, 414, 416, 421, 429, 431, 500,
    503, 0,
];

/// Why connections were ended, as labels; the order of [`Overdue`].
const OVERDUE: [&str; 5] = ["header", "idle", "write", "answer", "flood"];

/// Why TLS handshakes failed, as labels; the order of [`Handshake`].
const HANDSHAKE_FAILURES: [&str; 2] = ["error", "timeout"];

/// How a TLS handshake failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handshake {
    /// The client left, or both sides have nothing in common.
    Error,
    /// It took too long.
    Timeout,
}

/// All counts of the edge.
#[derive(Debug, Default)]
pub struct Counters {
    requests: [[AtomicU64; STATUSES.len()]; KINDS.len()],
    open_connections: AtomicI64,
    accepted_connections: AtomicU64,
    refused_connections: AtomicU64,
    without_descriptors: AtomicU64,
    accept_errors: AtomicU64,
    overdue_connections: [AtomicU64; OVERDUE.len()],
    handshakes: AtomicU64,
    failed_handshakes: [AtomicU64; HANDSHAKE_FAILURES.len()],
    panics: AtomicU64,
    event_streams: AtomicI64,
}

// === impl RequestKind ===

impl RequestKind {
    pub(crate) fn label(self) -> &'static str {
        KINDS[self as usize].1
    }
}

impl From<Route<'_>> for RequestKind {
    fn from(route: Route<'_>) -> Self {
        match route {
            Route::Multivariant { .. } => Self::Multivariant,
            Route::MediaPlaylist { .. } => Self::MediaPlaylist,
            Route::Media { name, .. } => match name {
                MediaName::Init(_) => Self::Init,
                MediaName::Segment(_) => Self::Segment,
                MediaName::Part(..) => Self::Part,
                MediaName::KeyFrame(_) => Self::KeyFrame,
            },
            Route::TsMultivariant { .. } => Self::TsMultivariant,
            Route::TsPlaylist { .. } => Self::TsPlaylist,
            Route::TsSegment { .. } => Self::TsSegment,
            Route::TsStream { .. } => Self::TsStream,
            Route::KeyFramePlaylist { .. } => Self::KeyFramePlaylist,
            Route::Manifest { .. } => Self::Manifest,
            Route::Thumbnail { .. } => Self::Thumbnail,
            Route::Time => Self::Time,
            Route::Preflight => Self::Preflight,
            Route::Xtream { .. } => Self::Xtream,
            Route::Tuner { .. } => Self::Tuner,
            Route::Iptv => Self::Iptv,
            Route::Debug => Self::Debug,
            Route::Api => Self::Api,
            Route::Health => Self::Health,
            Route::Ready => Self::Ready,
            Route::Metrics => Self::Metrics,
            Route::Web => Self::Web,
            Route::Refused(_) => Self::Refused,
        }
    }
}

// === impl Counters ===

impl Counters {
    pub(crate) fn request(&self, kind: RequestKind, status: StatusCode) {
        let row = STATUSES
            .iter()
            .position(|known| *known == status.as_u16())
            .unwrap_or(STATUSES.len() - 1);
        self.requests[kind as usize][row].fetch_add(1, Relaxed);
    }

    pub(crate) fn connection_opened(&self) {
        self.accepted_connections.fetch_add(1, Relaxed);
        self.open_connections.fetch_add(1, Relaxed);
    }

    pub(crate) fn connection_closed(&self) {
        self.open_connections.fetch_sub(1, Relaxed);
    }

    pub(crate) fn connection_refused(&self, reason: NoRoom) {
        if reason == NoRoom::Descriptors {
            self.without_descriptors.fetch_add(1, Relaxed);
        }
        self.refused_connections.fetch_add(1, Relaxed);
    }

    pub(crate) fn accept_failed(&self) {
        self.accept_errors.fetch_add(1, Relaxed);
    }

    pub(crate) fn connection_overdue(&self, reason: Overdue) {
        self.overdue_connections[reason as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn handshake_done(&self) {
        self.handshakes.fetch_add(1, Relaxed);
    }

    pub(crate) fn handshake_failed(&self, how: Handshake) {
        self.failed_handshakes[how as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn event_stream_opened(&self) {
        self.event_streams.fetch_add(1, Relaxed);
    }

    pub(crate) fn event_stream_closed(&self) {
        self.event_streams.fetch_sub(1, Relaxed);
    }

    pub(crate) fn panicked(&self) {
        self.panics.fetch_add(1, Relaxed);
    }

    fn encode_requests(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut family = encoder.encode_descriptor(
            "headgate_http_requests",
            "Requests that were answered, by what they were for and the status code.",
            None,
            MetricType::Counter,
        )?;
        for (kind, row) in KINDS.iter().zip(&self.requests) {
            for (status, count) in STATUSES.iter().zip(row) {
                let count = count.load(Relaxed);
                if count > 0 {
                    let status = if *status == 0 {
                        "other".into()
                    } else {
                        status.to_string()
                    };
                    let labels = [("kind", kind.1), ("status", status.as_str())];
                    ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
                }
            }
        }
        Ok(())
    }

    fn encode_overdue(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut family = encoder.encode_descriptor(
            "headgate_http_overdue_connections",
            "Connections that were closed because a deadline passed (header, idle, write, answer) or that flooded the gateway.",
            None,
            MetricType::Counter,
        )?;
        for (reason, count) in OVERDUE.iter().zip(&self.overdue_connections) {
            let labels = [("deadline", *reason)];
            ConstCounter::new(count.load(Relaxed)).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn encode_handshakes(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut family = encoder.encode_descriptor(
            "headgate_tls_handshake_failures",
            "TLS handshakes that came to nothing: error or timeout.",
            None,
            MetricType::Counter,
        )?;
        for (reason, count) in HANDSHAKE_FAILURES.iter().zip(&self.failed_handshakes) {
            let labels = [("reason", *reason)];
            ConstCounter::new(count.load(Relaxed)).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

impl Collector for Counters {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.encode_requests(&mut encoder)?;
        self.encode_overdue(&mut encoder)?;
        self.encode_handshakes(&mut encoder)?;
        let open = ConstGauge::new(self.open_connections.load(Relaxed));
        open.encode(encoder.encode_descriptor(
            "headgate_http_connections",
            "Connections that are open now.",
            None,
            MetricType::Gauge,
        )?)?;
        let streams = ConstGauge::new(self.event_streams.load(Relaxed));
        streams.encode(encoder.encode_descriptor(
            "headgate_event_streams",
            "Readers of the event stream that are connected now.",
            None,
            MetricType::Gauge,
        )?)?;
        let totals = [
            (
                "headgate_http_accepted_connections",
                "Connections that were accepted.",
                &self.accepted_connections,
            ),
            (
                "headgate_http_refused_connections",
                "Connections that were refused because of a connection limit.",
                &self.refused_connections,
            ),
            (
                "headgate_http_out_of_descriptors",
                "Connections that were refused because the last file descriptors are kept for channels.",
                &self.without_descriptors,
            ),
            (
                "headgate_tls_handshakes",
                "TLS handshakes that were completed.",
                &self.handshakes,
            ),
            (
                "headgate_http_accept_errors",
                "Times that accepting a connection failed, for instance for want of file descriptors.",
                &self.accept_errors,
            ),
            (
                "headgate_http_panics",
                "Requests that ended in a panic and were answered with 500.",
                &self.panics,
            ),
        ];
        for (name, help, count) in totals {
            let count = ConstCounter::new(count.load(Relaxed));
            count.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labels_stand_in_the_order_of_the_kinds() {
        for (index, (kind, _)) in KINDS.iter().enumerate() {
            assert_eq!(*kind as usize, index);
        }
        assert_eq!(OVERDUE[Overdue::Head as usize], "header");
        assert_eq!(OVERDUE[Overdue::Idle as usize], "idle");
        assert_eq!(OVERDUE[Overdue::Write as usize], "write");
        assert_eq!(OVERDUE[Overdue::Answer as usize], "answer");
        assert_eq!(OVERDUE[Overdue::Flood as usize], "flood");
        assert_eq!(HANDSHAKE_FAILURES[Handshake::Error as usize], "error");
        assert_eq!(HANDSHAKE_FAILURES[Handshake::Timeout as usize], "timeout");
    }

    #[test]
    fn counts_are_exposed_with_their_labels() {
        let counters = std::sync::Arc::new(Counters::default());
        counters.request(RequestKind::Part, StatusCode::OK);
        counters.request(RequestKind::Part, StatusCode::IM_A_TEAPOT);
        counters.connection_opened();
        counters.connection_overdue(Overdue::Write);
        let mut registry = prometheus_client::registry::Registry::default();
        registry.register_collector(Box::new(counters));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "headgate_http_requests_total{kind=\"part\",status=\"200\"} 1",
            "headgate_http_requests_total{kind=\"part\",status=\"other\"} 1",
            "headgate_http_connections 1",
            "headgate_http_overdue_connections_total{deadline=\"write\"} 1",
            "headgate_http_refused_connections_total 0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }
}
