//! A source in HEVC that is copied: as fragmented MP4 and as MPEG-TS, by the same segments.

use std::path::Path;
use std::process::Command;

use crate::gateway::{Gateway, ffmpeg, make};
use crate::playlist::Playlist;
use crate::ts_analysers;
use crate::ts_reader;

/// What a program map calls HEVC.
const HEVC: u8 = 0x24;

const CHANNEL: &str = r#"
[[channel]]
id = "hevc"
source = "hevc.mp4"
ladder = [{ name = "source", copy = true }]
"#;

/// Six seconds of HEVC with reordered pictures, and sound.
fn source(folder: &Path) {
    let arguments = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=6 -f lavfi -i sine=duration=6 \
        -c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=50:min-keyint=50:scenecut=0:bframes=2 \
        -tag:v hvc1 -pix_fmt yuv420p -c:a aac -shortest";
    make(arguments, &folder.join("hevc.mp4"));
}

/// Whether this ffmpeg can make the source: not every system's has the encoder.
fn can_be_made() -> bool {
    let output = Command::new(ffmpeg("ffmpeg"))
        .args(["-hide_banner", "-encoders"])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).contains("libx265")
}

#[tokio::test]
async fn a_copied_hevc_source_is_a_transport_stream() {
    if !can_be_made() {
        println!("this ffmpeg has no libx265: nothing to copy");
        return;
    }
    let gateway = Gateway::with_files(CHANNEL, source);
    let client = gateway.client();
    let multivariant = client.get("/live/hevc/ts/index.m3u8").await;
    assert!(multivariant.text().contains("hvc1"), "{multivariant:?}");
    let list = "/live/hevc/ts/source/index.m3u8";
    let mut playlist = Playlist::read(client.get(list).await.text());
    while playlist.segments.len() < 4 {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        playlist = Playlist::read(client.get(list).await.text());
    }
    let mut joined = Vec::new();
    for segment in &playlist.segments {
        let path = format!("/live/hevc/ts/source/{}", segment.uri);
        let answer = client.get(&path).await;
        assert_eq!(answer.status, 200, "{path}");
        let stream = ts_reader::read(&answer.body);
        assert!(
            stream.kinds.values().any(|kind| *kind == HEVC),
            "{:?}",
            stream.kinds
        );
        assert!(stream.video()[0].random_access, "{path}");
        joined.extend_from_slice(&answer.body);
    }
    let file = gateway.folder.path().join("joined.ts");
    std::fs::write(&file, &joined).unwrap();
    let (streams, said) = ts_analysers::probe(&ffmpeg("ffprobe"), &file);
    assert_eq!((streams.len(), said.as_str()), (2, ""));
    let found = ts_analysers::demux(&file);
    assert_eq!(found.lost, [] as [&str; 0]);
    assert!(found.counted > 100 && found.longest_clock_gap() <= 0.1);
    decodes(&file);
}

/// Every picture, without a word.
fn decodes(file: &Path) {
    let output = Command::new(ffmpeg("ffmpeg"))
        .args(["-nostdin", "-hide_banner", "-v", "warning", "-i"])
        .arg(file)
        .args(["-f", "null", "-"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
}
