//! JSON Web Tokens of other issuers (RFC 7519), looked at as RFC 8725 asks: algorithms are pinned, keys are for one
//! algorithm each, and issuer, audience and times are checked.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::grant::{Grant, Refusal, Scope};
use super::jwk::{Algorithm, KeySet};
use super::token::MAX_LENGTH;

/// Which tokens are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtPolicy {
    /// No other one is.
    pub algorithms: Vec<Algorithm>,
    /// What `iss` must be.
    pub issuer: Option<String>,
    /// What `aud` must be or hold.
    pub audience: Option<String>,
    /// The claim that names channels: `*`, a text with names between commas or blanks, or a list.
    pub channels_claim: String,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// What a reader must understand; nothing of it is understood here.
    crit: Option<Value>,
    /// Whether the payload is Base64 (RFC 7797).
    b64: Option<Value>,
}

// === impl JwtPolicy ===

impl JwtPolicy {
    /// What a genuine token grants. Whether that is what is asked for is another question.
    ///
    /// # Errors
    /// Why it is not genuine. [`Refusal::UnknownKey`] may change with newer keys.
    pub fn verify(&self, keys: &KeySet, token: &str) -> Result<Grant, Refusal> {
        if token.len() > MAX_LENGTH {
            return Err(Refusal::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Refusal::Malformed)?;
        let header: Header = json(header)?;
        if header.crit.is_some() || header.b64.is_some() {
            return Err(Refusal::Algorithm);
        }
        let algorithm = Algorithm::parse(&header.alg).ok_or(Refusal::Algorithm)?;
        if !self.algorithms.contains(&algorithm) {
            return Err(Refusal::Algorithm);
        }
        let signature = decode(signature)?;
        let both = (signed.as_bytes(), &signature[..]);
        match keys.verify(algorithm, header.kid.as_deref(), both) {
            None => Err(Refusal::UnknownKey),
            Some(false) => Err(Refusal::Signature),
            Some(true) => self.grant(&json(claims)?),
        }
    }

    fn grant(&self, claims: &Map<String, Value>) -> Result<Grant, Refusal> {
        let text = |name: &str| claims.get(name).map(|value| value.as_str());
        if let Some(issuer) = &self.issuer
            && text("iss").flatten() != Some(issuer)
        {
            return Err(Refusal::Issuer);
        }
        if let Some(audience) = &self.audience
            && !is_for(claims.get("aud"), audience)
        {
            return Err(Refusal::Issuer);
        }
        let network = match text("ip") {
            Some(range) => {
                let range = range.ok_or(Refusal::Malformed)?;
                Some(range.parse().map_err(|_| Refusal::Malformed)?)
            }
            None => None,
        };
        let not_before = match claims.get("nbf") {
            Some(time) => Some(seconds(time, f64::ceil)?),
            None => None,
        };
        Ok(Grant {
            channels: scope(claims.get(&self.channels_claim)).ok_or(Refusal::Channel)?,
            not_before,
            expires: seconds(claims.get("exp").ok_or(Refusal::Malformed)?, f64::floor)?,
            network,
            name: text("sub").flatten().map(str::to_owned),
        })
    }
}

fn decode(text: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Refusal::Malformed)
}

fn json<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, Refusal> {
    serde_json::from_slice(&decode(text)?).map_err(|_| Refusal::Malformed)
}

/// A NumericDate, which may have a fraction; rounded so that the token counts for less and not for more.
fn seconds(time: &Value, round: fn(f64) -> f64) -> Result<i64, Refusal> {
    let whole = time.as_i64();
    // Conversions of floats keep to the ends of the range.
    let time = whole.or_else(|| time.as_f64().map(|time| round(time) as i64));
    time.ok_or(Refusal::Malformed)
}

fn is_for(audience: Option<&Value>, wanted: &str) -> bool {
    match audience {
        Some(Value::String(one)) => one == wanted,
        Some(Value::Array(many)) => many.iter().any(|one| one == wanted),
        _ => false,
    }
}

fn scope(claim: Option<&Value>) -> Option<Scope> {
    match claim? {
        Value::String(text) => Scope::parse(text),
        Value::Array(list) => {
            let names: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            let names = names?;
            match names[..] {
                ["*"] => Some(Scope::All),
                _ => Scope::parse(&names.join(",")),
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
