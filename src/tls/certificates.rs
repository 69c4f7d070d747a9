//! The pair in force, and what became of the last attempt to put another one in its place.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use parking_lot::Mutex;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::accept::CHALLENGE;
use super::pair::{Pair, PairError};
use super::validity::Validity;

/// What handshakes take their certificate from.
#[derive(Default)]
pub struct Certificates {
    in_force: ArcSwapOption<Pair>,
    refused: ArcSwapOption<Refused>,
    /// Proofs for an ACME server, by name.
    challenges: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

/// How things stand with the certificate.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The last second of the certificate in force; nothing if there is none.
    pub not_after: Option<Timestamp>,
    /// Why there is no newer one, if that is so.
    pub refused: Option<Arc<Refused>>,
}

/// Why a pair was not put in force, or not had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// When.
    pub at: Timestamp,
    /// For people, in one line.
    pub message: String,
}

// === impl Certificates ===

impl Certificates {
    /// None yet.
    pub fn none() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// With the pair of two files, whatever its dates: an expired certificate is better than no gateway. Blocks.
    ///
    /// # Errors
    /// As [`Pair::load`].
    pub fn load(cert: &Path, key: &Path, now: Timestamp) -> Result<Arc<Self>, PairError> {
        let this = Self::default();
        let pair = Pair::load(cert, key)?;
        if let Err(error) = pair.check_dates(cert, now) {
            this.refuse(error.to_string(), now);
        }
        this.in_force.store(Some(Arc::new(pair)));
        Ok(Arc::new(this))
    }

    /// Reads the files again. `Ok(true)` if another certificate is in force now. Blocks; call it one at a time.
    ///
    /// # Errors
    /// Why the one before stays in force. It is noted here, too.
    pub fn reload(&self, cert: &Path, key: &Path, now: Timestamp) -> Result<bool, String> {
        let loaded = Pair::load(cert, key).and_then(|pair| {
            pair.check_dates(cert, now)?;
            Ok(pair)
        });
        match loaded {
            Ok(pair) => Ok(self.put_in_force(pair)),
            Err(error) => {
                self.refuse(error.to_string(), now);
                Err(error.to_string())
            }
        }
    }

    /// For handshakes that begin from now on. `false` if it has been in force already.
    pub(super) fn put_in_force(&self, pair: Pair) -> bool {
        self.refused.store(None);
        let before = self.in_force.load_full();
        if before.is_some_and(|before| before.is_same(&pair)) {
            return false;
        }
        self.in_force.store(Some(Arc::new(pair)));
        true
    }

    /// Notes why there is no newer pair.
    pub(super) fn refuse(&self, message: String, now: Timestamp) {
        let refused = Refused { at: now, message };
        self.refused.store(Some(Arc::new(refused)));
    }

    /// How things stand.
    pub fn standing(&self) -> Standing {
        let pair = self.in_force.load();
        Standing {
            not_after: pair.as_ref().map(|pair| pair.validity.not_after),
            refused: self.refused.load_full(),
        }
    }

    /// From when until when the certificate in force is valid.
    pub(super) fn validity(&self) -> Option<Validity> {
        self.in_force.load().as_ref().map(|pair| pair.validity)
    }

    /// What an operator should know, one sentence each.
    pub fn warnings(&self, now: Timestamp) -> Vec<String> {
        let standing = self.standing();
        let missing = standing
            .not_after
            .is_none()
            .then(|| "there is no certificate yet: TLS handshakes fail".to_owned());
        let expired = standing
            .not_after
            .filter(|end| *end < now)
            .map(|end| format!("the TLS certificate has expired at {end}: players refuse it"));
        let refused = standing
            .refused
            .map(|refused| format!("no newer TLS certificate is in force: {}", refused.message));
        missing.into_iter().chain(expired).chain(refused).collect()
    }

    /// Answers an ACME server that calls this name.
    pub(super) fn prove(&self, name: &str, proof: Arc<CertifiedKey>) {
        self.challenges.lock().insert(name.to_owned(), proof);
    }

    /// No order runs any more.
    pub(super) fn forget_proofs(&self) {
        self.challenges.lock().clear();
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let is_challenge = hello
            .alpn()
            .is_some_and(|mut offered| offered.any(|protocol| protocol == CHALLENGE));
        if is_challenge {
            return self.challenges.lock().get(hello.server_name()?).cloned();
        }
        // Clients that name no host get the same: there is only one.
        self.in_force
            .load()
            .as_ref()
            .map(|pair| pair.certified.clone())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificates")
            .field(&self.standing())
            .finish()
    }
}
