//! One request of ffmpeg: to which server it goes, and what of the answer ffmpeg gets.

use std::error::Error;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri, response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use tokio::time::timeout;

use super::body::{self, Body, Relayed};
use super::connect::NoConnection;
use super::counters::Counters;
use super::manifest::{self, SNIFFED};
use super::names::{ENTRY_HOST, unveil, veil};
use super::passage::{Passage, end_to_end};

/// How long a server may take to answer. Less than ffmpeg's own patience, so that ffmpeg hears what is wrong.
const ANSWER: Duration = Duration::from_millis(9_000);
/// How long a playlist may take to be there as a whole.
const PLAYLIST: Duration = Duration::from_secs(9);
/// The largest playlist, unpacked.
const MAX_PLAYLIST: usize = 8 << 20;

/// An answer that the gateway gives itself: a status, and why in the words that ffmpeg prints.
struct Refusal(StatusCode, String);

/// Answers a request that came with a credential.
pub(super) async fn relay(
    passage: &Passage,
    counters: &Arc<Counters>,
    asked: Request<Incoming>,
) -> Response<Body> {
    if asked.uri().host() == Some(ENTRY_HOST) {
        return entrance(passage);
    }
    match fetch(passage, counters, &asked).await {
        Ok(response) => {
            counters.answered();
            response
        }
        Err(refusal) => {
            counters.failed();
            tracing::debug!(
                host = asked.uri().host(),
                "ffmpeg gets nothing: {}",
                refusal.1
            );
            refusal.answer()
        }
    }
}

/// Sends ffmpeg to the source.
fn entrance(passage: &Passage) -> Response<Body> {
    let location = veil(&passage.target).unwrap_or_else(|| passage.target.clone());
    let mut response = Response::new(body::empty());
    if let Ok(location) = HeaderValue::try_from(location) {
        *response.status_mut() = StatusCode::FOUND;
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

async fn fetch(
    passage: &Passage,
    counters: &Arc<Counters>,
    asked: &Request<Incoming>,
) -> Result<Response<Body>, Refusal> {
    let refusal = |status, why: &str| Refusal(status, why.to_owned());
    if ![Method::GET, Method::HEAD].contains(asked.method()) {
        return Err(refusal(
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET and HEAD go out from here",
        ));
    }
    let url = unveil(asked.uri());
    let url = url.ok_or_else(|| refusal(StatusCode::BAD_REQUEST, "this is no URL of http"))?;
    let slot = passage.slots.clone().try_acquire_owned();
    let slot = slot.map_err(|_| {
        refusal(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many requests at the same time",
        )
    })?;
    let request = passage.outward(url.clone(), asked);
    let response = match timeout(ANSWER, passage.client.request(request)).await {
        Ok(response) => response.map_err(|error| Refusal::of(&error))?,
        Err(_) => return Err(refusal(StatusCode::GATEWAY_TIMEOUT, "Connection timed out")),
    };
    let (mut head, mut inner) = response.into_parts();
    onward(&mut head);
    let is_whole = *asked.method() == Method::GET && is_whole(&head);
    let mut ahead = Bytes::new();
    if is_whole {
        let packed = is_packed(&head.headers) && is_named_manifest(&url, &head.headers);
        // What does not begin in time may still be media.
        let seen = timeout(PLAYLIST, sniff(&mut inner, &mut ahead, packed)).await;
        if seen.unwrap_or(Ok(false))? {
            let text = timeout(PLAYLIST, gather(ahead, inner, packed)).await;
            let late = || refusal(StatusCode::GATEWAY_TIMEOUT, "the playlist comes too slowly");
            return Ok(playlist(head, text.map_err(|_| late())??, counters));
        }
    }
    let (stop, counters) = (passage.stop.clone(), counters.clone());
    let relayed = Relayed::new(ahead, inner, stop, counters, slot);
    Ok(Response::from_parts(head, relayed.boxed_unsync()))
}

/// The head of an answer, as ffmpeg gets it.
fn onward(head: &mut response::Parts) {
    head.headers = end_to_end(&head.headers);
    head.version = http::Version::HTTP_11;
    let location = head.headers.get(header::LOCATION);
    let veiled = location.and_then(|location| veil(location.to_str().ok()?));
    if let Some(veiled) = veiled.and_then(|veiled| HeaderValue::try_from(veiled).ok()) {
        head.headers.insert(header::LOCATION, veiled);
    }
    match head.status {
        // ffmpeg would take it for the gateway's own, and say its credential again.
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => head.status = StatusCode::BAD_GATEWAY,
        // Older ones do not know it, and ask with GET anyway.
        StatusCode::PERMANENT_REDIRECT => head.status = StatusCode::TEMPORARY_REDIRECT,
        _ => {}
    }
}

// === playlists ===

/// Whether the body is all of the resource: ffmpeg asks for a range that begins at its start.
fn is_whole(head: &response::Parts) -> bool {
    match head.status {
        StatusCode::OK => true,
        StatusCode::PARTIAL_CONTENT => {
            let range = head.headers.get(header::CONTENT_RANGE);
            range
                .and_then(|range| whole_range(range.to_str().ok()?))
                .is_some()
        }
        _ => false,
    }
}

fn whole_range(range: &str) -> Option<()> {
    let (last, total) = range.trim().strip_prefix("bytes 0-")?.split_once('/')?;
    let last: u64 = last.parse().ok()?;
    (last.checked_add(1) == total.parse().ok()).then_some(())
}

fn is_packed(headers: &HeaderMap) -> bool {
    let encoding = headers.get(header::CONTENT_ENCODING);
    encoding.is_some_and(|encoding| [&b"gzip"[..], b"x-gzip"].contains(&encoding.as_bytes()))
}

/// By its name or its type: only these are unpacked. ffmpeg unpacks the others itself.
fn is_named_manifest(url: &Uri, headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().to_ascii_lowercase();
    let path = url.path().to_ascii_lowercase();
    ["mpegurl", "dash+xml"]
        .iter()
        .any(|name| kind.contains(name))
        || [".m3u8", ".m3u", ".mpd"]
            .iter()
            .any(|ending| path.ends_with(ending))
}

/// Reads until it is known whether this is a playlist; what was read is in `ahead`.
async fn sniff(inner: &mut Incoming, ahead: &mut Bytes, packed: bool) -> Result<bool, Refusal> {
    while !packed {
        match manifest::is_manifest(ahead) {
            Some(is) => return Ok(is),
            None if ahead.len() > 4 * SNIFFED => return Ok(false),
            None => {}
        }
        let Some(frame) = inner.frame().await else {
            return Ok(false);
        };
        let frame = frame.map_err(|error| broken(&error))?;
        match frame.into_data() {
            Ok(data) if ahead.is_empty() => *ahead = data,
            Ok(data) => *ahead = BytesMut::from_iter(ahead.iter().chain(&data)).freeze(),
            Err(_) => {}
        }
    }
    Ok(true)
}

async fn gather(ahead: Bytes, inner: Incoming, packed: bool) -> Result<Vec<u8>, Refusal> {
    let large = || {
        Refusal(
            StatusCode::BAD_GATEWAY,
            "the playlist is larger than 8 MiB".into(),
        )
    };
    let rest = Limited::new(inner, MAX_PLAYLIST).collect().await;
    let rest = rest.map_err(
        |error| match error.is::<http_body_util::LengthLimitError>() {
            true => large(),
            false => broken(&*error),
        },
    )?;
    let mut text = [ahead, rest.to_bytes()].concat();
    if packed {
        let mut plain = Vec::new();
        let unpacked = MultiGzDecoder::new(&text[..])
            .take(MAX_PLAYLIST as u64 + 1)
            .read_to_end(&mut plain);
        unpacked.map_err(|error| broken(&error))?;
        text = plain;
    }
    if text.len() > MAX_PLAYLIST {
        return Err(large());
    }
    Ok(text)
}

fn playlist(mut head: response::Parts, text: Vec<u8>, counters: &Counters) -> Response<Body> {
    counters.received(text.len());
    head.status = StatusCode::OK;
    for name in [
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::CONTENT_ENCODING,
        header::ACCEPT_RANGES,
        header::ETAG,
    ] {
        head.headers.remove(name);
    }
    Response::from_parts(head, body::whole(manifest::rewrite(&text)))
}

fn broken(error: &(dyn Error + 'static)) -> Refusal {
    Refusal(
        StatusCode::BAD_GATEWAY,
        format!("the answer breaks off: {error}"),
    )
}

// === impl Refusal ===

impl Refusal {
    fn of(error: &hyper_util::client::legacy::Error) -> Self {
        let Some(reason) = NoConnection::among(error) else {
            return Self(StatusCode::BAD_GATEWAY, last_cause(error));
        };
        let status = match reason {
            NoConnection::Forbidden { .. } => StatusCode::FORBIDDEN,
            NoConnection::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            NoConnection::Unknown { .. } | NoConnection::Failed { .. } => StatusCode::BAD_GATEWAY,
        };
        if status == StatusCode::FORBIDDEN {
            tracing::warn!("{reason}");
        }
        Self(status, reason.to_string())
    }

    /// ffmpeg prints the reason phrase; it is one line of visible characters.
    fn answer(self) -> Response<Body> {
        let Self(status, why) = self;
        let mut response = Response::new(body::empty());
        *response.status_mut() = status;
        let visible = |c: char| {
            if c.is_ascii_graphic() || c == ' ' {
                c
            } else {
                '?'
            }
        };
        let phrase: String = why.chars().map(visible).take(500).collect();
        if let Ok(phrase) = ReasonPhrase::try_from(phrase) {
            response.extensions_mut().insert(phrase);
        }
        response
    }
}

fn last_cause(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}
