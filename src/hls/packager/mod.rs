//! The packager: one timeline for all renditions of a channel.
//!
//! The first rendition leads. Its key frames are the boundaries; every other rendition is cut at its sample that is
//! nearest to the boundary. A follower's sample waits until the leader has come as far, because only then it is
//! known whether a boundary lies before it. That costs a frame, and makes any source's key frames usable.

mod cut;
mod drift;
mod seam;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::base::{MediaTime, RenditionId};
use crate::hls::assembler::Assembler;
use crate::hls::config::{Numbers, PackagerConfig, RenditionKind};
use crate::hls::error::PackagerError;
use crate::hls::playlist::{multivariant, report};
use crate::hls::rendered::Rendered;
use crate::hls::segment::{InitSection, RunStart};
use crate::hls::snapshot::Snapshot;
use crate::media::{Fragment, MediaFormat, MediaInitializationSection};

/// See the module.
#[derive(Debug)]
pub struct Packager {
    config: PackagerConfig,
    renditions: Vec<Assembler>,
    /// Starts of segments in the leader's time, oldest first; pruned when every rendition is past them.
    boundaries: VecDeque<Boundary>,
    /// The start of the leader's newest sample.
    progress: Option<MediaTime>,
    /// The wall clock at the first sample of this run of the encoder, and that sample's time.
    anchor: Option<(Timestamp, MediaTime)>,
    /// By how much dates have been moved since then, to follow the wall clock.
    correction: SignedDuration,
    /// The same for presentation.
    run: Option<RunStart>,
    /// Where the wall clock of an earlier run ended: dates must not be given twice (6.2.1).
    ended_at: Option<Timestamp>,
    next_msn: u64,
    discontinuity_next: bool,
    /// All renditions have a part: readers may see them.
    started: bool,
    events: VecDeque<PackagerEvent>,
}

/// What readers should be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackagerEvent {
    /// Every rendition has its first Partial Segment: playlists exist.
    Started,
    /// A rendition has a new Partial Segment or a new Media Segment: its playlist changed.
    Changed(RenditionId),
}

#[derive(Debug, Clone, Copy)]
struct Boundary {
    msn: u64,
    time: MediaTime,
    discontinuity: bool,
    /// What its date is corrected by, in every rendition.
    correction: SignedDuration,
}

// === impl Packager ===

impl Packager {
    /// An empty timeline.
    ///
    /// # Panics
    /// If there is no rendition; a plan has at least one.
    pub fn new(config: PackagerConfig) -> Self {
        assert!(
            !config.renditions.is_empty(),
            "a plan should have a rendition"
        );
        Self {
            renditions: config
                .renditions
                .iter()
                .map(|rendition| Assembler::new(&config, rendition))
                .collect(),
            boundaries: VecDeque::new(),
            progress: None,
            anchor: None,
            correction: SignedDuration::ZERO,
            run: None,
            ended_at: None,
            next_msn: config.timeline.first_msn,
            discontinuity_next: false,
            started: false,
            events: VecDeque::new(),
            config,
        }
    }

    /// What was promised.
    pub fn config(&self) -> &PackagerConfig {
        &self.config
    }

    /// Takes a rendition's initialization section. After the first one it may only change at a discontinuity.
    pub fn init(
        &mut self,
        id: RenditionId,
        section: MediaInitializationSection,
    ) -> Result<(), PackagerError> {
        let rendition = &mut self.renditions[id.index()];
        let name = rendition.config.name.clone();
        let (expected, got) = (rendition.config.kind.word(), kind_word(&section.format));
        if expected != got {
            return Err(PackagerError::WrongKind {
                rendition: name,
                expected,
                got,
            });
        }
        if rendition
            .init
            .as_ref()
            .is_some_and(|init| init.section == section)
        {
            return Ok(());
        }
        if rendition.expected_time.is_some() || rendition.open.is_some() {
            return Err(PackagerError::InitChanged { rendition: name });
        }
        let version = rendition.inits.len() as u32;
        let etag = format!("\"e{}-init.{version}\"", self.config.timeline.epoch).into();
        let init = Arc::new(InitSection {
            version,
            section,
            etag,
        });
        rendition.inits.push(init.clone());
        rendition.init = Some(init);
        Ok(())
    }

    /// Takes the next fragment of a rendition. `now` is the wall clock, for EXT-X-PROGRAM-DATE-TIME.
    ///
    /// After an error the encoder's run is lost: call [`Self::discontinuity`] before the next one.
    pub fn push(
        &mut self,
        id: RenditionId,
        fragment: &Fragment,
        now: Timestamp,
    ) -> Result<(), PackagerError> {
        self.check(id, fragment)?;
        self.renditions[id.index()].queue(fragment);
        self.renditions[id.index()].fed = true;
        if id.index() == 0 {
            while let Some(timed) = self.renditions[0].pending.pop_front() {
                self.lead(timed, now)?;
            }
            (1..self.renditions.len()).try_for_each(|index| self.follow(index))?;
        } else {
            self.follow(id.index())?;
        }
        self.prune();
        self.announce();
        Ok(())
    }

    /// How far ahead of the clock the next run of the encoder will begin.
    pub fn set_lead(&mut self, lead: Duration) {
        self.config.lead = lead;
    }

    /// The wall clock at the end of what is published, by EXT-X-PROGRAM-DATE-TIME.
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.renditions[0].ends_at().max(self.ended_at)
    }

    /// What readers should be told next.
    pub fn poll(&mut self) -> Option<PackagerEvent> {
        self.events.pop_front()
    }

    /// A rendition as readers see it now: its playlist rendered, its media shared.
    pub fn snapshot(&self, id: RenditionId) -> Snapshot {
        let others = self
            .renditions
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != id.index());
        let reports: Vec<_> = others
            .filter_map(|(_, rendition)| report(rendition))
            .collect();
        Snapshot::new(&self.config, &self.renditions[id.index()], &reports)
    }

    /// The Multivariant Playlist, from what the media itself says; `None` before [`PackagerEvent::Started`].
    pub fn multivariant(&self) -> Option<Rendered> {
        self.started
            .then(|| multivariant(&self.config, &self.renditions))
    }

    /// What has been given out: a later timeline starts above it.
    pub fn numbers(&self) -> Numbers {
        let discontinuity = |rendition: &Assembler| {
            rendition.window.discontinuity_sequence() + rendition.discontinuities()
        };
        Numbers {
            epoch: self.config.timeline.epoch,
            msn: self.next_msn,
            discontinuity: self
                .renditions
                .iter()
                .map(discontinuity)
                .max()
                .unwrap_or_default(),
        }
    }

    /// Bytes of media held in memory.
    pub fn bytes(&self) -> usize {
        self.renditions.iter().map(Assembler::bytes).sum()
    }

    fn check(&self, id: RenditionId, fragment: &Fragment) -> Result<(), PackagerError> {
        let rendition = &self.renditions[id.index()];
        let name = || rendition.config.name.clone();
        let Some(init) = &rendition.init else {
            return Err(PackagerError::NoInit { rendition: name() });
        };
        if let Some(expected) = rendition
            .expected_time
            .filter(|expected| *expected != fragment.base_decode_time)
        {
            let scale = f64::from(init.section.timescale);
            return Err(PackagerError::TimeJump {
                rendition: name(),
                msn: rendition
                    .open
                    .as_ref()
                    .map_or(self.next_msn, |open| open.msn),
                expected: expected as f64 / scale,
                got: fragment.base_decode_time as f64 / scale,
            });
        }
        let longest = fragment
            .samples
            .iter()
            .map(|sample| u64::from(sample.duration))
            .max()
            .unwrap_or(0);
        if longest > rendition.part_target_ticks() {
            return Err(PackagerError::FrameTooLong {
                rendition: name(),
                seconds: rendition.time(longest).as_secs_f64(),
                target: self.config.part_target().as_secs_f64(),
            });
        }
        Ok(())
    }

    /// Tells readers about every rendition whose version moved.
    fn announce(&mut self) {
        if !self.started {
            let shown = |rendition: &Assembler| rendition.version > 0;
            if !self.renditions.iter().all(shown) {
                return;
            }
            self.started = true;
            self.events.push_back(PackagerEvent::Started);
        }
        for (index, rendition) in self.renditions.iter_mut().enumerate() {
            if rendition.take_change() {
                self.events
                    .push_back(PackagerEvent::Changed(RenditionId(index as u8)));
            }
        }
    }
}

// === impl RenditionKind ===

impl RenditionKind {
    fn word(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
        }
    }
}

fn kind_word(format: &MediaFormat) -> &'static str {
    match format {
        MediaFormat::Video(_) => "video",
        MediaFormat::Audio(_) => "audio",
    }
}

fn earlier(now: Timestamp, lead: Duration) -> Timestamp {
    SignedDuration::try_from(lead)
        .ok()
        .and_then(|lead| now.checked_sub(lead).ok())
        .unwrap_or(now)
}
