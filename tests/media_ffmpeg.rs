//! The media room against the real ffmpeg: what it writes we read, what we write it decodes without a word.

#[path = "support/media.rs"]
mod media_support;

use std::path::Path;
use std::process::Command;

use headgate::media::write_fragment;
use media_support::{fragments_of, init_of};

const LIVE: &str = "-movflags +cmaf+frag_discont+skip_trailer+frag_every_frame -flush_packets 1 -use_editlist 0 -f mp4";
const VIDEO: &str = "-f lavfi -i testsrc2=size=160x90:rate=30 -t 2 -pix_fmt yuv420p";
const AUDIO: &str = "-f lavfi -i sine=440:sample_rate=48000 -t 2";

/// Runs ffmpeg with arguments separated by spaces; its standard output, and its standard error must be empty.
fn ffmpeg(arguments: &str, folder: &Path) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-y", "-v", "warning"])
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .expect("ffmpeg should be on PATH: run `make setup`");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ffmpeg {arguments}: {complaints}");
    assert_eq!(complaints, "", "ffmpeg {arguments}");
    output.stdout
}

/// Time, size and checksum of each decoded frame, one a line.
fn decoded(file: &str, folder: &Path) -> Vec<String> {
    let listed = ffmpeg(&format!("-copyts -i {file} -f framemd5 -"), folder);
    let listed = String::from_utf8(listed).expect("framemd5 should be text");
    let frames = listed.lines().filter(|line| !line.starts_with('#'));
    frames.map(str::to_owned).collect()
}

/// Reads the file and writes it again with `count` of its fragments in each.
fn merge(file: &str, count: usize, folder: &Path) -> String {
    let stream = std::fs::read(folder.join(file)).expect("the stream should be readable");
    let init = init_of(&stream);
    let mut merged = init.bytes.to_vec();
    for (index, group) in fragments_of(&stream).chunks(count).enumerate() {
        let samples: Vec<_> = group
            .iter()
            .flat_map(|f| f.samples.iter().copied())
            .collect();
        let data: Vec<_> = group.iter().map(|f| f.data.clone()).collect();
        let sequence = u32::try_from(index + 1).expect("a short stream");
        let time = group[0].base_decode_time;
        merged.extend_from_slice(&write_fragment(
            init.track_id,
            sequence,
            time,
            &samples,
            &data,
        ));
    }
    let name = format!("merged_{file}");
    std::fs::write(folder.join(&name), merged).expect("the merged stream should be writable");
    name
}

/// ffmpeg writes a stream with `arguments`; merged, it decodes to the same `frames` frames at the same times.
fn survives_merging(arguments: &str, frames: std::ops::RangeInclusive<usize>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    ffmpeg(&format!("{arguments} stream.mp4"), folder.path());
    let expected = decoded("stream.mp4", folder.path());
    assert!(
        frames.contains(&expected.len()),
        "{} frames",
        expected.len()
    );
    for count in [1, 15] {
        let merged = merge("stream.mp4", count, folder.path());
        assert_eq!(
            decoded(&merged, folder.path()),
            expected,
            "{count} a fragment"
        );
    }
}

#[test]
fn h264_frames() {
    let x264 = "-c:v libx264 -preset veryfast -tune zerolatency -bf 0 -g 30";
    survives_merging(&format!("{VIDEO} {x264} {LIVE}"), 60..=60);
}

#[test]
fn aac_frames() {
    survives_merging(
        &format!("{AUDIO} -c:a aac -output_ts_offset 10 {LIVE}"),
        93..=96,
    );
}

#[test]
fn copied_b_frames() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    ffmpeg(
        &format!("{VIDEO} -c:v libx264 -bf 3 -g 30 source.mp4"),
        folder.path(),
    );
    let source = folder.path().join("source.mp4");
    survives_merging(&format!("-i {} -c copy {LIVE}", source.display()), 60..=60);
}

/// Fragments of whole groups of pictures: defaults in tfhd, first-sample-flags, offsets from the stream's beginning.
#[test]
fn fragments_of_many_samples() {
    let x264 = "-c:v libx264 -bf 2 -g 15 -use_editlist 0 -f mp4";
    for flags in [
        "+frag_keyframe+empty_moov",
        "+frag_keyframe+empty_moov+default_base_moof",
        "+frag_keyframe+cmaf",
    ] {
        survives_merging(
            &format!("{VIDEO} {x264} -movflags {flags}+skip_trailer"),
            60..=60,
        );
    }
}
