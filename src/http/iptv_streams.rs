//! Streams as IPTV front ends ask for them: who may, which channel is meant, and where it plays.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body::{Frame, SizeHint};
use serde_json::json;
use tokio::time::Sleep;

use super::State;
use super::base_url::public_url;
use super::body::Body;
use super::cache::CachePolicy;
use super::error::Failure;
use super::iptv_users::{Account, stranger};
use super::media::{MediaRequest, Step};
use crate::config::HdHomeRunSpec;
use crate::iptv::Lineup;
use crate::iptv::m3u::Format;

/// Why a tuner does not play, as the clients of tuners read it.
const TUNER_ERROR: HeaderName = HeaderName::from_static("x-hdhomerun-error");

/// The tuners of the network tuner.
#[derive(Debug, Default)]
pub(crate) struct Tuners {
    open: Arc<AtomicUsize>,
}

/// One of them, in use.
struct Tuned(Arc<AtomicUsize>);

/// A stream that keeps its tuner.
struct TunedBody {
    body: Body,
    ends: Option<Pin<Box<Sleep>>>,
    _tuned: Tuned,
}

/// A stream of the Xtream Codes API.
pub(crate) fn xtream(
    state: &State,
    media: MediaRequest<'_>,
    (login, id, hls): ((&str, &str), u32, bool),
) -> Step {
    let Some(account) = Account::of(state, login, media.peer) else {
        let why = stranger(state);
        return Step::Done(failure(match why.status {
            StatusCode::UNAUTHORIZED => why,
            _ => Failure::not_found("there is nothing at this path"),
        }));
    };
    let lineup = account.lineup(state);
    let format = if hls { Format::Hls } else { Format::Ts };
    Step::Done(match lineup.by_stream_id(id) {
        Some(entry) => {
            let path = format.path(entry.spec.id.as_str());
            redirect(state, &account.path(state, &entry.spec, &path))
        }
        None => failure(unknown("stream", id)),
    })
}

/// A stream of the network tuner: one endless MPEG-TS, as long as a tuner is free.
pub(crate) fn tuner(state: &State, media: MediaRequest<'_>, number: u32) -> Step {
    let tuners = state.config().map_or_else(
        || HdHomeRunSpec::default().tuners,
        |config| config.hdhomerun.tuners,
    );
    if tuners == 0 {
        return Step::Done(failure(Failure::not_found("there is nothing at this path")));
    }
    let lineup = Lineup::new(&state.sessions.channels());
    let Some(entry) = lineup.by_number(number) else {
        return Step::Done(refusal(unknown("channel", number), "801 Unknown Channel"));
    };
    let channel = entry.spec.id.as_str();
    if media.head.method == Method::HEAD {
        return media.ts_stream(&state.sessions, channel);
    }
    let Some(tuned) = state.tuners.take(tuners) else {
        let message = format!("all {tuners} tuners are in use");
        let busy = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "tuners_in_use", message);
        let busy = Failure {
            retry_after: Some(Duration::from_secs(5)),
            ..busy
        };
        return Step::Done(refusal(busy, "805 All Tuners In Use"));
    };
    let until = duration(media.head.uri.query());
    match media.ts_stream(&state.sessions, channel) {
        Step::Stream(answer) => Step::Stream(Box::pin(async move {
            let mut response = answer.await;
            if response.status() == StatusCode::SERVICE_UNAVAILABLE {
                let text = HeaderValue::from_static("807 No Video Data");
                response.headers_mut().insert(TUNER_ERROR, text);
            }
            response.map(|body| tuned.into_body(body, until))
        })),
        other => other,
    }
}

/// `duration=SECONDS` of a query, as tuners have it.
fn duration(query: Option<&str>) -> Option<Duration> {
    let mut pairs = query.unwrap_or_default().split('&');
    let seconds = pairs.find_map(|pair| pair.strip_prefix("duration="))?;
    seconds.parse().ok().map(Duration::from_secs)
}

fn refusal(why: Failure, text: &'static str) -> Response<Body> {
    let mut response = failure(why);
    let text = HeaderValue::from_static(text);
    response.headers_mut().insert(TUNER_ERROR, text);
    response
}

// === impl Tuners ===

impl Tuners {
    /// One of so many, until it is dropped.
    fn take(&self, most: usize) -> Option<Tuned> {
        let next = |open| (open < most).then_some(open + 1);
        let taken = self.open.fetch_update(SeqCst, SeqCst, next);
        taken.is_ok().then(|| Tuned(self.open.clone()))
    }
}

// === impl Tuned ===

impl Tuned {
    /// Keeps the tuner for as long as the body is sent, or for a time.
    fn into_body(self, body: Body, until: Option<Duration>) -> Body {
        let ends = until.map(|time| Box::pin(tokio::time::sleep(time)));
        Body::routed(axum::body::Body::new(TunedBody {
            body,
            ends,
            _tuned: self,
        }))
    }
}

impl Drop for Tuned {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl http_body::Body for TunedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(ends) = &mut self.ends
            && ends.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn size_hint(&self) -> SizeHint {
        match self.ends {
            Some(_) => SizeHint::default(),
            None => self.body.size_hint(),
        }
    }
}

fn unknown(what: &str, number: u32) -> Failure {
    let message = format!("there is no {what} {number}");
    Failure::new(StatusCode::NOT_FOUND, "unknown_channel", message)
        .with_details(json!({ what: number }))
}

/// Sends a player to where the channel plays.
fn redirect(state: &State, path: &str) -> Response<Body> {
    // Without a name of its own the gateway needs none: the client asks where it has asked.
    let url = format!("{}{path}", public_url(state).unwrap_or_default());
    let Ok(location) = HeaderValue::try_from(url) else {
        return failure(Failure::internal());
    };
    let mut response = Response::new(Body::bytes(Bytes::new()));
    *response.status_mut() = StatusCode::FOUND;
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    headers.insert(header::CACHE_CONTROL, CachePolicy::NoStore.header());
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    response
}

fn failure(failure: Failure) -> Response<Body> {
    failure.into_answer(CachePolicy::NoStore).map(Body::bytes)
}
