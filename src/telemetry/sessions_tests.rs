//! What a scrape says, read back line by line.

use std::collections::HashMap;

use uuid::Uuid;

use super::*;
use crate::session::{AudienceReport, CountsReport, DelayReport, EncoderReport, RestartsReport};
use crate::telemetry::Registry;

/// Given reports as a collector.
#[derive(Debug)]
struct Given(Vec<SessionReport>);

impl Collector for Given {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        Samples(encoder, &self.0).encode()
    }
}

fn report(channel: &str, state: &'static str) -> SessionReport {
    SessionReport {
        id: Uuid::nil(),
        channel: channel.into(),
        state,
        reason: String::new(),
        started_at: String::new(),
        last_access: None,
        idle_for: 0.0,
        held_until: None,
        viewers: 3,
        audience: AudienceReport {
            addresses: 2,
            reporting: 1,
            rebuffers: 6,
            buffer: Some(2.5),
            bitrate: Some(800_000),
            ..AudienceReport::default()
        },
        source: String::new(),
        error_count: 2,
        last_error: None,
        on_air: None,
        slate: None,
        encoder: Some(EncoderReport {
            pid: 7,
            cage: "enforced",
            speed: Some(1.01),
            fps: None,
            restarts: 4,
            cpu: None,
            memory: Some(1 << 20),
            last_lines: Vec::new(),
        }),
        renditions: Vec::new(),
        first_part_ms: Some(850),
        memory_bytes: 1 << 30,
        bytes_sent: 1 << 40,
        ts_streams: 0,
        ts_segments_remuxed: 0,
        ts_readers_moved: 0,
        blocked_requests: 5,
        sources: Vec::new(),
        slate_shown: state == "starting",
        next: Vec::new(),
        counts: CountsReport {
            source_switches: 6,
            source_losses: 7,
            slates_shown: 8,
            restarts: vec![RestartsReport {
                cause: "silent",
                count: 9,
            }],
        },
        history: Vec::new(),
        part_delays: DelayReport {
            buckets: vec![(0.5, 3), (1.0, 0), (f64::INFINITY, 2)],
            sum: 7.25,
        },
    }
}

/// Samples by name and labels.
fn parse(text: &str) -> HashMap<String, f64> {
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        (name.to_owned(), value.parse().expect("a number"))
    };
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(sample)
        .collect()
}

#[test]
fn sessions_are_samples_with_units() {
    let reports = vec![report("news", "active"), report("testcard", "starting")];
    let registry = Registry::new(vec![Box::new(Given(reports))]);
    let samples = parse(&registry.encode());
    for (name, value) in [
        ("headgate_sessions{state=\"active\"}", 1.0),
        ("headgate_sessions{state=\"failed\"}", 0.0),
        ("headgate_viewers{channel=\"news\"}", 3.0),
        ("headgate_viewers_reporting{channel=\"news\"}", 1.0),
        ("headgate_viewer_addresses{channel=\"news\"}", 2.0),
        ("headgate_viewer_rebuffers_total{channel=\"news\"}", 6.0),
        ("headgate_viewer_buffer_seconds{channel=\"news\"}", 2.5),
        (
            "headgate_sent_bytes_total{channel=\"news\"}",
            1.099_511_627_776e12,
        ),
        ("headgate_blocked_requests{channel=\"news\"}", 5.0),
        ("headgate_first_part_seconds{channel=\"testcard\"}", 0.85),
        (
            "headgate_media_memory_bytes{channel=\"news\"}",
            1_073_741_824.0,
        ),
        ("headgate_session_errors_total{channel=\"news\"}", 2.0),
        ("headgate_encoder_speed_ratio{channel=\"news\"}", 1.01),
        (
            "headgate_encoder_memory_bytes{channel=\"news\"}",
            1_048_576.0,
        ),
        (
            "headgate_encoder_restarts_total{channel=\"news\",cause=\"silent\"}",
            9.0,
        ),
        ("headgate_slate_on_air{channel=\"news\"}", 0.0),
        ("headgate_slate_on_air{channel=\"testcard\"}", 1.0),
        ("headgate_source_switches_total{channel=\"news\"}", 6.0),
        ("headgate_source_losses_total{channel=\"news\"}", 7.0),
        ("headgate_slates_shown_total{channel=\"news\"}", 8.0),
        ("headgate_part_delay_seconds_sum{channel=\"news\"}", 7.25),
        ("headgate_part_delay_seconds_count{channel=\"news\"}", 5.0),
        (
            "headgate_part_delay_seconds_bucket{le=\"1.0\",channel=\"news\"}",
            3.0,
        ),
        (
            "headgate_part_delay_seconds_bucket{le=\"+Inf\",channel=\"news\"}",
            5.0,
        ),
    ] {
        assert_eq!(samples.get(name), Some(&value), "{name}");
    }
    assert!(!samples.contains_key("headgate_encoder_cpu_ratio{channel=\"news\"}"));
}

#[test]
fn without_sessions_there_is_still_a_page() {
    let registry = Registry::new(vec![Box::new(Given(Vec::new()))]);
    assert_eq!(parse(&registry.encode()).len(), STATES.len());
}
