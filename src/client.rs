//! Asking other servers over HTTP: one client for whoever has to (webhooks, guides), with one idea of TLS.

use std::error::Error as _;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Uri};
use http_body_util::Full;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, Error, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

/// How long a connection is kept for the next request.
const KEEP: Duration = Duration::from_secs(60);

/// The most bytes that an answer may say before its body.
const MAX_HEAD: usize = 64 << 10;

/// What the gateway calls itself.
pub const USER_AGENT: &str = concat!("headgate/", env!("CARGO_PKG_VERSION"));

/// Speaks HTTP/1.1, with and without TLS.
pub type Client = legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A client that trusts the certificate authorities of this host; `connect` is how long a connection may take to be
/// there.
pub fn client(connect: Duration) -> Client {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(connect));
    through(http)
}

/// A client that reaches servers through this connector. It takes what sloppy servers of media send, too: header
/// fields that are none, and up to 100 of them.
pub fn through<C>(connector: C) -> legacy::Client<HttpsConnector<C>, Full<Bytes>>
where
    C: Clone,
    HttpsConnector<C>: legacy::connect::Connect + Clone,
{
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(trusting_this_host())
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(KEEP)
        .pool_max_idle_per_host(2)
        .http1_max_buf_size(MAX_HEAD)
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
        .build(https)
}

/// Read once: a hundred certificates take milliseconds.
fn trusting_this_host() -> ClientConfig {
    static TRUST: OnceLock<ClientConfig> = OnceLock::new();
    let read = || {
        tls().unwrap_or_else(|error| {
            tracing::warn!(%error, "this host names no certificate authorities: https will fail");
            without_authorities()
        })
    };
    TRUST.get_or_init(read).clone()
}

/// The provider is named: rustls panics when it has to guess between two.
fn tls() -> io::Result<ClientConfig> {
    let versions = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    Ok(versions.with_native_roots()?.with_no_client_auth())
}

fn without_authorities() -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider should know the versions that it was built with")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}

/// An error with its causes; none of them quotes the URL.
pub fn explain(error: &Error) -> String {
    let mut text = String::from("it cannot be asked");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// A URL without its user and password, and what these become in a request; `None` if it is none.
pub fn target(url: &str) -> Option<(Uri, Option<HeaderValue>)> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (credentials, host) = match authority.rsplit_once('@') {
        Some((credentials, host)) => (Some(credentials), host),
        None => (None, authority),
    };
    let target = format!("{scheme}://{host}{path}").parse().ok()?;
    let authorization = match credentials {
        Some(text) => Some(basic(text)?),
        None => None,
    };
    Some((target, authorization))
}

/// `user:password` of a URL, percent-encoded, as the value of Authorization; `None` if its encoding is broken.
pub fn basic(credentials: &str) -> Option<HeaderValue> {
    let decoded = decode(credentials)?;
    let colon: &[u8] = if credentials.contains(':') { b"" } else { b":" };
    let text = format!("Basic {}", STANDARD.encode([&decoded, colon].concat()));
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => u8::try_from(digit(bytes.next())? * 16 + digit(bytes.next())?).ok()?,
            byte => byte,
        };
        decoded.push(byte);
    }
    Some(decoded)
}
