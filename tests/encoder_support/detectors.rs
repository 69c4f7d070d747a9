//! What ffmpeg's own detectors see in real files, as events.

use std::path::Path;
use std::time::Duration;

use headgate::config::{ChannelSpec, LadderSpec, LostWhen};
use headgate::encoder::probe::probe;
use headgate::encoder::{EncoderPlan, Symptom};

use crate::real::{capabilities, launcher, make, run_plan};
use crate::support::{Collected, channel};
use crate::{encoded, file};

const ALL: LostWhen = LostWhen {
    black: Some(Duration::from_secs(10)),
    frozen: Some(Duration::from_secs(10)),
    silent: Some(Duration::from_secs(10)),
};

async fn plan_for(channel: &ChannelSpec) -> EncoderPlan {
    let (source, capabilities) = (&channel.sources[0], capabilities().await);
    assert!(capabilities.detectors, "these tests need the detectors");
    let deadline = Duration::from_secs(30);
    let report = probe(&launcher(), source, &capabilities, deadline)
        .await
        .unwrap();
    EncoderPlan::new(channel, source, &report.facts, &capabilities, None).unwrap()
}

/// A looping file of pictures and a tone; what is seen in it until enough was.
async fn seen(
    path: &Path,
    lost_when: LostWhen,
    enough: impl Fn(&[(Symptom, bool)]) -> bool,
) -> Vec<(Symptom, bool)> {
    let mut channel = channel(file(path));
    channel.lost_when = lost_when;
    let rungs = [encoded("180p", 180, 300_000), encoded("90p", 90, 100_000)];
    channel.ladder = LadderSpec::Rungs(rungs.to_vec());
    let plan = plan_for(&channel).await;
    let collected = run_plan(&plan, |c: &Collected| enough(&c.detected)).await;
    assert!(!collected.progress.is_empty(), "heartbeats go on");
    collected.detected
}

const MOVING: &str = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=6";
const TONE: &str = "-f lavfi -i sine=frequency=440:duration=6:sample_rate=48000";
const CODECS: &str = "-c:v libx264 -preset ultrafast -g 25 -c:a aac -shortest";

#[tokio::test]
async fn a_picture_that_turns_black_is_told_and_so_is_its_return() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("black.mp4");
    let black = "-vf drawbox=color=black:t=fill:enable='gte(t\\,3)'";
    make(&format!("{MOVING} {TONE} {black} {CODECS}"), &path);
    let only_black = LostWhen {
        black: ALL.black,
        ..LostWhen::default()
    };
    // The file begins anew with its good picture.
    let seen = seen(&path, only_black, |seen| seen.len() >= 2).await;
    assert_eq!(seen[..2], [(Symptom::Black, true), (Symptom::Black, false)]);
}

#[tokio::test]
async fn a_source_that_begins_black_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("begins_black.mp4");
    let black = "-vf drawbox=color=black:t=fill:enable='lt(t\\,3)'";
    make(&format!("{MOVING} {TONE} {black} {CODECS}"), &path);
    let seen = seen(&path, ALL, |seen| seen.len() >= 4).await;
    // What is black does not move either.
    assert_eq!(seen[..2], [(Symptom::Black, true), (Symptom::Frozen, true)]);
    assert!(seen[2..].contains(&(Symptom::Black, false)), "{seen:?}");
    assert!(seen[2..].contains(&(Symptom::Frozen, false)), "{seen:?}");
}

#[tokio::test]
async fn a_picture_that_stops_and_a_sound_that_stops_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let frozen = folder.path().join("frozen.mp4");
    let holds = "-vf trim=duration=2,tpad=stop_mode=clone:stop_duration=3";
    make(&format!("{MOVING} {TONE} {holds} {CODECS}"), &frozen);
    let told = seen(&frozen, ALL, |seen| seen.len() >= 2).await;
    assert_eq!(
        told[..2],
        [(Symptom::Frozen, true), (Symptom::Frozen, false)]
    );
    let silent = folder.path().join("silent.mp4");
    let fades = "-af volume=0:enable='gte(t\\,3)'";
    make(&format!("{MOVING} {TONE} {fades} {CODECS}"), &silent);
    let told = seen(&silent, ALL, |seen| seen.len() >= 2).await;
    assert_eq!(
        told[..2],
        [(Symptom::Silent, true), (Symptom::Silent, false)]
    );
}

#[tokio::test]
async fn a_picture_of_another_size_is_looked_at_with_fresh_eyes() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let codec = "-c:v libx264 -preset ultrafast -g 25 -f mpegts";
    make(
        &format!("-f lavfi -i color=black:size=320x180:rate=25:duration=3 {codec}"),
        &path("black.ts"),
    );
    make(
        &format!(
            "-f lavfi -i testsrc2=size=640x360:rate=25:duration=3 -output_ts_offset 3 {codec}"
        ),
        &path("good.ts"),
    );
    let mut both = std::fs::read(path("black.ts")).unwrap();
    both.extend(std::fs::read(path("good.ts")).unwrap());
    std::fs::write(path("both.ts"), both).unwrap();
    // The filters of the second size never saw black, so they never say that it is over.
    let seen = seen(&path("both.ts"), ALL, |seen| {
        seen.contains(&(Symptom::Black, false))
    })
    .await;
    assert_eq!(seen[0], (Symptom::Black, true));
}

#[tokio::test]
async fn nothing_is_said_of_a_picture_that_moves() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("good.mp4");
    make(&format!("{MOVING} {TONE} {CODECS}"), &path);
    let mut channel = channel(file(&path));
    channel.lost_when = ALL;
    let plan = plan_for(&channel).await;
    let collected = run_plan(&plan, |c: &Collected| c.seconds_of_all() >= 5.0).await;
    assert_eq!(collected.detected, []);
    let lines = collected.exit.expect("the end should be told").last_lines;
    assert_eq!(lines, Vec::<String>::new(), "nothing to complain about");
}
