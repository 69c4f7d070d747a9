//! Where viewers knock: how an arrival reaches the one task of a session, which may be about to end.
//!
//! The task and its viewers share no lock while they work. What keeps a viewer from being forgotten is the order of four
//! steps, and that order is all that is in here: `models/` goes through every interleaving of them.

use super::sync::{AtomicBool, Mutex, Ordering};

/// The door of a session. `Words` is the way to its task, while it runs.
#[derive(Debug)]
pub(super) struct Door<Words> {
    words: Mutex<Option<Words>>,
    /// A word of an arrival is on its way.
    knocked: AtomicBool,
}

/// What has become of the arrival of a viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The task runs, and knows or is about to know.
    Known,
    /// There was no task; one has been started for this viewer.
    Started,
}

// === impl Door ===

impl<Words> Door<Words> {
    /// Nobody is at home.
    pub(super) fn new() -> Self {
        Self {
            words: Mutex::new(None),
            knocked: AtomicBool::new(false),
        }
    }

    /// Somebody asks. `admit` may refuse, while no task can begin or end. One word that is not read yet is enough for
    /// all who come: it is sent with `tell`. Where there is no task `start` makes one, which knows of this viewer.
    pub(super) fn arrive<E>(
        &self,
        admit: impl FnOnce() -> Result<(), E>,
        tell: impl FnOnce(&Words),
        start: impl FnOnce() -> Result<Words, E>,
    ) -> Result<Arrival, E> {
        let mut words = self.words.lock();
        admit()?;
        if let Some(words) = &*words {
            if !self.knocked.swap(true, Ordering::SeqCst) {
                tell(words);
            }
            return Ok(Arrival::Known);
        }
        let started = start()?;
        self.knocked.store(false, Ordering::SeqCst);
        *words = Some(started);
        Ok(Arrival::Started)
    }

    /// The task has read the word of an arrival and has not acted on it: who comes from here on sends word again.
    pub(super) fn heard(&self) {
        self.knocked.store(false, Ordering::SeqCst);
    }

    /// The task ends if no word is left, which `is_quiet` finds out; nobody can come while it does. `true` if it has
    /// ended.
    pub(super) fn leave(&self, is_quiet: impl FnOnce() -> bool) -> bool {
        let mut words = self.words.lock();
        let ends = is_quiet();
        if ends {
            *words = None;
        }
        ends
    }

    /// The way to the task for other words than arrivals; nobody can come and no task can end meanwhile.
    pub(super) fn with<T>(&self, tell: impl FnOnce(Option<&Words>) -> T) -> T {
        tell(self.words.lock().as_ref())
    }
}
