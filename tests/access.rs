//! Who may watch, against a whole gateway over sockets: every way in with and without a token, thousands of tokens that
//! were changed, keys that are rotated while people watch, and servers that are asked and do not answer.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "iptv/client.rs"]
#[expect(dead_code, reason = "not every test asks for all of it")]
mod client;
#[path = "iptv/gateway.rs"]
mod gateway;
#[path = "access/issuers.rs"]
mod issuers;
#[path = "access/lists.rs"]
mod lists;
#[path = "access/plays.rs"]
mod plays;
#[path = "access/refusals.rs"]
mod refusals;
#[path = "access/rotation.rs"]
mod rotation;
#[path = "access/watchers.rs"]
mod watchers;

use std::time::{SystemTime, UNIX_EPOCH};

use headgate::security::{Grant, Scope, SigningKey};

use gateway::channel;

pub(crate) const SECRET: &str = "hunter2-0123456789abcdef0123456789abcdef";

/// Two channels for who has a token, one for everybody, and what else stands in the file.
pub(crate) fn file(more: &str) -> String {
    let guarded = "access = \"token\"";
    format!(
        "{more}\n{}{}{}",
        channel("news", guarded),
        channel("sport", guarded),
        channel("open", "")
    )
}

/// `[access]` with one key; `more` is what else it says.
pub(crate) fn access(more: &str) -> String {
    format!("[access]\n{more}\n[[access.key]]\nid = \"1\"\nsecret = \"{SECRET}\"\n")
}

pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// For these channels, for an hour.
pub(crate) fn grant(channels: &str) -> Grant {
    Grant {
        channels: Scope::parse(channels).unwrap(),
        not_before: None,
        expires: now() + 3600,
        network: None,
        name: None,
    }
}

pub(crate) fn sign(grant: &Grant) -> String {
    SigningKey::new("1", SECRET).sign(grant)
}
