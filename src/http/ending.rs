//! A stream that ends when its viewer's right to it does, and that keeps its place until then.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::Sleep;

use super::body::Body;
use crate::access::{Admission, Seated};

/// The body of a stream.
pub(super) struct Ending {
    body: Body,
    ends: Option<Pin<Box<Sleep>>>,
    _seated: Option<Seated>,
}

// === impl Ending ===

impl Ending {
    /// Ends the body when the admission does. `now` is in seconds since 1970; from there on the clock that only goes
    /// forward counts.
    pub(super) fn of(body: Body, admission: Admission, now: i64) -> Body {
        let left = admission.expires.map(|expires| expires.saturating_sub(now));
        let ends = left.and_then(|left| {
            let left = u64::try_from(left).unwrap_or(0);
            // What is further away than a timer reaches is no end.
            let left = Duration::from_secs(left);
            (left < MOST).then(|| Box::pin(tokio::time::sleep(left)))
        });
        let ending = Self {
            body,
            ends,
            _seated: admission.seated,
        };
        Body::routed(axum::body::Body::new(ending))
    }
}

/// Ten years.
const MOST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

impl http_body::Body for Ending {
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Endless;

    impl http_body::Body for Endless {
        type Data = Bytes;
        type Error = axum::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
            Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_in_the_second_in_which_its_token_does() {
        use http_body_util::BodyExt as _;
        let admission = Admission {
            expires: Some(1060),
            ..Admission::default()
        };
        let began = tokio::time::Instant::now();
        let endless = Body::routed(axum::body::Body::new(Endless));
        let mut body = Ending::of(endless, admission, 1000);
        assert!(body.frame().await.is_none());
        assert_eq!(began.elapsed().as_secs(), 60);
    }
}
