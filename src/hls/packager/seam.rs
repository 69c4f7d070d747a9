//! Where one encoder's media ends and another's begins.

use jiff::SignedDuration;

use super::Packager;
use crate::base::MediaTime;
use crate::hls::assembler::Assembler;

impl Packager {
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
        self.correction = SignedDuration::ZERO;
        self.discontinuity_next = true;
        self.announce();
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
                let date_time = self.program_date_time(index, ticks.ticks, &boundary);
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
}
