//! Viewers that an operator has sent away, for a while.
//!
//! Asked on every request: as long as nobody is kicked, that costs one relaxed read.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// For how long a viewer is sent away.
const BAN: Duration = Duration::from_secs(60);

/// Viewers that are sent away at the same time; the oldest is let in first.
const MAX_KICKED: usize = 1024;

/// Who may not watch for now; `K` tells viewers apart.
#[derive(Debug)]
pub(super) struct Kicked<K> {
    count: AtomicUsize,
    /// Until when, oldest first.
    list: Mutex<VecDeque<(K, Instant)>>,
}

// === impl Kicked ===

impl<K> Default for Kicked<K> {
    fn default() -> Self {
        Self {
            count: AtomicUsize::new(0),
            list: Mutex::default(),
        }
    }
}

impl<K: PartialEq> Kicked<K> {
    /// Sends a viewer away.
    pub(super) fn add(&self, key: K, now: Instant) {
        let mut list = self.list.lock();
        list.retain(|(known, until)| *known != key && *until > now);
        if list.len() == MAX_KICKED {
            list.pop_front();
        }
        list.push_back((key, now + BAN));
        self.count.store(list.len(), Relaxed);
    }

    /// For how long a viewer still has to stay away; `None` if it may watch.
    pub(super) fn left(&self, key: impl FnOnce() -> K, now: Instant) -> Option<Duration> {
        if self.count.load(Relaxed) == 0 {
            return None;
        }
        let key = key();
        let mut list = self.list.lock();
        list.retain(|(_, until)| *until > now);
        self.count.store(list.len(), Relaxed);
        let found = list.iter().find(|(known, _)| *known == key);
        found.map(|(_, until)| until.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_kicked_stays_away_for_a_minute_and_others_do_not_notice() {
        let (kicked, now) = (Kicked::default(), Instant::now());
        assert_eq!(kicked.left(|| unreachable!("nobody is kicked"), now), None);
        kicked.add(7, now);
        assert_eq!(kicked.left(|| 7, now), Some(BAN));
        assert_eq!(kicked.left(|| 8, now), None);
        let late = now + BAN - Duration::from_secs(1);
        assert_eq!(kicked.left(|| 7, late), Some(Duration::from_secs(1)));
        assert_eq!(kicked.left(|| 7, now + BAN), None);
        assert_eq!(kicked.count.load(Relaxed), 0, "the quick way is open again");
    }

    #[test]
    fn kicked_again_is_a_new_minute_and_many_cost_bounded_memory() {
        let (kicked, now) = (Kicked::default(), Instant::now());
        kicked.add(0, now);
        kicked.add(0, now + BAN / 2);
        assert_eq!(kicked.left(|| 0, now + BAN), Some(BAN / 2));
        for key in 0..2 * MAX_KICKED {
            kicked.add(key, now);
        }
        assert_eq!(kicked.list.lock().len(), MAX_KICKED);
        assert_eq!(kicked.left(|| 0, now), None, "the oldest was let in");
    }
}
