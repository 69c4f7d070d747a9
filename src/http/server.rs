//! The accept loop, and the way out.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::State;
use super::activity::{Activity, Watched};
use super::cache::CachePolicy;
use super::connection::{self, Ended, Protocol, Protocols, Shutdown, Tracked};
use super::counters::Counters;
use super::counters::Handshake;
use super::dispatch::{Answer, Dispatch};
use super::entrance::{self, Door, Entrance};
use super::error::Failure;
use super::limits::{Admission, Admitted, NoRoom};
use super::proxies::Client;
use crate::tls::{Acceptor, Spoken};

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

/// One connection while it is served.
#[derive(Debug)]
struct Visit {
    server: Arc<Server>,
    client: Client,
    activity: Arc<Activity>,
    _admitted: Admitted,
}

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
        Self::run_all(vec![Entrance::plain(listener)], state, stop).await;
    }

    /// The same for several listeners, which share one set of limits.
    pub async fn run_all(entrances: Vec<Entrance>, state: Arc<State>, stop: CancellationToken) {
        let server = Arc::new(Self::new(state));
        let mut accepting = JoinSet::new();
        for entrance in entrances {
            let (server, stop) = (server.clone(), stop.clone());
            accepting.spawn(async move { server.accept_until(entrance, stop).await });
        }
        accepting.join_all().await;
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

    async fn accept_until(self: &Arc<Self>, entrance: Entrance, stop: CancellationToken) {
        let mut pause = ACCEPT_PAUSE.0;
        bound_unsent(&entrance.listener);
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                accepted = entrance.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    pause = ACCEPT_PAUSE.0;
                    self.admit(stream, peer, &entrance);
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

    fn admit(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr, entrance: &Entrance) {
        let door = &entrance.door;
        let address = peer.ip().to_canonical();
        let client = Client {
            address,
            is_secure: matches!(**door, Door::Tls(_)),
            is_proxy: self.state.proxies.trust(address),
            audience: entrance.audience,
        };
        let admitted = match client.is_proxy {
            true => self.admission.admit_proxy(),
            false => self.admission.admit(address),
        };
        match admitted {
            Ok(admitted) => {
                let visit = Visit {
                    server: self.clone(),
                    client,
                    activity: Arc::new(Activity::new(Instant::now())),
                    _admitted: admitted,
                };
                let door = door.clone();
                self.tasks
                    .spawn(async move { visit.serve(stream, &door).await });
            }
            Err(reason) => self.refuse(stream, client, reason),
        }
    }

    fn refuse(&self, stream: TcpStream, client: Client, reason: NoRoom) {
        self.state.counters.connection_refused();
        tracing::debug!(peer = %client.address, %reason, "connection refused");
        // Words that are no TLS would only confuse who expects it.
        if client.is_secure {
            return;
        }
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

// === impl Visit ===

impl Visit {
    async fn serve(self, stream: TcpStream, door: &Door) {
        // Without it, the last bytes of an answer would wait for the client's acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(peer = %self.client.address, %error, "cannot set TCP_NODELAY");
        }
        let _open = OpenConnection::new(&self.server.state.counters);
        match door {
            Door::Plain => {
                let protocol = self.choose(&stream).await;
                self.speak(self.watched(stream), protocol, |request| {
                    self.answer(request)
                })
                .await;
            }
            // Boxed: they are larger by far, and plain connections need not have room for them.
            Door::Redirect(port) => Box::pin(self.show_the_way(stream, *port)).await,
            Door::Tls(acceptor) => Box::pin(self.serve_tls(stream, acceptor)).await,
        }
    }

    async fn choose(&self, stream: &TcpStream) -> Protocol<'_> {
        let Server {
            protocols,
            state,
            shutdown,
            ..
        } = &*self.server;
        protocols.choose(stream, &state.limits, shutdown).await
    }

    fn watched<I>(&self, io: I) -> Watched<I> {
        Watched::new(io, self.activity.clone())
    }

    fn answer(&self, request: Request<Incoming>) -> Answer {
        self.server
            .dispatch
            .answer(self.client, self.activity.clone(), request)
    }

    async fn show_the_way(&self, stream: TcpStream, port: u16) {
        let protocol = self.choose(&stream).await;
        self.speak(
            self.watched(stream),
            protocol,
            |request| match entrance::is_for_machines(request.uri().path()) {
                true => self.answer(request),
                false => {
                    let way = entrance::redirection(port, self.activity.clone(), &request);
                    Answer::Now(Some(way))
                }
            },
        )
        .await;
    }

    /// A handshake within its time, and then as on a plain connection.
    async fn serve_tls(&self, stream: TcpStream, acceptor: &Acceptor) {
        let (counters, limits) = (&self.server.state.counters, &self.server.state.limits);
        let handshake = acceptor.accept(self.watched(stream));
        let handshake = tokio::select! {
            handshake = tokio::time::timeout(limits.handshake_timeout, handshake) => handshake,
            () = self.server.shutdown.draining() => return,
        };
        let peer = self.client.address;
        match handshake {
            Ok(Ok((stream, spoken))) => {
                counters.handshake_done();
                // The proof was the certificate.
                if spoken != Spoken::Challenge {
                    let protocol = self.server.protocols.agreed(spoken == Spoken::Http1);
                    self.speak(stream, protocol, |request| self.answer(request))
                        .await;
                }
            }
            Ok(Err(error)) => {
                counters.handshake_failed(Handshake::Error);
                tracing::debug!(%peer, %error, "no TLS handshake");
            }
            Err(_) => {
                counters.handshake_failed(Handshake::Timeout);
                tracing::debug!(%peer, "a TLS handshake took too long");
            }
        }
    }

    async fn speak<I>(
        &self,
        io: I,
        protocol: Protocol<'_>,
        answer: impl Fn(Request<Incoming>) -> Answer,
    ) where
        I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (io, service) = (TokioIo::new(io), service_fn(answer));
        let (limits, shutdown) = (&self.server.state.limits, &self.server.shutdown);
        let ended = match protocol {
            Protocol::Http1(http1) => {
                let connection = http1.serve_connection(io, service);
                connection::drive(connection, &self.activity, limits, shutdown).await
            }
            // Boxed: it is the larger one by far and the rarer one.
            Protocol::Either(either) => {
                let connection = either.serve_connection(io, service);
                Box::pin(connection::drive(
                    connection,
                    &self.activity,
                    limits,
                    shutdown,
                ))
                .await
            }
        };
        if let Ended::Overdue(reason) = ended {
            self.server.state.counters.connection_overdue(reason);
            tracing::debug!(peer = %self.client.address, ?reason, "connection closed");
        }
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
