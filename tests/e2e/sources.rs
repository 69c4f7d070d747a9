//! Other sources than the card: files that loop, rungs that are copied, and what is not there.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::crawl::{check_in_step, crawl};
use crate::gateway::{Gateway, PATIENCE, make};

/// Six seconds of picture and sound.
fn six_seconds(folder: &Path) {
    let arguments = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=6 -f lavfi -i sine=duration=6 \
        -c:v libx264 -preset veryfast -g 50 -bf 0 -pix_fmt yuv420p -c:a aac -shortest";
    make(arguments, &folder.join("six.mp4"));
}

#[tokio::test]
async fn a_file_begins_again_without_a_trace() {
    let channel = "[[channel]]\nid = \"loop\"\nsource = \"six.mp4\"\n";
    let gateway = Gateway::with_files(channel, six_seconds);
    let crawls = crawl(&gateway.client(), "loop", Duration::from_secs(16)).await;
    check_in_step(&crawls);
    for crawl in &crawls {
        let media: f64 = crawl.segments().map(|(segment, _)| segment.duration).sum();
        assert!(media > 13.0, "{media} s is no more than the file has twice");
        assert_eq!(crawl.discontinuities(), [] as [u64; 0], "{}", crawl.name());
    }
    let session = gateway.session().await;
    println!(
        "looped file: first part after {} ms",
        session["first_part_ms"]
    );
    assert_eq!(session["error_count"], 0, "{session}");
    assert_eq!(session["encoder"]["restarts"], 0, "{session}");
}

#[tokio::test]
async fn a_copied_rung_beside_an_encoded_one_keeps_every_rule() {
    let channel = r#"
[[channel]]
id = "copy"
source = "six.mp4"
ladder = [{ name = "source", copy = true }, { name = "small", height = 90, video_bitrate = "100k" }]
"#;
    let gateway = Gateway::with_files(channel, six_seconds);
    let crawls = crawl(&gateway.client(), "copy", Duration::from_secs(16)).await;
    check_in_step(&crawls);
    for crawl in &crawls {
        assert!(crawl.segments().count() >= 4, "{}", crawl.name());
        assert_eq!(crawl.discontinuities(), [] as [u64; 0], "{}", crawl.name());
    }
    let session = gateway.session().await;
    assert_eq!(session["error_count"], 0, "{session}");
}

#[tokio::test]
async fn a_source_that_is_not_there_is_said_to_be_missing() {
    for (source, word) in [
        ("missing.mp4", "missing.mp4"),
        ("http://127.0.0.1:9/live.ts", "127.0.0.1:9"),
    ] {
        let channel =
            format!("[[channel]]\nid = \"none\"\nsource = \"{source}\"\nstart_timeout = \"3s\"\n");
        let gateway = Gateway::start(&channel);
        let since = Instant::now();
        let answer = gateway.client().get("/live/none/index.m3u8").await;
        assert_eq!(answer.status, 503, "{source}");
        assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
        println!("{source}: 503 after {:?}", answer.took);
        assert!(
            since.elapsed() < Duration::from_secs(3) + PATIENCE / 10,
            "{:?}",
            since.elapsed()
        );
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(
            body["error"]["message"].as_str().unwrap().len() > 10,
            "{body}"
        );
        let session = gateway.session().await;
        let told = session["last_error"].to_string() + &session["reason"].to_string();
        assert!(told.contains(word), "{source}: {session}");
        assert!(session["error_count"].as_u64().unwrap() > 0, "{session}");
    }
}
