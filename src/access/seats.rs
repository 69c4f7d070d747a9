//! How many watch: places for viewers, counted for each token, each address and each channel that has a limit.
//!
//! As in a session, a viewer of HLS holds nothing open: its place is its own until some playlists after the last one
//! that it asked for. Nothing is counted where nothing is limited.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{Denial, Stay, Visit};

/// How often places of viewers that have left are looked for.
const SWEEP: Duration = Duration::from_millis(500);

/// All places that are taken.
#[derive(Debug, Default)]
pub(super) struct Seats {
    hasher: RandomState,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    seats: HashMap<u64, Seat>,
    /// How many places each token, address and channel has.
    counts: HashMap<u64, usize>,
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Seat {
    /// What it is counted for: token, address, channel.
    groups: [Option<u64>; 3],
    until: Instant,
    /// Answers that go on.
    held: u32,
}

/// The limits that hold for a viewer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Groups {
    pub(super) token: Option<usize>,
    pub(super) address: Option<usize>,
    pub(super) channel: Option<usize>,
}

/// A place that is kept until this is dropped.
#[derive(Debug)]
pub struct Seated {
    seats: Arc<Seats>,
    key: u64,
}

const NAMES: [&str; 3] = ["token", "address", "channel"];

// === impl Seats ===

impl Seats {
    /// Takes a place, or keeps the one that the viewer has. `name` is who its token is for.
    pub(super) fn take(
        self: &Arc<Self>,
        visit: &Visit<'_>,
        name: Option<&str>,
        limits: Groups,
        hold: Duration,
    ) -> Result<Option<Seated>, Denial> {
        let limits = [limits.token, limits.address, limits.channel];
        if visit.stay == Stay::Look || limits == [None; 3] {
            return Ok(None);
        }
        let token = match (name, visit.token) {
            (Some(name), _) => Some(self.hasher.hash_one((0, name))),
            (None, token) => token.map(|token| self.hasher.hash_one((1, token))),
        };
        let address = self.hasher.hash_one((2, group(visit.address)));
        let channel = self.hasher.hash_one((3, visit.channel));
        let groups = [token, Some(address), Some(channel)];
        let groups = std::array::from_fn(|at| groups[at].filter(|_| limits[at].is_some()));
        let key = self
            .hasher
            .hash_one((visit.channel, visit.address, visit.agent));
        let is_stream = visit.stay == Stay::Stream;
        let until = visit.at + hold;
        self.table
            .lock()
            .take(key, (groups, limits), (until, hold), visit.at, is_stream)?;
        Ok(is_stream.then(|| Seated {
            seats: self.clone(),
            key,
        }))
    }
}

/// The address, or the /64 that one in IPv6 is in.
fn group(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits() >> 64 << 64,
    }
}

// === impl Table ===

impl Table {
    fn take(
        &mut self,
        key: u64,
        (groups, limits): ([Option<u64>; 3], [Option<usize>; 3]),
        (until, hold): (Instant, Duration),
        now: Instant,
        is_stream: bool,
    ) -> Result<(), Denial> {
        let held = match self.seats.get(&key) {
            // The same viewer: another token does not get it a second place.
            Some(seat) if seat.groups == groups && seat.is_taken(now) => seat.held,
            _ => {
                let held = self.seats.get(&key).map_or(0, |seat| seat.held);
                self.free(key);
                self.room(groups, limits, hold, now)?;
                for group in groups.into_iter().flatten() {
                    *self.counts.entry(group).or_default() += 1;
                }
                held
            }
        };
        let held = held + u32::from(is_stream);
        self.seats.insert(
            key,
            Seat {
                groups,
                until,
                held,
            },
        );
        Ok(())
    }

    /// Whether there is room; whoever has left is looked for first where there seems to be none.
    fn room(
        &mut self,
        groups: [Option<u64>; 3],
        limits: [Option<usize>; 3],
        retry_after: Duration,
        now: Instant,
    ) -> Result<(), Denial> {
        let full = |table: &Self| {
            (0..3).find(|at| match (groups[*at], limits[*at]) {
                (Some(group), Some(most)) => {
                    table.counts.get(&group).is_some_and(|count| *count >= most)
                }
                _ => false,
            })
        };
        let is_due = self.swept.is_none_or(|swept| now >= swept + SWEEP);
        if is_due && (full(self).is_some() || self.seats.len().is_multiple_of(1024)) {
            self.sweep(now);
        }
        match full(self) {
            None => Ok(()),
            Some(at) => Err(Denial::Full {
                limit: NAMES[at],
                most: limits[at].unwrap_or_default(),
                retry_after,
            }),
        }
    }

    fn sweep(&mut self, now: Instant) {
        self.swept = Some(now);
        let gone = self.seats.iter().filter(|(_, seat)| !seat.is_taken(now));
        let gone: Vec<u64> = gone.map(|(key, _)| *key).collect();
        for key in gone {
            self.free(key);
        }
    }

    fn free(&mut self, key: u64) {
        let Some(seat) = self.seats.remove(&key) else {
            return;
        };
        for group in seat.groups.into_iter().flatten() {
            if let Some(count) = self.counts.get_mut(&group) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(&group);
                }
            }
        }
    }
}

// === impl Seat ===

impl Seat {
    fn is_taken(&self, now: Instant) -> bool {
        self.held > 0 || self.until > now
    }
}

// === impl Seated ===

impl Drop for Seated {
    fn drop(&mut self) {
        let mut table = self.seats.table.lock();
        let Some(seat) = table.seats.get_mut(&self.key) else {
            return;
        };
        seat.held = seat.held.saturating_sub(1);
        if seat.held == 0 {
            table.free(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: Duration = Duration::from_secs(10);

    fn visit<'a>(channel: &'a str, agent: &'a str, token: &'a str, at: Instant) -> Visit<'a> {
        Visit {
            channel,
            token: Some(token),
            address: "10.0.0.1".parse().unwrap(),
            agent,
            stay: Stay::Playlist,
            at,
            now: 0,
        }
    }

    fn limits(token: usize, address: usize, channel: usize) -> Groups {
        let some = |most| (most > 0).then_some(most);
        Groups {
            token: some(token),
            address: some(address),
            channel: some(channel),
        }
    }

    fn full(result: Result<Option<Seated>, Denial>) -> Option<&'static str> {
        match result {
            Err(Denial::Full { limit, .. }) => Some(limit),
            _ => None,
        }
    }

    #[test]
    fn each_limit_counts_by_itself() {
        let at = Instant::now();
        for (limits, expected) in [
            (limits(1, 0, 0), Some("token")),
            (limits(0, 1, 0), Some("address")),
            (limits(0, 0, 1), Some("channel")),
            (limits(2, 2, 2), None),
            (limits(0, 0, 0), None),
        ] {
            let seats = Arc::new(Seats::default());
            let take = |agent| seats.take(&visit("a", agent, "t", at), None, limits, HOLD);
            assert_eq!(full(take("one")), None);
            assert_eq!(full(take("one")), None, "the same viewer again");
            assert_eq!(full(take("two")), expected, "{limits:?}");
        }
    }

    #[test]
    fn tokens_for_the_same_person_are_one_and_a_new_one_is_no_second_viewer() {
        let (seats, at) = (Arc::new(Seats::default()), Instant::now());
        let take = |agent, token, name| {
            full(seats.take(&visit("a", agent, token, at), name, limits(1, 0, 0), HOLD))
        };
        assert_eq!(take("one", "t1", Some("ann")), None);
        assert_eq!(take("one", "t2", Some("ann")), None);
        assert_eq!(take("two", "t3", Some("ann")), Some("token"));
        assert_eq!(take("two", "t3", Some("bob")), None);
        assert_eq!(take("one", "t4", Some("carl")), None, "a place moves");
        assert_eq!(take("three", "t5", Some("ann")), None);
        assert_eq!(seats.table.lock().seats.len(), 3);
    }

    #[test]
    fn a_place_is_free_again_when_its_viewer_has_left() {
        let (seats, at) = (Arc::new(Seats::default()), Instant::now());
        let one = limits(0, 0, 1);
        let take = |agent, at| full(seats.take(&visit("a", agent, "t", at), None, one, HOLD));
        assert_eq!(take("one", at), None);
        assert_eq!(take("two", at + HOLD - SWEEP), Some("channel"));
        assert_eq!(take("one", at + HOLD - SWEEP), None, "it stays");
        assert_eq!(take("two", at + HOLD), Some("channel"));
        assert_eq!(take("two", at + HOLD * 2), None);
        assert_eq!(seats.table.lock().counts.len(), 1);
    }

    #[test]
    fn a_stream_has_its_place_as_long_as_it_goes_on() {
        let (seats, at) = (Arc::new(Seats::default()), Instant::now());
        let one = limits(0, 0, 1);
        let stream = |agent, at| {
            let visit = Visit {
                stay: Stay::Stream,
                ..visit("a", agent, "t", at)
            };
            seats.take(&visit, None, one, HOLD)
        };
        let first = stream("one", at).unwrap();
        let late = at + HOLD * 100;
        assert_eq!(full(stream("two", late)), Some("channel"));
        let second = stream("one", late).unwrap();
        drop(first);
        assert_eq!(full(stream("two", late)), Some("channel"));
        drop(second);
        assert_eq!(full(stream("two", late)), None);
        let table = seats.table.lock();
        assert!(table.seats.is_empty() && table.counts.is_empty());
    }
}
