//! The ways in: plain, over TLS, and one that only shows the way to TLS.

use std::sync::Arc;

use http::uri::Authority;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use tokio::net::TcpListener;

use super::activity::{Activity, InFlight};
use super::body::Body;
use super::operators::Audience;
use crate::tls::Acceptor;

/// A listener and what is spoken there.
#[derive(Debug)]
pub struct Entrance {
    pub(crate) listener: TcpListener,
    pub(crate) door: Arc<Door>,
    pub(crate) audience: Audience,
}

/// What is spoken at a listener.
#[derive(Debug)]
pub(crate) enum Door {
    /// HTTP as it is.
    Plain,
    /// HTTP, and the answer is the https URL on this port; only what machines ask for is answered here.
    Redirect(u16),
    /// HTTP over TLS.
    Tls(Acceptor),
}

// === impl Entrance ===

impl Entrance {
    /// Plain HTTP.
    pub fn plain(listener: TcpListener) -> Self {
        Self::new(listener, Door::Plain)
    }

    /// Plain HTTP, where everybody but machines that watch the gateway is sent to the https port.
    pub fn redirect(listener: TcpListener, port: u16) -> Self {
        Self::new(listener, Door::Redirect(port))
    }

    /// HTTP over TLS.
    pub fn tls(listener: TcpListener, acceptor: Acceptor) -> Self {
        Self::new(listener, Door::Tls(acceptor))
    }

    /// The same for viewers only: nothing of operators is answered there.
    #[must_use]
    pub fn for_viewers(self) -> Self {
        Self {
            audience: Audience::Viewers,
            ..self
        }
    }

    fn new(listener: TcpListener, door: Door) -> Self {
        let address = listener.local_addr();
        let is_private = address.is_ok_and(|address| address.ip().to_canonical().is_loopback());
        Self {
            listener,
            door: Arc::new(door),
            audience: Audience::Operators { is_private },
        }
    }
}

/// Whether this is asked for by machines that know one URL and follow nothing.
pub(crate) fn is_for_machines(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/metrics")
}

/// The way to the same on the https port. Without a name to go to there is none.
pub(crate) fn redirection(
    port: u16,
    activity: Arc<Activity>,
    request: &Request<Incoming>,
) -> Response<Body> {
    let running = InFlight::begin(activity, false);
    let named = request
        .uri()
        .authority()
        .map(Authority::as_str)
        .or_else(|| request.headers().get(header::HOST)?.to_str().ok());
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let location = named
        .and_then(host)
        .and_then(|host| location(host, port, target));
    let mut response = Response::new(Body::none());
    *response.status_mut() = match location {
        Some(_) => StatusCode::PERMANENT_REDIRECT,
        None => StatusCode::BAD_REQUEST,
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    if let Some(location) = location {
        headers.insert(header::LOCATION, location);
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=3600"),
        );
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            HeaderValue::from_static("*"),
        );
    }
    response.body_mut().hold(running);
    response
}

/// A host without its port, if it is one.
fn host(named: &str) -> Option<&str> {
    let authority: Authority = named.parse().ok()?;
    let length = authority.host().len();
    let is_plain = !named.contains('@');
    named.get(..length).filter(|_| is_plain && length > 0)
}

fn location(host: &str, port: u16, target: &str) -> Option<HeaderValue> {
    let text = match port {
        443 => format!("https://{host}{target}"),
        _ => format!("https://{host}:{port}{target}"),
    };
    HeaderValue::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_kept_and_the_port_is_not() {
        assert_eq!(host("tv.example:8080"), Some("tv.example"));
        assert_eq!(host("[::1]:80"), Some("[::1]"));
        for wrong in ["", "joe@tv.example", "a b", "/x"] {
            assert_eq!(host(wrong), None, "{wrong}");
        }
        assert_eq!(location("a", 443, "/b?c").unwrap(), "https://a/b?c");
        assert_eq!(location("a", 8443, "/").unwrap(), "https://a:8443/");
    }
}
