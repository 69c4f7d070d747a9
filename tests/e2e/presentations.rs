//! The same media in other forms: MPEG-DASH, a segment that is read while it is made, key frames, and pictures.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use http::Method;
use roxmltree::Document;

use crate::client::{Answer, Client};
use crate::gateway::{Gateway, PATIENCE, ffmpeg};
use crate::truth::CARD;

const MANIFEST: &str = "/live/card/manifest.mpd";
const THUMBNAIL: &str = "/live/card/thumbnail.jpg";

#[tokio::test]
async fn dash_is_the_same_media() {
    let gateway = Gateway::start(CARD);
    let client = gateway.client();
    // As with playlists: HEAD learns the type and starts nothing.
    let head = client.request(Method::HEAD, MANIFEST, &[]).await;
    assert_eq!(
        (head.status.as_u16(), head.header("content-type")),
        (200, "application/dash+xml")
    );
    assert!(gateway.encoders().is_empty());
    let answer = delivered(&client, MANIFEST).await;
    assert_eq!(answer.header("content-type"), "application/dash+xml");
    assert_eq!(gateway.encoders().len(), 1, "a manifest starts its channel");
    assert_eq!(gateway.session().await["viewers"], 1);
    every_listed_segment_comes(&client, answer.text()).await;
    encodings_and_tags(&client).await;
    the_clock_is_there(&client).await;
    a_segment_is_read_while_it_is_made(&client).await;
    ffmpeg_plays(&gateway.url(MANIFEST));
    assert_eq!(gateway.encoders().len(), 1);
}

async fn every_listed_segment_comes(client: &Client, text: &str) {
    let document = Document::parse(text).unwrap();
    let named = |name: &'static str| {
        document
            .descendants()
            .filter(move |it| it.tag_name().name() == name)
    };
    assert_eq!(named("Period").count(), 1);
    assert_eq!(named("Representation").count(), 3);
    for template in named("SegmentTemplate") {
        let uri = |name| format!("/live/card/{}", template.attribute(name).unwrap());
        assert_eq!(client.get(&uri("initialization")).await.status, 200);
        let first: u64 = template.attribute("startNumber").unwrap().parse().unwrap();
        let entries = template
            .descendants()
            .filter(|it| it.tag_name().name() == "S");
        let repeats = |it: roxmltree::Node<'_, '_>| {
            it.attribute("r")
                .map_or(1, |r| r.parse::<u64>().unwrap() + 1)
        };
        let count: u64 = entries.map(repeats).sum();
        for msn in first..first + count {
            let uri = uri("media").replace("$Number$", &msn.to_string());
            let segment = client.get(&uri).await;
            assert_eq!(segment.status, 200, "{uri}");
            let again = client.get(&uri).await;
            assert_eq!(again.header("etag"), segment.header("etag"));
            assert_eq!(again.body, segment.body, "{uri}");
        }
        let beyond = uri("media").replace("$Number$", &(first + count + 50).to_string());
        assert_eq!(client.get(&beyond).await.status, 404);
    }
}

async fn encodings_and_tags(client: &Client) {
    // Until two that were asked for in a row are of one version.
    for _ in 0..20 {
        let plain = client.get(MANIFEST).await;
        let tag = plain.header("etag").to_owned();
        let fields = [("accept-encoding", "gzip"), ("if-none-match", "\"x\"")];
        let gzip = client.request(Method::GET, MANIFEST, &fields).await;
        let known = client
            .request(Method::GET, MANIFEST, &[("if-none-match", &tag)])
            .await;
        if known.status == 304 && gzip.header("etag") == tag {
            assert_eq!(gzip.header("content-encoding"), "gzip");
            let mut text = String::new();
            let mut read = flate2::read::GzDecoder::new(&gzip.body[..]);
            std::io::Read::read_to_string(&mut read, &mut text).unwrap();
            assert_eq!(text, plain.text());
            return;
        }
    }
    panic!("the tag never stays");
}

async fn the_clock_is_there(client: &Client) {
    let answer = client.get("/live/time").await;
    let said: jiff::Timestamp = answer.text().parse().unwrap();
    let apart = jiff::Timestamp::now().duration_since(said).as_secs_f64();
    assert!(apart.abs() < PATIENCE.as_secs_f64(), "{apart} s");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
}

/// Asked for before it exists, and the same bytes as when it is whole.
async fn a_segment_is_read_while_it_is_made(client: &Client) {
    let list = client.get("/live/card/hi/index.m3u8").await;
    let newest = list
        .text()
        .lines()
        .rfind(|line| line.ends_with(".m4s") && !line.starts_with('#'));
    let (folder, file) = newest.unwrap().rsplit_once('/').unwrap();
    let msn: u64 = file.trim_end_matches(".m4s").parse().unwrap();
    for msn in [msn + 1, msn + 2, msn + 3] {
        let uri = format!("/live/card/hi/{folder}/{msn}.m4s");
        let grown = client.get(&uri).await;
        assert_eq!(grown.status, 200, "{uri}");
        let whole = client.get(&uri).await;
        assert_eq!(grown.body, whole.body);
        assert_eq!(grown.header("etag"), whole.header("etag"));
        assert!(
            !whole.header("content-length").is_empty(),
            "it is whole now"
        );
    }
}

fn ffmpeg_plays(url: &str) {
    let arguments = [
        "-nostdin", "-v", "error", "-i", url, "-t", "6", "-f", "null", "-",
    ];
    let output = Command::new(ffmpeg("ffmpeg"))
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // A reader without time for itself takes what it has missed for a jump, and numbers the pictures anew.
    let own = "non monotonically increasing dts";
    let complaints: Vec<&str> = said.lines().filter(|line| !line.contains(own)).collect();
    assert!(output.status.success() && complaints.is_empty(), "{said}");
}

#[tokio::test]
async fn key_frames_are_pictures() {
    let gateway = Gateway::start(CARD);
    let client = gateway.client();
    running(&client).await;
    let list = client.get("/live/card/lo/iframes.m3u8").await;
    let list = list.text();
    assert!(list.contains("#EXT-X-I-FRAMES-ONLY"), "{list}");
    let map = list.split("#EXT-X-MAP:URI=\"").nth(1).unwrap();
    let map = map.split('"').next().unwrap();
    let mut stream = client
        .get(&format!("/live/card/lo/{map}"))
        .await
        .body
        .to_vec();
    let uris: Vec<&str> = list.lines().filter(|line| !line.starts_with('#')).collect();
    let mut largest = 0;
    for uri in &uris {
        let answer = client.get(&format!("/live/card/lo/{uri}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (200, "video/mp4")
        );
        largest = largest.max(answer.body.len());
        stream.extend_from_slice(&answer.body);
    }
    assert_eq!(pictures(&gateway, &stream), uris.len());
    // The Multivariant Playlist names it, with a rate that its pictures do not exceed.
    let named = client.get("/live/card/index.m3u8").await;
    let named = named.text();
    let line = named
        .lines()
        .find(|line| line.contains("I-FRAME-STREAM-INF") && line.contains("lo/iframes.m3u8"));
    let rate = line
        .unwrap_or_else(|| panic!("{named}"))
        .split("BANDWIDTH=")
        .nth(1)
        .unwrap();
    let rate: usize = rate.split(',').next().unwrap().parse().unwrap();
    assert!(
        rate * 2 >= largest * 8,
        "{rate} for {largest} bytes every two seconds"
    );
    assert_eq!(
        client.get("/live/card/audio/iframes.m3u8").await.status,
        404
    );
}

/// How many pictures ffmpeg decodes from it without a complaint.
fn pictures(gateway: &Gateway, stream: &[u8]) -> usize {
    let file = gateway.folder.path().join("pictures.mp4");
    std::fs::write(&file, stream).unwrap();
    let output = Command::new(ffmpeg("ffprobe"))
        .args([
            "-v",
            "error",
            "-show_frames",
            "-show_entries",
            "frame=pict_type",
            "-of",
            "default=noprint_wrappers=1",
        ])
        .arg(&file)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8_lossy(&output.stdout);
    // Some pictures have side data, which is shown too.
    let kinds: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("pict_type="))
        .collect();
    assert!(kinds.iter().all(|kind| *kind == "I"), "{text}");
    kinds.len()
}

#[tokio::test]
async fn thumbnails_are_pictures_of_a_running_channel() {
    let gateway = Gateway::start(&format!("[defaults]\ngrace_period = \"1s\"\n{CARD}"));
    let client = gateway.client();
    let refused = client.get(THUMBNAIL).await;
    assert_eq!(refused.status, 404, "nobody watches");
    assert!(
        refused
            .body
            .starts_with(b"{\"error\":{\"code\":\"not_found\""),
        "{:?}",
        refused.body
    );
    assert_eq!(client.get("/live/nothing/thumbnail.jpg").await.status, 404);
    assert!(
        gateway.encoders().is_empty(),
        "who looks at pictures starts nothing"
    );
    running(&client).await;
    client.get("/live/card/lo/index.m3u8").await.text();
    // All who ask at once share one.
    let (looker, again) = (
        client.clone().named("looker"),
        client.clone().named("again"),
    );
    let (first, second) = tokio::join!(looker.get(THUMBNAIL), again.get(THUMBNAIL));
    assert_eq!(first.status, 200, "{:?}", first.body);
    assert_eq!(first.header("content-type"), "image/jpeg");
    assert_eq!(first.body, second.body);
    assert!(first.body.starts_with(&[0xFF, 0xD8, 0xFF]));
    let tag = first.header("etag").to_owned();
    let known = client
        .request(Method::GET, THUMBNAIL, &[("if-none-match", &tag)])
        .await;
    assert_eq!(known.status, 304, "made again at most every few seconds");
    assert_eq!(made(&client).await, (1, 0));
    assert_eq!(
        gateway.session().await["viewers"],
        1,
        "who looks is no viewer"
    );
    // The channel ends; its last picture stays for a while, and nothing runs for it.
    idle(&gateway).await;
    let last = client.get(THUMBNAIL).await;
    assert_eq!(
        (last.status.as_u16(), last.header("etag")),
        (200, tag.as_str())
    );
    assert!(gateway.encoders().is_empty());
}

/// An ffmpeg that never makes a picture is killed at its deadline; viewers do not notice.
#[tokio::test]
async fn a_picture_that_is_not_made_in_time_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let real = ffmpeg("ffmpeg");
    let script = format!(
        "#!/bin/sh\ncase \" $* \" in *' mjpeg '*) exec sleep 987 ;; esac\nexec {} \"$@\"\n",
        real.display()
    );
    write_program(&folder.path().join("ffmpeg"), &script);
    let gateway = Gateway::beside(CARD, folder);
    let client = gateway.client();
    running(&client).await;
    let refused = client.get(THUMBNAIL).await;
    assert_eq!(refused.status, 503, "{:?}", refused.body);
    assert_eq!(made(&client).await, (0, 1));
    let encoders = gateway.encoders();
    assert_eq!(
        gateway.children(),
        encoders,
        "nothing but the encoder is left"
    );
    assert_eq!(client.get("/live/card/index.m3u8").await.status, 200);
}

fn write_program(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Waits until the channel runs: a busy machine may need more time than one request has.
async fn running(client: &Client) {
    delivered(client, "/live/card/index.m3u8").await;
}

async fn delivered(client: &Client, path: &str) -> Answer {
    let wait = async {
        loop {
            let answer = client.get(path).await;
            if answer.status != 503 {
                return answer;
            }
        }
    };
    let answer = tokio::time::timeout(PATIENCE, wait).await;
    answer.expect("the channel should start")
}

/// Pictures made, and tried in vain.
async fn made(client: &Client) -> (u64, u64) {
    let metrics = client.get("/metrics").await;
    let value = |result: &str| {
        let name = format!("headgate_thumbnails_total{{result=\"{result}\"}} ");
        let line = metrics
            .text()
            .lines()
            .find_map(|line| line.strip_prefix(&name));
        line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
    };
    (value("made"), value("failed"))
}

async fn idle(gateway: &Gateway) {
    let wait = async {
        while gateway.session().await["state"] != "idle" {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .expect("the channel should end");
}
