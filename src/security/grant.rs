//! What a token grants, and whether that is what somebody asks for.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::net::IpAddr;

use crate::base::{ChannelId, Network};

/// How far the clocks of who makes tokens and of this gateway may be apart, in seconds. Only a beginning is moved by
/// it: nothing is longer valid than it says.
const EARLY: i64 = 30;

/// What a token that is genuine allows. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Which channels.
    pub channels: Scope,
    /// From when on; `None` is at once.
    pub not_before: Option<i64>,
    /// The first second in which it does not count any more.
    pub expires: i64,
    /// From where; `None` is from anywhere.
    pub network: Option<Network>,
    /// Who it was made for. Tokens with the same name count as one.
    pub name: Option<String>,
}

/// Channels that a token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All, also those to come.
    All,
    /// These.
    Only(Vec<ChannelId>),
}

/// What somebody asks for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The channel.
    pub channel: &'a str,
    /// From where.
    pub address: IpAddr,
    /// Seconds since 1970.
    pub now: i64,
}

/// Why a token does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is none, or not whole.
    #[error("the token is not one, or not all of it")]
    Malformed,
    /// No such key is known.
    #[error("the token is signed with a key that is not known here")]
    UnknownKey,
    /// The signature is not that of its key.
    #[error("the token was not made by who may make tokens")]
    Signature,
    /// Its algorithm is not one of those that are accepted.
    #[error("the token is signed in a way that is not accepted")]
    Algorithm,
    /// It was made by somebody else, or for somebody else.
    #[error("the token is from another issuer, or for another audience")]
    Issuer,
    /// It is over.
    #[error("the token has expired")]
    Expired,
    /// It is not yet time.
    #[error("the token is not valid yet")]
    Early,
    /// It is for other channels.
    #[error("the token is for another channel")]
    Channel,
    /// It is for another address.
    #[error("the token is for another address")]
    Address,
}

// === impl Grant ===

impl Grant {
    /// Whether it allows this.
    ///
    /// # Errors
    /// Why not.
    pub fn allows(&self, asked: Asked<'_>) -> Result<(), Refusal> {
        self.is_valid(asked.address, asked.now)?;
        match self.channels.holds(asked.channel) {
            true => Ok(()),
            false => Err(Refusal::Channel),
        }
    }

    /// Whether it counts for anything, here and now.
    ///
    /// # Errors
    /// Why not.
    pub fn is_valid(&self, address: IpAddr, now: i64) -> Result<(), Refusal> {
        if now >= self.expires {
            return Err(Refusal::Expired);
        }
        if self
            .not_before
            .is_some_and(|from| now < from.saturating_sub(EARLY))
        {
            return Err(Refusal::Early);
        }
        match self.network {
            Some(network) if !network.contains(address) => Err(Refusal::Address),
            _ => Ok(()),
        }
    }
}

// === impl Scope ===

impl Scope {
    /// Reads `*`, or identifiers between commas or blanks. `None` if something else is in it, or nothing.
    pub fn parse(text: &str) -> Option<Self> {
        if text.trim() == "*" {
            return Some(Self::All);
        }
        let names = text.split([',', ' ']).filter(|name| !name.is_empty());
        let channels: Option<Vec<ChannelId>> =
            names.map(|name| ChannelId::new(name).ok()).collect();
        channels.filter(|list| !list.is_empty()).map(Self::Only)
    }

    /// Whether the channel is one of them.
    pub fn holds(&self, channel: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(list) => list.iter().any(|id| id.as_str() == channel),
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Only(list) => {
                for (at, id) in list.iter().enumerate() {
                    write!(f, "{}{id}", if at > 0 { "," } else { "" })?;
                }
                Ok(())
            }
        }
    }
}

// === impl Refusal ===

impl Refusal {
    /// For programs; stable.
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Algorithm => "algorithm",
            Self::Issuer => "issuer",
            Self::Expired => "expired",
            Self::Early => "early",
            Self::Channel => "channel",
            Self::Address => "address",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Grant {
        Grant {
            channels: Scope::parse("news, sport").unwrap(),
            not_before: Some(1000),
            expires: 2000,
            network: "10.0.0.0/8".parse().ok(),
            name: None,
        }
    }

    #[test]
    fn each_limit_holds_by_itself() {
        let ten = "10.1.2.3";
        for (channel, address, now, expected) in [
            ("news", ten, 1000, Ok(())),
            ("sport", ten, 1999, Ok(())),
            ("news", "::ffff:10.1.2.3", 1500, Ok(())),
            ("news", ten, 970, Ok(())),
            ("news", ten, 969, Err(Refusal::Early)),
            ("news", ten, 2000, Err(Refusal::Expired)),
            ("new", ten, 1500, Err(Refusal::Channel)),
            ("newss", ten, 1500, Err(Refusal::Channel)),
            ("", ten, 1500, Err(Refusal::Channel)),
            ("*", ten, 1500, Err(Refusal::Channel)),
            ("news", "11.1.2.3", 1500, Err(Refusal::Address)),
            ("news", "::1", 1500, Err(Refusal::Address)),
        ] {
            let address = address.parse().unwrap();
            let asked = Asked {
                channel,
                address,
                now,
            };
            assert_eq!(grant().allows(asked), expected, "{asked:?}");
        }
    }

    #[test]
    fn a_scope_is_all_or_some_and_never_nothing() {
        assert_eq!(Scope::parse("*"), Some(Scope::All));
        assert!(Scope::All.holds("anything"));
        for wrong in ["", ",", " ", "a/b", "a,*", "**", "ä"] {
            assert_eq!(Scope::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Scope::parse("a,,b c").unwrap().to_string(), "a,b,c");
    }
}
