//! From a channel's source to a running encoder: find ffmpeg, learn what the source is, plan, spawn.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::remembered::Remembered;
use crate::cage::CageReport;
use crate::config::{CageMode, ChannelSpec, SourceSpec};
use crate::egress::{Barred, Egress};
use crate::encoder::plan::PlanError;
use crate::encoder::probe::probe;
use crate::encoder::still::{self, StillError};
use crate::encoder::{
    Cage, Capabilities, CapabilityError, Encoder, EncoderPlan, FfmpegNotFound, Launcher,
    ProbeError, SourceFacts, SpawnError,
};

/// How long a source may take to say that it is back.
const ASK_PATIENCE: Duration = Duration::from_secs(4);

/// Looks for ffmpeg; asked again for every start, so that an ffmpeg that is installed later is found.
pub type FindFfmpeg = Box<dyn Fn() -> Result<PathBuf, FfmpegNotFound> + Send + Sync>;

/// What starts encoders, and remembers what it has learnt on the way.
pub struct Encoders {
    inner: Arc<Inner>,
}

struct Inner {
    launch_program: PathBuf,
    find: FindFfmpeg,
    egress: Arc<Egress>,
    /// What the ffmpeg of this identity can do. Held while it is asked: one question is enough for all.
    known: tokio::sync::Mutex<Option<(Identity, Arc<Capabilities>)>>,
    remembered: Remembered,
    mode: CageMode,
    /// What the cage was found to be worth, when it was last tried.
    cage: Mutex<Option<CageReport>>,
}

/// A program file, as far as it can be told apart from another one without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    path: PathBuf,
    modified: Option<SystemTime>,
    size: u64,
}

/// An encoder that is being started. It must be waited for also when it is given up: a process may have been born
/// in the meantime, and counts until it is gone.
pub(super) struct Launching {
    future: Pin<Box<dyn Future<Output = Result<Launched, LaunchError>> + Send>>,
    given_up: CancellationToken,
}

/// A running encoder and what it was asked to do.
#[derive(Debug)]
pub(super) struct Launched {
    pub(super) plan: EncoderPlan,
    /// What the plan was made from.
    pub(super) facts: SourceFacts,
    pub(super) encoder: Encoder,
}

/// Why there is no encoder.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// There is no ffmpeg.
    #[error(transparent)]
    NoFfmpeg(#[from] FfmpegNotFound),
    /// There is one that cannot be used.
    #[error(transparent)]
    Incapable(#[from] CapabilityError),
    /// There is no way to the source.
    #[error(transparent)]
    Barred(#[from] Barred),
    /// The source could not be asked.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// The ladder cannot be made from the source.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The process could not be started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// The cage is required, and not whole here.
    #[error("{}", caged_too_little(.0))]
    Cage(CageReport),
    /// Nobody wants it any more.
    #[error("the start was given up")]
    GivenUp,
}

fn caged_too_little(report: &CageReport) -> String {
    format!(
        "`cage = \"require\"` in [server], and the cage of ffmpeg is {report}; `headgate doctor` says more, and \
         `cage = \"auto\"` starts channels all the same"
    )
}

// === impl Encoders ===

impl Encoders {
    /// `launch_program` is the gateway's own binary; http sources are read through `egress`.
    pub fn new(launch_program: PathBuf, find: FindFfmpeg, egress: Arc<Egress>) -> Self {
        Self {
            inner: Arc::new(Inner {
                launch_program,
                find,
                egress,
                known: tokio::sync::Mutex::default(),
                remembered: Remembered::default(),
                mode: CageMode::Off,
                cage: Mutex::default(),
            }),
        }
    }

    /// With ffmpeg in a cage. To be called before anything is started.
    #[must_use]
    pub fn caged(mut self, mode: CageMode) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.mode = mode;
        }
        self
    }

    /// What the cage is worth on this host; `None` as long as nobody has tried.
    pub fn cage(&self) -> Option<CageReport> {
        self.inner.cage.lock().clone()
    }

    /// Whether ffmpeg is to be caged.
    pub fn cage_mode(&self) -> CageMode {
        self.inner.mode
    }

    /// Why encoders cannot be started at all, if that is so. Cheap enough for a readiness check.
    pub fn obstacle(&self) -> Option<String> {
        if let Err(error) = (self.inner.find)() {
            return Some(error.to_string());
        }
        let report = self
            .cage()
            .filter(|_| self.inner.mode == CageMode::Require)?;
        (!report.is_enforced()).then(|| caged_too_little(&report))
    }

    /// Asks ffmpeg what it can do, so that the first viewer need not wait for that.
    pub async fn warm_up(&self) -> Result<Arc<Capabilities>, LaunchError> {
        self.inner
            .ffmpeg()
            .await
            .map(|(_, capabilities)| capabilities)
    }

    /// The plan for a source, as a start would make it.
    pub async fn plan(
        &self,
        spec: &ChannelSpec,
        source: &SourceSpec,
    ) -> Result<EncoderPlan, LaunchError> {
        self.inner
            .plan(spec, source, None, None)
            .await
            .map(|(_, plan, _)| plan)
    }

    /// Starts an encoder. `behind` is how much media the viewers of a running timeline have missed; `like` is the
    /// source that a slate stands in for.
    pub(super) fn launch(
        &self,
        spec: Arc<ChannelSpec>,
        source: SourceSpec,
        behind: Option<Duration>,
        like: Option<SourceFacts>,
    ) -> Launching {
        let inner = self.inner.clone();
        let given_up = CancellationToken::new();
        let token = given_up.clone();
        let future = Box::pin(async move {
            let (launcher, plan, facts) = tokio::select! {
                biased;
                () = token.cancelled() => return Err(LaunchError::GivenUp),
                planned = inner.plan(&spec, &source, behind, like.as_ref()) => planned?,
            };
            let encoder = launcher.spawn(&plan).await?;
            Ok(Launched {
                plan,
                facts,
                encoder,
            })
        });
        Launching { future, given_up }
    }

    /// Makes a picture of a key frame.
    pub(super) async fn still(&self, media: Bytes) -> Result<Bytes, StillError> {
        let path = (self.inner.find)()?;
        let launcher = self.inner.launcher(path);
        still::decode(&launcher, media).await
    }

    /// Whether a source is there now, as far as a short look tells. What is seen is remembered: the source may not be
    /// what it was.
    pub(super) fn ask(&self, source: SourceSpec) -> impl Future<Output = bool> + Send + use<> {
        let inner = self.inner.clone();
        async move {
            let Ok((launcher, capabilities)) = inner.ffmpeg_for(&source).await else {
                return false;
            };
            match probe(&launcher, &source, &capabilities, ASK_PATIENCE).await {
                Ok(report) => inner.remembered.learn(&source, report).video.is_some(),
                Err(_) => false,
            }
        }
    }
}

impl fmt::Debug for Encoders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoders")
            .field("launch_program", &self.inner.launch_program)
            .finish_non_exhaustive()
    }
}

// === impl Launching ===

impl Launching {
    /// Nobody wants the encoder any more: ends what has been started, soon.
    pub(super) fn give_up(&self) {
        self.given_up.cancel();
    }

    /// Whether that was said.
    pub(super) fn is_given_up(&self) -> bool {
        self.given_up.is_cancelled()
    }

    /// What became of it; cancel-safe, to be asked once.
    pub(super) async fn result(&mut self) -> Result<Launched, LaunchError> {
        (&mut self.future).await
    }
}

// === impl Inner ===

impl Inner {
    async fn ffmpeg(&self) -> Result<(Launcher, Arc<Capabilities>), LaunchError> {
        let path = (self.find)()?;
        let identity = Identity::of(path.clone());
        let mut known = self.known.lock().await;
        if let Some((_, capabilities)) = known.as_ref().filter(|(known, _)| *known == identity) {
            return Ok((self.launcher(path), capabilities.clone()));
        }
        self.try_cage(&self.launcher(path.clone())).await?;
        let launcher = self.launcher(path);
        let capabilities = Arc::new(Capabilities::probe(&launcher).await?);
        *known = Some((identity, capabilities.clone()));
        Ok((launcher, capabilities))
    }

    /// One whose children find their way to this source, and to no other.
    async fn ffmpeg_for(
        &self,
        source: &SourceSpec,
    ) -> Result<(Launcher, Arc<Capabilities>), LaunchError> {
        let (launcher, capabilities) = self.ffmpeg().await?;
        let lease = self.egress.lease(source).await?;
        Ok((launcher.through(lease), capabilities))
    }

    fn launcher(&self, ffmpeg: PathBuf) -> Launcher {
        let mut cage = Cage::new(self.mode, None);
        if let Some(report) = &*self.cage.lock() {
            cage.status = report.status();
        }
        Launcher::new(self.launch_program.clone(), ffmpeg).caged(cage)
    }

    /// Once for each ffmpeg: it takes milliseconds, and says whether anything may start.
    async fn try_cage(&self, launcher: &Launcher) -> Result<(), LaunchError> {
        let report = launcher.examine_cage().await?;
        match (&report, self.mode) {
            (CageReport::Enforced, _) => info!(cage = "enforced", "ffmpeg is caged"),
            (_, CageMode::Off) => info!(cage = "none", "ffmpeg is not caged: `cage = \"off\"`"),
            (report, _) => warn!(
                cage = report.status(),
                "ffmpeg is not wholly caged: {}",
                report.missing().join("; ")
            ),
        }
        *self.cage.lock() = Some(report.clone());
        match self.mode == CageMode::Require && !report.is_enforced() {
            true => Err(LaunchError::Cage(report)),
            false => Ok(()),
        }
    }

    async fn plan(
        &self,
        spec: &ChannelSpec,
        source: &SourceSpec,
        behind: Option<Duration>,
        like: Option<&SourceFacts>,
    ) -> Result<(Launcher, EncoderPlan, SourceFacts), LaunchError> {
        let (launcher, capabilities) = self.ffmpeg_for(source).await?;
        if let Some(like) = like {
            let plan = EncoderPlan::in_place_of(spec, source, like, &capabilities, behind)?;
            return Ok((launcher, plan, like.clone()));
        }
        let facts = self.facts(&launcher, &capabilities, spec, source).await?;
        let plan = EncoderPlan::new(spec, source, &facts, &capabilities, behind)?;
        Ok((launcher, plan, facts))
    }

    async fn facts(
        &self,
        launcher: &Launcher,
        capabilities: &Capabilities,
        spec: &ChannelSpec,
        source: &SourceSpec,
    ) -> Result<SourceFacts, LaunchError> {
        if let Some(facts) = self.remembered.of(source) {
            return Ok(facts);
        }
        let patience = source.timeout.unwrap_or(spec.start_timeout);
        let report = probe(launcher, source, capabilities, patience).await?;
        Ok(self.remembered.learn(source, report))
    }
}

impl Encoders {
    /// The encoder of this source was lost: what is remembered of it may be wrong.
    pub(super) fn doubt(&self, source: &SourceSpec, is_wrong: bool) {
        match is_wrong {
            true => self.inner.remembered.forget(source),
            false => self.inner.remembered.doubt(source),
        }
    }
}

// === impl Identity ===

impl Identity {
    fn of(path: PathBuf) -> Self {
        let metadata = path.metadata().ok();
        Self {
            modified: metadata
                .as_ref()
                .and_then(|metadata| metadata.modified().ok()),
            size: metadata.map_or(0, |metadata| metadata.len()),
            path,
        }
    }
}

// === impl LaunchError ===

impl LaunchError {
    /// Whether trying again at once would give the same answer.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::NoFfmpeg(_) | Self::Incapable(_) | Self::Plan(_) | Self::Cage(_) => true,
            Self::Probe(error) => matches!(
                error,
                ProbeError::NotFound { .. }
                    | ProbeError::Denied { .. }
                    | ProbeError::Forbidden { .. }
                    | ProbeError::NotMedia { .. }
                    | ProbeError::NoVideo { .. }
                    | ProbeError::UnknownHost { .. }
            ),
            Self::Barred(barred) => barred.is_final(),
            Self::Spawn(_) | Self::GivenUp => false,
        }
    }
}
