//! Whether what the playlists say is what the media is, by a crawl and by ffmpeg's own reading.

use std::collections::HashMap;
use std::process::Command;
use std::time::Duration;

use crate::client::Client;
use crate::crawl::{Crawl, check_in_step, crawl};
use crate::gateway::{Gateway, ffmpeg};

/// A ladder that is quick to encode, of two frame sizes.
pub(crate) const CARD: &str = r#"
[[channel]]
id = "card"
source = "testcard:"
ladder = [
  { name = "hi", height = 360, video_bitrate = "700k" },
  { name = "lo", height = 180, video_bitrate = "200k" },
]
"#;

#[tokio::test]
async fn every_version_of_every_playlist_is_right_over_http_1() {
    let gateway = Gateway::start(CARD);
    let crawls = crawl(&gateway.client(), "card", Duration::from_secs(20)).await;
    check_crawls(&crawls, 8);
    check_multivariant(&gateway.client(), &crawls).await;
    check_against_ffmpeg(&gateway, &crawls).await;
}

#[tokio::test]
async fn every_version_of_every_playlist_is_right_over_http_2() {
    // Short segments and the shortest window: much slides in little time.
    let short =
        "[defaults]\nsegment_duration = \"1s\"\npart_duration = \"250ms\"\nwindow = \"6s\"\n";
    let gateway = Gateway::start(&format!("{short}{CARD}"));
    let client = gateway.client().over_http2().await;
    let crawls = crawl(&client, "card", Duration::from_secs(20)).await;
    check_crawls(&crawls, 15);
    for crawl in &crawls {
        assert!(
            crawl.after_removal > 5,
            "{} segments left",
            crawl.after_removal
        );
    }
}

fn check_crawls(crawls: &[Crawl], segments: usize) {
    assert_eq!(crawls.len(), 3);
    check_in_step(crawls);
    for crawl in crawls {
        let name = crawl.name();
        println!(
            "{name}: {} segments, {} compared with their parts, {} after removal, slowest {:?}, {:.3} s behind",
            crawl.segments().count(),
            crawl.compared,
            crawl.after_removal,
            crawl.slowest,
            crawl.usually_behind()
        );
        // hls.js walks an array of this length: with seconds since 1970 a page stands still for ever.
        let discontinuities = crawl.checker.last().discontinuity_sequence;
        assert!(discontinuities < 1_000_000, "{discontinuities}");
        assert!(crawl.segments().count() >= segments, "{name}");
        assert!(crawl.compared >= segments / 2, "{name}");
        assert_eq!(crawl.discontinuities(), [] as [u64; 0], "{name}");
        assert!(
            crawl.usually_behind().abs() < 1.0,
            "{name}: {} s behind",
            crawl.usually_behind()
        );
        check_durations(crawl);
    }
}

/// EXTINF is the media's own duration, to a millisecond and without drift [4.4.4.1], and dates follow it.
fn check_durations(crawl: &Crawl) {
    let init = &crawl.bodies[crawl.checker.last().segments[0].map.as_ref().unwrap()];
    let scale = f64::from(timescale(init));
    let times: Vec<_> = crawl
        .segments()
        .map(|(s, body)| (s, decode_time(body) as f64 / scale))
        .collect();
    let (first, start) = times[0];
    let mut sum = 0.0;
    for ((segment, time), (next, after)) in times.iter().zip(&times[1..]) {
        assert_eq!(segment.msn + 1, next.msn, "{} has a hole", crawl.name());
        sum += segment.duration;
        assert!(
            (after - time - segment.duration).abs() < 0.001,
            "EXTINF of {}",
            segment.msn
        );
        assert!(
            (after - start - sum).abs() < 0.001,
            "EXTINF drifts until {}",
            next.msn
        );
        let date = next.program_date_time.unwrap() - first.program_date_time.unwrap();
        let date = date.total(jiff::Unit::Second).unwrap();
        assert!(
            (date - sum).abs() < 0.002,
            "the date of {} is {date}, not {sum}",
            next.msn
        );
    }
}

async fn check_multivariant(client: &Client, crawls: &[Crawl]) {
    let variants = variants(client).await;
    let rates = |crawl: &Crawl| -> HashMap<u64, (f64, f64)> {
        crawl
            .segments()
            .map(|(s, body)| (s.msn, (body.len() as f64 * 8.0, s.duration)))
            .collect()
    };
    let sound = rates(crawls.iter().find(|c| c.name() == "audio").unwrap());
    let target = crawls[0].checker.last().target_duration as f64;
    for variant in &variants {
        let name = variant["URI"].trim_end_matches("/index.m3u8");
        let pictures = rates(crawls.iter().find(|c| c.name() == name).unwrap());
        let (mut bits, mut seconds) = (0.0, 0.0);
        for (msn, (video, duration)) in &pictures {
            let Some((audio, _)) = sound.get(msn) else {
                continue;
            };
            let rate = (video + audio) / duration;
            // The peak is taken over half a Target Duration at the least [4.4.6.2].
            if *duration >= target / 2.0 {
                let stated: f64 = variant["BANDWIDTH"].parse().unwrap();
                assert!(
                    rate <= stated,
                    "{name}: segment {msn} has {rate}, BANDWIDTH is {stated}"
                );
            }
            bits += video + audio;
            seconds += duration;
        }
        let (measured, stated) = (
            bits / seconds,
            variant["AVERAGE-BANDWIDTH"].parse::<f64>().unwrap(),
        );
        println!(
            "{name}: AVERAGE-BANDWIDTH {stated}, measured {measured:.0}, BANDWIDTH {}",
            variant["BANDWIDTH"]
        );
        assert!(
            (stated / measured - 1.0).abs() < 0.15,
            "{name}: {stated} stated, {measured} measured"
        );
    }
}

/// The attributes of each EXT-X-STREAM-INF, with its URI.
async fn variants(client: &Client) -> Vec<HashMap<String, String>> {
    let answer = client.get("/live/card/index.m3u8").await;
    let lines: Vec<&str> = answer.text().lines().collect();
    let pair = |pair: &[&str]| {
        let list = pair[0].strip_prefix("#EXT-X-STREAM-INF:")?;
        let mut attributes = crate::playlist::attributes(list);
        attributes.insert("URI".into(), pair[1].into());
        Some(attributes)
    };
    lines.windows(2).filter_map(pair).collect()
}

/// CODECS, RESOLUTION and FRAME-RATE, read by ffmpeg from a rendition's init section and one segment.
async fn check_against_ffmpeg(gateway: &Gateway, crawls: &[Crawl]) {
    for variant in variants(&gateway.client()).await {
        let name = variant["URI"].trim_end_matches("/index.m3u8");
        let video = read(gateway, crawls.iter().find(|c| c.name() == name).unwrap());
        let audio = read(
            gateway,
            crawls.iter().find(|c| c.name() == "audio").unwrap(),
        );
        assert_eq!(video["codec_name"], "h264");
        assert_eq!(video["profile"], "High");
        // avc1.PPCCLL: High is 100, 0x64; no constraints; the level as ten times its number.
        let level = video["level"].as_u64().unwrap();
        assert_eq!(
            (&audio["codec_name"], &audio["profile"]),
            (&"aac".into(), &"LC".into())
        );
        assert_eq!(
            variant["CODECS"],
            format!("avc1.6400{level:02x},mp4a.40.2"),
            "{name}"
        );
        assert_eq!(
            variant["RESOLUTION"],
            format!("{}x{}", video["width"], video["height"]),
            "{name}"
        );
        let rate = video["r_frame_rate"]
            .as_str()
            .unwrap()
            .split_once('/')
            .unwrap();
        let rate = rate.0.parse::<f64>().unwrap() / rate.1.parse::<f64>().unwrap();
        let stated: f64 = variant["FRAME-RATE"].parse().unwrap();
        assert!(
            (stated - rate).abs() < 0.001,
            "{name}: FRAME-RATE {stated}, ffmpeg says {rate}"
        );
    }
}

/// The only stream of a rendition, as ffprobe sees it.
fn read(gateway: &Gateway, crawl: &Crawl) -> serde_json::Value {
    let (segment, body) = crawl.segments().nth(2).unwrap();
    let init = &crawl.bodies[segment.map.as_ref().unwrap()];
    let file = gateway.folder.path().join(format!("{}.mp4", crawl.name()));
    std::fs::write(&file, [init.as_ref(), body.as_ref()].concat()).unwrap();
    let answer = Command::new(ffmpeg("ffprobe"))
        .args(["-v", "error", "-show_streams", "-of", "json"])
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&answer.stderr),
        "",
        "ffprobe has nothing to complain of"
    );
    let all: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!(all["streams"].as_array().unwrap().len(), 1);
    all["streams"][0].clone()
}

/// Of the one track: in a version 0 mdhd behind version, flags and two times of four bytes; in version 1 of eight.
fn timescale(init: &[u8]) -> u32 {
    let body = after(init, b"mdhd");
    let at = if body[0] == 1 { 20 } else { 12 };
    u32::from_be_bytes(*body[at..].first_chunk().unwrap())
}

/// Of the first fragment.
fn decode_time(segment: &[u8]) -> u64 {
    let body = after(segment, b"tfdt");
    match body[0] {
        1 => u64::from_be_bytes(*body[4..].first_chunk().unwrap()),
        _ => u64::from(u32::from_be_bytes(*body[4..].first_chunk().unwrap())),
    }
}

fn after<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> &'a [u8] {
    let at = bytes.windows(4).position(|window| window == kind);
    &bytes[at.unwrap_or_else(|| panic!("no {}", String::from_utf8_lossy(kind))) + 4..]
}
