//! A whole gateway in this process, over a scripted ffmpeg, with a file that can be edited in many ways.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use headgate::app::{App, Reloader, Surroundings};
use headgate::config::{ConfigHolder, Origin};
use headgate::events::{Event, Events};
use headgate::session::SessionMap;
use jiff::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// By when anything that a test waits for must have come, also on a machine that is busy with other things.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A running gateway and the folder of its file.
pub(crate) struct Gateway {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) sessions: Arc<SessionMap>,
    reloader: Arc<Reloader>,
    events: Arc<Events>,
    pub(crate) address: std::net::SocketAddr,
    /// Where it speaks TLS, if it does.
    pub(crate) secure: Option<std::net::SocketAddr>,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

/// A channel of short segments with one rung and sound; `more` is what differs.
pub(crate) fn channel(id: &str, more: &str) -> String {
    let mut text = format!("[[channel]]\nid = \"{id}\"\nsegment_duration = \"1s\"\n");
    for (key, value) in [
        (
            "ladder",
            r#"[{ name = "v", height = 360, video_bitrate = "800k" }]"#,
        ),
        ("source", "\"testcard:\""),
        ("window", "\"8s\""),
    ] {
        if !more.contains(key) {
            text += &format!("{key} = {value}\n");
        }
    }
    text + more + "\n"
}

/// Replaces a file at once, as careful editors do.
pub(crate) fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, path).unwrap();
}

pub(crate) fn folder_with_fake() -> tempfile::TempDir {
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
        let folder = folder_with_fake();
        let path = folder.path().join("channels.toml");
        std::fs::write(&path, uncaged(text)).unwrap();
        Self::start_in(folder, path).await
    }

    /// With the file at `path`, which may be anything that leads to one.
    pub(crate) async fn start_in(folder: tempfile::TempDir, path: PathBuf) -> Self {
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
            secure: app.secure_address(),
            sessions: app.sessions().clone(),
            reloader: app.reloader().clone(),
            events: app.events().clone(),
            running: tokio::spawn(app.run()),
            folder,
            stop,
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("channels.toml")
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        let channels = self.sessions.channels();
        channels.iter().map(|spec| spec.id.to_string()).collect()
    }

    /// The name of a channel, which tests edit to tell one file from the next.
    pub(crate) fn name(&self, id: &str) -> Option<String> {
        self.sessions.channel(id).map(|spec| spec.name.clone())
    }

    pub(crate) fn pid(&self, id: &str) -> Option<u32> {
        let report = self.sessions.report_of_channel(id)?;
        report.encoder.map(|encoder| encoder.pid)
    }

    /// Everything that can be seen of an encoder that runs.
    pub(crate) async fn playing(&self, ids: &[&str]) -> BTreeSet<u32> {
        for id in ids {
            let path = format!("/live/{id}/v/index.m3u8");
            self.until_async("it plays", async || self.get(&path).await.0 == 200)
                .await;
        }
        ids.iter().map(|id| self.pid(id).unwrap()).collect()
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        self.ask("GET", path).await
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path).await.1).unwrap()
    }

    /// Status and body.
    pub(crate) async fn ask(&self, method: &str, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    pub(crate) fn events(&self) -> Vec<Arc<Event>> {
        self.events.recent()
    }

    pub(crate) async fn look(&self) {
        self.reloader.look("a test asked for it").await;
    }

    /// Waits for a condition that nobody announces; says how long that took.
    pub(crate) async fn until(&self, what: &str, condition: impl Fn() -> bool) -> Duration {
        self.until_async(what, async || condition()).await
    }

    pub(crate) async fn until_async(
        &self,
        what: &str,
        condition: impl AsyncFn() -> bool,
    ) -> Duration {
        let began = Instant::now();
        let polling = async {
            while !condition().await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(DEADLINE, polling).await.is_ok();
        assert!(in_time, "{what}: this did not happen in time");
        began.elapsed()
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(DEADLINE, self.running)
            .await
            .unwrap()
            .unwrap();
    }
}
