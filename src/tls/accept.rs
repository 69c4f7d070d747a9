//! Handshakes, and what was agreed in them.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

use super::certificates::Certificates;

/// What an ACME server speaks that looks for a proof (RFC 8737).
pub(super) const CHALLENGE: &[u8] = b"acme-tls/1";

const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// A byte stream over which TLS is spoken.
pub type Stream<I> = tokio_rustls::server::TlsStream<I>;

/// Makes handshakes with clients.
#[derive(Clone)]
pub struct Acceptor {
    acceptor: TlsAcceptor,
    certificates: Arc<Certificates>,
}

/// What both sides have agreed to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoken {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
    /// The client did not say: what it sends first will tell.
    Unsaid,
    /// Nothing: the handshake was the message.
    Challenge,
}

// === impl Acceptor ===

impl Acceptor {
    /// TLS 1.2 and 1.3, HTTP/2 before HTTP/1.1, no certificates of clients.
    pub fn new(certificates: Arc<Certificates>) -> Self {
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider should know the versions that it was built with");
        let mut config = builder
            .with_no_client_auth()
            .with_cert_resolver(certificates.clone());
        config.alpn_protocols = [HTTP2, HTTP1, CHALLENGE].map(<[u8]>::to_vec).to_vec();
        // Resuming costs the client a ticket and the gateway no memory.
        if let Ok(ticketer) = ring::Ticketer::new() {
            config.ticketer = ticketer;
        }
        Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            certificates,
        }
    }

    /// What its certificates are taken from.
    pub fn certificates(&self) -> &Arc<Certificates> {
        &self.certificates
    }

    /// One handshake. Has no deadline of its own.
    ///
    /// # Errors
    /// The client has gone or speaks something else, or there is no certificate.
    pub async fn accept<I>(&self, io: I) -> io::Result<(Stream<I>, Spoken)>
    where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        let stream = self.acceptor.accept(io).await?;
        let spoken = match stream.get_ref().1.alpn_protocol() {
            Some(HTTP2) => Spoken::Http2,
            Some(CHALLENGE) => Spoken::Challenge,
            Some(_) => Spoken::Http1,
            None => Spoken::Unsaid,
        };
        Ok((stream, spoken))
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Acceptor").field(&self.certificates).finish()
    }
}
