//! One connection: hyper's protocol, our deadlines, and the two ways to end it.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulConnection;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::activity::{Activity, Overdue, Verdict};
use super::limits::Limits;

/// How long an idle HTTP/2 connection may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// The end of the service, in two steps.
#[derive(Debug, Default)]
pub(crate) struct Shutdown {
    phase: AtomicU8,
    drain: CancellationToken,
    abort: CancellationToken,
}

/// Runs what hyper spawns (the streams of HTTP/2) where the server can wait for it.
#[derive(Debug, Clone)]
pub(crate) struct Tracked(pub(crate) TaskTracker);

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By either side, with or without an error: what a client does to its connection is not our failure.
    Closed,
    /// A deadline passed.
    Overdue(Overdue),
    /// The service ended before the connection did.
    Aborted,
}

/// What HTTP/2 begins with, and no method of HTTP/1.1 (RFC 9113, section 3.4).
const PREFACE: [u8; 3] = *b"PRI";

const SERVING: u8 = 0;
const DRAINING: u8 = 1;
const ABORTING: u8 = 2;

// === impl Shutdown ===

impl Shutdown {
    /// Connections finish the requests that run and close.
    pub(crate) fn drain(&self) {
        self.phase.store(DRAINING, SeqCst);
        self.drain.cancel();
    }

    /// Waits until connections are to finish.
    pub(crate) async fn draining(&self) {
        self.drain.cancelled().await;
    }

    /// Connections close now.
    pub(crate) fn abort(&self) {
        self.phase.store(ABORTING, SeqCst);
        self.abort.cancel();
    }
}

// === impl Tracked ===

impl<F> hyper::rt::Executor<F> for Tracked
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, future: F) {
        let tracked = self.0.track_future(future);
        hyper::rt::Executor::execute(&TokioExecutor::new(), tracked);
    }
}

/// hyper's protocols, set up once.
#[derive(Debug)]
pub(crate) struct Protocols {
    /// Finds out by itself.
    either: auto::Builder<Tracked>,
    http1: http1::Builder,
}

/// How a connection is to be served.
#[derive(Debug)]
pub(crate) enum Protocol<'a> {
    /// It begins like HTTP/2, or has said nothing yet.
    Either(&'a auto::Builder<Tracked>),
    Http1(&'a http1::Builder),
}

// === impl Protocols ===

impl Protocols {
    pub(crate) fn new(limits: &Limits, executor: Tracked) -> Self {
        Self {
            http1: only_http1(limits),
            either: protocol(limits, executor),
        }
    }

    /// The protocol that was agreed on in a handshake.
    pub(crate) fn agreed(&self, is_http1: bool) -> Protocol<'_> {
        match is_http1 {
            true => Protocol::Http1(&self.http1),
            false => Protocol::Either(&self.either),
        }
    }

    /// The protocol that a client speaks, by a look at its first bytes.
    ///
    /// hyper can find out by itself, but it takes the bytes out of the socket for that. The request's header then
    /// arrives in two reads, for which hyper takes 16 KiB where 8 would do: for every one of thousands of viewers.
    pub(crate) async fn choose(
        &self,
        stream: &TcpStream,
        limits: &Limits,
        shutdown: &Shutdown,
    ) -> Protocol<'_> {
        let mut first = [0; PREFACE.len()];
        let seen = tokio::select! {
            seen = stream.peek(&mut first) => seen.unwrap_or(0),
            // Whoever drives the connection knows what to do about it.
            () = tokio::time::sleep(limits.header_timeout) => 0,
            () = shutdown.drain.cancelled() => 0,
        };
        if PREFACE.starts_with(&first[..seen]) {
            Protocol::Either(&self.either)
        } else {
            Protocol::Http1(&self.http1)
        }
    }
}

/// HTTP/1.1 within the limits.
fn only_http1(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // Ours knows a slow header from an idle connection, see `activity`.
        .header_read_timeout(None)
        // The number of fields is looked at in `dispatch`: told of it, hyper clears and moves its tables per request.
        .max_buf_size(limits.max_header_bytes as usize);
    builder
}

/// HTTP/1.1 and HTTP/2 by preface, within the limits.
fn protocol(limits: &Limits, executor: Tracked) -> auto::Builder<Tracked> {
    let mut builder = auto::Builder::new(executor);
    builder
        .http1()
        .timer(TokioTimer::new())
        // Ours knows a slow header from an idle connection, see `activity`.
        .header_read_timeout(None)
        // The number of fields is looked at in `dispatch`: told of it, hyper clears and moves its tables per request.
        .max_buf_size(limits.max_header_bytes as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.http2_streams)
        .max_header_list_size(limits.max_header_bytes)
        .max_pending_accept_reset_streams(20)
        .max_send_buf_size(256 * 1024)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}

/// Drives a connection to its end.
pub(crate) async fn drive(
    connection: impl GracefulConnection,
    activity: &Activity,
    limits: &Limits,
    shutdown: &Shutdown,
) -> Ended {
    let mut connection = pin!(connection);
    let mut timer = pin!(tokio::time::sleep_until(Instant::now()));
    let mut signals = Signals::new(shutdown);
    let mut draining = pin!(shutdown.drain.cancelled());
    let mut aborting = pin!(shutdown.abort.cancelled());
    let mut has_said_goodbye = false;
    poll_fn(|cx| {
        let has_moved = signals.has_moved(cx);
        // A timer that has not fired needs to be told only of another waker, or of another deadline.
        let mut is_untold = has_moved;
        loop {
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(if has_said_goodbye {
                    Ended::Overdue(Overdue::Idle)
                } else {
                    Ended::Closed
                });
            }
            if activity.is_flooded() {
                activity.cut(Overdue::Flood);
                return Poll::Ready(Ended::Overdue(Overdue::Flood));
            }
            if has_moved || signals.have_come() {
                if aborting.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Ended::Aborted);
                }
                if draining.as_mut().poll(cx).is_ready() && signals.first_drain() {
                    connection.as_mut().graceful_shutdown();
                    continue;
                }
            }
            if !is_untold && !timer.is_elapsed() {
                return Poll::Pending;
            }
            match poll_deadline(timer.as_mut(), cx, activity, limits) {
                None => return Poll::Pending,
                Some(Overdue::Idle) if !has_said_goodbye => {
                    has_said_goodbye = true;
                    connection.as_mut().graceful_shutdown();
                    timer.as_mut().reset(Instant::now() + GOODBYE);
                    is_untold = true;
                }
                Some(reason) => {
                    activity.cut(reason);
                    return Poll::Ready(Ended::Overdue(reason));
                }
            }
        }
    })
    .await
}

/// Reads the marks when the timer fires, and sets it again.
fn poll_deadline(
    mut timer: Pin<&mut Sleep>,
    cx: &mut Context<'_>,
    activity: &Activity,
    limits: &Limits,
) -> Option<Overdue> {
    while timer.as_mut().poll(cx).is_ready() {
        match activity.verdict(Instant::now(), limits) {
            Verdict::FineUntil(at) => timer.as_mut().reset(at),
            Verdict::Overdue(reason) => return Some(reason),
        }
    }
    None
}

/// Decides when the shutdown's futures must be polled.
///
/// All connections share them, and polling them takes a lock. They are polled to leave a waker behind, and again
/// when the phase has changed; a request in between costs one load.
struct Signals<'a> {
    shutdown: &'a Shutdown,
    waker: Option<Waker>,
    is_draining: bool,
}

// === impl Signals ===

impl<'a> Signals<'a> {
    fn new(shutdown: &'a Shutdown) -> Self {
        Self {
            shutdown,
            waker: None,
            is_draining: false,
        }
    }

    /// Whether the connection has another waker than the last time.
    fn has_moved(&mut self, cx: &Context<'_>) -> bool {
        let is_known = self.waker.as_ref().is_some_and(|w| w.will_wake(cx.waker()));
        if !is_known {
            self.waker = Some(cx.waker().clone());
        }
        !is_known
    }

    fn have_come(&self) -> bool {
        self.shutdown.phase.load(SeqCst) != SERVING
    }

    fn first_drain(&mut self) -> bool {
        !std::mem::replace(&mut self.is_draining, true)
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
