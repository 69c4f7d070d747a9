//! Whether another channel may run, and when it may start: places for those that run, a budget for their media, the
//! state of the machine, and a queue for those that start.
//!
//! A start costs the most while it probes its source and its encoder fills its pipeline, so only some may do that at
//! once. The others wait in the order in which they came. A source that does not answer costs next to nothing: its
//! turn ends early, and the others do not wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::actor::Actor;
use super::error::ServeError;
use super::handle::Session;
use super::map::{SessionMap, Shared};
use super::status::{Command, Status};
use crate::base::ChannelId;
use crate::config::{ChannelSpec, LadderSpec, RungVideo, StartLimits};
use crate::pressure;

/// The longest turn of a start that has not delivered: by then its encoder waits for the source or not at all.
const LONGEST_TURN: Duration = Duration::from_secs(3);

/// How many may wait for each that starts: as many as have a turn within the time that viewers wait.
const WAITING_FOR_EACH: usize = 16;

/// How often somebody who waits looks whether anybody still wants the channel.
const LOOK: Duration = Duration::from_secs(1);

/// Even on a small machine, so that a few viewers who come together do not wait for each other.
const LEAST_STARTING: usize = 4;

/// What the media of a rung takes that is not known before, bits a second.
const COPIED: u64 = 8_000_000;
const AUTOMATIC: u64 = 6_000_000;
const SOUND: u64 = 128_000;

/// Those that start, and those that wait for it.
#[derive(Debug)]
pub(super) struct Starts {
    places: Arc<Semaphore>,
    most: usize,
    waiting: AtomicUsize,
}

/// One of those that wait, until it is dropped.
struct Waiting<'a>(&'a Starts);

/// A start under way; dropping it lets the next one begin.
#[derive(Debug)]
pub(super) struct Turn(
    #[expect(dead_code, reason = "it is there to be dropped")] oneshot::Sender<()>,
);

/// Why a channel is not started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Full {
    #[error("{0} channels run already, as many as max_sessions allows")]
    Sessions(usize),
    #[error(
        "the media of the channels that run takes {} MB, and there is room for {} MB (`max_segment_memory` in [limits])",
        .taken / 1_000_000,
        .budget / 1_000_000
    )]
    Memory { taken: u64, budget: u64 },
    #[error("the gateway starts no further channels for now: {0}")]
    Pressure(String),
    #[error("{0} channels wait already to be started (`max_starting` in [limits])")]
    Starts(usize),
}

/// One of the sessions that may run at the same time; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Seat(Arc<Shared>);

/// Where new sessions are refused, as counted for metrics.
#[derive(Debug, Default)]
pub(super) struct Refused {
    pub(super) counts: [AtomicUsize; 4],
}

/// How many channels start and wait, and how many were refused, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StartCounts {
    /// Channels that start now.
    pub starting: usize,
    /// Channels that wait for their turn.
    pub waiting: usize,
    /// Starts that were refused, by `sessions`, `memory`, `pressure` and `starts`.
    pub refused: [(&'static str, usize); 4],
}

// === impl Starts ===

impl Starts {
    pub(super) fn new(limits: &StartLimits) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let most = limits
            .max_starting
            .unwrap_or(processors.max(LEAST_STARTING));
        Self {
            places: Arc::new(Semaphore::new(most)),
            most,
            waiting: AtomicUsize::new(0),
        }
    }

    fn is_full(&self) -> Option<Full> {
        let waiting = self.waiting.load(Ordering::Relaxed);
        (waiting >= self.most * WAITING_FOR_EACH).then_some(Full::Starts(waiting))
    }

    /// A turn, in the order of those who ask.
    async fn turn(&self) -> Turn {
        let _waiting = Waiting::new(self);
        let permit = self.places.clone().acquire_owned().await;
        begin(permit.expect("the places should never be closed"))
    }
}

/// A turn ends when the start does, or when it has taken too long.
fn begin(permit: OwnedSemaphorePermit) -> Turn {
    let (turn, over) = oneshot::channel();
    tokio::spawn(async move {
        let _ = tokio::time::timeout(LONGEST_TURN, over).await;
        drop(permit);
    });
    Turn(turn)
}

// === impl Waiting ===

impl<'a> Waiting<'a> {
    fn new(starts: &'a Starts) -> Self {
        starts.waiting.fetch_add(1, Ordering::Relaxed);
        Self(starts)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl Full ===

impl Full {
    fn index(&self) -> usize {
        match self {
            Self::Sessions(_) => 0,
            Self::Memory { .. } => 1,
            Self::Pressure(_) => 2,
            Self::Starts(_) => 3,
        }
    }

    fn retry_after(&self) -> Duration {
        Duration::from_secs(match self {
            Self::Starts(_) => 5,
            _ => 10,
        })
    }
}

// === impl SessionMap ===

impl SessionMap {
    /// A place for a session that is about to start.
    pub(super) fn take_seat(&self, session: &Session) -> Result<Seat, ServeError> {
        let shared = self.shared();
        let full = shared
            .pressure
            .refusal()
            .map(Full::Pressure)
            .or_else(|| shared.starts.is_full())
            .or_else(|| self.memory_is_short(session));
        let seat = match full {
            Some(full) => Err(full),
            None => shared.take_seat(),
        };
        seat.map_err(|full| {
            shared.refused.counts[full.index()].fetch_add(1, Ordering::Relaxed);
            refusal(&session.id, &full)
        })
    }

    fn memory_is_short(&self, session: &Session) -> Option<Full> {
        let budget = self.shared().budget()?;
        let (now, others) = (Instant::now(), self.sessions());
        let others = others.iter().filter(|other| other.id != session.id);
        let taken: u64 = others.map(|other| other.media_bytes(now)).sum();
        // One alone may always run: what it takes is a guess, and a gateway that plays nothing helps nobody.
        let is_short = taken > 0 && taken + expected_bytes(session) > budget;
        is_short.then_some(Full::Memory { taken, budget })
    }

    /// How many encoders that viewers see do not keep up with the clock.
    pub fn lagging(&self) -> usize {
        let is_slow = |session: &&Arc<Session>| {
            let facts = session.facts.lock();
            let progress = facts.encoder.as_ref().and_then(|encoder| encoder.progress);
            progress.is_some_and(|progress| progress.speed > 0.0 && progress.speed < 0.95)
        };
        self.sessions().iter().filter(is_slow).count()
    }

    /// How many channels start and wait, and how many were refused.
    pub fn start_counts(&self) -> StartCounts {
        let shared = self.shared();
        let names = ["sessions", "memory", "pressure", "starts"];
        let count = |index: usize| shared.refused.counts[index].load(Ordering::Relaxed);
        StartCounts {
            starting: shared.starts.most - shared.starts.places.available_permits(),
            waiting: shared.starts.waiting.load(Ordering::Relaxed),
            refused: std::array::from_fn(|index| (names[index], count(index))),
        }
    }
}

fn refusal(channel: &ChannelId, full: &Full) -> ServeError {
    ServeError::Unavailable {
        channel: channel.to_string(),
        reason: full.to_string(),
        retry_after: full.retry_after(),
    }
}

// === impl Session ===

impl Session {
    /// What a viewer is told whose patience has ended first.
    pub(super) fn still_starting(&self) -> String {
        if self.is_queued.load(Ordering::Relaxed) {
            return "it waits for its turn: as many channels start already as may do so at once"
                .into();
        }
        let facts = self.facts.lock();
        let attempt = facts.attempt.as_ref();
        let words = attempt.map(|attempt| attempt.words(Instant::now()));
        match (words, &facts.last_error) {
            (Some(words), _) => format!("it is still starting: {words}"),
            (None, Some(error)) => format!("it is still starting; the last problem: {error}"),
            (None, None) => "it is still starting".into(),
        }
    }

    /// What the media takes, or will once the window is full.
    fn media_bytes(&self, now: Instant) -> u64 {
        match &*self.status.borrow() {
            Status::Active(live) => match live.is_filling(now, self.retention()) {
                true => live.bytes().max(expected_bytes(self)),
                false => live.bytes(),
            },
            Status::Starting => expected_bytes(self),
            Status::Idle | Status::Failed { .. } => 0,
        }
    }
}

fn expected_bytes(session: &Session) -> u64 {
    let bits = bitrate(&session.spec.load());
    bits / 8 * session.retention().as_secs()
}

fn bitrate(spec: &ChannelSpec) -> u64 {
    let video = match &spec.ladder {
        LadderSpec::Auto => AUTOMATIC,
        LadderSpec::Rungs(rungs) => rungs
            .iter()
            .map(|rung| match rung.video {
                RungVideo::Encode { bitrate, .. } => bitrate,
                RungVideo::Copy => COPIED,
            })
            .sum(),
    };
    video + SOUND
}

// === impl Shared ===

impl Shared {
    fn take_seat(self: &Arc<Self>) -> Result<Seat, Full> {
        let limit = self.max_sessions.load(Ordering::SeqCst);
        let one_more = |running| (running < limit).then_some(running + 1);
        let taken = self
            .running
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more);
        match taken {
            Ok(_) => Ok(Seat(self.clone())),
            Err(_) => Err(Full::Sessions(limit)),
        }
    }

    fn budget(&self) -> Option<u64> {
        let configured = *self.max_segment_memory.lock();
        configured.or_else(|| pressure::memory_in_all().map(|all| all / 2))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

// === impl Actor ===

impl Actor {
    /// Waits for its turn to start; `false` if nobody wants the channel any more.
    pub(super) async fn wait_for_turn(&mut self) -> bool {
        let (shared, session) = (self.shared.clone(), self.session.clone());
        let mut turn = std::pin::pin!(shared.starts.turn());
        let _queue = Queued::new(&session);
        loop {
            tokio::select! {
                biased;
                turn = &mut turn => {
                    self.turn = Some(turn);
                    return true;
                }
                command = self.next_command() => match command {
                    Some(Command::ViewerArrived) => session.door.heard(),
                    Some(Command::Stop(_)) | None => return false,
                    // It will start with the configuration of then, and there is no encoder yet.
                    Some(Command::Restart | Command::Reconfigure | Command::SwitchSource(_)) => {}
                },
                () = tokio::time::sleep(LOOK) => {
                    if session.viewers.present_until(Instant::now()).0.is_none() {
                        return false;
                    }
                }
            }
        }
    }
}

/// Says for so long that the channel waits for its turn.
struct Queued<'a>(&'a AtomicBool);

// === impl Queued ===

impl<'a> Queued<'a> {
    fn new(session: &'a Session) -> Self {
        session.is_queued.store(true, Ordering::Relaxed);
        Self(&session.is_queued)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
