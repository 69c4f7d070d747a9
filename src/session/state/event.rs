//! The words of the state machine: what happens to a session, what it then wants done, and what it waits for.

use std::time::{Duration, Instant};

/// What a session is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing runs.
    Idle,
    /// A source was asked and has not delivered yet.
    Starting,
    /// Media is published.
    Active,
    /// The encoder was asked to end.
    Stopping,
    /// No source delivers.
    Failed,
}

/// What happens to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// Somebody asks for the channel.
    ViewerArrived,
    /// The reaper looked: somebody watches until then, or nobody does.
    Presence(Option<Instant>),
    /// Every rendition has a first Partial Segment of this encoder.
    Delivered,
    /// Every rendition has new media again.
    Progress,
    /// The encoder ended or its output is useless, and nobody asked for that.
    EncoderLost(String),
    /// The source is known to be useless: trying again at once would not help.
    SourceRefused(String),
    /// The slate beside the encoder has something to show.
    SlateDelivered,
    /// The slate beside the encoder ended.
    SlateLost(String),
    /// The encoder of the better source, beside the running one, has something to show.
    CandidateDelivered,
    /// That encoder ended.
    CandidateLost(String),
    /// A better source was asked whether it is there.
    Probed {
        /// Its position.
        source: usize,
        /// Whether it is.
        answers: bool,
    },
    /// The encoder that was asked to end is gone.
    EncoderGone,
    /// An operator, a drain or a changed configuration wants the session to end.
    StopAsked(String),
    /// An operator wants a new encoder.
    RestartAsked,
    /// An operator wants the source of this position.
    SourceChosen(usize),
    /// The configuration of the channel is another one.
    Reconfigured {
        /// The durations that hold from now on.
        patience: Box<Patience>,
        /// The encoder of now does something else than what is wanted.
        restart: bool,
    },
    /// What a card shows is out of date: it is to be drawn anew.
    CardOutdated {
        /// The one that stands beside the encoder, and not the encoder's own.
        beside: bool,
    },
    /// The time of [`poll_timeout`](super::SessionState::poll_timeout) has come.
    TimedOut,
}

/// What a source has done that has not delivered, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Testimony {
    /// Which one, credentials masked.
    pub source: String,
    /// How far it came, and what to do about it.
    pub did: String,
}

/// What has to be done, in this order.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Effects {
    /// Ask the encoder to end.
    pub stop_encoder: bool,
    /// Start an encoder.
    pub start_encoder: bool,
    /// Look who watches, and answer with [`SessionEvent::Presence`].
    pub inspect_presence: bool,
    /// The session is over: forget its media.
    pub end: bool,
    /// This source has failed: what is remembered of it may be wrong.
    pub doubt_source: Option<usize>,
    /// And it is wrong: the source has delivered some renditions and not the others.
    pub is_reduced: bool,
    /// Ask what runs beside the encoder to end.
    pub stop_standby: bool,
    /// Start the slate beside the encoder.
    pub start_slate: bool,
    /// Start an encoder for this better source beside the running one.
    pub start_candidate: Option<usize>,
    /// The candidate is the encoder from now on; the one before is to end.
    pub take_over: bool,
    /// Nothing is shown: list a gap, unless something is about to come.
    pub gap: bool,
    /// Ask this source whether it is there, and answer with [`SessionEvent::Probed`].
    pub probe: Option<usize>,
}

/// Why the timer is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimerReason {
    /// The source must deliver by then.
    StartTimeout,
    /// The pause before the next attempt is over then.
    Retry,
    /// The last known viewer's deadline.
    ViewerDeadline,
    /// The channel is ready and nobody came.
    NobodyCame,
    /// The grace period after the last viewer.
    Grace,
    /// The encoder has delivered no new media for too long.
    Stall,
    /// A failed session has rested: it is tried again if somebody watches or an operator holds it.
    Rest,
    /// A failed session that nobody asks for is forgotten.
    ForgetFailure,
    /// Nothing has been delivered for so long that the slate is shown.
    Slate,
    /// Nothing has been shown for so long that a gap is listed.
    Gap,
    /// The slate must have something to show by then.
    SlateTimeout,
    /// A better source is asked whether it is back.
    Probe,
    /// The candidate must deliver by then.
    CandidateTimeout,
}

/// An event that makes no sense in a phase: a bug of the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} is refused in phase {phase:?}")]
pub struct RefusedTransition {
    /// Where.
    pub phase: Phase,
    /// What.
    pub event: SessionEvent,
}

/// When the slate is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlatePatience {
    /// So long after the first viewer came; `None` waits until every source has been tried.
    pub after_start: Option<Duration>,
    /// So long after the last new media of a channel that played.
    pub after_media: Duration,
}

/// When gaps are listed in place of media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GapPatience {
    /// So long after the last media that viewers could see.
    pub after: Duration,
    /// One more each time that this has passed: what a gap lasts.
    pub every: Duration,
    /// So many in a row at the most: a stream that is dead is an error, not an endless gap.
    pub most: u32,
}

/// The durations that a session obeys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// A source must deliver within this.
    pub start_timeout: Duration,
    /// A channel that nobody watches lives for this.
    pub grace_period: Duration,
    /// An encoder that delivers nothing new for this is lost.
    pub stall: Duration,
    /// How many sources there are to try, the slate not counted; at least one.
    pub sources: usize,
    /// Sources that have a time of their own to deliver in, by position.
    pub timeouts: Vec<Option<Duration>>,
    /// For how long a better source must answer before it is taken back.
    pub hold_down: Duration,
    /// There is a slate.
    pub slate: Option<SlatePatience>,
    /// Gaps are listed while there is nothing else to show.
    pub gap: Option<GapPatience>,
}

// === impl SessionEvent ===

impl SessionEvent {
    /// Whether it is news of the encoder that runs, and nothing if none does.
    pub(super) fn is_about_an_encoder(&self) -> bool {
        matches!(
            self,
            Self::Delivered | Self::Progress | Self::EncoderLost(_) | Self::SourceRefused(_)
        )
    }
}

// === impl Patience ===

impl Patience {
    /// How long a source may take to deliver. One that others stand behind gets a half: who waits must not wait for
    /// all of it before the next one has its turn.
    pub(super) fn budget(&self, source: usize) -> Duration {
        let own = self.timeouts.get(source).copied().flatten();
        let share = if source + 1 < self.sources {
            self.start_timeout / 2
        } else {
            self.start_timeout
        };
        own.unwrap_or(share)
    }
}

// === impl TimerReason ===

impl TimerReason {
    /// The last word on a session that is stopped by this timer.
    pub(super) fn farewell(self) -> &'static str {
        match self {
            Self::NobodyCame => "it was ready and nobody came",
            _ => "the last viewer left and the grace period has passed",
        }
    }
}

// === impl Phase ===

impl Phase {
    /// As the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Starting => "starting",
            Self::Active => "active",
            Self::Stopping => "stopping",
            Self::Failed => "failed",
        }
    }
}
