//! What the actor leaves about each source and about what comes next, and what a report makes of it.

use std::time::{Duration, Instant};

use super::actor::Actor;
use super::facts::{Facts, WallClock};
use super::handle::Session;
use super::past::{Cause, Counts, Entry, Kind};
use super::report::{CountsReport, HistoryEntry, NextReport, RestartsReport, SourceReport};
use super::slot::Role;
use super::state::{Phase, SessionEvent, TimerReason};
use crate::config::{ChannelSpec, SourceKind};

/// What is known of a source right now.
#[derive(Debug, Clone)]
pub(super) struct Known {
    role: &'static str,
    answers_since: Option<Instant>,
    hold_down: Duration,
    recent_losses: usize,
    rests_until: Option<Instant>,
}

/// What went wrong with a source last.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    at: Instant,
    what: String,
}

/// Something that is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Next {
    at: Instant,
    what: Await,
    /// The source that it is about, by its position in the configuration.
    source: Option<usize>,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Await {
    Timer(TimerReason),
    /// A source has answered for long enough then.
    HoldDown,
}

// === impl Actor ===

impl Actor {
    /// Leaves for operators what is known of the sources and what comes next.
    pub(super) fn leave_outlook(&self) {
        let now = Instant::now();
        let count = self.planned.sources.len();
        let sources = (0..count).map(|at| self.known(at, now)).collect();
        let next = self.awaited();
        let mut facts = self.session.facts.lock();
        facts.sources = sources;
        facts.next = next;
        facts.slate_shown = self.state.shows_slate() && self.standby.is_on_air();
        facts.on_air = match facts.slate_shown {
            true => Some("slate"),
            false => (self.state.delivers() && self.main.is_on_air()).then_some("source"),
        };
    }

    /// Remembers why the next encoder will be needed, if that is not for a reason that the encoder has given.
    pub(super) fn remember_cause(&self, now: Instant, event: &SessionEvent) {
        let cause = match event {
            SessionEvent::RestartAsked | SessionEvent::SourceChosen(_) => Cause::Operator,
            SessionEvent::Reconfigured { restart: true, .. }
            | SessionEvent::CardOutdated { beside: false } => Cause::Configuration,
            SessionEvent::SourceRefused(_) => Cause::Refused,
            SessionEvent::TimedOut => match self.due(now) {
                Some(TimerReason::Stall | TimerReason::StartTimeout) => Cause::Silent,
                _ => return,
            },
            _ => return,
        };
        self.session.facts.lock().cause = Some(cause);
    }

    /// Whose fault it is if this event is a failure, as a position in the configuration.
    pub(super) fn suspect(&self, event: &SessionEvent) -> Option<usize> {
        let candidate = || self.state.candidate().and_then(|at| self.position_at(at));
        match event {
            SessionEvent::SlateLost(_) => self.position_of(Role::Slate),
            SessionEvent::CandidateLost(_) => candidate(),
            SessionEvent::TimedOut => match self.state.poll_timeout() {
                Some((_, TimerReason::SlateTimeout)) => self.position_of(Role::Slate),
                Some((_, TimerReason::CandidateTimeout)) => candidate(),
                _ => self.position_of(Role::Source),
            },
            _ => self.position_of(Role::Source),
        }
    }

    fn due(&self, now: Instant) -> Option<TimerReason> {
        let timer = self.state.poll_timeout();
        timer.filter(|(at, _)| *at <= now).map(|(_, reason)| reason)
    }

    fn known(&self, position: usize, now: Instant) -> Known {
        let place = self.place_in_row(position);
        let (state, role) = (&self.state, self.role_of(position));
        let unused = place.filter(|_| matches!(role, "waiting" | "standby"));
        Known {
            role,
            answers_since: unused.and_then(|place| state.answers_since(place)),
            hold_down: place.map_or(Duration::ZERO, |place| state.hold_down_of(place)),
            recent_losses: place.map_or(0, |place| state.recent_losses(now, place)),
            rests_until: self.rests_until(place, now).filter(|_| role == "waiting"),
        }
    }

    /// When no source may be tried, the best of what is left is tried all the same.
    fn rests_until(&self, place: Option<usize>, now: Instant) -> Option<Instant> {
        let rest = |place| self.state.source_rests_until(now, place);
        let mut row = (0..self.planned.sources.len()).filter(|at| self.position_at(*at).is_some());
        let until = rest(place?)?;
        row.any(|other| rest(other).is_none()).then_some(until)
    }

    fn role_of(&self, position: usize) -> &'static str {
        for slot in [&self.main, &self.standby] {
            if slot.is_empty() || slot.dying || self.position_of(slot.role) != Some(position) {
                continue;
            }
            return match slot.role {
                _ if slot.is_on_air() => "on_air",
                Role::Candidate(_) => "standby",
                Role::Source | Role::Slate => "tried",
            };
        }
        "waiting"
    }

    fn awaited(&self) -> Vec<Next> {
        let timers = self.state.outlook().into_iter();
        let timers = timers.filter_map(|(at, reason)| self.awaited_timer(at, reason));
        let mut all: Vec<Next> = timers.chain(self.returns()).collect();
        all.sort_by_key(|next| next.at);
        all
    }

    fn awaited_timer(&self, at: Instant, reason: TimerReason) -> Option<Next> {
        let place = match reason {
            // They move with each part and each request: nothing that anybody waits for.
            TimerReason::Stall if self.state.delivers() => return None,
            TimerReason::ViewerDeadline => return None,
            TimerReason::Gap if self.state.delivers() => return None,
            TimerReason::Probe => Some(self.state.asks_next()),
            TimerReason::CandidateTimeout => self.state.candidate(),
            _ => Some(self.state.source()),
        };
        let source = match reason {
            TimerReason::Slate | TimerReason::SlateTimeout => self.position_of(Role::Slate),
            _ => place.and_then(|place| self.position_at(place)),
        };
        let what = Await::Timer(reason);
        Some(Next { at, what, source })
    }

    /// Better sources that answer, and when they have answered for long enough.
    fn returns(&self) -> impl Iterator<Item = Next> {
        let better = match self.state.phase() {
            Phase::Active if self.state.delivers() => self.state.source(),
            _ => 0,
        };
        (0..better).filter_map(|place| {
            let is_candidate = self.state.candidate() == Some(place);
            let since = self.state.answers_since(place).filter(|_| !is_candidate)?;
            Some(Next {
                at: since + self.state.hold_down_of(place),
                what: Await::HoldDown,
                source: self.position_at(place),
            })
        })
    }
}

// === impl Facts ===

impl Facts {
    /// A source has failed; returns its label.
    pub(super) fn blame(
        &mut self,
        at: Instant,
        source: Option<usize>,
        spec: &ChannelSpec,
        what: &str,
    ) -> String {
        let named = source.and_then(|at| Some((at, spec.sources.get(at)?.label())));
        let label = match named {
            Some((position, label)) => {
                self.troubles.resize(spec.sources.len(), None);
                let what = what.to_owned();
                self.troubles[position] = Some(Trouble { at, what });
                label
            }
            None => self.source.clone(),
        };
        let entry = Entry::new(at, Kind::SourceLost, what).of_source(&label);
        self.past.counts.source_losses += 1;
        self.past.note(entry);
        label
    }

    /// Nothing runs any more and nothing is waited for.
    pub(super) fn forget_outlook(&mut self) {
        self.sources.clear();
        self.next.clear();
        self.attempt = None;
        self.slate_shown = false;
        self.on_air = None;
    }
}

// === impl Session ===

impl Session {
    /// The configuration may be newer than what is known: then its sources just wait.
    pub(super) fn source_reports(&self, facts: &Facts, clock: &WallClock) -> Vec<SourceReport> {
        let spec = self.spec();
        let report = |(position, source): (usize, &crate::config::SourceSpec)| {
            let known = facts.sources.get(position);
            let trouble = facts.troubles.get(position).and_then(Option::as_ref);
            let hold_down = known.map_or(spec.hold_down, |known| known.hold_down);
            let rests_until = known.and_then(|known| known.rests_until);
            SourceReport {
                position,
                label: source.label(),
                kind: kind(&source.kind),
                role: known.map_or("waiting", |known| known.role),
                answers_since: known
                    .and_then(|known| known.answers_since)
                    .map(|at| clock.text(at)),
                hold_down: hold_down.as_secs_f64(),
                last_error: trouble.map(|trouble| trouble.what.clone()),
                last_error_at: trouble.map(|trouble| clock.text(trouble.at)),
                recent_losses: known.map_or(0, |known| known.recent_losses),
                rests_until: rests_until.map(|at| clock.text(at)),
            }
        };
        spec.sources.iter().enumerate().map(report).collect()
    }

    pub(super) fn next_reports(&self, facts: &Facts, clock: &WallClock) -> Vec<NextReport> {
        let spec = self.spec();
        let label = |position: usize| spec.sources.get(position).map(|source| source.label());
        let report = |next: &Next| {
            let label = next.source.and_then(label);
            NextReport {
                at: clock.text(next.at),
                reason: next.what.as_str(),
                what: next.what.words(label.as_deref().unwrap_or("the source")),
            }
        };
        facts.next.iter().map(report).collect()
    }
}

// === impl Await ===

impl Await {
    fn as_str(self) -> &'static str {
        match self {
            Self::Timer(reason) => reason.as_str(),
            Self::HoldDown => "hold_down",
        }
    }

    fn words(self, source: &str) -> String {
        let timer = match self {
            Self::HoldDown => return format!("{source} takes over if it answers until then"),
            Self::Timer(timer) => timer,
        };
        match timer {
            TimerReason::StartTimeout | TimerReason::Stall => {
                format!("{source} must have delivered, or it counts as lost")
            }
            TimerReason::Retry => format!("{source} is tried"),
            TimerReason::Rest => format!("{source} is tried again if anybody waits for it"),
            TimerReason::NobodyCame => "the channel stops if nobody has come".into(),
            TimerReason::Grace => "the channel stops if nobody has come back".into(),
            TimerReason::ViewerDeadline => "it is looked who watches".into(),
            TimerReason::ForgetFailure => "the failure is forgotten if nobody asks".into(),
            TimerReason::Slate => format!("{source} is shown if nothing has been delivered"),
            TimerReason::Gap => "a gap is listed if nothing has come".into(),
            TimerReason::SlateTimeout => format!("{source} must have something to show"),
            TimerReason::Probe => format!("{source} is asked whether it is back"),
            TimerReason::CandidateTimeout => format!("{source} must have delivered to take over"),
        }
    }
}

// === impl Counts ===

impl Counts {
    pub(super) fn report(&self) -> CountsReport {
        let restarts = self.restarts();
        CountsReport {
            source_switches: self.source_switches,
            source_losses: self.source_losses,
            slates_shown: self.slates_shown,
            restarts: restarts
                .map(|(cause, count)| RestartsReport { cause, count })
                .collect(),
        }
    }
}

// === impl Entry ===

impl Entry {
    pub(super) fn report(&self, clock: &WallClock) -> HistoryEntry {
        HistoryEntry {
            at: clock.text(self.at),
            kind: self.kind.as_str(),
            what: self.what.clone(),
            times: self.times,
            last_at: (self.times > 1).then(|| clock.text(self.last_at)),
            source: self.source.clone(),
            pid: self.pid,
            ran_for: self.ran_for.map(|ran_for| ran_for.as_secs_f64()),
            lines: self.lines.clone(),
        }
    }
}

fn kind(source: &SourceKind) -> &'static str {
    match source {
        SourceKind::TestCard => "testcard",
        SourceKind::Slate { .. } => "slate",
        SourceKind::File { .. } => "file",
        SourceKind::Live { .. } => "live",
    }
}
