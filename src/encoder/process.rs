//! One ffmpeg: started, read, signalled, reaped.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::sync::mpsc;

use super::plan::EncoderPlan;
use crate::base::RenditionId;
use crate::media::{Fragment, MediaError, MediaInitializationSection};

/// Starts encoders from one immortal thread, through the gateway's own binary (`headgate __launch`).
#[derive(Debug, Clone)]
pub struct Launcher {
    _launch_program: PathBuf,
    _ffmpeg: PathBuf,
}

/// A running ffmpeg. Dropping it kills the whole process group; it is reaped in any case.
#[derive(Debug)]
pub struct Encoder {
    /// The process, for people.
    pub pid: u32,
    /// What it does, in order; ends after [`EncoderEvent::Exited`]. Bounded: a slow owner slows the pipes.
    pub events: mpsc::Receiver<EncoderEvent>,
}

/// What an encoder does.
#[derive(Debug)]
pub enum EncoderEvent {
    /// A rendition's initialization section.
    Init(RenditionId, MediaInitializationSection),
    /// The next fragment of a rendition.
    Fragment(RenditionId, Fragment),
    /// ffmpeg's own heartbeat.
    Progress(Progress),
    /// A rendition's stream is broken: nothing of it can be trusted from here on.
    Broken(RenditionId, MediaError),
    /// The process is gone, reaped, and all its pipes are drained.
    Exited(EncoderExit),
}

/// The end of an encoder.
#[derive(Debug, Clone)]
pub struct EncoderExit {
    /// Not to be believed as a verdict on the source: ffmpeg ends with 0 after many failures.
    pub status: ExitStatus,
    /// The last lines of standard error, credentials masked, control characters removed.
    pub last_lines: Vec<String>,
}

/// One report of `-progress`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Progress {
    /// Frames encoded so far.
    pub frames: u64,
    /// Frames a second.
    pub fps: f64,
    /// Media time over wall time.
    pub speed: f64,
    /// Frames dropped and duplicated so far.
    pub dropped: u64,
    /// Frames duplicated so far.
    pub duplicated: u64,
}

/// Why ffmpeg could not be started.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SpawnError {
    /// To be refined by the encoder room.
    #[error("{0}")]
    Failed(String),
}

impl Launcher {
    /// `launch_program` is the gateway's own binary; `ffmpeg` the encoder's.
    pub fn new(launch_program: PathBuf, ffmpeg: PathBuf) -> Self {
        Self {
            _launch_program: launch_program,
            _ffmpeg: ffmpeg,
        }
    }

    /// Starts ffmpeg for a plan; returns as soon as the process exists.
    pub async fn spawn(&self, _plan: &EncoderPlan) -> Result<Encoder, SpawnError> {
        Err(SpawnError::Failed("not built yet".into()))
    }
}

impl Encoder {
    /// Asks the process to end: TERM to its group, KILL after `patience`. Pipes are drained all the while; the
    /// last event is [`EncoderEvent::Exited`]. Does not wait.
    pub fn stop(&mut self, _patience: Duration) {}

    /// The last lines of standard error so far, masked.
    pub fn last_lines(&self) -> Vec<String> {
        Vec::new()
    }
}
