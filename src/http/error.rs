//! Kinds of errors become status codes here and nowhere else, in one JSON shape:
//! `{"error":{"code":"…","message":"…","details":{…}}}`.

use std::time::Duration;

use axum::response::IntoResponse;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::cache::CachePolicy;
use super::route::Refusal;
use crate::session::ServeError;

/// An answer that is not what was asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    /// For programs; stable.
    pub(crate) code: &'static str,
    /// For people.
    pub(crate) message: String,
    /// Coordinates; an object.
    pub(crate) details: Value,
    /// When to ask again.
    pub(crate) retry_after: Option<Duration>,
    /// The methods that are allowed.
    pub(crate) allow: Option<&'static str>,
}

/// The code of a failure: an extension of its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Code(pub(crate) &'static str);

/// The one shape of all errors.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody<'a> {
    error: ErrorDetail<'a>,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
struct ErrorDetail<'a> {
    /// For programs; stable.
    #[schema(pattern = "^[a-z_]+$", examples("unknown_channel"))]
    code: &'a str,
    /// For people.
    message: &'a str,
    /// Coordinates: which channel, which session.
    #[schema(value_type = Object)]
    details: &'a Value,
}

// === impl Failure ===

impl Failure {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: json!({}),
            retry_after: None,
            allow: None,
        }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    pub(crate) fn internal() -> Self {
        let message = "the gateway made a mistake; its log says more";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    pub(crate) fn too_large(limit: u64) -> Self {
        let message = format!("the body of this request may have at most {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    }

    pub(crate) fn too_many_fields(limit: usize) -> Self {
        let message = format!("a request may have at most {limit} header fields");
        Self::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "too_many_header_fields",
            message,
        )
    }

    pub(crate) fn with_details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }

    /// The whole answer; `policy` is overruled for failures of the server and refusals of one client, which are
    /// never kept.
    pub(crate) fn into_answer(self, policy: CachePolicy) -> Response<Bytes> {
        let error = ErrorDetail {
            code: self.code,
            message: &self.message,
            details: &self.details,
        };
        let body = json!(ErrorBody { error });
        // What is forbidden to one client is not what a cache should tell the others.
        let is_personal = matches!(
            self.status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        );
        let policy = if self.status.is_server_error() || is_personal {
            CachePolicy::NoStore
        } else {
            policy
        };
        let mut response = Response::new(Bytes::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        headers.insert(header::CACHE_CONTROL, policy.header());
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"headgate\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(allow) = self.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        let message = error.to_string();
        match error {
            ServeError::UnknownChannel(channel) => {
                Self::new(StatusCode::NOT_FOUND, "unknown_channel", message)
                    .with_details(json!({"channel": channel}))
            }
            ServeError::UnknownRendition { channel, rendition } => {
                Self::new(StatusCode::NOT_FOUND, "unknown_rendition", message)
                    .with_details(json!({"channel": channel, "rendition": rendition}))
            }
            ServeError::NotFound(_) => Self::not_found(message),
            ServeError::BadRequest(_) => Self::bad_request(message),
            ServeError::Unavailable {
                channel,
                reason,
                retry_after,
            } => Self {
                retry_after: Some(retry_after),
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
                    .with_details(json!({"channel": channel, "reason": reason}))
            },
            ServeError::Kicked {
                channel,
                retry_after,
            } => Self {
                retry_after: Some(retry_after),
                ..Self::new(StatusCode::FORBIDDEN, "kicked", message)
                    .with_details(json!({"channel": channel}))
            },
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound => Self::not_found("there is nothing at this path"),
            Refusal::BadPath => Self::bad_request(
                "no path of the gateway holds percent-encoding, empty or dotted segments",
            ),
            Refusal::TooLong => Self::new(
                StatusCode::URI_TOO_LONG,
                "uri_too_long",
                "the path and query are too long",
            ),
            Refusal::MethodNotAllowed => Self {
                allow: Some("GET, HEAD, OPTIONS"),
                ..Self::new(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "method_not_allowed",
                    "media are read with GET and HEAD",
                )
            },
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> axum::response::Response {
        let code = Code(self.code);
        let mut response = self
            .into_answer(CachePolicy::NoStore)
            .map(axum::body::Body::from);
        response.extensions_mut().insert(code);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_status_and_shape() {
        let text = String::from;
        let table = [
            (
                ServeError::UnknownChannel(text("x")),
                404,
                "unknown_channel",
            ),
            (
                ServeError::UnknownRendition {
                    channel: text("x"),
                    rendition: text("y"),
                },
                404,
                "unknown_rendition",
            ),
            (ServeError::NotFound(text("segment 7")), 404, "not_found"),
            (ServeError::BadRequest(text("too far")), 400, "bad_request"),
        ];
        for (error, status, code) in table {
            let answer = Failure::from(error).into_answer(CachePolicy::Revalidate);
            assert_eq!(answer.status(), status);
            assert_eq!(answer.headers()["cache-control"], "no-cache");
            let body: Value = serde_json::from_slice(answer.body()).unwrap();
            assert_eq!(body["error"]["code"], code);
            assert!(body["error"]["message"].is_string());
            assert!(body["error"]["details"].is_object());
        }
    }

    #[test]
    fn who_was_sent_away_is_told_for_how_long_and_no_cache_tells_others() {
        let error = ServeError::Kicked {
            channel: "news".into(),
            retry_after: Duration::from_millis(41_500),
        };
        let policy = CachePolicy::Playlist(Duration::from_secs(4));
        let answer = Failure::from(error).into_answer(policy);
        assert_eq!(answer.status(), 403);
        assert_eq!(answer.headers()["retry-after"], "42");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let body: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(body["error"]["code"], "kicked");
    }

    #[test]
    fn an_unavailable_channel_says_when_to_ask_again_and_is_never_kept() {
        for (wait, header) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (30_000, "30")] {
            let error = ServeError::Unavailable {
                channel: "news".into(),
                reason: "the source does not answer".into(),
                retry_after: Duration::from_millis(wait),
            };
            let policy = CachePolicy::Playlist(Duration::from_secs(4));
            let answer = Failure::from(error).into_answer(policy);
            assert_eq!(answer.status(), 503);
            assert_eq!(answer.headers()["retry-after"], header);
            assert_eq!(answer.headers()["cache-control"], "no-store");
            let body: Value = serde_json::from_slice(answer.body()).unwrap();
            let (error, reason) = (&body["error"], "the source does not answer");
            assert_eq!(error["code"], "unavailable");
            assert!(
                error["message"].as_str().unwrap().contains(reason),
                "{body}"
            );
            assert_eq!(error["details"]["channel"], "news");
            assert_eq!(error["details"]["reason"], reason);
        }
    }
}
