//! Ends: nobody came, the last viewer left, an operator, a drain; and viewers who come in the middle of them.

use std::sync::Arc;
use std::time::Duration;

use headgate::hls::DeliveryDirectives;
use headgate::session::ServeError;

use crate::support::{CHANNEL, House, until, viewer};

#[tokio::test]
async fn a_channel_that_nobody_watches_any_more_leaves_nothing() {
    let house = House::new("", "grace_period = \"500ms\"");
    let first = house.playlist().await.unwrap();
    let number = house.report().id;
    house.assert_nothing_left().await;
    assert!(
        house.report().reason.contains("grace period has passed"),
        "{}",
        house.report().reason
    );
    assert_eq!(house.report().viewers, 0);
    // The next run is another one, above the numbers of this one.
    let second = house.playlist().await.unwrap();
    assert!(second.media_sequence > first.next_msn());
    assert!(second.discontinuity_sequence > first.discontinuity_sequence);
    assert_ne!(house.report().id, number);
}

#[tokio::test]
async fn who_leaves_during_the_start_leaves_a_channel_that_ends_by_itself() {
    let house = House::new("startup 0.3", "grace_period = \"0s\"");
    drop(house.map.join(CHANNEL, viewer(1)).unwrap());
    let left = tokio::time::timeout(Duration::from_millis(50), house.playlist()).await;
    assert!(left.is_err());
    house.until_state("active").await;
    house.assert_nothing_left().await;
    assert_eq!(house.lives().len(), 1);
}

#[tokio::test]
async fn who_waits_for_a_slow_start_is_there_when_it_is_ready() {
    // Longer than a player's deadline of three seconds.
    let house = House::new("startup 4", "grace_period = \"0s\"");
    house.playlist().await.unwrap();
    assert_eq!(house.state(), "active");
}

#[tokio::test]
async fn a_parked_request_keeps_the_channel_alive() {
    let house = House::new("stall after 3.5", "grace_period = \"0s\"");
    let playlist = house.playlist().await.unwrap();
    let next = DeliveryDirectives {
        msn: Some(playlist.next_msn() + 1),
        ..Default::default()
    };
    let parked = house.ask(1, next);
    let watch = until("a parked request", || house.report().blocked_requests == 1);
    let (answer, ()) = tokio::join!(parked, watch);
    drop(answer);
    assert_eq!(
        house.report().viewers,
        1,
        "its time begins again with the answer"
    );
    assert_ne!(house.state(), "stopping");
}

#[tokio::test]
async fn a_drain_answers_who_waits_and_leaves_no_process() {
    let house = House::new("ignore-term", "");
    let playlist = house.playlist().await.unwrap();
    let far = DeliveryDirectives {
        msn: Some(playlist.next_msn() + 1),
        ..Default::default()
    };
    let drain = async {
        until("a parked request", || house.report().blocked_requests == 1).await;
        let drained = house.map.drain();
        let told = async {
            until("the answer", || house.report().blocked_requests == 0).await;
            // Long before the encoder, which ignores the request to end.
            assert_eq!(house.state(), "stopping");
        };
        tokio::join!(drained, told);
    };
    let (answer, ()) = tokio::join!(house.ask(1, far), drain);
    assert!(matches!(
        answer.unwrap_err(),
        ServeError::Unavailable { .. }
    ));
    house.assert_nothing_left().await;
    let refused = house.map.join(CHANNEL, viewer(2)).unwrap_err();
    assert!(
        refused.to_string().contains("the gateway stops"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_beside_arriving_viewers_comes_to_its_end() {
    for round in 0..20 {
        let house = Arc::new(House::new("", ""));
        let crowd: Vec<_> = (0..20)
            .map(|number| {
                let house = house.clone();
                tokio::spawn(async move { house.map.join(CHANNEL, viewer(number)).map(drop) })
            })
            .collect();
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        let drained = tokio::time::timeout(crate::support::DEADLINE, house.map.drain()).await;
        assert!(drained.is_ok(), "round {round}");
        for arrival in crowd {
            let _ = arrival.await.unwrap();
        }
        assert_eq!(
            crate::support::living(house.folder.path()),
            Vec::<u32>::new()
        );
    }
}

/// A small generator of moments: seeded, so that a failure can be seen again.
struct Moments(u64);

impl Moments {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_while_it_stops_gets_a_playlist_and_never_two_encoders_live() {
    let house = House::new("burst 30", "");
    let mut moments = Moments(7);
    for round in 0..100 {
        house
            .playlist()
            .await
            .unwrap_or_else(|error| panic!("round {round}: {error}"));
        let id = house.report().id;
        assert!(house.map.stop(id), "round {round}");
        let pause = Duration::from_micros(moments.next(30_000));
        // Not to wait for anything: to come at any moment of the end.
        tokio::time::sleep(pause).await;
        let mut tries = 0;
        // One that read the last word of the run that was stopped is told so; it is never told that there is nothing.
        while let Err(error) = house.playlist().await {
            tries += 1;
            assert!(
                matches!(error, ServeError::Unavailable { .. }),
                "round {round}: {error}"
            );
            assert!(tries < 3, "round {round}: {error}");
        }
    }
    house.assert_never_two();
    house.map.drain().await;
    house.assert_nothing_left().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_when_the_grace_period_ends_is_served() {
    let house = House::new("burst 30", "grace_period = \"0s\"");
    let mut moments = Moments(11);
    for round in 0..10 {
        house
            .playlist()
            .await
            .unwrap_or_else(|error| panic!("round {round}: {error}"));
        // Presence lasts three seconds: come around the moment when it is decided that nobody watches.
        let pause = Duration::from_micros(2_990_000 + moments.next(20_000));
        tokio::time::sleep(pause).await;
        house
            .playlist()
            .await
            .unwrap_or_else(|error| panic!("round {round}: {error}"));
    }
    house.assert_never_two();
}

#[tokio::test]
async fn fifty_runs_hold_no_more_than_one() {
    let house = House::new("burst 8", "");
    for _ in 0..50 {
        house.playlist().await.unwrap();
        until("media", || house.report().memory_bytes > 0).await;
        assert!(house.map.stop(house.report().id));
        house.assert_nothing_left().await;
    }
    assert_eq!(house.lives().len(), 50);
    house.assert_never_two();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_at_any_moment_of_a_start_leaves_no_second_encoder() {
    let house = House::new("burst 30", "");
    house.playlist().await.unwrap();
    let mut moments = Moments(13);
    for round in 0..100 {
        assert!(house.map.stop(house.report().id), "round {round}");
        let again = house.map.join(CHANNEL, viewer(1)).unwrap();
        // Not to wait for anything: to stop it at any moment of its start.
        tokio::time::sleep(Duration::from_micros(moments.next(8_000))).await;
        // It may have stopped before `again` was heard of, and then there is nothing to stop.
        house.map.stop(house.report().id);
        drop(again);
        while house.playlist().await.is_err() {}
    }
    house.assert_never_two();
    house.map.drain().await;
    house.assert_nothing_left().await;
}
