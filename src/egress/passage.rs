//! What one credential opens: a source, what is said to its server, and connections of its own.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Uri};
use http_body_util::Full;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::connect::{Client, Door};
use super::names::Origin;
use crate::client::{self, basic};
use crate::config::SourceSpec;

/// How much one ffmpeg may ask for at the same time: its HLS reader opens one segment for each rendition, twice.
const AT_ONCE: usize = 48;

/// Of one hop, not of the message (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// See the module.
#[derive(Debug)]
pub(super) struct Passage {
    /// Where ffmpeg is sent first: the source's URL, without user info.
    pub(super) target: String,
    /// Whom the secrets are for.
    home: Origin,
    secrets: HeaderMap,
    /// Its connections are not shared: what one source may connect to, another may not.
    pub(super) client: Client,
    pub(super) slots: Arc<Semaphore>,
    /// Nobody may use it any more.
    pub(super) stop: CancellationToken,
}

// === impl Passage ===

impl Passage {
    /// For an http(s) source; `None` if its URL cannot be asked for.
    pub(super) fn new(url: &str, source: &SourceSpec, door: Door) -> Option<Self> {
        let url = url.split('#').next().unwrap_or(url);
        let (scheme, rest) = url.split_once("://")?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (credentials, host) = match authority.rsplit_once('@') {
            Some((credentials, host)) => (Some(credentials), host),
            None => (None, authority),
        };
        let slash = if path.starts_with('/') { "" } else { "/" };
        let target = format!("{scheme}://{host}{slash}{path}");
        let home = Origin::of(&target.parse::<Uri>().ok()?)?;
        Some(Self {
            target,
            home,
            secrets: secrets(source, credentials)?,
            client: client::through(door),
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            stop: CancellationToken::new(),
        })
    }

    /// What ffmpeg asks for, as it is asked of the server.
    pub(super) fn outward(&self, url: Uri, asked: &Request<impl Sized>) -> Request<Full<Bytes>> {
        let is_home = Origin::of(&url).is_some_and(|origin| self.home.trusts(&origin));
        let mut request = Request::new(Full::default());
        *request.method_mut() = asked.method().clone();
        *request.uri_mut() = url;
        let headers = request.headers_mut();
        *headers = end_to_end(asked.headers());
        headers.remove(header::HOST);
        headers.remove(header::CONTENT_LENGTH);
        if is_home {
            for (name, value) in &self.secrets {
                headers.insert(name, value.clone());
            }
        }
        request
    }
}

/// The fields that are for the other end.
pub(super) fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    let listed: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in listed {
        kept.remove(name);
    }
    for name in HOP_BY_HOP {
        kept.remove(name);
    }
    kept
}

fn secrets(source: &SourceSpec, credentials: Option<&str>) -> Option<HeaderMap> {
    let mut secrets = HeaderMap::new();
    if let Some(credentials) = credentials {
        secrets.insert(header::AUTHORIZATION, basic(credentials)?);
    }
    if let Some(user_agent) = &source.user_agent {
        secrets.insert(header::USER_AGENT, sensitive(user_agent.expose())?);
    }
    for field in &source.headers {
        let name: HeaderName = field.name.parse().ok()?;
        secrets.insert(name, sensitive(field.value.expose())?);
    }
    Some(secrets)
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
