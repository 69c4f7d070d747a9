//! What operators do to a channel, and what its viewers notice of that.

use std::time::Duration;

use headgate::hls::DeliveryDirectives;
use headgate::session::ServeError;

use crate::support::{CHANNEL, House, until, viewer};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_channel_that_was_started_ahead_runs_without_a_viewer_past_its_grace_period() {
    let house = House::new("", "grace_period = \"1s\"");
    house.map.start_ahead(CHANNEL, HOUR).unwrap();
    house.until_state("active").await;
    let newest = || {
        let renditions = house.report().renditions;
        renditions[0]
            .window
            .as_ref()
            .map_or(0, |window| window.last_msn)
    };
    // Past the burst, of which the scripted ffmpeg makes several segments at once.
    until("the end of the burst", || newest() > 3).await;
    let first = newest();
    until("more media than the grace period", || newest() > first + 2).await;
    let report = house.report();
    assert_eq!((report.state, report.viewers), ("active", 0));
    assert!(report.held_until.is_some());
    house.playlist().await.unwrap();
    assert!(house.map.stop(report.id));
    house.assert_nothing_left().await;
    assert_eq!(house.report().held_until, None);
}

#[tokio::test]
async fn one_that_was_started_ahead_and_failed_is_tried_again_without_a_viewer() {
    let house = House::new("refuse No such file or directory", "source = \"film.mp4\"");
    house.map.start_ahead(CHANNEL, HOUR).unwrap();
    house.until_state("failed").await;
    let next = house.report().next;
    assert!(next.iter().any(|next| next.reason == "rest"), "{next:?}");
    house.script("");
    house.until_state("active").await;
    assert_eq!(house.report().viewers, 0);
}

#[tokio::test]
async fn it_ends_when_its_time_is_over() {
    let house = House::new("", "grace_period = \"1s\"");
    house
        .map
        .start_ahead(CHANNEL, Duration::from_secs(1))
        .unwrap();
    house.until_state("active").await;
    house.assert_nothing_left().await;
    let unknown = house.map.start_ahead("nothing", HOUR);
    assert!(matches!(unknown, Err(ServeError::UnknownChannel(_))));
}

#[tokio::test]
async fn a_kicked_viewer_is_refused_and_the_others_watch_on() {
    let house = House::new("", "");
    for number in [1, 2] {
        house
            .ask(number, DeliveryDirectives::default())
            .await
            .unwrap();
    }
    let session = house.report().id;
    let viewers = house.map.viewers(session).unwrap();
    assert_eq!(viewers.len(), 2);
    let first = viewers.iter().find(|one| one.address == viewer(1).address);
    let id = u64::from_str_radix(&first.unwrap().id, 16).unwrap();
    assert_eq!(house.map.kick(session, id), Some(true));
    assert_eq!(house.map.kick(session, id), Some(false), "it is gone");
    assert_eq!(house.map.kick(uuid::Uuid::nil(), id), None);

    let refused = house
        .ask(1, DeliveryDirectives::default())
        .await
        .unwrap_err();
    let ServeError::Kicked {
        channel,
        retry_after,
    } = refused
    else {
        panic!("{refused}");
    };
    assert_eq!(channel, CHANNEL);
    assert!(retry_after <= Duration::from_secs(60));
    let media = house.map.running(CHANNEL, viewer(1));
    assert!(matches!(media, Err(ServeError::Kicked { .. })));
    house.ask(2, DeliveryDirectives::default()).await.unwrap();
    let left = house.map.viewers(session).unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].address, viewer(2).address);
    let second = viewers.iter().find(|one| one.address == viewer(2).address);
    assert_eq!(
        left[0].id,
        second.unwrap().id,
        "the same for as long as it watches"
    );
}

#[tokio::test]
async fn a_source_takes_over_when_an_operator_says_so() {
    let house = House::new(
        "",
        "sources = [\"testcard:\", { url = \"testcard:\", name = \"B\" }, \"slate:Back soon\"]",
    );
    house.playlist().await.unwrap();
    let before = house.report();
    assert_eq!(before.source, "testcard:");
    assert!(house.map.switch_source(before.id, 1));
    until("the other source", || {
        let report = house.report();
        report.source == "B" && report.encoder.is_some()
    })
    .await;
    house.playlist().await.unwrap();
    let after = house.report();
    assert_eq!((after.id, after.state), (before.id, "active"));
    house.assert_never_two();
    assert!(!house.map.switch_source(uuid::Uuid::nil(), 0));
}
