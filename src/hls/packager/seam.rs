//! Where one encoder's media ends and another's begins.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

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
        let renditions = self.renditions.iter_mut();
        renditions.for_each(Assembler::forget_encoder);
        self.progress = None;
        self.cut();
        self.announce();
    }

    /// Ends what is listed where it is; what comes next begins behind a discontinuity.
    fn cut(&mut self) {
        self.renditions.iter_mut().for_each(Assembler::forget_part);
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
        self.anchor = None;
        self.correction = SignedDuration::ZERO;
        self.run = None;
        self.discontinuity_next = true;
    }

    /// No media comes: lists a segment of about this length with EXT-X-GAP in every rendition, so that players see the
    /// time go by. The next media begins behind an EXT-X-DISCONTINUITY, however many gaps there were: with the next key
    /// frame of an encoder that was only late, or after [`Self::discontinuity`] with another one.
    ///
    /// Nothing before [`PackagerEvent::Started`](super::PackagerEvent::Started).
    pub fn gap(&mut self, duration: Duration) {
        if !self.started {
            return;
        }
        if self.is_about_to_go_on() {
            return;
        }
        self.cut();
        let ends: Vec<_> = self.renditions.iter().map(Assembler::ends_at).collect();
        let Some(latest) = ends.iter().copied().flatten().max() else {
            return;
        };
        // Renditions were cut off where each of them was: the first gap makes them end together.
        let behind = |end: &Option<Timestamp>| {
            let end = end.unwrap_or(latest);
            Duration::try_from(latest.duration_since(end)).unwrap_or_default()
        };
        let spread = ends.iter().map(behind).max().unwrap_or_default();
        let target = Duration::from_secs(self.config.target_duration());
        let least = self.config.part_duration;
        let common = duration.min(target.saturating_sub(spread)).max(least);
        let msn = self.next_msn;
        self.next_msn += 1;
        for (rendition, end) in self.renditions.iter_mut().zip(&ends) {
            rendition.push_gap(msn, (behind(end) + common).min(target));
        }
        self.ended_at = self.renditions[0].ends_at().max(self.ended_at);
        self.announce();
    }

    /// There were gaps and media comes again, in every rendition: another gap would cut off what waits for its key frame.
    fn is_about_to_go_on(&mut self) -> bool {
        let leader = &self.renditions[0];
        let newest = leader.window.listed().next_back();
        let shows = leader
            .open
            .as_ref()
            .is_some_and(|open| !open.parts.is_empty());
        let was_missing = newest.is_some_and(|segment| segment.gap) && !shows;
        let renditions = self.renditions.iter_mut();
        // Each of them, so that all begin anew.
        let fed = renditions.fold(true, |all, one| std::mem::take(&mut one.fed) & all);
        was_missing && fed
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
                let run = self.run_at(boundary.time);
                self.renditions[index].open_segment(
                    boundary.msn,
                    date_time,
                    boundary.discontinuity,
                    run,
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
