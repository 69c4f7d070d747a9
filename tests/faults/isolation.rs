//! What a channel with a fault costs the others: nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::client::Client;
use crate::gateway::{Gateway, PATIENCE};
use crate::source_server::{Fault, SourceServer};

const REQUESTS: usize = 20_000;

/// How often the bad channel is lost at least meanwhile.
const LOSSES: usize = 4;

const CHANNELS: &str = r#"
[defaults]
segment_duration = "1s"
part_duration = "500ms"
window = "8s"
ladder = [{ name = "v", height = 180, video_bitrate = "200k" }]

[[channel]]
id = "good0"
source = "testcard:"

[[channel]]
id = "good1"
source = "testcard:"
"#;

#[tokio::test]
async fn a_broken_channel_costs_the_others_nothing() {
    let source = SourceServer::good();
    let address = source.stream();
    let bad = format!("[[channel]]\nid = \"bad\"\nsource = \"{address}\"\n");
    let gateway = Gateway::beside(&format!("{CHANNELS}{bad}"), tempfile::tempdir().unwrap());
    let mut pids = Vec::new();
    for channel in ["good0", "good1", "bad"] {
        until_it_plays(&gateway.client(), channel).await;
        pids.push(gateway.session_of(channel).await["encoder"]["pid"].clone());
    }
    let (count, enough) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let mut viewers = Vec::new();
    for number in 0..8 {
        let client = gateway.client().named(&format!("viewer {number}"));
        let channel = format!("good{}", number % 2);
        let (count, enough) = (count.clone(), enough.clone());
        viewers.push(tokio::spawn(async move {
            while !enough.load(Ordering::Relaxed) {
                let requests = view(&client, &channel).await;
                count.fetch_add(requests, Ordering::Relaxed);
            }
        }));
    }
    let since = Instant::now();
    let (mut losses, mut flaps, mut last) = (0, 0, Value::Null);
    while count.load(Ordering::Relaxed) < REQUESTS || losses < LOSSES {
        assert!(
            since.elapsed() < PATIENCE * 3,
            "{count:?} requests, {losses} losses"
        );
        let fault = if flaps % 2 == 0 {
            Fault::Reset(Duration::ZERO)
        } else {
            Fault::None
        };
        source.set(fault);
        flaps += 1;
        tokio::time::sleep(Duration::from_millis(700)).await;
        // Somebody wants to see it all the time.
        let _ = tokio::time::timeout(
            Duration::from_millis(100),
            gateway.client().get("/live/bad/v/index.m3u8"),
        )
        .await;
        let session = gateway.session_of("bad").await;
        if session["error_count"] != last {
            losses += 1;
            last = session["error_count"].clone();
        }
        if let Some(pid) = session["encoder"]["pid"].as_u64() {
            let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
            let _ = kill_process(pid, Signal::KILL); // It may have gone by itself.
        }
    }
    enough.store(true, Ordering::Relaxed);
    for viewer in viewers {
        viewer.await.unwrap();
    }
    for (number, pid) in pids[..2].iter().enumerate() {
        let session = gateway.session_of(&format!("good{number}")).await;
        assert_eq!(session["encoder"]["pid"], *pid, "{session:#}");
        assert_eq!(session["error_count"], 0, "{session:#}");
    }
    println!(
        "{} requests to two good channels in {:.1} s, all answered, beside a channel that was lost {losses} times",
        count.load(Ordering::Relaxed),
        since.elapsed().as_secs_f64()
    );
}

async fn until_it_plays(client: &Client, channel: &str) {
    let since = Instant::now();
    let path = format!("/live/{channel}/v/index.m3u8");
    while client.get(&path).await.status != 200 {
        assert!(since.elapsed() < PATIENCE, "{channel} does not start");
    }
}

/// What a viewer fetches, over and over: playlists, and the newest of what they name. How many requests that was.
async fn view(client: &Client, channel: &str) -> usize {
    let mut requests = 1;
    let main = client.get(&format!("/live/{channel}/index.m3u8")).await;
    assert!(main.text().contains("v/index.m3u8"));
    for rendition in ["v", "audio"] {
        let base = format!("/live/{channel}/{rendition}");
        let list = client.get(&format!("{base}/index.m3u8")).await;
        let playlist = crate::playlist::Playlist::read(list.text());
        requests += 1;
        for segment in playlist.segments.iter().rev().take(3) {
            let map = segment.map.as_deref().unwrap();
            for uri in [segment.uri.as_str(), map] {
                let answer = client.get(&format!("{base}/{uri}")).await;
                assert_eq!(answer.status, 200, "{base}/{uri}");
                requests += 1;
            }
        }
    }
    requests
}
