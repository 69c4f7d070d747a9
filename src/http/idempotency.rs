//! A POST that is sent twice, because its answer got lost, is done once: Idempotency-Key.
//!
//! The second one gets the answer of the first one, also while the first one is still at work. A failure is not
//! remembered: it may be tried again under the same key.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State as Shared};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::LengthLimitError;
use parking_lot::Mutex;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::State;
use super::error::Failure;
use super::limits::Limits;
use super::listing::key_of;

/// How long a key is remembered.
const MEMORY: Duration = Duration::from_secs(600);

/// How many keys are remembered; the oldest is forgotten first.
const MAX_KEYS: usize = 1024;

/// The longest key, in bytes.
const MAX_KEY_LENGTH: usize = 255;

/// The longest answer, in bytes; those to POST are small.
const MAX_ANSWER: usize = 1 << 20;

/// The answers to requests with a key, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Answers(Mutex<VecDeque<Entry>>);

#[derive(Debug)]
struct Entry {
    since: Instant,
    key: u64,
    /// Of the body that came with the key.
    body: u64,
    answer: Arc<OnceCell<Answer>>,
}

/// What was answered.
#[derive(Debug, Clone)]
struct Answer {
    head: Parts,
    body: Bytes,
}

/// Reads the body of a POST, and answers it once for each key.
pub(crate) async fn once(
    Shared(state): Shared<Arc<State>>,
    request: Request,
    next: Next,
) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let (head, body) = request.into_parts();
    let body = match read(body, &state.limits).await {
        Ok(body) => body,
        Err(failure) => return failure.into_response(),
    };
    let key = match request_key(&head.headers, head.uri.path()) {
        Ok(key) => key,
        Err(failure) => return failure.into_response(),
    };
    let fingerprint = key_of(&body);
    let request = Request::from_parts(head, Body::from(body));
    let Some(key) = key else {
        return next.run(request).await;
    };
    let answer = match state.answers.of(key, fingerprint) {
        Ok(answer) => answer,
        Err(failure) => return failure.into_response(),
    };
    let made = answer.get_or_try_init(|| async { keep(next.run(request).await).await });
    match made.await {
        Ok(answer) => Response::from_parts(answer.head.clone(), answer.body.clone().into()),
        Err(response) => response,
    }
}

async fn read(body: Body, limits: &Limits) -> Result<Bytes, Failure> {
    let limit = limits.max_body_bytes;
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    match tokio::time::timeout(limits.body_timeout, to_bytes(body, most)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if is_too_long(&error) => Err(Failure::too_large(limit)),
        Ok(Err(_)) => Err(Failure::bad_request("the body of this request is broken")),
        Err(_) => Err(Failure::new(
            StatusCode::REQUEST_TIMEOUT,
            "timeout",
            "the body of this request did not come in time",
        )),
    }
}

fn is_too_long(error: &axum::Error) -> bool {
    let source = std::error::Error::source(error);
    source.is_some_and(|source| source.is::<LengthLimitError>())
}

/// Takes an answer that may be given again; hands back one that may not.
async fn keep(response: Response) -> Result<Answer, Response> {
    if !response.status().is_success() {
        return Err(response);
    }
    let (head, body) = response.into_parts();
    match to_bytes(body, MAX_ANSWER).await {
        Ok(body) => Ok(Answer { head, body }),
        Err(_) => Err(Failure::internal().into_response()),
    }
}

/// What makes a request of this path the same request; `None` if it carries no key.
fn request_key(headers: &HeaderMap, path: &str) -> Result<Option<u64>, Failure> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = key.as_bytes();
    if (1..=MAX_KEY_LENGTH).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic) {
        return Ok(Some(key_of((path, key))));
    }
    Err(Failure::bad_request(format!(
        "Idempotency-Key must have 1 to {MAX_KEY_LENGTH} visible ASCII characters"
    )))
}

// === impl Answers ===

impl Answers {
    /// The place of the answer to a request with this key and body.
    fn of(&self, key: u64, body: u64) -> Result<Arc<OnceCell<Answer>>, Failure> {
        let mut known = self.0.lock();
        let now = Instant::now();
        while known
            .front()
            .is_some_and(|entry| now.duration_since(entry.since) > MEMORY)
        {
            known.pop_front();
        }
        if let Some(entry) = known.iter().find(|entry| entry.key == key) {
            if entry.body == body {
                return Ok(entry.answer.clone());
            }
            return Err(Failure::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "key_reused",
                "this Idempotency-Key came with another body before; a new request needs a new key",
            ));
        }
        if known.len() == MAX_KEYS {
            known.pop_front();
        }
        let answer = Arc::default();
        known.push_back(Entry {
            since: now,
            key,
            body,
            answer: Arc::clone(&answer),
        });
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_key_has_one_answer_until_it_is_forgotten() {
        let answers = Answers::default();
        let first = answers.of(1, 7).unwrap();
        assert!(Arc::ptr_eq(&first, &answers.of(1, 7).unwrap()));
        assert!(!Arc::ptr_eq(&first, &answers.of(2, 7).unwrap()));
        assert_eq!(answers.of(1, 8).unwrap_err().status, 422);
        tokio::time::advance(MEMORY + Duration::from_secs(1)).await;
        assert!(!Arc::ptr_eq(&first, &answers.of(1, 8).unwrap()));
        assert_eq!(answers.0.lock().len(), 1);
    }

    #[tokio::test]
    async fn the_memory_is_bounded() {
        let answers = Answers::default();
        for key in 0..2 * MAX_KEYS as u64 {
            answers.of(key, 0).unwrap();
        }
        assert_eq!(answers.0.lock().len(), MAX_KEYS);
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        assert!(keep(Failure::internal().into_response()).await.is_err());
        assert!(keep(StatusCode::ACCEPTED.into_response()).await.is_ok());
    }

    /// A body that does not come.
    struct Never;

    impl http_body::Body for Never {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let never = Body::new(Never);
        let ten = &Limits {
            max_body_bytes: 10,
            ..Limits::default()
        };
        assert_eq!(read(never, ten).await.unwrap_err().status, 408);
        assert_eq!(
            read("12345678901".into(), ten).await.unwrap_err().status,
            413
        );
        assert_eq!(read("1234567890".into(), ten).await.unwrap(), "1234567890");
    }

    #[test]
    fn keys_belong_to_their_path() {
        let with = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert("idempotency-key", value.try_into().unwrap());
            headers
        };
        assert_eq!(request_key(&HeaderMap::new(), "a"), Ok(None));
        let key = |path| request_key(&with(b"x"), path).unwrap();
        assert_eq!(key("a"), key("a"));
        assert_ne!(key("a"), key("b"));
        for wrong in [&b""[..], &[b'x'; 256], b"a b", b"\xe9"] {
            assert_eq!(request_key(&with(wrong), "a").unwrap_err().status, 400);
        }
    }
}
