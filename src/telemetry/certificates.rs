//! The certificate as a metric: how long players will take it.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::tls::Certificates;

/// Shows the certificate in force; nothing where no TLS is spoken.
#[derive(Debug)]
pub struct CertificateCollector(Option<Arc<Certificates>>);

// === impl CertificateCollector ===

impl CertificateCollector {
    /// Of these certificates.
    pub fn new(certificates: Option<Arc<Certificates>>) -> Self {
        Self(certificates)
    }
}

impl Collector for CertificateCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(certificates) = &self.0 else {
            return Ok(());
        };
        let standing = certificates.standing();
        let refused = ConstGauge::new(i64::from(standing.refused.is_some()));
        refused.encode(encoder.encode_descriptor(
            "headgate_tls_certificate_refused",
            "1 while the last attempt to have a newer certificate has failed.",
            None,
            MetricType::Gauge,
        )?)?;
        let Some(end) = standing.not_after else {
            return Ok(());
        };
        let end = ConstGauge::new(end.as_second());
        end.encode(encoder.encode_descriptor(
            "headgate_tls_certificate_expiry_timestamp",
            "When the certificate in force ends to be valid, in Unix time.",
            Some(&Unit::Seconds),
            MetricType::Gauge,
        )?)
    }
}
