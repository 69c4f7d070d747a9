//! One request of ffmpeg: to which server it goes, and what of the answer ffmpeg gets.

use std::error::Error;
use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode, response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use tokio::time::{Instant, timeout, timeout_at};

use super::body::{self, Body, Relayed};
use super::connect::NoConnection;
use super::counters::Counters;
use super::manifest::{self, SNIFFED};
use super::names::{ENTRY_HOST, REFUSED_HOST, unveil, veil};
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
    if asked.uri().host() == Some(REFUSED_HOST) {
        let scheme = asked.uri().path().trim_start_matches('/');
        let why = format!("nothing is fetched from {scheme}: a playlist of the source names it");
        return Err(Refusal(StatusCode::FORBIDDEN, why));
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
    let deadline = Instant::now() + ANSWER;
    let response = match timeout_at(deadline, passage.client.request(request)).await {
        Ok(response) => response.map_err(|error| Refusal::of(&error))?,
        Err(_) => return Err(refusal(StatusCode::GATEWAY_TIMEOUT, "Connection timed out")),
    };
    let (mut head, mut inner) = response.into_parts();
    onward(&mut head);
    let packed = is_packed(&head.headers);
    // ffmpeg would unpack by itself what nobody has looked at.
    head.headers.remove(header::CONTENT_ENCODING);
    let mut ahead = Bytes::new();
    if *asked.method() == Method::GET {
        // Nothing is handed on before it is known: also the body of an error may be read.
        let seen = timeout_at(deadline, sniff(&mut inner, &mut ahead, packed)).await;
        let late = |_| refusal(StatusCode::GATEWAY_TIMEOUT, "Connection timed out");
        if seen.map_err(late)?? {
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

/// Whether ffmpeg would unpack it: it looks at the beginning of the field only.
fn is_packed(headers: &HeaderMap) -> bool {
    let begins = |value: &HeaderValue| {
        let value = value.as_bytes().trim_ascii_start().to_ascii_lowercase();
        ["gzip", "x-gzip", "deflate"]
            .iter()
            .any(|name| value.starts_with(name.as_bytes()))
    };
    headers.get_all(header::CONTENT_ENCODING).iter().any(begins)
}

/// Reads until it is known whether this is a playlist; what was read is in `ahead`.
async fn sniff(inner: &mut Incoming, ahead: &mut Bytes, packed: bool) -> Result<bool, Refusal> {
    if packed {
        return Ok(true);
    }
    loop {
        match manifest::is_manifest(ahead) {
            Some(is) => return Ok(is),
            None if ahead.len() > SNIFFED => {
                let why = "what stands before the media is larger than 1 MiB";
                return Err(Refusal(StatusCode::BAD_GATEWAY, why.to_owned()));
            }
            None => {}
        }
        let Some(frame) = inner.frame().await else {
            return Ok(false);
        };
        let frame = frame.map_err(|error| broken(&error))?;
        match frame.into_data() {
            Ok(data) if ahead.is_empty() => *ahead = data,
            Ok(data) => *ahead = [&ahead[..], &data].concat().into(),
            Err(_) => {}
        }
    }
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
        text = unpack(&text).map_err(|error| broken(&error))?;
    }
    if text.len() > MAX_PLAYLIST {
        return Err(large());
    }
    Ok(text)
}

/// gzip, or what HTTP calls deflate.
fn unpack(packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    let most = MAX_PLAYLIST as u64 + 1;
    match packed.starts_with(&[0x1F, 0x8B]) {
        true => MultiGzDecoder::new(packed)
            .take(most)
            .read_to_end(&mut plain)?,
        false => ZlibDecoder::new(packed)
            .take(most)
            .read_to_end(&mut plain)?,
    };
    Ok(plain)
}

fn playlist(mut head: response::Parts, text: Vec<u8>, counters: &Counters) -> Response<Body> {
    counters.received(text.len());
    if head.status.is_success() {
        head.status = StatusCode::OK;
    }
    for name in [
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::ACCEPT_RANGES,
        header::ETAG,
    ] {
        head.headers.remove(name);
    }
    let is_manifest = manifest::is_manifest(&text) == Some(true);
    let text = if is_manifest {
        manifest::rewrite(&text)
    } else {
        text
    };
    Response::from_parts(head, body::whole(text))
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
