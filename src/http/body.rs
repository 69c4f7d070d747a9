//! What an answer carries: shared bytes, or what the router made. No allocation and no dynamic call for media.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::activity::InFlight;
use super::growing::GrowingBody;
use crate::session::GrowingReader;

/// The body of an answer.
#[derive(Debug)]
pub struct Body {
    content: Content,
    /// Told when the body has been handed over, or was given up.
    request: Option<InFlight>,
}

#[derive(Debug)]
enum Content {
    /// Nothing, and its length says nothing either (an answer to HEAD, 304).
    None,
    Bytes(Bytes),
    Routed(axum::body::Body),
    /// A segment that is being made.
    Growing(Box<GrowingBody>),
}

// === impl Body ===

impl Body {
    /// No body, and no Content-Length made from it.
    pub fn none() -> Self {
        Self::from_content(Content::None)
    }

    /// These bytes; sharing, not copying.
    pub fn bytes(bytes: Bytes) -> Self {
        Self::from_content(Content::Bytes(bytes))
    }

    /// A segment that is being made, part after part.
    pub(super) fn growing(first: Bytes, reader: GrowingReader) -> Self {
        Self::from_content(Content::Growing(Box::new(GrowingBody::new(first, reader))))
    }

    /// What a router answered.
    pub(crate) fn routed(body: axum::body::Body) -> Self {
        Self::from_content(Content::Routed(body))
    }

    /// Changes the bytes of an answer that has them all.
    pub(super) fn map_bytes(&mut self, change: impl FnOnce(Bytes) -> Bytes) {
        if let Content::Bytes(bytes) = &mut self.content {
            *bytes = change(std::mem::take(bytes));
        }
    }

    /// Keeps the request open until the body is gone.
    pub(crate) fn hold(&mut self, mut request: InFlight) {
        let has_length = match &self.content {
            Content::Routed(body) => body.size_hint().exact().is_some(),
            Content::None | Content::Bytes(_) | Content::Growing(_) => true,
        };
        request.answered(!has_length);
        self.request = Some(request);
    }

    fn from_content(content: Content) -> Self {
        Self {
            content,
            request: None,
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut self.content {
            Content::None => Poll::Ready(None),
            Content::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Bytes(bytes) => {
                let all = std::mem::take(bytes);
                Poll::Ready(Some(Ok(Frame::data(all))))
            }
            Content::Routed(body) => Pin::new(body).poll_frame(cx),
            Content::Growing(body) => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::None => true,
            Content::Bytes(bytes) => bytes.is_empty(),
            Content::Routed(body) => body.is_end_stream(),
            Content::Growing(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::None => SizeHint::default(),
            Content::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Routed(body) => body.size_hint(),
            Content::Growing(_) => SizeHint::default(),
        }
    }
}
