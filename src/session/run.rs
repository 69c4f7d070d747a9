//! The media of one run of a channel: its packager, what readers see of it, and where its numbers start.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;

use super::publish::Live;
use crate::config::ChannelSpec;
use crate::encoder::{EncoderPlan, PlannedRendition, RenditionKind};
use crate::hls::{self, Packager, PackagerConfig, PackagerEvent, RenditionConfig, Timeline};

/// The beginning of 2026, in Unix seconds: numbers count from here, so that they fit into 32 bits until 2034.
const NUMBERS_BEGIN: i64 = 1_767_225_600;

/// How many numbers a second has. A timeline begins with a burst, so its first seconds give out more than one number
/// each; a gateway that is killed then and starts again must begin above them all the same.
const NUMBERS_A_SECOND: i64 = 8;

/// The newest numbers of a channel that were given out in this process: the next run starts above them, whatever the
/// clock does.
#[derive(Debug, Default)]
pub(super) struct Floor {
    epoch: AtomicU64,
    number: AtomicU64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) packager: Packager,
    pub(super) live: Arc<Live>,
    /// Readers have been told of it.
    pub(super) announced: bool,
    /// The encoder of now has delivered in every rendition.
    pub(super) delivers: bool,
    /// Which renditions have new media since all of them had.
    fresh: Vec<bool>,
}

// === impl Floor ===

impl Floor {
    /// Where a timeline that starts now begins. Epochs are milliseconds: they are part of every URI.
    fn timeline(&self, now: Timestamp) -> Timeline {
        let eighths = now.as_millisecond() * NUMBERS_A_SECOND / 1_000;
        let number = above(&self.number, eighths - NUMBERS_BEGIN * NUMBERS_A_SECOND);
        Timeline {
            epoch: above(&self.epoch, now.as_millisecond()),
            first_msn: number,
            first_discontinuity: number,
        }
    }
}

/// The number that is wanted, or the next one after those that were given out.
fn above(newest: &AtomicU64, wanted: i64) -> u64 {
    let wanted = u64::try_from(wanted).unwrap_or(0);
    let number = wanted.max(newest.load(Ordering::SeqCst) + 1);
    newest.store(number, Ordering::SeqCst);
    number
}

// === impl Run ===

impl Run {
    /// An empty timeline for what an encoder was asked to make.
    pub(super) fn new(spec: &ChannelSpec, plan: &EncoderPlan, floor: &Floor, now: Instant) -> Self {
        let config = PackagerConfig {
            segment_duration: spec.segment_duration,
            part_duration: spec.part_duration,
            window: spec.window,
            irregular_key_frames: plan.irregular_key_frames,
            lead: plan.lead,
            timeline: floor.timeline(wall_clock()),
            renditions: plan.renditions.iter().map(rendition_config).collect(),
        };
        let names = config
            .renditions
            .iter()
            .map(|rendition| rendition.name.clone());
        Self {
            live: Arc::new(Live::new(config.timeline.epoch, names, now)),
            announced: false,
            delivers: false,
            fresh: vec![false; config.renditions.len()],
            packager: Packager::new(config),
        }
    }

    /// Whether an encoder makes the same renditions, so that the timeline goes on.
    pub(super) fn fits(&self, plan: &EncoderPlan) -> bool {
        let mine = &self.packager.config().renditions;
        self.packager.config().irregular_key_frames == plan.irregular_key_frames
            && mine.len() == plan.renditions.len()
            && mine
                .iter()
                .zip(&plan.renditions)
                .all(|(mine, new)| mine.name == new.name && mine.kind == kind(new.kind))
    }

    /// Goes on with the media of another encoder, behind a discontinuity.
    pub(super) fn go_on(&mut self, plan: &EncoderPlan, floor: &Floor, now: Instant) {
        self.packager.discontinuity();
        self.packager.set_lead(plan.lead);
        self.show(floor, now);
        self.delivers = false;
        self.fresh.fill(false);
    }

    /// Publishes everything new; `true` when by that every rendition has new media since this was true last. One that
    /// is stuck must not hide behind the others.
    pub(super) fn show(&mut self, floor: &Floor, now: Instant) -> bool {
        let mut any = false;
        while let Some(event) = self.packager.poll() {
            any = true;
            if let PackagerEvent::Changed(id) = event {
                self.fresh[id.index()] = true;
            }
            self.live.publish(&self.packager, event, now);
        }
        if any {
            floor
                .number
                .fetch_max(self.packager.newest_number(), Ordering::SeqCst);
        }
        let all = any && self.fresh.iter().all(|fresh| *fresh);
        if all {
            self.fresh.fill(false);
        }
        all
    }

    /// How much media the viewers have missed since the last encoder ended.
    pub(super) fn behind(&self) -> Option<Duration> {
        let end = self.packager.ends_at()?;
        Some(Duration::try_from(wall_clock().duration_since(end)).unwrap_or_default())
    }

    /// The name of a rendition, for people.
    pub(super) fn name(&self, id: crate::base::RenditionId) -> &str {
        let renditions = &self.packager.config().renditions;
        renditions
            .get(id.index())
            .map_or("?", |rendition| rendition.name.as_str())
    }
}

fn rendition_config(planned: &PlannedRendition) -> RenditionConfig {
    RenditionConfig {
        name: planned.name.clone(),
        kind: kind(planned.kind),
        peak_bitrate: planned.peak_bitrate,
        average_bitrate: planned.average_bitrate,
    }
}

fn kind(planned: RenditionKind) -> hls::RenditionKind {
    match planned {
        RenditionKind::Video => hls::RenditionKind::Video,
        RenditionKind::Audio => hls::RenditionKind::Audio,
    }
}

pub(super) fn wall_clock() -> Timestamp {
    Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_gateway_that_was_killed_in_its_first_second_starts_above_what_it_gave_out() {
        // Two segments and a growing one within 300 ms, and a new process half a second after the old one began.
        let before = Floor::default().timeline(at("2026-11-21T09:00:00.900Z"));
        let after = Floor::default().timeline(at("2026-11-21T09:00:01.400Z"));
        assert!(
            after.first_msn > before.first_msn + 2,
            "{before:?} {after:?}"
        );
        assert!(after.epoch > before.epoch);
    }

    #[test]
    fn numbers_fit_into_32_bits_for_players_that_know_no_more() {
        let number = Floor::default()
            .timeline(at("2034-01-01T00:00:00Z"))
            .first_msn;
        assert!(i32::try_from(number).is_ok(), "{number}");
    }

    #[test]
    fn a_clock_that_goes_back_takes_no_number_back() {
        let floor = Floor::default();
        let first = floor.timeline(at("2027-01-01T00:00:00Z"));
        for past in ["2026-12-31T23:00:00Z", "1970-01-01T00:00:00Z"] {
            let next = floor.timeline(at(past));
            assert!(
                next.first_msn > first.first_msn && next.epoch > first.epoch,
                "{next:?}"
            );
        }
        let lost = Floor::default().timeline(at("1970-01-01T00:00:00Z"));
        assert!(lost.first_msn >= 1 && lost.epoch >= 1, "{lost:?}");
    }
}
