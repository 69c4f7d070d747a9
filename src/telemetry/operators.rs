//! What operators do as metrics: changes, lines of the audit log, and who was turned away.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use crate::audit::{Audit, Outcome, REASONS};

/// Shows what the audit has counted.
#[derive(Debug)]
pub struct OperatorCollector(Arc<Audit>);

// === impl OperatorCollector ===

impl OperatorCollector {
    /// Of this one.
    pub fn new(audit: Arc<Audit>) -> Self {
        Self(audit)
    }
}

impl Collector for OperatorCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let totals = self.0.totals();
        let mut changes = encoder.encode_descriptor(
            "headgate_operator_changes",
            "Changes that operators asked for: done, refused or failed.",
            None,
            MetricType::Counter,
        )?;
        for (outcome, count) in Outcome::NAMES.iter().zip(totals.changes) {
            let labels = [("outcome", *outcome)];
            ConstCounter::new(count).encode(changes.encode_family(&labels)?)?;
        }
        let mut turned_away = encoder.encode_descriptor(
            "headgate_operator_refusals",
            "Requests of operators that were turned away: asked at the wrong listener, by a wrong host or from a page of another origin; without a token, with a wrong one, or with one that may only read.",
            None,
            MetricType::Counter,
        )?;
        for (reason, count) in REASONS.iter().zip(totals.turned_away) {
            let labels = [("reason", *reason)];
            ConstCounter::new(count).encode(turned_away.encode_family(&labels)?)?;
        }
        for (name, help, count) in [
            (
                "headgate_audit_log_lines",
                "Changes that are in the audit log's file.",
                totals.written,
            ),
            (
                "headgate_audit_log_lost_lines",
                "Changes that could not be written to the audit log's file.",
                totals.lost,
            ),
        ] {
            let descriptor = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            ConstCounter::new(count).encode(descriptor)?;
        }
        Ok(())
    }
}
