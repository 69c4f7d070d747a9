//! One guide: read when it is due, kept while it is good.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::fetch;
use crate::config::GuideSource;
use crate::egress::Client;
use crate::iptv::xmltv_reader::Wanted;
use crate::iptv::{Guide, Programme};

/// Which programmes are kept: those of the last day and of two weeks.
const BEFORE: SignedDuration = SignedDuration::from_hours(24);
const AFTER: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The pauses after a failure: the first, doubled each time, up to the time of a refresh.
const RETRY: Duration = Duration::from_secs(30);

/// How often a file is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// How a guide is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// How people call it, credentials masked.
    pub label: String,
    /// When the guide in force was read; `None` if there is none yet.
    pub read_at: Option<Timestamp>,
    /// How many programmes of our channels it has.
    pub programmes: usize,
    /// Why it was not read the last time; `None` if it was.
    pub error: Option<String>,
}

/// A guide and its task.
#[derive(Debug)]
pub(super) struct Source {
    from: GuideSource,
    channels: HashSet<String>,
    refresh: Duration,
    guide: ArcSwap<Guide>,
    version: AtomicU64,
    status: Mutex<Status>,
    stop: CancellationToken,
}

// === impl Source ===

impl Source {
    /// A guide for these channels; until it was read it has what the one before had.
    pub(super) fn new(
        from: GuideSource,
        channels: HashSet<String>,
        refresh: Duration,
        before: Option<&Arc<Self>>,
    ) -> Self {
        let status = Status {
            label: from.label(),
            read_at: None,
            programmes: 0,
            error: None,
        };
        let guide = before
            .map(|before| before.guide.load_full())
            .unwrap_or_default();
        Self {
            status: Mutex::new(before.map_or(status, |before| before.status())),
            from,
            channels,
            refresh,
            guide: ArcSwap::new(guide),
            version: AtomicU64::new(0),
            stop: CancellationToken::new(),
        }
    }

    pub(super) fn is_for(&self, channels: &HashSet<String>, refresh: Duration) -> bool {
        self.channels == *channels && self.refresh == refresh
    }

    pub(super) fn programmes(&self, tvg_id: &str) -> Option<Arc<[Programme]>> {
        self.guide.load().programmes(tvg_id).cloned()
    }

    /// Grows with each guide that is taken.
    pub(super) fn version(&self) -> u64 {
        self.version.load(SeqCst)
    }

    pub(super) fn status(&self) -> Status {
        self.status.lock().clone()
    }

    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// Reads the guide again and again until it is stopped.
    pub(super) async fn run(self: Arc<Self>, client: Client) {
        let stop = self.stop.clone();
        stop.run_until_cancelled(self.keep_reading(client)).await;
    }

    async fn keep_reading(&self, client: Client) {
        let mut failures = 0;
        loop {
            let seen = self.modified();
            let now = Timestamp::now();
            let wanted = Wanted {
                channels: self.channels.clone(),
                window: now.saturating_sub(BEFORE).unwrap_or(now)
                    ..now.saturating_add(AFTER).unwrap_or(now),
            };
            let pause = match fetch::read(&client, &self.from, wanted).await {
                Ok(guide) => {
                    failures = 0;
                    self.take(guide, now);
                    self.refresh
                }
                Err(error) => {
                    failures += 1;
                    self.refuse(error);
                    let pause = RETRY.saturating_mul(1 << (failures - 1).min(16));
                    pause.min(self.refresh)
                }
            };
            self.pause(pause, seen).await;
        }
    }

    fn take(&self, guide: Guide, now: Timestamp) {
        let programmes = guide.count();
        let label = self.from.label();
        match programmes {
            0 => warn!(
                guide = label,
                "it has no programme of any channel: does `tvg_id` name what it calls them?"
            ),
            _ => info!(guide = label, programmes, "a guide is in force"),
        }
        self.guide.store(Arc::new(guide));
        self.version.fetch_add(1, SeqCst);
        let mut status = self.status.lock();
        status.read_at = Some(now);
        status.programmes = programmes;
        status.error = None;
    }

    fn refuse(&self, error: String) {
        warn!(
            guide = self.from.label(),
            "it is not read, and the one before stays in force: {error}"
        );
        self.status.lock().error = Some(error);
    }

    /// Waits until the guide is due; a file is due when it has changed.
    async fn pause(&self, pause: Duration, seen: Option<SystemTime>) {
        let due = Instant::now() + pause;
        loop {
            let step = match self.from {
                GuideSource::File(_) => LOOK.min(pause),
                GuideSource::Url(_) => pause,
            };
            tokio::time::sleep(step).await;
            if Instant::now() >= due || self.modified() != seen {
                return;
            }
        }
    }

    /// When a file was written.
    fn modified(&self) -> Option<SystemTime> {
        match &self.from {
            GuideSource::File(path) => std::fs::metadata(path).ok()?.modified().ok(),
            GuideSource::Url(_) => None,
        }
    }
}
