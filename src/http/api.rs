//! The operators' API: channels as configured, sessions as they are, and the two things that can be done to one.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State as Shared};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::State;
use super::channel_view::ChannelView;
use super::error::Failure;
use super::idempotency::request_key;
use super::listing::{ListQuery, Listing, key_of};
use crate::session::{SessionReport, ViewerReport};

type Answer<T> = Result<T, Failure>;
type ReadQuery = Result<Query<ListQuery>, QueryRejection>;

/// The routes below `/api` and `/debug`.
pub(crate) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/debug/sessions", get(debug_sessions))
        .route("/api/v1/channels", get(channels))
        .route("/api/v1/channels/{id}", get(channel))
        .route("/api/v1/sessions", get(sessions))
        .route("/api/v1/sessions/{id}", get(session).delete(stop))
        .route("/api/v1/sessions/{id}/restart", post(restart))
        .route("/api/v1/sessions/{id}/viewers", get(viewers))
}

/// Every session with everything that is known about it, for eyes.
async fn debug_sessions(Shared(state): Shared<Arc<State>>) -> Answer<Response> {
    let reports = state.sessions.reports();
    let mut text = serde_json::to_vec_pretty(&reports).map_err(|error| {
        tracing::error!(%error, "session reports are not JSON");
        Failure::internal()
    })?;
    text.push(b'\n');
    let kind = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

async fn channels(
    Shared(state): Shared<Arc<State>>,
    query: ReadQuery,
) -> Answer<Json<Listing<ChannelView>>> {
    let all = state.sessions.channels();
    let page = list_query(query)?.page(
        &all,
        |spec| key_of(spec.id.as_str()),
        |spec| ChannelView::new(spec, state.sessions.report_of_channel(spec.id.as_str())),
    )?;
    Ok(Json(page))
}

async fn channel(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
) -> Answer<Json<ChannelView>> {
    let Some(spec) = state.sessions.channel(&id) else {
        let message = format!("there is no channel {id:?}");
        let failure = Failure::new(StatusCode::NOT_FOUND, "unknown_channel", message);
        return Err(failure.with_details(json!({"channel": id})));
    };
    let report = state.sessions.report_of_channel(&id);
    Ok(Json(ChannelView::new(&spec, report)))
}

async fn sessions(
    Shared(state): Shared<Arc<State>>,
    query: ReadQuery,
) -> Answer<Json<Listing<SessionReport>>> {
    let all = state.sessions.reports();
    let page = list_query(query)?.page(&all, |report| key_of(report.id), Clone::clone)?;
    Ok(Json(page))
}

async fn session(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
) -> Answer<Json<SessionReport>> {
    let report = state.sessions.report(session_id(&id)?);
    report.map(Json).ok_or_else(|| unknown_session(&id))
}

async fn viewers(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    query: ReadQuery,
) -> Answer<Json<Listing<ViewerReport>>> {
    let all = state.sessions.viewers(session_id(&id)?);
    let all = all.ok_or_else(|| unknown_session(&id))?;
    let key = |viewer: &ViewerReport| key_of((viewer.address, &viewer.agent));
    Ok(Json(list_query(query)?.page(&all, key, Clone::clone)?))
}

/// Stops a session, whoever watches. Stopping it twice is 404 the second time.
async fn stop(Shared(state): Shared<Arc<State>>, Path(id): Path<String>) -> Answer<StatusCode> {
    let session = session_id(&id)?;
    if !state.sessions.stop(session) {
        return Err(unknown_session(&id));
    }
    tracing::info!(%session, "session stopped by an operator");
    Ok(StatusCode::NO_CONTENT)
}

/// Restarts the encoder of a session; once for each Idempotency-Key.
async fn restart(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    let session = session_id(&id)?;
    let key = request_key(&headers, &id)?;
    let is_done = state.answers.once(key, || {
        let is_done = state.sessions.restart(session);
        if is_done {
            tracing::info!(%session, "encoder restarted by an operator");
        }
        is_done
    });
    if is_done {
        Ok((StatusCode::ACCEPTED, Json(Accepted { id: session })).into_response())
    } else {
        Err(unknown_session(&id))
    }
}

/// What was accepted for later.
#[derive(Debug, Serialize)]
struct Accepted {
    id: Uuid,
}

fn list_query(query: ReadQuery) -> Answer<ListQuery> {
    match query {
        Ok(Query(query)) => Ok(query),
        Err(rejection) => Err(Failure::bad_request(rejection.body_text())),
    }
}

fn session_id(text: &str) -> Answer<Uuid> {
    Uuid::try_parse(text).map_err(|_| unknown_session(text))
}

fn unknown_session(id: &str) -> Failure {
    let message = format!("there is no session {id:?}; it may have ended");
    Failure::new(StatusCode::NOT_FOUND, "unknown_session", message)
        .with_details(json!({"session": id}))
}
