//! What a running session shows: one writer, many readers, rendered once.
//!
//! The writer never waits for a reader. A reader takes the newest snapshot, or waits for a newer one; what it missed
//! in between it does not need.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use super::manifest::OnDemand;
use super::transport::Shelf;
use crate::base::{RenditionId, RenditionName};
use crate::dash::Version;
use crate::hls::{Packager, PackagerEvent, Readiness, Rendered, Snapshot};

/// The media of one run of a channel, as readers see it.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) epoch: u64,
    renditions: Vec<Publication>,
    multivariant: ArcSwapOption<Rendered>,
    pub(super) dash: OnDemand<Version>,
    born: Instant,
    /// Milliseconds from `born` to the newest publication.
    published: AtomicU64,
    bytes: AtomicU64,
    /// The same media in another form, for who asks for it.
    pub(super) transport: Shelf,
}

/// One rendition's newest snapshot.
#[derive(Debug)]
pub(super) struct Publication {
    pub(super) name: RenditionName,
    latest: watch::Sender<Option<Arc<Snapshot>>>,
    /// By the newest segment.
    pub(super) key_frames: OnDemand<u64>,
}

/// Why a wait ended without what was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WaitError {
    /// The client asks too far ahead.
    TooFar,
    /// It will not come.
    Gone,
    /// It did not come in time.
    TimedOut,
    /// The session has ended.
    Ended,
}

// === impl Live ===

impl Live {
    /// Nothing is published yet.
    pub(super) fn new(
        epoch: u64,
        names: impl IntoIterator<Item = RenditionName>,
        now: Instant,
    ) -> Self {
        let publication = |name| Publication {
            name,
            latest: watch::Sender::new(None),
            key_frames: OnDemand::default(),
        };
        Self {
            epoch,
            renditions: names.into_iter().map(publication).collect(),
            multivariant: ArcSwapOption::empty(),
            dash: OnDemand::default(),
            born: now,
            published: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            transport: Shelf::default(),
        }
    }

    /// Publishes what an event of the packager made visible.
    pub(super) fn publish(&self, packager: &Packager, event: PackagerEvent, now: Instant) {
        if let PackagerEvent::Changed(id) = event {
            let snapshot = Arc::new(packager.snapshot(id));
            let publication = &self.renditions[id.index()];
            let whole_segment = publication.replace(snapshot.clone());
            if whole_segment {
                self.transport.prune(&publication.name, &snapshot);
            }
            self.transport.published();
            let elapsed = now.duration_since(self.born).as_millis();
            self.published.store(
                u64::try_from(elapsed).unwrap_or(u64::MAX),
                Ordering::Relaxed,
            );
            if !(whole_segment && id == RenditionId(0)) {
                return;
            }
        }
        // What the Multivariant Playlist says changes with whole segments at the most.
        self.multivariant
            .store(packager.multivariant().map(Arc::new));
        self.bytes.store(packager.bytes() as u64, Ordering::Relaxed);
    }

    /// The Multivariant Playlist of now.
    pub(super) fn multivariant(&self) -> Option<Arc<Rendered>> {
        self.multivariant.load_full()
    }

    /// A rendition by its name in URLs.
    pub(super) fn rendition(&self, name: &str) -> Option<&Publication> {
        self.renditions
            .iter()
            .find(|rendition| rendition.name.as_str() == name)
    }

    /// All renditions.
    pub(super) fn renditions(&self) -> &[Publication] {
        &self.renditions
    }

    /// How long ago anything was published.
    pub(super) fn age(&self, now: Instant) -> Duration {
        let published = Duration::from_millis(self.published.load(Ordering::Relaxed));
        now.duration_since(self.born).saturating_sub(published)
    }

    /// Whether it is too young for its window to be full.
    pub(super) fn is_filling(&self, now: Instant, retention: Duration) -> bool {
        now.saturating_duration_since(self.born) < retention
    }

    /// Bytes of media held, as of the newest segment.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed) + self.transport.bytes()
    }

    /// Answers everybody who waits: nothing more will come.
    pub(super) fn end(&self) {
        for rendition in &self.renditions {
            rendition.latest.send_replace(None);
        }
        self.transport.published();
    }
}

// === impl Publication ===

impl Publication {
    /// Reads the newest snapshot where it lies; `None` before the first and after the end.
    pub(super) fn with_latest<T>(&self, read: impl FnOnce(&Snapshot) -> T) -> Option<T> {
        self.latest.borrow().as_deref().map(read)
    }

    /// The newest snapshot; `None` before the first and after the end.
    pub(super) fn latest(&self) -> Option<Arc<Snapshot>> {
        self.latest.borrow().clone()
    }

    /// The first snapshot for which `ready` does not say [`Readiness::Wait`]. Dropping the future is all it takes to
    /// stop waiting.
    pub(super) async fn wait_for(
        &self,
        limit: Duration,
        ready: impl Fn(&Snapshot) -> Readiness,
    ) -> Result<Arc<Snapshot>, WaitError> {
        let mut receiver = self.latest.subscribe();
        let wait = async {
            loop {
                let snapshot = receiver
                    .borrow_and_update()
                    .clone()
                    .ok_or(WaitError::Ended)?;
                match ready(&snapshot) {
                    Readiness::Ready => return Ok(snapshot),
                    Readiness::TooFar => return Err(WaitError::TooFar),
                    Readiness::Gone => return Err(WaitError::Gone),
                    Readiness::Wait => receiver.changed().await.map_err(|_| WaitError::Ended)?,
                }
            }
        };
        tokio::time::timeout(limit, wait)
            .await
            .unwrap_or(Err(WaitError::TimedOut))
    }

    /// All snapshots from now on.
    pub(super) fn follow(&self) -> watch::Receiver<Option<Arc<Snapshot>>> {
        self.latest.subscribe()
    }

    /// How many requests wait here.
    pub(super) fn waiting(&self) -> usize {
        self.latest.receiver_count()
    }

    /// `true` if the new snapshot has a segment more.
    fn replace(&self, snapshot: Arc<Snapshot>) -> bool {
        let msn = snapshot.edge.msn;
        let previous = self.latest.send_replace(Some(snapshot));
        previous.is_none_or(|previous| previous.edge.msn != msn)
    }
}
