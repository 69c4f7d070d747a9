//! Streams as IPTV front ends ask for them: who may, which channel is meant, and where it plays.

use bytes::Bytes;
use http::header;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::json;

use super::State;
use super::base_url::base_url;
use super::body::Body;
use super::cache::CachePolicy;
use super::error::Failure;
use crate::iptv::m3u::Format;
use crate::iptv::{Lineup, xtream};

/// Why a tuner does not play, as the clients of tuners read it.
const TUNER_ERROR: HeaderName = HeaderName::from_static("x-hdhomerun-error");

/// A stream of the Xtream Codes API.
pub(crate) fn xtream(
    state: &State,
    head: &Parts,
    (user, password): (&str, &str),
    id: u32,
    hls: bool,
) -> Response<Body> {
    let config = state.config();
    let users = config.as_ref().map_or(&[][..], |config| &config.users);
    if users.is_empty() {
        return failure(Failure::not_found("there is nothing at this path"));
    }
    if xtream::login(users, user, password).is_none() {
        let message = "the name or the password is wrong";
        return failure(Failure::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            message,
        ));
    }
    let lineup = Lineup::new(&state.sessions.channels());
    let format = if hls { Format::Hls } else { Format::Ts };
    match lineup.by_stream_id(id) {
        Some(entry) => redirect(state, head, &format.path(entry.spec.id.as_str())),
        None => failure(unknown("stream", id)),
    }
}

/// A stream of the network tuner: one endless MPEG-TS.
pub(crate) fn tuner(state: &State, head: &Parts, number: u32) -> Response<Body> {
    let is_off = state
        .config()
        .is_some_and(|config| config.hdhomerun.tuners == 0);
    if is_off {
        return failure(Failure::not_found("there is nothing at this path"));
    }
    let lineup = Lineup::new(&state.sessions.channels());
    match lineup.by_number(number) {
        Some(entry) => redirect(state, head, &Format::Ts.path(entry.spec.id.as_str())),
        None => {
            let mut response = failure(unknown("channel", number));
            let text = HeaderValue::from_static("801 Unknown Channel");
            response.headers_mut().insert(TUNER_ERROR, text);
            response
        }
    }
}

fn unknown(what: &str, number: u32) -> Failure {
    let message = format!("there is no {what} {number}");
    Failure::new(StatusCode::NOT_FOUND, "unknown_channel", message)
        .with_details(json!({ what: number }))
}

/// Sends a player to where the channel plays.
fn redirect(state: &State, head: &Parts, path: &str) -> Response<Body> {
    let url = format!("{}{path}", base_url(state, head));
    let Ok(location) = HeaderValue::try_from(url) else {
        return failure(Failure::internal());
    };
    let mut response = Response::new(Body::bytes(Bytes::new()));
    *response.status_mut() = StatusCode::FOUND;
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    headers.insert(header::CACHE_CONTROL, CachePolicy::NoStore.header());
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    response
}

fn failure(failure: Failure) -> Response<Body> {
    failure.into_answer(CachePolicy::NoStore).map(Body::bytes)
}
