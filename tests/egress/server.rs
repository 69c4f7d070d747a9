//! Servers of the internet, played on addresses of the loopback network; and names that a test resolves.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headgate::config::{SourceKind, SourceSpec};
use headgate::egress::{Egress, Lease, Resolve, Resolving};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A machine that is far too busy, not a measurement.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Where the servers of strangers are: the address that a test allows.
pub(crate) const STRANGER: &str = "127.0.0.3";

/// Makes the whole answer to a request, from its first line and the rest of its head.
pub(crate) type Script = Arc<dyn Fn(&str) -> Vec<u8> + Send + Sync>;

/// A server that answers as a test says, and knows what it was asked.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) async fn start(ip: &str, script: Script) -> Self {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        Self::on(listener, script)
    }

    pub(crate) fn on(listener: TcpListener, script: Script) -> Self {
        let address = listener.local_addr().unwrap();
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let hears = heard.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, hears.clone(), script.clone()));
            }
        });
        Self { address, heard }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The heads of all requests.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    pub(crate) fn was_asked(&self, path: &str) -> bool {
        let asked = format!("GET {path} ");
        self.heard().iter().any(|head| head.starts_with(&asked))
    }
}

async fn answer(mut stream: TcpStream, heard: Arc<Mutex<Vec<String>>>, script: Script) {
    let Some(head) = head(&mut stream).await else {
        return;
    };
    let answer = script(&head);
    heard.lock().unwrap().push(head);
    // Who asked may have gone.
    let _ = stream.write_all(&answer).await;
    let _ = stream.shutdown().await;
    let _ = stream.read(&mut [0; 64]).await;
}

/// The head of a request, without the empty line.
pub(crate) async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(stream.read_u8().await.ok()?);
    }
    text.truncate(text.len() - 4);
    String::from_utf8(text).ok()
}

/// The path that a request asks for.
pub(crate) fn path(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

pub(crate) fn reply(status: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{fields}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

pub(crate) fn ok(kind: &str, body: &[u8]) -> Vec<u8> {
    reply("200 OK", &format!("content-type: {kind}\r\n"), body)
}

pub(crate) fn redirect(location: &str) -> Vec<u8> {
    reply("302 Found", &format!("location: {location}\r\n"), b"")
}

/// A server that must not hear anything: on one port of every address that leads to this machine.
pub(crate) struct Canary {
    pub(crate) port: u16,
    connections: Arc<AtomicUsize>,
}

impl Canary {
    pub(crate) async fn start() -> Self {
        let connections = Arc::new(AtomicUsize::new(0));
        let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = first.local_addr().unwrap().port();
        // Not every machine has IPv6.
        let second = TcpListener::bind(("::1", port)).await.ok();
        for listener in [Some(first), second].into_iter().flatten() {
            let connections = connections.clone();
            tokio::spawn(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    connections.fetch_add(1, Ordering::SeqCst);
                    let _ = stream.write_all(&ok("video/mp2t", b"canary")).await;
                }
            });
        }
        Self { port, connections }
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// A resolver that says what a test wants, one answer after the other; the last one stays.
#[derive(Debug, Default)]
pub(crate) struct Names {
    answers: HashMap<&'static str, Vec<Vec<IpAddr>>>,
    asked: Mutex<HashMap<String, usize>>,
}

impl Names {
    pub(crate) fn new(names: &[(&'static str, &[&[&str]])]) -> Arc<Self> {
        let addresses = |texts: &&[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let answers = names
            .iter()
            .map(|(name, answers)| (*name, answers.iter().map(addresses).collect()));
        Arc::new(Self {
            answers: answers.collect(),
            asked: Mutex::default(),
        })
    }

    pub(crate) fn asked(&self, host: &str) -> usize {
        self.asked
            .lock()
            .unwrap()
            .get(host)
            .copied()
            .unwrap_or_default()
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        let mut asked = self.asked.lock().unwrap();
        let count = asked.entry(host.to_owned()).or_default();
        let answers = self.answers.get(host);
        let answer = answers
            .and_then(|all| all.get(*count).or(all.last()))
            .cloned();
        *count += 1;
        Box::pin(async move { answer.ok_or_else(|| io::Error::other("no such name")) })
    }
}

pub(crate) fn source(url: &str) -> SourceSpec {
    let url = url.to_owned();
    SourceSpec::new(SourceKind::Live { url })
}

/// A way out that allows these addresses, and a lease for a source.
pub(crate) async fn lease(
    allowed: &[&str],
    names: Arc<Names>,
    source: &SourceSpec,
) -> (Arc<Egress>, Arc<Lease>) {
    let allowed = allowed.iter().map(|range| range.parse().unwrap()).collect();
    let egress = Egress::with_resolver(allowed, names);
    let lease = egress.lease(source).await.unwrap().unwrap();
    (egress, lease)
}

pub(crate) fn ffmpeg() -> PathBuf {
    let own = std::env::var_os("FFMPEG").map(PathBuf::from);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).map(|folder| folder.join("ffmpeg"));
    let found = own.into_iter().chain(found).find(|path| path.is_file());
    found.expect("these tests need ffmpeg: set FFMPEG or PATH")
}
