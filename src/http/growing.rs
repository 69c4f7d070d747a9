//! A Media Segment as the body of an answer while it is still being made.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Response, header};
use http_body::Frame;
use tokio_util::sync::ReusableBoxFuture;

use super::body::Body;
use super::cache::CachePolicy;
use super::media::{self, MediaPath, Step};
use super::waiting::Wait;
use crate::session::{GrowingReader, Session, Unfinished};

/// A segment that is being made: the answer begins with its first part.
pub(super) fn step(session: &Arc<Session>, path: MediaPath<'_>, msn: u64) -> Step {
    match session.growing(path.rendition, path.epoch, msn) {
        Ok(reader) => Step::Wait(Wait::growing(reader, path.rendition)),
        Err(error) => Step::Done(media::failure(error, session.target_duration(), false)),
    }
}

/// The first part of a segment that is being made, and then the rest.
pub(super) fn answer(reader: GrowingReader, rendition: &str, first: Bytes) -> Response<Body> {
    let policy = CachePolicy::Media(reader.session().retention());
    let mut response = media::start(media::kind_of(rendition), policy);
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, media::EXPOSED);
    media::insert_shared(headers, header::ETAG, reader.etag());
    *response.body_mut() = Body::growing(first, reader);
    response
}

type Read = (GrowingReader, Result<Option<Bytes>, Unfinished>);

/// Hands out what there is, and waits for more. Nothing is read ahead: a slow client costs one part.
pub(super) struct GrowingBody {
    first: Option<Bytes>,
    rest: Rest,
}

enum Rest {
    /// Not asked for yet.
    Untouched(Option<GrowingReader>),
    Reading(ReusableBoxFuture<'static, Read>),
    Ended,
}

// === impl GrowingBody ===

impl GrowingBody {
    pub(super) fn new(first: Bytes, reader: GrowingReader) -> Self {
        Self {
            first: Some(first),
            rest: Rest::Untouched(Some(reader)),
        }
    }

    /// As of a body: an error ends it, and the client sees that it is not whole.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if let Rest::Untouched(reader) = &mut self.rest {
            let Some(reader) = reader.take() else {
                return Poll::Ready(None);
            };
            self.rest = Rest::Reading(ReusableBoxFuture::new(read(reader)));
        }
        let Rest::Reading(reading) = &mut self.rest else {
            return Poll::Ready(None);
        };
        let (reader, result) = ready!(reading.poll(cx));
        Poll::Ready(match result {
            Ok(Some(part)) => {
                reading.set(read(reader));
                Some(Ok(Frame::data(part)))
            }
            Ok(None) => {
                self.rest = Rest::Ended;
                None
            }
            Err(error) => {
                self.rest = Rest::Ended;
                Some(Err(axum::Error::new(error)))
            }
        })
    }
}

impl fmt::Debug for GrowingBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrowingBody").finish_non_exhaustive()
    }
}

async fn read(mut reader: GrowingReader) -> Read {
    let result = reader.next().await;
    (reader, result)
}
