//! A viewer that is there for as long as it holds on: a stream without an end asks once and then only reads.

use std::sync::Arc;
use std::time::Instant;

use super::handle::Session;
use super::key::Key;
use super::viewers::Viewer;

/// The lease of such a viewer; it ends with this.
#[derive(Debug)]
pub(super) struct Presence {
    session: Arc<Session>,
    /// In the table, or one of the crowd.
    key: Option<Key>,
}

// === impl Presence ===

impl Presence {
    pub(super) fn new(session: &Arc<Session>, viewer: Viewer<'_>) -> Self {
        Self {
            key: session.viewers.enter(viewer),
            session: session.clone(),
        }
    }

    pub(super) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// An operator has sent the viewer away.
    pub(super) fn is_refused(&self, now: Instant) -> bool {
        let viewers = &self.session.viewers;
        self.key.is_some_and(|key| viewers.is_kicked(key, now))
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.session.viewers.leave(self.key, Instant::now());
    }
}
