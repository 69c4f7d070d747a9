//! What operators have changed: who, from where, what, on what, how it went and when.
//!
//! Each change is a line of the log (target `audit`), one of the last that can be asked for, an event, and a line of a
//! file if there is one. Belongs here: keeping and counting. Does not belong here: who an operator is, and what counts
//! as a change.
//!
//! A change never waits for its line. A file that cannot be written costs lines of that file, which are counted; the
//! other three ways remain.

mod file;
mod record;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::events::{EventKind, Events};
use file::{Counts, Writer};

pub use record::{Change, Outcome, Record};

/// How many changes are remembered; the oldest is forgotten first.
pub const MEMORY: usize = 1000;

/// Why somebody was turned away before anything was done, as labels; the order of [`TurnedAway`].
pub const REASONS: [&str; 6] = [
    "listener",
    "host",
    "origin",
    "no_token",
    "wrong_token",
    "role",
];

/// Why somebody was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnedAway {
    /// Operators are not served where they asked.
    Listener,
    /// They called the gateway by a name that is not its own.
    Host,
    /// A page of another origin asked.
    Origin,
    /// A token is needed.
    NoToken,
    /// The token is nobody's.
    WrongToken,
    /// The token's owner may only look.
    Role,
}

/// Keeps what operators do.
#[derive(Debug)]
pub struct Audit {
    kept: Mutex<Kept>,
    events: Arc<Events>,
    writer: Option<Writer>,
    counts: Arc<Counts>,
    changes: [AtomicU64; Outcome::NAMES.len()],
    turned_away: [AtomicU64; REASONS.len()],
}

#[derive(Debug)]
struct Kept {
    next: u64,
    records: VecDeque<Arc<Record>>,
}

/// What has been counted since the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    /// Changes by their outcome, in the order of [`Outcome::NAMES`].
    pub changes: [u64; Outcome::NAMES.len()],
    /// Lines that are in the file.
    pub written: u64,
    /// Lines that could not be written.
    pub lost: u64,
    /// Who was turned away, in the order of [`REASONS`].
    pub turned_away: [u64; REASONS.len()],
}

// === impl Audit ===

impl Audit {
    /// Keeps the last changes, and writes each to `file` if there is one. Nothing is opened yet.
    pub fn new(events: Arc<Events>, file: Option<PathBuf>) -> Arc<Self> {
        let counts = Arc::<Counts>::default();
        Arc::new(Self {
            kept: Mutex::new(Kept {
                next: 1,
                records: VecDeque::new(),
            }),
            events,
            writer: file.map(|path| Writer::new(path, counts.clone())),
            counts,
            changes: Default::default(),
            turned_away: Default::default(),
        })
    }

    /// Keeps and tells a change. Never waits.
    pub fn keep(&self, at: Timestamp, change: Change) {
        let record = {
            let mut kept = self.kept.lock();
            let record = Arc::new(Record {
                id: kept.next,
                at,
                change,
            });
            kept.next += 1;
            if kept.records.len() == MEMORY {
                kept.records.pop_front();
            }
            kept.records.push_back(record.clone());
            // In the order of their numbers, also in the file.
            if let Some(writer) = &self.writer {
                writer.write(&record);
            }
            record
        };
        self.changes[record.change.outcome as usize].fetch_add(1, Relaxed);
        self.tell(&record);
    }

    fn tell(&self, record: &Record) {
        let change = &record.change;
        tracing::info!(
            target: "audit",
            id = record.id,
            operator = change.operator,
            role = change.role,
            address = %change.address,
            action = change.action,
            method = change.method,
            path = change.path,
            detail = change.detail,
            status = change.status,
            code = change.code,
            outcome = change.outcome.as_str(),
            "an operator changed something, or tried to"
        );
        let kind = EventKind::OperatorActed {
            operator: change.operator.clone(),
            action: change.action.clone(),
            path: change.path.clone(),
            detail: change.detail.clone(),
            status: change.status,
            outcome: change.outcome.as_str(),
        };
        self.events
            .emit(record.at, change.channel.clone(), change.session, kind);
    }

    /// Counts somebody who was turned away.
    pub fn turned_away(&self, why: TurnedAway) {
        self.turned_away[why as usize].fetch_add(1, Relaxed);
    }

    /// The last changes, the newest first.
    pub fn recent(&self) -> Vec<Arc<Record>> {
        self.kept.lock().records.iter().rev().cloned().collect()
    }

    /// What has been counted.
    pub fn totals(&self) -> Totals {
        let load = |count: &AtomicU64| count.load(Relaxed);
        Totals {
            changes: std::array::from_fn(|index| load(&self.changes[index])),
            written: load(&self.counts.written),
            lost: load(&self.counts.lost),
            turned_away: std::array::from_fn(|index| load(&self.turned_away[index])),
        }
    }

    /// Whether the last line could not be written, for people.
    pub fn trouble(&self) -> Option<String> {
        self.counts.trouble.lock().clone()
    }

    /// Waits until what was kept is in the file, or cannot be; nothing is written after that.
    pub async fn drain(&self) {
        if let Some(writer) = &self.writer {
            writer.drain().await;
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
