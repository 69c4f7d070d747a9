//! Clients that trust what a test says.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub(crate) type Tls = TlsStream<TcpStream>;
pub(crate) type Http2 = http2::SendRequest<Empty<Bytes>>;

/// Who trusts these certificates and speaks this.
pub(crate) fn config(trusted: &[&CertificateDer<'static>], alpn: &[&str]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in trusted {
        roots.add((*certificate).clone()).unwrap();
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    // Each handshake is a whole one: what is asked is which certificate it shows.
    config.resumption = rustls::client::Resumption::disabled();
    Arc::new(config)
}

pub(crate) async fn connect(
    address: SocketAddr,
    name: &str,
    config: &Arc<ClientConfig>,
) -> std::io::Result<Tls> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(config.clone())
        .connect(name, stream)
        .await
}

/// The certificate that a server has shown.
pub(crate) fn shown(stream: &Tls) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone()
}

/// One request on a connection of its own, HTTP/1.1.
pub(crate) async fn get(stream: Tls, target: &str) -> hyper::Result<Response<Bytes>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get(target).header("host", "localhost");
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    whole(sender.send_request(request).await?).await
}

/// A connection for many requests.
pub(crate) async fn http2(stream: Tls) -> Http2 {
    let io = TokioIo::new(stream);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    sender
}

pub(crate) async fn ask(sender: &Http2, target: &str) -> hyper::Result<Response<Bytes>> {
    let request = Request::get(format!("https://localhost{target}"));
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    whole(sender.clone().send_request(request).await?).await
}

async fn whole(response: Response<hyper::body::Incoming>) -> hyper::Result<Response<Bytes>> {
    let (head, body) = response.into_parts();
    Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
}
