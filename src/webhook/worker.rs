//! The task of one endpoint: it listens, queues what is wanted, and sends one event after the other.
//!
//! It reads from the ring of events at its own pace, so no emitter ever waits for it, and no other endpoint does.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::counters::{Counts, Loss};
use super::delivery::{self, Verdict};
use super::sender::Sender;
use super::{Endpoint, Timing};
use crate::events::{Delivery, Event, Subscription};

/// Events that wait for an endpoint at most; then the oldest of them is dropped.
pub(super) const MAX_QUEUED: usize = 256;

/// See the module.
pub(super) struct Worker {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) sender: Arc<Sender>,
    pub(super) counts: Arc<Counts>,
    pub(super) timing: Timing,
    pub(super) subscription: Subscription,
    pub(super) queue: VecDeque<Queued>,
}

/// An event that waits.
pub(super) struct Queued {
    event: Arc<Event>,
    since: Instant,
}

type Sending = Pin<Box<dyn Future<Output = Verdict> + Send>>;

// === impl Worker ===

impl Worker {
    /// Works until there are no more events and none waits, until the endpoint is gone for good, or until told to stop.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = self.work() => {}
        }
        // What was on its way is still counted as waiting.
        let left = self.counts.queued.swap(0, Relaxed);
        self.counts.lost(Loss::Stopped, left);
    }

    async fn work(&mut self) {
        let mut listening = true;
        let mut sending: Option<Sending> = None;
        loop {
            if sending.is_none() {
                sending = self.queue.pop_front().map(|next| self.send(next));
            }
            if sending.is_none() && !listening {
                return;
            }
            tokio::select! {
                biased;
                verdict = async { sending.as_mut().expect("it should be guarded").await }, if sending.is_some() => {
                    sending = None;
                    self.counts.queued.fetch_sub(1, Relaxed);
                    if self.is_over(verdict) {
                        return;
                    }
                }
                delivery = self.subscription.next(), if listening => match delivery {
                    Some(Delivery::Event(event)) => self.queue(event),
                    Some(Delivery::Missed(count)) => self.counts.lost(Loss::Missed, count),
                    None => listening = false,
                }
            }
        }
    }

    fn queue(&mut self, event: Arc<Event>) {
        if !self.endpoint.filter.matches(&event) {
            return;
        }
        if self.queue.len() == MAX_QUEUED {
            self.queue.pop_front();
            self.counts.queued.fetch_sub(1, Relaxed);
            self.counts.lost(Loss::Overflow, 1);
        }
        let since = Instant::now();
        self.queue.push_back(Queued { event, since });
        self.counts.queued.fetch_add(1, Relaxed);
    }

    /// Counts the end of an event; `true` if it is the end of the endpoint, too.
    fn is_over(&self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Delivered => {
                self.counts.delivered.fetch_add(1, Relaxed);
            }
            Verdict::Gone => {
                warn!(
                    endpoint = self.endpoint.host(),
                    "the endpoint answered 410 Gone: nothing is sent to it any more"
                );
                self.counts.gone.store(true, Relaxed);
                self.counts.lost(Loss::GivenUp, 1);
                return true;
            }
            Verdict::GivenUp | Verdict::Again(_) => self.counts.lost(Loss::GivenUp, 1),
        }
        false
    }

    /// Sends one event until it has arrived or is given up. Owns what it needs, so that listening goes on meanwhile.
    fn send(&self, queued: Queued) -> Sending {
        let (endpoint, sender) = (self.endpoint.clone(), self.sender.clone());
        let (counts, speed) = (self.counts.clone(), self.timing.speed);
        Box::pin(async move {
            let id = format!("evt_{}", queued.event.id);
            let body = serde_json::to_vec(&*queued.event).expect("events should be JSON");
            let body = Bytes::from(body);
            let mut delivery = delivery::Delivery::new(queued.event.id);
            let mut failed_before = false;
            loop {
                let outcome = sender.attempt(&endpoint, &id, body.clone()).await;
                let verdict = delivery.decide(queued.since.elapsed() * speed, &outcome);
                let Some(problem) = outcome.problem() else {
                    if failed_before {
                        info!(endpoint = endpoint.host(), %id, "the endpoint takes events again");
                    }
                    return verdict;
                };
                counts.failed_attempts.fetch_add(1, Relaxed);
                let Verdict::Again(pause) = verdict else {
                    warn!(endpoint = endpoint.host(), %id, "event given up: {problem}");
                    return verdict;
                };
                if failed_before {
                    debug!(endpoint = endpoint.host(), %id, ?pause, "{problem}");
                } else {
                    warn!(endpoint = endpoint.host(), %id, ?pause, "event not delivered, it is sent again: {problem}");
                }
                failed_before = true;
                tokio::time::sleep(pause / speed).await;
            }
        })
    }
}
