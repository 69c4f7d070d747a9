//! Documents for IPTV front ends: lists, the guide, the network tuner and the Xtream Codes API.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State as Shared};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::State;
use super::base_url::base_url;
use super::cache::CachePolicy;
use super::error::{ErrorBody, Failure};
use super::iptv_users::{Account, address, own_base, own_lineup, stranger};
use super::operations::Operations;
use super::precondition::{accepts_gzip, names_tag};
use crate::config::HdHomeRunSpec;
use crate::iptv::hdhomerun::{self, Device};
use crate::iptv::m3u::{self, Format, Names, Options};
use crate::iptv::{Lineup, LineupEntry, xmltv, xtream};

type Answer<T> = Result<T, Failure>;
type Asked<T> = Result<Query<T>, QueryRejection>;

/// What front ends ask for by name.
pub(crate) fn operations() -> Operations {
    Operations::about("iptv")
        .add(__path_channel_list, channel_list)
        .add(__path_guide, guide)
        .add(__path_discover, discover)
        .add(__path_lineup_json, lineup_json)
        .add(__path_lineup_xml, lineup_xml)
        .add(__path_lineup_status, lineup_status)
        .add(__path_scan, scan)
        .add(__path_device, device)
        .add(__path_capability, capability)
        .add(__path_player_api, player_api)
        .add(__path_user_list, user_list)
        .add(__path_user_guide, user_guide)
}

/// What the query of a channel list says.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// `hls`, `hls-ts` (HLS with MPEG-TS segments) or `ts` (one endless MPEG-TS).
    #[param(value_type = Option<String>, pattern = "^(hls|hls-ts|ts)$")]
    format: Option<String>,
    /// Only the channels of this group.
    group: Option<String>,
}

/// What the queries of the Xtream Codes API say.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct XtreamQuery {
    /// A `[[user]]` of the configuration, or any name if the password is a token.
    #[serde(default)]
    #[param(required = false)]
    username: String,
    /// The user's, or a token.
    #[serde(default)]
    #[param(required = false)]
    password: String,
    /// `get_live_categories`, `get_live_streams`, `get_short_epg`, `get_simple_data_table`; nothing for the account.
    action: Option<String>,
    /// Of `get_live_streams`: a category.
    category_id: Option<String>,
    /// Of the guide: a channel.
    stream_id: Option<String>,
    /// Of `get_short_epg`: how many programmes.
    limit: Option<String>,
    /// Of lists: `ts` or `m3u8`.
    output: Option<String>,
}

/// All channels as an M3U playlist.
#[utoipa::path(get, path = "/channels.m3u", params(ListQuery), responses(
    (status = 200, description = "The list", content_type = "audio/x-mpegurl", body = String),
    (status = 400, description = "There is no such format", body = ErrorBody),
))]
async fn channel_list(
    Shared(state): Shared<Arc<State>>,
    head: Parts,
    query: Asked<ListQuery>,
) -> Answer<Response> {
    let query = said(query)?;
    let format = format(query.format.as_deref())?;
    let agent = head.headers.get(header::USER_AGENT);
    let agent = agent.and_then(|agent| agent.to_str().ok()).unwrap_or("");
    let base = own_base(&state, &head);
    let options = Options {
        base: &base,
        format,
        group: query.group.as_deref(),
        names: Names::for_agent(agent),
    };
    let text = m3u::render(&own_lineup(&state, &head), options);
    let mut response = playlist(text);
    let vary = HeaderValue::from_static("user-agent");
    response.headers_mut().insert(header::VARY, vary);
    Ok(response)
}

/// The guide of all channels as XMLTV.
///
/// A channel of which nothing is known has hours with its name.
#[utoipa::path(get, path = "/guide.xml", responses(
    (status = 200, description = "The guide", content_type = "application/xml", body = String),
))]
async fn guide(Shared(state): Shared<Arc<State>>, head: Parts) -> Response {
    whole_guide(&state, &head).await
}

/// The network tuner: who it is.
#[utoipa::path(get, path = "/discover.json", responses(
    (status = 200, description = "As an HDHomeRun has it", body = Object),
    (status = 404, description = "`tuner_off`", body = ErrorBody),
))]
async fn discover(Shared(state): Shared<Arc<State>>, head: Parts) -> Answer<Json<Value>> {
    with_device(&state, &head, |device| Json(device.discover()))
}

/// The network tuner: its channels.
#[utoipa::path(get, path = "/lineup.json", responses(
    (status = 200, description = "As an HDHomeRun has it", body = [Object]),
    (status = 404, description = "`tuner_off`", body = ErrorBody),
))]
async fn lineup_json(Shared(state): Shared<Arc<State>>, head: Parts) -> Answer<Json<Value>> {
    with_device(&state, &head, |device| {
        Json(device.lineup(&own_lineup(&state, &head)))
    })
}

/// The network tuner: its channels, as XML.
#[utoipa::path(get, path = "/lineup.xml", responses(
    (status = 200, description = "As an HDHomeRun has it", content_type = "application/xml", body = String),
    (status = 404, description = "`tuner_off`", body = ErrorBody),
))]
async fn lineup_xml(Shared(state): Shared<Arc<State>>, head: Parts) -> Answer<Response> {
    with_device(&state, &head, |device| {
        xml(device.lineup_xml(&own_lineup(&state, &head)))
    })
}

/// The network tuner: whether it scans.
#[utoipa::path(get, path = "/lineup_status.json", responses(
    (status = 200, description = "It never does", body = Object),
    (status = 404, description = "`tuner_off`", body = ErrorBody),
))]
async fn lineup_status(Shared(state): Shared<Arc<State>>, head: Parts) -> Answer<Json<Value>> {
    with_device(&state, &head, |_| Json(hdhomerun::status()))
}

/// The network tuner: a scan begins or ends. The lineup is always whole, so nothing happens.
#[utoipa::path(post, path = "/lineup.post", responses(
    (status = 200, description = "It is done already", body = Object),
    (status = 404, description = "`tuner_off`", body = ErrorBody),
))]
async fn scan(Shared(state): Shared<Arc<State>>, head: Parts) -> Answer<Json<Value>> {
    with_device(&state, &head, |_| Json(hdhomerun::status()))
}

/// The network tuner: its description for UPnP.
#[utoipa::path(get, path = "/device.xml", responses(
    (status = 200, description = "The description", content_type = "application/xml", body = String),
    (status = 404, description = "`tuner_off`", body = ErrorBody),
))]
async fn device(Shared(state): Shared<Arc<State>>, head: Parts) -> Answer<Response> {
    with_device(&state, &head, |device| xml(device.description()))
}

/// The network tuner: its description, by the name that newer Plex asks for.
#[utoipa::path(get, path = "/capability", responses(
    (status = 200, description = "The description", content_type = "application/xml", body = String),
    (status = 404, description = "`tuner_off`", body = ErrorBody),
))]
async fn capability(Shared(state): Shared<Arc<State>>, head: Parts) -> Answer<Response> {
    with_device(&state, &head, |device| xml(device.description()))
}

/// The Xtream Codes API.
#[utoipa::path(get, path = "/player_api.php", params(XtreamQuery), responses(
    (status = 200, description = "What the action asks for", body = Object),
    (status = 401, description = "The name or the password is wrong", body = Object),
    (status = 404, description = "`no_users`: there is no `[[user]]`", body = ErrorBody),
))]
async fn player_api(
    Shared(state): Shared<Arc<State>>,
    head: Parts,
    query: Asked<XtreamQuery>,
) -> Answer<Response> {
    let query = said(query)?;
    let login = (query.username.as_str(), query.password.as_str());
    let Some(account) = Account::of(&state, login, address(&head)) else {
        let why = stranger(&state);
        return match why.status {
            StatusCode::UNAUTHORIZED => Ok((why.status, Json(xtream::refused())).into_response()),
            _ => Err(why),
        };
    };
    let now = Timestamp::now();
    let lineup = account.lineup(&state);
    let answer = match query.action.as_deref() {
        None | Some("") => xtream::account(&account.user, &base_url(&state, &head), now),
        Some("get_live_categories") => xtream::categories(&lineup),
        Some("get_live_streams") => xtream::streams(&lineup, query.category_id.as_deref()),
        Some("get_short_epg") => of_channel(&state, &lineup, &query, |entry, programmes| {
            let limit = query.limit.as_deref().and_then(|limit| limit.parse().ok());
            xtream::short_epg(entry, programmes, now, limit)
        }),
        Some("get_simple_data_table" | "get_simple_date_table") => {
            of_channel(&state, &lineup, &query, |entry, programmes| {
                xtream::data_table(entry, programmes, now)
            })
        }
        // Films, series and whatever else there may be: none.
        Some(_) => json!([]),
    };
    Ok(Json(answer).into_response())
}

/// The Xtream Codes API: all channels as an M3U playlist with the user's own URLs.
#[utoipa::path(get, path = "/get.php", params(XtreamQuery), responses(
    (status = 200, description = "The list", content_type = "audio/x-mpegurl", body = String),
    (status = 401, description = "`unauthorized`", body = ErrorBody),
    (status = 404, description = "`no_users`: there is no `[[user]]`", body = ErrorBody),
))]
async fn user_list(
    Shared(state): Shared<Arc<State>>,
    head: Parts,
    query: Asked<XtreamQuery>,
) -> Answer<Response> {
    let (account, query) = entitled(&state, &head, query)?;
    let format = match query.output.as_deref() {
        Some("m3u8" | "hls") => Format::Hls,
        _ => Format::Ts,
    };
    let base = base_url(&state, &head);
    let (name, password) = (&account.user.name, account.user.password.expose());
    let text = m3u::render_for_user(&account.lineup(&state), &base, name, password, format);
    Ok(playlist(text))
}

/// The Xtream Codes API: the guide as XMLTV.
#[utoipa::path(get, path = "/xmltv.php", params(XtreamQuery), responses(
    (status = 200, description = "The guide", content_type = "application/xml", body = String),
    (status = 401, description = "`unauthorized`", body = ErrorBody),
    (status = 404, description = "`no_users`: there is no `[[user]]`", body = ErrorBody),
))]
async fn user_guide(
    Shared(state): Shared<Arc<State>>,
    head: Parts,
    query: Asked<XtreamQuery>,
) -> Answer<Response> {
    entitled(&state, &head, query)?;
    Ok(whole_guide(&state, &head).await)
}

/// Who asks, and what for.
fn entitled(
    state: &State,
    head: &Parts,
    query: Asked<XtreamQuery>,
) -> Answer<(Account, XtreamQuery)> {
    let query = said(query)?;
    let account = Account::of(state, (&query.username, &query.password), address(head));
    Ok((account.ok_or_else(|| stranger(state))?, query))
}

fn said<T>(query: Asked<T>) -> Answer<T> {
    match query {
        Ok(Query(query)) => Ok(query),
        Err(rejection) => Err(Failure::bad_request(rejection.body_text())),
    }
}

fn format(text: Option<&str>) -> Answer<Format> {
    let Some(text) = text else {
        return Ok(Format::default());
    };
    Format::parse(text).ok_or_else(|| {
        Failure::bad_request(format!("format must be hls, hls-ts or ts, not {text:?}"))
    })
}

fn with_device<T>(state: &State, head: &Parts, answer: impl FnOnce(Device<'_>) -> T) -> Answer<T> {
    let config = state.config();
    let spec = config.as_ref().map(|config| &config.hdhomerun);
    let spec = spec.cloned().unwrap_or_else(HdHomeRunSpec::default);
    if spec.tuners == 0 {
        let message = "the network tuner is switched off: `tuners = 0` in `[hdhomerun]`";
        return Err(Failure::new(StatusCode::NOT_FOUND, "tuner_off", message));
    }
    Ok(answer(Device {
        id: spec.device_id.unwrap_or(state.device_id),
        name: &spec.name,
        tuners: spec.tuners,
        base: &own_base(state, head),
    }))
}

/// What is known of the channel that a query names.
fn of_channel(
    state: &State,
    lineup: &Lineup,
    query: &XtreamQuery,
    answer: impl FnOnce(&LineupEntry, &[crate::iptv::Programme]) -> Value,
) -> Value {
    let id = query.stream_id.as_deref().and_then(|id| id.parse().ok());
    match id.and_then(|id| lineup.by_stream_id(id)) {
        Some(entry) => {
            let programmes = state.guides.programmes(&entry.spec);
            answer(entry, programmes.as_deref().unwrap_or_default())
        }
        None => json!({"epg_listings": []}),
    }
}

fn playlist(text: String) -> Response {
    let fields = [
        (header::CONTENT_TYPE, m3u::MEDIA_TYPE),
        (
            header::CONTENT_DISPOSITION,
            "inline; filename=\"channels.m3u\"",
        ),
    ];
    (fields, text).into_response()
}

fn xml(text: String) -> Response {
    ([(header::CONTENT_TYPE, xmltv::MEDIA_TYPE)], text).into_response()
}

/// The guide, compressed for who takes that, or not at all for who has it.
async fn whole_guide(state: &State, head: &Parts) -> Response {
    let document = state.guides.document(Timestamp::now()).await;
    let asked = |name| head.headers.get(name).map(HeaderValue::as_bytes);
    let is_known =
        asked(header::IF_NONE_MATCH).is_some_and(|tags| names_tag(tags, document.etag.as_bytes()));
    let gzip = asked(header::ACCEPT_ENCODING).is_some_and(accepts_gzip);
    let mut response = Response::default();
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        let bytes = if gzip {
            &document.gzip
        } else {
            &document.plain
        };
        *response.body_mut() = bytes.clone().into();
    }
    let modified =
        jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&document.modified);
    let headers = response.headers_mut();
    for (name, text) in [
        (header::ETAG, document.etag.as_str()),
        (header::LAST_MODIFIED, modified.as_deref().unwrap_or("")),
    ] {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    }
    headers.insert(header::CACHE_CONTROL, CachePolicy::Revalidate.header());
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if !is_known {
        let kind = HeaderValue::from_static(xmltv::MEDIA_TYPE);
        headers.insert(header::CONTENT_TYPE, kind);
        if gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
    response
}
