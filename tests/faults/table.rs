//! One channel for each fault of a source. The deadlines are those of the configuration; what is asserted allows for
//! a machine that does other things too, what is printed is what happened.

use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

use crate::gateway::Gateway;
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
pub(crate) const START: Duration = Duration::from_secs(30);

/// What one may take that is expected to take too long.
pub(crate) const SHORT_START: Duration = Duration::from_secs(6);

/// A running source is lost after this without new media: the target duration and a second.
pub(crate) const STALL: Duration = Duration::from_secs(3);

/// How many channels run at a time: so many encoders a small machine has room for.
pub(crate) static ROOM: Semaphore = Semaphore::const_new(5);

/// What a busy machine adds to a deadline.
pub(crate) const SLACK: Duration = Duration::from_secs(12);

/// What happens to a source.
pub(crate) enum Event {
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
pub(crate) enum Verdict {
    /// Viewers are refused, and the session says one of these.
    Refused(&'static [&'static str]),
    /// The encoder is lost and the session says one of these; when the source is well again, so is the channel.
    Lost(&'static [&'static str]),
    /// It begins and cannot go on; the session says one of these.
    Broken(&'static [&'static str]),
    /// The encoder is lost and the session says one of these; the next one plays what comes now.
    Followed(&'static [&'static str]),
    /// The encoder is lost and the session says one of these; the next one plays what is left.
    Reduced(&'static [&'static str]),
    /// Nobody notices; at most a discontinuity.
    Unharmed,
}

pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) source: SourceServer,
    pub(crate) address: String,
    /// What the configuration says besides.
    pub(crate) more: &'static str,
    pub(crate) event: Event,
    pub(crate) verdict: Verdict,
}

/// Nothing came, not even a refusal.
pub(crate) const LATE: &[&str] = &["did not deliver within", "delivered nothing within"];

/// There is video that cannot be shown. Who says it first, the source's probe or the start timer, is a race.
pub(crate) const KEYLESS: &[&str] = &[
    "no key frame",
    "did not deliver within",
    "delivered nothing within",
];

use Event::{AtStart, Flapping, Playing};
use Verdict::{Broken, Lost, Refused, Unharmed};

#[tokio::test]
async fn sources_that_never_deliver_are_refused_in_words() {
    let mut rows = vec![
        stream("404", AtStart(Fault::Status(404)), Refused(&["not found"])),
        stream(
            "refused",
            AtStart(Fault::Refused),
            Refused(&["refused the connection"]),
        ),
        stream("no such host", AtStart(Fault::None), Refused(&["host"])),
        stream(
            "403",
            AtStart(Fault::Status(403)),
            Refused(&["denied access"]),
        ),
        stream("stall", AtStart(Fault::Stall), Refused(LATE)),
        stream("drip", AtStart(Fault::Drip), Refused(LATE)),
        stream("garbage", AtStart(Fault::Garbage), Refused(LATE)),
        stream(
            "sound only",
            AtStart(Fault::Other(Recording::sound_only())),
            Refused(&["no video"]),
        ),
        hls(
            "hls 404",
            AtStart(Fault::Status(404)),
            Refused(&["not found"]),
        ),
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
        verdict: Refused(KEYLESS),
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
        stream(
            "timestamps x 100",
            Playing(Fault::Hundredfold),
            Lost(&["ahead of the clock", "timestamps"]),
        ),
        stream("flapping", Flapping, Lost(&[""])),
        stream(
            "SIGSTOP of ffmpeg",
            Event::Signal(Signal::STOP),
            Lost(STALLED),
        ),
        stream(
            "SIGKILL of ffmpeg",
            Event::Signal(Signal::KILL),
            Lost(ENDED),
        ),
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
        stream(
            "pictures vanish",
            Playing(Fault::Other(Recording::sound_only())),
            Lost(STALLED),
        ),
        stream(
            "resolution change",
            Playing(Fault::Other(Recording::larger())),
            Unharmed,
        ),
        stream("jump +10 h", Playing(Fault::Jump(36_000)), Unharmed),
        stream("jump -10 h", Playing(Fault::Jump(-36_000)), Unharmed),
        hls(
            "hls stands still",
            Playing(Fault::OldPlaylist),
            Lost(STALLED),
        ),
        hls("hls 404 later", Playing(Fault::Status(404)), Lost(&[""])),
        hls(
            "hls segments vanish",
            Playing(Fault::NoSegments),
            Lost(&[""]),
        ),
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

pub(crate) fn stream(name: &'static str, event: Event, verdict: Verdict) -> Row {
    let source = SourceServer::good();
    let address = source.stream();
    Row {
        name,
        source,
        address,
        more: "",
        event,
        verdict,
    }
}

pub(crate) fn hls(name: &'static str, event: Event, verdict: Verdict) -> Row {
    let source = SourceServer::good();
    let address = source.playlist();
    Row {
        name,
        source,
        address,
        more: "",
        event,
        verdict,
    }
}

/// All of them at the same time in one gateway; prints a line for each.
pub(crate) async fn run(rows: Vec<Row>) {
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
        running.push((
            name,
            tokio::task::spawn_local(row.play(format!("c{index}"), gateway)),
        ));
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
