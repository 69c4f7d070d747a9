//! For machines that watch the gateway: alive, ready, metrics.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::State;

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// The process answers; nothing else is asked.
pub(crate) async fn alive() -> Response {
    Json(json!({"status": "alive"})).into_response()
}

/// Viewers can be served; otherwise 503 with the reasons.
pub(crate) async fn ready(Shared(state): Shared<Arc<State>>) -> Response {
    let obstacles = state.readiness.obstacles();
    if obstacles.is_empty() {
        return Json(json!({"status": "ready", "reasons": []})).into_response();
    }
    let body = Json(json!({"status": "not ready", "reasons": obstacles}));
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}

/// All metrics.
pub(crate) async fn metrics(Shared(state): Shared<Arc<State>>) -> Response {
    let text = state.exposition.open_metrics();
    ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response()
}
