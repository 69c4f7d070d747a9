//! What a scrape says, read back line by line.

use std::collections::HashMap;

use uuid::Uuid;

use super::*;
use crate::session::EncoderReport;

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
        source: String::new(),
        error_count: 2,
        last_error: None,
        encoder: Some(EncoderReport {
            pid: 7,
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
        blocked_requests: 5,
        history: Vec::new(),
    }
}

/// Reads OpenMetrics text: samples by name and labels. Panics where the format is not followed.
fn parse(text: &str) -> HashMap<String, f64> {
    let mut samples = HashMap::new();
    let mut family = String::new();
    let body = text.strip_suffix("# EOF\n").expect("the end is marked");
    for line in body.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("a name and a text");
            assert!(help.len() > 10, "{name} says too little: {help:?}");
            family = name.into();
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a name and a type");
            assert_eq!(name, family);
            assert!(matches!(kind, "gauge" | "counter"), "{line}");
        } else {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            assert!(name.starts_with(&family), "{name} stands in {family}");
            let value = value.parse().expect("a number");
            assert_eq!(samples.insert(name.to_owned(), value), None, "{name} twice");
        }
    }
    samples
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
        ("headgate_encoder_restarts_total{channel=\"news\"}", 4.0),
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
