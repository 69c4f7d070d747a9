//! What tells two viewers apart, as cheap as it can be: it is worked out for every request.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::net::IpAddr;

/// An address and an agent, or what the player calls its playback, hashed with a key that nobody outside knows: two viewers that share 64 bits are as likely
/// as a broken disk, and count as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key(u64);

/// A map by viewer.
pub(super) type KeyMap<T> = HashMap<Key, T, BuildHasherDefault<KeyHasher>>;

/// A [`Key`] is its own hash.
#[derive(Debug, Default)]
pub(super) struct KeyHasher(u64);

// === impl Key ===

impl Key {
    pub(super) fn of(hasher: &RandomState, address: IpAddr, agent: &str) -> Self {
        Self(hasher.hash_one((address, agent)))
    }

    /// Of a playback that its player has named: the same wherever its requests come from.
    pub(super) fn of_playback(hasher: &RandomState, session: &str) -> Self {
        Self(hasher.hash_one(session))
    }
}

// === impl KeyHasher ===

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 ^= u64::from_ne_bytes(word);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}
