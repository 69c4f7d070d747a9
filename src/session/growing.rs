//! A Media Segment that is handed out while it is made: its parts, one after the other, as they come.
//!
//! That is how DASH clients read at the live edge. What was handed out in the end is the segment, byte for byte; a
//! segment that will never be whole ends with an error, so that no cache takes a piece for all of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use super::error::ServeError;
use super::handle::Session;
use super::status::Status;
use crate::hls::{MediaName, Snapshot};

/// A reader of a segment that is being made.
#[derive(Debug)]
pub struct GrowingReader {
    session: Arc<Session>,
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    epoch: u64,
    msn: u64,
    /// The part that comes next.
    part: u32,
    patience: Duration,
}

/// The rest of a segment does not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the rest of this segment does not come: its encoder has ended or stands still")]
pub struct Unfinished;

// === impl Session ===

impl Session {
    /// A reader of a segment that grows, or is the next to do so.
    ///
    /// # Errors
    /// As for other media: it is not there and will not come.
    pub fn growing(
        self: &Arc<Self>,
        rendition: &str,
        epoch: u64,
        msn: u64,
    ) -> Result<GrowingReader, ServeError> {
        let not_found = || self.no_media(rendition, MediaName::Segment(msn));
        let Status::Active(live) = self.status.borrow().clone() else {
            return Err(not_found());
        };
        let publication = self.rendition(&live, rendition)?;
        if live.epoch != epoch {
            return Err(not_found());
        }
        Ok(GrowingReader {
            session: self.clone(),
            snapshots: publication.follow(),
            epoch,
            msn,
            part: 0,
            patience: self.target_duration() * 3,
        })
    }
}

// === impl GrowingReader ===

impl GrowingReader {
    /// The next part's bytes; `None` after the last one of a segment that is whole.
    ///
    /// # Errors
    /// [`Unfinished`] when the next part does not come within three Target Durations, or never.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Unfinished> {
        loop {
            let snapshot = self.snapshots.borrow_and_update().clone();
            let snapshot = snapshot.ok_or(Unfinished)?;
            if let Some(part) = snapshot.part(self.msn, self.part) {
                self.part += 1;
                self.session.count_sent(part.body.len());
                return Ok(Some(part.body.clone()));
            }
            if snapshot.segment(self.msn).is_some() {
                return Ok(None);
            }
            if !snapshot.is_coming(self.msn) {
                return Err(Unfinished);
            }
            let change = self.snapshots.changed();
            match tokio::time::timeout(self.patience, change).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Err(Unfinished),
            }
        }
    }

    /// Whose segment it is.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// The entity tag that the segment will have when it is whole.
    pub fn etag(&self) -> Bytes {
        format!("\"e{}-{}\"", self.epoch, self.msn).into()
    }

    /// Why there is nothing of it.
    pub fn refusal(&self, rendition: &str) -> ServeError {
        self.session
            .no_media(rendition, MediaName::Segment(self.msn))
    }
}
