//! What the actor tells the world: each change as an event, in the order in which things happened.
//!
//! Texts come here masked: reasons quote what [`crate::encoder`] has scrubbed, sources are named by their labels.

use std::collections::BTreeSet;
use std::time::Instant;

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
