//! Ten thousand channels: what it costs to have them while nobody watches. Alone in its process, whose memory it reads.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::sync::Arc;
use std::time::Instant;

use headgate::app::{App, Surroundings};
use headgate::config::{ConfigHolder, Origin};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

const CHANNELS: usize = 10_000;

/// What is allowed for all of them, in bytes: less than half of it is the channels, the rest is what the allocator keeps
/// of the tree that the file was read into.
const MOST: u64 = 24 << 20;

/// What this process holds, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn ten_thousand_channels_cost_little_while_nobody_watches() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("channels.toml");
    let text: String = (0..CHANNELS)
        .map(|n| {
            format!(
                "[[channel]]\nid = \"channel-{n}\"\nname = \"Channel {n}\"\nnumber = {}\ngroup = \"All\"\n\
                 source = \"http://tv.example.org:8080/live/joe/secret/{n}.ts\"\n",
                n + 1
            )
        })
        .collect();
    std::fs::write(&path, text).unwrap();
    let before = resident();
    let began = Instant::now();
    let origin = Origin {
        path,
        listen: "127.0.0.1:0".parse().ok(),
        ..Origin::default()
    };
    let holder = ConfigHolder::load(origin, Timestamp::now()).unwrap();
    let surroundings = Surroundings {
        launch_program: "headgate".into(),
        ffmpeg: None,
        path: None,
        state_folder: None,
        machine: "test".into(),
    };
    let app = App::build(Arc::new(holder), &surroundings, CancellationToken::new()).await;
    let app = app.unwrap();
    let took = began.elapsed();
    let cost = resident().saturating_sub(before);
    println!("{CHANNELS} channels: {took:?}, {:.1} MB", cost as f64 / 1e6);
    assert_eq!(app.sessions().channels().len(), CHANNELS);
    assert!(app.sessions().channel("channel-9999").is_some());
    assert!(app.sessions().reports().is_empty(), "none of them runs");
    assert!(cost < MOST, "{cost} bytes");
}
