//! The gateway's own tokens: `hg1.{key id}.{claims}.{signature}`.
//!
//! Claims are JSON in Base64 of URLs; the signature is HMAC-SHA256 over everything before its dot, as it stands there,
//! so that nothing has two spellings. A token is made of letters, digits, `-`, `_` and `.`: it stands in a path, in a
//! query and as a password of the Xtream Codes API as it is. It can be made without the gateway: see `docs/access.md`.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::grant::{Grant, Refusal, Scope};

/// The longest token of any kind that is looked at, in bytes.
pub const MAX_LENGTH: usize = 2048;

/// What all of them begin with.
const PREFIX: &str = "hg1.";

/// A key and what tokens call it.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    id: String,
    secret: Vec<u8>,
}

/// Keys of which any may have signed; the first one signs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keyring(Vec<SigningKey>);

/// As they are written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    /// `*`, or channels between commas.
    ch: String,
    /// Seconds since 1970.
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    /// A range of addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    /// Who it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
}

// === impl SigningKey ===

impl SigningKey {
    /// A key and what tokens call it.
    pub fn new(id: impl Into<String>, secret: impl Into<Vec<u8>>) -> Self {
        let (id, secret) = (id.into(), secret.into());
        Self { id, secret }
    }

    /// What tokens call it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Makes a token.
    pub fn sign(&self, grant: &Grant) -> String {
        let claims = Claims {
            ch: grant.channels.to_string(),
            exp: grant.expires,
            nbf: grant.not_before,
            ip: grant.network.map(|network| network.to_string()),
            sub: grant.name.clone(),
        };
        let claims = serde_json::to_vec(&claims).expect("claims should be JSON");
        let signed = format!("{PREFIX}{}.{}", self.id, URL_SAFE_NO_PAD.encode(claims));
        let signature = self.mac(&signed).finalize().into_bytes();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn mac(&self, text: &str) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.secret).expect("a key of any length should do");
        mac.update(text.as_bytes());
        mac
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}: …)", self.id)
    }
}

// === impl Keyring ===

impl Keyring {
    /// These keys, the one that signs first.
    pub fn new(keys: Vec<SigningKey>) -> Self {
        Self(keys)
    }

    /// The key that signs new tokens.
    pub fn first(&self) -> Option<&SigningKey> {
        self.0.first()
    }

    /// The key of this id.
    pub fn key(&self, id: &str) -> Option<&SigningKey> {
        self.0.iter().find(|key| key.id == id)
    }

    /// What a genuine token grants. Whether that is what is asked for is another question.
    ///
    /// # Errors
    /// Why it is not genuine. Nothing of a token is looked at before its signature is known to be right, and signatures
    /// are compared in constant time.
    pub fn verify(&self, token: &str) -> Result<Grant, Refusal> {
        if token.len() > MAX_LENGTH {
            return Err(Refusal::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let rest = signed.strip_prefix(PREFIX).ok_or(Refusal::Malformed)?;
        let (id, claims) = rest.split_once('.').ok_or(Refusal::Malformed)?;
        let signature = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| Refusal::Malformed)?;
        let key = self.key(id).ok_or(Refusal::UnknownKey)?;
        key.mac(signed)
            .verify_slice(&signature)
            .map_err(|_| Refusal::Signature)?;
        let claims = URL_SAFE_NO_PAD
            .decode(claims)
            .map_err(|_| Refusal::Malformed)?;
        grant(serde_json::from_slice(&claims).map_err(|_| Refusal::Malformed)?)
    }
}

/// Whether this is meant as a token of the gateway.
pub fn is_own(token: &str) -> bool {
    token.starts_with(PREFIX)
}

/// A claim that is there and means nothing must not be one that is not there.
fn grant(claims: Claims) -> Result<Grant, Refusal> {
    let network = match claims.ip {
        Some(text) => Some(text.parse().map_err(|_| Refusal::Malformed)?),
        None => None,
    };
    Ok(Grant {
        channels: Scope::parse(&claims.ch).ok_or(Refusal::Malformed)?,
        not_before: claims.nbf,
        expires: claims.exp,
        network,
        name: claims.sub,
    })
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
