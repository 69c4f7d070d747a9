//! Who may watch: what `[access]` and the channels say about it, validated.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::path::PathBuf;
use std::time::Duration;

use super::secret::Secret;

/// The `[access]` table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccessSpec {
    /// What viewers' tokens are signed with; the first one signs new tokens, all of them are accepted.
    pub keys: Vec<AccessKeySpec>,
    /// Tokens of another issuer, if they are accepted.
    pub jwt: Option<JwtSpec>,
    /// Somebody else who is asked about each viewer.
    pub check: Option<CheckSpec>,
    /// Whether segments need a token as playlists do.
    pub segments: SegmentRule,
    /// Viewers at a time with one token; `None` is any number.
    pub max_viewers_per_token: Option<usize>,
    /// Viewers at a time from one address (a /64 counts as one in IPv6); `None` is any number.
    pub max_viewers_per_address: Option<usize>,
}

/// A `[[access.key]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKeySpec {
    /// In tokens; unique.
    pub id: String,
    /// Known to this gateway and to who makes tokens.
    pub secret: SecretSource,
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// In the file of the configuration.
    Text(Secret),
    /// In a file of its own, whose line break at the end does not count.
    File(PathBuf),
}

/// The `[access.jwt]` table: JSON Web Tokens that somebody else makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtSpec {
    /// Which algorithms are accepted: `HS256`, `RS256`, `ES256`, `EdDSA`; at least one.
    pub algorithms: Vec<String>,
    /// Public keys.
    pub jwks: Option<JwksSource>,
    /// The key of `HS256`.
    pub secret: Option<SecretSource>,
    /// What `iss` must be.
    pub issuer: Option<String>,
    /// What `aud` must be or hold.
    pub audience: Option<String>,
    /// The claim that names channels.
    pub channels_claim: String,
}

/// Where a JSON Web Key Set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwksSource {
    /// A file.
    File(PathBuf),
    /// An http(s) URL, which may hold credentials.
    Url(Secret),
}

/// The `[access.check]` table: an HTTP server that is asked about each viewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckSpec {
    /// Where to ask; may hold credentials.
    pub url: Secret,
    /// How long an answer may take.
    pub timeout: Duration,
    /// For how long a yes is remembered.
    pub allow_for: Duration,
    /// For how long a no is remembered.
    pub deny_for: Duration,
    /// What holds when there is no answer: `true` lets viewers in.
    pub open_on_error: bool,
}

/// Whether segments need a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SegmentRule {
    /// Every URL carries the token.
    #[default]
    Token,
    /// Playlists need it; segments have the same URL for all viewers, so that caches share them.
    Open,
}

/// Who may watch a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChannelAccess {
    /// Who.
    pub rule: AccessRule,
    /// Viewers at a time; `None` is any number.
    pub max_viewers: Option<usize>,
}

/// Who may watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AccessRule {
    /// Everybody.
    #[default]
    Public,
    /// Who has a token for the channel.
    Token,
}

// === impl SegmentRule ===

impl SegmentRule {
    /// As the file spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Open => "open",
        }
    }
}

// === impl AccessRule ===

impl AccessRule {
    /// As the file spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Token => "token",
        }
    }
}
