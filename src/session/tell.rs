//! What the actor tells the world: each change as an event, in the order in which things happened.
//!
//! Texts come here masked: reasons quote what [`crate::encoder`] has scrubbed, sources are named by their labels.

use std::collections::BTreeSet;
use std::time::Instant;

use tracing::{debug, info, warn};
use uuid::Uuid;

use super::actor::Actor;
use super::facts::Facts;
use super::map::Shared;
use super::past::{Entry, Kind};
use super::run::wall_clock;
use super::state::Phase;
use crate::base::ChannelId;
use crate::events::EventKind;

/// Problems that are told apart while the slate is shown.
const MAX_PROBLEMS: usize = 32;

/// What has been told of encoders.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The processes that were said to have started and not yet to have ended.
    running: Vec<u32>,
    /// The source that viewers see.
    source: Option<String>,
    /// What went wrong since the slate is shown.
    problems: BTreeSet<String>,
    outage: Option<Outage>,
}

/// What people were told last.
pub(super) struct Before {
    pub(super) phase: Phase,
    pub(super) error_count: u64,
    pub(super) reason: String,
    /// The source, by its position in the configuration, whose fault it is if a failure comes of it.
    pub(super) suspect: Option<usize>,
}

/// From the loss of a source until one delivers again.
#[derive(Debug)]
struct Outage {
    since: Instant,
    losses: u32,
    /// What went wrong last, without its figures.
    last: String,
}

/// How a loss is logged.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Loudness {
    /// The first one.
    Warning,
    /// Another problem in the same outage, in which this is the loss of that number.
    News(u32),
    /// The same problem again.
    Again(u32),
}

// === impl Told ===

impl Told {
    /// While the slate is shown every source is tried again and again: what was told once need not be told each time.
    pub(super) fn is_old_news(&mut self, shows_slate: bool, problem: &str) -> bool {
        if !shows_slate || self.problems.len() >= MAX_PROBLEMS {
            self.problems.clear();
        }
        !self.problems.insert(problem.to_owned()) && shows_slate
    }

    /// Something was lost; `delivers` is whether viewers have a source all the same.
    pub(super) fn lost(&mut self, now: Instant, delivers: bool, problem: &str) -> Loudness {
        if delivers {
            return Loudness::Warning;
        }
        let problem: String = problem.chars().filter(|c| !c.is_ascii_digit()).collect();
        let Some(outage) = &mut self.outage else {
            self.outage = Some(Outage {
                since: now,
                losses: 1,
                last: problem,
            });
            return Loudness::Warning;
        };
        outage.losses += 1;
        match std::mem::replace(&mut outage.last, problem) == outage.last {
            true => Loudness::Again(outage.losses),
            false => Loudness::News(outage.losses),
        }
    }

    /// A source delivers: how many attempts that took, and how long, if one was lost before.
    pub(super) fn recovered(&mut self, now: Instant) -> Option<String> {
        let outage = self.outage.take()?;
        let tries = match outage.losses {
            1 => "1 try".into(),
            losses => format!("{losses} tries"),
        };
        let took = now.saturating_duration_since(outage.since).as_secs_f64();
        Some(format!("a source delivers after {tries}, {took:.1} s"))
    }

    /// Nobody waits for a source any more.
    pub(super) fn end(&mut self) {
        self.outage = None;
    }

    /// Sources are tried again and again, and the log has said so.
    pub(super) fn is_quiet(&self) -> bool {
        self.outage.as_ref().is_some_and(|outage| outage.losses > 1)
    }
}

// === impl Loudness ===

impl Loudness {
    pub(super) fn log(self, channel: &ChannelId, source: &str, problem: &str) {
        match self {
            Self::Warning => warn!(%channel, source, "{problem}"),
            Self::News(losses) => info!(%channel, source, losses, "{problem}"),
            Self::Again(losses) => debug!(%channel, source, losses, "{problem}"),
        }
    }
}

// === impl Shared ===

impl Shared {
    /// Something happened in a session. Never waits.
    pub(super) fn tell(&self, channel: &ChannelId, session: Uuid, kind: EventKind) {
        let channel = Some(channel.clone());
        self.events.emit(wall_clock(), channel, Some(session), kind);
    }

    /// The source that was to deliver does not.
    pub(super) fn tell_lost(
        &self,
        channel: &ChannelId,
        facts: &Facts,
        source: String,
        reason: &str,
    ) {
        let reason = reason.to_owned();
        let kind = EventKind::SourceLost { source, reason };
        self.tell(channel, facts.id, kind);
    }

    /// A session is in another state; nothing if it is the same one.
    pub(super) fn tell_state(
        &self,
        channel: &ChannelId,
        session: Uuid,
        (from, to): (Phase, Phase),
        reason: &str,
    ) {
        if from != to {
            let (from, to, reason) = (from.as_str(), to.as_str(), reason.to_owned());
            let kind = EventKind::SessionState { from, to, reason };
            self.tell(channel, session, kind);
        }
    }
}

// === impl Actor ===

impl Actor {
    /// Leaves for operators what has changed.
    pub(super) fn tell(&mut self, now: Instant, told: &Before) {
        let (phase, reason) = (self.state.phase(), self.state.reason());
        let session = self.session.clone();
        let mut facts = session.facts.lock();
        if phase == Phase::Starting && told.phase != Phase::Starting {
            self.started_for = self.asked_at.take().unwrap_or(now);
            match told.phase {
                Phase::Failed => facts.first_part = None,
                _ => facts.begin(now),
            }
        }
        if self.state.delivers()
            && let Some(over) = self.told.recovered(now)
        {
            info!(channel = %session.id, source = facts.source, "{over}");
        }
        facts.error_count = self.state.error_count();
        facts.last_error = self.state.last_error().map(str::to_owned);
        if self.state.error_count() > told.error_count {
            let problem = self.state.last_error().unwrap_or_default();
            let source = facts.blame(now, told.suspect, &self.planned, problem);
            let loudness = self.told.lost(now, self.state.delivers(), problem);
            loudness.log(&session.id, &source, problem);
            if self.told.is_old_news(self.state.shows_slate(), problem) {
                return;
            }
            self.shared.tell_lost(&session.id, &facts, source, problem);
        } else if told.phase == phase && told.reason == reason {
            return;
        }
        facts.phase = phase;
        facts.reason = reason.into();
        let what = format!("{}: {reason}", phase.as_str());
        facts.past.note(Entry::new(now, Kind::State, what));
        if phase == Phase::Idle {
            facts.renditions = Vec::new();
            self.told.end();
        }
        match phase == told.phase && self.told.is_quiet() {
            true => debug!(channel = %session.id, state = phase.as_str(), "{reason}"),
            false => info!(channel = %session.id, state = phase.as_str(), "{reason}"),
        }
        let phases = (told.phase, phase);
        self.shared
            .tell_state(&session.id, facts.id, phases, reason);
    }

    pub(super) fn tell_event(&self, kind: EventKind) {
        let session = self.session.facts.lock().id;
        self.shared.tell(&self.session.id, session, kind);
    }

    /// An encoder was started.
    pub(super) fn tell_started(&mut self, pid: u32, source: &str) {
        self.told.running.push(pid);
        let source = source.to_owned();
        self.tell_event(EventKind::EncoderStarted { pid, source });
    }

    /// Viewers see this source from now on, maybe another one than before.
    pub(super) fn tell_on_air(&mut self, source: &str) {
        let before = self.told.source.replace(source.to_owned());
        if let Some(from) = before.filter(|before| before != source) {
            let note = format!("viewers see {source} instead of {from}");
            let entry = Entry::new(Instant::now(), Kind::SourceSwitched, note).of_source(source);
            let mut facts = self.session.facts.lock();
            facts.past.note(entry);
            facts.past.counts.source_switches += 1;
            drop(facts);
            self.tell_event(EventKind::SourceSwitched {
                from,
                to: source.to_owned(),
                reason: self.state.reason().to_owned(),
            });
        }
    }

    /// An encoder that was told of ended; once, and not for one that nobody has heard of.
    pub(super) fn tell_ended(&mut self, pid: u32, was_told_to: bool, reason: &str) {
        let known = self.told.running.iter().position(|other| *other == pid);
        if let Some(known) = known {
            self.told.running.swap_remove(known);
            let reason = reason.trim_end_matches(": ");
            let reason = match was_told_to {
                true => format!("it was told to end: {reason}"),
                false => reason.to_owned(),
            };
            self.tell_event(EventKind::EncoderEnded { pid, reason });
        }
    }

    /// Somebody watches, or nobody does any more, and that was not told yet.
    pub(super) fn tell_viewers(&self) {
        match self.session.viewers.untold() {
            Some(true) => self.tell_event(EventKind::FirstViewer),
            Some(false) => self.tell_event(EventKind::LastViewer),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_outage_is_one_warning_and_one_line_at_its_end() {
        let (mut told, now) = (Told::default(), Instant::now());
        assert_eq!(told.recovered(now), None, "nothing was lost");
        let mut loudness = vec![told.lost(now, false, "ffmpeg 17 ended")];
        for second in 1..20 {
            assert_eq!(told.is_quiet(), second > 1);
            let at = now + SECOND * second;
            loudness.push(told.lost(at, false, &format!("it refused: {second}")));
        }
        assert_eq!(loudness[0], Loudness::Warning);
        assert_eq!(loudness[1], Loudness::News(2), "another problem");
        for (at, again) in loudness.iter().enumerate().skip(2) {
            assert_eq!(*again, Loudness::Again(at as u32 + 1));
        }
        let over = told.recovered(now + SECOND * 20).unwrap();
        assert_eq!(over, "a source delivers after 20 tries, 20.0 s");
        assert!(!told.is_quiet());
        assert_eq!(told.recovered(now + SECOND * 21), None, "once");
        let next = told.lost(now + SECOND * 30, false, "ffmpeg 18 ended");
        assert_eq!(next, Loudness::Warning, "another outage");
        told.end();
        assert_eq!(told.recovered(now + SECOND * 31), None, "it was stopped");
    }

    #[test]
    fn what_fails_beside_a_source_that_delivers_is_no_outage() {
        let (mut told, now) = (Told::default(), Instant::now());
        for _ in 0..3 {
            let said = told.lost(now, true, "a better source could not take over");
            assert_eq!(said, Loudness::Warning);
        }
        assert_eq!(told.recovered(now), None);
    }
}
