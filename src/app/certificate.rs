//! The certificate: where it comes from, and what keeps it new.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tracing::{error, info};

use crate::config::watch::Watch;
use crate::config::{CertificateSpec, TlsSpec};
use crate::tls::{self, Certificates, Pace, Pair, PairError};

/// The certificate to begin with. One that is ordered comes later.
///
/// # Errors
/// The files are no pair.
pub(super) async fn load(spec: &TlsSpec) -> Result<Arc<Certificates>, PairError> {
    match &spec.certificate {
        CertificateSpec::Acme(_) => Ok(Certificates::none()),
        CertificateSpec::Files { cert, key } => Certificates::load(cert, key, Timestamp::now()),
    }
}

/// Keeps the certificate new for as long as it is polled.
pub(super) async fn keep(spec: &TlsSpec, certificates: Arc<Certificates>) {
    match &spec.certificate {
        CertificateSpec::Acme(acme) => tls::keep(acme.clone(), certificates, Pace::default()).await,
        CertificateSpec::Files { cert, key } => follow(cert, key, certificates).await,
    }
}

/// Reads both files again whenever one of them may have changed.
async fn follow(cert: &Path, key: &Path, certificates: Arc<Certificates>) {
    let (mut cert_watch, mut key_watch) = (Watch::new(cert), Watch::new(key));
    loop {
        // Something may have been written since the start.
        let (cert, key, of) = (cert.to_owned(), key.to_owned(), certificates.clone());
        let before = certificates.standing().refused;
        let reading = tokio::task::spawn_blocking(move || of.reload(&cert, &key, Timestamp::now()));
        match reading.await {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => {
                let until = certificates.standing().not_after;
                let until = until.map(|until| until.to_string());
                info!(until, "another TLS certificate is in force");
            }
            Ok(Err(why)) if before.is_some_and(|before| before.message == why) => {}
            Ok(Err(why)) => error!("the TLS certificate of before stays in force: {why}"),
            Err(failed) => error!("the TLS certificate was not read: {failed}"),
        }
        tokio::select! {
            () = cert_watch.changed() => {}
            () = key_watch.changed() => {}
        }
    }
}

/// What `headgate check` says about the files of `[server.tls]`.
///
/// # Errors
/// A sentence for people.
pub fn check_certificate(spec: &TlsSpec, now: Timestamp) -> Result<(), String> {
    let CertificateSpec::Files { cert, key } = &spec.certificate else {
        return Ok(());
    };
    Pair::load(cert, key)
        .and_then(|pair| pair.check_dates(cert, now))
        .map_err(|error| error.to_string())
}
