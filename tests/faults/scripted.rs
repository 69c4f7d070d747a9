//! An ffmpeg that does not listen and one that talks too much: the scripted one, in the gateway as it is shipped.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::checker::{heard, watch};
use crate::gateway::{Gateway, PATIENCE};

const CHANNEL: &str = r#"
[[channel]]
id = "one"
source = "testcard:"
segment_duration = "2s"
part_duration = "500ms"
window = "12s"
ladder = [{ name = "v", height = 180, video_bitrate = "200k" }]
"#;

/// The target duration and a second.
const STALL: Duration = Duration::from_secs(3);

/// What a busy machine adds.
const SLACK: Duration = Duration::from_secs(12);

#[tokio::test]
async fn an_ffmpeg_that_hangs_and_ignores_term_is_replaced() {
    let folder = scripted("burst 0.5; stall after 6; ignore-term");
    let gateway = Gateway::beside(CHANNEL, folder);
    plays(&gateway).await;
    let end = CancellationToken::new();
    let watching = watch(&gateway.client(), "one", &["v", "audio"], &end);
    let deaf = pid(&gateway.session_of("one").await).unwrap();
    script(&gateway, "burst 0.5");
    // The media of the last part is the last sign of life.
    let newest = |session: &Value| session["renditions"][0]["window"].clone();
    let (mut window, mut changed) = (Value::Null, Instant::now());
    let session = until(&gateway, "the loss", |session| {
        if newest(session) != window {
            (window, changed) = (newest(session), Instant::now());
        }
        session["error_count"].as_u64() > Some(0)
    })
    .await;
    let noticed = changed.elapsed();
    let why = session["last_error"].as_str().unwrap().to_owned();
    assert!(why.contains("no new media"), "{why}");
    assert!(noticed < STALL + SLACK, "{noticed:?}");
    let lost = Instant::now();
    until(&gateway, "its successor", |session| {
        pid(session).is_some_and(|pid| pid != deaf)
    })
    .await;
    let replaced = lost.elapsed();
    plays(&gateway).await;
    let last = gateway.session_of("one").await["renditions"][0]["window"]["last_msn"].clone();
    until(&gateway, "more media", |session| {
        session["renditions"][0]["window"]["last_msn"].as_u64() > last.as_u64().map(|msn| msn + 1)
    })
    .await;
    end.cancel();
    for witness in heard(watching).await {
        assert_eq!(witness.discontinuities().len(), 1, "{}", witness.name());
    }
    assert!(
        !gateway.children().contains(&(deaf as u32)),
        "it should be dead and reaped"
    );
    println!(
        "ignores TERM         | noticed {:5.2} s, another one {:.2} s later | {why}",
        noticed.as_secs_f64(),
        replaced.as_secs_f64()
    );
}

#[tokio::test]
async fn an_ffmpeg_that_floods_its_errors_plays_all_the_same() {
    let gateway = Gateway::beside(CHANNEL, scripted("flood 50; burst 3"));
    let since = Instant::now();
    plays(&gateway).await;
    let session = gateway.session_of("one").await;
    assert_eq!(session["error_count"], 0, "{session:#}");
    let lines = session["encoder"]["last_lines"].to_string().len();
    assert!(lines < 1 << 18, "{lines} bytes of it are kept");
    println!(
        "stderr flood, 50 MB  | plays after {:.2} s | {} KiB are kept of it",
        since.elapsed().as_secs_f64(),
        lines >> 10
    );
}

/// A folder whose ffmpeg does what is written.
pub(crate) fn scripted(scenario: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_headgate"));
    let fake = binary.parent().unwrap().join("examples/fake_ffmpeg");
    assert!(
        fake.exists(),
        "run `cargo build --example fake_ffmpeg` first, as a plain `cargo test` does"
    );
    std::os::unix::fs::symlink(fake, folder.path().join("ffmpeg")).unwrap();
    std::fs::write(folder.path().join("ffmpeg.scenario"), scenario).unwrap();
    folder
}

/// What the next ffmpeg will do.
fn script(gateway: &Gateway, scenario: &str) {
    let new = gateway.folder.path().join("new");
    std::fs::write(&new, scenario).unwrap();
    std::fs::rename(new, gateway.folder.path().join("ffmpeg.scenario")).unwrap();
}

async fn plays(gateway: &Gateway) {
    let since = Instant::now();
    while gateway.client().get("/live/one/v/index.m3u8").await.status != 200 {
        assert!(since.elapsed() < PATIENCE, "it does not play");
    }
}

async fn until(gateway: &Gateway, what: &str, mut wanted: impl FnMut(&Value) -> bool) -> Value {
    let since = Instant::now();
    loop {
        let session = gateway.session_of("one").await;
        if wanted(&session) {
            return session;
        }
        assert!(
            since.elapsed() < PATIENCE,
            "{what} did not come: {session:#}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn pid(session: &Value) -> Option<u64> {
    session["encoder"]["pid"].as_u64()
}
