//! What viewers see while sources come and go.

use std::time::{Duration, Instant};

use headgate::hls::DeliveryDirectives;

use crate::support::{House, until};

/// Reads the playlist until something holds for the session; every version must be a right one.
async fn watch_until(house: &House, what: &str, is: impl Fn(&str) -> bool) -> Duration {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(40) {
        let playlist = house.ask(1, DeliveryDirectives::default()).await;
        let source = house.report().source;
        if let Err(error) = playlist {
            panic!("{what}: viewers are told {error} while {source} is shown");
        }
        if is(&source) {
            return started.elapsed();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} did not happen: {:?}", house.report().history)
}

#[tokio::test]
async fn the_slate_is_shown_while_a_source_is_away_and_left_when_it_is_back() {
    let more = "sources = [{ url = \"testcard:\", name = \"A\" }, \"slate:Backsoon\"]";
    let house = House::new("exit 1 after 5", more);
    let first = house.playlist().await.unwrap();
    // The next one needs a while to start; the slate does not.
    house.script("startup 6; of Backsoon: startup 0");
    assert_eq!(house.report().on_air, Some("source"));
    assert!(house.report().slate.is_none());
    watch_until(&house, "the slate", |source| source == "slate:Backsoon").await;
    assert_eq!(house.state(), "active");
    until("the slate to be told of", || {
        house.report().on_air == Some("slate")
    })
    .await;
    let report = house.report();
    let slate = report.slate.expect("the slate's process").pid;
    assert!(crate::support::living(house.folder.path()).contains(&slate));
    assert!(report.encoder.is_none_or(|source| source.pid != slate));
    watch_until(&house, "the source", |source| source == "A").await;
    let last = house.playlist().await.unwrap();
    assert!(last.media_sequence >= first.media_sequence);
    until("the source to be told of", || {
        house.report().on_air == Some("source")
    })
    .await;
    assert_eq!(house.state(), "active");
    until("the end of the slate", || {
        crate::support::living(house.folder.path()).len() == 1
    })
    .await;
}

#[tokio::test]
async fn who_waits_for_a_slow_source_sees_the_slate_and_then_the_source() {
    let more = "sources = [{ url = \"testcard:\", name = \"A\" }, \"slate:Onemoment\"]\nslate_after = \"500ms\"";
    let house = House::new("startup 4; of Onemoment: startup 0", more);
    house.playlist().await.unwrap();
    assert_eq!(house.report().source, "slate:Onemoment");
    watch_until(&house, "the source", |source| source == "A").await;
    assert_eq!(house.report().error_count, 0, "nothing was lost");
}

#[tokio::test]
async fn a_channel_whose_sources_all_fail_shows_its_slate_and_never_an_error() {
    let more = "sources = [{ url = \"testcard:\", name = \"A\" }, { url = \"testcard:\", name = \"B\" }, \"slate:Allgone\"]";
    let house = House::new("exit 1 after 0; of Allgone: exit 0 after 1000", more);
    house.playlist().await.unwrap();
    assert_eq!(house.report().source, "slate:Allgone");
    // Long enough for both budgets of losses to be used up.
    let deadline = Instant::now() + Duration::from_secs(8);
    watch_until(&house, "the end of the test", |source| {
        assert_eq!(source, "slate:Allgone");
        Instant::now() > deadline
    })
    .await;
    house.script("");
    watch_until(&house, "a source", |source| source == "A" || source == "B").await;
}

#[tokio::test]
async fn a_better_source_takes_over_beside_the_running_one() {
    // Only a source that must be asked can be known to be back: one of ffmpeg's own is always there.
    let more = "sources = [{ url = \"testcard:\", name = \"A\" }, { url = \"testcard:\", name = \"B\" }]\nhold_down = \"1s\"";
    let house = House::new("exit 1 after 5", more);
    house.playlist().await.unwrap();
    assert_eq!(house.report().source, "A");
    house.script("");
    watch_until(&house, "the second source", |source| source == "B").await;
    let away = watch_until(&house, "the first source", |source| source == "A").await;
    assert!(away >= Duration::from_secs(1), "{away:?}: no hold-down");
    let report = house.report();
    assert_eq!(
        (report.state, report.reason.as_str()),
        ("active", "a better source is back")
    );
    assert_eq!(report.error_count, 1);
}
