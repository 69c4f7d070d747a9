//! What is counted about webhooks, for each host that is told.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::Webhooks;

/// Why an event was not delivered.
#[derive(Debug, Clone, Copy)]
pub(super) enum Loss {
    /// Too many waited.
    Overflow,
    /// The endpoint had its hour.
    GivenUp,
    /// The ring of events had forgotten it.
    Missed,
    /// The endpoint or the gateway went before it.
    Stopped,
}

/// The labels, in the order of [`Loss`].
const LOSSES: [&str; 4] = ["overflow", "given_up", "missed", "stopped"];

/// The counts of one endpoint.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) delivered: AtomicU64,
    pub(super) failed_attempts: AtomicU64,
    pub(super) queued: AtomicU64,
    pub(super) gone: AtomicBool,
    lost: [AtomicU64; LOSSES.len()],
}

/// The counts of all endpoints of a host: a label that is there twice would make the page unreadable.
#[derive(Debug, Default, Clone, Copy)]
struct Sums {
    delivered: u64,
    failed_attempts: u64,
    queued: u64,
    gone: u64,
    lost: [u64; LOSSES.len()],
}

// === impl Counts ===

impl Counts {
    pub(super) fn lost(&self, why: Loss, count: u64) {
        self.lost[why as usize].fetch_add(count, Relaxed);
    }
}

// === impl Sums ===

impl Sums {
    fn add(&mut self, counts: &Counts) {
        self.delivered += counts.delivered.load(Relaxed);
        self.failed_attempts += counts.failed_attempts.load(Relaxed);
        self.queued += counts.queued.load(Relaxed);
        self.gone += u64::from(counts.gone.load(Relaxed));
        for (sum, count) in self.lost.iter_mut().zip(&counts.lost) {
            *sum += count.load(Relaxed);
        }
    }
}

impl Collector for Webhooks {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut hosts: BTreeMap<String, Sums> = BTreeMap::new();
        self.each(|host, counts| hosts.entry(host.to_owned()).or_default().add(counts));
        let encoder = &mut encoder;
        numbers(
            encoder,
            "headgate_webhook_delivered",
            "Events that an endpoint took.",
            MetricType::Counter,
            &hosts,
            |sums| sums.delivered,
        )?;
        numbers(
            encoder,
            "headgate_webhook_failed_attempts",
            "Attempts to deliver an event that failed.",
            MetricType::Counter,
            &hosts,
            |sums| sums.failed_attempts,
        )?;
        numbers(
            encoder,
            "headgate_webhook_queued",
            "Events that wait for an endpoint, with the one that is on its way.",
            MetricType::Gauge,
            &hosts,
            |sums| sums.queued,
        )?;
        numbers(
            encoder,
            "headgate_webhook_gone",
            "Endpoints that answered 410 Gone and are told nothing any more.",
            MetricType::Gauge,
            &hosts,
            |sums| sums.gone,
        )?;
        losses(encoder, &hosts)
    }
}

fn numbers(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    kind: MetricType,
    hosts: &BTreeMap<String, Sums>,
    value: impl Fn(&Sums) -> u64,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
    for (host, sums) in hosts {
        let labels = [("endpoint", host.as_str())];
        let sample = family.encode_family(&labels)?;
        match kind {
            MetricType::Counter => ConstCounter::new(value(sums)).encode(sample)?,
            _ => ConstGauge::new(i64::try_from(value(sums)).unwrap_or(i64::MAX)).encode(sample)?,
        }
    }
    Ok(())
}

fn losses(encoder: &mut DescriptorEncoder<'_>, hosts: &BTreeMap<String, Sums>) -> fmt::Result {
    let help = "Events that an endpoint was not told: too many waited, it had its hour, they were forgotten, or it or \
                the gateway went before.";
    let kind = MetricType::Counter;
    let mut family = encoder.encode_descriptor("headgate_webhook_dropped", help, None, kind)?;
    for (host, sums) in hosts {
        for (reason, count) in LOSSES.iter().zip(sums.lost) {
            let labels = [("endpoint", host.as_str()), ("reason", *reason)];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labels_stand_in_the_order_of_the_losses() {
        assert_eq!(LOSSES[Loss::Overflow as usize], "overflow");
        assert_eq!(LOSSES[Loss::GivenUp as usize], "given_up");
        assert_eq!(LOSSES[Loss::Missed as usize], "missed");
        assert_eq!(LOSSES[Loss::Stopped as usize], "stopped");
    }
}
