//! What operators change, from a request to a line that is kept; and reading those lines: `/api/v1/audit`.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State as Shared};
use axum::response::Response;
use axum::{Extension, Json};
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::State;
use super::error::{Code, ErrorBody, Failure};
use super::listing::{ListQuery, Listing, key_of};
use super::operations::Operations;
use super::operators::Visitor;
use crate::audit::{Change, Outcome, Record};
use crate::base::ChannelId;
use crate::session::SessionMap;

/// What is kept of a client that left before it was answered: nginx's number for it.
const ABANDONED: u16 = 499;

/// What a handler wants to be known besides the path: an extension of its answer.
#[derive(Debug, Clone)]
pub(crate) struct Detail(pub(crate) String);

/// The `operationId`: an extension of an operation's answers.
#[derive(Debug, Clone)]
pub(crate) struct Action(pub(crate) Arc<str>);

/// A change while it is made; kept when it is over, however that comes.
pub(crate) struct Deed {
    state: Arc<State>,
    /// Gone when it is kept.
    change: Option<Change>,
}

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OperatorView {
    /// The name of the token; `local` where none is needed.
    name: String,
    /// `read`, or `operate` for who may change things.
    #[schema(pattern = "^(read|operate)$")]
    role: &'static str,
    /// Whether they are known by a token.
    has_token: bool,
}

/// What operators have done, and who asks.
pub(crate) fn operations() -> Operations {
    Operations::about("operators")
        .add(__path_audit, audit)
        .add(__path_operator, operator)
}

/// What operators have changed, or tried to: the last 1000 changes since the start, the newest first.
#[utoipa::path(get, path = "/api/v1/audit", params(ListQuery), responses(
    (status = 200, description = "A page of changes", body = Listing<Record>),
    (status = 400, description = "`bad_request`: not a limit or a cursor", body = ErrorBody),
))]
async fn audit(
    Shared(state): Shared<Arc<State>>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Listing<Record>>, Failure> {
    let Query(query) = query.map_err(|rejection| Failure::bad_request(rejection.body_text()))?;
    let all = state.operators.audit.recent();
    let page = query.page(
        &all,
        |record| key_of(record.id),
        |record| (**record).clone(),
    )?;
    Ok(Json(page))
}

/// Who asks, and what they may do.
#[utoipa::path(get, path = "/api/v1/operator", responses(
    (status = 200, description = "Whoever this token belongs to", body = OperatorView),
))]
async fn operator(Extension(visitor): Extension<Visitor>) -> Json<OperatorView> {
    Json(OperatorView {
        name: visitor.name,
        role: visitor.role.as_str(),
        has_token: visitor.has_token,
    })
}

// === impl Visitor ===

impl Visitor {
    /// A change that they ask for, before anything is known of how it goes.
    pub(crate) fn change(&self, method: &str, path: &str) -> Change {
        let (channel, session) = target(path);
        Change {
            operator: self.name.clone(),
            role: self.role.as_str(),
            address: self.address,
            action: String::new(),
            method: method.to_owned(),
            path: path.to_owned(),
            detail: String::new(),
            status: 0,
            code: "",
            outcome: Outcome::Done,
            channel,
            session,
        }
    }
}

// === impl Deed ===

impl Deed {
    pub(crate) fn begin(state: Arc<State>, change: Change) -> Self {
        Self {
            state,
            change: Some(change),
        }
    }

    /// It is over, and this is the answer.
    pub(crate) fn end(mut self, response: &Response) {
        let extensions = response.extensions();
        let code = extensions.get::<Code>().map_or("", |code| code.0);
        if let Some(mut change) = self.change.take() {
            let action = extensions.get::<Action>();
            change.action = action.map_or(String::new(), |action| action.0.to_string());
            let detail = extensions.get::<Detail>();
            change.detail = detail.map_or(String::new(), |detail| detail.0.clone());
            self.keep(ended(change, response.status(), code));
        }
    }

    fn keep(&self, mut change: Change) {
        if let Some(session) = change.session {
            change.channel = channel_of(&self.state.sessions, session);
        }
        self.state.operators.audit.keep(Timestamp::now(), change);
    }
}

impl Drop for Deed {
    /// Whoever asked has left, or something panicked: it may be done all the same.
    fn drop(&mut self) {
        if let Some(change) = self.change.take() {
            let (status, code) = match std::thread::panicking() {
                true => (500, "internal"),
                false => (ABANDONED, "abandoned"),
            };
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            self.keep(ended(change, status, code));
        }
    }
}

/// The change with how it went.
pub(crate) fn ended(change: Change, status: StatusCode, code: &'static str) -> Change {
    Change {
        status: status.as_u16(),
        code,
        outcome: Outcome::of(status.as_u16()),
        ..change
    }
}

fn channel_of(sessions: &SessionMap, session: Uuid) -> Option<ChannelId> {
    sessions.channel_of(session).map(|spec| spec.id.clone())
}

/// The channel or the session that a path names.
fn target(path: &str) -> (Option<ChannelId>, Option<Uuid>) {
    let mut segments = path.split('/').skip(3);
    match (segments.next(), segments.next()) {
        (Some("channels"), Some(id)) => (ChannelId::new(id).ok(), None),
        (Some("sessions"), Some(id)) => (None, Uuid::parse_str(id).ok()),
        _ => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_target() {
        let id = "01939f00-0000-7000-8000-000000000000";
        let (channel, session) = target("/api/v1/channels/news/start");
        assert_eq!(
            (channel.as_ref().map(ChannelId::as_str), session),
            (Some("news"), None)
        );
        let (channel, session) = target(&format!("/api/v1/sessions/{id}/viewers/0"));
        assert_eq!(
            (channel, session.map(|id| id.to_string())),
            (None, Some(id.to_owned()))
        );
        for path in [
            "/api/v1/sessions/x",
            "/api/v1/config/reload",
            "/api/v1/channels/a%20b",
            "/",
            "",
        ] {
            assert_eq!(target(path), (None, None), "{path}");
        }
    }
}
