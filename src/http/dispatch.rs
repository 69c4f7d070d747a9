//! From a request to its answer: decode the path, let hyper or the router answer, count, log.

mod guarded;
mod panics;

use std::any::Any;
use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::Router;
use http::request::Parts;
use http::{Method, Request, Response, Uri, Version, header};
use http_body::Body as _;
use hyper::body::Incoming;
use tower::ServiceExt as _;

use super::access::{self, Caller, Entry, Pass};
use super::activity::{Activity, InFlight};
use super::audit::Deed;
use super::body::Body;
use super::cache::CachePolicy;
use super::counters::RequestKind;
use super::error::Failure;
use super::limits::Limits;
use super::manifest;
use super::media::{MediaPath, MediaRequest, Step};
use super::operators::Visitor;
use super::proxies::Client;
use super::route::Route;
use super::ts::SegmentPath;
use super::{State, iptv_streams, preflight, router};
use panics::catch;

/// What answers requests: the state, and the router for everything that is not media.
#[derive(Debug)]
pub(crate) struct Dispatch {
    state: Arc<State>,
    router: Router,
}

/// What hyper waits for. Most requests are answered without a wait, and nothing is allocated for those.
pub(crate) enum Answer {
    Now(Option<Response<Body>>),
    Later(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
}

/// What is kept of a request while it is answered.
struct Errand {
    running: InFlight,
    kind: RequestKind,
    is_head: bool,
    /// How the answer is changed for who may see it.
    pass: Option<Box<Pass>>,
    log: Option<Box<(IpAddr, Method, Uri)>>,
}

// === impl Answer ===

impl Future for Answer {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Now(response) => {
                Poll::Ready(Ok(response.take().expect("an answer should be taken once")))
            }
            Self::Later(answer) => answer.as_mut().poll(cx).map(Ok),
        }
    }
}

// === impl Dispatch ===

impl Dispatch {
    pub(crate) fn new(state: Arc<State>) -> Self {
        let router = router::build(state.clone());
        Self { state, router }
    }

    /// Takes one request of a connection; a panic on the way is an answer, too.
    pub(crate) fn answer(
        self: &Arc<Self>,
        client: Client,
        activity: Arc<Activity>,
        request: Request<Incoming>,
    ) -> Answer {
        let at = activity.asked_at();
        let running = InFlight::begin(activity, request.version() == Version::HTTP_2);
        let (mut head, body) = request.into_parts();
        access::prepare(&self.state, &mut head);
        let peer = match client.is_proxy {
            true => self.state.proxies.viewer(client, &head.headers),
            false => client.address,
        };
        let route = Route::decode(&head.method, target(&head));
        let mut errand = Errand {
            running,
            kind: RequestKind::from(route),
            is_head: head.method == Method::HEAD,
            pass: None,
            log: tracing::enabled!(tracing::Level::DEBUG)
                .then(|| Box::new((peer, head.method.clone(), head.uri.clone()))),
        };
        if self.state.gate.is_on() {
            let caller = Caller { client, peer, at };
            match access::enter(&self.state, &head, route, caller) {
                Entry::Open => {}
                Entry::Done(response) => {
                    return Answer::Now(Some(self.finish(errand, *response)));
                }
                Entry::Pass(pass) => errand.pass = Some(pass),
                Entry::Ask(question) => {
                    // Whatever it is: nothing of it is in the kernel yet.
                    errand.running.stream();
                    let answer = guarded::ask(self.clone(), question, caller, (head, body));
                    return self.later(errand, answer);
                }
            }
        }
        // What requests share is behind locks and atomics that a panic leaves whole.
        let step = catch_unwind(AssertUnwindSafe(|| {
            self.step((peer, at), &head, route, &body)
        }));
        match step {
            Ok(Some(Step::Done(response))) => Answer::Now(Some(self.finish(errand, response))),
            Ok(Some(Step::Later(answer))) => self.later(errand, answer),
            Ok(Some(Step::Stream(answer))) => {
                errand.running.stream();
                self.later(errand, answer)
            }
            Ok(Some(Step::Wait(wait))) => self.later(errand, wait.answer()),
            Ok(None) => match self.admitted((client, peer), &mut head) {
                Ok(visitor) => {
                    let dispatch = self.clone();
                    let answer = async move { dispatch.routed(head, body, visitor).await };
                    self.later(errand, answer)
                }
                Err(failure) => Answer::Now(Some(self.finish(errand, plain(failure)))),
            },
            Err(panic) => {
                let response = self.panicked(errand.kind, panic.as_ref());
                Answer::Now(Some(self.finish(errand, response)))
            }
        }
    }

    /// What media have to say to a request; `None` is for the router.
    fn step(
        &self,
        (peer, at): (IpAddr, Instant),
        head: &Parts,
        route: Route<'_>,
        body: &Incoming,
    ) -> Option<Step> {
        let limit = match route {
            Route::Api => self.state.limits.max_body_bytes,
            _ => 0,
        };
        // Where there is nothing, that comes first.
        let is_refused = matches!(route, Route::Refused(_));
        if !is_refused && body.size_hint().lower() > limit {
            return Some(Step::Done(plain(Failure::too_large(limit))));
        }
        if head.headers.len() > self.state.limits.max_headers {
            return Some(Step::Done(too_many_fields(head, &self.state.limits)));
        }
        let sessions = &self.state.sessions;
        let media = MediaRequest { head, peer, at };
        let step = match route {
            Route::Multivariant { channel } => media.multivariant(sessions, channel),
            Route::MediaPlaylist { channel, rendition } => {
                media.media_playlist(sessions, channel, rendition)
            }
            Route::Media {
                channel,
                rendition,
                epoch,
                name,
            } => {
                let path = MediaPath {
                    channel,
                    rendition,
                    epoch,
                    name,
                };
                media.media(sessions, path)
            }
            Route::TsMultivariant { channel } => media.ts_multivariant(sessions, channel),
            Route::TsPlaylist { channel, rendition } => {
                media.ts_playlist(sessions, channel, rendition)
            }
            Route::TsSegment {
                channel,
                rendition,
                epoch,
                msn,
            } => {
                let path = SegmentPath {
                    channel,
                    rendition,
                    epoch,
                    msn,
                };
                media.ts_segment(sessions, path)
            }
            Route::TsStream { channel } => media.ts_stream(sessions, channel),
            Route::Manifest { channel } => media.dash_manifest(sessions, channel),
            Route::KeyFramePlaylist { channel, rendition } => {
                media.key_frame_playlist(sessions, channel, rendition)
            }
            Route::Thumbnail { channel } => media.thumbnail(sessions, channel),
            Route::Time => Step::Done(manifest::time()),
            Route::Preflight => Step::Done(preflight::preflight()),
            Route::Refused(refusal) => Step::Done(plain(refusal)),
            Route::Xtream {
                user,
                password,
                id,
                hls,
            } => iptv_streams::xtream(&self.state, media, ((user, password), id, hls)),
            Route::Tuner { number } => iptv_streams::tuner(&self.state, media, number),
            Route::Iptv
            | Route::Debug
            | Route::Api
            | Route::Health
            | Route::Ready
            | Route::Metrics
            | Route::Web => return None,
        };
        Some(step)
    }

    fn later(
        self: &Arc<Self>,
        mut errand: Errand,
        answer: impl Future<Output = Response<Body>> + Send + 'static,
    ) -> Answer {
        errand.running.wait();
        let dispatch = self.clone();
        Answer::Later(Box::pin(async move {
            let answer = catch(pin!(answer)).await;
            let response =
                answer.unwrap_or_else(|panic| dispatch.panicked(errand.kind, panic.as_ref()));
            dispatch.finish(errand, response)
        }))
    }

    /// Counts and logs an answer on its way out.
    fn finish(&self, errand: Errand, mut response: Response<Body>) -> Response<Body> {
        if let Some(pass) = errand.pass {
            response = pass.dress(response);
        }
        self.state.counters.request(errand.kind, response.status());
        if let Some((peer, method, uri)) = errand.log.as_deref() {
            let status = response.status().as_u16();
            // A password may be in it.
            let path = match errand.kind {
                RequestKind::Xtream => "/…",
                _ => uri.path(),
            };
            tracing::debug!(%peer, %method, path, status, kind = errand.kind.label(), "request");
        }
        if errand.is_head {
            response = without_body(response);
        }
        response.body_mut().hold(errand.running);
        response
    }

    /// Who asks for what the router has, if it matters: some of that is for operators only.
    fn admitted(
        &self,
        (client, peer): (Client, IpAddr),
        head: &mut Parts,
    ) -> Result<Option<Visitor>, Failure> {
        let asked = self.state.proxies.asked(client, &head.headers);
        let operators = &self.state.operators;
        let route = Route::decode(&head.method, target(head));
        let visitor = operators
            .admit(route, head, &asked, (client, peer))
            .inspect_err(|failure| operators.note_refusal(head, failure, peer))?;
        head.extensions.insert(asked);
        head.extensions.insert(access::Peer(peer));
        Ok(visitor)
    }

    /// What an operator changes is kept, however it ends.
    async fn routed(
        &self,
        mut head: Parts,
        body: Incoming,
        visitor: Option<Visitor>,
    ) -> Response<Body> {
        let is_change = !matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
        let change = visitor.as_ref().filter(|_| is_change);
        let change = change.map(|visitor| visitor.change(head.method.as_str(), head.uri.path()));
        let deed = change.map(|change| Deed::begin(self.state.clone(), change));
        if let Some(visitor) = visitor {
            head.extensions.insert(visitor);
        }
        let request = Request::from_parts(head, axum::body::Body::new(body));
        let response = match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        if let Some(deed) = deed {
            deed.end(&response);
        }
        response.map(Body::routed)
    }

    fn panicked(&self, kind: RequestKind, panic: &(dyn Any + Send)) -> Response<Body> {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let text = text.unwrap_or("no message");
        self.state.counters.panicked();
        tracing::error!(kind = kind.label(), panic = text, "a request panicked");
        plain(Failure::internal())
    }
}

/// The path and query of a request.
fn target(head: &Parts) -> &str {
    head.uri
        .path_and_query()
        .map_or("", |target| target.as_str())
}

/// A failure that belongs to no channel.
fn plain(failure: impl Into<Failure>) -> Response<Body> {
    let policy = CachePolicy::NoStore;
    failure.into().into_answer(policy).map(Body::bytes)
}

/// As for every header that is too large, the connection is not trusted with another one.
fn too_many_fields(head: &Parts, limits: &Limits) -> Response<Body> {
    let mut response = plain(Failure::too_many_fields(limits.max_headers));
    if head.version < Version::HTTP_2 {
        let close = header::HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

/// The answer to HEAD: as to GET, with the length and without the bytes.
fn without_body(mut response: Response<Body>) -> Response<Body> {
    let length = response.body().size_hint().exact();
    if let (Some(length), false) = (length, response.body().is_end_stream()) {
        let headers = response.headers_mut();
        headers
            .entry(header::CONTENT_LENGTH)
            .or_insert(length.into());
    }
    response.map(|_| Body::none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_to_head_keeps_its_length() {
        let response = Response::new(Body::bytes("0123456789".into()));
        let response = without_body(response);
        assert_eq!(response.headers()["content-length"], "10");
        assert!(response.body().is_end_stream());
    }
}
