//! Everything that is not media: an axum router behind the decoded path, with the rules that all of it shares.

use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body::Body as _;

use super::cache::CachePolicy;
use super::error::Failure;
use super::precondition::names_tag;
use super::{State, api, health, idempotency, iptv, web};

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// The page plays on the whole screen and in a small picture; it needs nothing of this.
const NO_DEVICES: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
    magnetometer=(), microphone=(), midi=(), payment=(), usb=()";

/// The longest answer that gets an entity tag, in bytes.
const MAX_TAGGED: usize = 64 << 20;

/// All routes of operators and of the web app.
pub(crate) fn build(state: Arc<State>) -> Router {
    let body_limit = usize::try_from(state.limits.max_body_bytes).unwrap_or(usize::MAX);
    let guarded = api::operations()
        .into_router()
        .route_layer(middleware::from_fn(conditional))
        .route_layer(middleware::from_fn_with_state(
            state.clone(),
            idempotency::once,
        ))
        .layer(middleware::from_fn(strict_headers));
    let open = health::operations()
        .merge(iptv::operations())
        .into_router()
        .route_layer(middleware::from_fn(conditional))
        .route_layer(middleware::from_fn_with_state(
            state.clone(),
            idempotency::once,
        ));
    Router::new()
        .merge(guarded)
        .merge(open)
        .merge(web::routes().layer(middleware::from_fn(strict_headers)))
        .fallback(nothing)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(body_limit))
        .layer(middleware::from_fn(plain_headers))
        .with_state(state)
}

async fn nothing() -> Failure {
    Failure::not_found("there is nothing at this path")
}

async fn wrong_method(method: Method) -> Failure {
    let message = format!("{method} is not possible here");
    Failure::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        message,
    )
}

/// What every answer says: its type is its type, and operators' data stays where it was asked for.
async fn plain_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert_with(|| CachePolicy::NoStore.header());
    headers
        .entry(header::REFERRER_POLICY)
        .or_insert(HeaderValue::from_static("no-referrer"));
    response
}

/// What answers for operators say to browsers: no other page may hold or frame them, whatever they are, and they need
/// nothing that a device has.
async fn strict_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_FRAME_OPTIONS, "DENY"),
        (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
        (CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
        (PERMISSIONS_POLICY, NO_DEVICES),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'; sandbox",
        ));
    response
}

/// Gives answers to GET and HEAD an entity tag, and honours If-None-Match.
async fn conditional(request: Request, next: Next) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    // The router drops the body of answers to HEAD only after its layers, so the tag is that of GET.
    let response = next.run(request).await;
    // What has no length yet has no end either: a stream of events.
    let is_whole = response.body().size_hint().exact().is_some();
    let is_tagged = response.headers().contains_key(header::ETAG);
    if !is_read || !is_whole || is_tagged || response.status() != StatusCode::OK {
        return response;
    }
    let (head, body) = response.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, MAX_TAGGED).await else {
        return Failure::internal().into_response();
    };
    let tag = entity_tag(&bytes);
    let mut response = if known.is_some_and(|known| names_tag(known.as_bytes(), tag.as_bytes())) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        *response.headers_mut() = without_length(head.headers);
        response
    } else {
        Response::from_parts(head, Body::from(bytes))
    };
    response.headers_mut().insert(header::ETAG, tag);
    response
}

fn without_length(mut headers: HeaderMap) -> HeaderMap {
    headers.remove(header::CONTENT_LENGTH);
    headers
}

/// A strong tag of these bytes; it need not resist attackers, who cannot choose what operators' data is.
fn entity_tag(bytes: &[u8]) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    let tag = format!("\"{:016x}-{:x}\"", hasher.finish(), bytes.len());
    HeaderValue::try_from(tag).expect("hexadecimal digits should be a header value")
}
