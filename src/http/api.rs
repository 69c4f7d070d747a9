//! The operators' API, what can be read: channels as configured, sessions as they are, and who watches.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State as Shared};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::State;
use super::channel_view::{ChannelView, GuideView};
use super::error::{ErrorBody, Failure};
use super::listing::{ListQuery, Listing, key_of};
use super::operations::Operations;
use super::{audit, configuration, control, events, health, openapi};
use crate::config::ChannelSpec;
use crate::session::{SessionReport, ViewerReport};

pub(crate) type Answer<T> = Result<T, Failure>;
type ReadQuery = Result<Query<ListQuery>, QueryRejection>;

/// Everything below `/api` and `/debug`.
pub(crate) fn operations() -> Operations {
    let channels = Operations::about("channels")
        .add(__path_channels, channels)
        .add(__path_channel, channel)
        .add(__path_guides, guides);
    let sessions = Operations::about("sessions")
        .add(__path_sessions, sessions)
        .add(__path_session, session)
        .add(__path_debug_sessions, debug_sessions);
    let viewers = Operations::about("viewers").add(__path_viewers, viewers);
    let gateway = Operations::about("gateway").add(health::__path_metrics, health::metrics);
    channels
        .merge(sessions)
        .merge(viewers)
        .merge(gateway)
        .merge(configuration::operations())
        .merge(control::operations())
        .merge(events::operations())
        .merge(audit::operations())
        .merge(openapi::operations())
}

/// Every session with everything that is known about it.
///
/// For eyes: indented, and not in pages.
#[utoipa::path(get, path = "/debug/sessions", responses(
    (status = 200, description = "All sessions", body = [SessionReport]),
))]
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

/// Channels as configured, with their sessions.
#[utoipa::path(get, path = "/api/v1/channels", params(ListQuery), responses(
    (status = 200, description = "A page of channels, in the order of the file", body = Listing<ChannelView>),
))]
async fn channels(
    Shared(state): Shared<Arc<State>>,
    query: ReadQuery,
) -> Answer<Json<Listing<ChannelView>>> {
    let all = state.sessions.channels();
    let page = list_query(query)?.page(
        &all,
        |spec| key_of(spec.id.as_str()),
        |spec| view(&state, spec),
    )?;
    Ok(Json(page))
}

/// One channel, with its session.
#[utoipa::path(get, path = "/api/v1/channels/{id}",
    params(("id" = String, Path, description = "The channel", pattern = "^[A-Za-z0-9_-]{1,64}$")),
    responses(
        (status = 200, description = "The channel", body = ChannelView),
        (status = 404, description = "`unknown_channel`", body = ErrorBody),
    ),
)]
async fn channel(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
) -> Answer<Json<ChannelView>> {
    let Some(spec) = state.sessions.channel(&id) else {
        let message = format!("there is no channel {id:?}");
        let failure = Failure::new(StatusCode::NOT_FOUND, "unknown_channel", message);
        return Err(failure.with_details(json!({"channel": id})));
    };
    Ok(Json(view(&state, &spec)))
}

fn view(state: &State, spec: &ChannelSpec) -> ChannelView {
    let report = state.sessions.report_of_channel(spec.id.as_str());
    let view = ChannelView::new(spec, report);
    match state.guides.programmes(spec) {
        Some(programmes) => view.with_programmes(&programmes, Timestamp::now()),
        None => view,
    }
}

/// How each guide is doing.
///
/// A guide that cannot be read leaves the one before in force.
#[utoipa::path(get, path = "/api/v1/guides", params(ListQuery), responses(
    (status = 200, description = "A page of guides, by their labels", body = Listing<GuideView>),
))]
async fn guides(
    Shared(state): Shared<Arc<State>>,
    query: ReadQuery,
) -> Answer<Json<Listing<GuideView>>> {
    let all = state.guides.status();
    let page = list_query(query)?.page(&all, |guide| key_of(&guide.label), GuideView::new)?;
    Ok(Json(page))
}

/// Sessions: channels that run, or that have something to tell.
#[utoipa::path(get, path = "/api/v1/sessions", params(ListQuery), responses(
    (status = 200, description = "A page of sessions, in the order of the channels", body = Listing<SessionReport>),
))]
async fn sessions(
    Shared(state): Shared<Arc<State>>,
    query: ReadQuery,
) -> Answer<Json<Listing<SessionReport>>> {
    let all = state.sessions.reports();
    let page = list_query(query)?.page(&all, |report| key_of(report.id), Clone::clone)?;
    Ok(Json(page))
}

/// One session.
#[utoipa::path(get, path = "/api/v1/sessions/{id}",
    params(("id" = Uuid, Path, description = "The session")),
    responses(
        (status = 200, description = "The session", body = SessionReport),
        (status = 404, description = "`unknown_session`: there is none, or not any more", body = ErrorBody),
    ),
)]
async fn session(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
) -> Answer<Json<SessionReport>> {
    let report = state.sessions.report(session_id(&id)?);
    report.map(Json).ok_or_else(|| unknown_session(&id))
}

/// Who watches a session.
///
/// An address and an agent are one viewer: there are no cookies. Players behind one address that call themselves the
/// same are one here.
#[utoipa::path(get, path = "/api/v1/sessions/{id}/viewers",
    params(("id" = Uuid, Path, description = "The session"), ListQuery),
    responses(
        (status = 200, description = "A page of viewers, the longest first", body = Listing<ViewerReport>),
        (status = 404, description = "`unknown_session`", body = ErrorBody),
    ),
)]
async fn viewers(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    query: ReadQuery,
) -> Answer<Json<Listing<ViewerReport>>> {
    let all = state.sessions.viewers(session_id(&id)?);
    let all = all.ok_or_else(|| unknown_session(&id))?;
    let key = |viewer: &ViewerReport| key_of(&viewer.id);
    Ok(Json(list_query(query)?.page(&all, key, Clone::clone)?))
}

fn list_query(query: ReadQuery) -> Answer<ListQuery> {
    match query {
        Ok(Query(query)) => Ok(query),
        Err(rejection) => Err(Failure::bad_request(rejection.body_text())),
    }
}

pub(crate) fn session_id(text: &str) -> Answer<Uuid> {
    Uuid::try_parse(text).map_err(|_| unknown_session(text))
}

pub(crate) fn unknown_session(id: &str) -> Failure {
    let message = format!("there is no session {id:?}; it may have ended");
    Failure::new(StatusCode::NOT_FOUND, "unknown_session", message)
        .with_details(json!({"session": id}))
}
