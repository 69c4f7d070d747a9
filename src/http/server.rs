//! The accept loop, and the way out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::State;
use super::accept;
use super::activity::Activity;
use super::connection::{self, Ended, Protocol, Protocols, Shutdown, Tracked};
use super::counters::Counters;
use super::counters::Handshake;
use super::dispatch::{Answer, Dispatch};
use super::entrance::{self, Door, Entrance};
use super::limits::{Admission, Admitted, Descriptors, NoRoom};
use super::proxies::Client;
use super::refusal::Refusals;
use super::watched::Watched;
use crate::tls::{Acceptor, Spoken};

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
    pub(super) state: Arc<State>,
    dispatch: Arc<Dispatch>,
    protocols: Protocols,
    admission: Arc<Admission>,
    descriptors: Descriptors,
    shutdown: Shutdown,
    tasks: TaskTracker,
    refusals: Refusals,
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
            accepting.spawn(async move { accept::until(stop, entrance, &server).await });
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
            descriptors: Descriptors::new(state.limits.reserved_descriptors),
            shutdown: Shutdown::default(),
            tasks,
            refusals: Refusals::default(),
            state,
        }
    }

    /// Lets a connection in if there is room.
    pub(super) fn admit(
        self: &Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        entrance: &Entrance,
    ) {
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
        let admitted = admitted.and_then(|admitted| match self.descriptors.leave_room(&stream) {
            true => Ok(admitted),
            false => Err(NoRoom::Descriptors),
        });
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
            Err(reason) => {
                self.state.counters.connection_refused(reason);
                tracing::debug!(peer = %address, %reason, "connection refused");
                // Words that are no TLS would only confuse who expects it.
                if !client.is_secure {
                    self.refusals.explain(stream, reason, &self.tasks);
                }
            }
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

    fn watched(&self, io: TcpStream) -> Watched<TcpStream> {
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
