//! Operators' tokens: who somebody is that says one, and what they may do.
//!
//! A token is compared by its SHA-256, with each that there is, in a time that does not depend on what is in it: how
//! long an answer takes tells nothing about how near a guess was.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use crate::config::Role;

/// Who somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The name of the token.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

/// The tokens in force.
#[derive(Debug, Clone, Default)]
pub struct Tokens(Vec<(Operator, Fingerprint)>);

/// The SHA-256 of a token. `Debug` does not show it: a short token could be found by trying.
#[derive(Clone, Copy)]
pub struct Fingerprint([u8; 32]);

// === impl Fingerprint ===

impl Fingerprint {
    /// Of this token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

impl From<[u8; 32]> for Fingerprint {
    fn from(hash: [u8; 32]) -> Self {
        Self(hash)
    }
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

// === impl Tokens ===

impl Tokens {
    /// These ones.
    pub fn new(tokens: Vec<(Operator, Fingerprint)>) -> Self {
        Self(tokens)
    }

    /// Whether there are none, so that nobody can be known by one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whose token this is.
    pub fn owner(&self, token: &str) -> Option<&Operator> {
        let said = Fingerprint::of(token);
        // Every one is looked at, and which one it was is not branched on.
        let mut found = u32::MAX;
        for (index, (_, known)) in (0u32..).zip(&self.0) {
            let same: Choice = known.0.ct_eq(&said.0);
            found.conditional_assign(&index, same);
        }
        let index = usize::try_from(found).ok()?;
        self.0.get(index).map(|(operator, _)| operator)
    }
}

/// The token in an Authorization field (RFC 6750, section 2.1); nothing if it holds something else.
pub fn bearer(field: &str) -> Option<&str> {
    let (scheme, token) = field.split_once(' ')?;
    let token = token.trim_matches(' ');
    let is_word = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
    (scheme.eq_ignore_ascii_case("bearer") && is_word).then_some(token)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALICE: &str = "alice-3f9a61c2d84e7b50a1b2c3d4";
    const BOB: &str = "bob-0011223344556677889900aabb";

    fn tokens() -> Tokens {
        let operator = |name: &str, role| Operator {
            name: name.to_owned(),
            role,
        };
        let hash: [u8; 32] = Sha256::digest(BOB.as_bytes()).into();
        Tokens::new(vec![
            (operator("alice", Role::Operate), Fingerprint::of(ALICE)),
            (operator("bob", Role::Read), Fingerprint::from(hash)),
        ])
    }

    #[test]
    fn everybody_is_known_by_their_own_token_only() {
        let tokens = tokens();
        let alice = tokens.owner(ALICE).unwrap();
        assert_eq!((alice.name.as_str(), alice.role), ("alice", Role::Operate));
        assert_eq!(tokens.owner(BOB).unwrap().name, "bob");
        for wrong in [
            "",
            "alice",
            &ALICE[1..],
            &ALICE[..ALICE.len() - 1],
            "Alice-3f9a61c2d84e7b50a1b2c3d4",
        ] {
            assert!(tokens.owner(wrong).is_none(), "{wrong}");
        }
        assert!(Tokens::default().owner("").is_none() && Tokens::default().is_empty());
        assert!(Role::Read < Role::Operate);
    }

    #[test]
    fn a_token_is_not_shown() {
        let shown = format!("{:?}", tokens());
        assert!(
            shown.contains("alice") && !shown.contains("3f9a"),
            "{shown}"
        );
        assert!(
            !shown.contains('['.to_string().repeat(2).as_str()),
            "{shown}"
        );
    }

    #[test]
    fn a_bearer_is_a_word_behind_its_scheme() {
        for (field, token) in [
            ("Bearer abc", Some("abc")),
            ("bearer abc", Some("abc")),
            ("BEARER  abc ", Some("abc")),
            ("Bearer", None),
            ("Bearer ", None),
            ("Bearer a b", None),
            ("Basic YTpi", None),
            ("Bearer\tabc", None),
            ("", None),
        ] {
            assert_eq!(bearer(field), token, "{field:?}");
        }
    }

    proptest! {
        #[test]
        fn no_mutated_token_is_anybodys(at in 0usize..ALICE.len(), byte in 0x21u8..0x7f, cut in 0usize..ALICE.len()) {
            let mut mutated = ALICE.as_bytes().to_vec();
            mutated[at] = byte;
            let mutated = String::from_utf8(mutated).unwrap();
            prop_assert_eq!(tokens().owner(&mutated).is_some(), mutated == ALICE);
            prop_assert!(tokens().owner(&ALICE[..cut]).is_none());
            prop_assert!(bearer(&mutated).is_none());
        }
    }
}
