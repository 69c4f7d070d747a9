//! The gateway's own process: killed without a warning, and asked for the same thing again and again.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

#[expect(
    dead_code,
    reason = "what asks a map of sessions is of no use to who asks a process"
)]
#[path = "session/support.rs"]
mod support;

#[path = "support/playlist.rs"]
mod playlist;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use playlist::Playlist;
use support::{DEADLINE, channel, folder_with_fake, lives, living, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A gateway in a process of its own; killed when the test is over.
struct Gateway {
    child: Child,
    port: u16,
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The scripted ffmpeg reads its script, which no cage permits.
fn uncaged() -> String {
    format!("[server]\ncage = \"off\"\n{}", channel("one", ""))
}

// === impl Gateway ===

impl Gateway {
    async fn start(folder: &Path, port: u16) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_headgate"))
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .current_dir(folder)
            .env("FFMPEG", folder.join("ffmpeg"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let gateway = Self { child, port };
        let listening = async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(DEADLINE, listening)
            .await
            .expect("it should listen");
        gateway
    }

    async fn ask(&self, method: &str, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (
            head.split(' ').nth(1).unwrap().parse().unwrap(),
            body.to_owned(),
        )
    }

    async fn playlist(&self) -> Playlist {
        let (status, text) = self.ask("GET", "/live/one/v/index.m3u8").await;
        assert_eq!(status, 200, "{text}");
        Playlist::read(&text)
    }

    async fn session(&self) -> serde_json::Value {
        let (_, text) = self.ask("GET", "/debug/sessions").await;
        let all: serde_json::Value = serde_json::from_str(&text).unwrap();
        let list = all.get("sessions").or(all.get("items")).unwrap_or(&all);
        list[0].clone()
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn resident(&self) -> u64 {
        let process = procfs::process::Process::new(self.child.id() as i32).unwrap();
        process.status().unwrap().vmrss.unwrap() * 1024
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn killed(scenario: &str, before_the_kill: impl AsyncFn(&Gateway)) {
    let folder = folder_with_fake(scenario);
    std::fs::write(folder.path().join("channels.toml"), uncaged()).unwrap();
    let port = free_port();
    let mut newest: Option<Playlist> = None;
    for round in 0..3 {
        let gateway = Gateway::start(folder.path(), port).await;
        let playlist = gateway.playlist().await;
        if let Some(old) = &newest {
            assert!(playlist.media_sequence > old.next_msn(), "round {round}");
            assert!(playlist.discontinuity_sequence >= old.discontinuity_sequence);
            let (old, new) = (&old.segments[0].uri, &playlist.segments[0].uri);
            assert_ne!(old, new, "a URI names its bytes for ever");
        }
        before_the_kill(&gateway).await;
        newest = Some(gateway.playlist().await);
        gateway.kill();
        // How long that takes is for a quiet machine to measure; that it happens is the law.
        until("the death of every encoder", || {
            living(folder.path()).is_empty()
        })
        .await;
        assert_eq!(lives(folder.path()).len(), round + 1);
    }
}

#[tokio::test]
async fn a_gateway_that_is_killed_leaves_no_encoder_and_its_successor_goes_on_above_its_numbers() {
    killed("", async |gateway| {
        // Past the burst, of which the scripted ffmpeg makes several segments at once.
        let first = gateway.playlist().await.next_msn();
        while gateway.playlist().await.next_msn() < first + 3 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn not_even_one_whose_source_stalls() {
    // It never writes again, so it never notices that nobody reads; and it would not listen to TERM.
    killed("stall after 4; ignore-term", async |gateway| {
        let number = |playlist: &Playlist| (playlist.next_msn(), playlist.open.parts.len());
        let mut last = number(&gateway.playlist().await);
        loop {
            tokio::time::sleep(Duration::from_millis(700)).await;
            let playlist = gateway.playlist().await;
            // What comes of a source that stalls is a gap, until the next encoder is there.
            let is_gap = playlist.segments.last().is_some_and(|last| last.gap);
            let now = number(&playlist);
            if is_gap || now == last {
                return;
            }
            last = now;
        }
    })
    .await;
}

#[tokio::test]
async fn fifty_runs_leave_no_memory_behind() {
    const CYCLES: usize = 50;
    const WARM_UP: usize = 10;
    let folder = folder_with_fake("burst 8");
    std::fs::write(folder.path().join("channels.toml"), uncaged()).unwrap();
    let gateway = Gateway::start(folder.path(), free_port()).await;
    let mut warm = 0;
    for cycle in 0..WARM_UP + CYCLES {
        gateway.playlist().await;
        let id = gateway.session().await["id"].as_str().unwrap().to_owned();
        let (status, text) = gateway
            .ask("DELETE", &format!("/api/v1/sessions/{id}"))
            .await;
        assert!((200..300).contains(&status), "{status} {text}");
        let ended = async {
            while gateway.session().await["state"] != "idle" {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(DEADLINE, ended)
            .await
            .expect("it should end");
        if cycle + 1 == WARM_UP {
            warm = gateway.resident();
        }
    }
    let grown = gateway.resident().saturating_sub(warm);
    assert_eq!(living(folder.path()), Vec::<u32>::new());
    assert!(
        grown <= 5 << 20,
        "{grown} bytes more after {CYCLES} runs, {warm} before"
    );
}

#[tokio::test]
async fn a_viewer_that_an_operator_sends_away_is_told_so_and_nobody_else() {
    let folder = folder_with_fake("");
    std::fs::write(folder.path().join("channels.toml"), uncaged()).unwrap();
    let gateway = Gateway::start(folder.path(), free_port()).await;
    gateway.playlist().await;
    let session = gateway.session().await["id"].as_str().unwrap().to_owned();
    let viewers = format!("/api/v1/sessions/{session}/viewers");
    let list = async || {
        let (status, text) = gateway.ask("GET", &viewers).await;
        assert_eq!(status, 200, "{text}");
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    // On a slow machine a viewer may have left before it can be sent away.
    let kicking = async {
        loop {
            gateway.playlist().await;
            let id = list().await["items"][0]["id"].clone();
            let target = format!("{viewers}/{}", id.as_str().unwrap_or("none"));
            if gateway.ask("DELETE", &target).await.0 == 204 {
                return;
            }
        }
    };
    let kicked = tokio::time::timeout(DEADLINE, kicking).await;
    kicked.expect("the viewer should be found and sent away");
    for path in ["index.m3u8", "v/index.m3u8", "v/e1/1.m4s"] {
        let (status, text) = gateway.ask("GET", &format!("/live/one/{path}")).await;
        assert_eq!(status, 403, "{path}: {text}");
        assert!(text.contains("\"kicked\""), "{path}: {text}");
    }
    assert_eq!(list().await["total"], 0);
}
