//! One attempt: a signed request over HTTP, and what became of it.
//!
//! Redirects are not followed, so a receiver cannot send the gateway elsewhere; of its answer only the status counts.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::delivery::Outcome;
use super::{Endpoint, Timing};
use crate::client::{Client, USER_AGENT, client, explain};

/// Of an answer this much is read, so that the connection can be used again, and forgotten. Bytes.
const MAX_REPLY: usize = 16 * 1024;

/// Sends to all endpoints.
#[derive(Debug)]
pub(super) struct Sender {
    client: Client,
    /// For a whole attempt.
    timeout: Duration,
}

// === impl Sender ===

impl Sender {
    /// Trusts the certificate authorities of this host.
    pub(super) fn new(timing: Timing) -> Self {
        Self {
            client: client(timing.connect),
            timeout: timing.total,
        }
    }

    /// Sends once. `id` is the same for all attempts, so that a receiver knows one that it has.
    pub(super) async fn attempt(&self, endpoint: &Endpoint, id: &str, body: Bytes) -> Outcome {
        let deadline = Instant::now() + self.timeout;
        let request = request(endpoint, id, body, Timestamp::now());
        match timeout_at(deadline, self.client.request(request)).await {
            Ok(Ok(response)) => {
                let outcome = Outcome::Answered {
                    status: response.status().as_u16(),
                    retry_after: retry_after(response.headers(), Timestamp::now()),
                };
                // Whatever becomes of the rest, the answer has been given.
                let _ = timeout_at(deadline, forget(response)).await;
                outcome
            }
            Ok(Err(error)) => Outcome::Failed(explain(&error)),
            Err(_) => {
                let seconds = self.timeout.as_secs_f64();
                Outcome::Failed(format!("no answer within {seconds} s"))
            }
        }
    }
}

fn request(endpoint: &Endpoint, id: &str, body: Bytes, now: Timestamp) -> Request<Full<Bytes>> {
    let timestamp = now.as_second();
    let signature = endpoint.secret.sign(id, timestamp, &body);
    let text = |text: &str| HeaderValue::try_from(text).expect("digits and base64 should be fine");
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = endpoint.target.clone();
    let headers = request.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.insert("webhook-id", text(id));
    headers.insert("webhook-timestamp", timestamp.into());
    headers.insert("webhook-signature", text(&signature));
    if let Some(authorization) = &endpoint.authorization {
        headers.insert(header::AUTHORIZATION, authorization.clone());
    }
    request
}

/// Reads an answer to its end if that is near; what is longer ends the connection.
async fn forget(response: Response<Incoming>) {
    let _ = Limited::new(response.into_body(), MAX_REPLY)
        .collect()
        .await;
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Duration::try_from(date.duration_since(now)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2015-10-21T07:28:00Z".parse().unwrap();
        let parse = |text: &'static str| {
            let headers =
                HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static(text))]);
            retry_after(&headers, now)
        };
        assert_eq!(parse("120"), Some(Duration::from_secs(120)));
        let date = parse("Wed, 21 Oct 2015 07:30:00 GMT");
        assert_eq!(date, Some(Duration::from_secs(120)));
        assert_eq!(parse("Wed, 21 Oct 2015 07:20:00 GMT"), None, "it is over");
        for bad in ["", "soon", "-5", "1.5"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
