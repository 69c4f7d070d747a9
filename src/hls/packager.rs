//! The packager: one timeline for all renditions of a channel.
//!
//! The first rendition leads. Its key frames are the boundaries; every other rendition is cut at its sample that is
//! nearest to the boundary. A follower's sample waits until the leader has come as far, because only then it is
//! known whether a boundary lies before it. That costs a frame, and makes any source's key frames usable.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::assembler::{Assembler, TimedSample};
use super::config::{Numbers, PackagerConfig, RenditionKind};
use super::error::PackagerError;
use super::playlist::{multivariant, report};
use super::rendered::Rendered;
use super::segment::InitSection;
use super::snapshot::Snapshot;
use crate::base::{MediaTime, RenditionId};
use crate::media::{Fragment, MediaFormat, MediaInitializationSection};

/// How far a follower may run ahead of the leader before something is wrong.
const MAX_AHEAD: Duration = Duration::from_secs(10);

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

    /// The encoder's run ended, or its time is about to jump: the next media starts a new segment behind an
    /// EXT-X-DISCONTINUITY, at the same Media Sequence Number in every rendition.
    pub fn discontinuity(&mut self) {
        if !self.started {
            // Nobody has seen anything: the timeline begins anew.
            *self = Self::new(self.config.clone());
            return;
        }
        self.renditions
            .iter_mut()
            .for_each(Assembler::forget_unpublished);
        // The newest segment that anybody may have seen; renditions that had not come so far get a gap there.
        if let Some(newest) = self
            .renditions
            .iter()
            .filter_map(Assembler::newest_msn)
            .max()
        {
            self.close_all_up_to(newest);
            self.next_msn = newest + 1;
        }
        self.ended_at = self.renditions[0].ends_at().max(self.ended_at);
        self.boundaries.clear();
        self.progress = None;
        self.anchor = None;
        self.discontinuity_next = true;
        self.announce();
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

    /// A sample of the leader: it may be a boundary.
    fn lead(&mut self, timed: TimedSample, now: Timestamp) -> Result<(), PackagerError> {
        let time = self.renditions[0].time(timed.time);
        let is_boundary = match &self.renditions[0].open {
            None => timed.sample.is_sync,
            Some(open) => timed.sample.is_sync && self.is_full(open.msn, open.duration),
        };
        if is_boundary {
            let wall = Some(earlier(now, self.config.lead))
                .max(self.ended_at)
                .unwrap_or(now);
            self.anchor.get_or_insert((wall, time));
            let discontinuity = std::mem::take(&mut self.discontinuity_next);
            self.boundaries.push_back(Boundary {
                msn: self.next_msn,
                time,
                discontinuity,
            });
            self.next_msn += 1;
            self.start_segment(0, timed.time);
        }
        self.progress = Some(time);
        if self.renditions[0].open.is_none() {
            return Ok(()); // Nothing can be shown before the first key frame.
        }
        self.check_length(&timed)?;
        self.renditions[0].append(timed);
        Ok(())
    }

    /// Whether the leader's segment may end here. Frame rates such as 29.97 make some segments a frame shorter than
    /// the aim, and a boundary that is missed makes one of twice the length.
    fn is_full(&self, msn: u64, ticks: u64) -> bool {
        let duration = self.renditions[0].time(ticks).to_duration();
        duration >= self.config.aim(msn) * 9 / 10
    }

    fn check_length(&self, timed: &TimedSample) -> Result<(), PackagerError> {
        let leader = &self.renditions[0];
        let Some(open) = &leader.open else {
            return Ok(());
        };
        let seconds = leader
            .time(open.duration + u64::from(timed.sample.duration))
            .as_secs_f64();
        let target = self.config.target_duration();
        if seconds.round() > target as f64 {
            let rendition = leader.config.name.clone();
            return Err(PackagerError::NoKeyFrame {
                rendition,
                msn: open.msn,
                seconds,
                target,
            });
        }
        Ok(())
    }

    /// Moves a follower as far as the leader has come.
    fn follow(&mut self, index: usize) -> Result<(), PackagerError> {
        while let Some((time, sample)) = self.renditions[index]
            .pending
            .front()
            .map(|t| (t.time, t.sample))
        {
            let follower = &self.renditions[index];
            let start = follower.time(time);
            if self.progress.is_none_or(|progress| start > progress) {
                return self.check_ahead(index);
            }
            // A sample belongs to the segment in which the middle of it lies.
            let middle = MediaTime::new(
                time * 2 + u64::from(sample.duration),
                follower.timescale() * 2,
            );
            let current = follower.open.as_ref().map(|open| open.msn);
            let next = match current {
                None => self
                    .boundaries
                    .iter()
                    .find(|boundary| boundary.msn >= self.first_wanted(index)),
                Some(msn) => self
                    .boundaries
                    .iter()
                    .find(|boundary| boundary.msn == msn + 1),
            };
            if next.is_some_and(|boundary| boundary.time <= middle) {
                if follower.config.kind == RenditionKind::Video && !sample.is_sync {
                    let msn = next.map_or(0, |boundary| boundary.msn);
                    return Err(PackagerError::Misaligned {
                        rendition: follower.config.name.clone(),
                        msn,
                    });
                }
                self.start_segment(index, time);
                continue; // It may lie behind more than one boundary.
            }
            let timed = self.renditions[index]
                .pending
                .pop_front()
                .expect("the queue should still have its front");
            if current.is_some() {
                self.renditions[index].append(timed);
            } // else it lies before the first boundary: no segment has a place for it.
        }
        Ok(())
    }

    /// The first segment that a rendition without an open one still has to make.
    fn first_wanted(&self, index: usize) -> u64 {
        let listed = self.renditions[index]
            .window
            .listed()
            .next_back()
            .map(|segment| segment.msn + 1);
        listed.unwrap_or(self.config.timeline.first_msn)
    }

    fn check_ahead(&self, index: usize) -> Result<(), PackagerError> {
        let follower = &self.renditions[index];
        let (Some(front), Some(back)) = (follower.pending.front(), follower.pending.back()) else {
            return Ok(());
        };
        let ahead = follower.time(back.time - front.time).to_duration();
        if ahead > MAX_AHEAD {
            let rendition = follower.config.name.clone();
            return Err(PackagerError::LeaderStalled {
                rendition,
                seconds: ahead.as_secs_f64(),
            });
        }
        Ok(())
    }

    /// Ends a rendition's open segment and opens the next one at `ticks`.
    fn start_segment(&mut self, index: usize, ticks: u64) {
        let current = self.renditions[index].open.as_ref().map(|open| open.msn);
        let wanted = current.map_or_else(|| self.first_wanted(index), |msn| msn + 1);
        let Some(boundary) = self
            .boundaries
            .iter()
            .find(|boundary| boundary.msn >= wanted)
            .copied()
        else {
            return;
        };
        if let Some(msn) = current {
            let missing = self.planned_duration(msn);
            self.renditions[index].close_segment(missing);
        }
        let date_time = self.program_date_time(index, ticks, boundary.time);
        self.renditions[index].open_segment(boundary.msn, date_time, boundary.discontinuity);
    }

    /// How long a segment is by its boundaries; the aim if the next boundary is not known.
    fn planned_duration(&self, msn: u64) -> MediaTime {
        let time = |msn| {
            self.boundaries
                .iter()
                .find(|b| b.msn == msn)
                .map(|b| b.time)
        };
        match (time(msn), time(msn + 1)) {
            (Some(start), Some(end)) => MediaTime::new(end.ticks - start.ticks, start.timescale),
            _ => MediaTime::from_duration(self.config.segment_duration, 1_000),
        }
    }

    /// The wall clock at a sample, by the anchor of this run.
    fn program_date_time(&self, index: usize, ticks: u64, boundary: MediaTime) -> Timestamp {
        let (wall, origin) = self.anchor.unwrap_or((Timestamp::UNIX_EPOCH, boundary));
        let nanos =
            |time: MediaTime| i128::try_from(time.to_duration().as_nanos()).unwrap_or(i128::MAX);
        let since = nanos(self.renditions[index].time(ticks)) - nanos(origin);
        let since = SignedDuration::from_nanos(i64::try_from(since).unwrap_or(i64::MAX));
        wall.checked_add(since).unwrap_or(wall)
    }

    fn close_all_up_to(&mut self, newest: u64) {
        for index in 0..self.renditions.len() {
            loop {
                let current = self.renditions[index].open.as_ref().map(|open| open.msn);
                let reached = current.or(self.renditions[index]
                    .window
                    .listed()
                    .next_back()
                    .map(|s| s.msn));
                if current.is_some_and(|msn| msn > newest) {
                    self.renditions[index].open = None; // Nobody has seen anything of it.
                    break;
                }
                if let Some(msn) = current {
                    let missing = self.missing_duration(msn);
                    self.renditions[index].close_segment(missing);
                }
                if reached.is_some_and(|msn| msn >= newest) {
                    break;
                }
                let next = reached.map_or(self.config.timeline.first_msn, |msn| msn + 1);
                let Some(boundary) = self.boundaries.iter().find(|b| b.msn >= next).copied() else {
                    break;
                };
                let ticks = MediaTime::from_duration(
                    boundary.time.to_duration(),
                    self.renditions[index].timescale(),
                );
                let date_time = self.program_date_time(index, ticks.ticks, boundary.time);
                self.renditions[index].open_segment(
                    boundary.msn,
                    date_time,
                    boundary.discontinuity,
                );
            }
        }
    }

    /// How long the leader's segment has become, for those who have nothing of it.
    fn missing_duration(&self, msn: u64) -> MediaTime {
        let listed = self.renditions[0]
            .window
            .listed()
            .find(|segment| segment.msn == msn);
        listed.map_or_else(|| self.planned_duration(msn), |segment| segment.duration)
    }

    /// Forgets boundaries that every rendition has passed.
    fn prune(&mut self) {
        let oldest = self
            .renditions
            .iter()
            .map(|rendition| rendition.open.as_ref().map(|open| open.msn))
            .min();
        if let Some(Some(oldest)) = oldest {
            while self
                .boundaries
                .front()
                .is_some_and(|boundary| boundary.msn < oldest)
            {
                self.boundaries.pop_front();
            }
        }
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
