//! What arrives: every wanted event, in order, signed, and nothing else.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use headgate::base::ChannelId;
use headgate::events::{EventKind, Filter};
use jiff::Timestamp;

use crate::receiver::{Answer, House, KEY, Receiver, Sent, until};

/// HMAC-SHA256 with the primitives of another program.
fn openssl_hmac(text: &[u8]) -> Vec<u8> {
    let key: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-binary", "-mac", "HMAC", "-macopt"])
        .arg(format!("hexkey:{key}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    openssl.stdin.take().unwrap().write_all(text).unwrap();
    openssl.wait_with_output().unwrap().stdout
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn assert_signed(sent: &Sent) {
    let (id, timestamp) = (sent.header("webhook-id"), sent.header("webhook-timestamp"));
    let mut text = format!("{id}.{timestamp}.").into_bytes();
    text.extend_from_slice(&sent.body);
    let expected = format!("v1,{}", base64(&openssl_hmac(&text)));
    assert_eq!(sent.header("webhook-signature"), expected);
    let age = Timestamp::now().as_second() - timestamp.parse::<i64>().unwrap();
    assert!((0..=60).contains(&age), "{age} s old");
}

#[tokio::test]
async fn an_event_arrives_signed_as_the_standard_says() {
    let (house, receiver) = (
        House::new(),
        Receiver::start(&[], Answer::Status(204)).await,
    );
    house
        .webhooks
        .apply(vec![receiver.endpoint(Filter::default())]);
    house.emit("news", EventKind::FirstViewer);
    let sent = &receiver.until_sent(1).await[0];
    assert_signed(sent);
    assert_eq!(sent.head.method, "POST");
    assert_eq!(sent.head.uri, "/hooks/hunter3?x=hunter4");
    assert_eq!(sent.header("webhook-id"), "evt_1");
    assert_eq!(sent.header("content-type"), "application/json");
    assert_eq!(sent.header("host"), receiver.address.to_string());
    assert_eq!(sent.header("authorization"), "Basic dXNlcjpodW50ZXIy");
    assert!(sent.header("user-agent").starts_with("headgate/"));
    let json = sent.json();
    assert_eq!(json["id"], 1);
    assert_eq!(json["type"], "viewers.first");
    assert_eq!(json["channel"], "news");
    let label = receiver.label();
    house
        .until_sample("headgate_webhook_delivered_total", &label, 1)
        .await;
    assert_eq!(house.sample("headgate_webhook_queued", &label), Some(0));
    let shown = format!("{} {:?}", house.page(), house.webhooks);
    assert!(!shown.contains("hunter"), "{shown}");
}

#[tokio::test]
async fn events_arrive_in_order_and_only_those_that_are_wanted() {
    let house = House::new();
    let all = Receiver::start(&[], Answer::Status(200)).await;
    let some = Receiver::start(&[], Answer::Status(200)).await;
    let filter = Filter {
        kinds: vec!["viewers.*".into()],
        channels: vec![ChannelId::new("news").unwrap()],
    };
    house
        .webhooks
        .apply(vec![all.endpoint(Filter::default()), some.endpoint(filter)]);
    for number in 0..30 {
        let channel = if number % 2 == 0 { "news" } else { "sports" };
        house.emit(channel, EventKind::FirstViewer);
        house.emit(channel, EventKind::SourceHealthy { source: "a".into() });
    }
    let ids = |sent: Vec<Sent>| -> Vec<u64> {
        sent.iter()
            .map(|sent| sent.json()["id"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(ids(all.until_sent(60).await), (1..=60).collect::<Vec<_>>());
    let wanted: Vec<u64> = (0..15).map(|n| 4 * n + 1).collect();
    assert_eq!(ids(some.until_sent(15).await), wanted);
    house.events.close();
    house.webhooks.drain().await;
    assert_eq!((all.sent().len(), some.sent().len()), (60, 15));
}

#[tokio::test]
async fn a_new_configuration_leaves_unchanged_endpoints_alone() {
    let house = House::new();
    let (stays, goes) = (
        Receiver::start(&[], Answer::Never).await,
        Receiver::start(&[], Answer::Status(200)).await,
    );
    let (staying, going) = (
        stays.endpoint(Filter::default()),
        goes.endpoint(Filter::default()),
    );
    house.webhooks.apply(vec![staying.clone(), going]);
    for _ in 0..3 {
        house.emit("news", EventKind::FirstViewer);
    }
    goes.until_sent(3).await;
    stays.until_sent(1).await;
    house
        .until_sample("headgate_webhook_queued", &stays.label(), 3)
        .await;
    let comes = Receiver::start(&[], Answer::Status(200)).await;
    house
        .webhooks
        .apply(vec![comes.endpoint(Filter::default()), staying]);
    house.emit("news", EventKind::LastViewer);
    comes.until_sent(1).await;
    assert_eq!(comes.sent()[0].json()["type"], "viewers.last");
    house
        .until_sample("headgate_webhook_queued", &stays.label(), 4)
        .await;
    assert_eq!(stays.sent().len(), 1, "the same attempt still runs");
    assert_eq!(goes.sent().len(), 3, "who was removed is told nothing more");
    let gone = goes.label();
    assert!(!house.page().contains(&gone), "{}", house.page());
}

#[tokio::test]
async fn two_endpoints_of_one_host_are_one_label() {
    let (house, receiver) = (
        House::new(),
        Receiver::start(&[], Answer::Status(200)).await,
    );
    let endpoint = receiver.endpoint(Filter::default());
    let other = receiver.endpoint(Filter {
        kinds: vec!["viewers".into()],
        channels: Vec::new(),
    });
    house
        .webhooks
        .apply(vec![endpoint.clone(), endpoint, other]);
    house.emit("news", EventKind::FirstViewer);
    let name = "headgate_webhook_delivered_total";
    house.until_sample(name, &receiver.label(), 3).await;
    let lines = house.page();
    assert_eq!(lines.matches("headgate_webhook_delivered_total").count(), 1);
}

#[tokio::test]
async fn the_last_events_are_told_when_the_gateway_stops() {
    let (house, receiver) = (
        House::new(),
        Receiver::start(&[], Answer::Status(200)).await,
    );
    house
        .webhooks
        .apply(vec![receiver.endpoint(Filter::default())]);
    for _ in 0..5 {
        house.emit("news", EventKind::LastViewer);
    }
    house.events.close();
    house.webhooks.drain().await;
    assert_eq!(receiver.sent().len(), 5);
    until("the end of all tasks", || {
        Arc::strong_count(&house.events) == 2
    })
    .await;
}
