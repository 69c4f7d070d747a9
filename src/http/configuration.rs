//! The configuration in force, for operators: what holds, what was refused and why, and reading the file again.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::State;
use super::error::{ErrorBody, Failure};
use super::operations::Operations;
use super::operators_view::OperatorsView;
use super::state::Configuration;
use super::tls_view::TlsView;
use crate::config::{
    ChannelSpec, ConfigDiff, ConfigHolder, LostWhen, Outcome, Problem, Refused, ServerConfig,
    SourceSpec, WebhookSpec,
};
use crate::tls::Certificates;

/// What is below `/api/v1/config`.
pub(crate) fn operations() -> Operations {
    Operations::about("configuration")
        .add(__path_configuration, configuration)
        .add(__path_reload, reload)
}

/// What is in force. Secrets are masked: URLs are labels, and of headers only the names are shown.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConfigView {
    /// The file; nothing if there is none.
    file: Option<String>,
    /// Which text of the file is in force.
    version: Option<String>,
    /// Since when.
    in_force_since: String,
    server: ServerView,
    operators: OperatorsView,
    /// Keys of `[server]` and `[operators]` that hold only from the next start on.
    needs_restart: Vec<&'static str>,
    channels: Vec<ChannelConfigView>,
    webhooks: Vec<WebhookView>,
    /// Why what the file says now is not in force; nothing if it is.
    last_error: Option<RefusedView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ServerView {
    listen: String,
    public_url: Option<String>,
    ffmpeg: Option<String>,
    max_connections: usize,
    max_connections_per_address: usize,
    max_sessions: usize,
    state: Option<String>,
    /// What is fetched from besides the internet.
    allow_private: Vec<String>,
    /// Ranges of addresses whose word about viewers counts.
    trusted_proxies: Vec<String>,
    /// The listener for TLS.
    tls: Option<TlsView>,
}

/// Times are seconds.
#[derive(Debug, Serialize, ToSchema)]
struct ChannelConfigView {
    id: String,
    sources: Vec<SourceConfigView>,
    grace_period: f64,
    start_timeout: f64,
    slate_after: Option<f64>,
    hold_down: f64,
    lost_when: LostWhenView,
    segment_duration: f64,
    part_duration: f64,
    window: f64,
}

#[derive(Debug, Serialize, ToSchema)]
struct SourceConfigView {
    label: String,
    timeout: Option<f64>,
    /// Whether there is one; what it is may be a secret.
    has_user_agent: bool,
    /// Their names.
    headers: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct LostWhenView {
    black: Option<f64>,
    frozen: Option<f64>,
    silent: Option<f64>,
}

#[derive(Debug, Serialize, ToSchema)]
struct WebhookView {
    label: String,
    events: Vec<String>,
    channels: Vec<String>,
}

/// Why a file was refused.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefusedView {
    /// When it was read.
    at: String,
    /// One line for people.
    message: String,
    /// Each problem with its line and column.
    problems: Vec<ProblemView>,
}

/// One thing that is wrong with the file.
#[derive(Debug, Serialize, ToSchema)]
struct ProblemView {
    /// From 1.
    line: usize,
    /// In characters, from 1.
    column: usize,
    /// What is wrong.
    message: String,
    /// What to write instead.
    help: Option<String>,
}

/// What reading the file again has changed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReloadView {
    /// Whether anything is different.
    changed: bool,
    /// Channels that are new.
    added: Vec<String>,
    /// Channels that are gone.
    removed: Vec<String>,
    /// Channels that are not as they were.
    updated: Vec<UpdatedView>,
    /// Keys of `[server]` that hold only from the next start on.
    needs_restart: Vec<&'static str>,
}

#[derive(Debug, Serialize, ToSchema)]
struct UpdatedView {
    channel: String,
    /// `relabelled`, `retimed` or `restarted`.
    change: &'static str,
}

/// The configuration in force, and the error of the last reload if it failed.
///
/// Credentials are masked.
#[utoipa::path(get, path = "/api/v1/config", tag = "gateway", responses(
    (status = 200, description = "What is in force", body = ConfigView),
))]
async fn configuration(Shared(state): Shared<Arc<State>>) -> Result<Json<ConfigView>, Failure> {
    let certificates = state.certificates.as_deref();
    Ok(Json(ConfigView::new(of(&state)?.holder(), certificates)))
}

/// Reads the configuration's file again, now.
///
/// It is watched, so this is for who cannot wait or wants the answer. A file that is refused changes nothing.
#[utoipa::path(post, path = "/api/v1/config/reload", tag = "gateway", responses(
    (status = 200, description = "It is in force; what that has changed", body = ReloadView),
    (status = 409, description = "`no_config_file`", body = ErrorBody),
    (status = 422, description = "`config_refused`: every problem is in the details", body = ErrorBody),
))]
async fn reload(Shared(state): Shared<Arc<State>>) -> Result<Json<ReloadView>, Failure> {
    let configuration = of(&state)?;
    let needs_restart = || configuration.holder().needs_restart();
    match configuration.reload().await {
        Outcome::Same => Ok(Json(ReloadView::new(
            &ConfigDiff::default(),
            needs_restart(),
        ))),
        Outcome::Replaced(_, diff) => Ok(Json(ReloadView::new(&diff, needs_restart()))),
        Outcome::Refused(refused) | Outcome::StillRefused(refused) => Err(refusal(&refused)),
        Outcome::NoFile => {
            let message = "the configuration does not come from a file";
            Err(Failure::new(
                StatusCode::CONFLICT,
                "no_config_file",
                message.to_owned(),
            ))
        }
    }
}

fn of(state: &State) -> Result<&dyn Configuration, Failure> {
    let configuration = state.configuration.as_deref();
    configuration.ok_or_else(|| {
        let message = "there is no configuration to look at".to_owned();
        Failure::new(StatusCode::NOT_FOUND, "no_configuration", message)
    })
}

fn refusal(refused: &Refused) -> Failure {
    let message = format!(
        "the file is refused, and the configuration before it stays in force: {}",
        refused.summary
    );
    Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "config_refused", message)
        .with_details(json!({"problems": refused.problems}))
}

// === impl ConfigView ===

impl ConfigView {
    fn new(holder: &ConfigHolder, certificates: Option<&Certificates>) -> Self {
        let standing = holder.standing();
        let config = &standing.config;
        Self {
            file: holder
                .origin()
                .map(|origin| origin.path.display().to_string()),
            version: standing.version.clone(),
            in_force_since: standing.since.to_string(),
            server: ServerView::new(&config.server, certificates),
            operators: OperatorsView::new(config),
            needs_restart: holder.needs_restart(),
            channels: config
                .channels
                .iter()
                .map(|spec| ChannelConfigView::new(spec))
                .collect(),
            webhooks: config
                .webhooks
                .iter()
                .map(|spec| WebhookView::new(spec))
                .collect(),
            last_error: standing.refused.as_deref().map(RefusedView::new),
        }
    }
}

impl ServerView {
    fn new(server: &ServerConfig, certificates: Option<&Certificates>) -> Self {
        let text = |path: &std::path::PathBuf| path.display().to_string();
        Self {
            listen: server.listen.to_string(),
            public_url: server.public_url.clone(),
            ffmpeg: server.ffmpeg.as_ref().map(text),
            max_connections: server.max_connections,
            max_connections_per_address: server.max_connections_per_address,
            max_sessions: server.max_sessions,
            state: server.state.as_ref().map(text),
            allow_private: server
                .allow_private
                .iter()
                .map(ToString::to_string)
                .collect(),
            trusted_proxies: server
                .trusted_proxies
                .iter()
                .map(ToString::to_string)
                .collect(),
            tls: server
                .tls
                .as_ref()
                .map(|tls| TlsView::new(tls, certificates)),
        }
    }
}

impl ChannelConfigView {
    fn new(spec: &ChannelSpec) -> Self {
        let LostWhen {
            black,
            frozen,
            silent,
        } = spec.lost_when;
        let seconds = |time: Option<std::time::Duration>| time.map(|time| time.as_secs_f64());
        Self {
            id: spec.id.to_string(),
            sources: spec.sources.iter().map(SourceConfigView::new).collect(),
            grace_period: spec.grace_period.as_secs_f64(),
            start_timeout: spec.start_timeout.as_secs_f64(),
            slate_after: seconds(spec.slate_after),
            hold_down: spec.hold_down.as_secs_f64(),
            lost_when: LostWhenView {
                black: seconds(black),
                frozen: seconds(frozen),
                silent: seconds(silent),
            },
            segment_duration: spec.segment_duration.as_secs_f64(),
            part_duration: spec.part_duration.as_secs_f64(),
            window: spec.window.as_secs_f64(),
        }
    }
}

impl SourceConfigView {
    fn new(source: &SourceSpec) -> Self {
        Self {
            label: source.label(),
            timeout: source.timeout.map(|time| time.as_secs_f64()),
            has_user_agent: source.user_agent.is_some(),
            headers: source
                .headers
                .iter()
                .map(|header| header.name.clone())
                .collect(),
        }
    }
}

impl WebhookView {
    fn new(spec: &WebhookSpec) -> Self {
        Self {
            label: spec.label(),
            events: spec.events.clone(),
            channels: spec.channels.iter().map(ToString::to_string).collect(),
        }
    }
}

impl RefusedView {
    fn new(refused: &Refused) -> Self {
        Self {
            at: refused.at.to_string(),
            message: refused.summary.clone(),
            problems: refused.problems.iter().map(ProblemView::new).collect(),
        }
    }
}

impl ProblemView {
    fn new(problem: &Problem) -> Self {
        Self {
            line: problem.line,
            column: problem.column,
            message: problem.message.clone(),
            help: problem.help.clone(),
        }
    }
}

// === impl ReloadView ===

impl ReloadView {
    fn new(diff: &ConfigDiff, needs_restart: Vec<&'static str>) -> Self {
        let updated = diff.changed.iter().map(|(spec, change)| UpdatedView {
            channel: spec.id.to_string(),
            change: change.as_str(),
        });
        Self {
            changed: !diff.is_empty(),
            added: diff.added.iter().map(|spec| spec.id.to_string()).collect(),
            removed: diff.removed.iter().map(ToString::to_string).collect(),
            updated: updated.collect(),
            needs_restart,
        }
    }
}
