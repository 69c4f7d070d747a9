//! The JSON that a request carries, refused in the one shape of errors.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use http::StatusCode;
use serde::de::DeserializeOwned;

use super::error::Failure;

/// What was sent.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

// === impl JsonBody ===

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        match Json::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(refusal(&rejection)),
        }
    }
}

fn refusal(rejection: &JsonRejection) -> Failure {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "this request carries JSON and says so: `content-type: application/json`",
        ),
        // The body was read, whole and within its limit, before it came here.
        other => Failure::bad_request(other.body_text()),
    }
}
