//! Where segments are cut: the leader's key frames decide, the others follow.

use std::time::Duration;

use jiff::Timestamp;

use super::{Boundary, Packager, earlier};
use crate::base::MediaTime;
use crate::hls::assembler::TimedSample;
use crate::hls::config::RenditionKind;
use crate::hls::error::PackagerError;
use crate::hls::segment::RunStart;

/// How far a follower may run ahead of the leader before something is wrong.
const MAX_AHEAD: Duration = Duration::from_secs(10);

impl Packager {
    /// A sample of the leader: it may be a boundary.
    pub(super) fn lead(&mut self, timed: TimedSample, now: Timestamp) -> Result<(), PackagerError> {
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
            self.follow_clock(now, time);
            let offset = timed.sample.composition_offset.into();
            let shown = timed.time.saturating_add_signed(offset);
            let media = self.renditions[0].time(shown);
            self.run.get_or_insert(RunStart { wall, media });
            let discontinuity = std::mem::take(&mut self.discontinuity_next);
            self.boundaries.push_back(Boundary {
                msn: self.next_msn,
                time,
                discontinuity,
                correction: self.correction,
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
    pub(super) fn follow(&mut self, index: usize) -> Result<(), PackagerError> {
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
        let date_time = self.program_date_time(index, ticks, &boundary);
        let run = self.run_at(boundary.time);
        let discontinuity = boundary.discontinuity;
        self.renditions[index].open_segment(boundary.msn, date_time, discontinuity, run);
    }

    /// Where this run began; boundaries come from its media, so there is one.
    pub(super) fn run_at(&self, boundary: MediaTime) -> RunStart {
        self.run.unwrap_or(RunStart {
            wall: Timestamp::UNIX_EPOCH,
            media: boundary,
        })
    }

    /// How long a segment is by its boundaries; the aim if the next boundary is not known.
    pub(super) fn planned_duration(&self, msn: u64) -> MediaTime {
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

    /// The wall clock at a sample of the segment that begins at a boundary, by the anchor of this run.
    pub(super) fn program_date_time(
        &self,
        index: usize,
        ticks: u64,
        boundary: &Boundary,
    ) -> Timestamp {
        let date = self.by_anchor(self.renditions[index].time(ticks));
        date.checked_add(boundary.correction).unwrap_or(date)
    }

    /// Forgets boundaries that every rendition has passed.
    pub(super) fn prune(&mut self) {
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
}
