//! A whole gateway in this process over a scripted ffmpeg, and what a front end asks it over a socket.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use headgate::app::{App, Surroundings};
use headgate::config::{ConfigHolder, Origin};
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// By when anything that a test waits for must have come, also on a machine that is busy with other things.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A running gateway and the folder of its file.
pub(crate) struct Gateway {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

/// A channel of short segments with one rung; `more` is what differs.
pub(crate) fn channel(id: &str, more: &str) -> String {
    format!(
        "[[channel]]\nid = \"{id}\"\nsegment_duration = \"1s\"\nwindow = \"8s\"\n\
         ladder = [{{ name = \"v\", height = 360, video_bitrate = \"800k\" }}]\n\
         source = \"testcard:\"\n{more}\n"
    )
}

fn folder_with_fake() -> tempfile::TempDir {
    let bin = PathBuf::from(env!("CARGO_BIN_EXE_headgate"));
    let program = bin.parent().unwrap().join("examples/fake_ffmpeg");
    assert!(
        program.exists(),
        "run `cargo build --example fake_ffmpeg` first, as a plain `cargo test` does"
    );
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(program, folder.path().join("ffmpeg")).unwrap();
    std::fs::write(folder.path().join("ffmpeg.scenario"), "").unwrap();
    folder
}

/// The scripted ffmpeg reads its script, which no cage permits.
fn uncaged(text: &str) -> String {
    let off = "[server]\ncage = 'off'\n";
    match text.contains("[server]\n") {
        true => text.replacen("[server]\n", off, 1),
        false => format!("{off}{text}"),
    }
}

// === impl Gateway ===

impl Gateway {
    /// With this file.
    pub(crate) async fn start(text: &str) -> Self {
        Self::with_files(text, |_| {}).await
    }

    /// With this file, and others beside it.
    pub(crate) async fn with_files(text: &str, make: impl FnOnce(&Path)) -> Self {
        let folder = folder_with_fake();
        make(folder.path());
        let path = folder.path().join("channels.toml");
        std::fs::write(&path, uncaged(text)).unwrap();
        let origin = Origin {
            path,
            listen: "127.0.0.1:0".parse().ok(),
            ..Origin::default()
        };
        let holder = ConfigHolder::load(origin, Timestamp::now()).unwrap();
        let surroundings = Surroundings {
            launch_program: env!("CARGO_BIN_EXE_headgate").into(),
            ffmpeg: Some(folder.path().join("ffmpeg").into()),
            path: None,
            state_folder: None,
            machine: "test".into(),
        };
        let stop = CancellationToken::new();
        let app = App::build(Arc::new(holder), &surroundings, stop.clone())
            .await
            .unwrap();
        Self {
            address: app.address(),
            running: tokio::spawn(app.run()),
            folder,
            stop,
        }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// A request with these fields beside the Host; `url` is a path, or a URL of this gateway.
    pub(crate) async fn ask(
        &self,
        method: Method,
        url: &str,
        fields: &[(&str, &str)],
    ) -> Response<Bytes> {
        let base = format!("http://{}", self.address);
        let path = url.strip_prefix(&base).unwrap_or(url);
        assert!(path.starts_with('/'), "{url} leads elsewhere");
        let io = TokioIo::new(TcpStream::connect(self.address).await.unwrap());
        let (mut sender, connection) = http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path);
        if !fields.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", self.address.to_string());
        }
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let answer = async {
            let (head, body) = sender.send_request(request).await.unwrap().into_parts();
            Response::from_parts(head, body.collect().await.unwrap().to_bytes())
        };
        tokio::time::timeout(DEADLINE, answer).await.unwrap()
    }

    pub(crate) async fn get(&self, url: &str) -> Response<Bytes> {
        self.ask(Method::GET, url, &[]).await
    }

    /// The text of a good answer.
    pub(crate) async fn text(&self, url: &str) -> String {
        let answer = self.get(url).await;
        let body = String::from_utf8_lossy(answer.body()).into_owned();
        assert_eq!(answer.status(), 200, "{url}: {body}");
        body
    }

    pub(crate) async fn json(&self, url: &str) -> Value {
        serde_json::from_str(&self.text(url).await).unwrap()
    }

    /// Waits for a condition that nobody announces.
    pub(crate) async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let began = Instant::now();
        while !condition().await {
            assert!(
                began.elapsed() < DEADLINE,
                "{what}: this did not happen in time"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(DEADLINE, self.running).await;
        ended.unwrap().unwrap();
    }
}
