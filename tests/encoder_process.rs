//! The life and the death of a child, with a scripted one: what ffmpeg does once in a thousand nights, on demand.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

#[path = "encoder_support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use headgate::base::RenditionId;
use headgate::config::SourceKind;
use headgate::encoder::{
    Capabilities, CapabilityError, Encoder, EncoderPlan, Launcher, SourceFacts, SpawnError,
};
use rustix::process::{Pid, Signal, kill_process};
use support::{Collected, channel, collect, process_state, until};

/// A scripted ffmpeg with a scenario of its own; gone with the folder.
struct Fake {
    folder: tempfile::TempDir,
}

fn headgate() -> PathBuf {
    env!("CARGO_BIN_EXE_headgate").into()
}

fn fake_program() -> PathBuf {
    let folder = headgate();
    let program = folder.parent().unwrap().join("examples/fake_ffmpeg");
    assert!(
        program.exists(),
        "run `cargo build --example fake_ffmpeg` first, as a plain `cargo test` does"
    );
    program
}

impl Fake {
    fn new(scenario: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(fake_program(), folder.path().join("ffmpeg")).unwrap();
        std::fs::write(folder.path().join("ffmpeg.scenario"), scenario).unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ffmpeg")
    }

    fn launcher(&self) -> Launcher {
        Launcher::new(headgate(), self.path())
    }

    async fn spawn(&self) -> Encoder {
        self.launcher()
            .spawn(&plan(&self.launcher()).await)
            .await
            .unwrap()
    }
}

async fn plan(launcher: &Launcher) -> EncoderPlan {
    let channel = channel(SourceKind::TestCard);
    let source = &channel.sources[0];
    let facts = SourceFacts::known(source).unwrap();
    let capabilities = Capabilities::probe(launcher).await.unwrap();
    EncoderPlan::new(&channel, source, &facts, &capabilities, None).unwrap()
}

async fn end(encoder: &mut Encoder) -> Collected {
    let collected = collect(encoder, |_| false).await;
    assert!(collected.exit.is_some(), "the end should be told");
    assert_eq!(process_state(encoder.pid), None, "a process is left");
    collected
}

#[tokio::test]
async fn a_healthy_child_delivers_everything_and_ends_when_asked() {
    let fake = Fake::new("");
    let mut encoder = fake.spawn().await;
    let collected = collect(&mut encoder, |c| {
        c.seconds_of_all() > 3.0 && c.fragments.len() == 4
    })
    .await;
    assert_eq!(collected.inits.len(), 4);
    for id in (0..3).map(RenditionId) {
        collected.assert_seamless(id, "fake");
        assert_eq!(collected.key_frames()[&id].len(), 2);
    }
    encoder.stop(Duration::from_secs(30));
    assert_eq!(
        end(&mut encoder).await.exit.unwrap().status.code(),
        Some(255)
    );
}

#[tokio::test]
async fn exits_and_signals_are_told_as_they_were_with_all_that_came_before() {
    for (scenario, code, signal) in [
        ("rate 0; exit 0 after 2", Some(0), None),
        ("rate 0; exit 3 after 2; stderr it broke", Some(3), None),
        ("rate 0; signal 11 after 2", None, Some(11)),
    ] {
        let fake = Fake::new(scenario);
        let mut encoder = fake.spawn().await;
        let collected = end(&mut encoder).await;
        let exit = collected.exit.as_ref().unwrap();
        assert_eq!(
            (exit.status.code(), exit.status.signal()),
            (code, signal),
            "{scenario}"
        );
        assert_eq!(
            exit.last_lines.iter().any(|l| l == "it broke"),
            scenario.contains("stderr")
        );
        assert_eq!(collected.fragments[&RenditionId(0)].len(), 60, "{scenario}");
    }
}

#[tokio::test]
async fn a_child_that_ignores_term_is_killed() {
    let fake = Fake::new("ignore-term");
    let mut encoder = fake.spawn().await;
    collect(&mut encoder, |c| !c.fragments.is_empty()).await;
    encoder.stop(Duration::from_millis(200));
    let exit = end(&mut encoder).await.exit.unwrap();
    assert_eq!(exit.status.signal(), Some(9));
}

#[tokio::test]
async fn a_stopped_child_is_drained_although_nobody_listens() {
    // As fast as it is read: the queue is full and the pipes are full when it is asked to end.
    let fake = Fake::new("rate 0; ignore-term; exit 7 after 600");
    let mut encoder = fake.spawn().await;
    let pid = encoder.pid;
    until("a full queue", || {
        encoder.events.len() == encoder.events.max_capacity()
    })
    .await;
    encoder.stop(Duration::from_secs(60));
    // It comes to its own end only if somebody reads; nobody but the readers of the pipes does.
    until("the end of the child", || process_state(pid).is_none()).await;
    assert_eq!(end(&mut encoder).await.exit.unwrap().status.code(), Some(7));
}

#[tokio::test]
async fn dropping_an_encoder_leaves_nothing() {
    let fake = Fake::new("ignore-term; grandchild 100");
    let mut encoder = fake.spawn().await;
    collect(&mut encoder, |c| !c.fragments.is_empty()).await;
    let pid = encoder.pid;
    let family = members(pid);
    assert!(family.len() >= 2, "{family:?}");
    drop(encoder);
    until("the end of the family", || members(pid).is_empty()).await;
}

#[tokio::test]
async fn a_grandchild_does_not_delay_the_end() {
    let fake = Fake::new("rate 0; exit 1 after 1; grandchild 1000");
    let mut encoder = fake.spawn().await;
    let pid = encoder.pid;
    assert_eq!(end(&mut encoder).await.exit.unwrap().status.code(), Some(1));
    until("the end of the grandchild", || members(pid).is_empty()).await;
}

#[tokio::test]
async fn not_even_one_that_left_the_group() {
    let fake = Fake::new("rate 0; exit 1 after 1; escaped-grandchild 20");
    let mut encoder = fake.spawn().await;
    let collected = collect(&mut encoder, |c| c.exit.is_some());
    // Far less than the grandchild holds the pipes, far more than a busy machine needs.
    let in_time = tokio::time::timeout(Duration::from_secs(15), collected).await;
    assert!(in_time.is_ok(), "the grandchild delayed the end");
}

#[tokio::test]
async fn one_broken_stream_does_not_harm_the_others() {
    let fake = Fake::new("rate 0; garbage 1 after 2; exit 0 after 6");
    let mut encoder = fake.spawn().await;
    let collected = end(&mut encoder).await;
    assert_eq!(collected.broken, [RenditionId(1)]);
    assert_eq!(collected.fragments[&RenditionId(1)].len(), 60);
    assert_eq!(collected.fragments[&RenditionId(0)].len(), 180);
}

#[tokio::test]
async fn one_stream_may_stall_while_the_others_go_on() {
    let fake = Fake::new("rate 0; stall 2 after 1; exit 0 after 6");
    let mut encoder = fake.spawn().await;
    let collected = end(&mut encoder).await;
    assert_eq!(collected.fragments[&RenditionId(2)].len(), 30);
    assert_eq!(collected.fragments[&RenditionId(0)].len(), 180);
}

#[tokio::test]
async fn a_flood_of_errors_neither_blocks_nor_fills_memory() {
    let before = resident();
    let fake = Fake::new("flood 300; rate 0; exit 0 after 1; stderr last words");
    let mut encoder = fake.spawn().await;
    let collected = end(&mut encoder).await;
    assert_eq!(collected.fragments[&RenditionId(0)].len(), 30);
    let kept: usize = collected
        .exit
        .unwrap()
        .last_lines
        .iter()
        .map(String::len)
        .sum();
    assert!(kept <= 64 << 10, "{kept}");
    let grown = resident().saturating_sub(before);
    assert!(grown < 64 << 20, "memory has grown by {grown} bytes");
}

#[tokio::test]
async fn secrets_do_not_leave_by_standard_error() {
    let fake = Fake::new(
        "rate 0; exit 1 after 0.1; stderr rtsp://bob:hunter22@cam/1: hunter22 was refused",
    );
    let launcher = fake.launcher();
    let channel = channel(SourceKind::Live {
        url: "rtsp://bob:hunter22@cam/1".into(),
    });
    let facts = SourceFacts::known(&support::channel(SourceKind::TestCard).sources[0]).unwrap();
    let capabilities = Capabilities::probe(&launcher).await.unwrap();
    let plan =
        EncoderPlan::new(&channel, &channel.sources[0], &facts, &capabilities, None).unwrap();
    let mut encoder = launcher.spawn(&plan).await.unwrap();
    let lines = end(&mut encoder).await.exit.unwrap().last_lines;
    assert_eq!(lines, ["rtsp://***@cam/***: *** was refused"]);
    assert_eq!(plan.source_label, "rtsp://cam/…");
}

#[tokio::test]
async fn what_is_not_ffmpeg_is_refused_by_name() {
    let not_ffmpeg = Launcher::new(headgate(), "/bin/true".into());
    let error = Capabilities::probe(&not_ffmpeg).await.unwrap_err();
    assert!(
        matches!(error, CapabilityError::NotFfmpeg { .. }),
        "{error}"
    );
    let fake = Fake::new("cannot-encode");
    let error = Capabilities::probe(&fake.launcher()).await.unwrap_err();
    assert!(
        matches!(error, CapabilityError::CannotEncode { .. }),
        "{error}"
    );
    let text = Launcher::new(headgate(), "/etc/passwd".into());
    let error = Capabilities::probe(&text).await.unwrap_err();
    assert!(
        matches!(error, CapabilityError::Spawn(SpawnError::Program { .. })),
        "{error}"
    );
}

#[test]
fn children_outlive_the_threads_and_the_runtime_that_asked_for_them() {
    // The parent-death signal belongs to a thread. The one that asks here is gone when the child is looked at.
    let fake = Fake::new("stall after 0.5");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut encoder = std::thread::scope(|scope| {
        let asking = scope.spawn(|| runtime.block_on(async { fake.spawn().await }));
        asking.join().unwrap()
    });
    runtime.block_on(async {
        collect(&mut encoder, |c| c.seconds_of_all() > 0.4).await;
        encoder.stop(Duration::from_secs(30));
        let exit = end(&mut encoder).await.exit.unwrap();
        assert_eq!(
            exit.status.code(),
            Some(255),
            "it should have lived until it was asked to end"
        );
    });
}

#[test]
fn a_gateway_that_is_killed_leaves_no_encoder() {
    dies_with_its_parent(&support::ffmpeg());
    // One that has stalled never writes, and so never notices that nobody reads.
    let stalled = Fake::new("stall after 0.5; ignore-term");
    dies_with_its_parent(&stalled.path());
}

fn dies_with_its_parent(ffmpeg: &Path) {
    let mut parent = Command::new(fake_program())
        .args([
            "__parent".as_ref(),
            headgate().as_os_str(),
            ffmpeg.as_os_str(),
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(parent.stdout.take().unwrap());
    said.read_line(&mut line).unwrap();
    let child: u32 = line
        .trim()
        .parse()
        .expect("the parent should name its encoder");
    assert!(process_state(child).is_some());
    kill_process(Pid::from_raw(parent.id() as i32).unwrap(), Signal::KILL).unwrap();
    parent.wait().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // Reaping an orphan is the business of the system: a zombie of its is as dead as nothing.
    let dead = || matches!(process_state(child), None | Some('Z'));
    runtime.block_on(until("the death of the encoder", dead));
}

/// The living processes of a group.
fn members(group: u32) -> Vec<u32> {
    let processes = procfs::process::all_processes()
        .unwrap()
        .filter_map(Result::ok);
    let stats = processes.filter_map(|process| process.stat().ok());
    let living = stats.filter(|stat| stat.pgrp == group as i32 && stat.state != 'Z');
    living.map(|stat| stat.pid as u32).collect()
}

/// Of this process, in bytes.
fn resident() -> u64 {
    let status = procfs::process::Process::myself()
        .unwrap()
        .status()
        .unwrap();
    status.vmrss.unwrap() * 1024
}
