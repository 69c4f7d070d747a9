//! The real gateway with the real ffmpeg: what it says of its cage, and how the kernel sees the encoder.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use headgate::cage::Layer;

use super::world::{is_root, kernel_has};
use crate::process::{Process, until};

const CHANNEL: &str = "[[channel]]\nid = \"one\"\nsource = \"testcard:\"\n\
    ladder = [{ name = \"v\", height = 180, video_bitrate = \"200k\" }]\n";

fn gateway(server: &str) -> (Process, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("channels.toml"),
        format!("{server}\n{CHANNEL}"),
    )
    .unwrap();
    (Process::start(folder.path(), None), folder)
}

fn ready(gateway: &Process) -> (u16, serde_json::Value) {
    let (status, body) = gateway.get("/readyz");
    (status, serde_json::from_str(&body).unwrap())
}

fn whole() -> bool {
    let layers = [Layer::Files, Layer::Ports, Layer::Scopes, Layer::Calls];
    layers.into_iter().all(kernel_has)
}

#[test]
fn every_place_says_the_same_of_the_cage() {
    let (gateway, _folder) = gateway("");
    until("the cage is tried", || {
        ready(&gateway).1["cage"]["status"] != "unknown"
    });
    let (_, view) = ready(&gateway);
    let status = view["cage"]["status"].as_str().unwrap().to_owned();
    assert_eq!(status == "enforced", whole(), "{view}");
    assert_eq!(
        view["cage"]["missing"].as_array().unwrap().is_empty(),
        whole(),
        "{view}"
    );
    let (_, metrics) = gateway.get("/metrics");
    assert!(
        metrics.contains(&format!("headgate_cage{{state=\"{status}\"}} 1")),
        "{metrics}"
    );
    until("the log says so", || gateway.log().contains("caged"));
    let doctor = crate::process::headgate(["doctor", "--listen", "127.0.0.1:0"]);
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    let line = doctor.lines().find(|line| line.contains("cage ")).unwrap();
    assert!(line.ends_with(&status), "{doctor}");
}

#[test]
fn an_encoder_that_plays_is_what_the_cage_made_of_it() {
    let (gateway, _folder) = gateway("");
    until("it plays", || {
        gateway.get("/live/one/v/index.m3u8").0 == 200
    });
    let session = gateway.session("one");
    let encoder = &session["encoder"];
    assert_eq!(encoder["cage"] == "enforced", whole(), "{session:#}");
    let pid = encoder["pid"].as_u64().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_once(':').unwrap().1.trim().to_owned()
    };
    assert_eq!(field("NoNewPrivs"), "1");
    assert_eq!(field("CapEff"), "0000000000000000");
    assert_eq!(field("CapPrm"), "0000000000000000");
    if kernel_has(Layer::Calls) {
        assert_eq!(field("Seccomp"), "2");
    }
    if is_root() {
        assert_eq!(field("Uid").split_whitespace().next(), Some("65534"));
        assert_eq!(field("Groups"), "");
    }
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let limit = |name: &str| {
        limits
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap()
            .to_owned()
    };
    assert!(limit("Max core file size").contains(" 0 "), "{limits}");
    assert!(limit("Max open files").contains(" 256 "), "{limits}");
    // Its session is its own, and it dies with the gateway although it is another user.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let behind = stat.rsplit_once(')').unwrap().1;
    let session = behind.split_whitespace().nth(3).unwrap();
    assert_eq!(session, pid.to_string());
    drop(gateway);
    let since = Instant::now();
    while std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.contains(") Z"))
    {
        assert!(
            since.elapsed() < Duration::from_secs(20),
            "it outlived the gateway"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn off_is_off_and_is_said() {
    let (gateway, _folder) = gateway("[server]\ncage = \"off\"");
    until("it plays", || {
        gateway.get("/live/one/v/index.m3u8").0 == 200
    });
    let (status, view) = ready(&gateway);
    assert_eq!((status, &view["cage"]["status"]), (200, &"none".into()));
    assert_eq!(
        view["warnings"],
        serde_json::json!([]),
        "whoever switched it off knows"
    );
    assert_eq!(gateway.session("one")["encoder"]["cage"], "none");
}

/// A script cannot be caged: on every host that is a cage that is not whole.
#[test]
fn what_is_required_and_not_there_starts_nothing() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("ffmpeg");
    let ffmpeg = std::env::var("FFMPEG").unwrap_or_else(|_| "ffmpeg".into());
    std::fs::write(
        &script,
        format!("#!/bin/sh\n# {:60}\nexec {ffmpeg} \"$@\"\n", "a wrapper"),
    )
    .unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = folder.path().join("channels.toml");
    std::fs::write(&config, format!("[server]\ncage = \"require\"\n{CHANNEL}")).unwrap();
    let gateway = Process::start(folder.path(), Some(&script));
    until("the cage is tried", || ready(&gateway).0 == 503);
    let (_, view) = ready(&gateway);
    let reason = view["reasons"].to_string();
    assert!(
        reason.contains("require") && reason.contains("script"),
        "{view}"
    );
    assert_ne!(gateway.get("/live/one/v/index.m3u8").0, 200);
    let session = gateway.session("one").to_string();
    assert!(session.contains("require"), "{session}");
    drop(gateway);
    // With `auto` it goes on, and says so.
    std::fs::write(&config, CHANNEL).unwrap();
    let gateway = Process::start(folder.path(), Some(&script));
    until("it plays", || {
        gateway.get("/live/one/v/index.m3u8").0 == 200
    });
    let (status, view) = ready(&gateway);
    assert_eq!(
        (status, &view["cage"]["status"]),
        (200, &"none".into()),
        "{view}"
    );
    assert!(view["warnings"].to_string().contains("script"), "{view}");
    assert_eq!(gateway.session("one")["encoder"]["cage"], "none");
}

/// A file that only root reads plays where the gateway is root, and another file beside it cannot be opened.
#[test]
fn a_file_source_is_one_file() {
    use std::os::unix::fs::PermissionsExt;

    if !kernel_has(Layer::Files) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("film.mp4");
    let made = Command::new(std::env::var_os("FFMPEG").unwrap_or("ffmpeg".into()))
        .args([
            "-loglevel",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=320x180:rate=25:duration=4",
        ])
        .args(["-c:v", "libx264", "-pix_fmt", "yuv420p", "-y"])
        .arg(&film)
        .stdin(Stdio::null())
        .status();
    assert!(made.unwrap().success());
    std::fs::set_permissions(&film, std::fs::Permissions::from_mode(0o600)).unwrap();
    // A list that leads to the film is a file that may be read; the film is not.
    let list = "ffconcat version 1.0\nfile 'film.mp4'\n";
    std::fs::write(folder.path().join("list.ffconcat"), list).unwrap();
    let channel = |id: &str, source: &str| {
        format!(
            "[[channel]]\nid = \"{id}\"\nsource = \"{source}\"\nladder = [{{ name = \"v\", height = 180, video_bitrate = \"200k\" }}]\n"
        )
    };
    let text = channel("film", "film.mp4") + &channel("list", "list.ffconcat");
    std::fs::write(folder.path().join("channels.toml"), text).unwrap();
    let gateway = Process::start(folder.path(), None);
    until("the film plays", || {
        gateway.get("/live/film/v/index.m3u8").0 == 200
    });
    assert_ne!(gateway.get("/live/list/v/index.m3u8").0, 200);
    drop(gateway);
    // It is the cage that keeps it from playing.
    let config = folder.path().join("channels.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("[server]\ncage = \"off\"\n{text}")).unwrap();
    let gateway = Process::start(folder.path(), None);
    until("the list plays without a cage", || {
        gateway.get("/live/list/v/index.m3u8").0 == 200
    });
}
