//! Connections to checked addresses: a name is resolved once, every address is judged, and what was judged is what is
//! connected to. Nobody resolves a second time, so a name cannot change its mind in between.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy;
use hyper_util::rt::TokioIo;
use parking_lot::RwLock;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::Service;

use super::address::{Forbidden, Policy};
use super::counters::Counters;
use super::icy::Icy;
use super::names::Origin;

/// How long a name may take to resolve. With a connection and an answer it must fit into ffmpeg's own patience.
const RESOLVE: Duration = Duration::from_secs(4);
/// How long all addresses of a name together may take to be connected to.
const CONNECT: Duration = Duration::from_secs(4);

/// What a resolver promises.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Turns names into addresses.
pub trait Resolve: fmt::Debug + Send + Sync {
    /// All addresses of a name, best first.
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a>;
}

/// As the system resolves.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

/// Asks servers at allowed addresses.
pub type Client = legacy::Client<HttpsConnector<Door>, Full<Bytes>>;

/// Lets through to addresses that the policy allows.
#[derive(Debug, Clone)]
pub struct Door {
    policy: Arc<RwLock<Policy>>,
    resolver: Arc<dyn Resolve>,
    counters: Arc<Counters>,
}

/// Why there is no connection. For people; names no more than a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoConnection {
    /// The name does not resolve.
    #[error("Failed to resolve hostname {host}: {why}")]
    Unknown {
        /// The name.
        host: String,
        /// What the resolver said.
        why: String,
    },
    /// An address that nothing is fetched from.
    #[error("{}", forbidden(host, *forbidden_address))]
    Forbidden {
        /// As it was named.
        host: String,
        /// What it leads to.
        forbidden_address: Forbidden,
    },
    /// Nobody took the connection.
    #[error("{why}")]
    Failed {
        /// What the system said.
        why: String,
    },
    /// Nobody answered.
    #[error("Connection timed out")]
    TimedOut,
}

// === impl SystemResolver ===

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

// === impl Door ===

impl Door {
    pub(super) fn new(policy: Policy, resolver: Arc<dyn Resolve>, counters: Arc<Counters>) -> Self {
        Self {
            policy: Arc::new(RwLock::new(policy)),
            resolver,
            counters,
        }
    }

    /// Another policy holds for the connections to come.
    pub(super) fn set_policy(&self, policy: Policy) {
        *self.policy.write() = policy;
    }

    /// The addresses of a host that may be connected to.
    ///
    /// # Errors
    /// [`NoConnection`] when there is none.
    pub(super) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, NoConnection> {
        let host = host.trim_matches(['[', ']']);
        let all = match host.parse() {
            Ok(address) => vec![address],
            Err(_) => self.resolved(host).await?,
        };
        let mut refused = None;
        let mut open = Vec::new();
        for address in all {
            match self.policy.read().check(address) {
                Ok(()) => open.push(address),
                Err(forbidden) => refused = refused.or(Some(forbidden)),
            }
        }
        match refused.filter(|_| open.is_empty()) {
            None => Ok(open),
            Some(forbidden_address) => {
                self.counters.refused(forbidden_address.class);
                let host = host.to_owned();
                Err(NoConnection::Forbidden {
                    host,
                    forbidden_address,
                })
            }
        }
    }

    async fn resolved(&self, host: &str) -> Result<Vec<IpAddr>, NoConnection> {
        let unknown = |why: String| NoConnection::Unknown {
            host: host.to_owned(),
            why,
        };
        match timeout(RESOLVE, self.resolver.resolve(host)).await {
            Ok(Ok(all)) if all.is_empty() => Err(unknown("it has no address".into())),
            Ok(Ok(all)) => Ok(all),
            Ok(Err(error)) => Err(unknown(error.to_string())),
            Err(_) => Err(unknown("no answer".into())),
        }
    }

    async fn connect(&self, origin: &Origin) -> Result<TcpStream, NoConnection> {
        let addresses = self.addresses(&origin.host).await?;
        let mut last = NoConnection::TimedOut;
        let tries = async {
            for address in &addresses {
                match TcpStream::connect(SocketAddr::new(*address, origin.port)).await {
                    Ok(stream) => return Ok(stream),
                    Err(error) => last = NoConnection::failed(&error),
                }
            }
            Err(())
        };
        match timeout(CONNECT, tries).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(())) => Err(last),
            Err(_) => Err(NoConnection::TimedOut),
        }
    }
}

impl Service<Uri> for Door {
    type Response = TokioIo<Icy>;
    type Error = NoConnection;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, NoConnection>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NoConnection>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        let door = self.clone();
        Box::pin(async move {
            let failed = |why: &str| NoConnection::Failed {
                why: why.to_owned(),
            };
            let origin = Origin::of(&url).ok_or_else(|| failed("this is no URL of http"))?;
            let stream = door.connect(&origin).await?;
            // It only makes it slower.
            let _ = stream.set_nodelay(true);
            Ok(TokioIo::new(match origin.secure {
                true => Icy::opaque(stream),
                false => Icy::new(stream),
            }))
        })
    }
}

// === impl NoConnection ===

impl NoConnection {
    fn failed(error: &io::Error) -> Self {
        let why = match error.kind() {
            io::ErrorKind::ConnectionRefused => "Connection refused".to_owned(),
            io::ErrorKind::HostUnreachable => "No route to host".to_owned(),
            io::ErrorKind::NetworkUnreachable => "Network is unreachable".to_owned(),
            io::ErrorKind::TimedOut => return Self::TimedOut,
            _ => error.to_string(),
        };
        Self::Failed { why }
    }

    /// The one among the causes of an error.
    pub fn among<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            cause = error.source();
        }
        None
    }
}

fn forbidden(host: &str, forbidden: Forbidden) -> String {
    let (address, class) = (forbidden.address, forbidden.class);
    let named = match host.parse() == Ok(address) {
        true => host.to_owned(),
        false => format!("{address} ({host})"),
    };
    let advice = match forbidden.range() {
        Some(range) => {
            format!("if this is meant, write allow_private = [\"{range}\"] into [server]")
        }
        None => "and allow_private cannot open it".to_owned(),
    };
    format!("nothing is fetched from {named}, which is {class}: {advice}")
}
