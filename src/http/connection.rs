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
        .max_buf_size(limits.max_header_bytes as usize)
        .max_headers(limits.max_headers);
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
        .max_buf_size(limits.max_header_bytes as usize)
        .max_headers(limits.max_headers);
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
        loop {
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(if has_said_goodbye {
                    Ended::Overdue(Overdue::Idle)
                } else {
                    Ended::Closed
                });
            }
            if signals.need_attention(cx) {
                if aborting.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Ended::Aborted);
                }
                if draining.as_mut().poll(cx).is_ready() && signals.first_drain() {
                    connection.as_mut().graceful_shutdown();
                    continue;
                }
            }
            match poll_deadline(timer.as_mut(), cx, activity, limits) {
                None => return Poll::Pending,
                Some(Overdue::Idle) if !has_said_goodbye => {
                    has_said_goodbye = true;
                    connection.as_mut().graceful_shutdown();
                    timer.as_mut().reset(Instant::now() + GOODBYE);
                }
                Some(reason) => return Poll::Ready(Ended::Overdue(reason)),
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

    fn need_attention(&mut self, cx: &Context<'_>) -> bool {
        let is_registered = self.waker.as_ref().is_some_and(|w| w.will_wake(cx.waker()));
        if !is_registered {
            self.waker = Some(cx.waker().clone());
        }
        !is_registered || self.shutdown.phase.load(SeqCst) != SERVING
    }

    fn first_drain(&mut self) -> bool {
        !std::mem::replace(&mut self.is_draining, true)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;

    use bytes::Bytes;
    use http::{Request, Response};
    use hyper::body::Incoming;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::task::JoinHandle;

    use super::super::activity::{InFlight, Watched};
    use super::super::body::Body;
    use super::*;

    struct Served {
        client: DuplexStream,
        shutdown: Arc<Shutdown>,
        ended: JoinHandle<Ended>,
    }

    /// A connection whose requests are answered with a mebibyte, or never if their path is `/park`.
    fn serve(limits: Limits) -> Served {
        let (client, server) = tokio::io::duplex(4096);
        let shutdown = Arc::new(Shutdown::default());
        let activity = Arc::new(Activity::new(Instant::now()));
        let service = {
            let activity = activity.clone();
            service_fn(move |request: Request<Incoming>| {
                let is_http2 = request.version() == http::Version::HTTP_2;
                let running = InFlight::begin(activity.clone(), is_http2);
                async move {
                    if request.uri().path() == "/park" {
                        std::future::pending::<()>().await;
                    }
                    let body = Body::bytes(Bytes::from_static(&[7; 1 << 20]));
                    Ok::<_, Infallible>(Response::new(body.hold(running)))
                }
            })
        };
        let task = {
            let shutdown = shutdown.clone();
            async move {
                let protocol = protocol(&limits, Tracked(TaskTracker::new()));
                let io = TokioIo::new(Watched::new(server, activity.clone()));
                let connection = protocol.serve_connection(io, service);
                drive(connection, &activity, &limits, &shutdown).await
            }
        };
        Served {
            client,
            shutdown,
            ended: tokio::spawn(task),
        }
    }

    const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    const PARK: &[u8] = b"GET /park HTTP/1.1\r\nhost: a\r\n\r\n";

    async fn read_answer(client: &mut DuplexStream) {
        let mut rest = 1 << 20;
        let mut buffer = vec![0; 1 << 16];
        while rest > 0 {
            let count = client.read(&mut buffer).await.unwrap();
            assert!(count > 0, "the connection closed with {rest} bytes to come");
            rest -= buffer[..count].iter().filter(|b| **b == 7).count();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_says_nothing_is_dropped() {
        let mut served = serve(Limits::default());
        let start = Instant::now();
        assert_eq!(served.client.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(start.elapsed().as_secs(), 10);
        assert_eq!(served.ended.await.unwrap(), Ended::Overdue(Overdue::Head));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_dribbles_its_header_is_dropped() {
        for start in [&GET[..9], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
            let mut served = serve(Limits::default());
            served.client.write_all(start).await.unwrap();
            assert_eq!(served.ended.await.unwrap(), Ended::Overdue(Overdue::Head));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_dropped() {
        let mut served = serve(Limits::default());
        served.client.write_all(GET).await.unwrap();
        let start = Instant::now();
        assert_eq!(served.ended.await.unwrap(), Ended::Overdue(Overdue::Write));
        assert_eq!(start.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_a_little_is_served() {
        let mut served = serve(Limits::default());
        served.client.write_all(GET).await.unwrap();
        let mut buffer = [0; 4096];
        for _ in 0..16 {
            tokio::time::sleep(Duration::from_secs(29)).await;
            assert!(served.client.read(&mut buffer).await.unwrap() > 0);
        }
        assert!(!served.ended.is_finished());
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_closed_and_a_parked_request_is_not() {
        let mut served = serve(Limits::default());
        served.client.write_all(GET).await.unwrap();
        read_answer(&mut served.client).await;
        let start = Instant::now();
        assert_eq!(served.client.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(start.elapsed().as_secs(), 65);
        assert_eq!(served.ended.await.unwrap(), Ended::Overdue(Overdue::Idle));

        let mut served = serve(Limits::default());
        served.client.write_all(PARK).await.unwrap();
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(!served.ended.is_finished());
    }

    #[tokio::test(start_paused = true)]
    async fn draining_ends_idle_connections_now_and_busy_ones_after_their_request() {
        let mut idle = serve(Limits::default());
        idle.client.write_all(GET).await.unwrap();
        read_answer(&mut idle.client).await;
        idle.shutdown.drain();
        assert_eq!(idle.ended.await.unwrap(), Ended::Closed);

        let mut busy = serve(Limits::default());
        busy.client.write_all(GET).await.unwrap();
        let mut first = [0; 1];
        busy.client.read_exact(&mut first).await.unwrap();
        busy.shutdown.drain();
        read_answer(&mut busy.client).await;
        assert_eq!(busy.ended.await.unwrap(), Ended::Closed);

        let mut parked = serve(Limits::default());
        parked.client.write_all(PARK).await.unwrap();
        parked.shutdown.drain();
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(!parked.ended.is_finished());
        parked.shutdown.abort();
        assert_eq!(parked.ended.await.unwrap(), Ended::Aborted);
    }
}
