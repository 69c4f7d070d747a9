//! What happened, numbered and bounded, for whoever listens: the event stream, webhooks, the page.
//!
//! One writer's call never waits for a reader: events go into a ring, and a reader that is too late is told how many
//! it has missed. What a session remembers of its own past is not here but in its report.

mod event;
mod filter;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::watch;
use uuid::Uuid;

use crate::base::ChannelId;

pub use event::{Event, EventKind};
pub use filter::{Filter, covers};

/// Events that are remembered: at some 300 bytes each, a third of a megabyte.
const REMEMBERED: usize = 1_024;

/// The events of this gateway.
#[derive(Debug)]
pub struct Events {
    ring: Mutex<VecDeque<Arc<Event>>>,
    /// The number of the newest event.
    newest: watch::Sender<u64>,
    /// There will be no more.
    closed: AtomicBool,
}

/// A reader at its own pace.
#[derive(Debug)]
pub struct Subscription {
    events: Arc<Events>,
    newest: watch::Receiver<u64>,
    /// The number of the last event that was given out.
    last: u64,
}

/// What a reader gets.
#[derive(Debug, Clone, PartialEq)]
pub enum Delivery {
    /// The next event.
    Event(Arc<Event>),
    /// So many events were forgotten before the reader came for them.
    Missed(u64),
}

// === impl Events ===

impl Events {
    /// No event yet. Numbers start with the clock, so that they grow over a restart.
    pub fn new(now: Timestamp) -> Arc<Self> {
        let start = u64::try_from(now.as_millisecond()).unwrap_or_default();
        Arc::new(Self {
            ring: Mutex::default(),
            newest: watch::Sender::new(start),
            closed: AtomicBool::new(false),
        })
    }

    /// Tells everybody. Never waits.
    pub fn emit(
        &self,
        at: Timestamp,
        channel: Option<ChannelId>,
        session: Option<Uuid>,
        kind: EventKind,
    ) {
        let mut ring = self.ring.lock();
        let id = *self.newest.borrow() + 1;
        let event = Event {
            id,
            at,
            channel,
            session,
            kind,
        };
        if ring.len() == REMEMBERED {
            ring.pop_front();
        }
        ring.push_back(Arc::new(event));
        self.newest.send_replace(id);
    }

    /// From now on.
    pub fn subscribe(self: &Arc<Self>) -> Subscription {
        let newest = self.newest.subscribe();
        let last = *newest.borrow();
        Subscription {
            events: self.clone(),
            newest,
            last,
        }
    }

    /// From the event after `last` on. A number that was never given out means from now on.
    pub fn subscribe_after(self: &Arc<Self>, last: u64) -> Subscription {
        let mut subscription = self.subscribe();
        subscription.last = last.min(subscription.last);
        subscription
    }

    /// Says that there will be no more: readers get what they have not read yet, then the end.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.newest.send_modify(|_| {});
    }

    /// What is remembered, oldest first.
    pub fn recent(&self) -> Vec<Arc<Event>> {
        self.ring.lock().iter().cloned().collect()
    }

    /// What comes after `last`, if anything does.
    fn after(&self, last: u64) -> Option<Delivery> {
        let ring = self.ring.lock();
        let oldest = ring.front()?.id;
        if last + 1 < oldest {
            return Some(Delivery::Missed(oldest - last - 1));
        }
        let index = usize::try_from(last + 1 - oldest).ok()?;
        ring.get(index).cloned().map(Delivery::Event)
    }
}

// === impl Subscription ===

impl Subscription {
    /// The next event, or how many were missed; `None` when there will be no more. Safe to cancel.
    pub async fn next(&mut self) -> Option<Delivery> {
        loop {
            // Asked before the ring is: what was told before the end is still given out.
            let closed = self.events.closed.load(Ordering::SeqCst);
            if let Some(delivery) = self.events.after(self.last) {
                self.last = match &delivery {
                    Delivery::Event(event) => event.id,
                    Delivery::Missed(count) => self.last + count,
                };
                return Some(delivery);
            }
            if closed {
                return None;
            }
            self.newest.changed().await.ok()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> Arc<Events> {
        Events::new(Timestamp::from_second(1).unwrap())
    }

    fn emit(events: &Events, count: usize) {
        for _ in 0..count {
            events.emit(Timestamp::UNIX_EPOCH, None, None, EventKind::FirstViewer);
        }
    }

    async fn ids(subscription: &mut Subscription, count: usize) -> Vec<u64> {
        let mut ids = Vec::new();
        for _ in 0..count {
            match subscription.next().await.unwrap() {
                Delivery::Event(event) => ids.push(event.id),
                Delivery::Missed(count) => panic!("{count} missed"),
            }
        }
        ids
    }

    #[tokio::test]
    async fn every_reader_gets_every_event_in_order() {
        let events = events();
        let (mut early, mut resumed) = (events.subscribe(), events.subscribe_after(1_001));
        emit(&events, 3);
        assert_eq!(ids(&mut early, 3).await, [1_001, 1_002, 1_003]);
        assert_eq!(
            ids(&mut events.subscribe_after(1_001), 2).await,
            [1_002, 1_003]
        );
        emit(&events, 1);
        assert_eq!(ids(&mut early, 1).await, [1_004]);
        // It named an event that did not exist then: it starts with the present.
        assert_eq!(ids(&mut resumed, 1).await, [1_001]);
    }

    #[tokio::test]
    async fn a_late_reader_is_told_what_it_missed() {
        let events = events();
        let mut late = events.subscribe();
        emit(&events, REMEMBERED + 5);
        assert_eq!(late.next().await, Some(Delivery::Missed(5)));
        assert_eq!(ids(&mut late, 2).await, [1_006, 1_007]);
        let mut from_another_life = events.subscribe_after(7);
        assert_eq!(
            from_another_life.next().await,
            Some(Delivery::Missed(1_005 - 7))
        );
    }

    #[tokio::test]
    async fn a_reader_waits_for_what_comes() {
        let events = events();
        let mut reader = events.subscribe();
        let waiting = tokio::spawn(async move { ids(&mut reader, 1).await });
        tokio::task::yield_now().await;
        emit(&events, 1);
        assert_eq!(waiting.await.unwrap(), [1_001]);
    }

    #[tokio::test]
    async fn the_end_comes_after_the_last_event() {
        let events = events();
        let mut behind = events.subscribe();
        emit(&events, 2);
        events.close();
        assert_eq!(ids(&mut behind, 2).await, [1_001, 1_002]);
        assert_eq!(behind.next().await, None);
        assert_eq!(events.subscribe().next().await, None);
    }

    #[tokio::test]
    async fn the_end_wakes_who_waits() {
        let events = events();
        let mut reader = events.subscribe();
        let waiting = tokio::spawn(async move { reader.next().await });
        tokio::task::yield_now().await;
        events.close();
        assert_eq!(waiting.await.unwrap(), None);
    }

    #[test]
    fn an_event_says_where_and_what() {
        let events = events();
        let kind = EventKind::SessionState {
            from: "idle",
            to: "starting",
            reason: "the first viewer came".into(),
        };
        let channel = ChannelId::new("news").ok();
        events.emit(Timestamp::UNIX_EPOCH, channel, None, kind);
        let text = serde_json::to_string(&*events.recent()[0]).unwrap();
        assert_eq!(
            text,
            r#"{"id":1001,"at":"1970-01-01T00:00:00Z","channel":"news","type":"session.state","data":{"from":"idle","to":"starting","reason":"the first viewer came"}}"#
        );
    }
}
