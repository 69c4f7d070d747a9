//! A changed configuration, for sessions that run: what it costs each of them, and nothing for the others.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tracing::info;

use super::actor::Actor;
use super::handle::Session;
use super::map::SessionMap;
use super::past::{Entry, Kind};
use super::promise::{hold, target_duration};
use super::slot::{Place, Role};
use super::sources::patience;
use super::state::SessionEvent;
use super::status::Command;
use crate::config::{Change, ChannelSpec, Config, ConfigDiff};

/// Why a session ends whose channel is gone.
const REMOVED: &str = "the channel was removed from the configuration";

// === impl SessionMap ===

impl SessionMap {
    /// Puts a configuration in force: `diff` is the way to it from the one before. Waits for nothing.
    ///
    /// Channels that are not in `diff` do not notice.
    pub fn apply(&self, config: &Config, diff: &ConfigDiff) {
        self.set_limits(&config.server);
        // First what can be asked for, then who runs: nothing that is gone can be started in between.
        self.set_catalogue(config);
        for id in &diff.removed {
            if let Some(session) = self.session_of(id) {
                session.remove();
            }
        }
        let changed = diff.changed.iter().map(|(spec, _)| spec);
        for spec in diff.added.iter().chain(changed) {
            // One that was removed and is back still has its session, and with it its sequence numbers.
            if let Some(session) = self.session_of(&spec.id) {
                session.reconfigure(spec);
            }
        }
    }
}

// === impl Session ===

impl Session {
    /// The channel as the configuration in force has it.
    pub(super) fn spec(&self) -> Arc<ChannelSpec> {
        self.spec.load_full()
    }

    /// Puts another configuration of the same channel in force; returns the one before.
    pub(super) fn set_spec(&self, spec: Arc<ChannelSpec>) -> Arc<ChannelSpec> {
        self.viewers.set_hold(hold(&spec));
        let target = target_duration(&spec).as_secs();
        self.target_seconds.store(target, Ordering::Relaxed);
        self.spec.swap(spec)
    }

    /// The channel is gone: nobody gets in any more, and who waits is answered.
    fn remove(&self) {
        self.door.with(|inbox| {
            // At the door, so that no arrival can come behind the stop.
            self.removed.store(true, Ordering::SeqCst);
            if let Some(inbox) = inbox {
                let _ = inbox.send(Command::Stop(REMOVED));
            }
        });
    }

    fn reconfigure(&self, spec: &Arc<ChannelSpec>) {
        self.door.with(|inbox| {
            self.set_spec(spec.clone());
            self.removed.store(false, Ordering::SeqCst);
            if let Some(inbox) = inbox {
                let _ = inbox.send(Command::Reconfigure);
            }
        });
    }

    /// Whether the configuration in force does not have the channel any more.
    pub(super) fn is_removed(&self) -> bool {
        self.removed.load(Ordering::SeqCst)
    }
}

// === impl Actor ===

impl Actor {
    /// Nobody is to be let in again: the gateway stops, or the channel is gone.
    pub(super) fn is_closing(&self) -> bool {
        self.shared.is_draining() || self.session.is_removed()
    }

    /// What is planned from now on is what the configuration in force wants; says what that changes.
    pub(super) fn adopt(&mut self) -> Option<Change> {
        let wanted = self.session.spec();
        let change = Change::between(&self.planned, &wanted);
        self.outdated |= !is_same_timeline(&self.planned, &wanted);
        self.planned = wanted;
        change
    }

    /// Does no more than the difference asks for.
    pub(super) fn reconfigure(&mut self) {
        let before = self.planned.clone();
        let change = self.adopt();
        if let Some(change) = change {
            let what = format!("the configuration has changed: {}", change.as_str());
            info!(channel = %self.session.id, "{what}");
            let entry = Entry::new(Instant::now(), Kind::Configuration, what);
            self.session.facts.lock().past.note(entry);
        }
        if change == Some(Change::Restarted) {
            self.session.facts.lock().troubles.clear();
            self.probing = None; // What it would answer is about a position of the list before.
            self.suspects.clear();
        }
        let (patience, restart) = (
            Box::new(patience(&self.session)),
            change == Some(Change::Restarted),
        );
        self.dispatch(SessionEvent::Reconfigured { patience, restart });
        if !restart {
            self.draw_names_again(&before);
        }
    }

    /// A card shows the channel's name: where the words that are drawn are others now, it is drawn anew.
    fn draw_names_again(&mut self, before: &ChannelSpec) {
        for (place, beside) in [(Place::Main, false), (Place::Standby, true)] {
            let is_slate = self.slot(place).role == Role::Slate;
            let name = self.planned.name.clone();
            let slot = self.slot(place);
            let outdated = slot.plan.as_ref().is_some_and(|plan| {
                !slot.dying && plan.draws_name(&before.name) && !plan.draws_name(&name)
            });
            if outdated && beside == is_slate {
                self.dispatch(SessionEvent::CardOutdated { beside });
            }
        }
    }
}

/// Whether what was promised to players still holds: the same renditions, cut the same way.
fn is_same_timeline(old: &ChannelSpec, new: &ChannelSpec) -> bool {
    let promised = |spec: &ChannelSpec| (spec.segment_duration, spec.part_duration, spec.window);
    old.ladder == new.ladder && promised(old) == promised(new)
}
