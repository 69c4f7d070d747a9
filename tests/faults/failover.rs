//! The next source when one is lost, under the eyes of viewers.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::checker::{Witness, heard, watch};
use crate::gateway::{Gateway, PATIENCE};
use crate::source_server::{Fault, SourceServer};

const SETTINGS: &str = r#"
[defaults]
segment_duration = "2s"
part_duration = "500ms"
window = "12s"
start_timeout = "30s"
ladder = [{ name = "v", height = 180, video_bitrate = "200k" }]
"#;

/// What a busy machine adds to a deadline.
const SLACK: Duration = Duration::from_secs(15);

#[tokio::test]
async fn when_the_first_source_dies_the_second_is_shown() {
    let (first, second) = (SourceServer::good(), SourceServer::good());
    let play = Play::start(&[first.stream(), second.stream()], "").await;
    first.set(Fault::Refused);
    let died = Instant::now();
    play.until("the second source", |session| {
        session["source"]
            .as_str()
            .is_some_and(|source| second.stream().contains(host(source)))
            && session["state"] == "active"
    })
    .await;
    let witnesses = play.and_on().await;
    for witness in &witnesses {
        assert_eq!(witness.discontinuities().len(), 1, "{}", witness.name());
        assert_eq!(witness.timelines(), 1, "{}", witness.name());
    }
    let back = *witnesses[0].breaks.values().next().unwrap();
    let took = back.duration_since(died);
    println!(
        "first source refused | the second is shown after {:.2} s",
        took.as_secs_f64()
    );
    assert!(took < Duration::from_secs(5) + SLACK, "{took:?}");
}

#[tokio::test]
async fn a_first_source_that_is_not_there_costs_the_second_nothing() {
    let (first, second) = (SourceServer::good(), SourceServer::good());
    first.set(Fault::Status(404));
    let since = Instant::now();
    let play = Play::start(&[first.stream(), second.stream()], "").await;
    let took = since.elapsed();
    let session = play.session().await;
    assert!(
        second
            .stream()
            .contains(host(session["source"].as_str().unwrap())),
        "{session:#}"
    );
    assert!(
        session["last_error"]
            .as_str()
            .unwrap()
            .contains("not found"),
        "{session:#}"
    );
    play.and_on().await;
    println!(
        "first source is 404  | the second is shown after {:.2} s",
        took.as_secs_f64()
    );
}

/// A channel that plays, and who watches it.
struct Play {
    gateway: Gateway,
    watching: Vec<(String, tokio::task::JoinHandle<Witness>)>,
    end: CancellationToken,
}

// === impl Play ===

impl Play {
    async fn start(sources: &[String], more: &str) -> Self {
        let channel = format!("[[channel]]\nid = \"one\"\nsources = {sources:?}\n{more}\n");
        let gateway = Gateway::beside(
            &format!("{SETTINGS}{channel}"),
            tempfile::tempdir().unwrap(),
        );
        let since = Instant::now();
        while gateway.client().get("/live/one/v/index.m3u8").await.status != 200 {
            assert!(since.elapsed() < PATIENCE, "it does not start");
        }
        let end = CancellationToken::new();
        let watching = watch(&gateway.client(), "one", &["v", "audio"], &end);
        let play = Self {
            gateway,
            watching,
            end,
        };
        play.until("a window", |session| {
            session["renditions"][0]["window"]["duration"].as_f64() > Some(4.0)
        })
        .await;
        play
    }

    async fn session(&self) -> Value {
        self.gateway.session_of("one").await
    }

    async fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let since = Instant::now();
        loop {
            let session = self.session().await;
            if wanted(&session) {
                return session;
            }
            assert!(
                since.elapsed() < PATIENCE,
                "{what} did not come: {session:#}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Plays on for two segments; what everybody saw.
    async fn and_on(self) -> Vec<Witness> {
        let newest = |session: &Value| session["renditions"][0]["window"]["last_msn"].as_u64();
        let now = newest(&self.session().await);
        self.until("more media", |session| {
            newest(session) > now.map(|msn| msn + 2)
        })
        .await;
        self.end.cancel();
        let witnesses = heard(self.watching).await;
        for witness in &witnesses {
            witness.decode(self.gateway.folder.path()).await;
        }
        witnesses
    }
}

/// `127.0.0.1:PORT` of an address of which the rest may be masked.
fn host(address: &str) -> &str {
    let rest = address.split("://").nth(1).unwrap_or(address);
    rest.split('/').next().unwrap_or(rest)
}
