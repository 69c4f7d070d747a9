//! Events for other programs: each configured endpoint is told over HTTP, signed as Standard Webhooks has it.
//!
//! Belongs here: endpoints, signatures, attempts and their pauses, what is counted about them. Does not belong here:
//! what happens (`events`), what is configured (`config`; the wiring turns one into the other).
//!
//! Each endpoint has a task and a bounded queue of its own; the tasks read from the ring of events, so whoever emits
//! one never waits. An event is sent until the endpoint takes it, for about an hour, and the ones behind it wait:
//! they arrive in order. [`delivery`] decides, [`worker`] does.

mod counters;
mod delivery;
mod endpoint;
mod sender;
mod signature;
mod worker;

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use endpoint::{Endpoint, InvalidEndpoint};
pub use signature::Secret;

use crate::events::Events;
use counters::Counts;
use sender::Sender;
use worker::Worker;

/// How long the last events may take when the gateway stops.
const FAREWELL: Duration = Duration::from_secs(3);

/// The times of an attempt. The defaults are those of production; tests shorten them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long a connection may take to be there.
    pub connect: Duration,
    /// How long an attempt may take, all in all.
    pub total: Duration,
    /// The pauses between attempts pass so many times faster; at least 1.
    pub speed: u32,
}

/// All endpoints.
#[derive(Debug)]
pub struct Webhooks {
    events: Arc<Events>,
    timing: Timing,
    /// Made for the first endpoint: it reads the certificate authorities of the host.
    sender: OnceLock<Arc<Sender>>,
    running: Mutex<Vec<Running>>,
    tasks: TaskTracker,
}

/// An endpoint that is told.
#[derive(Debug)]
struct Running {
    endpoint: Arc<Endpoint>,
    counts: Arc<Counts>,
    stop: CancellationToken,
}

// === impl Timing ===

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(15),
            speed: 1,
        }
    }
}

// === impl Webhooks ===

impl Webhooks {
    /// Nobody is told yet.
    pub fn new(events: Arc<Events>, timing: Timing) -> Arc<Self> {
        Arc::new(Self {
            events,
            timing,
            sender: OnceLock::new(),
            running: Mutex::default(),
            tasks: TaskTracker::new(),
        })
    }

    /// From now on these are told, and no others. An endpoint that stays as it was keeps its queue and its counts; one
    /// that goes loses what waits for it. Needs a runtime around it; never waits.
    pub fn apply(&self, endpoints: Vec<Endpoint>) {
        let mut running = self.running.lock();
        let mut before = std::mem::take(&mut *running);
        for endpoint in endpoints {
            let known = before.iter().position(|one| *one.endpoint == endpoint);
            running.push(match known {
                Some(index) => before.swap_remove(index),
                None => self.start(endpoint),
            });
        }
        for gone in before {
            gone.stop.cancel();
        }
    }

    /// Gives the endpoints a last chance to be told what has happened, then forgets what is left. Returns when all
    /// tasks are gone. To be called after the events were closed, or it takes the whole of that last chance.
    pub async fn drain(&self) {
        self.tasks.close();
        let in_time = tokio::time::timeout(FAREWELL, self.tasks.wait()).await;
        if in_time.is_err() {
            self.apply(Vec::new());
            self.tasks.wait().await;
        }
    }

    fn start(&self, endpoint: Endpoint) -> Running {
        let sender = self
            .sender
            .get_or_init(|| Arc::new(Sender::new(self.timing)));
        let running = Running {
            endpoint: Arc::new(endpoint),
            counts: Arc::default(),
            stop: CancellationToken::new(),
        };
        let worker = Worker {
            endpoint: running.endpoint.clone(),
            sender: sender.clone(),
            counts: running.counts.clone(),
            timing: self.timing,
            subscription: self.events.subscribe(),
            queue: VecDeque::new(),
        };
        self.tasks.spawn(worker.run(running.stop.clone()));
        running
    }

    /// Shows the counts of each endpoint.
    fn each(&self, mut show: impl FnMut(&str, &Counts)) {
        for one in &*self.running.lock() {
            show(one.endpoint.host(), &one.counts);
        }
    }
}
