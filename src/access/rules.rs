//! The rules of one configuration, with the keys that it names, and the tokens that these have found genuine.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tracing::warn;

use crate::config::{
    AccessRule, AccessSpec, ChannelSpec, CheckSpec, Config, JwksSource, JwtSpec, SecretSource,
    SegmentRule,
};
use crate::security::{Algorithm, Grant, JwtPolicy, KeySet, Keyring, Refusal, SigningKey, token};

/// Tokens that are remembered. Only genuine ones are, so that nobody can fill it without a key.
const MAX_KNOWN: usize = 20_000;
/// The largest file that is read for a secret, in bytes.
const MAX_SECRET: u64 = 512;
const MIN_SECRET: usize = 32;
/// How many of a channel's segments a viewer may let pass before its place is free.
const SEGMENTS: u32 = 3;
const LEAST_HOLD: Duration = Duration::from_secs(10);

/// What holds.
#[derive(Debug, Default)]
pub(super) struct Rules {
    spec: AccessSpec,
    /// Only channels about which there is something to decide.
    channels: HashMap<Box<str>, ChannelRule>,
    keys: Keyring,
    jwt: Option<Jwt>,
    pub(super) check: Option<Arc<CheckSpec>>,
    pub(super) per_token: Option<usize>,
    pub(super) per_address: Option<usize>,
    troubles: Vec<String>,
    /// The map is keyed by a hash that nobody outside can aim at: how long a lookup takes tells nothing about tokens.
    known: Mutex<HashMap<Box<str>, Arc<Grant>>>,
}

/// What holds for one channel.
#[derive(Debug, Clone)]
pub(super) struct ChannelRule {
    /// A token is needed.
    pub(super) is_guarded: bool,
    pub(super) max_viewers: Option<usize>,
    /// For how long a viewer is one after it asked for a playlist.
    pub(super) hold: Duration,
}

#[derive(Debug, Clone)]
struct Jwt {
    policy: JwtPolicy,
    /// The secret of HS256, if there is one.
    secret: KeySet,
    /// The secret and the public keys.
    all: KeySet,
}

// === impl Rules ===

impl Rules {
    /// With the public keys of before, if they come from where they came from: newer ones may not be to be had.
    pub(super) fn new(config: &Config, before: &Self) -> Self {
        let spec = config.access.clone();
        let public = spec.jwt.as_ref().and_then(|jwt| {
            let known = before.jwt.as_ref()?;
            (jwt.jwks == before.jwks()).then(|| known.public())
        });
        let counts_all = spec.max_viewers_per_address.is_some();
        let channels = config.channels.iter().filter_map(|channel| {
            let rule = ChannelRule::of(channel);
            let matters = rule.is_guarded || rule.max_viewers.is_some() || counts_all;
            matters.then(|| (channel.id.as_str().into(), rule))
        });
        let channels = channels.collect();
        Self::with(spec, channels, &public.unwrap_or_default())
    }

    fn with(spec: AccessSpec, channels: HashMap<Box<str>, ChannelRule>, public: &KeySet) -> Self {
        let mut troubles = Vec::new();
        let mut read = |what: String, from: &SecretSource| {
            let secret = secret_of(from);
            secret
                .map_err(|why| troubles.push(format!("{what}: {why}")))
                .ok()
        };
        let keys = spec.keys.iter().filter_map(|key| {
            let secret = read(format!("key {:?} of [access]", key.id), &key.secret)?;
            Some(SigningKey::new(&key.id, secret))
        });
        let keys = Keyring::new(keys.collect());
        let jwt = spec.jwt.as_ref().map(|jwt| {
            let secret = jwt.secret.as_ref();
            let secret = secret.and_then(|from| read("[access.jwt]".to_owned(), from));
            let secret = secret.map_or_else(KeySet::default, |secret| KeySet::secret(&secret));
            Jwt {
                policy: policy(jwt),
                all: secret.clone().with(public),
                secret,
            }
        });
        Self {
            channels,
            keys,
            jwt,
            check: spec.check.clone().map(Arc::new),
            per_token: spec.max_viewers_per_token,
            per_address: spec.max_viewers_per_address,
            spec,
            troubles,
            known: Mutex::default(),
        }
    }

    /// The same with files read again; `None` if they say what they said.
    pub(super) fn renewed(&self) -> Option<Self> {
        let in_file = |from: &SecretSource| matches!(from, SecretSource::File(_));
        let jwt = self.spec.jwt.as_ref().and_then(|jwt| jwt.secret.as_ref());
        let keys = self.spec.keys.iter().map(|key| &key.secret);
        if !keys.chain(jwt).any(in_file) {
            return None;
        }
        let public = self.jwt.as_ref().map(Jwt::public).unwrap_or_default();
        let new = Self::with(self.spec.clone(), self.channels.clone(), &public);
        let same = new.keys == self.keys && new.troubles == self.troubles && jwt.is_none();
        (!same).then_some(new)
    }

    /// The same with other public keys.
    pub(super) fn with_public_keys(&self, public: KeySet) -> Self {
        Self::with(self.spec.clone(), self.channels.clone(), &public)
    }

    /// Says what is wrong and was not before.
    pub(super) fn tell_troubles(&self, before: &Self) {
        for trouble in &self.troubles {
            if !before.troubles.contains(trouble) {
                warn!("its tokens are refused: {trouble}");
            }
        }
    }

    pub(super) fn jwks(&self) -> Option<JwksSource> {
        self.spec.jwt.as_ref().and_then(|jwt| jwt.jwks.clone())
    }

    pub(super) fn segments_are_open(&self) -> bool {
        self.spec.segments == SegmentRule::Open
    }

    pub(super) fn decide_anything(&self) -> bool {
        !self.channels.is_empty()
    }

    pub(super) fn channel(&self, id: &str) -> Option<&ChannelRule> {
        self.channels.get(id)
    }

    pub(super) fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// Whether tokens mean something here; else they are only passed on.
    pub(super) fn reads_tokens(&self) -> bool {
        !self.spec.keys.is_empty() || self.spec.jwt.is_some() || self.check.is_none()
    }

    /// What a genuine token grants.
    pub(super) fn grant(&self, token: &str) -> Result<Arc<Grant>, Refusal> {
        if let Some(grant) = self.known.lock().get(token) {
            return Ok(grant.clone());
        }
        let grant = match &self.jwt {
            Some(jwt) if !token::is_own(token) => jwt.policy.verify(&jwt.all, token)?,
            _ => self.keys.verify(token)?,
        };
        let grant = Arc::new(grant);
        let mut known = self.known.lock();
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(token.into(), grant.clone());
        Ok(grant)
    }
}

// === impl ChannelRule ===

impl ChannelRule {
    fn of(channel: &ChannelSpec) -> Self {
        Self {
            is_guarded: channel.access.rule == AccessRule::Token,
            max_viewers: channel.access.max_viewers,
            hold: (channel.segment_duration * SEGMENTS).max(LEAST_HOLD),
        }
    }
}

// === impl Jwt ===

impl Jwt {
    fn public(&self) -> KeySet {
        self.all.without(&self.secret)
    }
}

fn policy(spec: &JwtSpec) -> JwtPolicy {
    let algorithms = spec.algorithms.iter();
    JwtPolicy {
        algorithms: algorithms
            .filter_map(|name| Algorithm::parse(name))
            .collect(),
        issuer: spec.issuer.clone(),
        audience: spec.audience.clone(),
        channels_claim: spec.channels_claim.clone(),
    }
}

/// The bytes of a secret, wherever they are.
///
/// # Errors
/// The file cannot be read, or holds too little or too much; for people.
pub fn secret_of(from: &SecretSource) -> Result<Vec<u8>, String> {
    use std::io::Read as _;
    let path = match from {
        SecretSource::Text(secret) => return Ok(secret.expose().as_bytes().to_vec()),
        SecretSource::File(path) => path,
    };
    let shown = path.display();
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(MAX_SECRET + 2).read_to_end(&mut bytes));
    read.map_err(|error| format!("{shown} cannot be read: {error}"))?;
    let end = bytes.iter().rposition(|byte| !b"\r\n".contains(byte));
    bytes.truncate(end.map_or(0, |end| end + 1));
    let length = bytes.len();
    if length < MIN_SECRET || length as u64 > MAX_SECRET {
        return Err(format!(
            "{shown} holds {length} bytes: a secret has {MIN_SECRET} to {MAX_SECRET}; `openssl rand -hex 32` makes one"
        ));
    }
    Ok(bytes)
}
