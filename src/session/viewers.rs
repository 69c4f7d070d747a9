//! Who watches a session. There are no cookies and no viewer's own URLs: an address and an agent are one viewer.
//!
//! A viewer over HTTP holds nothing between two requests, so its lease is a deadline that each request renews: the
//! distance that a player keeps from the live edge. One that has asked for nothing for that long has run dry. A
//! request that waits for media holds its lease for as long as it waits.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Viewers that are told apart at most; the rest still keep a session alive. Bounds what made-up agents can cost.
const MAX_TOLD_APART: usize = 20_000;

/// The longest agent that is kept for people, in bytes.
const MAX_AGENT: usize = 160;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Viewer<'a> {
    /// Where the request comes from.
    pub address: IpAddr,
    /// The User-Agent, as sent.
    pub agent: &'a str,
}

/// The viewers of one session.
#[derive(Debug)]
pub(super) struct Viewers {
    hold: Duration,
    hasher: RandomState,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    known: HashMap<Key, Known, BuildHasherDefault<KeyHasher>>,
    /// The newest deadline of viewers that had no place in the table.
    crowd_until: Option<Instant>,
    last_access: Option<Instant>,
    /// Requests that wait and are not in the table: for a channel to start, or for want of a place.
    crowd_waiting: u32,
    /// Playlist requests so far.
    requests: u64,
}

/// An address and an agent, hashed with a key that nobody outside knows: two viewers that share 64 bits are as likely
/// as a broken disk, and count as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key(u64);

/// A [`Key`] is its own hash.
#[derive(Debug, Default)]
struct KeyHasher(u64);

/// One viewer.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) address: IpAddr,
    pub(super) agent: String,
    pub(super) since: Instant,
    pub(super) last_access: Instant,
    pub(super) requests: u64,
    waiting: u32,
}

/// What kind of request renews a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heartbeat {
    /// Counted: a viewer is who asks for playlists.
    Playlist,
    /// Renews the deadline of a viewer that is known.
    Media,
}

/// A request that waits; its viewer is present until this is dropped.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    viewers: &'a Viewers,
    /// In the table, or one of the crowd.
    key: Option<Key>,
}

// === impl Viewers ===

impl Viewers {
    /// Viewers stay present for `hold` after a request.
    pub(super) fn new(hold: Duration) -> Self {
        Self {
            hold,
            hasher: RandomState::new(),
            table: Mutex::default(),
        }
    }

    /// A request of a viewer.
    pub(super) fn touch(&self, viewer: Viewer<'_>, heartbeat: Heartbeat, now: Instant) {
        let key = self.key(viewer);
        let mut table = self.table.lock();
        table.last_access = Some(now);
        table.requests += u64::from(heartbeat == Heartbeat::Playlist);
        if let Some(known) = table.known.get_mut(&key) {
            known.last_access = now;
            known.requests += u64::from(heartbeat == Heartbeat::Playlist);
        } else if heartbeat == Heartbeat::Playlist && table.known.len() < MAX_TOLD_APART {
            table.known.insert(key, Known::new(viewer, now));
        } else {
            table.crowd_until = table.crowd_until.max(Some(now + self.hold));
        }
    }

    /// The viewer waits for media until the guard is dropped.
    pub(super) fn wait(&self, viewer: Viewer<'_>) -> Waiting<'_> {
        let key = self.key(viewer);
        let mut table = self.table.lock();
        let key = match table.known.get_mut(&key) {
            Some(known) => {
                known.waiting += 1;
                Some(key)
            }
            None => {
                table.crowd_waiting += 1;
                None
            }
        };
        Waiting { viewers: self, key }
    }

    /// Somebody waits for the channel to start until the guard is dropped.
    pub(super) fn wait_for_start(&self) -> Waiting<'_> {
        self.table.lock().crowd_waiting += 1;
        let (viewers, key) = (self, None);
        Waiting { viewers, key }
    }

    /// How many playlist requests there have been.
    pub(super) fn requests(&self) -> u64 {
        self.table.lock().requests
    }

    /// Until when somebody is known to watch, `None` if nobody does, and how many playlist requests that takes into
    /// account. Forgets who has left.
    pub(super) fn present_until(&self, now: Instant) -> (Option<Instant>, u64) {
        let mut table = self.table.lock();
        table
            .known
            .retain(|_, known| known.until(now, self.hold) > now);
        table.crowd_until = table.crowd_until.filter(|until| *until > now);
        if table.crowd_waiting > 0 {
            table.crowd_until = Some(now + self.hold);
        }
        let known = table
            .known
            .values()
            .map(|known| known.until(now, self.hold))
            .max();
        (known.max(table.crowd_until), table.requests)
    }

    /// Who watches, the longest first.
    pub(super) fn list(&self, now: Instant) -> Vec<Known> {
        let mut list: Vec<Known> = self
            .table
            .lock()
            .known
            .values()
            .filter(|known| known.until(now, self.hold) > now)
            .cloned()
            .collect();
        list.sort_by_key(|known| known.since);
        list
    }

    /// How many watch.
    pub(super) fn count(&self, now: Instant) -> usize {
        self.table
            .lock()
            .known
            .values()
            .filter(|known| known.until(now, self.hold) > now)
            .count()
    }

    /// The last request of anybody.
    pub(super) fn last_access(&self) -> Option<Instant> {
        self.table.lock().last_access
    }

    /// Forgets everybody who does not wait, and gives the memory back.
    pub(super) fn clear(&self) {
        let mut table = self.table.lock();
        table.known.retain(|_, known| known.waiting > 0);
        table.known.shrink_to_fit();
        table.crowd_until = None;
    }

    fn key(&self, viewer: Viewer<'_>) -> Key {
        Key(self.hasher.hash_one((viewer.address, viewer.agent)))
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

// === impl Known ===

impl Known {
    fn new(viewer: Viewer<'_>, now: Instant) -> Self {
        let agent = viewer.agent.chars().filter(|c| !c.is_control());
        let mut length = 0;
        let agent = agent.take_while(|c| {
            length += c.len_utf8();
            length <= MAX_AGENT
        });
        Self {
            address: viewer.address,
            agent: agent.collect(),
            since: now,
            last_access: now,
            requests: 1,
            waiting: 0,
        }
    }

    fn until(&self, now: Instant, hold: Duration) -> Instant {
        if self.waiting > 0 {
            now + hold
        } else {
            self.last_access + hold
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut table = self.viewers.table.lock();
        let now = Instant::now();
        match self.key {
            // It has its answer just now: its time begins again.
            Some(key) => {
                if let Some(known) = table.known.get_mut(&key) {
                    known.waiting = known.waiting.saturating_sub(1);
                    known.last_access = known.last_access.max(now);
                }
            }
            None => {
                table.crowd_waiting = table.crowd_waiting.saturating_sub(1);
                table.crowd_until = table.crowd_until.max(Some(now + self.viewers.hold));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: Duration = Duration::from_secs(6);

    fn viewer(last: u8, agent: &str) -> Viewer<'_> {
        Viewer {
            address: IpAddr::from([10, 0, 0, last]),
            agent,
        }
    }

    #[test]
    fn an_address_and_an_agent_are_one_viewer() {
        let (viewers, now) = (Viewers::new(HOLD), Instant::now());
        viewers.touch(viewer(1, "a"), Heartbeat::Playlist, now);
        viewers.touch(viewer(1, "a"), Heartbeat::Playlist, now);
        viewers.touch(viewer(1, "b"), Heartbeat::Playlist, now);
        viewers.touch(viewer(2, "a"), Heartbeat::Playlist, now);
        assert_eq!(viewers.count(now), 3);
        assert_eq!(
            viewers
                .list(now)
                .iter()
                .map(|known| known.requests)
                .sum::<u64>(),
            4
        );
    }

    #[test]
    fn who_asks_for_nothing_has_left() {
        let (viewers, now) = (Viewers::new(HOLD), Instant::now());
        viewers.touch(viewer(1, "a"), Heartbeat::Playlist, now);
        viewers.touch(viewer(1, "a"), Heartbeat::Media, now + HOLD / 2);
        assert_eq!(
            viewers.present_until(now + HOLD).0,
            Some(now + HOLD / 2 + HOLD)
        );
        assert_eq!(viewers.present_until(now + HOLD * 2).0, None);
        assert_eq!(viewers.count(now + HOLD * 2), 0);
    }

    #[test]
    fn media_alone_makes_no_viewer_but_keeps_the_session() {
        let (viewers, now) = (Viewers::new(HOLD), Instant::now());
        viewers.touch(viewer(1, "cache"), Heartbeat::Media, now);
        assert_eq!(viewers.count(now), 0);
        assert_eq!(viewers.present_until(now).0, Some(now + HOLD));
    }

    #[test]
    fn a_waiting_request_is_present_until_it_is_dropped() {
        let (viewers, now) = (Viewers::new(HOLD), Instant::now());
        viewers.touch(viewer(1, "a"), Heartbeat::Playlist, now);
        let waiting = viewers.wait(viewer(1, "a"));
        let late = now + HOLD * 10;
        assert_eq!(viewers.present_until(late).0, Some(late + HOLD));
        drop(waiting);
        assert_eq!(viewers.present_until(late).0, None);
    }

    #[test]
    fn who_waits_for_a_start_is_somebody_and_has_time_when_it_is_answered() {
        let (viewers, now) = (Viewers::new(HOLD), Instant::now());
        let waiting = viewers.wait_for_start();
        let late = now + HOLD * 10;
        assert_eq!(viewers.present_until(late).0, Some(late + HOLD));
        drop(waiting);
        let left = Instant::now();
        assert!(viewers.present_until(left).0.is_some());
        assert_eq!(viewers.present_until(late + HOLD).0, None);
    }

    #[test]
    fn a_request_that_waited_long_is_not_forgotten_when_it_is_answered() {
        let (viewers, long_ago) = (Viewers::new(HOLD), Instant::now() - HOLD * 2);
        viewers.touch(viewer(1, "a"), Heartbeat::Playlist, long_ago);
        drop(viewers.wait(viewer(1, "a")));
        assert_eq!(viewers.count(Instant::now()), 1);
    }

    #[test]
    fn a_request_that_comes_after_the_look_is_seen_by_its_number() {
        let (viewers, now) = (Viewers::new(HOLD), Instant::now());
        viewers.touch(viewer(1, "a"), Heartbeat::Playlist, now);
        let (_, seen) = viewers.present_until(now);
        viewers.touch(viewer(1, "a"), Heartbeat::Media, now);
        assert_eq!(viewers.requests(), seen, "media starts nothing");
        // Its clock was read before the look, and it got the lock after it.
        viewers.touch(viewer(1, "a"), Heartbeat::Playlist, now - HOLD);
        assert_ne!(viewers.requests(), seen);
    }

    #[test]
    fn the_end_of_a_run_forgets_all_but_those_who_wait() {
        let (viewers, now) = (Viewers::new(HOLD), Instant::now());
        for number in 0..100 {
            viewers.touch(viewer(number, "a"), Heartbeat::Playlist, now);
        }
        let waiting = viewers.wait(viewer(7, "a"));
        viewers.clear();
        assert_eq!(viewers.count(now), 1);
        drop(waiting);
        viewers.clear();
        assert_eq!(
            (viewers.count(now), viewers.table.lock().known.capacity()),
            (0, 0)
        );
    }

    #[test]
    fn made_up_agents_cost_bounded_memory_and_still_count_as_somebody() {
        let (viewers, now) = (Viewers::new(HOLD), Instant::now());
        for n in 0..MAX_TOLD_APART + 10 {
            viewers.touch(viewer(1, &format!("agent {n}")), Heartbeat::Playlist, now);
        }
        assert_eq!(viewers.count(now), MAX_TOLD_APART);
        viewers.touch(viewer(9, &"x".repeat(10_000)), Heartbeat::Playlist, now);
        assert!(
            viewers
                .list(now)
                .iter()
                .all(|known| known.agent.len() <= MAX_AGENT)
        );
    }
}
