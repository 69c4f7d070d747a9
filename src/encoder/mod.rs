//! Which ffmpeg command a channel needs ([`plan`], pure), and keeping that child alive and mortal.
//!
//! Knows ffmpeg and processes. Does not know playlists, viewers or HTTP.
//! `plan` decides, `probe` and `capability` ask, `process` acts: a child is born in `spawner`, becomes ffmpeg in
//! `launch` (in the cage that `caged` orders), is read by `pipes` and `stderr`, and dies under `supervise`.

mod caged;
pub mod capability;
mod detect;
pub mod doctor;
pub mod find;
mod finish;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
pub mod launch;
mod pipes;
pub mod plan;
pub mod probe;
pub mod process;
mod progress;
pub mod scrub;
mod spawner;
mod stderr;
pub mod still;
mod supervise;
mod usage;

pub use caged::Cage;
pub use capability::CapabilityError;
pub use detect::Symptom;
pub use find::{FfmpegNotFound, find_ffmpeg};
pub use plan::{
    Argument, AudioFacts, Capabilities, EncoderPlan, FrameRate, PlanError, PlannedRendition,
    RenditionKind, SourceFacts, TextSupport, VideoFacts,
};

pub use finish::Finished;
pub use probe::{ProbeError, ProbeReport};
pub use process::{Encoder, EncoderEvent, EncoderExit, Launcher, SpawnError};
pub use progress::Progress;
pub use usage::{Usage, usage};
