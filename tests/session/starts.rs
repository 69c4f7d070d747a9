//! Starts: by many at once, of many channels, of sources that do not deliver.

use std::sync::Arc;

use headgate::hls::DeliveryDirectives;
use headgate::session::ServeError;

use crate::support::{CHANNEL, House, channel, until, viewer};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_first_viewers_start_one_encoder_and_all_get_a_playlist() {
    let house = Arc::new(House::new("", ""));
    let ask = |number| {
        let house = house.clone();
        tokio::spawn(async move {
            if number % 2 == 0 {
                let session = house.map.join(CHANNEL, viewer(number))?;
                return session.multivariant().await.map(drop);
            }
            house
                .ask(number, DeliveryDirectives::default())
                .await
                .map(drop)
        })
    };
    let asked: Vec<_> = (0..1_000).map(ask).collect();
    for answer in asked {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(house.lives().len(), 1);
    let report = house.report();
    assert_eq!((report.state, report.viewers), ("active", 1_000));
    assert!(report.first_part_ms.is_some());
    assert_eq!(house.map.viewers(report.id).unwrap().len(), 1_000);
    house.map.drain().await;
    house.assert_nothing_left().await;
}

#[tokio::test]
async fn a_file_that_is_missing_is_named_at_once_and_played_when_it_is_there() {
    let house = House::new("refuse No such file or directory", "source = \"film.mp4\"");
    let error = house.playlist().await.unwrap_err();
    let ServeError::Unavailable {
        reason,
        retry_after,
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert!(reason.contains("film.mp4"), "{reason}");
    assert!(retry_after.as_secs() >= 1);
    let report = house.report();
    assert_eq!(report.state, "failed");
    assert!(report.reason.contains("film.mp4"), "{}", report.reason);
    assert_eq!(report.last_error.as_deref(), Some(report.reason.as_str()));
    assert_eq!(house.lives(), Vec::<String>::new(), "nothing was encoded");
    // While it rests nobody can start it; the first one after that does, and need not ask twice.
    house.script("");
    tokio::time::sleep(*retry_after).await;
    house.playlist().await.unwrap();
    assert_eq!((house.state(), house.report().error_count), ("active", 1));
}

#[tokio::test]
async fn the_second_source_is_used_when_the_first_one_hangs() {
    let house = House::new(
        "startup 600",
        "sources = [\"udp://127.0.0.1:9\", \"testcard:\"]\nstart_timeout = \"1s\"",
    );
    let asked = house.playlist();
    let change = async {
        until("the first encoder", || !house.lives().is_empty()).await;
        house.script("");
    };
    let (answer, ()) = tokio::join!(asked, change);
    answer.unwrap();
    let report = house.report();
    assert_eq!(
        (report.state, report.source.as_str()),
        ("active", "testcard:")
    );
    assert_eq!(report.error_count, 1);
    assert_eq!(house.lives().len(), 2);
    house.assert_never_two();
}

#[tokio::test]
async fn all_sources_are_tried_before_a_channel_fails() {
    let sources = "sources = [\"a.mp4\", \"b.mp4\", \"c.mp4\"]";
    let house = House::new("refuse No such file or directory", sources);
    let error = house.playlist().await.unwrap_err().to_string();
    assert!(error.contains("c.mp4"), "{error}");
    let report = house.report();
    assert_eq!((report.state, report.error_count), ("failed", 3));
    for name in ["a.mp4", "b.mp4", "c.mp4"] {
        assert!(
            report.history.iter().any(|entry| entry.what.contains(name)),
            "{:?}",
            report.history
        );
    }
}

#[tokio::test]
async fn an_encoder_that_ends_with_0_at_its_start_is_a_failure_like_any_other() {
    let house = House::new("exit 0 after 0; stderr the disk is full", "");
    let error = house.playlist().await.unwrap_err().to_string();
    house.until_state("failed").await;
    let report = house.report();
    assert!(
        report.reason.contains("the disk is full"),
        "{} {error}",
        report.reason
    );
    assert_eq!(report.error_count, 5);
    assert_eq!(house.lives().len(), 5);
    house.assert_never_two();
}

#[tokio::test]
async fn an_encoder_that_delivers_only_some_renditions_shows_nothing() {
    let house = House::new("stall 1 after 0", "start_timeout = \"1s\"");
    let error = house.playlist().await.unwrap_err().to_string();
    assert!(error.contains("nothing within 1 s"), "{error}");
    assert!(error.contains("none for audio"), "{error}");
    assert_eq!(house.state(), "failed");
}

#[tokio::test]
async fn a_source_whose_time_is_up_is_named_with_what_it_did_and_what_to_do() {
    let source = "source = \"http://user:hunter2@127.0.0.1:9/live.ts?token=hunter3\"";
    let more = format!("{source}\nstart_timeout = \"1s\"");
    let house = House::new("startup 600; stderr the line is busy", &more);
    let error = house.playlist().await.unwrap_err();
    let ServeError::Unavailable {
        reason,
        retry_after,
        ..
    } = &error
    else {
        panic!("{error}");
    };
    for part in [
        "http://127.0.0.1:9/",
        "delivered nothing within 1 s",
        "nothing to begin with",
        "(the line is busy)",
        "raise start_timeout",
    ] {
        assert!(reason.contains(part), "{part} is not in: {reason}");
    }
    assert!(!reason.contains("hunter"), "{reason}");
    assert!(retry_after.as_secs() >= 1);
    assert_eq!(house.report().last_error.as_deref(), Some(&**reason));
}

#[tokio::test]
async fn who_waits_longer_than_players_do_is_told_how_far_the_source_is() {
    let house = House::new("startup 600", "start_timeout = \"60s\"");
    let error = house.playlist().await.unwrap_err().to_string();
    assert!(error.contains("it is still starting: testcard:"), "{error}");
    assert!(error.contains("has made nothing"), "{error}");
}

#[tokio::test]
async fn no_more_channels_run_than_max_sessions_allows() {
    let file = format!(
        "[server]\nmax_sessions = 1\n{}{}",
        channel(CHANNEL, ""),
        channel("two", "")
    );
    let house = House::with_file("", &file);
    house.playlist().await.unwrap();
    let error = house.map.join("two", viewer(2)).unwrap_err();
    assert!(error.to_string().contains("max_sessions"), "{error}");
    assert!(matches!(error, ServeError::Unavailable { .. }));
    let unknown = house.map.join("three", viewer(2)).unwrap_err();
    assert!(matches!(unknown, ServeError::UnknownChannel(_)));
    assert!(house.map.stop(house.report().id));
    house.assert_nothing_left().await;
    house.map.join("two", viewer(2)).unwrap();
}

#[tokio::test]
async fn a_flood_of_errors_does_not_keep_a_channel_from_starting() {
    let house = House::new("flood 20", "");
    house.playlist().await.unwrap();
}

#[tokio::test]
async fn an_operator_stops_a_channel_that_starts_and_who_waits_is_told() {
    let house = House::new("startup 600", "");
    let stop = async {
        until("the encoder", || !house.lives().is_empty()).await;
        until("a parked request", || house.report().blocked_requests == 1).await;
        assert!(house.map.stop(house.report().id));
    };
    let (answer, ()) = tokio::join!(house.playlist(), stop);
    assert!(
        answer
            .unwrap_err()
            .to_string()
            .contains("an operator stopped it")
    );
    house.assert_nothing_left().await;
}
