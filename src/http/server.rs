//! The accept loop, and the way out.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::State;
use super::activity::{Activity, Watched};
use super::cache::CachePolicy;
use super::connection::{self, Ended, Protocol, Protocols, Shutdown, Tracked};
use super::counters::Counters;
use super::dispatch::Dispatch;
use super::error::Failure;
use super::limits::{Admission, Admitted, NoRoom};

/// The first and the longest pause after accepting failed.
const ACCEPT_PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// How many clients are told at a time that there is no room; others are just closed.
const POLITE_REFUSALS: usize = 64;

/// How long a client that is refused may take to read why.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// How long connections may take to go after they were aborted.
const ABORT_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection in the count of those that are open.
struct OpenConnection<'a>(&'a Counters);

/// The HTTP server.
#[derive(Debug)]
pub struct Server {
    state: Arc<State>,
    dispatch: Arc<Dispatch>,
    protocols: Protocols,
    admission: Arc<Admission>,
    shutdown: Shutdown,
    tasks: TaskTracker,
    refusals: Arc<Semaphore>,
}

// === impl Server ===

impl Server {
    /// Serves `listener` until `stop` is cancelled. Then it stops accepting at once, lets requests end for as long
    /// as the limits say, closes what is left, and returns.
    ///
    /// Whoever cancels `stop` has to wake requests that wait for media ([`crate::session::SessionMap::drain`]) and
    /// to end the streams of events ([`crate::events::Events::close`]).
    pub async fn run(listener: TcpListener, state: Arc<State>, stop: CancellationToken) {
        let server = Arc::new(Self::new(state));
        server.accept_until(listener, stop).await;
        server.drain().await;
    }

    fn new(state: Arc<State>) -> Self {
        let tasks = TaskTracker::new();
        Self {
            dispatch: Arc::new(Dispatch::new(state.clone())),
            protocols: Protocols::new(&state.limits, Tracked(tasks.clone())),
            admission: Arc::new(Admission::new(&state.limits)),
            shutdown: Shutdown::default(),
            tasks,
            refusals: Arc::new(Semaphore::new(POLITE_REFUSALS)),
            state,
        }
    }

    async fn accept_until(self: &Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        let mut pause = ACCEPT_PAUSE.0;
        bound_unsent(&listener);
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    pause = ACCEPT_PAUSE.0;
                    self.admit(stream, peer);
                }
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    self.state.counters.accept_failed();
                    tracing::warn!(%error, pause_ms = pause.as_millis(), "cannot accept connections");
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                    pause = (pause * 2).min(ACCEPT_PAUSE.1);
                }
            }
        }
    }

    fn admit(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        match self.admission.admit(peer.ip()) {
            Ok(admitted) => {
                let server = self.clone();
                let accepted = Instant::now();
                self.tasks.spawn(async move {
                    server.serve(stream, peer, admitted, accepted).await;
                });
            }
            Err(reason) => self.refuse(stream, peer, reason),
        }
    }

    async fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        _admitted: Admitted,
        accepted: Instant,
    ) {
        // Without it, the last bytes of an answer would wait for the client's acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
        }
        let _open = OpenConnection::new(&self.state.counters);
        let activity = Arc::new(Activity::new(accepted));
        let address = peer.ip().to_canonical();
        let service =
            service_fn(|request| self.dispatch.answer(address, activity.clone(), request));
        let limits = &self.state.limits;
        let protocol = self.protocols.choose(&stream, limits, &self.shutdown).await;
        let io = TokioIo::new(Watched::new(stream, activity.clone()));
        let ended = match protocol {
            Protocol::Http1(http1) => {
                let connection = http1.serve_connection(io, service);
                connection::drive(connection, &activity, limits, &self.shutdown).await
            }
            // Boxed: it is the larger one by far and the rarer one.
            Protocol::Either(either) => {
                let connection = either.serve_connection(io, service);
                Box::pin(connection::drive(
                    connection,
                    &activity,
                    limits,
                    &self.shutdown,
                ))
                .await
            }
        };
        if let Ended::Overdue(reason) = ended {
            self.state.counters.connection_overdue(reason);
            tracing::debug!(%peer, ?reason, "connection closed");
        }
    }

    fn refuse(&self, stream: TcpStream, peer: SocketAddr, reason: NoRoom) {
        self.state.counters.connection_refused();
        tracing::debug!(%peer, %reason, "connection refused");
        if let Ok(permit) = self.refusals.clone().try_acquire_owned() {
            self.tasks.spawn(async move {
                let _ = tokio::time::timeout(REFUSAL_TIMEOUT, explain(stream, reason)).await;
                drop(permit);
            });
        }
    }

    async fn drain(&self) {
        self.shutdown.drain();
        self.tasks.close();
        let limit = self.state.limits.drain_timeout;
        if tokio::time::timeout(limit, self.tasks.wait()).await.is_ok() {
            return;
        }
        tracing::info!(
            tasks = self.tasks.len(),
            "closing connections that did not end"
        );
        self.shutdown.abort();
        let _ = tokio::time::timeout(ABORT_TIMEOUT, self.tasks.wait()).await;
    }
}

/// Bounds what the kernel takes of an answer before it can send it; connections inherit it from their listener.
///
/// Without it a slow reader of a stream has megabytes waiting in the kernel, which are old when they arrive. And as the
/// kernel asks for more only when a third of that is gone, one that takes ten kilobytes a second would look like one
/// that takes nothing, and be ended by the write deadline.
#[cfg(target_os = "linux")]
fn bound_unsent(listener: &TcpListener) {
    const UNSENT: u32 = 128 * 1024;
    if let Err(error) = socket2::SockRef::from(listener).set_tcp_notsent_lowat(UNSENT) {
        tracing::debug!(%error, "cannot set TCP_NOTSENT_LOWAT");
    }
}

#[cfg(not(target_os = "linux"))]
fn bound_unsent(_listener: &TcpListener) {}

// === impl OpenConnection ===

impl<'a> OpenConnection<'a> {
    fn new(counters: &'a Counters) -> Self {
        counters.connection_opened();
        Self(counters)
    }
}

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.connection_closed();
    }
}

/// Whether accepting failed for a reason of one client, who is gone.
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Answers 503 without reading the request, then reads what comes until the client closes: closing with unread bytes
/// would reset the connection, and the client would not see the answer.
async fn explain(mut stream: TcpStream, reason: NoRoom) -> io::Result<()> {
    stream.write_all(&refusal(reason)).await?;
    stream.shutdown().await?;
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

fn refusal(reason: NoRoom) -> Vec<u8> {
    let failure = Failure {
        retry_after: Some(Duration::from_secs(5)),
        ..Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_connections",
            reason.to_string(),
        )
    };
    let answer = failure.into_answer(CachePolicy::NoStore);
    let mut text = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n".to_vec();
    for (name, value) in answer.headers() {
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(format!("content-length: {}\r\n\r\n", answer.body().len()).as_bytes());
    text.extend_from_slice(answer.body());
    text
}
