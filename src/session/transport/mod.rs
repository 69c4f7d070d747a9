//! The media of a session as MPEG transport streams: segments for HLS, and one stream without an end.
//!
//! Nothing is done while nobody asks. What somebody asks for is made once from what is published, and shared: a request
//! for a segment, and every reader of the stream, look at the same packets. A reader is no more than a place in them, so
//! a thousand cost what one costs, and one that cannot keep up is moved ahead to the next random access point.

mod shelf;
mod stream;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

pub(super) use shelf::Shelf;
pub use stream::TransportStream;

use super::error::ServeError;
use super::handle::{Resource, Session};
use super::publish::Live;
use super::status::Status;
use super::viewers::Viewer;
use crate::base::RenditionName;
use crate::hls::{Rendered, Snapshot, TransportVariant, transport_multivariant};
use crate::media::MediaFormat;
use crate::media::ts::{Program, TsError};

/// What a session's transport streams have done since the gateway began.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Segments that were made.
    pub(super) remuxed: AtomicU64,
    /// Readers that were moved ahead.
    pub(super) moved: AtomicU64,
    /// Streams that are open.
    pub(super) streams: AtomicUsize,
}

/// The two tracks of a transport stream as they are now.
#[derive(Debug, Clone)]
struct Pair {
    name: RenditionName,
    /// Pictures, or sound alone.
    leader: Arc<Snapshot>,
    /// The sound of pictures.
    sound: Option<Arc<Snapshot>>,
}

// === impl Session ===

impl Session {
    /// The Multivariant Playlist of the transport streams; waits for a channel that starts.
    ///
    /// # Errors
    /// As of the other one, and if no rendition can be carried.
    pub async fn transport_multivariant(&self) -> Result<Arc<Rendered>, ServeError> {
        let live = self.live().await?;
        self.refuse_stale(&live, Instant::now())?;
        let pairs = Pair::all(&live);
        let Some(first) = pairs.first() else {
            return Err(self.unavailable("it has nothing that MPEG-TS can carry"));
        };
        // As the other one: its figures change with whole segments.
        let version = (first.leader.edge.msn, pairs.len() as u64);
        Ok(live.transport.multivariant(version, || {
            let variants: Vec<_> = pairs.iter().map(Pair::variant).collect();
            transport_multivariant(&variants)
        }))
    }

    /// The Media Playlist of a transport stream; waits for the first segment of a channel that starts.
    ///
    /// # Errors
    /// As of the other ones, and if the rendition cannot be carried.
    pub async fn transport_playlist(
        &self,
        rendition: &str,
        viewer: Viewer<'_>,
    ) -> Result<Arc<Rendered>, ServeError> {
        let live = self.live().await?;
        let _present = self.viewers.wait(viewer);
        let first = async {
            loop {
                let news = live.transport.news();
                let pair = self.pair(&live, rendition)?;
                let has_segment = pair.leader.segments().iter();
                let end = pair.variant().end();
                if has_segment.clone().any(|segment| segment.msn < end) {
                    return Ok(pair);
                }
                news.await;
            }
        };
        let pair = tokio::time::timeout(self.patience(), first)
            .await
            .unwrap_or_else(|_| Err(self.unavailable("its first segment does not come")))?;
        self.refuse_stale(&live, Instant::now())?;
        Ok(live.transport.playlist(&pair))
    }

    /// A Media Segment as a transport stream: made when it is asked for first.
    ///
    /// # Errors
    /// What is not there.
    pub fn transport_segment(
        &self,
        rendition: &str,
        epoch: u64,
        msn: u64,
    ) -> Result<Resource, ServeError> {
        let not_found =
            || ServeError::NotFound(format!("segment {msn} of {}/ts/{rendition}", self.id));
        let live = match &*self.status.borrow() {
            Status::Active(live) if live.epoch == epoch => live.clone(),
            _ => return Err(not_found()),
        };
        let pair = self.pair(&live, rendition)?;
        let made = live.transport.segment(&pair, msn, &self.transport_counts);
        let body = made.map_err(|error| self.not_carried(rendition, &error))?;
        Ok(Resource {
            body: body.ok_or_else(not_found)?,
            etag: format!("\"e{epoch}-{rendition}-{msn}.ts\"").into(),
        })
    }

    /// A stream without an end, of the rendition with this name or of the best one; waits for a channel that starts.
    ///
    /// # Errors
    /// As of playlists.
    pub async fn transport_stream(
        self: &Arc<Self>,
        rendition: Option<&str>,
        viewer: Viewer<'_>,
    ) -> Result<TransportStream, ServeError> {
        let live = self.live().await?;
        self.refuse_stale(&live, Instant::now())?;
        match rendition {
            Some(name) => drop(self.pair(&live, name)?),
            None if Pair::best(&live).is_none() => {
                return Err(self.unavailable("it has nothing that MPEG-TS can carry"));
            }
            None => {}
        }
        Ok(TransportStream::new(self, live, rendition, viewer))
    }

    /// How long a request waits for media (6.2.5.2).
    fn patience(&self) -> Duration {
        self.target_duration() * 3
    }

    fn pair(&self, live: &Live, name: &str) -> Result<Pair, ServeError> {
        let publication = self.rendition(live, name)?;
        let leader = publication
            .latest()
            .ok_or_else(|| self.unavailable("it has just ended"))?;
        let pair = Pair::of(live, publication.name.clone(), leader);
        pair.program()
            .map_err(|error| self.not_carried(name, &error))?;
        Ok(pair)
    }

    fn not_carried(&self, rendition: &str, error: &TsError) -> ServeError {
        ServeError::NotFound(format!("{}/{rendition} as MPEG-TS ({error})", self.id))
    }

    pub(super) fn transport_report(&self) -> (usize, u64, u64) {
        let counts = &self.transport_counts;
        (
            counts.streams.load(Relaxed),
            counts.remuxed.load(Relaxed),
            counts.moved.load(Relaxed),
        )
    }
}

// === impl Pair ===

impl Pair {
    fn of(live: &Live, name: RenditionName, leader: Arc<Snapshot>) -> Self {
        let sound = is_video(&leader).then(|| {
            let mut others = live.renditions().iter().filter_map(|other| other.latest());
            others.find(|other| !is_video(other))
        });
        Self {
            name,
            leader,
            sound: sound.flatten(),
        }
    }

    /// What a transport stream can carry: each of the pictures with the sound, or sound alone.
    fn all(live: &Live) -> Vec<Self> {
        let latest = live.renditions().iter();
        let latest = latest.filter_map(|one| Some((one.name.clone(), one.latest()?)));
        let pairs: Vec<Self> = latest
            .map(|(name, leader)| Self::of(live, name, leader))
            .filter(|pair| pair.program().is_ok())
            .collect();
        let has_video = pairs.iter().any(|pair| is_video(&pair.leader));
        let shown = |pair: &Self| is_video(&pair.leader) == has_video;
        pairs.into_iter().filter(shown).collect()
    }

    fn best(live: &Live) -> Option<Self> {
        let pixels = |snapshot: &Snapshot| match &snapshot.init.as_ref()?.section.format {
            MediaFormat::Video(format) => Some(u64::from(format.width) * u64::from(format.height)),
            MediaFormat::Audio(_) => None,
        };
        Self::all(live)
            .into_iter()
            .max_by_key(|pair| (pixels(&pair.leader), pair.leader.peak_bitrate))
    }

    fn variant(&self) -> TransportVariant<'_> {
        TransportVariant {
            name: &self.name,
            leader: &self.leader,
            sound: self.sound.as_deref(),
        }
    }

    /// As of the newest initialization sections.
    fn program(&self) -> Result<Program, TsError> {
        let section = |track: &Snapshot| track.init.as_ref().map(|init| init.section.clone());
        let leader = section(&self.leader);
        let sound = self.sound.as_deref().and_then(section);
        match is_video(&self.leader) {
            true => Program::new(leader.as_ref(), sound.as_ref()),
            false => Program::new(None, leader.as_ref()),
        }
    }
}

fn is_video(snapshot: &Snapshot) -> bool {
    let format = snapshot.init.as_ref().map(|init| &init.section.format);
    matches!(format, Some(MediaFormat::Video(_)))
}
