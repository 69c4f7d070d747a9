//! Requests to an ACME server: https only, to who proves to be it.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Limited;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client as HyperClient, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The largest answer that is read, in bytes: a chain of certificates has a few kilobytes.
const MAX_ANSWER: usize = 256 * 1024;

/// Asks an ACME server.
#[derive(Debug, Clone)]
pub(super) struct Client(HyperClient<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>);

// === impl Client ===

impl Client {
    /// Trusts the authorities of this file, or those of the host. Blocks.
    pub(super) fn new(ca: Option<&Path>) -> io::Result<Self> {
        let versions = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let tls = match ca {
            Some(ca) => versions.with_root_certificates(roots(ca)?),
            None => versions.with_native_roots()?,
        };
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(TIMEOUT));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls.with_no_client_auth())
            .https_only()
            .enable_http1()
            .wrap_connector(http);
        let client = HyperClient::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(https);
        Ok(Self(client))
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let answer = self.0.request(request);
        Box::pin(async move {
            let response = tokio::time::timeout(TIMEOUT, answer)
                .await
                .map_err(|_| other("the server does not answer"))?
                .map_err(|error| other(said(&error)))?;
            Ok(BytesResponse::from(
                response.map(|body| Limited::new(body, MAX_ANSWER)),
            ))
        })
    }
}

fn other(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Other(what.into())
}

/// An error with its causes: the outer one alone says only that connecting failed.
pub(super) fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

fn roots(path: &Path) -> io::Result<RootCertStore> {
    let text = std::fs::read(path)
        .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(io::Error::other)?;
        roots.add(certificate).map_err(io::Error::other)?;
    }
    match roots.is_empty() {
        true => Err(io::Error::other(format!(
            "{} holds no certificate",
            path.display()
        ))),
        false => Ok(roots),
    }
}
