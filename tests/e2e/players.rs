//! Real players, at a channel's cold start and when it runs: they play, and have nothing to say about the playlist.
//!
//! Each player may say a few things that it says of every live stream of fragments, whoever serves it. They are listed
//! word by word; everything else that a player calls a warning or an error fails the test.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::gateway::{Gateway, PATIENCE, ffmpeg, program};
use crate::truth::CARD;

/// Media that each player plays, in seconds.
const SECONDS: u32 = 10;

/// libavformat reads the Media Initialization Section once to find out what a playlist has and once to play it, and its
/// own demuxer remarks on the second one.
const LIBAVFORMAT: &[&str] = &["Found duplicated MOOV Atom. Skipped it"];

/// mpv ends by taking its reader away from whatever it is doing, and the reader calls that a failure. Whether one was
/// the gateway's is asked of the gateway.
const MPV: &[&str] = &[
    LIBAVFORMAT[0],
    "hls: Failed to reload playlist",
    "hls: Failed to open an initialization section in playlist",
    "hls: Failed to open segment",
];

/// VLC without a desktop, with any fragmented MP4, and with a live stream whose first bytes it waited for: it takes
/// the time it lost at the start as additional buffer.
const VLC: &[&str] = &[
    "dbus interface error",
    "main interface error: no suitable interface module",
    "main libvlc error: interface \"",
    "mp4 demux warning: no chunk defined",
    "mp4 demux warning: STTS table of 0 entries",
    "faad decoder warning: decoded zero sample",
    "main input error: ES_OUT_SET_(GROUP_)PCR  is called too late (pts_delay increased to",
];

#[tokio::test]
async fn ffmpeg_plays_without_a_warning() {
    cold_and_warm(&ffmpeg("ffmpeg"), |url, _| {
        let seconds = SECONDS.to_string();
        let arguments = [
            "-nostdin",
            "-hide_banner",
            "-v",
            "warning",
            "-i",
            url,
            "-t",
            &seconds,
        ];
        let output = run(Command::new(ffmpeg("ffmpeg"))
            .args(arguments)
            .args(["-f", "null", "-"]));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        check_said("ffmpeg", &said, |_| true, LIBAVFORMAT);
    })
    .await;
}

#[tokio::test]
async fn mpv_plays_without_a_warning() {
    cold_and_warm(&program("mpv"), |url, _| {
        let length = format!("--length={SECONDS}");
        let quiet = [
            "--no-config",
            "--no-input-terminal",
            "--term-status-msg=",
            "--msg-level=all=warn",
        ];
        let sinks = ["--vo=null", "--ao=null", &length, url];
        let output = run(Command::new(program("mpv")).args(quiet).args(sinks));
        let said =
            String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
        check_said("mpv", &said, |_| true, MPV);
    })
    .await;
}

/// VLC does not end by itself: its `--run-time` is compared with the stream's own time, which is far along in a live
/// one. What shows that it plays is the sound that it decodes, which goes into a file at the pace of playback.
#[tokio::test]
async fn vlc_plays_without_a_warning() {
    cold_and_warm(&program("cvlc"), |url, folder| {
        let sound = folder.join("sound.wav");
        let _ = std::fs::remove_file(&sound);
        let file = format!("--audiofile-file={}", sound.display());
        let said = folder.join("vlc.log");
        let log = std::fs::File::create(&said).unwrap();
        let mut player = unprivileged("cvlc", folder)
            .args(["-v", "--no-video", "--aout=afile", &file, url, "vlc://quit"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let wanted = u64::from(SECONDS) * 48_000 * 4;
        let since = Instant::now();
        while sound.metadata().map_or(0, |file| file.len()) < wanted {
            let ended = player.try_wait().unwrap();
            let late = since.elapsed() > PATIENCE;
            if ended.is_some() || late {
                let _ = player.kill();
                let said = std::fs::read_to_string(&said).unwrap();
                panic!("VLC did not play {SECONDS} s of sound ({ended:?}):\n{said}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        player.kill().unwrap();
        player.wait().unwrap();
        let is_complaint = |line: &str| line.contains(" error") || line.contains(" warning");
        check_said(
            "VLC",
            &std::fs::read_to_string(&said).unwrap(),
            is_complaint,
            VLC,
        );
    })
    .await;
}

/// Lets a player play twice: it starts the channel, then it comes to a running one.
async fn cold_and_warm(player: &Path, play: impl Fn(&str, &Path)) {
    assert!(player.exists());
    let gateway = Gateway::start(CARD);
    let folder = tempfile::tempdir().unwrap();
    open_to_all(folder.path());
    let url = gateway.url("/live/card/index.m3u8");
    for state in ["cold", "warm"] {
        let since = Instant::now();
        // The gateway is a process of its own: this thread may wait.
        play(&url, folder.path());
        let name = player.file_name().unwrap().to_string_lossy();
        let took = since.elapsed().as_secs_f64();
        println!("{name}, {state}: {SECONDS} s of media in {took:.1} s");
        assert_eq!(gateway.encoders().len(), 1, "one encoder");
    }
    let session = gateway.session().await;
    assert_eq!(session["error_count"], 0, "{session}");
    let metrics = gateway.client().get("/metrics").await;
    let answered = "headgate_http_requests_total{";
    let bad = |line: &&str| {
        !["200", "206", "304"]
            .iter()
            .any(|code| line.contains(&format!("\"{code}\"")))
    };
    let lines = metrics
        .text()
        .lines()
        .filter(|line| line.starts_with(answered));
    let refused: Vec<&str> = lines.filter(bad).collect();
    assert_eq!(refused, [] as [&str; 0], "what players ask for is there");
}

fn check_said(player: &str, said: &str, is_complaint: impl Fn(&str) -> bool, allowed: &[&str]) {
    let unexpected: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && is_complaint(line))
        .filter(|line| !allowed.iter().any(|known| line.contains(known)))
        .collect();
    assert!(
        unexpected.is_empty(),
        "{player} complains:\n{}",
        unexpected.join("\n")
    );
}

/// Runs a player to its end, which must come in time.
fn run(command: &mut Command) -> Output {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let child = child.unwrap();
    let (done, watch) = std::sync::mpsc::channel::<()>();
    let pid = rustix::process::Pid::from_child(&child);
    let guard = std::thread::spawn(move || {
        if watch.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(done);
    guard.join().unwrap();
    output
}

/// VLC refuses to run as root.
fn unprivileged(name: &str, home: &Path) -> Command {
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new(program("setpriv"));
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
        command.arg(program(name));
        command
    } else {
        Command::new(program(name))
    };
    command.env("HOME", home);
    command
}

/// So that an unprivileged player may write there.
fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777)).unwrap();
}
