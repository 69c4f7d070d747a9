//! A whole gateway in this process whose operators have tokens, and a client that says them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use headgate::app::{App, Reloader, Surroundings};
use headgate::config::{ConfigHolder, OperatorsSaid, Origin};
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// May do everything.
pub(crate) const ALICE: &str = "alice-9d1c5a7e03f84b2296e0c4b7";
/// May look.
pub(crate) const BOB: &str = "bob-77aa01c2d3e4f5061728394a5b";

/// Two tokens and a listener for operators, besides a channel.
pub(crate) const TOKENS: &str = r#"
[operators]
listen = "127.0.0.1:0"
audit_log = "audit.jsonl"

[[operators.token]]
name = "alice"
role = "operate"
secret = "alice-9d1c5a7e03f84b2296e0c4b7"

[[operators.token]]
name = "bob"
file = "bob.token"
"#;

pub(crate) const CHANNELS: &str = r#"
[[channel]]
id = "one"
segment_duration = "1s"
window = "8s"
ladder = [{ name = "v", height = 360, video_bitrate = "800k" }]
sources = ["testcard:", { url = "slate:Back soon", name = "slate" }]
"#;

/// By when what a test waits for must have come, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running gateway.
pub(crate) struct Gateway {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) viewers: SocketAddr,
    /// The same as for viewers, where operators have none of their own.
    pub(crate) operators: SocketAddr,
    pub(crate) reloader: Arc<Reloader>,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

/// The scripted ffmpeg reads its script, which no cage permits.
fn uncaged(text: &str) -> String {
    let off = "[server]\ncage = 'off'\n";
    match text.contains("[server]\n") {
        true => text.replacen("[server]\n", off, 1),
        false => format!("{off}{text}"),
    }
}

impl Gateway {
    pub(crate) async fn start(text: &str) -> Self {
        Self::start_under(text, OperatorsSaid::default())
            .await
            .unwrap()
    }

    /// With two tokens.
    pub(crate) async fn with_tokens() -> Self {
        Self::start(&format!("{TOKENS}{CHANNELS}")).await
    }

    pub(crate) async fn start_under(text: &str, operators: OperatorsSaid) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let bin = PathBuf::from(env!("CARGO_BIN_EXE_headgate"));
        let ffmpeg = folder.path().join("ffmpeg");
        let fake = bin.with_file_name("examples").join("fake_ffmpeg");
        std::os::unix::fs::symlink(fake, &ffmpeg).unwrap();
        std::fs::write(folder.path().join("ffmpeg.scenario"), "").unwrap();
        std::fs::write(folder.path().join("bob.token"), format!("{BOB}\n")).unwrap();
        let path = folder.path().join("channels.toml");
        std::fs::write(&path, uncaged(text)).unwrap();
        let origin = Origin {
            path,
            listen: "127.0.0.1:0".parse().ok(),
            operators,
        };
        let holder = ConfigHolder::load(origin, Timestamp::now()).map_err(|e| e.to_string())?;
        let surroundings = Surroundings {
            launch_program: bin,
            ffmpeg: Some(ffmpeg.into()),
            path: None,
            state_folder: None,
            machine: String::new(),
        };
        let stop = CancellationToken::new();
        let app = App::build(Arc::new(holder), &surroundings, stop.clone()).await;
        let app = app.map_err(|error| error.to_string())?;
        Ok(Self {
            viewers: app.address(),
            operators: app.operators_address().unwrap_or(app.address()),
            reloader: app.reloader().clone(),
            running: tokio::spawn(app.run()),
            folder,
            stop,
        })
    }

    /// Replaces the file, and waits until it was read.
    pub(crate) async fn edit(&self, text: &str) {
        std::fs::write(self.folder.path().join("channels.toml"), uncaged(text)).unwrap();
        self.reloader.look("a test edited the file").await;
    }

    /// A request to the listener of operators, with this token.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
    ) -> Response<Bytes> {
        let said = token.map(|token| format!("Bearer {token}"));
        let fields: Vec<_> = said
            .iter()
            .map(|said| ("authorization", said.as_str()))
            .collect();
        send(self.operators, method, path, &fields, "").await
    }

    /// The same with a body.
    pub(crate) async fn post(&self, path: &str, token: &str, body: &str) -> Response<Bytes> {
        let token = format!("Bearer {token}");
        let fields = [
            ("authorization", &*token),
            ("content-type", "application/json"),
        ];
        send(self.operators, Method::POST, path, &fields, body).await
    }

    pub(crate) async fn json(&self, path: &str, token: &str) -> Value {
        let answer = self.ask(Method::GET, path, Some(token)).await;
        assert_eq!(answer.status(), 200, "{path}: {:?}", answer.body());
        serde_json::from_slice(answer.body()).unwrap()
    }

    /// The session of the channel, which a viewer starts.
    pub(crate) async fn session(&self) -> String {
        let started = self
            .post("/api/v1/channels/one/start", ALICE, r#"{"for":"5m"}"#)
            .await;
        assert_eq!(started.status(), 202, "{:?}", started.body());
        let since = Instant::now();
        loop {
            let channel = self.json("/api/v1/channels/one", ALICE).await;
            let session = &channel["session"];
            if session["state"] == "active" {
                return session["id"].as_str().unwrap().to_owned();
            }
            assert!(since.elapsed() < PATIENCE, "it does not run: {channel}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The value of a metric.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let page = self.ask(Method::GET, "/metrics", Some(ALICE)).await;
        let text = String::from_utf8(page.body().to_vec()).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name}: {text}"))
            .trim()
            .parse()
            .unwrap()
    }

    /// Stops, and waits until everything is written.
    pub(crate) async fn stop(self) -> tempfile::TempDir {
        self.stop.cancel();
        self.running.await.unwrap();
        self.folder
    }
}

/// One request on a connection of its own; `host` among the fields takes the place of the address.
pub(crate) async fn send(
    to: SocketAddr,
    method: Method,
    path: &str,
    fields: &[(&str, &str)],
    body: &str,
) -> Response<Bytes> {
    let io = TokioIo::new(TcpStream::connect(to).await.unwrap());
    let (mut sender, connection) = http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path);
    if !fields.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", to.to_string());
    }
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::<Bytes>::from(body.to_owned())).unwrap();
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    // A stream of events has no end: what it says first is enough.
    let is_endless = head
        .headers
        .get("content-type")
        .is_some_and(|kind| kind == "text/event-stream");
    let bytes = match is_endless {
        true => {
            let mut body = body;
            body.frame().await.unwrap().unwrap().into_data().unwrap()
        }
        false => body.collect().await.unwrap().to_bytes(),
    };
    Response::from_parts(head, bytes)
}

/// The code of an error, if it is one in the one shape.
pub(crate) fn code(answer: &Response<Bytes>) -> String {
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    body["error"]["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}
