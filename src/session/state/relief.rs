//! What stands beside the encoder: the slate while no source delivers, and the way back to a better source.
//!
//! The slate is no source in the row: it is shown for as long as the encoder delivers nothing, so it is always left
//! again. A better source is asked again and again while a worse one plays; when it has answered for the hold-down
//! time its encoder starts beside the running one and takes over with its first media, so that players lose nothing.

use std::time::{Duration, Instant};

use super::{Effects, Phase, SessionState, TimerReason};

/// How often a better source is asked whether it is back.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// A source that was taken back and lost again within this time has to answer for twice as long the next time.
const TRIAL: Duration = Duration::from_secs(60);

/// How many times its hold-down a flapping source must answer at the most.
const MAX_HOLDS: u32 = 16;

/// A slate that ended is started again after this, …
const SLATE_PAUSE: Duration = Duration::from_secs(1);

/// … and not at all after so many ends in a row.
const SLATE_ATTEMPTS: u32 = 3;

/// The slate's part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slate {
    Off,
    /// It must have something to show by then.
    Starting(Instant),
    Shown,
}

/// What is known of a source that is not in use.
#[derive(Debug, Clone, Copy)]
struct Health {
    /// It has answered every question since then.
    answers_since: Option<Instant>,
    /// How many hold-down times it must answer.
    holds: u32,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Relief {
    slate: Slate,
    slate_not_before: Option<Instant>,
    slate_failures: u32,
    health: Vec<Health>,
    /// When the next question is due.
    probe_at: Option<Instant>,
    /// A question is out. One at a time, whatever happens to the encoder meanwhile.
    asks: bool,
    next_probe: usize,
    /// A better source whose encoder starts, and by when it must deliver.
    candidate: Option<(usize, Instant)>,
    /// The encoder in use came by a candidate, then.
    returned_at: Option<Instant>,
}

// === impl Relief ===

impl Relief {
    pub(super) fn new(sources: usize) -> Self {
        let unknown = Health {
            answers_since: None,
            holds: 1,
        };
        Self {
            slate: Slate::Off,
            slate_not_before: None,
            slate_failures: 0,
            health: vec![unknown; sources.max(1)],
            probe_at: None,
            asks: false,
            next_probe: 0,
            candidate: None,
            returned_at: None,
        }
    }

    /// Nothing stands beside any more; `true` if something did.
    pub(super) fn dismiss(&mut self) -> bool {
        let was = self.slate != Slate::Off || self.candidate.is_some();
        self.slate = Slate::Off;
        self.candidate = None;
        self.probe_at = None;
        was
    }

    /// A new run: the slate has all its attempts again.
    pub(super) fn begin(&mut self) {
        self.slate_failures = 0;
        self.slate_not_before = None;
        self.returned_at = None;
    }

    /// The slate is seen by viewers.
    pub(super) fn shows_slate(&self) -> bool {
        self.slate == Slate::Shown
    }

    fn is_useful(&self) -> bool {
        self.slate_failures < SLATE_ATTEMPTS
    }
}

// === impl SessionState ===

impl SessionState {
    /// There is a slate, and it can be shown.
    pub fn has_slate(&self) -> bool {
        self.patience.slate.is_some() && self.relief.is_useful()
    }

    /// Viewers see the slate.
    pub fn shows_slate(&self) -> bool {
        self.relief.shows_slate()
    }

    pub(super) fn slate_timer(&self) -> Option<(Instant, TimerReason)> {
        let patience = self.patience.slate.filter(|_| self.relief.is_useful())?;
        match self.relief.slate {
            Slate::Starting(deadline) => return Some((deadline, TimerReason::SlateTimeout)),
            Slate::Off if !self.delivers => {}
            Slate::Off | Slate::Shown => return None,
        }
        let at = match self.phase {
            Phase::Starting => self.since + patience.after_start?,
            _ => self.seen_media + patience.after_media,
        };
        let at = self.relief.slate_not_before.map_or(at, |not| at.max(not));
        Some((at, TimerReason::Slate))
    }

    pub(super) fn probe_timer(&self) -> Option<(Instant, TimerReason)> {
        let is_free = !self.relief.asks && self.relief.candidate.is_none();
        let is_wanted = self.delivers && self.source() > 0 && is_free;
        let at = self.relief.probe_at.filter(|_| is_wanted)?;
        Some((at, TimerReason::Probe))
    }

    pub(super) fn candidate_timer(&self) -> Option<(Instant, TimerReason)> {
        let (_, deadline) = self.relief.candidate?;
        Some((deadline, TimerReason::CandidateTimeout))
    }

    pub(super) fn show_slate(&mut self, now: Instant) -> Effects {
        if self.relief.slate != Slate::Off {
            return Effects::default();
        }
        self.relief.slate = Slate::Starting(now + self.patience.start_timeout);
        Effects {
            start_slate: true,
            ..Effects::default()
        }
    }

    /// The slate shows words that have changed.
    pub(super) fn draw_slate_again(&mut self, now: Instant) -> Effects {
        if self.relief.slate == Slate::Off {
            return Effects::default();
        }
        self.relief.slate = Slate::Off;
        self.gaps.end(now);
        Effects {
            stop_standby: true,
            ..self.show_slate(now)
        }
    }

    /// The slate has something to show, and no source has.
    pub(super) fn slate_delivered(&mut self, now: Instant) -> Effects {
        if !matches!(self.relief.slate, Slate::Starting(_)) {
            return Effects::default();
        }
        self.relief.slate = Slate::Shown;
        self.gaps.end(now);
        self.relief.slate_failures = 0;
        let was_starting = self.phase == Phase::Starting;
        self.reason = match &self.last_error {
            Some(error) => format!("the slate is shown: {error}"),
            None => "the slate is shown: the source has not delivered yet".into(),
        };
        if !was_starting {
            return Effects::default();
        }
        // From here on players play; the source has as much time as before.
        self.phase = Phase::Active;
        self.since = now;
        self.last_media = self
            .deadline
            .checked_sub(self.patience.stall)
            .unwrap_or(now);
        self.recovering = true;
        self.unwatched = Some((now, TimerReason::NobodyCame));
        Effects {
            inspect_presence: true,
            ..Effects::default()
        }
    }

    pub(super) fn slate_lost(&mut self, now: Instant, why: String) -> Effects {
        if self.relief.slate == Slate::Off {
            return Effects::default();
        }
        if self.shows_slate() {
            self.gaps.end(now);
        }
        self.relief.slate = Slate::Off;
        self.relief.slate_failures += 1;
        self.relief.slate_not_before = Some(now + SLATE_PAUSE);
        self.error_count += 1;
        self.last_error = Some(format!("the slate: {why}"));
        Effects {
            stop_standby: true,
            ..Effects::default()
        }
    }

    /// A source delivers: nobody needs the slate, and a better source may be looked for.
    pub(super) fn relieved(&mut self, now: Instant) -> Effects {
        self.delivers = true;
        self.seen_media = now;
        self.gaps.end(now);
        let stop_standby = self.relief.dismiss();
        self.ask_later(now);
        Effects {
            stop_standby,
            ..Effects::default()
        }
    }

    /// The source in use is lost: its past counts against it, and what was to replace it has to wait.
    pub(super) fn count_against(&mut self, now: Instant, source: usize) -> bool {
        self.delivers = false;
        let health = &mut self.relief.health[source];
        health.answers_since = None;
        match self.relief.returned_at.take() {
            Some(at) if now.duration_since(at) < TRIAL => {
                health.holds = (health.holds * 2).min(MAX_HOLDS);
            }
            Some(_) => health.holds = 1,
            None => {}
        }
        self.relief.candidate.take().is_some()
    }

    fn ask_later(&mut self, now: Instant) {
        self.relief.probe_at = Some(now + self.jitter.shorten(PROBE_EVERY));
    }

    /// It is time to ask a better source.
    pub(super) fn probe(&mut self) -> Effects {
        let source = self.relief.next_probe % self.source().max(1);
        self.relief.next_probe = source + 1;
        self.relief.probe_at = None;
        self.relief.asks = true;
        Effects {
            probe: Some(source),
            ..Effects::default()
        }
    }

    /// A question is answered that nobody needs answered any more.
    pub(super) fn answered_late(&mut self) -> Effects {
        self.relief.asks = false;
        Effects::default()
    }

    pub(super) fn probed(&mut self, now: Instant, source: usize, answers: bool) -> Effects {
        self.relief.asks = false;
        self.ask_later(now);
        let (hold_down, budget) = (self.patience.hold_down, self.patience.budget(source));
        let is_better = source < self.source();
        let Some(health) = self.relief.health.get_mut(source) else {
            return Effects::default();
        };
        if !answers {
            health.answers_since = None;
            return Effects::default();
        }
        let since = *health.answers_since.get_or_insert(now);
        let is_due = now.duration_since(since) >= hold_down * health.holds;
        if !is_due || !is_better || !self.delivers || self.relief.candidate.is_some() {
            return Effects::default();
        }
        self.relief.candidate = Some((source, now + budget));
        Effects {
            start_candidate: Some(source),
            ..Effects::default()
        }
    }

    /// The better source that is asked next.
    pub fn asks_next(&self) -> usize {
        self.relief.next_probe % self.source().max(1)
    }

    /// The better source whose encoder starts.
    pub fn candidate(&self) -> Option<usize> {
        self.relief.candidate.map(|(source, _)| source)
    }

    /// How many hold-down times a source must answer.
    pub(super) fn holds(&self, source: usize) -> u32 {
        self.relief
            .health
            .get(source)
            .map_or(1, |health| health.holds)
    }

    /// Since when a source that is not in use has answered.
    pub fn answers_since(&self, source: usize) -> Option<Instant> {
        self.relief.health.get(source)?.answers_since
    }

    pub(super) fn candidate_delivered(&mut self, now: Instant) -> Effects {
        let Some((source, _)) = self.relief.candidate.take() else {
            return Effects::default();
        };
        self.blamed = source;
        self.last_media = now;
        self.seen_media = now;
        self.gaps.end(now);
        self.encoder_runs = true;
        self.reason = "a better source is back".into();
        self.relief.returned_at = Some(now);
        self.ask_later(now);
        Effects {
            take_over: true,
            ..Effects::default()
        }
    }

    pub(super) fn candidate_lost(&mut self, now: Instant, why: String) -> Effects {
        let Some((source, _)) = self.relief.candidate.take() else {
            return Effects::default();
        };
        let health = &mut self.relief.health[source];
        health.answers_since = None;
        health.holds = (health.holds * 2).min(MAX_HOLDS);
        self.ask_later(now);
        self.error_count += 1;
        self.last_error = Some(format!("a better source could not take over: {why}"));
        Effects {
            stop_standby: true,
            ..Effects::default()
        }
    }
}
