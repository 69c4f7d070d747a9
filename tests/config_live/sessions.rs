//! What a change does to channels that somebody watches.

use crate::gateway::{Gateway, channel, replace};

const MEDIA: &str = "/live/one/v/index.m3u8";

fn number(playlist: &str, tag: &str) -> Option<u64> {
    let line = playlist.lines().find_map(|line| line.strip_prefix(tag))?;
    line.trim_start_matches(':').parse().ok()
}

fn both(one: &str) -> String {
    format!("{}{}", channel("one", one), channel("other", ""))
}

async fn set(gateway: &Gateway, text: &str) {
    replace(&gateway.path(), text);
    gateway.look().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_and_times_change_and_the_encoder_does_not_notice() {
    let both = |more: &str| both(&format!("source = \"a.mp4\"\n{more}"));
    let gateway = Gateway::start(&both("")).await;
    let pids = gateway.playing(&["one", "other"]).await;
    set(&gateway, &both("name = \"New\"\nnumber = 9")).await;
    assert_eq!(gateway.json("/api/v1/channels/one").await["name"], "New");
    set(
        &gateway,
        &both("hold_down = \"1m\"\nstart_timeout = \"7s\""),
    )
    .await;
    assert_eq!(gateway.playing(&["one", "other"]).await, pids);
    // The new grace period is the one that counts, also for a viewer who came before it.
    set(&gateway, &both("grace_period = \"0s\"")).await;
    assert_eq!(gateway.playing(&["one", "other"]).await, pids);
    let idle = || {
        let report = gateway.sessions.report_of_channel("one");
        report.is_some_and(|report| report.state == "idle")
    };
    gateway.until("it stops without a grace period", idle).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_source_is_a_discontinuity_on_the_same_timeline() {
    let gateway = Gateway::start(&both("")).await;
    gateway.playing(&["one", "other"]).await;
    let (before, other) = (gateway.pid("one"), gateway.pid("other"));
    let first = number(&gateway.get(MEDIA).await.1, "#EXT-X-MEDIA-SEQUENCE").unwrap();
    set(&gateway, &both("source = \"slate:Back soon\"")).await;
    let goes_on = async || {
        let (status, playlist) = gateway.get(MEDIA).await;
        assert_eq!(status, 200, "{playlist}");
        let breaks = playlist.matches("#EXT-X-DISCONTINUITY\n").count();
        assert!(breaks <= 1, "{playlist}");
        assert!(number(&playlist, "#EXT-X-MEDIA-SEQUENCE").unwrap() >= first);
        breaks == 1 && gateway.pid("one").is_some_and(|pid| Some(pid) != before)
    };
    gateway
        .until_async("it goes on behind a discontinuity", goes_on)
        .await;
    assert_eq!(gateway.pid("other"), other);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_is_drawn_into_the_picture_is_drawn_anew_and_only_then() {
    // No more of a name is drawn than fits the picture.
    let long = "x".repeat(60);
    let named = |end: &str| both(&format!("name = \"{long}{end}\""));
    let gateway = Gateway::start(&named("")).await;
    gateway.playing(&["one", "other"]).await;
    let (one, other) = (gateway.pid("one"), gateway.pid("other"));
    set(&gateway, &named(" and more")).await;
    assert_eq!((gateway.pid("one"), gateway.pid("other")), (one, other));
    set(&gateway, &both("name = \"New\"")).await;
    let goes_on = async || {
        let (status, playlist) = gateway.get(MEDIA).await;
        assert_eq!(status, 200, "{playlist}");
        playlist.contains("#EXT-X-DISCONTINUITY\n") && gateway.pid("one") != one
    };
    gateway
        .until_async("it goes on behind a discontinuity", goes_on)
        .await;
    let pid = gateway.pid("one").unwrap();
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    let command = String::from_utf8_lossy(&command);
    assert!(command.contains("text=New:expansion=none"), "{command}");
    assert_eq!(gateway.pid("other"), other);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_segments_begin_a_new_timeline_above_the_old_one() {
    let gateway = Gateway::start(&both("")).await;
    gateway.playing(&["one", "other"]).await;
    let other = gateway.pid("other");
    let first = number(&gateway.get(MEDIA).await.1, "#EXT-X-MEDIA-SEQUENCE").unwrap();
    let longer = channel("one", "window = \"30s\"").replace("\"1s\"", "\"3s\"");
    set(&gateway, &format!("{longer}{}", channel("other", ""))).await;
    let is_new = async || {
        let (status, playlist) = gateway.get(MEDIA).await;
        assert_eq!(status, 200, "{playlist}");
        number(&playlist, "#EXT-X-TARGETDURATION") == Some(3)
    };
    gateway.until_async("its segments are longer", is_new).await;
    let playlist = gateway.get(MEDIA).await.1;
    assert!(
        number(&playlist, "#EXT-X-MEDIA-SEQUENCE").unwrap() > first,
        "{playlist}"
    );
    assert_eq!(gateway.pid("other"), other);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_that_is_removed_ends_and_one_that_is_back_goes_on_counting() {
    let gateway = Gateway::start(&both("")).await;
    gateway.playing(&["one", "other"]).await;
    let other = gateway.pid("other");
    let numbers = |playlist: &str| {
        let discontinuity = number(playlist, "#EXT-X-DISCONTINUITY-SEQUENCE").unwrap_or(0);
        (
            number(playlist, "#EXT-X-MEDIA-SEQUENCE").unwrap(),
            discontinuity,
        )
    };
    let before = numbers(&gateway.get(MEDIA).await.1);
    set(&gateway, &channel("other", "")).await;
    assert_eq!(gateway.get(MEDIA).await.0, 404);
    assert_eq!(gateway.get("/live/one/index.m3u8").await.0, 404);
    set(&gateway, &both("")).await;
    gateway.playing(&["one"]).await;
    let after = numbers(&gateway.get(MEDIA).await.1);
    assert!(
        after.0 > before.0 && after.1 >= before.1,
        "{before:?} {after:?}"
    );

    set(&gateway, &channel("other", "")).await;
    let log = || std::fs::read_to_string(gateway.folder.path().join("ffmpeg.log")).unwrap();
    let living = || {
        let pids = log()
            .lines()
            .filter_map(|life| life.split(' ').next()?.parse().ok())
            .collect::<Vec<u32>>();
        pids.into_iter()
            .filter(|pid| std::path::Path::new(&format!("/proc/{pid}")).exists())
            .collect::<Vec<_>>()
    };
    gateway
        .until("its encoder is gone", || living() == Vec::from_iter(other))
        .await;
    assert_eq!(gateway.pid("other"), other);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_is_tried_at_once_when_it_was_mended() {
    let broken = both("source = \"gone.mp4\"");
    let gateway = Gateway::start(&broken).await;
    std::fs::write(
        gateway.folder.path().join("ffmpeg.scenario"),
        "refuse No such file or directory",
    )
    .unwrap();
    let (status, text) = gateway.get(MEDIA).await;
    assert_eq!(status, 503, "{text}");
    std::fs::write(gateway.folder.path().join("ffmpeg.scenario"), "").unwrap();
    set(&gateway, &both("")).await;
    gateway.playing(&["one"]).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_say_what_was_applied_and_refused() {
    let gateway = Gateway::start(&both("")).await;
    set(&gateway, &both("name = \"New\"")).await;
    set(&gateway, "[[channel]]\n").await;
    let recent: Vec<_> = gateway
        .events()
        .iter()
        .map(|event| event.kind.clone())
        .collect();
    let text = format!("{recent:?}");
    assert!(
        text.contains("ConfigApplied { added: [], removed: [], changed: [\"one\"] }"),
        "{text}"
    );
    assert!(
        text.contains("ConfigRefused") && text.contains("channels.toml:1:1"),
        "{text}"
    );
    gateway.stop().await;
}
