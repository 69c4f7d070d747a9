//! A place for one encoder: from its launch until it is reaped. A session has two of them, for the encoder and for
//! what stands beside it.
//!
//! What an encoder makes is kept back until every rendition has something: only then it can replace what viewers see.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::launch::{LaunchError, Launched, Launching};
use super::run::wall_clock;
use super::symptoms::Symptoms;
use crate::base::RenditionId;
use crate::encoder::{Encoder, EncoderEvent, EncoderPlan};
use crate::media::{Fragment, MediaInitializationSection};

/// See the module.
#[derive(Default)]
pub(super) struct Slot {
    /// An encoder that is being started.
    pub(super) launch: Option<Launching>,
    pub(super) encoder: Option<Encoder>,
    pub(super) plan: Option<EncoderPlan>,
    /// The encoder was given up: what it still delivers is not media any more.
    pub(super) dying: bool,
    /// What to start as soon as the dying one is gone.
    pub(super) wanted: Option<Role>,
    /// What the encoder is there for.
    pub(super) role: Role,
    /// What its detectors have found.
    pub(super) symptoms: Symptoms,
    /// Since when something is started here.
    pub(super) since: Option<Instant>,
    /// Its encoder has opened what it reads: it gives signs of life.
    pub(super) has_begun: bool,
    stage: Stage,
}

/// What an encoder is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Role {
    /// The source whose turn it is.
    #[default]
    Source,
    /// Shown while no source delivers.
    Slate,
    /// A better source, by its position, that is to take over.
    Candidate(usize),
}

/// Which slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The encoder.
    Main,
    /// What stands beside it.
    Standby,
}

/// What becomes of an encoder's media.
#[derive(Debug, Default)]
enum Stage {
    /// Nothing: there is no encoder, or another one is shown.
    #[default]
    Off,
    /// Kept back.
    Prelude(Vec<(Timestamp, Media)>),
    /// Packaged as it comes.
    OnAir,
}

/// One piece of an encoder's output.
#[derive(Debug)]
pub(super) enum Media {
    Init(RenditionId, MediaInitializationSection),
    Fragment(RenditionId, Fragment),
}

/// What a slot has to tell.
pub(super) enum News {
    Launched(Box<Result<Launched, LaunchError>>),
    Encoder(Option<EncoderEvent>),
}

/// What to do with a piece of output.
#[derive(Debug)]
pub(super) enum Taken {
    /// Nothing.
    Kept,
    /// Package it.
    Live(Media),
    /// Every rendition has something now.
    Complete,
}

// === impl Slot ===

impl Slot {
    /// No process, and none on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.launch.is_none() && self.encoder.is_none()
    }

    /// Whether viewers see it.
    pub(super) fn is_on_air(&self) -> bool {
        matches!(self.stage, Stage::OnAir)
    }

    /// What happens next; never, if it is empty. Safe to cancel.
    pub(super) async fn news(&mut self) -> News {
        if let Some(launch) = &mut self.launch {
            return News::Launched(Box::new(launch.result().await));
        }
        match &mut self.encoder {
            Some(encoder) => News::Encoder(encoder.events.recv().await),
            None => std::future::pending().await,
        }
    }

    /// An encoder runs here.
    pub(super) fn fill(&mut self, launched: Launched) {
        self.dying = false;
        self.symptoms = Symptoms::default();
        self.has_begun = false;
        self.stage = Stage::Prelude(Vec::new());
        self.encoder = Some(launched.encoder);
        self.plan = Some(launched.plan);
    }

    /// An encoder was born that nobody wants any more: it counts until it is gone.
    pub(super) fn bury(&mut self, launched: Launched, patience: Duration) {
        self.encoder = Some(launched.encoder);
        self.stop(patience);
    }

    /// Asks what is here to end.
    pub(super) fn stop(&mut self, patience: Duration) {
        self.wanted = None;
        self.stage = Stage::Off;
        if let Some(launch) = &self.launch {
            launch.give_up();
        }
        if let Some(encoder) = &mut self.encoder {
            self.dying = true;
            encoder.stop(patience);
        }
    }

    /// The process is reaped; whether it had been given up.
    pub(super) fn clear(&mut self) -> bool {
        self.encoder = None;
        self.plan = None;
        self.stage = Stage::Off;
        std::mem::take(&mut self.dying)
    }

    /// The renditions of its encoder that have nothing yet; `None` if none runs.
    pub(super) fn missing(&self) -> Option<Vec<String>> {
        let plan = self.plan.as_ref()?;
        let lacks = |index| match &self.stage {
            Stage::Prelude(kept) => !has(kept, index),
            Stage::Off | Stage::OnAir => true,
        };
        let renditions = plan.renditions.iter().enumerate();
        let missing = renditions.filter(|(index, _)| lacks(*index));
        Some(missing.map(|(_, one)| one.name.to_string()).collect())
    }

    /// Another encoder is shown from now on. One that was not shown yet goes on towards its turn.
    pub(super) fn go_off_air(&mut self) {
        if self.is_on_air() {
            self.stage = Stage::Off;
        }
    }

    /// It is shown from now on: what was kept back, with its times of arrival.
    pub(super) fn go_on_air(&mut self) -> Vec<(Timestamp, Media)> {
        match std::mem::replace(&mut self.stage, Stage::OnAir) {
            Stage::Prelude(kept) => kept,
            Stage::Off | Stage::OnAir => Vec::new(),
        }
    }

    pub(super) fn take(&mut self, media: Media) -> Taken {
        let renditions = self.plan.as_ref().map_or(0, |plan| plan.renditions.len());
        match &mut self.stage {
            Stage::Off => Taken::Kept,
            Stage::OnAir => Taken::Live(media),
            Stage::Prelude(kept) => {
                kept.push((wall_clock(), media));
                if has_all(kept, renditions) {
                    Taken::Complete
                } else {
                    Taken::Kept
                }
            }
        }
    }
}

fn has_all(kept: &[(Timestamp, Media)], renditions: usize) -> bool {
    (0..renditions).all(|index| has(kept, index))
}

fn has(kept: &[(Timestamp, Media)], index: usize) -> bool {
    let is_of = |media: &Media| matches!(media, Media::Fragment(id, _) if id.index() == index);
    kept.iter().any(|(_, media)| is_of(media))
}
