//! What becomes of a channel whose source fails, as its viewers and its session tell it.

use std::rc::Rc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::process::{Pid, kill_process};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::checker::{heard, watch};
use crate::gateway::{Gateway, PATIENCE};
use crate::source_server::Fault;
use crate::table::{Event, KEYLESS, LATE, ROOM, Row, SHORT_START, SLACK, STALL, START, Verdict};

// === impl Row ===

impl Row {
    /// Its start timeout.
    pub(crate) fn start(&self) -> Duration {
        match self.verdict {
            Verdict::Refused(words)
                if words == LATE || words == KEYLESS || self.name == "refused" =>
            {
                SHORT_START
            }
            _ => START,
        }
    }

    pub(crate) async fn play(self, channel: String, gateway: Rc<Gateway>) -> String {
        let _room = ROOM.acquire().await.unwrap();
        let observed = Observed { channel, gateway };
        match (&self.event, &self.verdict) {
            (Event::AtStart(fault), Verdict::Refused(words)) => {
                self.source.set(fault.clone());
                observed.refusal(words).await
            }
            (_, Verdict::Broken(words)) => observed.end(words).await,
            (_, Verdict::Lost(words)) => observed.loss(&self, words).await,
            (_, Verdict::Followed(words)) => observed.change(&self, words).await,
            (_, Verdict::Reduced(words)) => observed.remainder(&self, words).await,
            (_, _) => observed.no_loss(&self).await,
        }
    }

    /// Lets it happen.
    async fn strike(&self, session: &Value) {
        match &self.event {
            Event::AtStart(fault) | Event::Playing(fault) => self.source.set(fault.clone()),
            Event::Signal(signal) => {
                let pid = session["encoder"]["pid"].as_u64().unwrap();
                let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
                kill_process(pid, *signal).unwrap();
            }
            Event::Flapping => {
                for _ in 0..100 {
                    self.source.set(Fault::Reset(Duration::ZERO));
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    self.source.set(Fault::None);
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
    }
}

/// A channel and who looks at it.
struct Observed {
    channel: String,
    gateway: Rc<Gateway>,
}

// === impl Observed ===

impl Observed {
    async fn session(&self) -> Value {
        self.gateway.session_of(&self.channel).await
    }

    /// Waits until the session is as wanted.
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

    async fn refusal(&self, words: &[&str]) -> String {
        let path = format!("/live/{}/index.m3u8", self.channel);
        let answer = self.gateway.client().get(&path).await;
        assert_eq!(answer.status, 503, "{:?}", answer.body);
        assert!(answer.took < SHORT_START + SLACK, "{:?}", answer.took);
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        let message = body["error"]["message"].as_str().unwrap();
        let session = self
            .until("the failure", |session| session["state"] == "failed")
            .await;
        let why = said(&session, words);
        format!("{:5.2} s | {why} | {message}", answer.took.as_secs_f64())
    }

    async fn end(&self, words: &[&str]) -> String {
        let path = format!("/live/{}/index.m3u8", self.channel);
        let since = Instant::now();
        let _ = self.gateway.client().get(&path).await;
        let end = CancellationToken::new();
        let watching = watch(&self.gateway.client(), &self.channel, &["v", "audio"], &end);
        let lost = |session: &Value| session["error_count"].as_u64() > Some(0);
        let session = self.until("the loss", lost).await;
        let noticed = since.elapsed();
        self.until("more of it", |session| {
            session["error_count"].as_u64() > Some(1)
        })
        .await;
        end.cancel();
        heard(watching).await;
        format!(
            "noticed {:5.2} s | {}",
            noticed.as_secs_f64(),
            said(&session, words)
        )
    }

    /// Plays until there is a window to lose.
    async fn playing(&self) -> Value {
        let path = format!("/live/{}/index.m3u8", self.channel);
        let since = Instant::now();
        // A channel that starts slowly says so, and players ask again.
        while self.gateway.client().get(&path).await.status != 200 {
            assert!(since.elapsed() < PATIENCE, "{:#}", self.session().await);
        }
        self.until("a window", |session| {
            session["renditions"][0]["window"]["duration"].as_f64() > Some(4.0)
        })
        .await
    }

    async fn loss(&self, row: &Row, words: &[&str]) -> String {
        let end = CancellationToken::new();
        let session = self.playing().await;
        let watching = watch(&self.gateway.client(), &self.channel, &["v", "audio"], &end);
        let before = session["error_count"].as_u64().unwrap();
        assert_eq!(before, 0, "{session:#}");
        let struck = row.strike(&session);
        let noticed = async {
            let since = Instant::now();
            let session = self
                .until("the loss", |session| {
                    session["error_count"].as_u64() > Some(0)
                })
                .await;
            (session, since.elapsed())
        };
        let ((), (session, noticed)) = tokio::join!(struck, noticed);
        let why = said(&session, words);
        // Long enough for the next encoder to meet it too.
        tokio::time::sleep(Duration::from_secs(2)).await;
        row.source.set(Fault::None);
        let healed = Instant::now();
        self.until("the recovery", |session| {
            session["state"] == "active"
                && session["reason"] != Value::Null
                && session["encoder"]["pid"] != Value::Null
                && !session["reason"].as_str().unwrap().contains("lost")
        })
        .await;
        let back = healed.elapsed();
        tokio::time::sleep(Duration::from_secs(5)).await;
        end.cancel();
        let witnesses = heard(watching).await;
        let breaks = witnesses[0].discontinuities();
        let refusals = witnesses[0].refusals.len();
        let timelines = witnesses[0].timelines();
        for witness in &witnesses {
            witness.decode(self.gateway.folder.path()).await;
            assert!(!witness.discontinuities().is_empty(), "{}", witness.name());
            assert!(
                witness.news_after(healed).is_some(),
                "{} stands still",
                witness.name()
            );
        }
        let errors = self.session().await["error_count"].clone();
        assert!(noticed < STALL + SLACK, "{noticed:?}");
        format!(
            "noticed {:5.2} s, back {:5.2} s after it was well | {errors} losses, {} discontinuities, {timelines} timelines, {refusals} refusals | {why}",
            noticed.as_secs_f64(),
            back.as_secs_f64(),
            breaks.len(),
        )
    }

    /// The source stays as it has become: one loss, one discontinuity, and it plays.
    async fn change(&self, row: &Row, words: &[&str]) -> String {
        let end = CancellationToken::new();
        let session = self.playing().await;
        let watching = watch(&self.gateway.client(), &self.channel, &["v", "audio"], &end);
        assert_eq!(session["error_count"], 0, "{session:#}");
        row.strike(&session).await;
        let struck = Instant::now();
        let lost = |session: &Value| session["error_count"].as_u64() > Some(0);
        let session = self.until("the loss", lost).await;
        let noticed = struck.elapsed();
        let why = said(&session, words);
        self.until("the new encoder", |session| {
            session["reason"] == "a new encoder delivers"
        })
        .await;
        let back = struck.elapsed();
        tokio::time::sleep(Duration::from_secs(8)).await;
        end.cancel();
        let witnesses = heard(watching).await;
        let session = self.session().await;
        assert_eq!(session["error_count"], 1, "{session:#}");
        assert!(noticed < STALL + SLACK, "{noticed:?}");
        for witness in &witnesses {
            witness.decode(self.gateway.folder.path()).await;
            let name = witness.name();
            assert_eq!(witness.discontinuities().len(), 1, "{name}");
            assert_eq!(witness.timelines(), 1, "{name}");
            assert!(witness.news_after(struck + back).is_some(), "{name}");
        }
        let refusals = witnesses[0].refusals.len();
        format!(
            "noticed {:5.2} s, plays after {:5.2} s | {refusals} refusals | {why}",
            noticed.as_secs_f64(),
            back.as_secs_f64()
        )
    }

    /// What is left of the source plays on a timeline of its own.
    async fn remainder(&self, row: &Row, words: &[&str]) -> String {
        let session = self.playing().await;
        assert_eq!(session["error_count"], 0, "{session:#}");
        let end = CancellationToken::new();
        let watching = watch(&self.gateway.client(), &self.channel, &["v"], &end);
        row.strike(&session).await;
        let struck = Instant::now();
        let lost = |session: &Value| session["error_count"].as_u64() > Some(0);
        let session = self.until("the loss", lost).await;
        let noticed = struck.elapsed();
        let why = said(&session, words);
        self.until("what is left", |session| {
            session["reason"] == "a new encoder delivers"
        })
        .await;
        let back = Instant::now();
        tokio::time::sleep(Duration::from_secs(6)).await;
        end.cancel();
        let witnesses = heard(watching).await;
        assert_eq!(self.session().await["error_count"], 1);
        assert!(noticed < STALL + SLACK, "{noticed:?}");
        assert!(witnesses[0].news_after(back).is_some());
        format!(
            "noticed {:5.2} s, plays after {:5.2} s | {why}",
            noticed.as_secs_f64(),
            back.duration_since(struck).as_secs_f64()
        )
    }

    async fn no_loss(&self, row: &Row) -> String {
        let end = CancellationToken::new();
        let session = self.playing().await;
        let watching = watch(&self.gateway.client(), &self.channel, &["v", "audio"], &end);
        row.strike(&session).await;
        tokio::time::sleep(Duration::from_secs(14)).await;
        end.cancel();
        let witnesses = heard(watching).await;
        let session = self.session().await;
        let refusals = witnesses[0].refusals.len();
        assert_eq!(session["error_count"], 0, "{session:#}");
        assert_eq!(refusals, 0, "{:?}", witnesses[0].refusals);
        for witness in &witnesses {
            witness.decode(self.gateway.folder.path()).await;
            assert!(witness.discontinuities().len() <= 1, "{}", witness.name());
            assert!(
                witness.segments() >= 5,
                "{}: {}",
                witness.name(),
                witness.segments()
            );
            let behind = Timestamp::now() - witness.edge().unwrap();
            let behind = behind.total(jiff::Unit::Second).unwrap();
            assert!(
                behind.abs() < 8.0,
                "{}: {behind} s behind the clock",
                witness.name()
            );
        }
        format!(
            "{} losses, {} discontinuities, {refusals} refusals, {} segments | {}",
            session["error_count"],
            witnesses[0].discontinuities().len(),
            witnesses[0].segments(),
            session["last_error"],
        )
    }
}

/// The session names the problem, in its last error or its reason.
fn said(session: &Value, words: &[&str]) -> String {
    let text = format!("{} {}", session["last_error"], session["reason"]);
    assert!(
        words.iter().any(|word| text.contains(word)),
        "{words:?} in {text}"
    );
    session["last_error"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}
