//! MPEG-DASH, playlists of key frames and pictures of a channel: more ways to look at the same media.

use std::time::SystemTime;

use http::request::Parts;
use http::{HeaderValue, Method, Response, header};
use jiff::Timestamp;

use super::body::Body;
use super::cache::CachePolicy;
use super::media::{self, MediaRequest, Step, Wishes};
use super::playback::told;
use super::waiting::Wait;
use crate::hls::Rendered;
use crate::session::{Picture, Resource, ServeError, Session, SessionMap};

const DASH: HeaderValue = HeaderValue::from_static("application/dash+xml");
const JPEG: HeaderValue = HeaderValue::from_static("image/jpeg");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

// === impl MediaRequest ===

impl MediaRequest<'_> {
    /// An MPEG-DASH manifest: starts the channel and keeps it running, as a playlist does.
    pub(crate) fn dash_manifest(self, sessions: &SessionMap, channel: &str) -> Step {
        if self.head.method == Method::HEAD {
            return Step::Done(head_of(DASH, sessions, channel));
        }
        let cmcd = told(self.head);
        let viewer = self.viewer(cmcd.as_ref());
        match sessions.join(channel, viewer) {
            Ok(session) => {
                let wishes = Wishes::of(&self.head.headers).into_owned();
                Step::Wait(Wait::manifest(session, viewer, wishes))
            }
            Err(error) => refused(error),
        }
    }

    /// The playlist of a rendition's key frames.
    pub(crate) fn key_frame_playlist(
        self,
        sessions: &SessionMap,
        channel: &str,
        rendition: &str,
    ) -> Step {
        if self.head.method == Method::HEAD {
            return Step::Done(head_of(media::PLAYLIST, sessions, channel));
        }
        let cmcd = told(self.head);
        let viewer = self.viewer(cmcd.as_ref());
        match sessions.join(channel, viewer) {
            Ok(session) => {
                let wishes = Wishes::of(&self.head.headers).into_owned();
                Step::Wait(Wait::key_frames(session, rendition, viewer, wishes))
            }
            Err(error) => refused(error),
        }
    }

    /// A picture. Whoever looks at it is no viewer.
    pub(crate) fn thumbnail(self, sessions: &SessionMap, channel: &str) -> Step {
        let sitting = match sessions.thumbnail(channel) {
            Ok(sitting) => sitting,
            Err(error) => return refused(error),
        };
        match sitting.picture_now() {
            Some(picture) => Step::Done(thumbnail(self.head, picture)),
            None => Step::Wait(Wait::thumbnail(sitting, Box::new(self.head.clone()))),
        }
    }
}

fn refused(error: ServeError) -> Step {
    Step::Done(media::failure(error, media::UNKNOWN_TARGET, false))
}

/// HEAD of a playlist or manifest: what it is, without starting the channel.
pub(super) fn head_of(kind: HeaderValue, sessions: &SessionMap, channel: &str) -> Response<Body> {
    if sessions.channel(channel).is_none() {
        let error = ServeError::UnknownChannel(channel.into());
        return media::failure(error, media::UNKNOWN_TARGET, false).map(|_| Body::none());
    }
    let mut response = media::start(kind, CachePolicy::Revalidate);
    let headers = response.headers_mut();
    headers.insert(header::VARY, media::ACCEPT_ENCODING);
    response
}

/// As [`media::playlist`], for manifests of another type.
fn text(
    kind: HeaderValue,
    wishes: &Wishes<'_>,
    rendered: &Rendered,
    policy: CachePolicy,
) -> Response<Body> {
    let mut response = media::playlist(wishes, rendered, policy);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// A manifest as it was asked for.
pub(super) fn dash(session: &Session, wishes: &Wishes<'_>, rendered: &Rendered) -> Response<Body> {
    // The next one may be there within half a segment, as with playlists.
    let policy = CachePolicy::Playlist(session.target_duration());
    media::counted(session, text(DASH, wishes, rendered, policy))
}

/// A playlist of key frames as it was asked for.
pub(super) fn key_frames(
    session: &Session,
    wishes: &Wishes<'_>,
    rendered: &Rendered,
) -> Response<Body> {
    let policy = CachePolicy::Playlist(session.target_duration());
    media::counted(session, media::playlist(wishes, rendered, policy))
}

/// A picture as it was asked for.
pub(super) fn thumbnail(request: &Parts, picture: Picture) -> Response<Body> {
    let policy = CachePolicy::Picture(picture.fresh_for);
    let found = Resource {
        body: picture.jpeg,
        etag: picture.etag,
    };
    media::resource(request, found, JPEG, policy)
}

/// The time of the clock, for players that would otherwise trust their own.
pub(crate) fn time() -> Response<Body> {
    let now = Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH);
    let text = now.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let mut response = media::start(TEXT, CachePolicy::NoStore);
    *response.body_mut() = Body::bytes(text.into());
    response
}
