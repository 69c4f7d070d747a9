//! What was made of the published media, for as long as it may be asked for again.
//!
//! One lock for each segment: who asks first makes it, who asks meanwhile waits for that. The writer of the session takes
//! none of these locks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use super::{Counts, Pair, is_video};
use crate::base::RenditionName;
use crate::hls::{InitSection, PartialSegment, Rendered, Snapshot};
use crate::media::read_fragment;
use crate::media::ts::{Muxer, Program, TsError};

/// How many segments behind the newest one a reader of the stream may be.
pub(super) const MAX_BEHIND: u64 = 3;

/// The transport streams of one run of a channel.
#[derive(Debug, Default)]
pub(in crate::session) struct Shelf {
    lines: Mutex<BTreeMap<RenditionName, Arc<Line>>>,
    multivariant: Mutex<Option<Kept<(u64, u64)>>>,
    is_used: AtomicBool,
    news: Arc<Notify>,
}

/// A rendered playlist and the version of the media that it is of.
type Kept<V> = (V, Arc<Rendered>);

/// One rendition.
#[derive(Debug, Default)]
struct Line {
    segments: Mutex<BTreeMap<u64, Arc<Slot>>>,
    playlist: Mutex<Option<Kept<(u64, u64)>>>,
}

/// One segment.
#[derive(Debug)]
struct Slot {
    making: Mutex<Making>,
    bytes: AtomicUsize,
    /// It was asked for as a whole, and is kept as long as its playlist may name it.
    is_whole: AtomicBool,
}

/// A segment as far as it has come.
#[derive(Debug)]
struct Making {
    muxer: Muxer,
    program: Arc<Program>,
    /// How many parts of the leader and of the sound went in.
    taken: (usize, usize),
    chunks: Vec<Bytes>,
    whole: Option<Bytes>,
    is_done: bool,
}

/// A piece of a segment.
pub(super) enum Piece {
    Here(Bytes, Arc<Program>),
    /// It may come.
    Wait,
    /// The segment has no more; go on with the next one.
    Over,
}

/// What a track has of a segment.
struct Track<'a> {
    parts: &'a [PartialSegment],
    init: Option<&'a Arc<InitSection>>,
    is_complete: bool,
}

// === impl Shelf ===

impl Shelf {
    /// Resolves when something is published after this call.
    pub(super) fn news(&self) -> std::pin::Pin<Box<OwnedNotified>> {
        let mut news = Box::pin(self.news.clone().notified_owned());
        news.as_mut().enable();
        news
    }

    /// Something was published, or the run is over.
    pub(in crate::session) fn published(&self) {
        self.news.notify_waiters();
    }

    /// Forgets what nobody can ask for any more.
    pub(in crate::session) fn prune(&self, rendition: &RenditionName, snapshot: &Snapshot) {
        if !self.is_used.load(Relaxed) {
            return;
        }
        let Some(line) = self.lines.lock().get(rendition).cloned() else {
            return;
        };
        let oldest = snapshot.segments().first().map_or(0, |first| first.msn);
        let newest = snapshot.edge.msn;
        line.segments.lock().retain(|&msn, slot| {
            let is_near = msn + MAX_BEHIND + 1 >= newest;
            msn >= oldest && (is_near || slot.is_whole.load(Relaxed))
        });
    }

    /// Bytes of packets held.
    pub(in crate::session) fn bytes(&self) -> u64 {
        if !self.is_used.load(Relaxed) {
            return 0;
        }
        let lines: Vec<_> = self.lines.lock().values().cloned().collect();
        let of_line = |line: Arc<Line>| {
            let segments = line.segments.lock();
            let bytes = segments
                .values()
                .map(|slot| slot.bytes.load(Relaxed) as u64);
            bytes.sum::<u64>()
        };
        lines.into_iter().map(of_line).sum()
    }

    pub(super) fn multivariant(
        &self,
        version: (u64, u64),
        render: impl FnOnce() -> Rendered,
    ) -> Arc<Rendered> {
        keep(&mut self.multivariant.lock(), version, render)
    }

    pub(super) fn playlist(&self, pair: &Pair) -> Arc<Rendered> {
        let version = (pair.leader.media_sequence, pair.variant().end());
        let line = self.line(&pair.name);
        keep(&mut line.playlist.lock(), version, || {
            pair.variant().media()
        })
    }

    /// A whole segment; `None` if it is not there.
    pub(super) fn segment(
        &self,
        pair: &Pair,
        msn: u64,
        counts: &Counts,
    ) -> Result<Option<Bytes>, TsError> {
        // One that has left the window was forgotten here, too.
        if msn >= pair.variant().end() || pair.leader.segment(msn).is_none() {
            return Ok(None);
        }
        let Some(slot) = self.slot(pair, msn, counts)? else {
            return Ok(None);
        };
        let mut making = slot.making.lock();
        making.advance(pair, msn)?;
        slot.is_whole.store(true, Relaxed);
        let whole = making.whole();
        slot.bytes.store(whole.len(), Relaxed);
        Ok(Some(whole))
    }

    /// A piece of a segment that may still grow.
    pub(super) fn piece(
        &self,
        pair: &Pair,
        msn: u64,
        index: usize,
        counts: &Counts,
    ) -> Result<Piece, TsError> {
        if msn < pair.leader.edge.msn && pair.leader.segment(msn).is_none() {
            return Ok(Piece::Over);
        }
        let Some(slot) = self.slot(pair, msn, counts)? else {
            return Ok(Piece::Wait);
        };
        let mut making = slot.making.lock();
        if index >= making.chunks.len() {
            making.advance(pair, msn)?;
            let bytes = making.chunks.iter().map(Bytes::len).sum();
            slot.bytes.store(bytes, Relaxed);
        }
        Ok(match making.chunks.get(index) {
            Some(chunk) => Piece::Here(chunk.clone(), making.program.clone()),
            None if making.is_done => Piece::Over,
            None => Piece::Wait,
        })
    }

    fn line(&self, name: &RenditionName) -> Arc<Line> {
        self.is_used.store(true, Relaxed);
        self.lines.lock().entry(name.clone()).or_default().clone()
    }

    /// The segment's place; `None` while one of the tracks has nothing of it.
    fn slot(&self, pair: &Pair, msn: u64, counts: &Counts) -> Result<Option<Arc<Slot>>, TsError> {
        let line = self.line(&pair.name);
        let mut segments = line.segments.lock();
        if let Some(slot) = segments.get(&msn) {
            return Ok(Some(slot.clone()));
        }
        let Some(making) = Making::begin(pair, msn)? else {
            return Ok(None);
        };
        counts.remuxed.fetch_add(1, Relaxed);
        let slot = Arc::new(Slot {
            making: Mutex::new(making),
            bytes: AtomicUsize::new(0),
            is_whole: AtomicBool::new(false),
        });
        segments.insert(msn, slot.clone());
        Ok(Some(slot))
    }
}

/// What is kept, if it is of this version; else it is rendered once.
fn keep<V: PartialEq>(
    kept: &mut Option<Kept<V>>,
    version: V,
    render: impl FnOnce() -> Rendered,
) -> Arc<Rendered> {
    if let Some((_, rendered)) = kept.as_ref().filter(|(of, _)| *of == version) {
        return rendered.clone();
    }
    let rendered = Arc::new(render());
    *kept = Some((version, rendered.clone()));
    rendered
}

// === impl Making ===

impl Making {
    fn begin(pair: &Pair, msn: u64) -> Result<Option<Self>, TsError> {
        let leader = Track::of(&pair.leader, msn);
        let sound = pair.sound.as_deref().map(|sound| Track::of(sound, msn));
        if !leader.has_begun() || sound.as_ref().is_some_and(|sound| !sound.has_begun()) {
            return Ok(None);
        }
        let section = |track: &Track<'_>| track.init.map(|init| init.section.clone());
        let (one, two) = (section(&leader), sound.as_ref().and_then(section));
        let program = Arc::new(match is_video(&pair.leader) {
            true => Program::new(one.as_ref(), two.as_ref())?,
            false => Program::new(None, one.as_ref())?,
        });
        let is_open = msn == pair.leader.edge.msn;
        let discontinuity = match pair.leader.segment(msn) {
            Some(segment) => segment.discontinuity,
            None => is_open && pair.leader.open_discontinuity,
        };
        Ok(Some(Self {
            muxer: Muxer::new(program.clone(), discontinuity),
            program,
            taken: (0, 0),
            chunks: Vec::new(),
            whole: None,
            is_done: false,
        }))
    }

    /// Puts in what has been published, and takes out what is certain by that.
    fn advance(&mut self, pair: &Pair, msn: u64) -> Result<(), TsError> {
        if self.is_done {
            return Ok(());
        }
        let leader = Track::of(&pair.leader, msn);
        let sound = pair.sound.as_deref().map(|sound| Track::of(sound, msn));
        let (video, audio) = match is_video(&pair.leader) {
            true => (Some(leader), sound),
            false => (None, Some(leader)),
        };
        if let Some(video) = video {
            for fragment in video.new_parts(&mut self.taken.0) {
                self.muxer.video(&fragment?);
            }
            if video.is_complete {
                self.muxer.end_video();
            }
        }
        if let Some(audio) = &audio {
            for fragment in audio.new_parts(&mut self.taken.1) {
                self.muxer.audio(&fragment?);
            }
        }
        if audio.is_none_or(|audio| audio.is_complete) {
            self.muxer.end_audio();
        }
        let chunk = self.muxer.take();
        if !chunk.is_empty() {
            self.chunks.push(chunk);
        }
        self.is_done = self.muxer.is_done();
        Ok(())
    }

    /// The segment in one piece; its pieces become slices of that.
    fn whole(&mut self) -> Bytes {
        if let Some(whole) = &self.whole {
            return whole.clone();
        }
        let mut whole = BytesMut::with_capacity(self.chunks.iter().map(Bytes::len).sum());
        self.chunks
            .iter()
            .for_each(|chunk| whole.extend_from_slice(chunk));
        let whole = whole.freeze();
        let mut offset = 0;
        for chunk in &mut self.chunks {
            let end = offset + chunk.len();
            *chunk = whole.slice(offset..end);
            offset = end;
        }
        self.whole = Some(whole.clone());
        whole
    }
}

// === impl Track ===

impl<'a> Track<'a> {
    fn of(snapshot: &'a Snapshot, msn: u64) -> Self {
        let is_complete = msn < snapshot.edge.msn;
        let segments = snapshot.segments();
        let found = segments.iter().find(|segment| segment.msn == msn);
        match found {
            Some(segment) => Self {
                parts: &segment.parts,
                init: snapshot.init_version(segment.init_version),
                is_complete,
            },
            None => Self {
                parts: match msn == snapshot.edge.msn {
                    true => snapshot.open_parts(),
                    false => &[],
                },
                init: snapshot.init.as_ref(),
                is_complete,
            },
        }
    }

    /// Something of it is there, or nothing will come: what it is coded with is known.
    fn has_begun(&self) -> bool {
        self.is_complete || !self.parts.is_empty()
    }

    fn new_parts(
        &self,
        taken: &mut usize,
    ) -> impl Iterator<Item = Result<crate::media::Fragment, TsError>> + use<'a> {
        let parts = self.parts.get(*taken..).unwrap_or_default();
        *taken = (*taken).max(self.parts.len());
        let init = self.init;
        parts.iter().filter_map(move |part| {
            let fragment = read_fragment(&init?.section, &part.body);
            fragment.map_err(TsError::from).transpose()
        })
    }
}
