//! For machines that watch the gateway: alive, ready, metrics.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::State;
use super::operations::Operations;

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// Asked by machines that may call the gateway by any name.
pub(crate) fn operations() -> Operations {
    Operations::about("gateway")
        .add(__path_alive, alive)
        .add(__path_ready, ready)
}

/// That the process answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `alive`.
    #[schema(pattern = "^alive$")]
    status: &'static str,
}

/// Whether viewers can be served.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ready` or `not ready`.
    #[schema(pattern = "^(not )?ready$")]
    status: &'static str,
    /// Why not, for people.
    reasons: Vec<String>,
    /// What an operator should look at although viewers are served: it takes no gateway out of a balancer.
    warnings: Vec<String>,
    /// How well ffmpeg is caged.
    cage: CageView,
}

/// How well ffmpeg is kept from everything that decoding does not need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CageView {
    /// `enforced`, `partial` or `none`; `unknown` for a moment after the start.
    #[schema(pattern = "^(enforced|partial|none|unknown)$")]
    pub status: &'static str,
    /// What is not there, for people, one sentence each.
    pub missing: Vec<String>,
    /// It is not switched off.
    #[serde(skip)]
    pub is_wanted: bool,
}

// === impl CageView ===

impl Default for CageView {
    fn default() -> Self {
        Self {
            status: "unknown",
            missing: Vec::new(),
            is_wanted: true,
        }
    }
}

impl CageView {
    /// Somebody wants a cage that this host does not have.
    fn warning(&self) -> Option<String> {
        let (status, missing) = (self.status, self.missing.join("; "));
        let is_lacking = self.is_wanted && !missing.is_empty();
        is_lacking.then(|| format!("the cage of ffmpeg is {status}: {missing}"))
    }
}

/// Whether the process answers; nothing else is asked.
#[utoipa::path(get, path = "/healthz", responses(
    (status = 200, description = "It does", body = Health),
))]
async fn alive() -> Json<Health> {
    Json(Health { status: "alive" })
}

/// Whether viewers can be served.
#[utoipa::path(get, path = "/readyz", responses(
    (status = 200, description = "They can", body = Readiness),
    (status = 503, description = "They cannot, for these reasons", body = Readiness),
))]
async fn ready(Shared(state): Shared<Arc<State>>) -> Response {
    let reasons = state.readiness.obstacles();
    let (code, status) = match reasons.is_empty() {
        true => (StatusCode::OK, "ready"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready"),
    };
    let readiness = Readiness {
        status,
        reasons,
        warnings: warnings(&state),
        cage: state.readiness.cage(),
    };
    (code, Json(readiness)).into_response()
}

/// What is wrong with the configuration's file, with guides or the certificate, if that is so.
fn warnings(state: &State) -> Vec<String> {
    let configuration = state.configuration.as_ref();
    let standing = configuration.map(|configuration| configuration.holder().standing());
    let refused = standing.and_then(|standing| standing.refused.clone());
    let words = refused.map(|refused| {
        let summary = &refused.summary;
        format!("the configuration's file is refused, and the one before stays in force: {summary}")
    });
    let guides = state.guides.status();
    let broken = guides.into_iter().filter_map(|guide| {
        let error = guide.error?;
        let label = guide.label;
        Some(format!(
            "the guide {label} is not read, and the one before stays in force: {error}"
        ))
    });
    let certificates = state.certificates.as_ref();
    let troubles = certificates.map(|certificates| certificates.warnings(Timestamp::now()));
    words
        .into_iter()
        .chain(broken)
        .chain(troubles.into_iter().flatten())
        .chain(state.readiness.warnings())
        .chain(state.readiness.cage().warning())
        .chain(state.operators.audit.trouble())
        .collect()
}

/// All metrics, for Prometheus.
#[utoipa::path(get, path = "/metrics", responses(
    (status = 200, description = "OpenMetrics 1.0.0", content_type = "application/openmetrics-text", body = String),
))]
pub(crate) async fn metrics(Shared(state): Shared<Arc<State>>) -> Response {
    let text = state.exposition.open_metrics();
    ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response()
}
