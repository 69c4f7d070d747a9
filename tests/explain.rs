//! A gateway that explains itself: `headgate explain` of a running one, its metrics, and what is made of them.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]
#![expect(
    clippy::print_stderr,
    reason = "the log of a gateway whose test has failed"
)]

#[expect(dead_code, reason = "its pid and its log are of use to others")]
#[path = "support/process.rs"]
mod process;

#[path = "support/open_metrics.rs"]
mod open_metrics;

use std::collections::BTreeSet;
use std::path::Path;

use open_metrics::{Family, families};
use process::{Process, headgate, until};

const CHANNELS: &str = r#"
[server]
cage = "off" # The scripted ffmpeg reads its script.

[[channel]]
id = "one"
name = "The first"
sources = [{ url = "http://127.0.0.1:9/live.ts", name = "studio" }, "slate:Back soon"]
segment_duration = "1s"
ladder = [{ name = "v", height = 360, video_bitrate = "800k" }]

[[channel]]
id = "two"
source = "testcard:"
"#;

/// A gateway whose ffmpeg plays a scenario.
fn gateway(scenario: &str) -> (Process, tempfile::TempDir) {
    let bin = Path::new(env!("CARGO_BIN_EXE_headgate"));
    let folder = tempfile::tempdir().unwrap();
    let ffmpeg = folder.path().join("ffmpeg");
    std::os::unix::fs::symlink(bin.with_file_name("examples").join("fake_ffmpeg"), &ffmpeg)
        .unwrap();
    std::fs::write(folder.path().join("ffmpeg.scenario"), scenario).unwrap();
    std::fs::write(folder.path().join("channels.toml"), CHANNELS).unwrap();
    (Process::start(folder.path(), Some(&ffmpeg)), folder)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Plays a channel until its encoder was lost and replaced.
fn play_until_replaced(gateway: &Process) {
    until("the encoder to be replaced", || {
        gateway.get("/live/one/index.m3u8");
        gateway.get("/live/one/v/index.m3u8");
        let session = gateway.session("one");
        let history = session["history"].to_string();
        history.contains("encoder_ended") && session["encoder"]["restarts"].as_u64() >= Some(1)
    });
}

#[test]
fn a_channel_is_explained_before_and_after_it_fails() {
    let (gateway, _folder) = gateway("exit 1 after 4; stderr Connection reset by peer");
    let before = gateway.explain("one");
    assert!(before.status.success());
    let before = text(&before.stdout);
    assert!(
        before.starts_with("Channel one (The first) at "),
        "{before}"
    );
    assert!(before.contains("Nothing runs"), "{before}");
    assert!(before.contains("1. studio: waiting"), "{before}");

    play_until_replaced(&gateway);
    let after = gateway.explain("one");
    assert!(after.status.success());
    let after = text(&after.stdout);
    for what in [
        "1 viewer watches",
        "Starting: the first viewer came.",
        "started for studio.",
        "The source studio was lost: ffmpeg ended (exit status: 1)",
        "| Connection reset by peer",
        "What would change it",
        "When the last viewer has left, it stops after 30 s.",
    ] {
        assert!(after.contains(what), "{what} is not in\n{after}");
    }
}

#[test]
fn what_cannot_be_explained_is_said_and_fails() {
    let (gateway, _folder) = gateway("");
    let unknown = gateway.explain("three");
    assert_eq!(unknown.status.code(), Some(1));
    let said = text(&unknown.stderr);
    assert!(said.contains("has no channel \"three\""), "{said}");
    let url = format!("http://{}", gateway.address);
    drop(gateway);
    let nobody = headgate(["explain", "one", "--url", &url]);
    assert_eq!(nobody.status.code(), Some(1));
    let said = text(&nobody.stderr);
    assert!(said.contains("no gateway answers at 127.0.0.1:"), "{said}");
    let odd = headgate(["explain", "one", "--url", "ftp://here"]);
    assert_eq!(odd.status.code(), Some(1));
    assert!(text(&odd.stderr).contains("write http://HOST:PORT"));
}

#[test]
fn metrics_are_open_metrics_and_whatever_uses_them_names_them_right() {
    let (gateway, _folder) = gateway("exit 1 after 4");
    play_until_replaced(&gateway);
    let (status, page) = gateway.get("/metrics");
    assert_eq!(status, 200);
    let families = families(&page);
    let known: BTreeSet<String> = families.iter().flat_map(Family::sample_names).collect();
    for file in ["docs/grafana.json", "docs/alerts.yml", "docs/operating.md"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let used = names_in(&std::fs::read_to_string(path).unwrap());
        assert!(!used.is_empty(), "{file} uses no metric");
        let unknown: Vec<_> = used.difference(&known).collect();
        assert!(unknown.is_empty(), "{file} uses {unknown:?}, of {known:#?}");
    }
    let restarts = families
        .iter()
        .find(|f| f.name == "headgate_encoder_restarts");
    let ended = "headgate_encoder_restarts_total{channel=\"one\",cause=\"ended\"}";
    assert!(restarts.unwrap().samples[ended] >= 1.0, "{page}");
}

/// A dashboard is JSON; its expressions are only read for names.
#[test]
fn the_dashboard_is_json_with_panels() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/grafana.json");
    let text = std::fs::read_to_string(path).unwrap();
    let board: serde_json::Value = serde_json::from_str(&text).unwrap();
    let panels = board["panels"].as_array().unwrap();
    assert!(panels.len() > 8, "{}", panels.len());
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let expression = panel["targets"][0]["expr"].as_str().unwrap_or_default();
        assert!(expression.contains("headgate_"), "{}", panel["title"]);
    }
}

/// Everything of the form `headgate_…`.
fn names_in(text: &str) -> BTreeSet<String> {
    let is_name = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    let names = text.match_indices("headgate_").map(|(at, _)| {
        let name: String = text[at..].chars().take_while(|c| is_name(*c)).collect();
        name
    });
    names.collect()
}
