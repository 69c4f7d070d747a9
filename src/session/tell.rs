//! What the actor tells the world: each change as an event, in the order in which things happened.
//!
//! Texts come here masked: reasons quote what [`crate::encoder`] has scrubbed, sources are named by their labels.

use uuid::Uuid;

use super::actor::Actor;
use super::map::Shared;
use super::run::wall_clock;
use super::state::Phase;
use crate::base::ChannelId;
use crate::events::EventKind;

/// What has been told of encoders.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The process that was said to have started and not yet to have ended.
    running: Option<u32>,
    /// The source of the newest encoder of this run.
    source: Option<String>,
}

// === impl Shared ===

impl Shared {
    /// Something happened in a session. Never waits.
    pub(super) fn tell(&self, channel: &ChannelId, session: Uuid, kind: EventKind) {
        let channel = Some(channel.clone());
        self.events.emit(wall_clock(), channel, Some(session), kind);
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
    fn tell_event(&self, kind: EventKind) {
        let session = self.session.facts.lock().id;
        self.shared.tell(&self.session.id, session, kind);
    }

    /// An encoder was started, maybe for another source than the one before.
    pub(super) fn tell_started(&mut self, pid: u32, source: &str) {
        self.told.running = Some(pid);
        let before = self.told.source.replace(source.to_owned());
        if let Some(from) = before.filter(|before| before != source) {
            self.tell_event(EventKind::SourceSwitched {
                from,
                to: source.to_owned(),
                reason: self.state.reason().to_owned(),
            });
        }
        let source = source.to_owned();
        self.tell_event(EventKind::EncoderStarted { pid, source });
    }

    /// The encoder that was told of ended; once, and not for one that nobody has heard of.
    pub(super) fn tell_ended(&mut self, reason: &str) {
        if let Some(pid) = self.told.running.take() {
            let reason = reason.to_owned();
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
