//! The listener for TLS as operators see it: where it listens, and how its certificate fares.

use serde::Serialize;
use utoipa::ToSchema;

use crate::config::{CertificateSpec, TlsSpec};
use crate::tls::Certificates;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TlsView {
    listen: String,
    /// Whether the plain listener sends viewers here.
    redirect: bool,
    /// The certificate's file, if somebody else renews it.
    cert: Option<String>,
    /// The key's file.
    key: Option<String>,
    /// The names that certificates are ordered for, if the gateway does that itself.
    domains: Vec<String>,
    /// Where they are ordered.
    directory: Option<String>,
    /// The last second of the certificate in force; nothing if there is none.
    #[schema(format = DateTime)]
    not_after: Option<String>,
    /// Why no newer one is in force; nothing if that is so.
    last_error: Option<String>,
}

// === impl TlsView ===

impl TlsView {
    pub(super) fn new(tls: &TlsSpec, certificates: Option<&Certificates>) -> Self {
        let standing = certificates.map(Certificates::standing);
        let text = |path: &std::path::PathBuf| path.display().to_string();
        let (files, acme) = match &tls.certificate {
            CertificateSpec::Files { cert, key } => (Some((cert, key)), None),
            CertificateSpec::Acme(acme) => (None, Some(acme)),
        };
        Self {
            listen: tls.listen.to_string(),
            redirect: tls.redirect,
            cert: files.map(|(cert, _)| text(cert)),
            key: files.map(|(_, key)| text(key)),
            domains: acme.map_or(Vec::new(), |acme| acme.domains.clone()),
            directory: acme.map(|acme| acme.directory.clone()),
            not_after: standing
                .as_ref()
                .and_then(|standing| standing.not_after)
                .map(|end| end.to_string()),
            last_error: standing
                .and_then(|standing| standing.refused)
                .map(|refused| refused.message.clone()),
        }
    }
}
