//! Many channels at once, and more than there is room for: they start in turn, or are refused with the reason.

use crate::support::{Audience, Gateway, Start};

fn channels(count: usize) -> String {
    let channel = |number| format!("[[channel]]\nid = \"c{number}\"\nsource = \"testcard:\"\n");
    let defaults = "[defaults]\nsegment_duration = \"1s\"\nwindow = \"8s\"\n\
                    ladder = [{ name = \"v\", height = 180, video_bitrate = \"8M\" }]\n";
    (0..count)
        .map(channel)
        .fold(defaults.to_owned(), |all, one| all + &one)
}

#[tokio::test]
async fn channels_start_in_turn_and_all_of_them_play() {
    let channels = channels(12);
    let gateway = Start {
        server: "[limits]\nmax_starting = 1",
        channels: &channels,
        scenario: "startup 0.3; burst 1",
        ..Start::default()
    }
    .start();
    let start = |number: usize| {
        let gateway = &gateway;
        async move { gateway.plays(&format!("c{number}")).await }
    };
    let watch = async {
        let mut most = 0.0_f64;
        while gateway.sample("headgate_sessions{state=\"active\"}").await < 12.0 {
            most = most.max(gateway.sample("headgate_starts_running ").await);
        }
        most
    };
    let all = async {
        let starts: Vec<_> = (0..12).map(start).collect();
        for start in starts {
            start.await;
        }
    };
    let herd = async {
        // All ask at once; nobody waits for the answer of another.
        let asks: Vec<_> = (0..12)
            .map(|number| {
                let address = gateway.address.clone();
                tokio::spawn(async move {
                    let mut viewer = crate::support::Viewer::connect(&address).await;
                    let path = format!("/live/c{number}/v/index.m3u8");
                    viewer.get(&path).await.status().as_u16()
                })
            })
            .collect();
        let mut seen = Vec::new();
        for ask in asks {
            seen.push(ask.await.unwrap());
        }
        seen
    };
    let (seen, (), most) = tokio::join!(herd, all, watch);
    assert!(
        seen.iter().all(|status| [200, 503].contains(status)),
        "{seen:?}"
    );
    assert!(most <= 1.0, "{most} at once");
    let session = gateway.session("c11").await;
    assert_eq!(session["error_count"], 0, "{session}");
}

#[tokio::test]
async fn a_source_that_does_not_answer_holds_nobody_up_for_long() {
    let channels = format!(
        "{}[[channel]]\nid = \"dead\"\nsource = \"udp://127.0.0.1:9\"\n",
        channels(1)
    );
    let gateway = Start {
        server: "[limits]\nmax_starting = 1",
        channels: &channels,
        scenario: "of udp: startup 3600; burst 1",
        ..Start::default()
    }
    .start();
    let address = gateway.address.clone();
    let dead = tokio::spawn(async move {
        let mut viewer = crate::support::Viewer::connect(&address).await;
        viewer
            .get("/live/dead/v/index.m3u8")
            .await
            .status()
            .as_u16()
    });
    gateway
        .until("the first start", async || {
            gateway.sample("headgate_starts_running ").await >= 1.0
        })
        .await;
    gateway.plays("c0").await;
    assert_eq!(dead.await.unwrap(), 503);
}

#[tokio::test]
async fn beyond_the_memory_for_media_no_channel_starts_and_old_viewers_go_on() {
    let channels = channels(3);
    // Eight megabits for a window and what stays available behind it: about 18 MB each.
    let gateway = Start {
        server: "[limits]\nmax_segment_memory = \"40M\"",
        channels: &channels,
        scenario: "burst 1",
        ..Start::default()
    }
    .start();
    let audience = Audience::of(&gateway, "c0", 3).await;
    gateway.plays("c1").await;
    refused(&gateway, "c2", "max_segment_memory").await;
    let name = "headgate_starts_refused_total{reason=\"memory\"}";
    assert!(gateway.sample(name).await >= 1.0);
    // More is allowed while it runs.
    let path = gateway.folder.path().join("channels.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("40M", "4G")).unwrap();
    gateway.plays("c2").await;
    assert!(!audience.leave().await.is_empty());
}

#[tokio::test]
async fn while_memory_is_short_no_channel_starts_and_it_is_told_everywhere() {
    let channels = channels(2);
    let gateway = Start {
        channels: &channels,
        scenario: "burst 1",
        ..Start::default()
    }
    .start();
    let audience = Audience::of(&gateway, "c0", 3).await;
    let path = gateway.folder.path().join("channels.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    // Any machine uses more than that.
    std::fs::write(&path, format!("{text}\n[limits]\nshed_memory = 1\n")).unwrap();
    let shedding = "headgate_shedding{resource=\"memory\"} ";
    gateway
        .until("the shedding", async || {
            gateway.sample(shedding).await >= 1.0
        })
        .await;
    refused(&gateway, "c1", "shed_memory").await;
    let ready = gateway.get("/readyz").await;
    assert_eq!(ready.status(), 200);
    assert!(String::from_utf8_lossy(ready.body()).contains("no channel is started for now"));
    assert_eq!(gateway.said("no channel is started until it is better"), 1);
    std::fs::write(&path, text).unwrap();
    gateway
        .until("the end of it", async || {
            gateway.sample(shedding).await < 1.0
        })
        .await;
    gateway.plays("c1").await;
    assert!(!audience.leave().await.is_empty());
}

async fn refused(gateway: &Gateway, channel: &str, why: &str) {
    let answer = gateway.get(&format!("/live/{channel}/v/index.m3u8")).await;
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    let body = String::from_utf8_lossy(answer.body()).into_owned();
    assert!(body.contains(why), "{body}");
}
