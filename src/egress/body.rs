//! Bodies on their way to ffmpeg: handed on as they come, counted, and cut off when nobody may have them any more.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Full, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::counters::Counters;

/// What is answered to ffmpeg.
pub(super) type Body = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// The body of a server's answer.
pub(super) struct Relayed {
    /// What was read of it to see what it is.
    ahead: Option<Bytes>,
    inner: Incoming,
    stopped: Pin<Box<WaitForCancellationFutureOwned>>,
    counters: Arc<Counters>,
    _slot: OwnedSemaphorePermit,
}

/// Nothing.
pub(super) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// All at once.
pub(super) fn whole(bytes: Vec<u8>) -> Body {
    let body = Full::new(Bytes::from(bytes));
    body.map_err(|never| match never {}).boxed_unsync()
}

// === impl Relayed ===

impl Relayed {
    pub(super) fn new(
        ahead: Bytes,
        inner: Incoming,
        stop: CancellationToken,
        counters: Arc<Counters>,
        slot: OwnedSemaphorePermit,
    ) -> Self {
        counters.opened();
        Self {
            ahead: Some(ahead).filter(|ahead| !ahead.is_empty()),
            inner,
            stopped: Box::pin(stop.cancelled_owned()),
            counters,
            _slot: slot,
        }
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        self.counters.closed();
    }
}

impl hyper::body::Body for Relayed {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.stopped.as_mut().poll(cx).is_ready() {
            let cut = io::Error::from(io::ErrorKind::ConnectionAborted);
            return Poll::Ready(Some(Err(cut.into())));
        }
        if let Some(ahead) = self.ahead.take() {
            self.counters.received(ahead.len());
            return Poll::Ready(Some(Ok(Frame::data(ahead))));
        }
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.counters.received(data.len());
        }
        polled.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let ahead = self.ahead.as_ref().map_or(0, Bytes::len) as u64;
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + ahead);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + ahead);
        }
        hint
    }
}
