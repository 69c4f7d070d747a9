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
    tokio::join!(
        dies("refuses", Fault::Refused),
        dies("stalls", Fault::Stall),
        dies("is garbage", Fault::Garbage),
    );
}

async fn dies(how: &str, fault: Fault) {
    let (first, second) = (SourceServer::good(), SourceServer::good());
    let play = Play::start(&[first.stream(), second.stream()], "").await;
    first.set(fault);
    let died = Instant::now();
    play.until("the second source", |session| {
        is_of(session, &second) && session["state"] == "active"
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
        "first source {how:<10} | the second is shown after {:.2} s",
        took.as_secs_f64()
    );
    assert!(took < Duration::from_secs(5) + SLACK, "{took:?}");
}

#[tokio::test]
async fn a_first_source_that_is_not_there_costs_the_second_nothing() {
    let (first, second) = (SourceServer::good(), SourceServer::good());
    first.set(Fault::Status(404));
    let play = Play::start(&[first.stream(), second.stream()], "").await;
    let session = play.session().await;
    assert!(is_of(&session, &second), "{session:#}");
    assert!(
        session["last_error"]
            .as_str()
            .unwrap()
            .contains("not found"),
        "{session:#}"
    );
    play.and_on().await;
    let took = session["first_part_ms"].as_u64().unwrap();
    println!("first source is 404  | the second is shown after {took} ms");
}

#[tokio::test]
async fn a_first_source_that_is_well_again_is_taken_back_without_a_gap() {
    let (first, second) = (SourceServer::good(), SourceServer::good());
    let sources = [first.stream(), second.stream()];
    let play = Play::start(&sources, "hold_down = \"2s\"").await;
    first.set(Fault::Refused);
    play.until("the second source", |session| {
        is_of(session, &second) && session["state"] == "active"
    })
    .await;
    play.more(2).await;
    first.set(Fault::None);
    let healed = Instant::now();
    play.until("the first source", |session| is_of(session, &first))
        .await;
    let took = healed.elapsed();
    let witnesses = play.and_on().await;
    for witness in &witnesses {
        let name = witness.name();
        assert_eq!(witness.discontinuities().len(), 2, "there and back: {name}");
        assert_eq!(witness.timelines(), 1, "{name}");
        let refused = witness
            .refusals
            .iter()
            .filter(|refusal| refusal.at > healed);
        assert_eq!(refused.count(), 0, "on the way back: {name}");
    }
    println!(
        "first source is back | it is shown {:.2} s after it was well, with a hold-down of 2 s",
        took.as_secs_f64()
    );
    assert!(
        took > Duration::from_secs(2),
        "it was not held down: {took:?}"
    );
}

#[tokio::test]
async fn a_slate_is_shown_while_nothing_delivers_and_is_left_again() {
    let source = SourceServer::good();
    let sources = [source.stream(), "slate:Back soon".into()];
    let play = Play::start(&sources, "").await;
    source.set(Fault::Refused);
    let died = Instant::now();
    // Nobody is refused, however long it takes.
    play.more(3).await;
    source.set(Fault::None);
    let healed = Instant::now();
    play.until("the source", |session| {
        session["encoder"]["pid"] != Value::Null
            && is_of(session, &source)
            && healed.elapsed().as_secs() > 4
    })
    .await;
    play.more(2).await;
    let witnesses = play.and_on().await;
    for witness in &witnesses {
        let name = witness.name();
        assert!(
            witness.discontinuities().len() >= 2,
            "there and back: {name}"
        );
        assert_eq!(witness.timelines(), 1, "{name}");
        assert!(
            witness.refusals.is_empty(),
            "{name}: {:?}",
            witness.refusals
        );
    }
    let breaks: Vec<Instant> = witnesses[0].breaks.values().copied().collect();
    let shown = breaks[0].duration_since(died);
    let back = breaks.iter().find(|back| **back > healed);
    let back = back
        .expect("it should be left again")
        .duration_since(healed);
    println!(
        "all sources are dead | a slate after {:.2} s, left {:.2} s after the source was well",
        shown.as_secs_f64(),
        back.as_secs_f64()
    );
    // One and a half target durations, and five seconds.
    assert!(shown < Duration::from_secs(3) + SLACK, "{shown:?}");
    assert!(back < Duration::from_secs(5) + SLACK, "{back:?}");
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

    /// Plays on for so many segments.
    async fn more(&self, segments: u64) {
        let newest = |session: &Value| session["renditions"][0]["window"]["last_msn"].as_u64();
        let now = newest(&self.session().await);
        let enough = now.map(|msn| msn + segments);
        self.until("more media", |session| newest(session) > enough)
            .await;
    }

    /// Plays on for two segments; what everybody saw.
    async fn and_on(self) -> Vec<Witness> {
        self.more(2).await;
        self.end.cancel();
        let witnesses = heard(self.watching).await;
        for witness in &witnesses {
            witness.decode(self.gateway.folder.path()).await;
        }
        witnesses
    }
}

/// Whether this source is in use.
fn is_of(session: &Value, server: &SourceServer) -> bool {
    let source = session["source"].as_str().unwrap_or_default();
    !source.is_empty() && server.stream().contains(host(source))
}

/// `127.0.0.1:PORT` of an address of which the rest may be masked.
fn host(address: &str) -> &str {
    let rest = address.split("://").nth(1).unwrap_or(address);
    rest.split('/').next().unwrap_or(rest)
}
