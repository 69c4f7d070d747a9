//! The wiring: the only file that sees all rooms. A configuration is built into an app, which runs and drains.

mod announcer;
mod certificate;
mod reload;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::cage::CageReport;
use crate::config::{CageMode, Config, ConfigHolder, ServerConfig, TlsSpec, WebhookSpec};
use crate::encoder::find_ffmpeg;
use crate::events::{Events, Filter};
use crate::guide::Guides;
use crate::http::{CageView, Counters, Entrance, Exposition, Limits, Readiness, Server, State};
use crate::iptv::hdhomerun;
use crate::session::{Encoders, FindFfmpeg, Ledger, SessionMap};
use crate::telemetry::{
    CageCollector, CertificateCollector, Registry, Reloads, SessionCollector, ThumbnailCollector,
};
use crate::tls::{Acceptor, Certificates, PairError};
use crate::webhook::{self, Endpoint, Webhooks};

pub use announcer::Announcer;
pub use certificate::check_certificate;
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
    listener: TcpListener,
    address: SocketAddr,
    secure: Option<Secure>,
    sessions: Arc<SessionMap>,
    encoders: Arc<Encoders>,
    events: Arc<Events>,
    webhooks: Arc<Webhooks>,
    guides: Arc<Guides>,
    discovery: Arc<Announcer>,
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
    /// The certificate is not to be had.
    #[error("[server.tls]: {0}")]
    Certificate(#[from] PairError),
}

/// The way in over TLS.
#[derive(Debug)]
struct Secure {
    spec: TlsSpec,
    listener: TcpListener,
    address: SocketAddr,
    certificates: Arc<Certificates>,
}

/// Whether the gateway can do its work.
struct Condition {
    encoders: Arc<Encoders>,
    stop: CancellationToken,
}

/// All metrics.
struct Metrics(Registry);

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
    pub fn encoders(&self, config: &Config) -> Encoders {
        Encoders::new(
            self.launch_program.clone(),
            self.find_ffmpeg(config.server.ffmpeg.as_deref()),
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
        let (listener, address) = bind(config.server.listen).await?;
        let secure = match &config.server.tls {
            Some(spec) => Some(Secure::bind(spec).await?),
            None => None,
        };
        let certificates = secure.as_ref().map(|secure| secure.certificates.clone());
        let encoders = Arc::new(surroundings.encoders(config));
        let events = Events::new(Timestamp::now());
        let webhooks = Webhooks::new(events.clone(), webhook::Timing::default());
        let sessions = SessionMap::new(
            config,
            encoders.clone(),
            events.clone(),
            surroundings.ledger(&config.server),
        );
        let reloads = Reloads::new(holder.clone());
        let guides = Guides::new();
        let device_id =
            hdhomerun::device_id(&format!("{} {}", surroundings.machine, address.port()));
        let discovery = Arc::new(Announcer::new(address, device_id));
        let reloader = Reloader::new(
            holder.clone(),
            Told {
                sessions: sessions.clone(),
                webhooks: webhooks.clone(),
                guides: guides.clone(),
                discovery: discovery.clone(),
            },
            events.clone(),
            reloads.clone(),
        );
        let counters = Arc::new(Counters::default());
        let registry = Registry::new(vec![
            Box::new(counters.clone()),
            Box::new(SessionCollector::new(sessions.clone())),
            Box::new(ThumbnailCollector::new(sessions.clone())),
            Box::new(webhooks.clone()),
            Box::new(reloads),
            Box::new(CageCollector::new(encoders.clone())),
            Box::new(CertificateCollector::new(certificates.clone())),
        ]);
        let condition = Condition {
            encoders: encoders.clone(),
            stop: stop.clone(),
        };
        let state = State::new(
            sessions.clone(),
            Arc::new(condition),
            Arc::new(Metrics(registry)),
            counters,
            address,
            Limits::from(&config.server),
        )
        .with_iptv(guides.clone(), device_id)
        .with_configuration(reloader.clone())
        .with_proxies(config.server.trusted_proxies.clone());
        let state = match certificates {
            Some(certificates) => state.with_certificates(certificates),
            None => state,
        };
        Ok(Self {
            listener,
            address,
            secure,
            sessions,
            encoders,
            events,
            webhooks,
            guides,
            discovery,
            reloader,
            state: Arc::new(state),
            stop,
        })
    }

    /// Where it listens: the port that was found, if any would do.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it speaks TLS, if it does.
    pub fn secure_address(&self) -> Option<SocketAddr> {
        self.secure.as_ref().map(|secure| secure.address)
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
        info!(address = %self.address, channels = self.sessions.channels().len(), "listening");
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
                self.discovery.drain()
            );
        };
        let (entrances, renewal) = entrances(self.listener, self.secure);
        let serve = Server::run_all(entrances, self.state, self.stop.clone());
        let renew = async {
            tokio::select! {
                () = renewal => {}
                () = self.stop.cancelled() => {}
            }
        };
        let watch = self.reloader.watch(&self.stop);
        tokio::join!(serve, drain, watch, renew, async {
            tokio::select! {
                () = warm_up => {}
                () = self.stop.cancelled() => {}
            }
        });
        info!("stopped");
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), AppError> {
    let listen = |error| AppError::Listen { address, error };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    Ok((listener, address))
}

/// The ways in, and what keeps the certificate new.
fn entrances(
    plain: TcpListener,
    secure: Option<Secure>,
) -> (Vec<Entrance>, impl Future<Output = ()>) {
    let mut entrances = Vec::new();
    let mut kept = None;
    match secure {
        None => entrances.push(Entrance::plain(plain)),
        Some(secure) => {
            info!(address = %secure.address, "listening for TLS");
            let port = secure.address.port();
            entrances.push(match secure.spec.redirect {
                true => Entrance::redirect(plain, port),
                false => Entrance::plain(plain),
            });
            let acceptor = Acceptor::new(secure.certificates.clone());
            entrances.push(Entrance::tls(secure.listener, acceptor));
            kept = Some((secure.spec, secure.certificates));
        }
    }
    let renewal = async move {
        if let Some((spec, certificates)) = kept {
            certificate::keep(&spec, certificates).await;
        }
    };
    (entrances, renewal)
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

// === impl Secure ===

impl Secure {
    async fn bind(spec: &TlsSpec) -> Result<Self, AppError> {
        let certificates = certificate::load(spec).await?;
        let (listener, address) = bind(spec.listen).await?;
        Ok(Self {
            spec: spec.clone(),
            listener,
            address,
            certificates,
        })
    }
}

// === impl Condition ===

impl Readiness for Condition {
    fn obstacles(&self) -> Vec<String> {
        let draining = self
            .stop
            .is_cancelled()
            .then(|| "the gateway stops".to_owned());
        draining
            .into_iter()
            .chain(self.encoders.obstacle())
            .collect()
    }

    fn cage(&self) -> CageView {
        let report = self.encoders.cage();
        CageView {
            status: report.as_ref().map_or("unknown", CageReport::status),
            missing: report.map_or_else(Vec::new, |report| report.missing()),
            is_wanted: self.encoders.cage_mode() != CageMode::Off,
        }
    }
}

// === impl Metrics ===

impl Exposition for Metrics {
    fn open_metrics(&self) -> String {
        self.0.encode()
    }
}
