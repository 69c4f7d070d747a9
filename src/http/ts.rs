//! MPEG transport streams over HTTP: playlists and segments for players that know no fragmented MP4, and one stream
//! without an end for those that know no playlists.
//!
//! A reader of the stream takes the next packets when its connection has room for them, so nothing piles up for a slow
//! one. One that takes no byte at all is ended by the connection's write deadline; a stream that pauses is not.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderValue, Method, Response};
use http_body::Frame;

use super::body::Body;
use super::cache::CachePolicy;
use super::manifest;
use super::media::{self, MediaRequest, Step, UNKNOWN_TARGET, Wishes};
use super::playback::told;
use crate::hls::DeliveryDirectives;
use crate::session::{ServeError, SessionMap, TransportStream};

const TRANSPORT: HeaderValue = HeaderValue::from_static("video/mp2t");

/// Who asks nginx not to collect the answer first.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// A segment of a transport stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SegmentPath<'a> {
    pub(crate) channel: &'a str,
    pub(crate) rendition: &'a str,
    pub(crate) epoch: u64,
    pub(crate) msn: u64,
}

type NextPackets = Pin<Box<dyn Future<Output = Option<(Bytes, TransportStream)>> + Send>>;

/// The body of an answer that goes on until the channel ends.
struct StreamBody(Option<NextPackets>);

// === impl MediaRequest ===

impl MediaRequest<'_> {
    /// The Multivariant Playlist of the transport streams.
    pub(crate) fn ts_multivariant(self, sessions: &SessionMap, channel: &str) -> Step {
        if self.head.method == Method::HEAD {
            return Step::Done(manifest::head_of(media::PLAYLIST, sessions, channel));
        }
        let cmcd = told(self.head);
        let session = match sessions.join(channel, self.viewer(cmcd.as_ref())) {
            Ok(session) => session,
            Err(error) => return Step::Done(media::failure(error, UNKNOWN_TARGET, false)),
        };
        let wishes = Wishes::of(&self.head.headers).into_owned();
        Step::Later(Box::pin(async move {
            match session.transport_multivariant().await {
                Ok(rendered) => media::multivariant(&session, &wishes, &rendered),
                Err(error) => media::failure(error, session.target_duration(), false),
            }
        }))
    }

    /// The Media Playlist of a transport stream.
    pub(crate) fn ts_playlist(self, sessions: &SessionMap, channel: &str, rendition: &str) -> Step {
        if self.head.method == Method::HEAD {
            return Step::Done(manifest::head_of(media::PLAYLIST, sessions, channel));
        }
        let cmcd = told(self.head);
        let session = match sessions.join(channel, self.viewer(cmcd.as_ref())) {
            Ok(session) => session,
            Err(error) => return Step::Done(media::failure(error, UNKNOWN_TARGET, false)),
        };
        let wishes = Wishes::of(&self.head.headers).into_owned();
        let (viewer, rendition) = (self.asker(), rendition.to_owned());
        Step::Later(Box::pin(async move {
            let viewer = viewer.as_viewer();
            match session.transport_playlist(&rendition, viewer).await {
                Ok(rendered) => {
                    let directives = DeliveryDirectives::default();
                    media::media_playlist(&session, &directives, &wishes, &rendered)
                }
                Err(error) => media::failure(error, session.target_duration(), false),
            }
        }))
    }

    /// A segment of a transport stream.
    pub(crate) fn ts_segment(self, sessions: &SessionMap, path: SegmentPath<'_>) -> Step {
        let cmcd = told(self.head);
        let session = match sessions.running(path.channel, self.viewer(cmcd.as_ref())) {
            Ok(session) => session,
            Err(error) => return Step::Done(media::failure(error, UNKNOWN_TARGET, false)),
        };
        let found = session.transport_segment(path.rendition, path.epoch, path.msn);
        Step::Done(match found {
            Ok(found) => {
                let policy = CachePolicy::Media(session.retention());
                let answer = media::resource(self.head, found, TRANSPORT, policy);
                media::counted(&session, answer)
            }
            Err(error) => media::failure(error, session.target_duration(), false),
        })
    }

    /// The stream without an end. HEAD learns the type without starting the channel.
    pub(crate) fn ts_stream(self, sessions: &SessionMap, channel: &str) -> Step {
        if self.head.method == Method::HEAD {
            return Step::Done(match sessions.channel(channel) {
                Some(_) => stream_start(),
                None => {
                    let error = ServeError::UnknownChannel(channel.into());
                    media::failure(error, UNKNOWN_TARGET, false).map(|_| Body::none())
                }
            });
        }
        let rendition = match rendition(self.head.uri.query()) {
            Ok(rendition) => rendition.map(str::to_owned),
            Err(error) => return Step::Done(media::failure(error, UNKNOWN_TARGET, false)),
        };
        let cmcd = told(self.head);
        let session = match sessions.join(channel, self.viewer(cmcd.as_ref())) {
            Ok(session) => session,
            Err(error) => return Step::Done(media::failure(error, UNKNOWN_TARGET, false)),
        };
        let viewer = self.asker();
        Step::Stream(Box::pin(async move {
            let viewer = viewer.as_viewer();
            let opened = session.transport_stream(rendition.as_deref(), viewer);
            match opened.await {
                Ok(stream) => {
                    let body = axum::body::Body::new(StreamBody::new(stream));
                    stream_start().map(|_| Body::routed(body))
                }
                Err(error) => media::failure(error, session.target_duration(), false),
            }
        }))
    }
}

fn stream_start() -> Response<Body> {
    let mut response = media::start(TRANSPORT, CachePolicy::NoStore);
    let headers = response.headers_mut();
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("none"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

/// `rendition=NAME` of a query; players add things of their own, which are passed over.
fn rendition(query: Option<&str>) -> Result<Option<&str>, ServeError> {
    let pairs = query.unwrap_or_default().split('&');
    let mut names = pairs.filter_map(|pair| pair.strip_prefix("rendition="));
    match (names.next(), names.next()) {
        (Some(""), _) => Err(ServeError::BadRequest(
            "rendition= needs the name of a rendition".into(),
        )),
        (Some(_), Some(_)) => Err(ServeError::BadRequest(
            "a stream has one rendition: give rendition= once".into(),
        )),
        (name, _) => Ok(name),
    }
}

// === impl StreamBody ===

impl StreamBody {
    fn new(stream: TransportStream) -> Self {
        Self(Some(next(stream)))
    }
}

fn next(mut stream: TransportStream) -> NextPackets {
    Box::pin(async move { Some((stream.next().await?, stream)) })
}

impl http_body::Body for StreamBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(waiting) = &mut self.0 else {
            return Poll::Ready(None);
        };
        match ready!(waiting.as_mut().poll(cx)) {
            Some((packets, stream)) => {
                self.0 = Some(next(stream));
                Poll::Ready(Some(Ok(Frame::data(packets))))
            }
            None => {
                self.0 = None;
                Poll::Ready(None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_one_rendition_or_none() {
        assert_eq!(rendition(None), Ok(None));
        assert_eq!(rendition(Some("duration=3600")), Ok(None));
        assert_eq!(rendition(Some("a=b&rendition=720p")), Ok(Some("720p")));
        assert!(rendition(Some("rendition=")).is_err());
        assert!(rendition(Some("rendition=a&rendition=b")).is_err());
    }
}
