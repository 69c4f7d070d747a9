//! One channel for each fault of a source. The deadlines are those of the configuration; what is asserted allows for
//! a machine that does other things too, what is printed is what happened.

use std::fmt::Write;
use std::rc::Rc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::LocalSet;
use tokio_util::sync::CancellationToken;

use crate::checker::{heard, watch};
use crate::gateway::{Gateway, PATIENCE};
use crate::source_server::{Fault, SourceServer};
use crate::transport::Recording;

const SETTINGS: &str = r#"
[defaults]
segment_duration = "2s"
part_duration = "500ms"
window = "12s"
ladder = [{ name = "v", height = 180, video_bitrate = "200k" }]
"#;

/// What a source may take to deliver, when it is expected to.
const START: Duration = Duration::from_secs(30);

/// What one may take that is expected to take too long.
const SHORT_START: Duration = Duration::from_secs(6);

/// A running source is lost after this without new media: the target duration and a second.
const STALL: Duration = Duration::from_secs(3);

/// How many channels run at a time: so many encoders a small machine has room for.
static ROOM: Semaphore = Semaphore::const_new(5);

/// What a busy machine adds to a deadline.
const SLACK: Duration = Duration::from_secs(12);

/// What happens to a source.
enum Event {
    /// It was never any better.
    AtStart(Fault),
    /// It did play.
    Playing(Fault),
    /// Its encoder gets a signal.
    Signal(Signal),
    /// It comes and goes a hundred times.
    Flapping,
}

/// What becomes of the channel.
enum Verdict {
    /// Viewers are refused, and the session says one of these.
    Refused(&'static [&'static str]),
    /// The encoder is lost and the session says one of these; when the source is well again, so is the channel.
    Lost(&'static [&'static str]),
    /// It begins and cannot go on; the session says one of these.
    Broken(&'static [&'static str]),
    /// Nobody notices; at most a discontinuity.
    Unharmed,
}

struct Row {
    name: &'static str,
    source: SourceServer,
    address: String,
    /// What the configuration says besides.
    more: &'static str,
    event: Event,
    verdict: Verdict,
}

/// Nothing came, not even a refusal.
const LATE: &[&str] = &["did not deliver within", "delivered nothing within"];

use Event::{AtStart, Flapping, Playing};
use Verdict::{Broken, Lost, Refused, Unharmed};

#[tokio::test]
async fn sources_that_never_deliver_are_refused_in_words() {
    let mut rows = vec![
        stream("404", AtStart(Fault::Status(404)), Refused(&["not found"])),
        stream("refused", AtStart(Fault::Refused), Refused(&["refused the connection"])),
        stream("no such host", AtStart(Fault::None), Refused(&["host"])),
        stream("403", AtStart(Fault::Status(403)), Refused(&["denied access"])),
        stream("stall", AtStart(Fault::Stall), Refused(LATE)),
        stream("drip", AtStart(Fault::Drip), Refused(LATE)),
        stream("garbage", AtStart(Fault::Garbage), Refused(LATE)),
        stream("sound only", AtStart(Fault::Other(Recording::sound_only())), Refused(&["no video"])),
        hls("hls 404", AtStart(Fault::Status(404)), Refused(&["not found"])),
        hls("hls stall", AtStart(Fault::Stall), Refused(LATE)),
        hls("hls no segments", AtStart(Fault::NoSegments), Refused(LATE)),
    ];
    rows[2].address = "http://nowhere.invalid/live.ts".into();
    let blind = SourceServer::start(Recording::rare_key_frames(), 0, false);
    rows.push(Row {
        name: "no key frame",
        address: blind.stream(),
        source: blind,
        more: "",
        event: AtStart(Fault::None),
        verdict: Refused(&["no key frame", LATE[0], LATE[1]]),
    });
    LocalSet::new().run_until(run(rows)).await;
}

#[tokio::test]
async fn sources_that_break_are_noticed_and_come_back() {
    const STALLED: &[&str] = &["no new media"];
    const ENDED: &[&str] = &["ended"];
    let rows = vec![
        stream("eof", Playing(Fault::Eof(Duration::ZERO)), Lost(ENDED)),
        stream("reset", Playing(Fault::Reset(Duration::ZERO)), Lost(ENDED)),
        stream("404 later", Playing(Fault::Status(404)), Lost(ENDED)),
        stream("stall", Playing(Fault::Stall), Lost(STALLED)),
        stream("drip", Playing(Fault::Drip), Lost(STALLED)),
        stream("garbage", Playing(Fault::Garbage), Lost(STALLED)),
        stream("frozen timestamps", Playing(Fault::Frozen), Unharmed),
        stream("flapping", Flapping, Lost(&[""])),
        stream("SIGSTOP of ffmpeg", Event::Signal(Signal::STOP), Lost(STALLED)),
        stream("SIGKILL of ffmpeg", Event::Signal(Signal::KILL), Lost(ENDED)),
    ];
    LocalSet::new().run_until(run(rows)).await;
}

#[tokio::test]
async fn contents_that_change_are_noticed_or_played() {
    const STALLED: &[&str] = &["no new media"];
    let wrap = SourceServer::wraps_in(16);
    let long = SourceServer::start(Recording::long_groups(), 0, false);
    let rare = SourceServer::start(Recording::rare_key_frames(), 0, true);
    let mut rows = vec![
        stream("pictures vanish", Playing(Fault::Other(Recording::sound_only())), Lost(STALLED)),
        stream("resolution change", Playing(Fault::Other(Recording::larger())), Unharmed),
        stream("jump +10 h", Playing(Fault::Jump(36_000)), Unharmed),
        stream("jump -10 h", Playing(Fault::Jump(-36_000)), Unharmed),
        hls("hls stands still", Playing(Fault::OldPlaylist), Lost(STALLED)),
        hls("hls 404 later", Playing(Fault::Status(404)), Lost(&[""])),
        hls("hls segments vanish", Playing(Fault::NoSegments), Lost(&[""])),
    ];
    rows.push(Row {
        name: "rare keys, copied",
        address: rare.stream(),
        source: rare,
        more: "ladder = [{ name = \"v\", copy = true }]",
        event: AtStart(Fault::None),
        verdict: Broken(&["without a key frame"]),
    });
    rows.push(Row {
        name: "key frame every 8 s",
        address: long.stream(),
        source: long,
        more: "",
        event: Playing(Fault::None),
        verdict: Unharmed,
    });
    rows.push(Row {
        name: "PTS wrap",
        address: wrap.stream(),
        source: wrap,
        more: "",
        event: Playing(Fault::None),
        verdict: Unharmed,
    });
    LocalSet::new().run_until(run(rows)).await;
}

fn stream(name: &'static str, event: Event, verdict: Verdict) -> Row {
    let source = SourceServer::good();
    let address = source.stream();
    Row { name, source, address, more: "", event, verdict }
}

fn hls(name: &'static str, event: Event, verdict: Verdict) -> Row {
    let source = SourceServer::good();
    let address = source.playlist();
    Row { name, source, address, more: "", event, verdict }
}

/// All of them at the same time in one gateway; prints a line for each.
async fn run(rows: Vec<Row>) {
    let mut text = SETTINGS.to_owned();
    for (index, row) in rows.iter().enumerate() {
        let (address, start) = (&row.address, row.start().as_secs());
        let _ = writeln!(
            text,
            "[[channel]]\nid = \"c{index}\"\nname = \"{}\"\nsource = \"{address}\"\nstart_timeout = \"{start}s\"\n{}",
            row.name, row.more
        );
    }
    let gateway = Rc::new(Gateway::beside(&text, tempfile::tempdir().unwrap()));
    let mut running = Vec::new();
    for (index, row) in rows.into_iter().enumerate() {
        let (name, gateway) = (row.name, gateway.clone());
        running.push((name, tokio::task::spawn_local(row.play(format!("c{index}"), gateway))));
    }
    let mut failed = Vec::new();
    for (name, row) in running {
        match row.await {
            Ok(line) => println!("{name:<20} | {line}"),
            Err(error) => {
                println!("{name:<20} | FAILED");
                failed.push(format!("{name}: {error}"));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

// === impl Row ===

impl Row {
    /// Its start timeout.
    fn start(&self) -> Duration {
        match self.verdict {
            Refused(words) if words == LATE || self.name == "refused" => SHORT_START,
            _ => START,
        }
    }

    async fn play(self, channel: String, gateway: Rc<Gateway>) -> String {
        let _room = ROOM.acquire().await.unwrap();
        let observed = Observed { channel, gateway };
        match (&self.event, &self.verdict) {
            (AtStart(fault), Refused(words)) => {
                self.source.set(fault.clone());
                observed.refusal(words).await
            }
            (_, Broken(words)) => observed.end(words).await,
            (_, Lost(words)) => observed.loss(&self, words).await,
            (_, _) => observed.no_loss(&self).await,
        }
    }

    /// Lets it happen, and says when it began.
    async fn strike(&self, session: &Value) -> Instant {
        let since = Instant::now();
        match &self.event {
            AtStart(fault) | Playing(fault) => self.source.set(fault.clone()),
            Event::Signal(signal) => {
                let pid = session["encoder"]["pid"].as_u64().unwrap();
                let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
                kill_process(pid, *signal).unwrap();
            }
            Flapping => {
                for _ in 0..100 {
                    self.source.set(Fault::Reset(Duration::ZERO));
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    self.source.set(Fault::None);
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
        since
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
            assert!(since.elapsed() < PATIENCE, "{what} did not come: {session:#}");
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
        self.until("more of it", |session| session["error_count"].as_u64() > Some(1))
            .await;
        end.cancel();
        heard(watching).await;
        format!("noticed {:5.2} s | {}", noticed.as_secs_f64(), said(&session, words))
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
                .until("the loss", |session| session["error_count"].as_u64() > Some(0))
                .await;
            (session, since.elapsed())
        };
        let (since, (session, noticed)) = tokio::join!(struck, noticed);
        let why = said(&session, words);
        // Long enough for the next encoder to meet it too.
        tokio::time::sleep(Duration::from_secs(2)).await;
        row.source.set(Fault::None);
        let healed = Instant::now();
        self.until("the recovery", |session| {
            session["state"] == "active" && session["reason"] != Value::Null
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
            assert!(witness.news_after(healed).is_some(), "{} stands still", witness.name());
        }
        let errors = self.session().await["error_count"].clone();
        let _ = since;
        assert!(noticed < STALL + SLACK, "{noticed:?}");
        format!(
            "noticed {:5.2} s, back {:5.2} s after it was well | {errors} losses, {} discontinuities, {timelines} timelines, {refusals} refusals | {why}",
            noticed.as_secs_f64(),
            back.as_secs_f64(),
            breaks.len(),
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
            assert!(witness.segments() >= 5, "{}: {}", witness.name(), witness.segments());
            let behind = Timestamp::now() - witness.edge().unwrap();
            let behind = behind.total(jiff::Unit::Second).unwrap();
            assert!(behind.abs() < 8.0, "{}: {behind} s behind the clock", witness.name());
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
    assert!(words.iter().any(|word| text.contains(word)), "{words:?} in {text}");
    session["last_error"].as_str().unwrap_or_default().to_owned()
}
