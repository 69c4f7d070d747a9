//! What an HTTP/2 connection puts on the gateway beyond its requests: answers that it does not take, frames that ask
//! for nothing, requests that it takes back.
//!
//! There the client says how much of an answer it takes, frame by frame, so a write that waits (see `activity`) does not
//! tell a slow reader. Each mark is one plain operation on memory of the connection's own; the figures are looked at
//! when the connection's timer fires. HTTP/1.1 pays nothing for any of this.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::activity::Overdue;
use super::limits::Limits;

/// Bytes that may come in without a request: a header block, settings, window updates and pings for hours.
const FREE_BYTES: u64 = 1 << 20;

/// What one request may take of a client's bytes, and one byte of an answer in window updates.
const BYTES_OF_A_REQUEST: u64 = 4096;
const ANSWER_BYTES_OF_ONE: u64 = 16;

/// Requests that may be taken back, beside as many as were not: a player that seeks, a proxy whose viewers leave.
const FREE_CANCELS: u32 = 512;

/// What a connection takes at the least while it is owed answers, bytes a second.
const LEAST_PACE: u64 = 1024;

/// Answers are told apart by their age, in steps of a third of the longest that one may take.
const STEPS: usize = 4;

/// See the module.
#[derive(Debug)]
pub(crate) struct Strain {
    /// Bytes that came and were not accounted for by requests and answers.
    noise: AtomicU64,
    sent: AtomicU64,
    requests: AtomicU32,
    cancelled: AtomicU32,
    /// Whole answers that the client has not taken yet, by the step in which they were given.
    owed: [AtomicU32; STEPS],
    step: AtomicU32,
    is_flooded: AtomicBool,
    last: Mutex<Look>,
}

/// The figures at the last look.
#[derive(Debug)]
struct Look {
    at: Instant,
    sent: u64,
    /// Since when the client has taken too little.
    starved: Option<Instant>,
    stepped: Instant,
}

/// An answer that is owed, by its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Debt(usize);

// === impl Strain ===

impl Strain {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            noise: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            requests: AtomicU32::new(0),
            cancelled: AtomicU32::new(0),
            owed: Default::default(),
            step: AtomicU32::new(0),
            is_flooded: AtomicBool::new(false),
            last: Mutex::new(Look {
                at: now,
                sent: 0,
                starved: None,
                stepped: now,
            }),
        }
    }

    pub(crate) fn received(&self, count: usize) {
        let noise = self.noise.load(Relaxed) + count as u64;
        self.noise.store(noise, Relaxed);
        if noise > FREE_BYTES {
            self.is_flooded.store(true, Relaxed);
        }
    }

    pub(crate) fn sent(&self, count: usize) {
        let count = count as u64;
        self.sent.store(self.sent.load(Relaxed) + count, Relaxed);
        self.excuse(count / ANSWER_BYTES_OF_ONE);
    }

    pub(crate) fn asked(&self) {
        self.requests.fetch_add(1, Relaxed);
        self.excuse(BYTES_OF_A_REQUEST);
    }

    /// Only the connection's own task accounts for bytes.
    fn excuse(&self, bytes: u64) {
        let noise = self.noise.load(Relaxed);
        if noise > 0 {
            self.noise.store(noise.saturating_sub(bytes), Relaxed);
        }
    }

    /// A request was dropped before it was answered.
    pub(crate) fn cancelled(&self) {
        let cancelled = self.cancelled.fetch_add(1, Relaxed) + 1;
        if cancelled > FREE_CANCELS + self.requests.load(Relaxed) / 2 {
            self.is_flooded.store(true, Relaxed);
        }
    }

    /// A whole answer was handed over.
    pub(crate) fn owe(&self) -> Debt {
        let step = self.step.load(Relaxed) as usize % STEPS;
        self.owed[step].fetch_add(1, Relaxed);
        Debt(step)
    }

    /// It was taken, or given up.
    pub(crate) fn settle(&self, debt: Debt) {
        self.owed[debt.0].fetch_sub(1, Relaxed);
    }

    /// More came than any client needs to say: there is no time to wait for a look.
    pub(crate) fn is_flooded(&self) -> bool {
        self.is_flooded.load(Relaxed)
    }

    /// Compares the figures with those of the last look.
    pub(crate) fn look(&self, now: Instant, limits: &Limits) -> Option<Overdue> {
        let mut last = self.last.lock();
        let since = now.saturating_duration_since(last.at);
        let sent = self.sent.load(Relaxed);
        let taken = sent - std::mem::replace(&mut last.sent, sent);
        last.at = now;
        // What was long ago is forgiven, half of it each time.
        for count in [&self.requests, &self.cancelled] {
            count.store(count.load(Relaxed) / 2, Relaxed);
        }
        self.noise.store(self.noise.load(Relaxed) / 2, Relaxed);
        let owes = self.owed.iter().any(|count| count.load(Relaxed) > 0);
        if !owes || taken >= pace(since) {
            last.starved = None;
        } else if since > Duration::ZERO {
            let starved = *last.starved.get_or_insert(now - since);
            if now - starved >= limits.write_timeout {
                return Some(Overdue::Write);
            }
        }
        if now - last.stepped >= limits.answer_timeout / 3 {
            last.stepped = now;
            let next = self.step.load(Relaxed).wrapping_add(1);
            if self.owed[next as usize % STEPS].load(Relaxed) > 0 {
                return Some(Overdue::Answer);
            }
            self.step.store(next, Relaxed);
        }
        None
    }
}

fn pace(since: Duration) -> u64 {
    let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    millis.saturating_mul(LEAST_PACE) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Looks every ten seconds; what the client does in between is done before each.
    fn looks(strain: &Strain, start: Instant, each: impl Fn(&Strain)) -> Option<(u64, Overdue)> {
        let limits = Limits::default();
        (1..=60).find_map(|turn| {
            each(strain);
            let now = start + SECOND * 10 * turn;
            let overdue = strain.look(now, &limits)?;
            Some(((now - start).as_secs(), overdue))
        })
    }

    #[test]
    fn who_takes_nothing_or_crumbs_of_what_it_is_owed_is_overdue() {
        for crumbs in [0, 1, 9_000] {
            let start = Instant::now();
            let strain = Strain::new(start);
            let _debt = strain.owe();
            let end = looks(&strain, start, |strain| strain.sent(crumbs));
            assert_eq!(end, Some((30, Overdue::Write)), "{crumbs}");
        }
    }

    #[test]
    fn an_answer_has_its_time_also_when_others_go_on() {
        let start = Instant::now();
        let strain = Strain::new(start);
        let _debt = strain.owe();
        let end = looks(&strain, start, |strain| strain.sent(1 << 20));
        let (after, reason) = end.unwrap();
        assert_eq!(reason, Overdue::Answer);
        assert!((120..=170).contains(&after), "{after}");
    }

    #[test]
    fn who_is_owed_nothing_may_wait_for_ever() {
        let start = Instant::now();
        let strain = Strain::new(start);
        let end = looks(&strain, start, |strain| {
            let debt = strain.owe();
            strain.sent(100);
            strain.settle(debt);
        });
        assert_eq!(end, None);
    }

    #[test]
    fn frames_that_ask_for_nothing_are_a_flood_and_downloads_are_none() {
        let start = Instant::now();
        let busy = Strain::new(start);
        for _ in 0..100_000 {
            busy.received(200);
            busy.asked();
            busy.sent(16_384);
            busy.received(13);
        }
        assert!(!busy.is_flooded());
        let pings = Strain::new(start);
        let end = looks(&pings, start, |pings| pings.received(17 * 600));
        assert!(!pings.is_flooded() && end.is_none(), "a minute of pings");
        (0..100).for_each(|_| pings.received(16_384));
        assert!(pings.is_flooded());
    }

    #[test]
    fn requests_that_are_taken_back_are_a_flood_if_they_are_most() {
        let start = Instant::now();
        let viewers = Strain::new(start);
        for turn in 0..10_000 {
            viewers.asked();
            if turn % 3 == 0 {
                viewers.cancelled();
            }
        }
        assert!(!viewers.is_flooded());
        let rapid = Strain::new(start);
        for _ in 0..2_000 {
            rapid.asked();
            rapid.cancelled();
        }
        assert!(rapid.is_flooded());
    }
}
