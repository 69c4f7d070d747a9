//! A recent picture of a channel: its newest key frame, decoded when somebody asks, at most every few seconds.
//!
//! Whoever asks for pictures is no viewer: nothing is started and nothing is kept running for them. One picture of a
//! channel is made at a time, few in the whole gateway, and all who ask share its bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::sync::{OwnedMutexGuard, Semaphore};
use tracing::debug;

use super::error::ServeError;
use super::handle::Session;
use super::map::Shared;
use super::publish::Live;
use super::status::Status;
use crate::hls::{MediaSegment, Snapshot};
use crate::media::{MediaFormat, MediaInitializationSection};

/// For how long a picture is not made again.
pub(super) const FRESH: Duration = Duration::from_secs(5);

/// For how long the last picture is shown when there is no newer one.
const KEPT: Duration = Duration::from_secs(600);

/// How many pictures are made at the same time in the whole gateway.
const AT_ONCE: usize = 2;

/// How long somebody waits for a picture.
const PATIENCE: Duration = Duration::from_secs(8);

/// A picture. Cloning shares the bytes.
#[derive(Debug, Clone)]
pub struct Picture {
    /// JPEG.
    pub jpeg: Bytes,
    /// A strong entity tag with its quotes, ASCII.
    pub etag: Bytes,
    /// For how long nobody need ask again.
    pub fresh_for: Duration,
}

/// How many pictures have been made since the gateway began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ThumbnailCounts {
    /// Made.
    pub made: u64,
    /// Tried in vain.
    pub failed: u64,
}

/// Where all pictures are made.
#[derive(Debug)]
pub(super) struct Studio {
    places: Semaphore,
    made: AtomicU64,
    failed: AtomicU64,
}

/// The pictures of one session.
#[derive(Debug, Default)]
pub(super) struct Thumbnails {
    latest: Mutex<Latest>,
    /// Held while one is made.
    making: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Default)]
struct Latest {
    picture: Option<Taken>,
    /// The last attempt, whatever came of it.
    tried: Option<Instant>,
}

#[derive(Debug, Clone)]
struct Taken {
    frame: FrameName,
    jpeg: Bytes,
    at: Instant,
}

/// Which key frame a picture shows: the timeline and the Media Sequence Number.
type FrameName = (u64, u64);

/// Somebody who wants a picture of a session.
#[derive(Debug)]
pub struct Sitting {
    session: Arc<Session>,
    shared: Arc<Shared>,
}

// === impl Studio ===

impl Default for Studio {
    fn default() -> Self {
        Self {
            places: Semaphore::new(AT_ONCE),
            made: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }
}

impl Studio {
    pub(super) fn counts(&self) -> ThumbnailCounts {
        ThumbnailCounts {
            made: self.made.load(Relaxed),
            failed: self.failed.load(Relaxed),
        }
    }
}

// === impl Sitting ===

impl Sitting {
    pub(super) fn new(session: Arc<Session>, shared: Arc<Shared>) -> Self {
        Self { session, shared }
    }

    /// Whose picture it is.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// The picture, if it can be had without waiting.
    pub fn picture_now(&self) -> Option<Picture> {
        let now = Instant::now();
        let latest = self.session.thumbnails.latest.lock();
        let taken = latest.picture.as_ref().filter(|taken| taken.is_kept(now))?;
        let is_recent = latest.tried.is_some_and(|tried| now < tried + FRESH);
        let is_newest = || self.session.frame_name() == Some(taken.frame);
        (is_recent || !self.session.is_live() || is_newest()).then(|| taken.picture(now))
    }

    /// The picture; waits for one that is being made.
    ///
    /// # Errors
    /// [`ServeError::NotFound`] when the channel has not run lately, [`ServeError::Unavailable`] when no picture could
    /// be made.
    pub async fn picture(self) -> Result<Picture, ServeError> {
        if let Some(picture) = self.picture_now() {
            return Ok(picture);
        }
        let session = self.session.clone();
        let work = async {
            let making = session.thumbnails.making.clone().lock_owned().await;
            // Whoever had it before may have made what is wanted.
            if self.picture_now().is_some() || session.has_tried(Instant::now()) {
                return;
            }
            let (session, shared) = (session.clone(), self.shared.clone());
            let task = self.shared.tasks.spawn(make(session, shared, making));
            // It ends also when nobody waits for it any more: then the next one finds a picture.
            let _ = task.await;
        };
        let in_time = tokio::time::timeout(PATIENCE, work).await.is_ok();
        let now = Instant::now();
        let latest = self.session.thumbnails.latest.lock().picture.clone();
        match latest.filter(|taken| taken.is_kept(now)) {
            Some(taken) => Ok(taken.picture(now)),
            None if in_time && !self.session.is_live() => Err(no_picture(self.session.id.as_str())),
            None => Err(self.session.unavailable("there is no picture of it yet")),
        }
    }
}

/// There is none, and asking does not start the channel.
pub(super) fn no_picture(channel: &str) -> ServeError {
    ServeError::NotFound(format!(
        "a picture of channel {channel}, which does not run,"
    ))
}

/// Makes one picture. `_making` is let go at the end.
async fn make(session: Arc<Session>, shared: Arc<Shared>, _making: OwnedMutexGuard<()>) {
    let Ok(_place) = shared.studio.places.acquire().await else {
        return;
    };
    let Some((frame, media)) = session.newest_key_frame().filter(|_| !shared.is_draining()) else {
        return;
    };
    let result = shared.encoders.still(media).await;
    let at = Instant::now();
    let mut latest = session.thumbnails.latest.lock();
    latest.tried = Some(at);
    match result {
        Ok(jpeg) => {
            shared.studio.made.fetch_add(1, Relaxed);
            latest.picture = Some(Taken { frame, jpeg, at });
        }
        Err(error) => {
            shared.studio.failed.fetch_add(1, Relaxed);
            drop(latest);
            debug!(channel = %session.id, %error, "no thumbnail");
        }
    }
}

// === impl Taken ===

impl Taken {
    fn is_kept(&self, now: Instant) -> bool {
        now < self.at + KEPT
    }

    fn picture(&self, now: Instant) -> Picture {
        let (epoch, msn) = self.frame;
        Picture {
            jpeg: self.jpeg.clone(),
            etag: format!("\"e{epoch}-{msn}.jpg\"").into(),
            fresh_for: (self.at + FRESH).saturating_duration_since(now),
        }
    }
}

// === impl Session ===

impl Session {
    fn has_tried(&self, now: Instant) -> bool {
        let tried = self.thumbnails.latest.lock().tried;
        tried.is_some_and(|tried| now < tried + FRESH)
    }

    fn is_live(&self) -> bool {
        matches!(&*self.status.borrow(), Status::Active(_))
    }

    fn frame_name(&self) -> Option<FrameName> {
        let Status::Active(live) = self.status.borrow().clone() else {
            return None;
        };
        let (_, segment) = smallest(&live)?;
        Some((live.epoch, segment.msn))
    }

    /// The newest key frame of the smallest rung, as a stream that a decoder can read.
    fn newest_key_frame(&self) -> Option<(FrameName, Bytes)> {
        let Status::Active(live) = self.status.borrow().clone() else {
            return None;
        };
        let (section, segment) = smallest(&live)?;
        let fragment = segment.key_frame_fragment(section.track_id, section.timescale)?;
        let mut media = BytesMut::with_capacity(section.bytes.len() + fragment.len());
        media.extend_from_slice(&section.bytes);
        media.extend_from_slice(&fragment);
        Some(((live.epoch, segment.msn), media.freeze()))
    }
}

/// The newest segment with a key frame of the rung with the fewest pixels.
fn smallest(live: &Live) -> Option<(MediaInitializationSection, Arc<MediaSegment>)> {
    let snapshots = live.renditions().iter().filter_map(|it| it.latest());
    let newest = snapshots.filter_map(|snapshot| newest(&snapshot));
    let (_, section, segment) = newest.min_by_key(|(pixels, ..)| *pixels)?;
    Some((section, segment))
}

fn newest(snapshot: &Snapshot) -> Option<(u64, MediaInitializationSection, Arc<MediaSegment>)> {
    let mut segments = snapshot.segments().iter().rev();
    let segment = segments.find(|segment| segment.key_frame.is_some())?;
    let section = &snapshot.init_version(segment.init_version)?.section;
    let MediaFormat::Video(format) = &section.format else {
        return None;
    };
    let pixels = u64::from(format.width) * u64::from(format.height);
    Some((pixels, section.clone(), segment.clone()))
}
