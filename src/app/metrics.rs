//! All metrics of a gateway: every room that counts something is asked here.

use std::sync::Arc;

use super::Told;
use crate::http::{Counters, Exposition};
use crate::session::Encoders;
use crate::telemetry::{
    CageCollector, CertificateCollector, EgressCollector, LoadCollector, OperatorCollector,
    Registry, Reloads, SessionCollector, ThumbnailCollector,
};
use crate::tls::Certificates;

/// See the module.
pub(super) struct Metrics(Registry);

// === impl Metrics ===

impl Metrics {
    pub(super) fn of(
        told: &Told,
        (counters, reloads): (Arc<Counters>, Arc<Reloads>),
        encoders: Arc<Encoders>,
        certificates: Option<Arc<Certificates>>,
    ) -> Self {
        Self(Registry::new(vec![
            Box::new(counters),
            Box::new(SessionCollector::new(told.sessions.clone())),
            Box::new(ThumbnailCollector::new(told.sessions.clone())),
            Box::new(LoadCollector::new(told.sessions.clone())),
            Box::new(told.webhooks.clone()),
            Box::new(reloads),
            Box::new(EgressCollector::new(told.egress.clone())),
            Box::new(CageCollector::new(encoders)),
            Box::new(CertificateCollector::new(certificates)),
            Box::new(OperatorCollector::new(told.access.audit.clone())),
        ]))
    }
}

impl Exposition for Metrics {
    fn open_metrics(&self) -> String {
        self.0.encode()
    }
}
