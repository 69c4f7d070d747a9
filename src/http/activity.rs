//! What a connection is doing, and until when it may go on like that.
//!
//! The bytes that pass ([`Watched`]) and the requests that run ([`InFlight`]) leave marks in an [`Activity`]; the
//! connection's task reads them when its timer fires and never in between, so that a busy connection pays for one
//! clock reading a request, which the request's handling shares, and no timer operation.
//!
//! Deadlines are kept here and not by hyper: its header timeout starts over with each wait for a request, so it
//! cannot tell a slow header (10 s) from an idle connection (65 s), and it does not cover the protocol detection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::limits::Limits;
use super::unsent::Kernel;

/// Writes up to this length on HTTP/2 are pings and settings: they are no sign that somebody watches.
const CONTROL_FRAMES: usize = 64;

/// The connection speaks HTTP/2.
const HTTP2: u8 = 1;

/// It begins to carry a stream without an end.
const STREAMS: u8 = 2;

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
}

/// One request of a connection; dropping it says that the request is over.
#[derive(Debug)]
pub(crate) struct InFlight {
    activity: Arc<Activity>,
    waits: bool,
}

/// A byte stream that leaves marks.
#[derive(Debug)]
pub(crate) struct Watched<I> {
    io: I,
    activity: Arc<Activity>,
}

/// Why a connection has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// The request's header is not complete.
    Head,
    /// No request is running, and none has come for a while.
    Idle,
    /// The client takes no bytes.
    Write,
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
        }
    }

    /// Compares the marks with the limits.
    pub(crate) fn verdict(&self, now: Instant, limits: &Limits) -> Verdict {
        let shortest = limits
            .header_timeout
            .min(limits.idle_timeout)
            .min(limits.write_timeout);
        let soon = now + shortest;
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
        if stalled != 0 {
            return Some((at(stalled, limits.write_timeout), Overdue::Write));
        }
        if self.requests.load(Relaxed) > 0 {
            return None;
        }
        if is_first {
            return Some((self.accepted + limits.header_timeout, Overdue::Head));
        }
        // On HTTP/2 bytes between requests are pings and window updates; unfinished headers count as idleness there.
        if head != 0 && self.traits.load(Relaxed) & HTTP2 == 0 {
            return Some((at(head, limits.header_timeout), Overdue::Head));
        }
        let idle = self.idle_since.load(Relaxed);
        Some((at(idle, limits.idle_timeout), Overdue::Idle))
    }

    fn mark(&self) -> u64 {
        let nanos = self.accepted.elapsed().as_nanos();
        u64::try_from(nanos).unwrap_or(u64::MAX).max(1)
    }

    fn bytes_read(&self) {
        let mark = self.mark();
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
    fn bytes_written(&self, count: usize) -> u8 {
        let was_stalled = self.stalled_since.load(Relaxed) != 0;
        if was_stalled {
            self.stalled_since.store(0, Relaxed);
        }
        let traits = self.traits.load(Relaxed);
        if was_stalled || (count > CONTROL_FRAMES && traits & HTTP2 != 0) {
            self.idle_since.store(self.mark(), Relaxed);
        }
        traits
    }

    fn write_stalled(&self) {
        if self.stalled_since.load(Relaxed) == 0 {
            self.stalled_since.store(self.mark(), Relaxed);
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
        }
        Self {
            activity,
            waits: false,
        }
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
        activity.idle_since.store(end, Relaxed);
        activity.requests.fetch_sub(1, Relaxed);
    }
}

// === impl Watched ===

impl<I> Watched<I> {
    pub(crate) fn new(io: I, activity: Arc<Activity>) -> Self {
        Self { io, activity }
    }

    #[cfg(test)]
    pub(crate) fn get_ref(&self) -> &I {
        &self.io
    }
}

impl<I: Kernel> Watched<I> {
    fn note_write(&self, result: &Poll<io::Result<usize>>) {
        match result {
            Poll::Ready(Ok(count)) => {
                if self.activity.bytes_written(*count) & STREAMS != 0 {
                    self.activity.traits.fetch_and(!STREAMS, Relaxed);
                    self.io.bound_unsent();
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.activity.write_stalled(),
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.io).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.bytes_read();
        }
        result
    }
}

impl<I: AsyncWrite + Kernel + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(cx, buf);
        self.note_write(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.note_write(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn overdue_after(activity: &Activity) -> (u64, Overdue) {
        let start = Instant::now();
        loop {
            match activity.verdict(Instant::now(), &Limits::default()) {
                Verdict::FineUntil(at) => tokio::time::sleep_until(at).await,
                Verdict::Overdue(reason) => return (start.elapsed().as_secs(), reason),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_header_has_its_deadline_from_accept() {
        let activity = Activity::new(Instant::now());
        tokio::time::advance(SECOND * 9).await;
        activity.bytes_read();
        assert_eq!(overdue_after(&activity).await, (1, Overdue::Head));
    }

    #[tokio::test(start_paused = true)]
    async fn later_headers_have_theirs_from_their_first_byte() {
        let activity = Arc::new(Activity::new(Instant::now()));
        drop(InFlight::begin(activity.clone(), false));
        tokio::time::advance(SECOND * 30).await;
        activity.bytes_read();
        tokio::time::advance(SECOND * 4).await;
        activity.bytes_read();
        assert_eq!(overdue_after(&activity).await, (6, Overdue::Head));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_from_the_end_of_its_last_request() {
        let activity = Arc::new(Activity::new(Instant::now()));
        let mut request = InFlight::begin(activity.clone(), false);
        request.wait();
        tokio::time::advance(SECOND * 600).await;
        let verdict = activity.verdict(Instant::now(), &Limits::default());
        assert!(matches!(verdict, Verdict::FineUntil(_)), "{verdict:?}");
        drop(request);
        assert_eq!(overdue_after(&activity).await, (65, Overdue::Idle));
    }

    #[tokio::test(start_paused = true)]
    async fn pings_keep_no_http2_connection_and_end_none() {
        let activity = Arc::new(Activity::new(Instant::now()));
        drop(InFlight::begin(activity.clone(), true));
        tokio::time::advance(SECOND * 20).await;
        activity.bytes_read();
        activity.bytes_written(17);
        assert_eq!(overdue_after(&activity).await, (45, Overdue::Idle));
        activity.bytes_written(16_384);
        assert_eq!(overdue_after(&activity).await, (65, Overdue::Idle));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stalled_write_is_overdue_whatever_runs() {
        let activity = Arc::new(Activity::new(Instant::now()));
        let _request = InFlight::begin(activity.clone(), false);
        activity.write_stalled();
        tokio::time::advance(SECOND * 29).await;
        activity.bytes_written(1);
        activity.write_stalled();
        assert_eq!(overdue_after(&activity).await, (30, Overdue::Write));
    }
}
