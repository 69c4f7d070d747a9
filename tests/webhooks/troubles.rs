//! Receivers that fail, hang, redirect, ramble or are gone.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use headgate::events::{EventKind, Filter};
use headgate::webhook::{Endpoint, Secret, Timing};
use tokio::net::TcpListener;

use crate::receiver::{Answer, House, KEY, Receiver};

const DELIVERED: &str = "headgate_webhook_delivered_total";
const FAILED: &str = "headgate_webhook_failed_attempts_total";
const DROPPED: &str = "headgate_webhook_dropped_total";
const QUEUED: &str = "headgate_webhook_queued";

async fn told(house: &House, answers: &[Answer], rest: Answer) -> Receiver {
    let receiver = Receiver::start(answers, rest).await;
    house
        .webhooks
        .apply(vec![receiver.endpoint(Filter::default())]);
    receiver
}

fn lost(receiver: &Receiver, reason: &str) -> String {
    format!("{},reason=\"{reason}\"", receiver.label())
}

#[tokio::test]
async fn what_fails_is_sent_again_under_the_same_id_before_anything_else() {
    let house = House::fast();
    let answers = [500, 404, 503].map(Answer::Status);
    let receiver = told(&house, &answers, Answer::Status(200)).await;
    house.emit("news", EventKind::FirstViewer);
    house.emit("news", EventKind::LastViewer);
    let sent = receiver.until_sent(5).await;
    let ids: Vec<&str> = sent.iter().map(|sent| sent.header("webhook-id")).collect();
    assert_eq!(ids, ["evt_1", "evt_1", "evt_1", "evt_1", "evt_2"]);
    assert!(
        sent[..4]
            .windows(2)
            .all(|pair| pair[0].body == pair[1].body)
    );
    house.until_sample(DELIVERED, &receiver.label(), 2).await;
    assert_eq!(house.sample(FAILED, &receiver.label()), Some(3));
}

#[tokio::test]
async fn what_fails_for_an_hour_is_given_up_and_counted() {
    let house = House::fast();
    let receiver = told(&house, &[], Answer::Status(500)).await;
    house.emit("news", EventKind::FirstViewer);
    house
        .until_sample(DROPPED, &lost(&receiver, "given_up"), 1)
        .await;
    assert_eq!(receiver.sent().len(), 8);
    assert_eq!(house.sample(FAILED, &receiver.label()), Some(8));
    assert_eq!(house.sample(QUEUED, &receiver.label()), Some(0));
    receiver.answer_from_now_on(Answer::Status(200));
    house.emit("news", EventKind::LastViewer);
    house.until_sample(DELIVERED, &receiver.label(), 1).await;
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_nobody_else_is_asked() {
    let house = House::fast();
    let elsewhere = Receiver::start(&[], Answer::Status(200)).await;
    let target = format!("http://{}/stolen", elsewhere.address);
    for status in [301, 302, 303, 307, 308] {
        let redirect = Answer::With(status, "location", target.clone());
        let receiver = told(&house, &[redirect], Answer::Status(200)).await;
        house.emit("news", EventKind::FirstViewer);
        house.until_sample(DELIVERED, &receiver.label(), 1).await;
        assert_eq!(house.sample(FAILED, &receiver.label()), Some(1));
    }
    assert!(elsewhere.sent().is_empty());
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_told_nothing_more() {
    let house = House::new();
    let receiver = told(&house, &[Answer::Status(410)], Answer::Status(200)).await;
    for _ in 0..3 {
        house.emit("news", EventKind::FirstViewer);
    }
    house
        .until_sample("headgate_webhook_gone", &receiver.label(), 1)
        .await;
    house.emit("news", EventKind::LastViewer);
    house.events.close();
    house.webhooks.drain().await;
    assert_eq!(receiver.sent().len(), 1);
    assert_eq!(house.sample(QUEUED, &receiver.label()), Some(0));
    assert_eq!(house.sample(DELIVERED, &receiver.label()), Some(0));
}

#[tokio::test]
async fn an_answer_without_an_end_is_left() {
    let house = House::new();
    let receiver = told(&house, &[Answer::Endless], Answer::Status(200)).await;
    house.emit("news", EventKind::FirstViewer);
    house.emit("news", EventKind::LastViewer);
    house.until_sample(DELIVERED, &receiver.label(), 2).await;
    assert_eq!(house.sample(FAILED, &receiver.label()), Some(0));
    // What the sockets hold, and not what fifteen seconds could carry.
    let poured = receiver.poured();
    assert!(poured < 64 << 20, "{poured} bytes");
}

#[tokio::test]
async fn an_endpoint_that_hangs_delays_no_other_one() {
    let house = House::with_timing(Timing {
        total: Duration::from_millis(200),
        speed: 1_000,
        ..Timing::default()
    });
    let hangs = Receiver::start(&[Answer::Never], Answer::Status(200)).await;
    let works = Receiver::start(&[], Answer::Status(200)).await;
    house.webhooks.apply(vec![
        hangs.endpoint(Filter::default()),
        works.endpoint(Filter::default()),
    ]);
    for _ in 0..20 {
        house.emit("news", EventKind::FirstViewer);
    }
    house.until_sample(DELIVERED, &works.label(), 20).await;
    // The one that hung is asked again and then takes all of them, too.
    house.until_sample(DELIVERED, &hangs.label(), 20).await;
    assert_eq!(house.sample(FAILED, &hangs.label()), Some(1));
}

#[tokio::test]
async fn a_queue_is_bounded_drops_the_oldest_and_counts_them() {
    let house = House::new();
    let receiver = told(&house, &[Answer::Never], Answer::Status(200)).await;
    house.emit("news", EventKind::FirstViewer);
    receiver.until_sent(1).await;
    for _ in 0..300 {
        house.emit("news", EventKind::LastViewer);
    }
    let dropped = lost(&receiver, "overflow");
    house.until_sample(DROPPED, &dropped, 300 - 256).await;
    assert_eq!(house.sample(QUEUED, &receiver.label()), Some(257));
    // And nobody who emits has waited for that.
    let start = Instant::now();
    for _ in 0..10_000 {
        house.emit("news", EventKind::LastViewer);
    }
    let each = start.elapsed() / 10_000;
    assert!(each < Duration::from_millis(1), "{each:?} an event");
}

#[tokio::test]
async fn an_endpoint_where_nobody_listens_is_tried_again() {
    let house = House::fast();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://{address}/");
    let endpoint = Endpoint::new(&url, Secret::new(KEY), Filter::default()).unwrap();
    house.webhooks.apply(vec![endpoint]);
    house.emit("news", EventKind::FirstViewer);
    let dropped = format!("endpoint=\"{address}\",reason=\"given_up\"");
    house.until_sample(DROPPED, &dropped, 1).await;
}

#[tokio::test]
async fn an_endpoint_without_a_certificate_gets_nothing() {
    let house = House::fast();
    let receiver = Receiver::start(&[], Answer::Status(200)).await;
    let url = format!("https://{}/", receiver.address);
    let endpoint = Endpoint::new(&url, Secret::new(KEY), Filter::default()).unwrap();
    house.webhooks.apply(vec![endpoint]);
    house.emit("news", EventKind::FirstViewer);
    house
        .until_sample(DROPPED, &lost(&receiver, "given_up"), 1)
        .await;
    assert!(receiver.sent().is_empty());
}

#[tokio::test]
async fn a_busy_endpoint_is_left_alone_for_as_long_as_it_asks() {
    // A pause of 400 s passes in 4 s here, the first one by itself in 50 ms.
    let house = House::with_timing(Timing {
        speed: 100,
        ..Timing::default()
    });
    let busy = Answer::With(429, "retry-after", "400".into());
    let receiver = told(&house, &[busy], Answer::Status(200)).await;
    let start = Instant::now();
    house.emit("news", EventKind::FirstViewer);
    receiver.until_sent(2).await;
    let waited = start.elapsed();
    assert!(waited >= Duration::from_secs(4), "{waited:?}");
}

#[tokio::test]
async fn an_endpoint_that_hangs_does_not_hold_up_the_end() {
    let house = House::new();
    let receiver = told(&house, &[], Answer::Never).await;
    house.emit("news", EventKind::FirstViewer);
    receiver.until_sent(1).await;
    house.events.close();
    let end = tokio::time::timeout(Duration::from_secs(30), house.webhooks.drain());
    end.await.unwrap();
}
