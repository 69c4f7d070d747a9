//! A server on a free port, and clients that may be rude.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use bytes::Bytes;
use headgate::config::Config;
use headgate::egress::Egress;
use headgate::encoder::FfmpegNotFound;
use headgate::events::Events;
use headgate::http::{Counters, Exposition, Limits, Readiness, Server, State};
use headgate::session::{Encoders, Ledger, SessionMap};
use headgate::telemetry::{Registry, SessionCollector};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A server under test.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) served: JoinHandle<()>,
    pub(crate) ready: Arc<Ready>,
    pub(crate) events: Arc<Events>,
}

/// Readiness as a test wants it.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    pub(crate) is_draining: AtomicBool,
    pub(crate) panics: AtomicBool,
}

struct Metrics(Registry);

impl Readiness for Ready {
    fn obstacles(&self) -> Vec<String> {
        assert!(!self.panics.load(SeqCst), "as the test wants it");
        match self.is_draining.load(SeqCst) {
            true => vec!["the gateway is stopping".into()],
            false => Vec::new(),
        }
    }
}

impl Exposition for Metrics {
    fn open_metrics(&self) -> String {
        self.0.encode()
    }
}

const CHANNELS: &str = "[[channel]]\nid = \"testcard\"\nsource = \"testcard:\"\n";

/// A map with one channel, which cannot start.
fn sessions(events: Arc<Events>) -> Arc<SessionMap> {
    let config = Config::parse(CHANNELS, Path::new("channels.toml")).unwrap();
    let nothing = || {
        Err(FfmpegNotFound {
            looked_at: Vec::new(),
        })
    };
    SessionMap::new(
        &config,
        Arc::new(Encoders::new(
            "headgate".into(),
            Box::new(nothing),
            Egress::new(Vec::new()),
        )),
        events,
        Ledger::in_memory(),
    )
}

impl Gateway {
    pub(crate) async fn start() -> Self {
        Self::with_limits(Limits::default()).await
    }

    pub(crate) async fn with_limits(limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let events = Events::new(Timestamp::UNIX_EPOCH);
        let (sessions, counters) = (sessions(events.clone()), Arc::new(Counters::default()));
        let registry = Registry::new(vec![
            Box::new(SessionCollector::new(sessions.clone())),
            Box::new(counters.clone()),
        ]);
        let ready = Arc::new(Ready::default());
        let metrics = Arc::new(Metrics(registry));
        let state = State::new(sessions, ready.clone(), metrics, counters, address, limits);
        let stop = CancellationToken::new();
        let served = tokio::spawn(Server::run(listener, Arc::new(state), stop.clone()));
        Self {
            address,
            stop,
            served,
            ready,
            events,
        }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// One request on a connection of its own, with `fields` beside the Host.
    pub(crate) async fn request(
        &self,
        method: Method,
        target: &str,
        fields: &[(&str, &str)],
    ) -> Response<Bytes> {
        let io = TokioIo::new(self.connect().await);
        let (mut sender, connection) = http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(target);
        if !fields.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", self.address.to_string());
        }
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        whole(sender.send_request(request).await.unwrap()).await
    }

    pub(crate) async fn get(&self, target: &str) -> Response<Bytes> {
        self.request(Method::GET, target, &[]).await
    }

    /// A request with a body.
    pub(crate) async fn send(
        &self,
        method: Method,
        target: &str,
        body: Vec<u8>,
    ) -> Response<Bytes> {
        self.call(method, target, &[], body).await
    }

    /// A request with header fields and a body.
    pub(crate) async fn call(
        &self,
        method: Method,
        target: &str,
        fields: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Response<Bytes> {
        let io = TokioIo::new(self.connect().await);
        let (mut sender, connection) = http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header("host", self.address.to_string());
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::<Bytes>::from(body.into())).unwrap();
        whole(sender.send_request(request).await.unwrap()).await
    }

    pub(crate) async fn post(
        &self,
        target: &str,
        fields: &[(&str, &str)],
        body: &str,
    ) -> Response<Bytes> {
        self.call(Method::POST, target, fields, body).await
    }

    /// Sends these bytes and reads what comes until the server closes.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // The server may close while bytes of ours are unread: what it said before counts.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The answers to these requests, sent at once over HTTP/2 without asking first.
    pub(crate) async fn http2(&self, targets: &[&str]) -> Vec<Response<Bytes>> {
        let io = TokioIo::new(self.connect().await);
        let handshake = http2::handshake(TokioExecutor::new(), io);
        let (sender, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        let mut running = Vec::new();
        for target in targets {
            let uri = format!("http://{}{target}", self.address);
            let request = Request::get(uri).body(Empty::<Bytes>::new()).unwrap();
            let mut sender = sender.clone();
            running.push(tokio::spawn(async move {
                whole(sender.send_request(request).await.unwrap()).await
            }));
        }
        let mut answers = Vec::new();
        for request in running {
            answers.push(request.await.unwrap());
        }
        answers
    }

    /// The value of a sample on the metrics page.
    pub(crate) async fn sample(&self, name: &str) -> Option<f64> {
        let page = self.get("/metrics").await;
        let text = std::str::from_utf8(page.body()).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim().parse().unwrap())
    }
}

async fn whole(response: Response<hyper::body::Incoming>) -> Response<Bytes> {
    let (head, body) = response.into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

/// The code in an error's JSON; fails if the shape is another.
pub(crate) fn error_code(response: &Response<Bytes>) -> String {
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    let error = body["error"].as_object().unwrap();
    assert!(error["message"].as_str().unwrap().len() > 5);
    assert!(error["details"].is_object());
    error["code"].as_str().unwrap().to_owned()
}
