//! What went through the gateway on its way to ffmpeg, counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::address::{CLASSES, Class};

/// Grow only, but for what is open.
#[derive(Debug, Default)]
pub struct Counters {
    answered: AtomicU64,
    failed: AtomicU64,
    unknown: AtomicU64,
    bytes: AtomicU64,
    open: AtomicU64,
    refused: [AtomicU64; CLASSES.len()],
}

/// The same at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Requests that a server has answered.
    pub answered: u64,
    /// Requests that no server has answered.
    pub failed: u64,
    /// Requests without a credential that is in force.
    pub unknown: u64,
    /// Bytes of bodies.
    pub bytes: u64,
    /// Bodies that are on their way now.
    pub open: u64,
    /// Addresses that were not connected to, in the order of [`CLASSES`].
    pub refused: [u64; CLASSES.len()],
}

// === impl Counters ===

impl Counters {
    pub(super) fn answered(&self) {
        self.answered.fetch_add(1, Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Relaxed);
    }

    pub(super) fn unknown(&self) {
        self.unknown.fetch_add(1, Relaxed);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn opened(&self) {
        self.open.fetch_add(1, Relaxed);
    }

    pub(super) fn closed(&self) {
        self.open.fetch_sub(1, Relaxed);
    }

    pub(super) fn refused(&self, class: Class) {
        self.refused[class as usize].fetch_add(1, Relaxed);
    }

    /// All of them.
    pub fn counted(&self) -> Counted {
        let one = |counter: &AtomicU64| counter.load(Relaxed);
        Counted {
            answered: one(&self.answered),
            failed: one(&self.failed),
            unknown: one(&self.unknown),
            bytes: one(&self.bytes),
            open: one(&self.open),
            refused: self.refused.each_ref().map(one),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_its_own_counter() {
        let counters = Counters::default();
        for (index, class) in CLASSES.into_iter().enumerate() {
            counters.refused(class);
            assert_eq!(counters.counted().refused[index], 1, "{class:?}");
        }
    }
}
