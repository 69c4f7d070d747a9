//! A certificate and its key, checked before anybody sees them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::crypto::ring;
use rustls::sign::CertifiedKey;
use rustls::{Error as TlsError, InconsistentKeys};
use rustls_pki_types::pem::{Error as PemError, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::validity::Validity;

/// The largest file that is read, in bytes: a chain has a few kilobytes.
const MAX_FILE: u64 = 1 << 20;

/// A certificate with its key.
#[derive(Debug, Clone)]
pub struct Pair {
    pub(super) certified: Arc<CertifiedKey>,
    /// From when until when it is valid.
    pub validity: Validity,
}

/// Why a certificate and a key are no pair that can be used. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// A file cannot be read.
    #[error("the file {} cannot be read: {error}; check its path and that Headgate's user may read it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A file is not what it should be.
    #[error("{} holds no {what}: {why}; {help}", path.display())]
    Nothing {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// What was found instead.
        why: String,
        /// What to do.
        help: &'static str,
    },
    /// Two files that do not belong together.
    #[error(
        "the key {} is not that of the certificate {}: take both from the same order, the certificate of the host first in its file",
        key.display(),
        cert.display()
    )]
    Mismatch {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// The certificate is not valid any more.
    #[error("the certificate {} has expired: it was valid until {not_after}; renew it", cert.display())]
    Expired {
        /// The certificate.
        cert: PathBuf,
        /// Its last second.
        not_after: Timestamp,
    },
    /// The certificate is not valid yet.
    #[error("the certificate {} is valid only from {not_before} on; check the clock of this host", cert.display())]
    Early {
        /// The certificate.
        cert: PathBuf,
        /// Its first second.
        not_before: Timestamp,
    },
}

// === impl Pair ===

impl Pair {
    /// Reads both files, and whether they belong together. Blocks.
    ///
    /// # Errors
    /// Says which file is wrong and what to do about it. Dates are not looked at: see [`Pair::check_dates`].
    pub fn load(cert: &Path, key: &Path) -> Result<Self, PairError> {
        let chain = read(cert)?;
        let private = read(key)?;
        let chain = certificates(cert, &chain)?;
        let private = private_key(key, &private)?;
        Self::from_der(chain, private).map_err(|error| match error {
            TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) => PairError::Mismatch {
                cert: cert.to_owned(),
                key: key.to_owned(),
            },
            TlsError::InvalidCertificate(why) => nothing(cert, "certificate", format!("{why:?}")),
            other => nothing(key, "private key", other.to_string()),
        })
    }

    /// The same for what is in memory.
    pub(super) fn from_der(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, TlsError> {
        let unreadable = TlsError::InvalidCertificate(rustls::CertificateError::BadEncoding);
        let first = chain.first().ok_or(TlsError::NoCertificatesPresented)?;
        let validity = Validity::of_certificate(first).ok_or(unreadable)?;
        let certified = CertifiedKey::from_der(chain, key, &ring::default_provider())?;
        Ok(Self {
            certified: Arc::new(certified),
            validity,
        })
    }

    /// Whether the certificate is valid at this time; `cert` is its file, for the message.
    ///
    /// # Errors
    /// [`PairError::Expired`] and [`PairError::Early`].
    pub fn check_dates(&self, cert: &Path, now: Timestamp) -> Result<(), PairError> {
        let cert = cert.to_owned();
        let Validity {
            not_before,
            not_after,
        } = self.validity;
        if now > not_after {
            return Err(PairError::Expired { cert, not_after });
        }
        if now < not_before {
            return Err(PairError::Early { cert, not_before });
        }
        Ok(())
    }

    /// Whether another pair has the same certificate.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.certified.cert == other.certified.cert
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PairError> {
    let unreadable = |error| PairError::Unreadable {
        path: path.to_owned(),
        error,
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(file, MAX_FILE), &mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, PairError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(nothing(path, "certificate", found(pem).to_owned())),
        Err(error) => Err(nothing(path, "certificate", error.to_string())),
    }
}

fn private_key(path: &Path, pem: &[u8]) -> Result<PrivateKeyDer<'static>, PairError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| {
        let why = match error {
            PemError::NoItemsFound => found(pem).to_owned(),
            error => error.to_string(),
        };
        nothing(path, "private key", why)
    })
}

/// What a file is that is not what was looked for.
fn found(bytes: &[u8]) -> &'static str {
    let holds = |words: &str| {
        bytes
            .windows(words.len())
            .any(|run| run == words.as_bytes())
    };
    if bytes.is_empty() {
        "it is empty"
    } else if holds("BEGIN ENCRYPTED PRIVATE KEY") || holds("Proc-Type: 4,ENCRYPTED") {
        "it is a key behind a password, which nobody could type at a restart"
    } else if holds("PRIVATE KEY-----") {
        "it is a private key"
    } else if holds("BEGIN CERTIFICATE-----") {
        "it is a certificate"
    } else if holds("-----BEGIN ") {
        "it is PEM of another kind"
    } else {
        "it is not PEM (text that begins with `-----BEGIN`)"
    }
}

fn nothing(path: &Path, what: &'static str, why: String) -> PairError {
    let help = match what {
        "certificate" => "`cert` is the chain in PEM, the host's certificate first",
        _ => "`key` is the private key in PEM, without a password",
    };
    PairError::Nothing {
        path: path.to_owned(),
        what,
        why,
        help,
    }
}

#[cfg(test)]
#[path = "pair_tests.rs"]
mod tests;
