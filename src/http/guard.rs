//! What browsers may be tricked into: requests from other pages, and names that point at this machine.
//!
//! The API has no CORS, so pages of other origins cannot read it; they could still *send*. And a page that resolves
//! its own name to a loopback address is of the same origin to the browser: its Host header gives it away.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};

use super::error::Failure;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The authority that a request names: in its target (HTTP/2, proxies), else in its Host header.
pub(crate) fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let in_target = uri.authority().map(|authority| authority.as_str());
    in_target.or_else(|| text(headers, &header::HOST))
}

/// Operators call the gateway by an address, by `localhost` or by a name that is known to be its own. A page that makes
/// its own name lead here has another one, and cannot have an address for a name.
pub(crate) fn check_host(host: Option<&str>, names: &[String]) -> Result<(), Failure> {
    let is_ours = host.is_none_or(|host| {
        let name = without_port(host).to_ascii_lowercase();
        name == "localhost"
            || name.ends_with(".localhost")
            || is_address(&name)
            || names.contains(&name)
    });
    if is_ours {
        return Ok(());
    }
    let message = "operators call this gateway by an address, by localhost, or by a name of `hosts` in `[operators]`";
    let status = StatusCode::MISDIRECTED_REQUEST;
    Err(Failure::new(status, "wrong_host", message))
}

/// A request that changes something comes from our own page, or from no page at all.
pub(crate) fn check_origin(
    method: &Method,
    host: Option<&str>,
    headers: &HeaderMap,
) -> Result<(), Failure> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let site = text(headers, &SEC_FETCH_SITE);
    let is_other_site = site.is_some_and(|site| site != "same-origin" && site != "none");
    let is_other_origin = headers.contains_key(header::ORIGIN)
        && !is_same_origin(text(headers, &header::ORIGIN), host);
    if is_other_site || is_other_origin {
        return Err(Failure::forbidden(
            "pages of other origins may change nothing here",
        ));
    }
    Ok(())
}

fn is_same_origin(origin: Option<&str>, host: Option<&str>) -> bool {
    let authority = origin.and_then(|origin| origin.split_once("://"));
    match (authority, host) {
        (Some((_, authority)), Some(host)) => authority.eq_ignore_ascii_case(host),
        _ => false,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    // A value that is not text is not absent.
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => {
            name
        }
        _ => host,
    }
}

fn is_address(name: &str) -> bool {
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    bare.unwrap_or(name).parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        fields.iter().map(field).collect()
    }

    #[test]
    fn names_that_are_not_known_are_refused() {
        let names = ["tv.example".to_owned()];
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "tv.localhost:8080",
            "127.0.0.1:8080",
            "192.168.1.7",
            "[::1]:8080",
            "[::1]",
            "tv.example",
            "TV.example:8081",
        ] {
            assert!(check_host(Some(host), &names).is_ok(), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "a.tv.example",
            "tv.example.evil",
            "",
            "?",
            "localhost@evil.example",
            "evil.example@localhost",
        ] {
            let failure = check_host(Some(host), &names).unwrap_err();
            assert_eq!(failure.status, 421, "{host}");
        }
        assert!(check_host(None, &names).is_ok());
    }

    #[test]
    fn pages_of_other_origins_change_nothing() {
        let host = Some("localhost:8080");
        let allowed: [&[(&str, &str)]; 4] = [
            &[],
            &[("origin", "http://localhost:8080")],
            &[
                ("origin", "http://LOCALHOST:8080"),
                ("sec-fetch-site", "same-origin"),
            ],
            &[("sec-fetch-site", "none")],
        ];
        for fields in allowed {
            assert!(
                check_origin(&Method::POST, host, &headers(fields)).is_ok(),
                "{fields:?}"
            );
        }
        let refused: [&[(&str, &str)]; 6] = [
            &[("origin", "http://evil.example")],
            &[("origin", "http://localhost:3000")],
            &[("origin", "null")],
            &[("origin", "")],
            &[("sec-fetch-site", "cross-site")],
            &[
                ("origin", "http://localhost:8080"),
                ("sec-fetch-site", "same-site"),
            ],
        ];
        for fields in refused {
            for method in [Method::POST, Method::DELETE, Method::PUT, Method::PATCH] {
                let failure = check_origin(&method, host, &headers(fields)).unwrap_err();
                assert_eq!(failure.status, 403, "{fields:?}");
            }
            assert!(check_origin(&Method::GET, host, &headers(fields)).is_ok());
        }
        assert!(check_origin(&Method::POST, None, &headers(&[("origin", "http://a")])).is_err());
    }
}
