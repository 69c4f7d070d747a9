//! Orders certificates from an ACME server (RFC 8555) and renews them in time.
//!
//! The proof is TLS-ALPN-01 (RFC 8737): the server calls the gateway's TLS listener, which port 443 must lead to. No
//! second listener and no path of the gateway's URLs is needed for it.

use std::sync::Arc;
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Error, Identifier, NewAccount, NewOrder, Order,
    OrderStatus, RetryPolicy,
};
use jiff::{SignedDuration, Timestamp};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::crypto::ring;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tracing::{error, info};

use super::certificates::Certificates;
use super::client::{Client, said};
use super::folder::{self, Folder, Ordered};
use super::pair::Pair;
use crate::config::AcmeSpec;

/// How fast orders go.
#[derive(Debug, Clone)]
pub struct Pace {
    /// How long an ACME server may take to look at a proof or to issue.
    pub patience: Duration,
    /// The pauses after the first, second and further failures in a row; the last one goes on.
    pub pauses: Vec<Duration>,
    /// The longest sleep between two looks at the clock, which may have been set.
    pub look: Duration,
}

/// Which piece of work failed, and why.
type Trouble = String;

// === impl Pace ===

impl Default for Pace {
    /// Public servers allow five failed proofs an hour.
    fn default() -> Self {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        Self {
            patience: minutes(2),
            pauses: [1, 5, 20, 60, 360].map(minutes).to_vec(),
            look: minutes(60),
        }
    }
}

/// Keeps a certificate in force for as long as it is polled: the kept one, and a new one when that is due.
pub async fn keep(spec: AcmeSpec, certificates: Arc<Certificates>, pace: Pace) {
    restore(&spec, &certificates).await;
    let mut failures = 0;
    loop {
        let now = Timestamp::now();
        let due = certificates.due();
        if due > now {
            let left = Duration::try_from(due.duration_since(now)).unwrap_or(pace.look);
            tokio::time::sleep(left.min(pace.look)).await;
            continue;
        }
        let ordered = order(&spec, &certificates, &pace).await;
        certificates.forget_proofs();
        match ordered {
            Ok(pair) => {
                failures = 0;
                let until = pair.validity.not_after;
                certificates.put_in_force(pair);
                info!(domains = spec.domains.join(", "), %until, "a new TLS certificate is in force");
                // Whatever its dates say: a server is not asked all the time.
                tokio::time::sleep(pause(&pace, 0)).await;
            }
            Err(trouble) => {
                let message = format!("the order of a certificate failed: {trouble}");
                error!("{message}");
                certificates.refuse(message, Timestamp::now());
                tokio::time::sleep(pause(&pace, failures)).await;
                failures += 1;
            }
        }
    }
}

fn pause(pace: &Pace, failures: usize) -> Duration {
    let last = pace.pauses.len().saturating_sub(1);
    let pause = pace.pauses.get(failures.min(last)).copied();
    pause.unwrap_or(Duration::from_secs(3600))
}

/// Puts the certificate in force that was ordered before, if it was for the same.
async fn restore(spec: &AcmeSpec, certificates: &Certificates) {
    let (path, ordered) = (spec.folder.clone(), Ordered::of(spec));
    let read = move || Folder::open(&path).ok()?.pair(&ordered);
    if let Ok(Some(pair)) = tokio::task::spawn_blocking(read).await {
        let until = pair.validity.not_after;
        certificates.put_in_force(pair);
        info!(%until, "the TLS certificate of before is in force");
    }
}

/// From the account to the certificate.
async fn order(spec: &AcmeSpec, certificates: &Certificates, pace: &Pace) -> Result<Pair, Trouble> {
    let path = spec.folder.clone();
    let folder = blocking(move || Folder::open(&path))
        .await
        .map_err(|error| format!("the folder {}: {error}", spec.folder.display()))?;
    let account = account(spec, &folder).await?;
    let names: Vec<Identifier> = spec.domains.iter().cloned().map(Identifier::Dns).collect();
    let mut order = account
        .new_order(&NewOrder::new(&names))
        .await
        .map_err(|error| said(&error))?;
    prove(&mut order, certificates).await?;
    let retries = RetryPolicy::default().timeout(pace.patience);
    match order.poll_ready(&retries).await {
        Ok(OrderStatus::Ready) => {}
        Ok(status) => return Err(refusal(&mut order, format!("the order is {status:?}")).await),
        // What is wrong with the order as a whole; which name it was is said elsewhere.
        Err(Error::Api(problem)) => return Err(refusal(&mut order, problem.to_string()).await),
        Err(error) => return Err(said(&error)),
    }
    let key = order.finalize().await.map_err(|error| said(&error))?;
    let chain = order
        .poll_certificate(&retries)
        .await
        .map_err(|error| said(&error))?;
    let pair = pair(&chain, &key)?;
    let ordered = Ordered::of(spec);
    blocking(move || folder.keep_pair(&ordered, &chain, &key))
        .await
        .map_err(|error| format!("the certificate cannot be kept: {error}"))?;
    Ok(pair)
}

/// The account of before, or a new one.
async fn account(spec: &AcmeSpec, folder: &Folder) -> Result<Account, Trouble> {
    let ca = spec.ca.clone();
    let client = blocking(move || Client::new(ca.as_deref()))
        .await
        .map_err(|error| format!("no authority to trust: {error}"))?;
    let builder = Account::builder_with_http(Box::new(client));
    if let Some(credentials) = folder.account(&spec.directory) {
        let restored = builder.from_credentials(credentials).await;
        return restored.map_err(|error| format!("{}: {}", spec.directory, said(&error)));
    }
    let contact: Vec<&str> = spec.contact.as_deref().into_iter().collect();
    let new = NewAccount {
        contact: &contact,
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let (account, credentials) = builder
        .create(&new, spec.directory.clone(), None)
        .await
        .map_err(|error| format!("{}: {}", spec.directory, said(&error)))?;
    let kept = folder::Account {
        directory: spec.directory.clone(),
        credentials,
    };
    let folder = folder.clone();
    blocking(move || folder.keep_account(&kept))
        .await
        .map_err(|error| format!("the account cannot be kept: {error}"))?;
    info!(directory = spec.directory, "an ACME account was made");
    Ok(account)
}

/// Shows what the server asks for, name by name.
async fn prove(order: &mut Order, certificates: &Certificates) -> Result<(), Trouble> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(|error| said(&error))?;
        match authorization.status {
            AuthorizationStatus::Pending => {}
            AuthorizationStatus::Valid => continue,
            status => return Err(format!("an authorization is {status:?}")),
        }
        let mut challenge = authorization
            .challenge(ChallengeType::TlsAlpn01)
            .ok_or("the server offers no proof by TLS (tls-alpn-01)")?;
        let name = challenge.identifier().to_string();
        let digest = challenge.key_authorization().digest();
        let proof = proof(&name, digest.as_ref())?;
        certificates.prove(&name, proof);
        challenge.set_ready().await.map_err(|error| said(&error))?;
    }
    Ok(())
}

/// What the server said about the names that it does not believe.
async fn refusal(order: &mut Order, otherwise: String) -> Trouble {
    let mut reasons = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        // What was known before the proof was looked at is out of date.
        let Ok(state) = authorization.refresh().await else {
            continue;
        };
        let name = state.identifier().to_string();
        let problems = state.challenges.iter().filter_map(|c| c.error.as_ref());
        reasons.extend(problems.map(|problem| format!("{name}: {problem}")));
    }
    match reasons.is_empty() {
        true => otherwise,
        false => format!(
            "the server did not find the proof (port 443 of each name must lead to Headgate's TLS listener): {}",
            reasons.join("; ")
        ),
    }
}

/// A certificate that says nothing but the digest (RFC 8737, section 3).
fn proof(name: &str, digest: &[u8]) -> Result<Arc<CertifiedKey>, Trouble> {
    let failed = |error: rcgen::Error| format!("no proof for {name}: {error}");
    let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(failed)?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = params.self_signed(&key).map_err(failed)?;
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    // Whether both belong together is not asked: what is critical in it is known to ACME servers only.
    let key = ring::sign::any_supported_type(&key).map_err(|error| error.to_string())?;
    let chain = vec![certificate.der().clone()];
    Ok(Arc::new(CertifiedKey::new(chain, key)))
}

fn pair(chain: &str, key: &str) -> Result<Pair, Trouble> {
    let read = || {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())?;
        Ok::<_, rustls_pki_types::pem::Error>((chain?, key))
    };
    let (chain, key) = read().map_err(|error| format!("what was issued is no PEM: {error}"))?;
    Pair::from_der(chain, key).map_err(|error| format!("what was issued is no pair: {error}"))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

// === impl Certificates ===

impl Certificates {
    /// When a new one is due: when a third of its time is left. At once if there is none.
    fn due(&self) -> Timestamp {
        let Some(validity) = self.validity() else {
            return Timestamp::MIN;
        };
        let whole = validity.not_after.duration_since(validity.not_before);
        let third = SignedDuration::from_secs(whole.as_secs() / 3);
        validity
            .not_after
            .checked_sub(third)
            .unwrap_or(Timestamp::MIN)
    }
}

// === impl Ordered ===

impl Ordered {
    fn of(spec: &AcmeSpec) -> Self {
        Self {
            directory: spec.directory.clone(),
            domains: spec.domains.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_one_is_due_with_a_third_of_its_time_left() {
        let certificates = Certificates::default();
        assert_eq!(certificates.due(), Timestamp::MIN);
        let made = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
        let pair = pair(&made.cert.pem(), &made.signing_key.serialize_pem()).unwrap();
        let validity = pair.validity;
        certificates.put_in_force(pair);
        let due = certificates.due();
        let whole = validity.not_after.duration_since(validity.not_before);
        let left = validity.not_after.duration_since(due);
        assert_eq!(left.as_secs(), whole.as_secs() / 3);
    }

    #[test]
    fn a_proof_is_a_certificate_of_the_name_with_the_digest() {
        let proof = proof("a.example", &[7; 32]).unwrap();
        // id-pe-acmeIdentifier, critical, an octet string of 32 bytes in an octet string.
        let extension = [
            &[
                6, 8, 0x2b, 6, 1, 5, 5, 7, 1, 0x1f, 1, 1, 0xff, 4, 0x22, 4, 0x20,
            ][..],
            &[7; 32],
        ]
        .concat();
        let der = &proof.cert[0];
        assert!(der.windows(extension.len()).any(|run| run == extension));
        assert!(der.windows(9).any(|run| run == b"a.example"));
    }

    #[test]
    fn failures_are_followed_by_longer_pauses() {
        let pace = Pace::default();
        let minutes: Vec<u64> = (0..7).map(|n| pause(&pace, n).as_secs() / 60).collect();
        assert_eq!(minutes, [1, 5, 20, 60, 360, 360, 360]);
    }
}
