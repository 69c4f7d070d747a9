//! A session as readers hold it: playlists and media by name, waiting included.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use super::door::Door;
use super::error::ServeError;
use super::facts::Facts;
use super::past::Delays;
use super::promise::{hold, target_duration};
use super::publish::{Live, Publication, WaitError};
use super::run::Floor;
use super::sources::LastGood;
use super::status::{Command, Status};
use super::thumbnail::Thumbnails;
use super::transport::Counts;
use super::viewers::{Heartbeat, Viewer, Viewers};
use crate::base::ChannelId;
use crate::config::ChannelSpec;
use crate::hls::{DeliveryDirectives, MediaName, Readiness, Rendered, Snapshot, quirks};

/// The longest that a request waits for a channel to start: less than any player waits for an answer (ExoPlayer
/// gives up after 8 s).
const MAX_START_HOLD: Duration = Duration::from_secs(6);

/// A media resource: immutable.
#[derive(Debug, Clone)]
pub struct Resource {
    /// All of it.
    pub body: bytes::Bytes,
    /// A strong entity tag with its quotes, ASCII.
    pub etag: bytes::Bytes,
}

/// One channel's session. It exists from the first viewer on; while it is idle it holds no media and runs no task.
#[derive(Debug)]
pub struct Session {
    pub(super) id: ChannelId,
    /// As the configuration in force has it.
    pub(super) spec: ArcSwap<ChannelSpec>,
    /// What follows from it, at hand for every request.
    pub(super) target_seconds: AtomicU64,
    /// The configuration in force does not have the channel any more.
    pub(super) removed: AtomicBool,
    pub(super) viewers: Viewers,
    pub(super) status: watch::Sender<Status>,
    pub(super) facts: Mutex<Facts>,
    /// The way to the actor, while it runs.
    pub(super) door: Door<mpsc::UnboundedSender<Command>>,
    /// It waits for others to start.
    pub(super) is_queued: AtomicBool,
    pub(super) floor: Floor,
    pub(super) last_good: Mutex<LastGood>,
    pub(super) thumbnails: Thumbnails,
    /// How late media is published.
    pub(super) delays: Delays,
    bytes_sent: AtomicU64,
    pub(super) transport_counts: Counts,
}

// === impl Session ===

impl Session {
    pub(super) fn new(spec: Arc<ChannelSpec>, floor: Floor) -> Self {
        Self {
            viewers: Viewers::new(hold(&spec)),
            target_seconds: AtomicU64::new(target_duration(&spec).as_secs()),
            status: watch::Sender::new(Status::Idle),
            facts: Mutex::default(),
            door: Door::new(),
            is_queued: AtomicBool::new(false),
            floor,
            last_good: Mutex::default(),
            thumbnails: Thumbnails::default(),
            delays: Delays::default(),
            bytes_sent: AtomicU64::new(0),
            transport_counts: Counts::default(),
            removed: AtomicBool::new(false),
            id: spec.id.clone(),
            spec: ArcSwap::new(spec),
        }
    }

    /// The channel.
    pub fn channel(&self) -> &ChannelId {
        &self.id
    }

    /// The channel's Multivariant Playlist; waits for the first Partial Segments of a channel that starts.
    pub async fn multivariant(&self) -> Result<Arc<Rendered>, ServeError> {
        let live = self.live().await?;
        live.multivariant()
            .ok_or_else(|| self.unavailable("it has just ended"))
    }

    /// The channel's Multivariant Playlist, if it can be had without waiting.
    pub fn multivariant_now(&self) -> Option<Arc<Rendered>> {
        match &*self.status.borrow() {
            Status::Active(live) => live.multivariant(),
            _ => None,
        }
    }

    /// What `answer` makes of a Media Playlist, if that can be had without waiting. Nothing is shared for it: a
    /// newer playlist waits for `answer` to return.
    pub fn media_playlist_now<T>(
        &self,
        rendition: &str,
        directives: &DeliveryDirectives,
        now: Instant,
        answer: impl FnOnce(&Rendered) -> T,
    ) -> Option<T> {
        let Status::Active(live) = &*self.status.borrow() else {
            return None;
        };
        let is_fresh = self.refuse_stale(live, now).is_ok();
        live.rendition(rendition)?.with_latest(|snapshot| {
            let is_there = is_fresh && readiness(snapshot, directives) == Readiness::Ready;
            is_there.then(|| answer(choose(snapshot, directives)))
        })?
    }

    /// A Media Playlist; waits as the directives say.
    pub async fn media_playlist(
        &self,
        rendition: &str,
        directives: DeliveryDirectives,
        viewer: Viewer<'_>,
    ) -> Result<Arc<Rendered>, ServeError> {
        let mut answer = self.snapshot(rendition, &directives, viewer).await;
        if matches!(answer, Ok(Err(WaitError::Ended))) {
            // The run that was waited for is over; another one may have taken its place.
            answer = self.snapshot(rendition, &directives, viewer).await;
        }
        let snapshot = answer?.map_err(|error| self.refuse_playlist(error, &directives))?;
        Ok(choose(&snapshot, &directives).clone())
    }

    /// The snapshot of the running timeline that the directives ask for.
    async fn snapshot(
        &self,
        rendition: &str,
        directives: &DeliveryDirectives,
        viewer: Viewer<'_>,
    ) -> Result<Result<Arc<Snapshot>, WaitError>, ServeError> {
        let live = self.live().await?;
        let publication = self.rendition(&live, rendition)?;
        let ready = |snapshot: &Snapshot| readiness(snapshot, directives);
        let answer = match publication.latest() {
            Some(snapshot) if ready(&snapshot) == Readiness::Ready => Ok(snapshot),
            _ => self.wait(publication, viewer, ready).await,
        };
        if answer.is_ok() {
            self.refuse_stale(&live, Instant::now())?;
        }
        Ok(answer)
    }

    /// A Media Segment, Partial Segment or initialization section; a hinted part is waited for.
    pub async fn media(
        &self,
        rendition: &str,
        epoch: u64,
        name: MediaName,
        viewer: Viewer<'_>,
    ) -> Result<Resource, ServeError> {
        if let Some(resource) = self.media_now(rendition, epoch, name)? {
            return Ok(resource);
        }
        let not_found = || self.no_media(rendition, name);
        let (Status::Active(live), MediaName::Part(msn, part)) =
            (self.status.borrow().clone(), name)
        else {
            return Err(not_found());
        };
        let publication = self.rendition(&live, rendition)?;
        let ready = |snapshot: &Snapshot| snapshot.part_readiness(msn, part);
        let snapshot = self
            .wait(publication, viewer, ready)
            .await
            .map_err(|_| not_found())?;
        find(&snapshot, name).ok_or_else(not_found)
    }

    /// A Media Segment, Partial Segment or initialization section; `None` if it is a part that may still come, or the
    /// segment that grows ([`Self::growing`]).
    ///
    /// # Errors
    /// What is not there and will not come.
    pub fn media_now(
        &self,
        rendition: &str,
        epoch: u64,
        name: MediaName,
    ) -> Result<Option<Resource>, ServeError> {
        let not_found = || self.no_media(rendition, name);
        let status = self.status.borrow();
        let Status::Active(live) = &*status else {
            return Err(not_found());
        };
        let snapshot = self
            .rendition(live, rendition)?
            .latest()
            .filter(|_| epoch == live.epoch)
            .ok_or_else(not_found)?;
        match (find(&snapshot, name), name) {
            (None, MediaName::Part(..)) => Ok(None),
            (None, MediaName::Segment(msn)) if snapshot.is_coming(msn) => Ok(None),
            (found, _) => found.map(Some).ok_or_else(not_found),
        }
    }

    pub(super) fn no_media(&self, rendition: &str, name: MediaName) -> ServeError {
        ServeError::NotFound(format!("{name} of {}/{rendition}", self.id))
    }

    /// EXT-X-TARGETDURATION as the channel aims at it: the unit of cache lifetimes.
    pub fn target_duration(&self) -> Duration {
        Duration::from_secs(self.target_seconds.load(Ordering::Relaxed))
    }

    /// For how long a media resource stays available at least.
    pub fn retention(&self) -> Duration {
        let target_duration = self.target_duration();
        let listed = self.spec.load().window.max(target_duration * 3);
        (listed + target_duration) * 2
    }

    /// Counts bytes that were handed to a viewer.
    pub fn count_sent(&self, bytes: usize) {
        self.bytes_sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn bytes_sent(&self) -> u64 {
        self.bytes_sent.load(Ordering::Relaxed)
    }

    pub(super) fn touch(&self, viewer: Viewer<'_>, heartbeat: Heartbeat) -> bool {
        self.viewers.touch(viewer, heartbeat, viewer.at)
    }

    /// The media of a channel that runs or is about to.
    pub(super) async fn live(&self) -> Result<Arc<Live>, ServeError> {
        if let Status::Active(live) = &*self.status.borrow() {
            return Ok(live.clone());
        }
        let _present = self.viewers.wait_for_start();
        let mut receiver = self.status.subscribe();
        let hold = MAX_START_HOLD.min(self.spec.load().start_timeout + Duration::from_millis(500));
        let decided = |status: &Status| match status {
            Status::Active(_) | Status::Idle => true,
            // After its rest the arrival of this viewer starts the channel again.
            Status::Failed { until, .. } => Instant::now() < *until,
            Status::Starting => false,
        };
        let status = tokio::time::timeout(hold, receiver.wait_for(decided)).await;
        match status.ok().and_then(Result::ok).as_deref() {
            Some(Status::Active(live)) => Ok(live.clone()),
            Some(Status::Failed { reason, until }) => Err(self.failed(reason, *until)),
            Some(Status::Idle) => Err(self.unavailable(&self.facts.lock().reason)),
            _ => Err(self.unavailable(&self.still_starting())),
        }
    }

    pub(super) fn rendition<'a>(
        &self,
        live: &'a Live,
        name: &str,
    ) -> Result<&'a Publication, ServeError> {
        live.rendition(name)
            .ok_or_else(|| ServeError::UnknownRendition {
                channel: self.id.to_string(),
                rendition: name.into(),
            })
    }

    /// Waits at most three Target Durations (6.2.5.2).
    pub(super) async fn wait(
        &self,
        publication: &Publication,
        viewer: Viewer<'_>,
        ready: impl Fn(&Snapshot) -> Readiness,
    ) -> Result<Arc<Snapshot>, WaitError> {
        let _present = self.viewers.wait(viewer);
        publication
            .wait_for(self.target_duration() * 3, ready)
            .await
    }

    /// A stream that has stopped is an error, never an old playlist.
    pub(super) fn refuse_stale(&self, live: &Live, now: Instant) -> Result<(), ServeError> {
        let age = live.age(now);
        if age > self.target_duration() * 3 {
            return Err(self.unavailable(&format!("nothing new for {:.1} s", age.as_secs_f64())));
        }
        Ok(())
    }

    fn refuse_playlist(&self, error: WaitError, directives: &DeliveryDirectives) -> ServeError {
        match error {
            WaitError::TooFar => ServeError::BadRequest(format!(
                "_HLS_msn={}{} lies too far in the future",
                directives.msn.unwrap_or_default(),
                directives
                    .part
                    .map(|part| format!("&_HLS_part={part}"))
                    .unwrap_or_default(),
            )),
            WaitError::Gone => ServeError::NotFound("the playlist".into()),
            WaitError::TimedOut => self.unavailable("the media that was asked for does not come"),
            WaitError::Ended => self.unavailable("it has just ended"),
        }
    }

    fn failed(&self, reason: &str, until: Instant) -> ServeError {
        let rest = until.saturating_duration_since(Instant::now());
        ServeError::Unavailable {
            channel: self.id.to_string(),
            reason: reason.into(),
            retry_after: Duration::from_secs(rest.as_secs() + 1),
        }
    }

    pub(super) fn unavailable(&self, reason: &str) -> ServeError {
        let retry_after = Duration::from_secs(1);
        ServeError::Unavailable {
            channel: self.id.to_string(),
            reason: reason.into(),
            retry_after,
        }
    }
}

fn readiness(snapshot: &Snapshot, directives: &DeliveryDirectives) -> Readiness {
    match snapshot.readiness(directives) {
        Readiness::Ready if quirks::is_too_early(snapshot) => Readiness::Wait,
        other => other,
    }
}

fn choose<'a>(snapshot: &'a Snapshot, directives: &DeliveryDirectives) -> &'a Arc<Rendered> {
    if directives.skip {
        &snapshot.delta
    } else {
        &snapshot.playlist
    }
}

fn find(snapshot: &Snapshot, name: MediaName) -> Option<Resource> {
    let (body, etag) = match name {
        MediaName::Init(version) => {
            let init = snapshot.init_version(version)?;
            (&init.section.bytes, &init.etag)
        }
        MediaName::Segment(msn) => {
            let segment = snapshot.segment(msn)?;
            (&segment.body, &segment.etag)
        }
        MediaName::Part(msn, part) => {
            let part = snapshot.part(msn, part)?;
            (&part.body, &part.etag)
        }
        MediaName::KeyFrame(msn) => return key_frame(snapshot, msn),
    };
    Some(Resource {
        body: body.clone(),
        etag: etag.clone(),
    })
}

fn key_frame(snapshot: &Snapshot, msn: u64) -> Option<Resource> {
    let segment = snapshot.segment(msn)?;
    let section = &snapshot.init_version(segment.init_version)?.section;
    let body = segment.key_frame_fragment(section.track_id, section.timescale)?;
    let etag = format!("\"e{}-{msn}.iframe\"", snapshot.promise.epoch).into();
    Some(Resource { body, etag })
}
