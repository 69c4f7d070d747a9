//! The wiring: the only file that sees all rooms. A configuration is built into an app, which runs and drains.

mod announcer;
mod certificate;
mod condition;
mod entrances;
mod metrics;
mod operators;
mod reload;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::access::Gate;
use crate::config::{Config, ConfigHolder, ServerConfig, WebhookSpec};
use crate::egress::Egress;
use crate::encoder::find_ffmpeg;
use crate::events::{Events, Filter};
use crate::guide::Guides;
use crate::http::{Counters, Limits, Server, State};
use crate::iptv::hdhomerun;
use crate::session::{Encoders, FindFfmpeg, Ledger, SessionMap};
use crate::telemetry::Reloads;
use crate::tls::PairError;
use crate::webhook::{self, Endpoint, Webhooks};
use condition::Condition;
use entrances::Listeners;
use metrics::Metrics;

pub use announcer::Announcer;
pub use certificate::check_certificate;
pub use operators::{Access, TokenFileError};
pub use reload::{Reloader, Told};

/// Where programs are looked for that the set-up brought along.
const TOOLS: &str = ".tools";

/// What the process was started with. Only `main` reads it from the world.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The gateway's own binary, which becomes the launcher of encoders.
    pub launch_program: PathBuf,
    /// `$FFMPEG`.
    pub ffmpeg: Option<OsString>,
    /// `$PATH`.
    pub path: Option<OsString>,
    /// Where programs of this user, or this service, keep their state.
    pub state_folder: Option<PathBuf>,
    /// What tells this machine from others.
    pub machine: String,
}

/// A gateway that is bound to its address and ready to run.
#[derive(Debug)]
pub struct App {
    listeners: Listeners,
    sessions: Arc<SessionMap>,
    encoders: Arc<Encoders>,
    events: Arc<Events>,
    webhooks: Arc<Webhooks>,
    guides: Arc<Guides>,
    gate: Arc<Gate>,
    discovery: Arc<Announcer>,
    access: Arc<Access>,
    reloader: Arc<Reloader>,
    state: Arc<State>,
    stop: CancellationToken,
}

/// Why the gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The address is not to be had.
    #[error(
        "cannot listen on {address}: {error}; is another gateway running? (--listen chooses another address)"
    )]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// The address of operators is not to be had.
    #[error(
        "cannot listen on {address} for operators: {error}; `listen` in [operators] of the configuration chooses another address"
    )]
    Operators {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// A token is not to be had.
    #[error("[operators]: {0}")]
    Token(#[from] TokenFileError),
    /// The certificate is not to be had.
    #[error("[server.tls]: {0}")]
    Certificate(#[from] PairError),
}

// === impl Surroundings ===

impl Surroundings {
    /// How ffmpeg is looked for, each time one is needed.
    pub fn find_ffmpeg(&self, configured: Option<&Path>) -> FindFfmpeg {
        let (configured, this) = (configured.map(Path::to_owned), self.clone());
        Box::new(move || {
            find_ffmpeg(
                configured.as_deref(),
                this.ffmpeg.as_deref(),
                this.path.as_deref(),
                Path::new(TOOLS),
            )
        })
    }

    /// Where sequence numbers are kept over a restart: the file that the configuration names, or one for each address
    /// that is listened on. A gateway without an address of its own has nothing to come back to.
    fn ledger(&self, server: &ServerConfig) -> Ledger {
        let own = |folder: &PathBuf| folder.join(format!("numbers-{}.json", server.listen));
        let folder = self
            .state_folder
            .as_ref()
            .filter(|_| server.listen.port() != 0);
        let file = server.state.clone().or_else(|| folder.map(own));
        file.map_or_else(Ledger::in_memory, Ledger::at)
    }

    /// What starts encoders under this configuration.
    pub fn encoders(&self, config: &Config, egress: Arc<Egress>) -> Encoders {
        Encoders::new(
            self.launch_program.clone(),
            self.find_ffmpeg(config.server.ffmpeg.as_deref()),
            egress,
        )
        .caged(config.server.cage)
    }
}

// === impl App ===

impl App {
    /// Binds the address and connects the rooms. Starts nothing.
    ///
    /// # Errors
    /// [`AppError::Listen`] when an address is not to be had, [`AppError::Certificate`] when a file of `[server.tls]`
    /// is not what it should be.
    pub async fn build(
        holder: Arc<ConfigHolder>,
        surroundings: &Surroundings,
        stop: CancellationToken,
    ) -> Result<Self, AppError> {
        let config = &*holder.standing().config;
        condition::raise_descriptors();
        let listeners = Listeners::bind(config).await?;
        let address = listeners.address;
        let secure = listeners.secure.as_ref();
        let certificates = secure.map(|secure| secure.certificates.clone());
        let egress = Egress::new(config.server.allow_private.clone());
        let encoders = Arc::new(surroundings.encoders(config, egress.clone()));
        let events = Events::new(Timestamp::now());
        let webhooks = Webhooks::new(events.clone(), webhook::Timing::default());
        let sessions = SessionMap::new(
            config,
            encoders.clone(),
            events.clone(),
            surroundings.ledger(&config.server),
        );
        let access = Arc::new(Access::new(config, events.clone())?);
        let reloads = Reloads::new(holder.clone());
        let guides = Guides::through(egress.clone());
        let gate = Gate::of(config);
        let device_id =
            hdhomerun::device_id(&format!("{} {}", surroundings.machine, address.port()));
        let discovery = Arc::new(Announcer::new(address, device_id));
        let told = Told {
            sessions: sessions.clone(),
            webhooks: webhooks.clone(),
            guides: guides.clone(),
            gate: gate.clone(),
            discovery: discovery.clone(),
            access: access.clone(),
            egress,
        };
        let counters = Arc::new(Counters::default());
        let metrics = Metrics::of(
            &told,
            (counters.clone(), reloads.clone()),
            encoders.clone(),
            certificates.clone(),
        );
        let reloader = Reloader::new(holder, told, events.clone(), reloads);
        let condition = Condition {
            sessions: sessions.clone(),
            encoders: encoders.clone(),
            reloader: reloader.clone(),
            stop: stop.clone(),
        };
        let state = State::new(
            sessions.clone(),
            Arc::new(condition),
            Arc::new(metrics),
            counters,
            address,
            Limits::from(&config.server),
        )
        .with_iptv(guides.clone(), device_id)
        .with_configuration(reloader.clone())
        .with_operators(access.operators.clone())
        .with_gate(gate.clone())
        .with_proxies(config.server.trusted_proxies.clone());
        let state = match certificates {
            Some(certificates) => state.with_certificates(certificates),
            None => state,
        };
        Ok(Self {
            listeners,
            sessions,
            encoders,
            events,
            webhooks,
            guides,
            gate,
            discovery,
            access,
            reloader,
            state: Arc::new(state),
            stop,
        })
    }

    /// Where it listens: the port that was found, if any would do.
    pub fn address(&self) -> SocketAddr {
        self.listeners.address
    }

    /// Where it speaks TLS, if it does.
    pub fn secure_address(&self) -> Option<SocketAddr> {
        let secure = self.listeners.secure.as_ref();
        secure.map(|secure| secure.address)
    }

    /// Where operators have a listener of their own, if they do.
    pub fn operators_address(&self) -> Option<SocketAddr> {
        self.listeners.operators()
    }

    /// Its channels and sessions.
    pub fn sessions(&self) -> &Arc<SessionMap> {
        &self.sessions
    }

    /// What happens in it.
    pub fn events(&self) -> &Arc<Events> {
        &self.events
    }

    /// What reads its configuration again.
    pub fn reloader(&self) -> &Arc<Reloader> {
        &self.reloader
    }

    /// Serves until the token is cancelled, then drains: no new viewers, answers for those who wait, no encoder left.
    pub async fn run(self) {
        info!(address = %self.listeners.address, channels = self.sessions.channels().len(), "listening");
        let config = self.reloader.config();
        self.webhooks.apply(endpoints(&config));
        self.guides.apply(&config);
        self.discovery.apply(&config);
        let (stop, encoders) = (self.stop.clone(), self.encoders);
        let warm_up = async {
            if let Err(error) = encoders.warm_up().await {
                warn!("no channel can start: {error}");
            }
        };
        let drain = async {
            stop.cancelled().await;
            info!("draining");
            self.sessions.drain().await;
            self.events.close();
            tokio::join!(
                self.webhooks.drain(),
                self.guides.drain(),
                self.discovery.drain(),
            );
        };
        let (entrances, renewal) = self.listeners.open(&config);
        let serve = Server::run_all(entrances, self.state, self.stop.clone());
        let renew = async {
            tokio::select! {
                () = renewal => {}
                () = self.stop.cancelled() => {}
            }
        };
        let watch = self.reloader.watch(&self.stop);
        let lagging = || self.sessions.lagging();
        let look = self.sessions.pressure().watch(&self.events, lagging);
        let keep_keys = self.gate.run(&self.stop);
        let beside = async {
            tokio::select! {
                _ = async { tokio::join!(warm_up, look) } => {}
                () = self.stop.cancelled() => {}
            }
        };
        tokio::join!(serve, drain, watch, renew, keep_keys, beside);
        self.access.audit.drain().await;
        info!("stopped");
    }
}

/// Who is told what happens.
pub fn endpoints(config: &Config) -> Vec<Endpoint> {
    let endpoint = |spec: &Arc<WebhookSpec>| {
        let filter = Filter {
            kinds: spec.events.clone(),
            channels: spec.channels.clone(),
        };
        let secret = webhook::Secret::new(spec.key.bytes());
        Endpoint::new(spec.url.expose(), secret, filter)
            .inspect_err(|error| warn!(webhook = spec.label(), "nothing is sent to it: {error}"))
            .ok()
    };
    config.webhooks.iter().filter_map(endpoint).collect()
}
