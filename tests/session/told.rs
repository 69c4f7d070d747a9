//! What is told of all this: each change once, in the order in which it happened.

use std::sync::Arc;
use std::time::Duration;

use headgate::events::{Delivery, Event, EventKind, Subscription};

use crate::support::{DEADLINE, House, until, viewer};

/// Events until one of this name comes.
async fn until_told(subscription: &mut Subscription, name: &str) -> Vec<Arc<Event>> {
    let mut told = Vec::new();
    let listen = async {
        while let Some(Delivery::Event(event)) = subscription.next().await {
            let is_it = story(&event).starts_with(name);
            told.push(event);
            if is_it {
                return;
            }
        }
        panic!("the events ended");
    };
    let heard = tokio::time::timeout(DEADLINE, listen).await;
    assert!(heard.is_ok(), "no {name} after {:?}", stories(&told));
    told
}

/// An event in a few words that do not change from run to run.
fn story(event: &Event) -> String {
    match &event.kind {
        EventKind::SessionState { from, to, .. } => format!("{from} to {to}"),
        EventKind::SourceSwitched { from, to, .. } => format!("source {from} to {to}"),
        kind => kind.name().to_owned(),
    }
}

fn stories(told: &[Arc<Event>]) -> Vec<String> {
    told.iter().map(|event| story(event)).collect()
}

#[tokio::test]
async fn a_run_is_told_from_its_first_viewer_to_its_end() {
    let house = House::new("", "grace_period = \"200ms\"");
    let mut events = house.events.subscribe();
    house.playlist().await.unwrap();
    let (id, pid) = (house.report().id, house.pid());
    let told = until_told(&mut events, "stopping to idle").await;
    assert_eq!(
        stories(&told),
        [
            "idle to starting",
            "viewers.first",
            "encoder.started",
            "starting to active",
            "viewers.last",
            "active to stopping",
            "encoder.ended",
            "stopping to idle",
        ]
    );
    for event in &told {
        assert_eq!(event.channel.as_ref().unwrap().as_str(), "one");
        assert_eq!(event.session, Some(id), "{event:?}");
        match &event.kind {
            EventKind::EncoderStarted { pid: told, source } => {
                assert_eq!((*told, source.as_str()), (pid, "testcard:"));
            }
            EventKind::EncoderEnded { pid: told, reason } => {
                assert_eq!(*told, pid);
                assert!(reason.starts_with("it was told to end: "), "{reason}");
            }
            EventKind::SessionState { reason, .. } => assert!(!reason.is_empty(), "{event:?}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn who_comes_back_within_the_grace_period_is_a_first_viewer_again() {
    let house = House::new("", "grace_period = \"60s\"");
    let mut events = house.events.subscribe();
    house.playlist().await.unwrap();
    until_told(&mut events, "viewers.last").await;
    house.map.join("one", viewer(2)).unwrap();
    let told = until_told(&mut events, "viewers.first").await;
    assert_eq!(stories(&told), ["viewers.first"]);
    assert_eq!(house.state(), "active");
}

#[tokio::test]
async fn an_operator_who_stops_a_session_leaves_no_viewer_behind() {
    let house = House::new("", "");
    let mut events = house.events.subscribe();
    house.playlist().await.unwrap();
    until_told(&mut events, "starting to active").await;
    assert!(house.map.stop(house.report().id));
    let told = until_told(&mut events, "viewers.last").await;
    assert_eq!(
        stories(&told),
        [
            "active to stopping",
            "encoder.ended",
            "stopping to idle",
            "viewers.last"
        ]
    );
}

#[tokio::test]
async fn the_next_source_is_told_and_no_secret_is() {
    let more = "sources = [\"http://user:hunter2@127.0.0.1:9/live?token=hunter3\", \"testcard:\"]";
    let house = House::new("", more);
    let mut events = house.events.subscribe();
    let asked = tokio::time::timeout(Duration::from_secs(60), house.playlist());
    let (_, told) = tokio::join!(asked, until_told(&mut events, "starting to active"));
    let text = serde_json::to_string(&told).unwrap();
    assert!(!text.contains("hunter"), "{text}");
}

#[tokio::test]
async fn a_crash_is_told_with_its_reason_and_its_successor() {
    let house = House::new("stderr Input/output error; exit 1 after 5", "");
    let mut events = house.events.subscribe();
    house.playlist().await.unwrap();
    house.script("");
    let told = until_told(&mut events, "encoder.ended").await;
    let Some(EventKind::EncoderEnded { reason, .. }) = told.last().map(|event| &event.kind) else {
        panic!("{told:?}");
    };
    assert!(reason.starts_with("ffmpeg ended ("), "{reason}");
    let next = until_told(&mut events, "encoder.started").await;
    assert_eq!(
        stories(&next),
        ["source.lost", "encoder.started"],
        "the same source"
    );
    until("the successor", || house.lives().len() == 2).await;
}

#[tokio::test]
async fn another_source_is_told_when_viewers_see_it() {
    let more = "sources = [\"testcard:\", { url = \"testcard:\", name = \"B\" }]";
    let house = House::new("stderr Input/output error; exit 1 after 5", more);
    let mut events = house.events.subscribe();
    house.playlist().await.unwrap();
    house.script("");
    until_told(&mut events, "encoder.ended").await;
    let next = until_told(&mut events, "source testcard: to B").await;
    assert_eq!(
        stories(&next),
        ["source.lost", "encoder.started", "source testcard: to B"]
    );
    let EventKind::SourceSwitched { reason, .. } = &next[2].kind else {
        panic!("{next:?}");
    };
    assert!(reason.contains("Input/output error"), "{reason}");
}
