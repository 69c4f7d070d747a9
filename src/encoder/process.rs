//! One ffmpeg: started, read, signalled, reaped.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::process::Pid;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::caged::Cage;
use super::detect::Symptom;
use super::finish::{Finished, finish};
use super::pipes::{self, Sink};
use super::plan::{Argument, EncoderPlan};
use super::progress::Progress;
use super::scrub::Scrubber;
use super::spawner::{Birth, Newborn, Word};
use super::stderr::StderrRing;
use super::supervise::{self, Supervisor};
use crate::base::RenditionId;
use crate::cage::Access;
use crate::egress::Lease;
use crate::media::{Fragment, MediaError, MediaInitializationSection};

/// How many events wait for the owner: two seconds of a ladder of four at one fragment a frame.
const EVENTS: usize = 512;

/// Starts encoders from one immortal thread, through the gateway's own binary (`headgate __launch`).
#[derive(Debug, Clone)]
pub struct Launcher {
    launch_program: PathBuf,
    ffmpeg: PathBuf,
    cage: Cage,
    /// The way to an http source.
    lease: Option<Arc<Lease>>,
}

/// A running ffmpeg. Dropping it kills the whole process group; it is reaped in any case.
#[derive(Debug)]
pub struct Encoder {
    /// The process, for people.
    pub pid: u32,
    /// How well it is caged: `enforced`, `partial`, `none`, or `unknown` as long as nobody has tried.
    pub cage: &'static str,
    /// What it does, in order; ends after [`EncoderEvent::Exited`]. Bounded: a slow owner slows the pipes.
    pub events: mpsc::Receiver<EncoderEvent>,
    /// Dropped with the encoder, which the supervisor takes for an order to kill.
    orders: watch::Sender<supervise::Order>,
    stderr: StderrRing,
    /// The way to what it reads ends with it.
    _lease: Option<Arc<Lease>>,
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
    /// What a detector of the running process says of the source's picture or sound.
    Detected {
        /// What was looked for.
        symptom: Symptom,
        /// Whether it is there from now on.
        present: bool,
    },
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

/// Why ffmpeg could not be started.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SpawnError {
    /// The program is missing or may not be executed.
    #[error("{} cannot be run: {error}; install ffmpeg, or set `server.ffmpeg` or $FFMPEG", program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// Why.
        error: String,
    },
    /// The gateway's own binary could not be started as launcher.
    #[error("{} cannot be started as launcher: {error}", program.display())]
    Launch {
        /// The gateway's binary, or what was taken for it.
        program: PathBuf,
        /// Why.
        error: String,
    },
    /// No pipes: most likely the limit of open files.
    #[error("no pipes for the encoder: {0}; raise the limit of open files (ulimit -n)")]
    Pipes(String),
    /// The thread that spawns children could not be started.
    #[error("the thread that starts encoders is not there; the limit of threads may be reached")]
    NoThread,
}

// === impl Launcher ===

impl Launcher {
    /// `launch_program` is the gateway's own binary; `ffmpeg` the encoder's.
    pub fn new(launch_program: PathBuf, ffmpeg: PathBuf) -> Self {
        Self {
            launch_program,
            ffmpeg,
            cage: Cage::OFF,
            lease: None,
        }
    }

    /// In this cage instead of none.
    #[must_use]
    pub fn caged(self, cage: Cage) -> Self {
        Self { cage, ..self }
    }

    /// What the launched may do.
    pub fn cage(&self) -> Cage {
        self.cage
    }

    /// The same, for children that read an http source on this way, and have no other one out of a cage.
    #[must_use]
    pub fn through(self, lease: Option<Arc<Lease>>) -> Self {
        let egress = lease.as_ref().map(|lease| lease.port());
        let cage = Cage {
            egress,
            ..self.cage
        };
        Self {
            lease,
            cage,
            ..self
        }
    }

    /// The encoder's program.
    pub fn ffmpeg(&self) -> &Path {
        &self.ffmpeg
    }

    /// Starts ffmpeg for a plan; returns as soon as the process exists.
    ///
    /// # Errors
    /// [`SpawnError`] when there is no process. A wrong command line shows as [`EncoderEvent::Exited`].
    pub async fn spawn(&self, plan: &EncoderPlan) -> Result<Encoder, SpawnError> {
        let words = plan.arguments.iter().map(|argument| match argument {
            Argument::Text(text) => Word::Text(text.into()),
            Argument::Output(rendition) => Word::Output(rendition.index()),
        });
        let newborn = self
            .birth(words.collect(), plan.renditions.len(), &plan.access)
            .spawn()
            .await?;
        let texts = plan.arguments.iter().filter_map(|argument| match argument {
            Argument::Text(text) => Some(text.as_str()),
            Argument::Output(_) => None,
        });
        let copied = plan.renditions.iter().map(|rendition| rendition.is_copied);
        let scrubber = self.scrubber(texts);
        let mut encoder = Encoder::raise(newborn, copied.collect(), scrubber, self.lease.clone())?;
        encoder.cage = self.cage.status;
        Ok(encoder)
    }

    /// Runs ffmpeg to its end, or kills it at the deadline. It reaches nothing.
    ///
    /// # Errors
    /// [`SpawnError`] when there is no process.
    pub async fn run(
        &self,
        arguments: &[String],
        deadline: Duration,
    ) -> Result<Finished, SpawnError> {
        self.run_with(&Access::default(), arguments, deadline).await
    }

    /// As [`Self::run`], for one that reaches something.
    ///
    /// # Errors
    /// [`SpawnError`] when there is no process.
    pub async fn run_with(
        &self,
        access: &Access,
        arguments: &[String],
        deadline: Duration,
    ) -> Result<Finished, SpawnError> {
        let words = arguments.iter().map(|text| Word::Text(text.into()));
        let started = Instant::now();
        let newborn = self.birth(words.collect(), 0, access).spawn().await?;
        let scrubber = self.scrubber(arguments.iter().map(String::as_str));
        Ok(finish(newborn, scrubber, started, deadline, Bytes::new()).await)
    }

    /// As [`Self::run`], with something to read on standard input.
    ///
    /// # Errors
    /// [`SpawnError`] when there is no process.
    pub async fn run_on(
        &self,
        arguments: &[String],
        input: Bytes,
        deadline: Duration,
    ) -> Result<Finished, SpawnError> {
        let words = arguments.iter().map(|text| Word::Text(text.into()));
        let started = Instant::now();
        let mut birth = self.birth(words.collect(), 0, &Access::default());
        birth.reads = true;
        let newborn = birth.spawn().await?;
        let scrubber = self.scrubber(arguments.iter().map(String::as_str));
        Ok(finish(newborn, scrubber, started, deadline, input).await)
    }

    /// Knows the secrets of the command line, and those that the way out keeps from it.
    fn scrubber<'a>(&'a self, words: impl Iterator<Item = &'a str>) -> Scrubber {
        let kept = self.lease.iter().flat_map(|lease| lease.words());
        Scrubber::new(words.chain(kept))
    }

    pub(super) fn birth(&self, words: Vec<Word>, outputs: usize, access: &Access) -> Birth {
        Birth {
            launch_program: self.launch_program.clone(),
            program: self.ffmpeg.clone(),
            words,
            outputs,
            reads: false,
            cage: self.cage.order(access),
            examine: false,
            environment: self
                .lease
                .iter()
                .flat_map(|lease| lease.environment())
                .collect(),
        }
    }
}

// === impl Encoder ===

impl Encoder {
    /// Asks the process to end: TERM to its group, KILL after `patience`. Pipes are drained all the while; the
    /// last event is [`EncoderEvent::Exited`]. Does not wait. Asked again, it counts anew.
    pub fn stop(&mut self, patience: Duration) {
        // The supervisor is gone when the process is.
        let _ = self.orders.send(supervise::Order::Stop(patience));
    }

    /// The last lines of standard error so far, masked.
    pub fn last_lines(&self) -> Vec<String> {
        self.stderr.lines()
    }

    /// How many packets of the source could not be decoded so far.
    pub fn undecoded(&self) -> u64 {
        self.stderr.undecoded()
    }

    /// Gives a child its readers and its supervisor.
    fn raise(
        mut newborn: Newborn,
        copied: Vec<bool>,
        scrubber: Scrubber,
        lease: Option<Arc<Lease>>,
    ) -> Result<Self, SpawnError> {
        let (sender, events) = mpsc::channel(EVENTS);
        let (orders, ordered) = watch::channel(supervise::Order::Run);
        let sink = Sink {
            events: sender,
            draining: CancellationToken::new(),
            cut: CancellationToken::new(),
        };
        let stderr = StderrRing::new(scrubber);
        let pid = newborn.child.id().unwrap_or_default();
        let readers = start_readers(&mut newborn, &copied, &sink, &stderr)
            .map_err(|error| SpawnError::Pipes(error.to_string()))?;
        let supervisor = Supervisor {
            group: i32::try_from(pid).ok().and_then(Pid::from_raw),
            child: newborn.child,
            orders: ordered,
            readers,
            sink,
            stderr: stderr.clone(),
        };
        tokio::spawn(supervisor.run());
        Ok(Self {
            pid,
            cage: Cage::OFF.status,
            events,
            orders,
            stderr,
            _lease: lease,
        })
    }
}

fn start_readers(
    newborn: &mut Newborn,
    copied: &[bool],
    sink: &Sink,
    stderr: &StderrRing,
) -> io::Result<JoinSet<()>> {
    let mut readers = JoinSet::new();
    for (id, pipe) in (0..).map(RenditionId).zip(newborn.outputs.drain(..)) {
        readers.spawn(pipes::read_rendition(
            id,
            copied.get(id.index()).copied().unwrap_or_default(),
            pipes::receiver(pipe)?,
            sink.clone(),
        ));
    }
    if let Some(stdout) = newborn.child.stdout.take() {
        readers.spawn(pipes::read_reports(stdout, sink.clone()));
    }
    if let Some(stream) = newborn.child.stderr.take() {
        readers.spawn(stderr.clone().drain(stream, sink.cut.clone()));
    }
    Ok(readers)
}
