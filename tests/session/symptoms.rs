//! Sources that deliver pictures and sound that nobody wants to see or hear.

use std::time::Duration;

use headgate::hls::DeliveryDirectives;

use crate::support::{DEADLINE, House};

const BLACK: &str = "print lavfi.black_start=0 after 1";

const TWO: &str = "sources = [\
    { url = \"udp://127.0.0.1:5001\", name = \"A\" }, \
    { url = \"udp://127.0.0.1:5002\", name = \"B\" }]";

const WITH_SLATE: &str =
    "sources = [{ url = \"udp://127.0.0.1:5001\", name = \"A\" }, \"slate:Backsoon\"]";

fn house(scenario: &str, sources: &str, lost_when: &str) -> House {
    House::new(
        scenario,
        &format!("{sources}\nlost_when = {{ {lost_when} }}"),
    )
}

/// Watches until something holds; viewers must see a playlist all the time.
async fn watch_until(house: &House, what: &str, is: impl Fn() -> bool) {
    let watching = async {
        while !is() {
            let playlist = house.ask(1, DeliveryDirectives::default()).await;
            assert!(playlist.is_ok(), "{what}: {playlist:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let in_time = tokio::time::timeout(DEADLINE, watching).await.is_ok();
    assert!(
        in_time,
        "{what} did not happen: {:?}",
        house.report().history
    );
}

/// Watches for so many segments more.
async fn watch_segments(house: &House, count: u64) {
    let until = house.playlist().await.unwrap().next_msn() + count;
    loop {
        let directives = DeliveryDirectives {
            msn: Some(house.playlist().await.unwrap().next_msn()),
            ..DeliveryDirectives::default()
        };
        let playlist = house.ask(1, directives).await.unwrap();
        if playlist.next_msn() >= until {
            return;
        }
    }
}

#[tokio::test]
async fn a_source_that_turns_black_is_lost_and_the_next_one_is_shown() {
    let scenario = format!("of 5001: {BLACK}");
    let house = house(&scenario, TWO, "black = \"1s\"");
    house.playlist().await.unwrap();
    assert_eq!(house.report().source, "A");
    watch_until(&house, "the second source", || house.report().source == "B").await;
    let report = house.report();
    assert_eq!((report.state, report.error_count), ("active", 1));
    assert_eq!(
        report.last_error.unwrap(),
        "the source's picture has been black for 1 s"
    );
    house.assert_never_two();
}

#[tokio::test]
async fn what_is_over_in_time_is_no_loss() {
    let scenario = "print lavfi.silence_start=1 after 3.1; print lavfi.silence_end=4 after 3.6; \
        print lavfi.black_start=4 after 4.1; print headgate.begin=video after 4.6";
    let house = house(scenario, TWO, "black = \"5s\", silent = \"5s\"");
    house.playlist().await.unwrap();
    watch_segments(&house, 8).await;
    let report = house.report();
    assert_eq!((report.source.as_str(), report.error_count), ("A", 0));
}

#[tokio::test]
async fn the_only_source_plays_whatever_it_shows() {
    let only = "source = \"udp://127.0.0.1:5001\"";
    let house = house(BLACK, only, "black = \"1s\", frozen = \"1s\"");
    house.playlist().await.unwrap();
    let pid = house.pid();
    watch_segments(&house, 5).await;
    assert_eq!((house.pid(), house.report().error_count), (pid, 0));
}

#[tokio::test]
async fn when_all_sources_are_black_the_first_one_is_shown_and_stays() {
    let house = house(BLACK, TWO, "black = \"1s\"");
    house.playlist().await.unwrap();
    watch_until(&house, "one look at each", || {
        let report = house.report();
        report.error_count == 2 && report.source == "A"
    })
    .await;
    watch_segments(&house, 5).await;
    let report = house.report();
    assert_eq!((report.source.as_str(), report.error_count), ("A", 2));
    assert_eq!(house.lives().len(), 3);
}

#[tokio::test]
async fn the_slate_covers_a_silent_source_until_it_can_be_heard() {
    let silent = "of 5001: print lavfi.silence_start=0 after 0.5";
    let house = house(silent, WITH_SLATE, "silent = \"1s\"");
    house.playlist().await.unwrap();
    assert_eq!(house.report().source, "A");
    watch_until(&house, "the slate", || {
        house.report().source == "slate:Backsoon"
    })
    .await;
    // It is looked at again and again, and never shown.
    let losses = house.report().error_count;
    watch_until(&house, "more trials", || {
        let report = house.report();
        assert_eq!(report.source, "slate:Backsoon");
        report.error_count >= losses + 2
    })
    .await;
    let last_error = house.report().last_error.unwrap();
    assert_eq!(last_error, "the source is still silent");
    house.script("");
    watch_until(&house, "the source", || house.report().source == "A").await;
    watch_segments(&house, 2).await;
    assert_eq!(house.report().source, "A");
}

#[tokio::test]
async fn a_better_source_that_is_still_black_does_not_take_over() {
    let scenario = format!("of 5001: {BLACK}");
    let more = format!("{TWO}\nhold_down = \"1s\"");
    let house = house(&scenario, &more, "black = \"1s\"");
    house.playlist().await.unwrap();
    watch_until(&house, "the second source", || house.report().source == "B").await;
    watch_until(&house, "a trial of the first", || {
        let report = house.report();
        assert_eq!(report.source, "B");
        let why = "a better source could not take over: the source's picture is still black";
        report.last_error.as_deref() == Some(why)
    })
    .await;
    house.script("");
    watch_until(&house, "the first source", || house.report().source == "A").await;
}
