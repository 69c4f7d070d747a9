//! What the edge is given by the wiring.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::counters::Counters;
use super::events::MAX_STREAMS;
use super::health::CageView;
use super::idempotency::Answers;
use super::iptv_streams::Tuners;
use super::limits::Limits;
use super::operators::{Operators, Rules};
use super::proxies::Proxies;
use crate::access::Gate;
use crate::audit::Audit;
use crate::base::Network;
use crate::config::{Config, ConfigHolder, HdHomeRunSpec, Outcome};
use crate::guide::Guides;
use crate::session::SessionMap;
use crate::tls::Certificates;

/// Whether the gateway can do its work.
pub trait Readiness: Send + Sync + 'static {
    /// Why it cannot, for people, one sentence each; nothing if it can. Asked per request: it should be cheap.
    fn obstacles(&self) -> Vec<String>;
    /// How well ffmpeg is caged.
    fn cage(&self) -> CageView {
        CageView::default()
    }
    /// What an operator should look at although it can, the same way.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The configuration in force, and how to read it again.
pub trait Configuration: Send + Sync + 'static {
    /// What is in force, and what became of the last attempt to replace it.
    fn holder(&self) -> &ConfigHolder;
    /// Reads the file again and puts it in force if it is right.
    fn reload(&self) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>>;
}

/// All metrics of the process.
pub trait Exposition: Send + Sync + 'static {
    /// In OpenMetrics text format 1.0.0.
    fn open_metrics(&self) -> String;
}

/// What answering requests needs.
pub struct State {
    pub(crate) sessions: Arc<SessionMap>,
    pub(crate) readiness: Arc<dyn Readiness>,
    pub(crate) exposition: Arc<dyn Exposition>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) listen: SocketAddr,
    pub(crate) limits: Limits,
    pub(crate) answers: Answers,
    /// Places for readers of the events.
    pub(crate) event_streams: Arc<Semaphore>,
    pub(crate) configuration: Option<Arc<dyn Configuration>>,
    pub(crate) guides: Arc<Guides>,
    /// What the network tuner gives away.
    pub(crate) tuners: Tuners,
    /// The number of the network tuner if none is configured.
    pub(crate) device_id: u32,
    /// Who is believed about whom it asks for.
    pub(crate) proxies: Proxies,
    /// Who operators are, and what they did.
    pub(crate) operators: Arc<Operators>,
    /// Who is let in.
    pub(crate) gate: Arc<Gate>,
    /// What TLS handshakes are made with, if they are.
    pub(crate) certificates: Option<Arc<Certificates>>,
}

// === impl State ===

impl State {
    /// `listen` is the address that the listener is bound to; `counters` are what the edge counts into (give a clone
    /// to the registry behind `exposition`).
    pub fn new(
        sessions: Arc<SessionMap>,
        readiness: Arc<dyn Readiness>,
        exposition: Arc<dyn Exposition>,
        counters: Arc<Counters>,
        listen: SocketAddr,
        limits: Limits,
    ) -> Self {
        let audit = Audit::new(sessions.events().clone(), None);
        Self {
            sessions,
            readiness,
            exposition,
            counters,
            listen,
            limits,
            answers: Answers::default(),
            event_streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            configuration: None,
            guides: Guides::new(),
            tuners: Tuners::default(),
            device_id: HdHomeRunSpec::with_checksum(0x1060_0000),
            proxies: Proxies::default(),
            operators: Operators::new(Rules::default(), audit),
            gate: Gate::new(),
            certificates: None,
        }
    }

    /// With guides, and the number of the network tuner if none is configured.
    pub fn with_iptv(self, guides: Arc<Guides>, device_id: u32) -> Self {
        Self {
            guides,
            device_id,
            ..self
        }
    }

    /// Believing these proxies about whom they ask for.
    pub fn with_proxies(self, trusted: Vec<Network>) -> Self {
        Self {
            proxies: Proxies::new(trusted),
            ..self
        }
    }

    /// With operators who are known by tokens.
    pub fn with_operators(self, operators: Arc<Operators>) -> Self {
        Self { operators, ..self }
    }

    /// Letting in whom this gate does.
    pub fn with_gate(self, gate: Arc<Gate>) -> Self {
        Self { gate, ..self }
    }

    /// With certificates for TLS, whose troubles are shown.
    pub fn with_certificates(self, certificates: Arc<Certificates>) -> Self {
        Self {
            certificates: Some(certificates),
            ..self
        }
    }

    /// With a configuration that can be looked at and read again.
    pub fn with_configuration(self, configuration: Arc<dyn Configuration>) -> Self {
        Self {
            configuration: Some(configuration),
            ..self
        }
    }
}

impl State {
    /// The configuration in force, if there is one to look at.
    pub(crate) fn config(&self) -> Option<Arc<Config>> {
        let configuration = self.configuration.as_ref()?;
        Some(configuration.holder().standing().config.clone())
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("listen", &self.listen)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
