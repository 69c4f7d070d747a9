//! What a connection is doing, and until when it may go on like that.
//!
//! The bytes that pass ([`super::watched::Watched`]) and the requests that run ([`InFlight`]) leave marks in an [`Activity`]; the
//! connection's task reads them when its timer fires and never in between, so that a busy connection pays for one
//! clock reading a request, which the request's handling shares, and no timer operation.
//!
//! Deadlines are kept here and not by hyper: its header timeout starts over with each wait for a request, so it
//! cannot tell a slow header (10 s) from an idle connection (65 s), and it does not cover the protocol detection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use super::limits::Limits;
use super::strain::{Debt, Strain};

/// Writes up to this length on HTTP/2 are pings and settings: they are no sign that somebody watches.
const CONTROL_FRAMES: usize = 64;

/// The connection speaks HTTP/2.
const HTTP2: u8 = 1;

/// It begins to carry a stream without an end.
pub(super) const STREAMS: u8 = 2;

/// The marks of one connection. Times are nanoseconds since it was accepted, 0 for never.
#[derive(Debug)]
pub(crate) struct Activity {
    accepted: Instant,
    requests: AtomicU32,
    has_requested: AtomicBool,
    /// What is special about it. One mark for all, so that a connection like any other is told by one look.
    traits: AtomicU8,
    idle_since: AtomicU64,
    head_since: AtomicU64,
    /// When bytes came last.
    read_at: AtomicU64,
    stalled_since: AtomicU64,
    /// Since when there has always been something that waits to be written.
    behind_since: AtomicU64,
    /// Answers without an end.
    endless: AtomicU32,
    /// The connection is to end without a farewell.
    is_cut: AtomicBool,
    strain: Strain,
}

/// One request of a connection; dropping it says that the request is over.
#[derive(Debug)]
pub(crate) struct InFlight {
    activity: Arc<Activity>,
    waits: bool,
    answer: Answered,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answered {
    NotYet,
    Whole(Option<Debt>),
    Endless,
}

/// Why a connection has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// The request's header is not complete.
    Head,
    /// No request is running, and none has come for a while.
    Idle,
    /// The client takes no bytes, or hardly any.
    Write,
    /// The client has not taken a whole answer in its time.
    Answer,
    /// The client says too much that asks for nothing, or takes back what it has asked for.
    Flood,
}

/// What the marks say now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing can be overdue before this time.
    FineUntil(Instant),
    /// A deadline has passed.
    Overdue(Overdue),
}

// === impl Activity ===

impl Activity {
    pub(crate) fn new(accepted: Instant) -> Self {
        Self {
            accepted,
            requests: AtomicU32::new(0),
            has_requested: AtomicBool::new(false),
            traits: AtomicU8::new(0),
            idle_since: AtomicU64::new(1),
            head_since: AtomicU64::new(0),
            read_at: AtomicU64::new(1),
            stalled_since: AtomicU64::new(0),
            behind_since: AtomicU64::new(0),
            endless: AtomicU32::new(0),
            is_cut: AtomicBool::new(false),
            strain: Strain::new(accepted),
        }
    }

    /// Compares the marks with the limits.
    pub(crate) fn verdict(&self, now: Instant, limits: &Limits) -> Verdict {
        let shortest = limits
            .header_timeout
            .min(limits.idle_timeout)
            .min(limits.write_timeout)
            .min(limits.answer_timeout / 3);
        let soon = now + shortest;
        if self.is_http2()
            && let Some(reason) = self.strain.look(now, limits)
        {
            return Verdict::Overdue(reason);
        }
        match self.deadline(limits) {
            Some((deadline, reason)) if deadline <= now => Verdict::Overdue(reason),
            Some((deadline, _)) => Verdict::FineUntil(deadline.min(soon)),
            None => Verdict::FineUntil(soon),
        }
    }

    fn deadline(&self, limits: &Limits) -> Option<(Instant, Overdue)> {
        let at = |mark: u64, limit: Duration| self.accepted + Duration::from_nanos(mark) + limit;
        let stalled = self.stalled_since.load(Relaxed);
        let head = self.head_since.load(Relaxed);
        let is_first = !self.has_requested.load(Relaxed);
        let behind = self.behind_since.load(Relaxed);
        let behind = match behind != 0 && !self.is_http2() && !self.is_endless() {
            true => Some((at(behind, limits.answer_timeout), Overdue::Answer)),
            false => None,
        };
        if stalled != 0 {
            let stalled = (at(stalled, limits.write_timeout), Overdue::Write);
            return Some(behind.map_or(stalled, |behind| match behind.0 < stalled.0 {
                true => behind,
                false => stalled,
            }));
        }
        if behind.is_some() {
            return behind;
        }
        if self.requests.load(Relaxed) > 0 {
            return None;
        }
        if is_first {
            return Some((self.accepted + limits.header_timeout, Overdue::Head));
        }
        // On HTTP/2 bytes between requests are pings and window updates; unfinished headers count as idleness there.
        if head != 0 && !self.is_http2() {
            return Some((at(head, limits.header_timeout), Overdue::Head));
        }
        let idle = self.idle_since.load(Relaxed);
        Some((at(idle, limits.idle_timeout), Overdue::Idle))
    }

    fn mark(&self) -> u64 {
        let nanos = self.accepted.elapsed().as_nanos();
        u64::try_from(nanos).unwrap_or(u64::MAX).max(1)
    }

    fn is_http2(&self) -> bool {
        self.traits.load(Relaxed) & HTTP2 != 0
    }

    fn is_endless(&self) -> bool {
        self.endless.load(Relaxed) > 0
    }

    /// A client that takes nothing would keep the kernel busy with what it was sent, for minutes after the end.
    pub(crate) fn cut(&self, reason: Overdue) {
        let takes_nothing = matches!(reason, Overdue::Write | Overdue::Answer | Overdue::Flood);
        self.is_cut.store(takes_nothing, Relaxed);
    }

    /// Whether it is to end without a farewell.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut.load(Relaxed)
    }

    /// A stream without an end has been prepared for.
    pub(super) fn stream_noticed(&self) {
        self.traits.fetch_and(!STREAMS, Relaxed);
    }

    /// The connection has to end now.
    pub(crate) fn is_flooded(&self) -> bool {
        self.strain.is_flooded()
    }

    pub(super) fn bytes_read(&self, count: usize) {
        let mark = self.mark();
        if self.is_http2() {
            self.strain.received(count);
        }
        self.read_at.store(mark, Relaxed);
        if self.requests.load(Relaxed) == 0 && self.head_since.load(Relaxed) == 0 {
            self.head_since.store(mark, Relaxed);
        }
    }

    /// When the bytes came that the request of now is made of.
    pub(crate) fn asked_at(&self) -> std::time::Instant {
        let since = Duration::from_nanos(self.read_at.load(Relaxed));
        (self.accepted + since).into_std()
    }

    /// Answers what is special about the connection.
    pub(super) fn bytes_written(&self, count: usize) -> u8 {
        let was_stalled = self.stalled_since.load(Relaxed) != 0;
        if was_stalled {
            self.stalled_since.store(0, Relaxed);
        }
        let is_http2 = self.is_http2();
        if was_stalled || (count > CONTROL_FRAMES && is_http2) {
            self.idle_since.store(self.mark(), Relaxed);
        }
        if is_http2 {
            self.strain.sent(count);
        }
        self.traits.load(Relaxed)
    }

    /// All that there was has been written.
    pub(super) fn caught_up(&self) {
        if self.behind_since.load(Relaxed) != 0 {
            self.behind_since.store(0, Relaxed);
        }
    }

    pub(super) fn write_stalled(&self) {
        if self.stalled_since.load(Relaxed) == 0 {
            let mark = self.mark();
            self.stalled_since.store(mark, Relaxed);
            if self.behind_since.load(Relaxed) == 0 {
                self.behind_since.store(mark, Relaxed);
            }
        }
    }
}

// === impl InFlight ===

impl InFlight {
    /// Says that a request has come.
    pub(crate) fn begin(activity: Arc<Activity>, is_http2: bool) -> Self {
        activity.requests.fetch_add(1, Relaxed);
        activity.has_requested.store(true, Relaxed);
        activity.head_since.store(0, Relaxed);
        if is_http2 {
            activity.traits.fetch_or(HTTP2, Relaxed);
            activity.strain.asked();
        }
        Self {
            activity,
            waits: false,
            answer: Answered::NotYet,
        }
    }

    /// Says that the answer was handed over: all of it, or the beginning of what has no end.
    pub(crate) fn answered(&mut self, is_endless: bool) {
        let activity = &*self.activity;
        self.answer = match is_endless {
            true => {
                activity.endless.fetch_add(1, Relaxed);
                Answered::Endless
            }
            false => {
                let is_http2 = activity.is_http2();
                Answered::Whole(is_http2.then(|| activity.strain.owe()))
            }
        };
    }

    /// Says that the answer is not there yet.
    pub(crate) fn wait(&mut self) {
        self.waits = true;
    }

    /// Says that the answer has no end.
    pub(crate) fn stream(&mut self) {
        self.activity.traits.fetch_or(STREAMS, Relaxed);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let activity = &*self.activity;
        // Without a wait it is over as soon as it has come.
        let end = match self.waits {
            true => activity.mark(),
            false => activity.read_at.load(Relaxed),
        };
        match self.answer {
            Answered::Whole(Some(debt)) => activity.strain.settle(debt),
            Answered::Whole(None) => {}
            Answered::Endless => {
                activity.endless.fetch_sub(1, Relaxed);
            }
            Answered::NotYet if activity.is_http2() => activity.strain.cancelled(),
            Answered::NotYet => {}
        }
        activity.idle_since.store(end, Relaxed);
        activity.requests.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
#[path = "activity_tests.rs"]
mod tests;
