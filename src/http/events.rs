//! What happens, as server-sent events: `GET /api/v1/events`.
//!
//! A reader pulls from the ring of [`Events`](crate::events::Events) at its own pace, so nothing piles up for a slow
//! one: it is told how much it has missed. One that takes no byte at all is ended by the connection's write deadline.

use std::fmt::Write as _;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State as Shared};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body::Frame;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::IntoParams;

use super::State;
use super::counters::Counters;
use super::error::{ErrorBody, Failure};
use super::operations::Operations;
use crate::base::ChannelId;
use crate::events::{Delivery, Event, EventKind, Filter, Subscription, covers};

/// Streams that are open at most.
pub(crate) const MAX_STREAMS: usize = 64;

/// A stream on which nothing happens says so this often: proxies and clients give silence up after a minute or less.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How long a reader should wait before it comes back, in milliseconds.
const RETRY_MS: u32 = 3_000;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Who asks nginx not to collect the answer first.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What of it a reader wants.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventQuery {
    /// Identifiers of channels, with commas between them.
    channel: Option<String>,
    /// Names or families of events, with commas between them.
    types: Option<String>,
    /// As the header of the same name, for clients that cannot send headers.
    last_event_id: Option<String>,
}

/// One open stream.
struct Reader {
    subscription: Subscription,
    filter: Filter,
    /// The number of an event that the filter has passed over since the last word.
    passed_over: Option<u64>,
    _place: Place,
}

/// A place for a stream, counted while it is taken.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    counters: Arc<Counters>,
}

type NextWord = Pin<Box<dyn Future<Output = Option<(Bytes, Reader)>> + Send>>;

/// The body of an answer that goes on until there will be no more events.
struct EventBody(Option<NextWord>);

/// The stream.
pub(crate) fn operations() -> Operations {
    Operations::about("events").add(__path_stream, stream)
}

/// What happens, as server-sent events.
///
/// Each has an `id` to resume from, its type as its `event`, and as `data` what `Event` describes. `event: missed` says
/// how many events are not remembered any more.
#[utoipa::path(get, path = "/api/v1/events", operation_id = "events",
    params(
        EventQuery,
        ("Last-Event-ID" = Option<u64>, Header, description = "The last event that is known; what came after it comes first"),
    ),
    responses(
        (status = 200, description = "A stream without an end", content_type = "text/event-stream", body = String),
        (status = 400, description = "`bad_request`: not an id, a channel or a type of event", body = ErrorBody),
        (status = 503, description = "`too_many_streams`", body = ErrorBody),
    ),
)]
async fn stream(
    Shared(state): Shared<Arc<State>>,
    query: Result<Query<EventQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Query(query) = query.map_err(|rejection| Failure::bad_request(rejection.body_text()))?;
    let filter = query.filter()?;
    let last = last_event(&headers, query.last_event_id.as_deref())?;
    let place = take_place(&state.event_streams, &state.counters)?;
    let events = state.sessions.events();
    let subscription = match last {
        Some(last) => events.subscribe_after(last),
        None => events.subscribe(),
    };
    let reader = Reader {
        subscription,
        filter,
        passed_over: None,
        _place: place,
    };
    let fields = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_ACCEL_BUFFERING, HeaderValue::from_static("no")),
    ];
    Ok((fields, Body::new(EventBody::new(reader))).into_response())
}

fn take_place(places: &Arc<Semaphore>, counters: &Arc<Counters>) -> Result<Place, Failure> {
    let permit = places.clone().try_acquire_owned().map_err(|_| {
        let message = format!("{MAX_STREAMS} event streams are open already, as many as may be");
        Failure {
            retry_after: Some(Duration::from_secs(10)),
            ..Failure::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_streams", message)
        }
    })?;
    counters.event_stream_opened();
    Ok(Place {
        _permit: permit,
        counters: counters.clone(),
    })
}

impl Drop for Place {
    fn drop(&mut self) {
        self.counters.event_stream_closed();
    }
}

/// The number after which to go on. The header counts: browsers keep it up to date, and the query as it was.
fn last_event(headers: &HeaderMap, in_query: Option<&str>) -> Result<Option<u64>, Failure> {
    let in_header = headers
        .get(LAST_EVENT_ID)
        .map(|value| value.to_str().unwrap_or("?"));
    let Some(text) = in_header.or(in_query) else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|_| {
        let message = format!("{text:?} is not the id of an event; ids are decimal numbers");
        Failure::bad_request(message)
    })
}

// === impl EventQuery ===

impl EventQuery {
    fn filter(&self) -> Result<Filter, Failure> {
        let channels = listed(self.channel.as_deref()).map(|text| {
            ChannelId::new(text)
                .map_err(|why| Failure::bad_request(format!("{text:?} names no channel: {why}")))
        });
        let kinds = listed(self.types.as_deref()).map(|pattern| {
            let known = EventKind::NAMES.iter().any(|name| covers(pattern, name));
            let names = EventKind::NAMES.join(", ");
            let message = format!("{pattern:?} is no type of event; there are {names}");
            known
                .then(|| pattern.to_owned())
                .ok_or_else(|| Failure::bad_request(message))
        });
        Ok(Filter {
            kinds: kinds.collect::<Result<_, _>>()?,
            channels: channels.collect::<Result<_, _>>()?,
        })
    }
}

fn listed(text: Option<&str>) -> impl Iterator<Item = &str> {
    let words = text.unwrap_or_default().split(',').map(str::trim);
    words.filter(|word| !word.is_empty())
}

// === impl Reader ===

impl Reader {
    /// The next thing to say, and the reader for what comes after it; `None` at the end.
    async fn next(mut self) -> Option<(Bytes, Self)> {
        let silence = tokio::time::sleep(HEARTBEAT);
        tokio::pin!(silence);
        loop {
            let delivery = tokio::select! {
                biased;
                delivery = self.subscription.next() => delivery?,
                () = &mut silence => {
                    let word = heartbeat(self.passed_over.take());
                    return Some((word.into(), self));
                }
            };
            match delivery {
                Delivery::Event(event) if self.filter.matches(&event) => {
                    self.passed_over = None;
                    return Some((message(&event).into(), self));
                }
                Delivery::Event(event) => self.passed_over = Some(event.id),
                Delivery::Missed(count) => return Some((missed(count).into(), self)),
            }
        }
    }
}

/// A comment; with the number that a reader may resume from, if only unwanted events came since the last word. (An
/// event without data is none, but its number counts.)
fn heartbeat(passed_over: Option<u64>) -> String {
    passed_over.map_or(":\n\n".into(), |id| format!("id: {id}\n\n"))
}

fn message(event: &Event) -> String {
    let (id, name) = (event.id, event.kind.name());
    let data = serde_json::to_string(event).expect("events should be JSON");
    let mut text = String::with_capacity(data.len() + name.len() + 40);
    write!(text, "id: {id}\nevent: {name}\ndata: {data}\n\n")
        .expect("writing to a String should not fail");
    text
}

/// Has no number: who resumes here is told again.
fn missed(count: u64) -> String {
    format!("event: missed\ndata: {{\"count\":{count}}}\n\n")
}

// === impl EventBody ===

impl EventBody {
    fn new(reader: Reader) -> Self {
        // Something at once, so that the client sees that it is connected.
        let hello = format!("retry: {RETRY_MS}\n\n").into();
        Self(Some(Box::pin(std::future::ready(Some((hello, reader))))))
    }
}

impl http_body::Body for EventBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(next) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let word = ready!(next.as_mut().poll(cx));
        let (text, rest) = word.unzip();
        self.0 = rest.map(|reader| Box::pin(reader.next()) as NextWord);
        Poll::Ready(text.map(|text| Ok(Frame::data(text))))
    }
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
