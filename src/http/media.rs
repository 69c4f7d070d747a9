//! Playlists and media: what hyper answers itself.
//!
//! No layer and no table of routes stands between the decoded path and the session, and the bytes of an answer are
//! those that the session rendered once: the only work per request is its header.

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use std::borrow::Cow;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::{Duration, Instant};

use super::body::Body;
use super::cache::CachePolicy;
use super::error::Failure;
use super::growing;
use super::manifest;
use super::playback::told;
use super::playlist_fields;
use super::precondition::{Coding, RangeRequest, names_tag, parse_range, range_applies};
use super::waiting::{Asker, Wait};
use crate::hls::{DeliveryDirectives, MediaName, Rendered};
use crate::session::{Cmcd, Resource, ServeError, Session, SessionMap, Viewer};

pub(super) const PLAYLIST: HeaderValue = HeaderValue::from_static("application/vnd.apple.mpegurl");
const VIDEO: HeaderValue = HeaderValue::from_static("video/mp4");
const AUDIO: HeaderValue = HeaderValue::from_static("audio/mp4");
const ANY_ORIGIN: HeaderValue = HeaderValue::from_static("*");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");
const ZSTD: HeaderValue = HeaderValue::from_static("zstd");
const BYTES: HeaderValue = HeaderValue::from_static("bytes");
pub(super) const ACCEPT_ENCODING: HeaderValue = HeaderValue::from_static("accept-encoding");
pub(super) const EXPOSED: HeaderValue =
    HeaderValue::from_static("content-length, content-range, date, etag, retry-after");

/// The most header fields that an answer has, so that the map is made once in its final size.
const FIELDS: usize = 12;

/// The longest user agent that tells viewers apart, in bytes.
const MAX_AGENT: usize = 256;

/// What errors that know no channel may be cached for.
pub(super) const UNKNOWN_TARGET: Duration = Duration::from_secs(1);

/// The rendition that carries the sound; rungs cannot have its name.
const AUDIO_RENDITION: &str = "audio";

/// A request for media.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MediaRequest<'a> {
    pub(crate) head: &'a Parts,
    pub(crate) peer: IpAddr,
    pub(crate) at: Instant,
}

/// What becomes of a request for media.
pub(crate) enum Step {
    /// It has its answer.
    Done(Response<Body>),
    /// The answer comes with media that do not exist yet.
    Wait(Wait),
    /// The answer takes a while for another reason.
    Later(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
    /// The same, and the answer has no end.
    Stream(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
}

/// What a request says about the form of the answer.
#[derive(Debug)]
pub(super) struct Wishes<'a> {
    if_none_match: Option<Cow<'a, [u8]>>,
    coding: Coding,
}

/// A resource of a rendition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MediaPath<'a> {
    pub(crate) channel: &'a str,
    pub(crate) rendition: &'a str,
    pub(crate) epoch: u64,
    pub(crate) name: MediaName,
}

// === impl MediaRequest ===

impl MediaRequest<'_> {
    /// A Multivariant Playlist. HEAD learns the type without starting the channel: media servers probe every
    /// channel of a list that way.
    pub(crate) fn multivariant(self, sessions: &SessionMap, channel: &str) -> Step {
        if self.head.method == Method::HEAD {
            return Step::Done(manifest::head_of(PLAYLIST, sessions, channel));
        }
        let session = match sessions.join(channel, self.viewer(told(self.head).as_ref())) {
            Ok(session) => session,
            Err(error) => return Step::Done(failure(error, UNKNOWN_TARGET, false)),
        };
        let wishes = Wishes::of(&self.head.headers);
        match session.multivariant_now() {
            Some(rendered) => Step::Done(multivariant(&session, &wishes, &rendered)),
            None => Step::Wait(Wait::multivariant(session, wishes.into_owned())),
        }
    }

    /// A Media Playlist, as the `_HLS_` parameters ask for it.
    pub(crate) fn media_playlist(
        self,
        sessions: &SessionMap,
        channel: &str,
        rendition: &str,
    ) -> Step {
        if self.head.method == Method::HEAD {
            return Step::Done(manifest::head_of(PLAYLIST, sessions, channel));
        }
        let directives = match DeliveryDirectives::parse(self.head.uri.query()) {
            Ok(directives) => directives,
            Err(error) => {
                let error = ServeError::BadRequest(error.to_string());
                return Step::Done(failure(error, UNKNOWN_TARGET, false));
            }
        };
        let told = told(self.head);
        let viewer = self.viewer(told.as_ref());
        let session = match sessions.join(channel, viewer) {
            Ok(session) => session,
            Err(error) => return Step::Done(failure(error, UNKNOWN_TARGET, false)),
        };
        let wishes = Wishes::of(&self.head.headers);
        let answer = |rendered: &Rendered| media_playlist(&session, &directives, &wishes, rendered);
        if let Some(answer) = session.media_playlist_now(rendition, &directives, self.at, answer) {
            return Step::Done(answer);
        }
        let wishes = wishes.into_owned();
        Step::Wait(Wait::playlist(
            session, directives, rendition, viewer, wishes,
        ))
    }

    /// A segment, part or initialization section.
    pub(crate) fn media(self, sessions: &SessionMap, path: MediaPath<'_>) -> Step {
        let told = told(self.head);
        let viewer = self.viewer(told.as_ref());
        let session = match sessions.running(path.channel, viewer) {
            Ok(session) => session,
            Err(error) => return Step::Done(failure(error, UNKNOWN_TARGET, false)),
        };
        match session.media_now(path.rendition, path.epoch, path.name) {
            Ok(Some(found)) => {
                Step::Done(media_resource(&session, self.head, path.rendition, found))
            }
            Ok(None) => match path.name {
                MediaName::Segment(msn) => growing::step(&session, path, msn),
                _ => {
                    let head = Box::new(self.head.clone());
                    Step::Wait(Wait::part(session, head, path, viewer))
                }
            },
            Err(error) => Step::Done(failure(error, session.target_duration(), false)),
        }
    }

    /// Who asks, for an answer that comes later.
    pub(super) fn asker(&self) -> Asker {
        let cmcd = told(self.head);
        self.viewer(cmcd.as_ref()).into()
    }

    pub(super) fn viewer<'v>(&'v self, cmcd: Option<&'v Cmcd>) -> Viewer<'v> {
        let agent = self.head.headers.get(header::USER_AGENT);
        let agent = agent.and_then(|agent| agent.to_str().ok()).unwrap_or("");
        Viewer {
            address: self.peer,
            agent: agent.get(..MAX_AGENT).unwrap_or(agent),
            at: self.at,
            cmcd,
        }
    }
}

// === impl Wishes ===

impl<'a> Wishes<'a> {
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let text = |name| headers.get(name).map(HeaderValue::as_bytes);
        Self {
            if_none_match: text(header::IF_NONE_MATCH).map(Cow::Borrowed),
            coding: text(header::ACCEPT_ENCODING).map_or(Coding::Identity, Coding::preferred),
        }
    }

    pub(super) fn into_owned(self) -> Wishes<'static> {
        let if_none_match = self.if_none_match.map(|tags| Cow::Owned(tags.into_owned()));
        Wishes {
            if_none_match,
            coding: self.coding,
        }
    }
}

/// The Multivariant Playlist as it was asked for.
pub(super) fn multivariant(
    session: &Session,
    wishes: &Wishes<'_>,
    rendered: &Rendered,
) -> Response<Body> {
    let policy = CachePolicy::Multivariant(session.target_duration());
    counted(session, playlist(wishes, rendered, policy))
}

/// A Media Playlist as it was asked for.
pub(super) fn media_playlist(
    session: &Session,
    directives: &DeliveryDirectives,
    wishes: &Wishes<'_>,
    rendered: &Rendered,
) -> Response<Body> {
    let target = session.target_duration();
    let policy = match directives.blocks() {
        true => CachePolicy::BlockingPlaylist(target),
        false => CachePolicy::Playlist(target),
    };
    counted(session, playlist(wishes, rendered, policy))
}

/// A segment, part or initialization section as it was asked for.
pub(super) fn media_resource(
    session: &Session,
    request: &Parts,
    rendition: &str,
    found: Resource,
) -> Response<Body> {
    let policy = CachePolicy::Media(session.retention());
    counted(
        session,
        resource(request, found, kind_of(rendition), policy),
    )
}

pub(super) fn kind_of(rendition: &str) -> HeaderValue {
    match rendition {
        AUDIO_RENDITION => AUDIO,
        _ => VIDEO,
    }
}

/// A failure on a URL of media: readable by pages of other origins, and kept as the draft says.
pub(crate) fn failure(
    error: impl Into<Failure>,
    target_duration: Duration,
    blocking: bool,
) -> Response<Body> {
    let policy = CachePolicy::ClientError {
        target_duration,
        blocking,
    };
    let mut answer = error.into().into_answer(policy).map(Body::bytes);
    answer
        .headers_mut()
        .insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN);
    answer
}

/// An answer to GET with a playlist: 304 if the client has it, compressed if the client takes that.
pub(super) fn playlist(
    wishes: &Wishes<'_>,
    rendered: &Rendered,
    policy: CachePolicy,
) -> Response<Body> {
    let mut response = Response::new(Body::none());
    *response.headers_mut() = playlist_fields::with(policy, &rendered.etag);
    let is_known = wishes
        .if_none_match
        .as_ref()
        .is_some_and(|tags| names_tag(tags, &rendered.etag));
    let headers = response.headers_mut();
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    let text = match wishes.coding {
        Coding::Identity => rendered.plain.clone(),
        Coding::Gzip => {
            headers.insert(header::CONTENT_ENCODING, GZIP);
            rendered.gzip.clone()
        }
        Coding::Zstd => {
            headers.insert(header::CONTENT_ENCODING, ZSTD);
            rendered.zstd()
        }
    };
    *response.body_mut() = Body::bytes(text);
    response
}

/// An answer to GET or HEAD with media: 304, 206, 416 or all of it; never compressed.
pub(super) fn resource(
    request: &Parts,
    found: Resource,
    kind: HeaderValue,
    policy: CachePolicy,
) -> Response<Body> {
    let mut response = start(kind, policy);
    let asked = |name: HeaderName| request.headers.get(name).map(HeaderValue::as_bytes);
    let is_known = asked(header::IF_NONE_MATCH).is_some_and(|tags| names_tag(tags, &found.etag));
    let is_get = request.method == Method::GET;
    let range = match asked(header::RANGE) {
        Some(range) if is_get && range_applies(asked(header::IF_RANGE), &found.etag) => {
            parse_range(Some(range), found.body.len())
        }
        _ => RangeRequest::Whole,
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCEPT_RANGES, BYTES);
    // Players of other origins measure what they load; of a playlist they need only the text.
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    insert_shared(headers, header::ETAG, found.etag);
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    if !is_get {
        headers.insert(header::CONTENT_LENGTH, found.body.len().into());
        return response;
    }
    ranged(response, found.body, range)
}

fn ranged(mut response: Response<Body>, all: Bytes, range: RangeRequest) -> Response<Body> {
    let length = all.len();
    match range {
        RangeRequest::Whole => *response.body_mut() = Body::bytes(all),
        RangeRequest::Part(part) => {
            let content = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            insert_text(response.headers_mut(), header::CONTENT_RANGE, content);
            *response.body_mut() = Body::bytes(all.slice(part));
        }
        RangeRequest::Unsatisfiable => {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            let headers = response.headers_mut();
            headers.insert(header::CACHE_CONTROL, CachePolicy::NoStore.header());
            insert_text(headers, header::CONTENT_RANGE, format!("bytes */{length}"));
            *response.body_mut() = Body::bytes(Bytes::new());
        }
    }
    response
}

/// What all good answers have.
pub(super) fn start(kind: HeaderValue, policy: CachePolicy) -> Response<Body> {
    let mut response = Response::new(Body::none());
    let mut headers = HeaderMap::with_capacity(FIELDS);
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, policy.header());
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    *response.headers_mut() = headers;
    response
}

/// Shares prepared bytes as a value; bytes that are no header value are left out.
pub(super) fn insert_shared(headers: &mut HeaderMap, name: HeaderName, value: Bytes) {
    if let Ok(value) = HeaderValue::from_maybe_shared(value) {
        headers.insert(name, value);
    }
}

fn insert_text(headers: &mut HeaderMap, name: HeaderName, text: String) {
    insert_shared(headers, name, text.into());
}

pub(super) fn counted(session: &Session, response: Response<Body>) -> Response<Body> {
    let length = http_body::Body::size_hint(response.body()).exact();
    if let Some(length) = length.and_then(|length| usize::try_from(length).ok()) {
        session.count_sent(length);
    }
    response
}

#[cfg(test)]
#[path = "media_tests.rs"]
mod tests;
