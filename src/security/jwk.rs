//! Keys of other issuers (RFC 7517), each of which is for one algorithm and no other.
//!
//! The algorithm follows from what a key *is*. A token can therefore not choose how it is looked at: a public RSA key
//! is never the secret of an HMAC, and there is no key for `none`.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac as ring_hmac;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::Deserialize;

/// Keys of a set that are looked at; the rest is left out.
pub const MAX_KEYS: usize = 64;

/// The smallest RSA modulus, in bytes.
const MIN_MODULUS: usize = 256;

/// How tokens may be signed (RFC 7518, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

/// Keys that tokens may be signed with.
#[derive(Debug, Clone, Default)]
pub struct KeySet(Vec<Key>);

#[derive(Debug, Clone)]
struct Key {
    id: Option<String>,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Secret(ring_hmac::Key),
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

/// What is read of a key; the rest does not matter here.
#[derive(Deserialize)]
struct Jwk<'a> {
    kty: &'a str,
    kid: Option<String>,
    r#use: Option<&'a str>,
    alg: Option<&'a str>,
    crv: Option<&'a str>,
    n: Option<&'a str>,
    e: Option<&'a str>,
    x: Option<&'a str>,
    y: Option<&'a str>,
}

// === impl Algorithm ===

impl Algorithm {
    /// As headers of tokens spell it. Nothing else is an algorithm, in no other case.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "HS256" => Self::Hs256,
            "RS256" => Self::Rs256,
            "ES256" => Self::Es256,
            "EdDSA" => Self::EdDsa,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

// === impl KeySet ===

impl KeySet {
    /// The one secret of HS256.
    pub fn secret(secret: &[u8]) -> Self {
        let material = Material::Secret(ring_hmac::Key::new(ring_hmac::HMAC_SHA256, secret));
        Self(vec![Key { id: None, material }])
    }

    /// The public keys of a JSON Web Key Set. Keys for other purposes and of other kinds are passed over, and so are
    /// secrets: what everybody may fetch is none.
    ///
    /// # Errors
    /// It is no such set, or nothing in it can be used; for people.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let document: Document = serde_json::from_slice(json)
            .map_err(|_| "it is no JSON Web Key Set: an object with `keys`".to_owned())?;
        let keys = document.keys.iter().filter_map(Key::of);
        let set = Self(keys.take(MAX_KEYS).collect());
        match set.0.is_empty() {
            true => Err("it has no public key of RS256, ES256 or EdDSA".to_owned()),
            false => Ok(set),
        }
    }

    /// These and those.
    pub fn with(mut self, other: &Self) -> Self {
        self.0.extend(other.0.iter().cloned());
        self
    }

    /// These without as many as the other set has: what [`Self::with`] has added to it.
    pub fn without(&self, first: &Self) -> Self {
        Self(self.0.get(first.0.len()..).unwrap_or_default().to_vec())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of the keys for this algorithm, and with this id if one is named, made the signature; `None` if
    /// there is no such key. A key without an id is for tokens that name any.
    pub(super) fn verify(
        &self,
        algorithm: Algorithm,
        id: Option<&str>,
        (signed, signature): (&[u8], &[u8]),
    ) -> Option<bool> {
        let is_meant = |key: &&Key| match (id, &key.id) {
            (Some(wanted), Some(id)) => wanted == id,
            _ => true,
        };
        let mut meant = self
            .0
            .iter()
            .filter(|key| key.algorithm() == algorithm)
            .filter(is_meant)
            .peekable();
        meant.peek()?;
        Some(meant.any(|key| key.verify(signed, signature)))
    }
}

// === impl Key ===

impl Key {
    fn of(value: &serde_json::Value) -> Option<Self> {
        let jwk = Jwk::deserialize(value).ok()?;
        if jwk.r#use.is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let bytes = |text: Option<&str>| URL_SAFE_NO_PAD.decode(text?).ok();
        let coordinate = |text| bytes(text).filter(|bytes| bytes.len() == 32);
        let material = match (jwk.kty, jwk.crv) {
            ("RSA", _) => {
                let (n, e) = (bytes(jwk.n)?, bytes(jwk.e)?);
                let zeros = n.iter().take_while(|byte| **byte == 0).count();
                (n.len() - zeros >= MIN_MODULUS).then_some(Material::Rsa { n, e })?
            }
            ("EC", Some("P-256")) => {
                let (x, y) = (coordinate(jwk.x)?, coordinate(jwk.y)?);
                Material::P256([&[4], &x[..], &y[..]].concat())
            }
            ("OKP", Some("Ed25519")) => Material::Ed25519(coordinate(jwk.x)?),
            _ => return None,
        };
        let key = Self {
            id: jwk.kid,
            material,
        };
        let fits = jwk.alg.is_none_or(|alg| alg == key.algorithm().name());
        fits.then_some(key)
    }

    fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Secret(_) => Algorithm::Hs256,
            Material::Rsa { .. } => Algorithm::Rs256,
            Material::P256(_) => Algorithm::Es256,
            Material::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    fn verify(&self, signed: &[u8], signature: &[u8]) -> bool {
        let verdict = match &self.material {
            Material::Secret(key) => ring_hmac::verify(key, signed, signature),
            Material::Rsa { n, e } => RsaPublicKeyComponents { n, e }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                signed,
                signature,
            ),
            Material::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature)
            }
            Material::Ed25519(x) => UnparsedPublicKey::new(&ED25519, x).verify(signed, signature),
        };
        verdict.is_ok()
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Secret(…)",
            Self::Rsa { .. } => "Rsa",
            Self::P256(_) => "P256",
            Self::Ed25519(_) => "Ed25519",
        })
    }
}
