//! The media of one run of a channel: its packager, what readers see of it, and where its numbers start.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use parking_lot::Mutex;

use super::ledger::Ledger;
use super::publish::Live;
use super::state::Ahead;
use crate::base::ChannelId;
use crate::config::ChannelSpec;
use crate::encoder::{EncoderPlan, PlannedRendition, RenditionKind};
use crate::hls::{
    self, Numbers, Packager, PackagerConfig, PackagerEvent, RenditionConfig, Timeline,
};

/// What was given out in this process: the next timeline of the channel starts above it.
#[derive(Debug)]
pub(super) struct Floor {
    channel: ChannelId,
    numbers: Mutex<Numbers>,
    ledger: Arc<Ledger>,
}

/// A rendition that had something new within this time goes on: two usual parts, and less than any channel waits for
/// new media.
const GOES_ON: Duration = Duration::from_secs(1);

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
    /// When any of them had some.
    last_new: Instant,
    /// Where the timeline ended when the encoder of now had shown something first.
    began_at: Option<Timestamp>,
    /// Its media since then, against the clock.
    ahead: Ahead,
}

// === impl Floor ===

impl Floor {
    /// Above what an earlier process may have given out.
    pub(super) fn new(channel: ChannelId, ledger: Arc<Ledger>) -> Self {
        Self {
            numbers: Mutex::new(ledger.floor(&channel)),
            channel,
            ledger,
        }
    }

    /// A timeline that starts now.
    fn timeline(&self, now: Timestamp) -> Timeline {
        let mut floor = self.numbers.lock();
        let timeline = Timeline::above(*floor, now);
        *floor = timeline.numbers();
        self.ledger.give_out(&self.channel, floor.discontinuity);
        timeline
    }

    fn raise(&self, numbers: Numbers) {
        let before = std::mem::replace(&mut *self.numbers.lock(), numbers);
        if numbers.discontinuity > before.discontinuity {
            self.ledger.give_out(&self.channel, numbers.discontinuity);
        }
    }
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
            last_new: now,
            began_at: None,
            ahead: Ahead::default(),
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
        self.began_at = None;
        self.ahead = Ahead::default();
    }

    /// What is wrong with an encoder whose media runs away from the clock.
    pub(super) fn ahead(&mut self, now: Instant) -> Option<String> {
        let end = self.packager.ends_at()?;
        let began_at = *self.began_at.get_or_insert(end);
        let media = Duration::try_from(end.duration_since(began_at)).unwrap_or_default();
        self.ahead.look(now, media)
    }

    /// Which of its renditions have had nothing new since all of them had, while others go on.
    pub(super) fn silent(&self, now: Instant) -> Option<String> {
        if now.saturating_duration_since(self.last_new) > GOES_ON {
            return None;
        }
        let renditions = &self.packager.config().renditions;
        let silent: Vec<&str> = renditions
            .iter()
            .zip(&self.fresh)
            .filter(|(_, fresh)| !**fresh)
            .map(|(rendition, _)| rendition.name.as_str())
            .collect();
        let is_part = !silent.is_empty() && silent.len() < renditions.len();
        is_part.then(|| format!("rendition {}", silent.join(", ")))
    }

    /// Publishes everything new; `true` when by that every rendition has new media since this was true last. One that
    /// is stuck must not hide behind the others.
    pub(super) fn show(&mut self, floor: &Floor, now: Instant) -> bool {
        let mut any = false;
        while let Some(event) = self.packager.poll() {
            any = true;
            if let PackagerEvent::Changed(id) = event {
                self.fresh[id.index()] = true;
                self.last_new = now;
            }
            self.live.publish(&self.packager, event, now);
        }
        if any {
            floor.raise(self.packager.numbers());
        }
        let all = any && self.fresh.iter().all(|fresh| *fresh);
        if all {
            self.fresh.fill(false);
        }
        all
    }

    /// Shows that media is missing, for as long as a segment lasts.
    pub(super) fn show_gap(&mut self, floor: &Floor, now: Instant) {
        // That is nothing that an encoder has delivered, and takes back nothing that it has.
        let (fresh, last_new) = (self.fresh.clone(), self.last_new);
        self.packager.gap(self.packager.config().segment_duration);
        self.show(floor, now);
        (self.fresh, self.last_new) = (fresh, last_new);
    }

    /// How much media the viewers have missed since the last encoder ended.
    pub(super) fn behind(&self) -> Option<Duration> {
        let end = self.packager.ends_at()?;
        Some(Duration::try_from(wall_clock().duration_since(end)).unwrap_or_default())
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
