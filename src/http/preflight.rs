//! What a browser is told that asks whether a page of another origin may read media (Fetch, section 3.2.2).

use http::{HeaderValue, Response, StatusCode, header};

use super::body::Body;

/// The answer to a browser that asks whether a page of another origin may read media: yes, without credentials.
pub(crate) fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::none());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    let fields = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, OPTIONS"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, range, if-none-match, if-range, cmcd-session, cmcd-object, cmcd-request, cmcd-status",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
        (header::ALLOW, "GET, HEAD, OPTIONS"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, text) in fields {
        headers.insert(name, HeaderValue::from_static(text));
    }
    response
}
