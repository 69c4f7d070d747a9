//! Who may use the way out, and for how long: a credential for each ffmpeg, dead as soon as that is.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use rustls::crypto::ring;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::address::Policy;
use super::connect::{Client, Door, NoConnection, Resolve, SystemResolver};
use super::counters::Counters;
use super::listener;
use super::passage::Passage;
use crate::base::Network;
use crate::client;
use crate::config::{SourceKind, SourceSpec};

/// The length of a credential, in bytes before it is written as text.
const TOKEN: usize = 24;

/// The gateway's way out. Listens from the first lease on, on a port of this machine.
pub struct Egress {
    shared: Arc<Shared>,
    address: OnceCell<SocketAddr>,
    /// Ends the listener.
    _guard: DropGuard,
}

/// What the listener knows.
pub(super) struct Shared {
    door: Door,
    pub(super) counters: Arc<Counters>,
    passages: Mutex<HashMap<String, Arc<Passage>>>,
    pub(super) stop: CancellationToken,
}

/// A way to one source; closed when it is dropped, with all that is on it.
pub struct Lease {
    shared: Arc<Shared>,
    token: String,
    port: u16,
    words: Vec<String>,
}

/// Why there is no way to a source.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Barred {
    /// Its address is not one to fetch from, or there is none.
    #[error("{source_label} cannot be opened: {why}")]
    Address {
        /// The source.
        source_label: String,
        /// What is wrong with it.
        why: NoConnection,
    },
    /// The gateway cannot speak for ffmpeg.
    #[error("the way out of ffmpeg is not there: {0}")]
    Listen(String),
    /// The URL is none that HTTP could ask for.
    #[error("{source_label} cannot be asked for: check its URL and its headers")]
    Url {
        /// The source.
        source_label: String,
    },
}

// === impl Egress ===

impl Egress {
    /// Lets ffmpeg reach the internet and these ranges. Starts nothing yet.
    pub fn new(allowed: Vec<Network>) -> Arc<Self> {
        Self::with_resolver(allowed, Arc::new(SystemResolver))
    }

    /// The same, with names that somebody else resolves.
    pub fn with_resolver(allowed: Vec<Network>, resolver: Arc<dyn Resolve>) -> Arc<Self> {
        let counters = Arc::new(Counters::default());
        let stop = CancellationToken::new();
        Arc::new(Self {
            shared: Arc::new(Shared {
                door: Door::new(Policy::new(allowed), resolver, counters.clone()),
                counters,
                passages: Mutex::default(),
                stop: stop.clone(),
            }),
            address: OnceCell::new(),
            _guard: stop.drop_guard(),
        })
    }

    /// These ranges are allowed from now on; connections that are there stay.
    pub fn allow(&self, allowed: Vec<Network>) {
        self.shared.door.set_policy(Policy::new(allowed));
    }

    /// For what the gateway itself fetches: the same rule for addresses.
    pub fn client(&self) -> Client {
        client::through(self.shared.door.clone())
    }

    /// What went through it.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.shared.counters
    }

    /// The only port that an ffmpeg with a lease needs to connect to; `None` before the first lease.
    pub fn port(&self) -> Option<u16> {
        self.address.get().map(SocketAddr::port)
    }

    /// A way to this source; `None` if it needs none: a file, or a protocol that ffmpeg speaks itself. Of the latter
    /// the address is checked.
    ///
    /// # Errors
    /// [`Barred`] when the source is not to be read.
    pub async fn lease(&self, source: &SourceSpec) -> Result<Option<Arc<Lease>>, Barred> {
        let SourceKind::Live { url } = &source.kind else {
            return Ok(None);
        };
        let scheme = url.split("://").next().unwrap_or_default();
        if !["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) {
            self.check(scheme, url, source).await?;
            return Ok(None);
        }
        let passage = Passage::new(url, source, self.shared.door.clone());
        let passage = passage.ok_or_else(|| Barred::Url {
            source_label: source.label(),
        })?;
        let port = self.listen().await?.port();
        let token = token().ok_or_else(|| Barred::Listen("there is no randomness".into()))?;
        self.shared
            .passages
            .lock()
            .insert(token.clone(), Arc::new(passage));
        Ok(Some(Arc::new(Lease {
            shared: self.shared.clone(),
            token,
            port,
            words: words(url, source),
        })))
    }

    /// ffmpeg itself connects there. It will resolve the name again: a check, and no wall.
    async fn check(&self, scheme: &str, url: &str, source: &SourceSpec) -> Result<(), Barred> {
        let Some(host) = connects_to(scheme, url) else {
            return Ok(());
        };
        let addresses = self.shared.door.addresses(host).await;
        addresses.map(drop).map_err(|why| Barred::Address {
            source_label: source.label(),
            why,
        })
    }

    async fn listen(&self) -> Result<SocketAddr, Barred> {
        let bind = async || {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let address = listener.local_addr()?;
            tokio::spawn(listener::run(listener, self.shared.clone()));
            Ok(address)
        };
        let address = self.address.get_or_try_init(bind).await;
        address
            .copied()
            .map_err(|error: io::Error| Barred::Listen(error.to_string()))
    }
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress")
            .field("address", &self.address.get())
            .finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    /// What a credential opens, if it opens anything.
    pub(super) fn passage(&self, token: &str) -> Option<Arc<Passage>> {
        self.passages.lock().get(token).cloned()
    }
}

// === impl Lease ===

impl Lease {
    /// What ffmpeg must find in its environment: other users cannot read that, unlike its command line.
    pub fn environment(&self) -> [(&'static str, String); 1] {
        let (token, port) = (&self.token, self.port);
        [(
            "http_proxy",
            format!("http://{token}:@{}:{port}", Ipv4Addr::LOCALHOST),
        )]
    }

    /// The port of this machine that ffmpeg must be able to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What of the source must not show, as words of a command line would have had it: URL, headers.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(String::as_str)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(passage) = self.shared.passages.lock().remove(&self.token) {
            passage.stop.cancel();
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

// === impl Barred ===

impl Barred {
    /// Whether trying again at once would give the same answer.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Address { why, .. } => !matches!(why, NoConnection::TimedOut),
            Self::Url { .. } => true,
            Self::Listen(_) => false,
        }
    }
}

fn token() -> Option<String> {
    let mut bytes = [0; TOKEN];
    ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

fn words(url: &str, source: &SourceSpec) -> Vec<String> {
    let mut words = vec!["-i".to_owned(), url.to_owned()];
    if let Some(user_agent) = &source.user_agent {
        words.extend(["-user_agent".to_owned(), user_agent.expose().to_owned()]);
    }
    for header in &source.headers {
        let line = format!("{}: {}\r\n", header.name, header.value.expose());
        words.extend(["-headers".to_owned(), line]);
    }
    words
}

/// The host that ffmpeg connects to for such a URL; `None` if it only listens.
fn connects_to<'a>(scheme: &str, url: &'a str) -> Option<&'a str> {
    let rest = url.get(scheme.len() + 3..)?;
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let listens = match scheme.to_ascii_lowercase().as_str() {
        "udp" | "rtp" => true,
        "srt" => query.split('&').any(|pair| pair == "mode=listener"),
        _ => false,
    };
    let authority = address.split('/').next().unwrap_or_default();
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let end = match host.starts_with('[') {
        true => host.find(']').map_or(host.len(), |at| at + 1),
        false => host.find(':').unwrap_or(host.len()),
    };
    (!listens && end > 0).then_some(&host[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_listens_connects_to_nobody() {
        for (url, host) in [
            ("udp://239.0.0.1:1234", None),
            ("rtp://10.0.0.1:5004", None),
            ("srt://0.0.0.0:9000?mode=listener&latency=1", None),
            ("srt://u@h:9000?streamid=x", Some("h")),
            ("rtsp://joe:pw@[::1]:554/x", Some("[::1]")),
            ("rtmp://cam.lan/live?x=/y", Some("cam.lan")),
        ] {
            let scheme = url.split("://").next().unwrap();
            assert_eq!(connects_to(scheme, url), host, "{url}");
        }
    }

    #[tokio::test]
    async fn a_lease_is_its_own_and_dies() {
        let egress = Egress::new(Vec::new());
        assert_eq!(egress.port(), None);
        let source = SourceSpec::parse("http://joe:pw@tv.example/1.ts").unwrap();
        let first = egress.lease(&source).await.unwrap().unwrap();
        let second = egress.lease(&source).await.unwrap().unwrap();
        assert_ne!(first.token, second.token);
        assert_eq!(egress.port(), Some(first.port()));
        let passage = egress.shared.passage(&first.token).unwrap();
        assert_eq!(passage.target, "http://tv.example/1.ts");
        let token = first.token.clone();
        drop(first);
        assert!(egress.shared.passage(&token).is_none() && passage.stop.is_cancelled());
        assert!(egress.shared.passage(&second.token).is_some());
    }

    #[tokio::test]
    async fn other_protocols_are_checked_before_they_start() {
        let egress = Egress::new(vec!["10.0.5.0/24".parse().unwrap()]);
        for (url, allowed) in [
            ("rtsp://127.0.0.1/x", false),
            ("srt://[::ffff:169.254.169.254]:9", false),
            ("rtmp://10.0.6.1/x", false),
            ("rtmp://10.0.5.1/x", true),
            ("udp://127.0.0.1:1234", true),
        ] {
            let lease = egress.lease(&SourceSpec::parse(url).unwrap()).await;
            assert_eq!(lease.is_ok(), allowed, "{url}: {lease:?}");
            assert!(!lease.is_ok_and(|lease| lease.is_some()));
        }
    }
}
