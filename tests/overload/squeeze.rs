//! A machine that runs short of something: descriptors, disk, watches. Who watches goes on; it heals by itself.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Audience, CHANNELS, Gateway, Start, Viewer};

const CLIENTS: usize = 400;

/// A gateway that may have 256 descriptors.
fn few_descriptors(server: &str) -> Gateway {
    Start {
        server,
        channels: CHANNELS,
        scenario: "burst 3",
        before: &["sh", "-c", "ulimit -n 256 && exec \"$0\" \"$@\""],
        ..Start::default()
    }
    .start()
}

#[tokio::test]
async fn with_256_descriptors_400_clients_are_served_or_told_and_old_viewers_go_on() {
    let gateway = few_descriptors("");
    let audience = Audience::of(&gateway, "one", 5).await;
    let mut old = Viewer::connect(&gateway.address).await;
    assert_eq!(old.get("/healthz").await.status(), 200);
    let (mut kept, mut refused) = (Vec::new(), 0);
    for _ in 0..CLIENTS {
        let mut client = Viewer::connect(&gateway.address).await;
        let Ok(answer) = client.try_get("/live/one/v/index.m3u8").await else {
            panic!("a client was closed without a word");
        };
        if answer.status() == 200 {
            kept.push(client);
            continue;
        }
        assert_eq!(answer.status(), 503);
        assert!(answer.headers().contains_key("retry-after"));
        let body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(body["error"]["code"], "out_of_descriptors", "{body}");
        refused += 1;
    }
    assert!(kept.len() > 50 && refused > 50, "{} {refused}", kept.len());
    // The reserve is for this: another channel starts, and whoever is in goes on.
    let mut started = 503;
    for _ in 0..20 {
        started = old.get("/live/two/v/index.m3u8").await.status().as_u16();
        if started == 200 {
            break;
        }
    }
    assert_eq!(started, 200);
    let page = old.get("/metrics").await;
    let page = String::from_utf8_lossy(page.body()).into_owned();
    assert!(
        page.contains("headgate_http_accept_errors_total 0\n"),
        "{page}"
    );
    println!("{} clients kept, {refused} told why", kept.len());
    drop(kept);
    gateway
        .until("room", async || {
            let mut client = Viewer::connect(&gateway.address).await;
            let answer = client.try_get("/healthz").await;
            answer.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
    assert!(!audience.leave().await.is_empty());
}

#[tokio::test]
async fn without_a_reserve_accepting_fails_rests_and_heals() {
    let gateway = few_descriptors("[limits]\nreserved_descriptors = 0");
    let audience = Audience::of(&gateway, "one", 5).await;
    let mut old = Viewer::connect(&gateway.address).await;
    assert_eq!(old.get("/healthz").await.status(), 200);
    let mut clients = Vec::new();
    // Those that are not accepted wait in the kernel, which has room for some.
    for _ in 0..300 {
        clients.push(gateway.connect().await);
    }
    let errors = async |old: &mut Viewer| {
        let page = old.get("/metrics").await;
        let page = String::from_utf8_lossy(page.body()).into_owned();
        let name = "headgate_http_accept_errors_total ";
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().parse::<f64>().unwrap()
    };
    while errors(&mut old).await < 1.0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (first, ticks) = (errors(&mut old).await, gateway.ticks());
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (failures, ticks) = (errors(&mut old).await - first, gateway.ticks() - ticks);
    println!("in 3 s: {failures} failures to accept, {ticks}0 ms of processor time");
    assert!(failures < 100.0, "{failures}");
    assert_eq!(gateway.said("connections cannot be accepted"), 1);
    drop(clients);
    gateway
        .until("the end of it", async || {
            gateway.said("connections are accepted again") == 1
        })
        .await;
    assert_eq!(gateway.get("/healthz").await.status(), 200);
    assert!(!audience.leave().await.is_empty());
}

#[tokio::test]
async fn a_full_disk_is_told_once_and_forgotten_when_there_is_room() {
    let gateway = Start {
        channels: CHANNELS,
        scenario: "burst 1",
        ..Start::default()
    }
    // What is written is written beside first, which is a device without room.
    .with(|folder| {
        std::os::unix::fs::symlink("/dev/full", folder.join("headgate.new")).unwrap();
    });
    let audience = Audience::of(&gateway, "one", 5).await;
    let warning = "sequence numbers cannot be written down";
    assert!(ready(&gateway).await.contains(warning));
    for channel in ["one", "two"] {
        gateway.plays(channel).await;
    }
    assert_eq!(gateway.said(warning), 1);
    std::fs::remove_file(gateway.folder.path().join("headgate.new")).unwrap();
    // An encoder that dies is a discontinuity: the next number.
    let pid = gateway.session("two").await["encoder"]["pid"]
        .as_i64()
        .unwrap();
    kill_process(
        Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(),
        Signal::KILL,
    )
    .unwrap();
    gateway
        .until("the file", async || {
            gateway.folder.path().join("headgate.state").exists()
        })
        .await;
    gateway
        .until("the end of the warning", async || {
            !ready(&gateway).await.contains(warning)
        })
        .await;
    assert_eq!(gateway.said("sequence numbers are written down again"), 1);
    assert!(!audience.leave().await.is_empty());
}

async fn ready(gateway: &Gateway) -> String {
    let answer = gateway.get("/readyz").await;
    assert_eq!(answer.status(), 200);
    String::from_utf8_lossy(answer.body()).into_owned()
}

#[tokio::test]
async fn without_inotify_the_file_is_looked_at() {
    let none = "echo 0 > /proc/sys/user/max_inotify_instances && exec \"$0\" \"$@\"";
    let may = std::process::Command::new("unshare")
        .args(["-Ur", "true"])
        .output();
    if !may.is_ok_and(|output| output.status.success()) {
        println!("no user namespaces here: config::watch has its own test of looks alone");
        return;
    }
    let gateway = Start {
        channels: CHANNELS,
        scenario: "burst 1",
        before: &["unshare", "-Ur", "sh", "-c", none],
        ..Start::default()
    }
    .start();
    gateway
        .until("the warning", async || {
            ready(&gateway).await.contains("inotify")
        })
        .await;
    assert_eq!(gateway.said("the system does not tell of changes"), 1);
    let path = gateway.folder.path().join("channels.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let more = "[[channel]]\nid = \"three\"\nsource = \"testcard:\"\n";
    std::fs::write(&path, format!("{text}\n{more}")).unwrap();
    gateway
        .until("the new channel", async || {
            gateway.get("/api/v1/channels/three").await.status() == 200
        })
        .await;
}
