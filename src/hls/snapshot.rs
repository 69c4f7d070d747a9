//! A rendition as readers see it: rendered once, shared by all, never changed.

use std::sync::Arc;
use std::time::Duration;

use super::assembler::Assembler;
use super::config::{PackagerConfig, Promise};
use super::directives::DeliveryDirectives;
use super::playlist::{self, Report};
use super::rendered::Rendered;
use super::segment::{GrowingSegment, InitSection, MediaSegment, PartialSegment};

/// One version of a rendition's playlist, and the media that it names.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The whole playlist.
    pub playlist: Arc<Rendered>,
    /// The Playlist Delta Update; the whole playlist while there is nothing to skip.
    pub delta: Arc<Rendered>,
    /// Part of every URI of its timeline.
    pub epoch: u64,
    /// EXT-X-TARGETDURATION.
    pub target_duration: u64,
    /// Where the playlist ends.
    pub edge: Edge,
    /// EXT-X-MEDIA-SEQUENCE.
    pub media_sequence: u64,
    /// EXT-X-DISCONTINUITY-SEQUENCE.
    pub discontinuity_sequence: u64,
    /// How much complete media is listed.
    pub listed_duration: Duration,
    /// Measured over the listed segments, bits a second.
    pub bitrate: Option<u64>,
    /// The newest Media Initialization Section.
    pub init: Option<Arc<InitSection>>,
    /// Frames (or audio frames) a second, by the newest samples.
    pub frame_rate: Option<f64>,
    /// The most that a segment needs, planned or seen, bits a second.
    pub peak_bitrate: u64,
    /// The usual need of a segment, as it was measured or planned, bits a second.
    pub average_bitrate: u64,
    /// EXT-X-DISCONTINUITY stands before the growing segment.
    pub open_discontinuity: bool,
    /// What holds for every segment.
    pub promise: Promise,
    /// The segment that grows, once some of it is here.
    pub growing: Option<GrowingSegment>,
    segments: Vec<Arc<MediaSegment>>,
    open_parts: Vec<PartialSegment>,
    inits: Vec<Arc<InitSection>>,
    advance_part_limit: u32,
}

/// The end of a playlist: the Media Segment that is growing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// Its Media Sequence Number: all before it are complete.
    pub msn: u64,
    /// How many Partial Segments of it are listed.
    pub parts: u32,
}

/// What to do with a request that waits for media (6.2.5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Answer with this snapshot.
    Ready,
    /// Wait for a later one.
    Wait,
    /// The client asks for a time that is too far off: 400.
    TooFar,
    /// What was asked for is not there and will not come: 404.
    Gone,
}

// === impl Assembler ===

impl Assembler {
    /// The segment that grows, once readers can see something of it.
    fn growing(&self) -> Option<GrowingSegment> {
        let open = self.open.as_ref()?;
        Some(GrowingSegment {
            msn: open.msn,
            start: open.start?,
            discontinuity: open.discontinuity,
            run: open.run,
            init_version: self.init.as_ref().map_or(0, |init| init.version),
        })
    }
}

// === impl Snapshot ===

impl Snapshot {
    pub(super) fn new(config: &PackagerConfig, rendition: &Assembler, reports: &[Report]) -> Self {
        let window = &rendition.window;
        let edge = rendition.edge(config.timeline.first_msn);
        let (playlist, delta) = playlist::media(config, rendition, edge, reports);
        Self {
            playlist,
            delta,
            epoch: config.timeline.epoch,
            target_duration: config.target_duration(),
            edge,
            media_sequence: window.media_sequence().unwrap_or(edge.msn),
            discontinuity_sequence: window.discontinuity_sequence(),
            listed_duration: window.listed_duration(),
            bitrate: bitrate(window.listed()),
            init: rendition.init.clone(),
            frame_rate: rendition.frame_rate(),
            average_bitrate: playlist::average(rendition),
            open_discontinuity: rendition
                .open
                .as_ref()
                .is_some_and(|open| open.discontinuity),
            peak_bitrate: rendition.peak_bitrate(),
            promise: config.promise(),
            growing: rendition.growing(),
            segments: window.available().cloned().collect(),
            open_parts: rendition
                .open
                .as_ref()
                .map(|open| open.parts.clone())
                .unwrap_or_default(),
            inits: rendition.inits.clone(),
            advance_part_limit: config.advance_part_limit(),
        }
    }

    /// Whether a playlist request can be answered with this snapshot.
    pub fn readiness(&self, directives: &DeliveryDirectives) -> Readiness {
        let Some(msn) = directives.msn else {
            return Readiness::Ready;
        };
        let (msn, part) = self.normalise(msn, directives.part);
        // 6.2.5.2: two past the last complete segment of the playlist is one past the growing one.
        if msn > self.edge.msn + 1 {
            return Readiness::TooFar;
        }
        let Some(part) = part else {
            return if msn < self.edge.msn {
                Readiness::Ready
            } else {
                Readiness::Wait
            };
        };
        let listed = if msn == self.edge.msn {
            self.edge.parts
        } else {
            0
        };
        if msn < self.edge.msn || part < listed {
            Readiness::Ready
        } else if part - listed >= self.advance_part_limit {
            Readiness::TooFar
        } else {
            Readiness::Wait
        }
    }

    /// Whether a Partial Segment is here, hinted, or nothing (6.2.6).
    pub fn part_readiness(&self, msn: u64, part: u32) -> Readiness {
        let next = (msn == self.edge.msn && part == self.edge.parts)
            || (msn == self.edge.msn + 1 && part == 0);
        match self.part(msn, part) {
            Some(_) => Readiness::Ready,
            None if next => Readiness::Wait,
            None => Readiness::Gone,
        }
    }

    /// A complete Media Segment, listed or kept.
    pub fn segment(&self, msn: u64) -> Option<&Arc<MediaSegment>> {
        let first = self.segments.first()?.msn;
        let segment = self
            .segments
            .get(usize::try_from(msn.checked_sub(first)?).ok()?)?;
        (segment.msn == msn && !segment.gap).then_some(segment)
    }

    /// Whether a Media Segment grows, or is the next to grow.
    pub fn is_coming(&self, msn: u64) -> bool {
        msn == self.edge.msn || msn == self.edge.msn + 1
    }

    /// A Partial Segment of the growing segment or of one that is complete.
    pub fn part(&self, msn: u64, part: u32) -> Option<&PartialSegment> {
        let parts = if msn == self.edge.msn {
            &self.open_parts
        } else {
            &self.segment(msn)?.parts
        };
        parts.get(part as usize)
    }

    /// A version of the Media Initialization Section.
    pub fn init_version(&self, version: u32) -> Option<&Arc<InitSection>> {
        self.inits.get(version as usize)
    }

    /// All complete segments that can be fetched, oldest first.
    pub fn segments(&self) -> &[Arc<MediaSegment>] {
        &self.segments
    }

    /// The Partial Segments of the growing segment.
    pub fn open_parts(&self) -> &[PartialSegment] {
        &self.open_parts
    }

    /// 6.2.5.2: a part index beyond the last of a complete segment is part 0 of the next.
    fn normalise(&self, msn: u64, part: Option<u32>) -> (u64, Option<u32>) {
        match (part, self.segment(msn)) {
            (Some(part), Some(segment)) if part as usize >= segment.parts.len() => {
                (msn + 1, Some(0))
            }
            _ => (msn, part),
        }
    }
}

fn bitrate<'a>(segments: impl Iterator<Item = &'a Arc<MediaSegment>>) -> Option<u64> {
    let whole = segments.filter(|segment| !segment.gap);
    let (bytes, seconds) = whole.fold((0, 0.0), |(bytes, seconds), segment| {
        (
            bytes + segment.body.len(),
            seconds + segment.duration.as_secs_f64(),
        )
    });
    (seconds > 0.0).then(|| (bytes as f64 * 8.0 / seconds) as u64)
}
