//! Who watches a session. There are no cookies and no viewer's own URLs: an address and an agent are one viewer, or
//! what a player calls its playback (CMCD) where it says so.
//!
//! A viewer over HTTP holds nothing between two requests, so its lease is a deadline that each request renews: the
//! distance that a player keeps from the live edge. One that has asked for nothing for that long has run dry. A
//! request that waits for media holds its lease for as long as it waits.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::cmcd::Cmcd;
use super::key::{Key, KeyMap};
use super::kicked::Kicked;
use super::playback::{AudienceReport, Playback, Totals};

/// Viewers that are told apart at most; the rest still keep a session alive. Bounds what made-up agents can cost.
const MAX_TOLD_APART: usize = 20_000;

/// The longest agent that is kept for people, in bytes.
const MAX_AGENT: usize = 160;

/// Who asks, and when.
#[derive(Debug, Clone, Copy)]
pub struct Viewer<'a> {
    /// Where the request comes from.
    pub address: IpAddr,
    /// The User-Agent, as sent.
    pub agent: &'a str,
    /// When it asked.
    pub at: Instant,
    /// What its player tells about itself, if it does.
    pub cmcd: Option<&'a Cmcd>,
}

/// The viewers of one session.
#[derive(Debug)]
pub(super) struct Viewers {
    /// In milliseconds.
    hold: AtomicU64,
    hasher: RandomState,
    table: Mutex<Table>,
    kicked: Kicked<Key>,
}

#[derive(Debug, Default)]
struct Table {
    known: KeyMap<Known>,
    /// The newest deadline of viewers that had no place in the table.
    crowd_until: Option<Instant>,
    last_access: Option<Instant>,
    /// Requests that wait and are not in the table: for a channel to start, or for want of a place.
    crowd_waiting: u32,
    /// Until when an operator wants the channel to run, whoever watches.
    held_until: Option<Instant>,
    /// Playlist requests so far.
    requests: u64,
    /// Somebody has asked for a playlist since nobody watched.
    watched: bool,
    /// What was told of that.
    told: bool,
    /// What players told about themselves.
    totals: Totals,
}

/// One viewer.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// For operators: says nothing about the viewer, and stays the same while it watches.
    pub(super) id: u64,
    pub(super) address: IpAddr,
    pub(super) agent: String,
    pub(super) since: Instant,
    pub(super) last_access: Instant,
    pub(super) requests: u64,
    /// What its player told about itself, if it did.
    pub(super) playback: Option<Box<Playback>>,
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
        let viewers = Self {
            hold: AtomicU64::default(),
            hasher: RandomState::new(),
            table: Mutex::default(),
            kicked: Kicked::default(),
        };
        viewers.set_hold(hold);
        viewers
    }

    /// From now on viewers stay present for `hold` after a request.
    pub(super) fn set_hold(&self, hold: Duration) {
        let millis = u64::try_from(hold.as_millis()).unwrap_or(u64::MAX);
        self.hold.store(millis, Relaxed);
    }

    fn hold(&self) -> Duration {
        Duration::from_millis(self.hold.load(Relaxed))
    }

    /// A request of a viewer; `true` if it is the first one since nobody watched.
    pub(super) fn touch(&self, viewer: Viewer<'_>, heartbeat: Heartbeat, now: Instant) -> bool {
        let key = self.key(viewer);
        let mut table = self.table.lock();
        table.last_access = Some(now);
        table.requests += u64::from(heartbeat == Heartbeat::Playlist);
        if let Some(known) = table.known.get_mut(&key) {
            known.last_access = now;
            known.requests += u64::from(heartbeat == Heartbeat::Playlist);
        } else if heartbeat == Heartbeat::Playlist && table.known.len() < MAX_TOLD_APART {
            let known = Known::new(viewer, self.hasher.hash_one(key), now);
            table.known.insert(key, known);
        } else {
            table.crowd_until = table.crowd_until.max(Some(now + self.hold()));
        }
        if let Some(told) = viewer.cmcd {
            table.note(key, told, now);
        }
        heartbeat == Heartbeat::Playlist && !std::mem::replace(&mut table.watched, true)
    }

    /// Whether somebody watches, if that is not what was asked here last.
    pub(super) fn untold(&self) -> Option<bool> {
        let mut table = self.table.lock();
        let watched = table.watched;
        let told = std::mem::replace(&mut table.told, watched);
        (told != watched).then_some(watched)
    }

    /// The viewer waits for media until the guard is dropped.
    pub(super) fn wait(&self, viewer: Viewer<'_>) -> Waiting<'_> {
        let key = self.enter(viewer);
        Waiting { viewers: self, key }
    }

    /// The viewer is present until [`Self::leave`] is told what this returns.
    pub(super) fn enter(&self, viewer: Viewer<'_>) -> Option<Key> {
        let key = self.key(viewer);
        let mut table = self.table.lock();
        match table.known.get_mut(&key) {
            Some(known) => {
                known.waiting += 1;
                Some(key)
            }
            None => {
                table.crowd_waiting += 1;
                None
            }
        }
    }

    /// Ends what [`Self::enter`] began: its time begins again, as after a request.
    pub(super) fn leave(&self, key: Option<Key>, now: Instant) {
        let mut table = self.table.lock();
        match key {
            Some(key) => {
                if let Some(known) = table.known.get_mut(&key) {
                    known.waiting = known.waiting.saturating_sub(1);
                    known.last_access = known.last_access.max(now);
                }
            }
            None => {
                table.crowd_waiting = table.crowd_waiting.saturating_sub(1);
                table.crowd_until = table.crowd_until.max(Some(now + self.hold()));
            }
        }
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
            .retain(|_, known| known.until(now, self.hold()) > now);
        table.crowd_until = table.crowd_until.filter(|until| *until > now);
        if table.crowd_waiting > 0 {
            table.crowd_until = Some(now + self.hold());
        }
        let known = table
            .known
            .values()
            .map(|known| known.until(now, self.hold()))
            .max();
        let held = table.held_until.filter(|until| *until > now);
        let watched = known.max(table.crowd_until);
        table.watched &= watched.is_some();
        (watched.max(held), table.requests)
    }

    /// Who watches, the longest first.
    pub(super) fn list(&self, now: Instant) -> Vec<Known> {
        let mut list: Vec<Known> = self
            .table
            .lock()
            .known
            .values()
            .filter(|known| known.until(now, self.hold()) > now)
            .cloned()
            .collect();
        list.sort_by_key(|known| known.since);
        list
    }

    /// From where they watch, and what their players tell.
    pub(super) fn audience(&self, now: Instant) -> AudienceReport {
        let table = self.table.lock();
        let present = || {
            let known = table.known.values();
            known.filter(|known| known.until(now, self.hold()) > now)
        };
        let addresses: HashSet<IpAddr> = present().map(|known| known.address).collect();
        let told: Vec<_> = present()
            .filter_map(|known| known.playback.as_ref())
            .map(|playback| playback.report())
            .collect();
        AudienceReport::of(addresses.len(), table.totals, &told)
    }

    /// How many watch.
    pub(super) fn count(&self, now: Instant) -> usize {
        self.table
            .lock()
            .known
            .values()
            .filter(|known| known.until(now, self.hold()) > now)
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
        table.watched = false;
        table.held_until = None;
        table.totals = Totals::default();
    }

    /// Keeps the session until then, whoever watches; of several such wishes the last to end counts.
    pub(super) fn hold_until(&self, until: Instant) {
        let mut table = self.table.lock();
        table.held_until = table.held_until.max(Some(until));
    }

    /// Nobody holds the session any more.
    pub(super) fn let_go(&self) {
        self.table.lock().held_until = None;
    }

    /// Until when an operator keeps the session.
    pub(super) fn held_until(&self, now: Instant) -> Option<Instant> {
        self.table.lock().held_until.filter(|until| *until > now)
    }

    /// Ends a viewer's lease and sends it away for a while; `false` if nobody of this [`Known::id`] watches.
    pub(super) fn kick(&self, id: u64, now: Instant) -> bool {
        let mut table = self.table.lock();
        let present = |known: &Known| known.id == id && known.until(now, self.hold()) > now;
        let mut known = table.known.iter();
        let Some(key) = known.find_map(|(key, known)| present(known).then_some(*key)) else {
            return false;
        };
        // Before the table is free again: its next request must not make it a viewer again.
        self.kicked.add(key, now);
        table.known.remove(&key);
        true
    }

    /// For how long the viewer was sent away; `None` if it may watch.
    pub(super) fn refused(&self, viewer: Viewer<'_>, now: Instant) -> Option<Duration> {
        self.kicked.left(|| self.key(viewer), now)
    }

    /// As [`Self::refused`], for one that holds on.
    pub(super) fn is_kicked(&self, key: Key, now: Instant) -> bool {
        self.kicked.left(|| key, now).is_some()
    }

    fn key(&self, viewer: Viewer<'_>) -> Key {
        match viewer.cmcd.and_then(|told| told.session.as_deref()) {
            None => Key::of(&self.hasher, viewer.address, viewer.agent),
            Some(session) => Key::of_playback(&self.hasher, session),
        }
    }
}

// === impl Table ===

impl Table {
    /// What a player tells; of strangers only the sums are kept.
    fn note(&mut self, key: Key, told: &Cmcd, now: Instant) {
        self.totals.reports += 1;
        self.totals.rebuffers += u64::from(told.starved);
        if let Some(known) = self.known.get_mut(&key) {
            known.playback.get_or_insert_default().note(told, now);
        }
    }
}

// === impl Known ===

impl Known {
    fn new(viewer: Viewer<'_>, id: u64, now: Instant) -> Self {
        let agent = viewer.agent.chars().filter(|c| !c.is_control());
        let mut length = 0;
        let agent = agent.take_while(|c| {
            length += c.len_utf8();
            length <= MAX_AGENT
        });
        Self {
            id,
            address: viewer.address,
            agent: agent.collect(),
            since: now,
            last_access: now,
            requests: 1,
            playback: None,
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
        // It has its answer just now.
        self.viewers.leave(self.key, Instant::now());
    }
}

#[cfg(test)]
#[path = "viewers_tests.rs"]
mod tests;
