//! Where in a request a token is.

use http::header;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Method, Uri};

use super::super::route::Route;

/// What paths begin with that hold a token.
const PATH: &str = "/t/";
/// The parameter of a query, as it begins.
pub(super) const PARAMETER: &str = "token=";
/// The longest token, in bytes.
const MAX_TOKEN: usize = crate::security::token::MAX_LENGTH;

/// The token that stood in the path, which is taken off it.
#[derive(Debug, Clone)]
struct Carried(Box<str>);

/// A token and where it was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) token: &'a str,
    pub(super) place: Place,
}

impl Shown<'_> {
    /// It stands in the URL, and was not meant for something else.
    pub(crate) fn is_in_url(self) -> bool {
        self.place != Place::Header
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
    Header,
}

/// Takes a token off the front of the path, so that all that comes after sees the path of everybody, and no log the
/// token.
pub(super) fn take_from_path(head: &mut Parts) {
    let Some(target) = head.uri.path_and_query().map(PathAndQuery::as_str) else {
        return;
    };
    let Some((token, rest)) = target
        .strip_prefix(PATH)
        .and_then(|rest| rest.split_once('/'))
    else {
        return;
    };
    if !is_token(token) {
        return;
    }
    let (token, rest) = (Carried(token.into()), format!("/{rest}"));
    // What is not for viewers has one path and no other: whoever stands in front of the gateway may guard it by that.
    if !is_for_viewers(Route::decode(&Method::GET, &rest)) {
        return;
    }
    let Ok(rest) = PathAndQuery::try_from(rest) else {
        return;
    };
    let mut parts = head.uri.clone().into_parts();
    parts.path_and_query = Some(rest);
    if let Ok(uri) = Uri::from_parts(parts) {
        head.uri = uri;
        head.extensions.insert(token);
    }
}

fn is_for_viewers(route: Route<'_>) -> bool {
    !matches!(
        route,
        Route::Api
            | Route::Debug
            | Route::Health
            | Route::Ready
            | Route::Metrics
            | Route::Refused(_)
    )
}

/// Whether the path begins as those that hold a token.
pub(super) fn is_in_path(head: &Parts) -> bool {
    head.uri.path().starts_with(PATH)
}

/// What stands in URLs as it is.
pub(crate) fn is_token(text: &str) -> bool {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    !matches!(text, "" | "." | "..") && text.len() <= MAX_TOKEN && text.bytes().all(fine)
}

/// The token of a request: in its path, in its query, or in its header.
pub(crate) fn shown(head: &Parts) -> Option<Shown<'_>> {
    if let Some(Carried(token)) = head.extensions.get() {
        let place = Place::Path;
        return Some(Shown { token, place });
    }
    let mut pairs = head.uri.query().unwrap_or_default().split('&');
    if let Some(token) = pairs.find_map(|pair| pair.strip_prefix(PARAMETER)) {
        let place = Place::Query;
        return Some(Shown { token, place });
    }
    let value = head.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let place = Place::Header;
    scheme.eq_ignore_ascii_case("bearer").then(|| Shown {
        token: token.trim(),
        place,
    })
}

/// The beginning of URLs that carry a token.
pub(crate) fn with_token(base: &str, token: &str) -> String {
    format!("{base}{PATH}{token}")
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn head(target: &str, authorization: Option<&str>) -> Parts {
        let mut request = Request::get(target);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_token_is_in_the_path_or_the_query_or_the_header() {
        for (target, field, expected) in [
            ("/live/a/index.m3u8?token=x.y", None, Some("x.y")),
            ("/live/a/index.m3u8?_HLS_msn=1&token=x", None, Some("x")),
            ("/live/a/index.m3u8?mytoken=x", None, None),
            ("/live/a/index.m3u8", Some("Bearer x"), Some("x")),
            ("/live/a/index.m3u8", Some("bearer  x "), Some("x")),
            ("/live/a/index.m3u8", Some("Basic x"), None),
            ("/live/a/index.m3u8", Some("Bearer"), None),
            ("/live/a/index.m3u8?token=q", Some("Bearer h"), Some("q")),
            ("/live/a/index.m3u8", None, None),
        ] {
            let head = head(target, field);
            assert_eq!(shown(&head).map(|shown| shown.token), expected, "{target}");
        }
    }

    #[test]
    fn a_token_is_taken_off_the_path_and_nothing_else_is() {
        let mut plain = head("/t/hg1.a-b_c~/live/a/index.m3u8?_HLS_msn=3", None);
        assert!(is_in_path(&plain));
        take_from_path(&mut plain);
        assert_eq!(plain.uri, "/live/a/index.m3u8?_HLS_msn=3");
        assert_eq!(shown(&plain).unwrap().token, "hg1.a-b_c~");
        let mut whole = head("http://tv.example/t/x/", None);
        take_from_path(&mut whole);
        assert_eq!(whole.uri, "http://tv.example/");
        let long = format!("/t/{}/live/a", "x".repeat(MAX_TOKEN + 1));
        for other in [
            "/t/",
            "/t",
            "/t/x",
            "/t//live",
            "/t/../live",
            "/t/a%2f/live",
            "/t/x/api/v1/config",
            "/t/x/debug/sessions",
            "/t/x/metrics",
            "/t/x/../api",
            "/tt/x/live",
            &long,
        ] {
            let mut head = head(other, None);
            take_from_path(&mut head);
            assert_eq!(head.uri.path(), other);
            assert!(shown(&head).is_none(), "{other}");
        }
        let twice = "/t/a/t/b/live/x";
        let mut head = head(twice, None);
        take_from_path(&mut head);
        assert_eq!(head.uri.path(), "/t/b/live/x", "and no such path is one");
    }
}
