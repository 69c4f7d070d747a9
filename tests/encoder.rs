//! The encoder room with the real ffmpeg: what a plan promises is what comes out of the pipes.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

#[path = "encoder_support/detectors.rs"]
mod detectors;
#[path = "encoder_support/real.rs"]
mod real;
#[path = "encoder_support/mod.rs"]
mod support;

use std::time::Duration;

use headgate::base::RenditionId;
use headgate::config::{LadderSpec, Rung, RungVideo, SourceKind, SourceSpec};
use headgate::egress::Egress;
use headgate::encoder::probe::{describe, probe};
use headgate::encoder::{Argument, EncoderPlan, ProbeError, doctor};
use real::{capabilities, launcher, make, plan, run_plan};
use support::{Collected, DEADLINE, channel, collect, ffmpeg, process_state, until};

const TOP: RenditionId = RenditionId(0);

fn file(path: &std::path::Path) -> SourceKind {
    SourceKind::File {
        path: path.to_owned(),
    }
}

fn encoded(name: &str, height: u32, bitrate: u64) -> Rung {
    Rung {
        name: headgate::base::RenditionName::new(name).unwrap(),
        video: RungVideo::Encode { height, bitrate },
    }
}

#[tokio::test]
async fn the_test_card_delivers_every_rendition_with_aligned_key_frames() {
    let plan = plan(&channel(SourceKind::TestCard)).await;
    assert_eq!(plan.renditions.len(), 4);
    let collected = run_plan(&plan, |c: &Collected| c.seconds_of_all() >= 6.2).await;
    let keys = collected.key_frames();
    let top = &keys[&TOP];
    assert!(top.len() >= 4, "{keys:?}");
    for rung in [1, 2].map(RenditionId) {
        let shared = top.len().min(keys[&rung].len());
        assert_eq!(top[..shared], keys[&rung][..shared], "rung {rung:?}");
    }
    let segment = u64::from(collected.timescale(TOP)) * 2;
    // The first segment of a timeline is as short as a part.
    assert_eq!(top[1] - top[0], segment / 4, "{top:?}");
    assert!(
        top[1..].windows(2).all(|pair| pair[1] - pair[0] == segment),
        "{top:?}"
    );
    assert!(!collected.progress.is_empty(), "no heartbeat");
    assert_eq!(collected.broken, []);
    let lines = collected.exit.expect("the end should be told").last_lines;
    assert_eq!(
        lines,
        Vec::<String>::new(),
        "ffmpeg should have nothing to complain about"
    );
}

#[tokio::test]
async fn no_segment_needs_more_than_was_promised() {
    let mut channel = channel(SourceKind::TestCard);
    // Noise is the hardest picture there is.
    channel.ladder = LadderSpec::Rungs(vec![
        encoded("a", 360, 1_500_000),
        encoded("b", 180, 300_000),
    ]);
    let mut plan = plan(&channel).await;
    for argument in &mut plan.arguments {
        if let Argument::Text(text) = argument {
            *text = text.replace(
                "drawbox=x=0:y=232",
                "noise=alls=100:allf=t,drawbox=x=0:y=232",
            );
        }
    }
    let collected = run_plan(&plan, |c: &Collected| c.seconds_of_all() >= 8.2).await;
    for (id, rendition) in (0..).map(RenditionId).zip(&plan.renditions) {
        let peak = collected.peak_bitrate(id, 2.0);
        let promised = rendition.peak_bitrate as f64;
        assert!(peak <= promised, "{}: {peak} of {promised}", rendition.name);
        let is_video = rendition.kind == headgate::encoder::RenditionKind::Video;
        assert!(
            !is_video || peak > promised * 0.5,
            "{}: {peak} of {promised}",
            rendition.name
        );
    }
}

#[tokio::test]
async fn any_name_and_any_text_arrive_as_they_stand() {
    let nasty = [
        "plain",
        "it's",
        "a:b",
        "a,b;c",
        "[x][y]",
        "100%",
        "%{pts}",
        "%{eif:1:d}",
        "back\\slash",
        "\\",
        "'",
        "''quoted''",
        " spaces at both ends ",
        "a=b",
        "text=evil:fontsize=9",
        "\\'",
        "\\\\:\\,",
        "Ünïcödé 日本語 🎥",
        "${HOME} `id` $(id)",
        "<script>&amp;",
        "\"double\"",
        "trailing\\",
        "{}",
        "%",
        "@x@",
        "\u{202e}rtl",
        "-i /etc/passwd",
        "movie=/etc/passwd[x];",
    ];
    let capabilities = capabilities().await;
    for text in nasty {
        let mut channel = channel(SourceKind::Slate { text: text.into() });
        channel.name = text.into();
        channel.ladder = LadderSpec::Rungs(vec![encoded("a", 90, 100_000)]);
        let facts = headgate::encoder::SourceFacts::known(&channel.sources[0]).unwrap();
        let mut plan =
            EncoderPlan::new(&channel, &channel.sources[0], &facts, &capabilities, None).unwrap();
        let level = plan
            .arguments
            .iter_mut()
            .find(|a| **a == Argument::Text("warning".into()));
        *level.unwrap() = Argument::Text("debug".into());
        let collected = run_plan(&plan, |c: &Collected| c.fragments.len() == 2).await;
        assert_eq!(
            collected.fragments.len(),
            2,
            "{text:?}: {:?}",
            collected.exit
        );
        let lines = collected.exit.unwrap().last_lines;
        let value = format!("Setting 'text' to value '{text}'");
        let count = lines.iter().filter(|line| line.ends_with(&value)).count();
        assert!(count >= 2, "{text:?} should be written twice: {lines:#?}");
    }
}

#[tokio::test]
async fn files_loop_without_a_seam_whatever_the_length_of_their_sound() {
    let folder = tempfile::tempdir().unwrap();
    let picture = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=1.6";
    let encode = "-c:v libx264 -preset ultrafast -c:a aac";
    for (name, sound) in [("short", Some(1.3)), ("long", Some(1.9)), ("silent", None)] {
        let path = folder.path().join(format!("it's {name}: 100%.mp4"));
        let sound = sound.map_or(String::new(), |d| format!("-f lavfi -i sine=duration={d}"));
        make(&format!("{picture} {sound} {encode}"), &path);
        let channel = channel(file(&path));
        let source = &channel.sources[0];
        let report = probe(&launcher(), source, &capabilities().await, DEADLINE)
            .await
            .unwrap();
        let plan =
            EncoderPlan::new(&channel, source, &report.facts, &capabilities().await, None).unwrap();
        assert_eq!(plan.renditions.len(), if name == "silent" { 1 } else { 2 });
        let collected = run_plan(&plan, |c: &Collected| c.seconds_of_all() >= 7.0).await;
        for id in collected.inits.keys() {
            collected.assert_seamless(*id, name);
        }
        if name != "silent" {
            let apart = collected.seconds(TOP) - collected.seconds(RenditionId(1));
            assert!(
                apart.abs() < 1.0,
                "{name}: sound and picture are {apart} s apart"
            );
        }
    }
}

#[tokio::test]
async fn copied_and_encoded_rungs_have_the_same_key_frames() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    let encode = "-c:v libx264 -preset veryfast -bf 2 -g 25 -c:a aac";
    make(
        &format!(
            "-f lavfi -i testsrc2=size=320x180:rate=25:duration=4 -f lavfi -i sine=duration=4 {encode}"
        ),
        &path,
    );
    let mut channel = channel(file(&path));
    let copy = Rung {
        name: headgate::base::RenditionName::new("source").unwrap(),
        video: RungVideo::Copy,
    };
    channel.ladder = LadderSpec::Rungs(vec![copy, encoded("low", 90, 100_000)]);
    let source = &channel.sources[0];
    let report = probe(&launcher(), source, &capabilities().await, DEADLINE)
        .await
        .unwrap();
    let plan =
        EncoderPlan::new(&channel, source, &report.facts, &capabilities().await, None).unwrap();
    assert_eq!(plan.lead, Duration::ZERO);
    let collected = run_plan(&plan, |c: &Collected| c.seconds_of_all() >= 5.0).await;
    let presented = |id| collected.key_frame_seconds(id);
    let (copied, low) = (presented(TOP), presented(RenditionId(1)));
    let shared = copied.len().min(low.len());
    assert!(shared >= 4, "{copied:?} {low:?}");
    for (a, b) in copied.iter().zip(&low) {
        assert!((a - b).abs() < 0.001, "{copied:?} {low:?}");
    }
}

#[tokio::test]
async fn probing_says_what_a_source_is_and_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let capabilities = capabilities().await;
    let (film, noise, sound) = ["film.mkv", "noise.ts", "sound.mp4"]
        .map(|n| folder.path().join(n))
        .into();
    make(
        "-f lavfi -i testsrc2=size=640x360:rate=24000/1001:duration=1 -c:v libx264 -preset ultrafast",
        &film,
    );
    make("-f lavfi -i sine=duration=1 -c:a aac", &sound);
    std::fs::write(&noise, vec![7; 100_000]).unwrap();
    let ask = async |kind: SourceKind| {
        let source = SourceSpec::new(kind);
        let report = probe(&launcher(), &source, &capabilities, DEADLINE).await;
        report.map(|report| describe(&source, &report))
    };
    let said = ask(file(&film)).await.unwrap();
    assert!(said.contains("h264, 640x360, 23.98 frames/s"), "{said}");
    assert!(said.contains("360p 700k"), "{said}");
    let card = ask(SourceKind::TestCard).await.unwrap();
    assert!(card.contains("720p 2500k, 480p 1200k, 360p 700k"), "{card}");
    let missing = ask(file(&folder.path().join("none"))).await;
    assert!(
        matches!(missing, Err(ProbeError::NotFound { .. })),
        "{missing:?}"
    );
    let noise = ask(file(&noise)).await;
    assert!(
        matches!(
            noise,
            Err(ProbeError::NotMedia { .. } | ProbeError::NoVideo { .. })
        ),
        "{noise:?}"
    );
    let sound = ask(file(&sound)).await;
    assert!(
        matches!(sound, Err(ProbeError::NoVideo { .. })),
        "{sound:?}"
    );
}

#[tokio::test]
async fn servers_that_refuse_or_stall_are_told_apart_without_their_passwords() {
    let capabilities = capabilities().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let open = listener.local_addr().unwrap();
    let closed = {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        gone.local_addr().unwrap()
    };
    let egress = Egress::new(vec!["127.0.0.1".parse().unwrap()]);
    let ask = async |url: String, deadline| {
        let source = SourceSpec::new(SourceKind::Live { url });
        let lease = egress.lease(&source).await.unwrap();
        probe(&launcher().through(lease), &source, &capabilities, deadline)
            .await
            .unwrap_err()
    };
    let refused = ask(format!("http://bob:hunter22@{closed}/a.ts"), DEADLINE).await;
    assert!(matches!(refused, ProbeError::Refused { .. }), "{refused:?}");
    let silent = ask(
        format!("http://bob:hunter22@{open}/a.ts"),
        Duration::from_millis(700),
    )
    .await;
    assert!(matches!(silent, ProbeError::TimedOut { .. }), "{silent:?}");
    for error in [refused, silent] {
        assert!(!error.to_string().contains("hunter22"), "{error}");
    }
}

#[tokio::test]
async fn every_kind_of_live_source_is_opened_with_options_that_ffmpeg_knows() {
    let capabilities = capabilities().await;
    let closed = {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        gone.local_addr().unwrap()
    };
    let egress = Egress::new(vec!["127.0.0.1".parse().unwrap()]);
    for url in [
        "http://A/x.ts",
        "http://A/x.m3u8",
        "rtsp://A/x",
        "rtmp://A/x/y",
        "srt://A?mode=caller",
        "udp://A",
    ] {
        let url = url.replace('A', &closed.to_string());
        let source = SourceSpec::new(SourceKind::Live { url: url.clone() });
        let mut words: Vec<String> = ["-nostdin", "-hide_banner"].map(str::to_owned).into();
        words.extend(headgate::encoder::plan::input::arguments(
            &source,
            &capabilities,
        ));
        let finished = launcher()
            .through(egress.lease(&source).await.unwrap())
            .run(&words, Duration::from_secs(4))
            .await
            .unwrap();
        let complaint = |line: &String| {
            ["not found", "Unrecognized", "Error parsing", "whitelist"]
                .iter()
                .any(|text| line.contains(text))
        };
        assert!(
            !finished.lines.iter().any(complaint),
            "{url}: {:?}",
            finished.lines
        );
    }
}

#[tokio::test]
async fn an_encoder_that_is_killed_is_noticed_and_reaped() {
    let plan = plan(&channel(SourceKind::TestCard)).await;
    let mut encoder = launcher().spawn(&plan).await.unwrap();
    collect(&mut encoder, |c| !c.fragments.is_empty()).await;
    let pid = rustix::process::Pid::from_raw(encoder.pid as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let end = collect(&mut encoder, |c| c.exit.is_some()).await;
    assert!(!end.exit.unwrap().status.success());
    assert!(process_state(encoder.pid).is_none(), "a zombie is left");
    assert!(
        encoder.events.recv().await.is_none(),
        "nothing comes after the end"
    );
}

#[tokio::test]
async fn an_encoder_that_is_dropped_is_gone() {
    let plan = plan(&channel(SourceKind::TestCard)).await;
    let mut encoder = launcher().spawn(&plan).await.unwrap();
    collect(&mut encoder, |c| !c.fragments.is_empty()).await;
    let pid = encoder.pid;
    drop(encoder);
    until("the end of ffmpeg", || process_state(pid).is_none()).await;
}

#[tokio::test]
async fn a_missing_ffmpeg_is_named() {
    let nowhere = headgate::encoder::Launcher::new(
        env!("CARGO_BIN_EXE_headgate").into(),
        "/nowhere/ffmpeg".into(),
    );
    let error = nowhere
        .spawn(&plan(&channel(SourceKind::TestCard)).await)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("/nowhere/ffmpeg"), "{error}");
}

#[tokio::test]
async fn the_doctor_finds_this_host_fit() {
    let report = doctor::examine(
        env!("CARGO_BIN_EXE_headgate").into(),
        Ok(ffmpeg()),
        "127.0.0.1:0".parse().unwrap(),
        headgate::config::CageMode::Auto,
    )
    .await;
    assert!(report.essentials_fine, "{}", report.text);
    assert!(
        report.text.contains("libx264     encodes"),
        "{}",
        report.text
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let report = doctor::examine(
        env!("CARGO_BIN_EXE_headgate").into(),
        Err(headgate::encoder::FfmpegNotFound {
            looked_at: vec!["/x/ffmpeg".into()],
        }),
        taken.local_addr().unwrap(),
        headgate::config::CageMode::Auto,
    )
    .await;
    assert!(!report.essentials_fine);
    assert!(report.text.contains("/x/ffmpeg"), "{}", report.text);
}
