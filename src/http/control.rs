//! The operators' API, what can be done: start a channel, stop or restart a session, switch its source, send a viewer
//! away. What takes time is accepted (202) and happens; how it went is what the session tells.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State as Shared};
use axum::{Extension, Json};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::State;
use super::api::{Answer, session_id, unknown_session};
use super::audit::Detail;
use super::channel_view::SourceView;
use super::error::{ErrorBody, Failure};
use super::json_body::JsonBody;
use super::operations::Operations;
use crate::config;
use crate::session::HoldReport;

/// The least and the most for which a channel is started ahead.
const AHEAD: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60);

type Accepted<T> = Answer<(StatusCode, Extension<Detail>, Json<T>)>;

/// What changes something.
pub(crate) fn operations() -> Operations {
    let sessions = Operations::about("sessions")
        .add(__path_stop, stop)
        .add(__path_restart, restart)
        .add(__path_switch_source, switch_source);
    Operations::about("channels")
        .add(__path_start, start)
        .merge(sessions)
        .merge(Operations::about("viewers").add(__path_kick, kick))
}

/// For how long a channel is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Start {
    /// A duration as in the configuration, from `"1s"` to `"24h"`.
    #[schema(
        examples("10m"),
        pattern = "^([1-9][0-9]?m|[1-9][0-9]{0,3}s|([1-9]|1[0-9]|2[0-4])h)$"
    )]
    r#for: String,
}

/// Which source is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Switch {
    /// The label of a source of the channel, or its position; the first is `"0"`.
    #[schema(examples("1"))]
    source: String,
}

/// The session that was asked.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Asked {
    /// The session.
    id: Uuid,
}

/// The session and the source that takes over.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Switching {
    /// The session.
    id: Uuid,
    /// The source.
    source: SourceView,
}

/// Starts a channel ahead of its first viewer and keeps it running for a while, whoever watches.
///
/// Asked again, it runs until the later end. Stopping the session ends that, too.
#[utoipa::path(post, path = "/api/v1/channels/{id}/start",
    params(("id" = String, Path, description = "The channel", pattern = "^[A-Za-z0-9_-]{1,64}$")),
    request_body = Start,
    responses(
        (status = 202, description = "It starts, or runs already", body = HoldReport),
        (status = 400, description = "`bad_request`: not JSON, or not a duration from 1s to 24h", body = ErrorBody),
        (status = 404, description = "`unknown_channel`", body = ErrorBody),
        (status = 503, description = "`unavailable`: as many channels run as may", body = ErrorBody),
    ),
)]
async fn start(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    JsonBody(wish): JsonBody<Start>,
) -> Accepted<HoldReport> {
    let lasting = config::parse_duration(&wish.r#for)
        .map_err(|why| Failure::bad_request(format!("for: {why}")))?;
    if !AHEAD.contains(&lasting) {
        let message = format!("for: {:?} is not between 1s and 24h", wish.r#for);
        return Err(Failure::bad_request(message));
    }
    let hold = state.sessions.start_ahead(&id, lasting)?;
    tracing::info!(
        channel = id,
        until = hold.until,
        "channel started ahead by an operator"
    );
    Ok(accepted(format!("for {}", wish.r#for), hold))
}

/// Stops a session now, whoever watches.
///
/// The next request of a viewer starts the channel again. Until then the session stays readable, for the reason of its
/// end; stopping it once more is 404.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}",
    params(("id" = Uuid, Path, description = "The session")),
    responses(
        (status = 204, description = "It stops"),
        (status = 404, description = "`unknown_session`", body = ErrorBody),
    ),
)]
async fn stop(Shared(state): Shared<Arc<State>>, Path(id): Path<String>) -> Answer<StatusCode> {
    let session = session_id(&id)?;
    if !state.sessions.stop(session) {
        return Err(unknown_session(&id));
    }
    tracing::info!(%session, "session stopped by an operator");
    Ok(StatusCode::NO_CONTENT)
}

/// Restarts the encoder of a session; players notice a discontinuity.
#[utoipa::path(post, path = "/api/v1/sessions/{id}/restart",
    params(("id" = Uuid, Path, description = "The session")),
    responses(
        (status = 202, description = "A new encoder takes over", body = Asked),
        (status = 404, description = "`unknown_session`", body = ErrorBody),
    ),
)]
async fn restart(Shared(state): Shared<Arc<State>>, Path(id): Path<String>) -> Accepted<Asked> {
    let session = session_id(&id)?;
    if !state.sessions.restart(session) {
        return Err(unknown_session(&id));
    }
    tracing::info!(%session, "encoder restarted by an operator");
    Ok(accepted(String::new(), Asked { id: session }))
}

/// Switches a session to another source of its channel now; players notice a discontinuity.
#[utoipa::path(post, path = "/api/v1/sessions/{id}/source",
    params(("id" = Uuid, Path, description = "The session")),
    request_body = Switch,
    responses(
        (status = 202, description = "The source takes over", body = Switching),
        (status = 400, description = "`unknown_source` or `ambiguous_source`, with all `sources` in the details; \
            `bad_request`: not such JSON", body = ErrorBody),
        (status = 404, description = "`unknown_session`", body = ErrorBody),
    ),
)]
async fn switch_source(
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    JsonBody(wish): JsonBody<Switch>,
) -> Accepted<Switching> {
    let session = session_id(&id)?;
    let spec = state.sessions.channel_of(session);
    let spec = spec.ok_or_else(|| unknown_session(&id))?;
    let source = choose(SourceView::all(&spec), &wish.source)?;
    if !state.sessions.switch_source(session, source.position) {
        return Err(unknown_session(&id));
    }
    tracing::info!(%session, source = source.label, "source chosen by an operator");
    let id = session;
    Ok(accepted(source.label.clone(), Switching { id, source }))
}

/// `detail` is for the audit log.
fn accepted<T>(detail: String, what: T) -> (StatusCode, Extension<Detail>, Json<T>) {
    (StatusCode::ACCEPTED, Extension(Detail(detail)), Json(what))
}

/// A label comes before a position, since a source may be called `7`.
fn choose(sources: Vec<SourceView>, wish: &str) -> Answer<SourceView> {
    let labelled: Vec<usize> = sources
        .iter()
        .filter(|source| source.label == wish)
        .map(|source| source.position)
        .collect();
    let position = match labelled[..] {
        [position] => Some(position),
        [] => wish.parse().ok(),
        [..] => {
            let message = format!("several sources are called {wish:?}: say which by its position");
            return Err(wrong_source("ambiguous_source", message, &sources));
        }
    };
    let found = position.and_then(|position| sources.get(position).cloned());
    found.ok_or_else(|| {
        let message = format!("the channel has no source {wish:?}");
        wrong_source("unknown_source", message, &sources)
    })
}

fn wrong_source(code: &'static str, message: String, sources: &[SourceView]) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, code, message).with_details(json!({"sources": sources}))
}

/// Sends a viewer away.
///
/// For a minute its requests are answered 403 with `kicked` and Retry-After; what it waits for just now it still gets.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}/viewers/{viewer}",
    params(
        ("id" = Uuid, Path, description = "The session"),
        ("viewer" = String, Path, description = "The `id` of a viewer", pattern = "^[0-9a-f]{16}$"),
    ),
    responses(
        (status = 204, description = "It is sent away"),
        (status = 404, description = "`unknown_session`, or `unknown_viewer`: it does not watch", body = ErrorBody),
    ),
)]
async fn kick(
    Shared(state): Shared<Arc<State>>,
    Path((id, viewer)): Path<(String, String)>,
) -> Answer<StatusCode> {
    let session = session_id(&id)?;
    let number = u64::from_str_radix(&viewer, 16).ok();
    let kicked = match number.filter(|number| format!("{number:016x}") == viewer) {
        Some(number) => state.sessions.kick(session, number),
        None => state.sessions.channel_of(session).map(|_| false),
    };
    match kicked {
        None => Err(unknown_session(&id)),
        Some(false) => {
            let message = format!("no viewer {viewer:?} watches; it may have left");
            let failure = Failure::new(StatusCode::NOT_FOUND, "unknown_viewer", message);
            Err(failure.with_details(json!({"session": id, "viewer": viewer})))
        }
        Some(true) => {
            tracing::info!(%session, viewer, "viewer sent away by an operator");
            Ok(StatusCode::NO_CONTENT)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn sources() -> Vec<SourceView> {
        let text = "[[channel]]\nid = \"a\"\nsources = [\"udp://a:1\", { url = \"udp://b:1\", name = \"0\" }, \
            \"testcard:\", \"testcard:\"]\n";
        let config = Config::parse(text, "channels.toml".as_ref()).unwrap();
        SourceView::all(&config.channels[0])
    }

    #[test]
    fn a_source_is_chosen_by_label_or_position() {
        for (wish, position) in [("udp://a:1", 0), ("0", 1), ("1", 1), ("2", 2), ("3", 3)] {
            assert_eq!(
                choose(sources(), wish).unwrap().position,
                position,
                "{wish}"
            );
        }
    }

    #[test]
    fn one_that_is_not_there_is_refused_with_those_that_are() {
        let table = [
            ("4", "unknown_source"),
            ("-1", "unknown_source"),
            ("", "unknown_source"),
            ("udp://b:1", "unknown_source"),
            ("testcard:", "ambiguous_source"),
        ];
        for (wish, code) in table {
            let failure = choose(sources(), wish).unwrap_err();
            assert_eq!(
                (failure.status.as_u16(), failure.code),
                (400, code),
                "{wish}"
            );
            assert_eq!(failure.details["sources"][1]["label"], "0");
        }
    }
}
