//! Who is told: a URL, a secret, and a choice of events.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;

use http::{HeaderValue, Uri, uri};

use super::Secret;
use crate::client::basic;
use crate::events::Filter;

/// One receiver of events. Whoever configures it may name any host, those of private networks included.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Without user and password.
    pub(super) target: Uri,
    /// What these have become.
    pub(super) authorization: Option<HeaderValue>,
    pub(super) secret: Secret,
    pub(super) filter: Filter,
}

/// Why a text is not the URL of an endpoint. Never quotes it: a path may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpoint {
    /// Not a URL at all.
    #[error("this is not a URL: {0}")]
    NotAUrl(String),
    /// Neither http nor https.
    #[error("the URL of a webhook begins with http:// or https://")]
    Scheme,
    /// There is no host in it.
    #[error("there is no host in the URL")]
    NoHost,
    /// User or password hold a broken percent-encoding.
    #[error(
        "the user or the password in the URL has a % that is not followed by two hexadecimal digits"
    )]
    Credentials,
}

// === impl Endpoint ===

impl Endpoint {
    /// A URL of `http` or `https`; user and password in it become Basic authentication.
    ///
    /// # Errors
    /// When the URL cannot be used.
    pub fn new(url: &str, secret: Secret, filter: Filter) -> Result<Self, InvalidEndpoint> {
        let url = url.split_once('#').map_or(url, |(url, _)| url);
        let not_a_url = |why: http::Error| InvalidEndpoint::NotAUrl(why.to_string());
        let mut parts = url
            .parse::<Uri>()
            .map_err(|why| not_a_url(why.into()))?
            .into_parts();
        if !parts.scheme.as_ref().is_some_and(is_http) {
            return Err(InvalidEndpoint::Scheme);
        }
        let authority = parts.authority.take().ok_or(InvalidEndpoint::NoHost)?;
        let (credentials, place) = match authority.as_str().rsplit_once('@') {
            Some((credentials, place)) => (Some(credentials), place),
            None => (None, authority.as_str()),
        };
        if authority.host().is_empty() {
            return Err(InvalidEndpoint::NoHost);
        }
        parts.authority = Some(
            place
                .parse()
                .map_err(|why: uri::InvalidUri| not_a_url(why.into()))?,
        );
        Ok(Self {
            target: Uri::from_parts(parts).map_err(|why| not_a_url(why.into()))?,
            authorization: credentials
                .map(|text| basic(text).ok_or(InvalidEndpoint::Credentials))
                .transpose()?,
            secret,
            filter,
        })
    }

    /// The host, with the port if one is named: all of the URL that is ever shown.
    pub fn host(&self) -> &str {
        self.target.authority().map_or("", uri::Authority::as_str)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("host", &self.host())
            .field("filter", &self.filter)
            .finish_non_exhaustive()
    }
}

fn is_http(scheme: &uri::Scheme) -> bool {
    [uri::Scheme::HTTP, uri::Scheme::HTTPS].contains(scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> Result<Endpoint, InvalidEndpoint> {
        Endpoint::new(url, Secret::new(b"key".as_slice()), Filter::default())
    }

    #[test]
    fn a_url_is_split_into_what_is_sent_where() {
        let full = endpoint("https://user:p%40ss@Hooks.example:8443/a/b?c=d#e").unwrap();
        assert_eq!(full.target, "https://Hooks.example:8443/a/b?c=d");
        assert_eq!(full.host(), "Hooks.example:8443");
        assert_eq!(full.authorization.unwrap(), "Basic dXNlcjpwQHNz");
        let plain = endpoint("http://10.0.0.7").unwrap();
        assert_eq!((plain.host(), plain.target.path()), ("10.0.0.7", "/"));
        assert_eq!(plain.authorization, None);
        let user = endpoint("http://token@[::1]:80/x").unwrap();
        assert_eq!(user.host(), "[::1]:80");
        assert_eq!(user.authorization.unwrap(), "Basic dG9rZW46");
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        for (url, expected) in [
            ("ftp://a/b", InvalidEndpoint::Scheme),
            ("/a/b", InvalidEndpoint::Scheme),
            ("hooks.example", InvalidEndpoint::Scheme),
            ("http://%zz@a/", InvalidEndpoint::Credentials),
            ("http://a%4@a/", InvalidEndpoint::Credentials),
        ] {
            assert_eq!(endpoint(url), Err(expected), "{url}");
        }
        for url in ["", "http://", "http://a b/", "http://@/x", "http:///x"] {
            assert!(endpoint(url).is_err(), "{url}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let url = "https://hunter1:hunter2@hooks.example/hunter3?hunter4=hunter5";
        let text = format!("{:?}", endpoint(url).unwrap());
        assert!(text.contains("hooks.example"), "{text}");
        assert!(!text.contains("hunter"), "{text}");
        for url in [
            "hunter://hunter2@x",
            "http://hunter%@x/hunter3",
            "http://hun ter/",
        ] {
            let text = endpoint(url).unwrap_err().to_string();
            assert!(
                !text.contains("hunter") && !text.contains("hun ter"),
                "{text}"
            );
        }
    }
}
