//! A channel's sources as its session sees them: those that are tried in a row, and the slate that is no part of it.

use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::BuildHasher as _;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::actor::Actor;
use super::handle::Session;
use super::past::{Entry, Kind};
use super::slot::Role;
use super::state::{GapPatience, Patience, Phase, SessionEvent, SessionState, SlatePatience};
use crate::config::{ChannelSpec, SourceKind, SourceSpec};
use crate::events::EventKind;

/// The most that a channel may go without new media.
const MAX_STALL: Duration = Duration::from_secs(5);

/// For how long it is remembered that not the first source was good: long enough for a channel that is zapped back
/// to, short enough that a day later the first one comes first.
const REMEMBERED: Duration = Duration::from_secs(600);

/// A source that is being asked, and whether it answers.
pub(super) type Probing = Pin<Box<dyn Future<Output = (usize, bool)> + Send>>;

/// The source that delivered last, by position, and when.
pub(super) type LastGood = Option<(usize, Instant)>;

/// The state of a session that begins now.
pub(super) fn state(session: &Arc<Session>, now: Instant) -> SessionState {
    let first = session
        .last_good
        .lock()
        .filter(|(_, at)| now.saturating_duration_since(*at) < REMEMBERED);
    let patience = patience(session);
    // Other than in the next gateway behind the same source, and in the run before.
    let seed = RandomState::new().hash_one(&session.id);
    SessionState::new(now, patience)
        .beginning_with(first.map_or(0, |(source, _)| source))
        .scattered(seed)
}

/// The sources that are tried, by their positions in the configuration: all but a slate behind others.
fn row(spec: &ChannelSpec) -> Vec<usize> {
    let is_slate = |source: &SourceSpec| matches!(source.kind, SourceKind::Slate { .. });
    let row: Vec<usize> = (0..spec.sources.len())
        .filter(|position| !is_slate(&spec.sources[*position]))
        .collect();
    if row.is_empty() { vec![0] } else { row }
}

/// The slate that stands behind other sources, by its position in the configuration.
fn slate(spec: &ChannelSpec) -> Option<usize> {
    let row = row(spec);
    (0..spec.sources.len())
        .rev()
        .find(|position| !row.contains(position))
}

/// How many sources are tried.
pub(super) fn count(spec: &ChannelSpec) -> usize {
    row(spec).len()
}

/// How long the session waits for what, as its configuration has it now.
pub(super) fn patience(session: &Session) -> Patience {
    let (spec, target_duration) = (session.spec(), session.target_duration());
    let row = row(&spec);
    let has_slate = slate(&spec).is_some();
    // With something else to show there is no reason to look at a picture that stands still.
    let stall = match has_slate || row.len() > 1 {
        true => target_duration + target_duration / 8,
        false => target_duration + Duration::from_secs(1),
    };
    Patience {
        start_timeout: spec.start_timeout,
        grace_period: spec.grace_period,
        stall: stall.min(MAX_STALL),
        sources: row.len(),
        timeouts: row
            .iter()
            .map(|position| spec.sources[*position].timeout)
            .collect(),
        hold_down: spec.hold_down,
        slate: has_slate.then(|| SlatePatience {
            after_start: spec.slate_after,
            // It takes half a second to appear, and one and a half is the most that players can wait.
            after_media: target_duration * 9 / 10,
        }),
        gap: Some(gap_patience(&spec, target_duration)),
    }
}

/// A playlist must have something new within one and a half target durations, and must not be gaps alone.
fn gap_patience(spec: &ChannelSpec, target_duration: Duration) -> GapPatience {
    let window = spec.window.as_secs_f64() / spec.segment_duration.as_secs_f64();
    GapPatience {
        after: target_duration * 7 / 5,
        every: spec.segment_duration,
        most: (window.ceil() as u32).max(1),
    }
}

// === impl Actor ===

impl Actor {
    /// What an encoder of this role reads.
    pub(super) fn source_of(&self, role: Role) -> Option<SourceSpec> {
        self.planned.sources.get(self.position_of(role)?).cloned()
    }

    /// The same as a position in the configuration.
    pub(super) fn position_of(&self, role: Role) -> Option<usize> {
        match role {
            Role::Source => self.position_at(self.state.source()),
            Role::Candidate(place) => self.position_at(place),
            Role::Slate => slate(&self.planned),
        }
    }

    /// The position in the configuration of a place in the row.
    pub(super) fn position_at(&self, place: usize) -> Option<usize> {
        row(&self.planned).get(place).copied()
    }

    fn source_at(&self, place: usize) -> Option<SourceSpec> {
        let position = self.position_at(place)?;
        self.planned.sources.get(position).cloned()
    }

    /// Which place in the row a source of the configuration has; `None` for the slate.
    pub(super) fn place_in_row(&self, position: usize) -> Option<usize> {
        row(&self.planned)
            .iter()
            .position(|other| *other == position)
    }

    /// What is remembered of a source may be wrong.
    pub(super) fn doubt(&self, position: usize, is_wrong: bool) {
        if let Some(source) = self.source_at(position) {
            self.shared.encoders.doubt(&source, is_wrong);
        }
    }

    /// Asks a source whether it is there, beside what runs.
    pub(super) fn probe(&mut self, position: usize) {
        let Some(source) = self.source_at(position) else {
            return;
        };
        let asked = self.shared.encoders.ask(source);
        self.probing = Some(Box::pin(async move { (position, asked.await) }));
    }

    pub(super) fn probed(&mut self, source: usize, answers: bool) {
        let knew = self.state.answers_since(source).is_some();
        let was_active = self.state.phase() == Phase::Active;
        self.dispatch(SessionEvent::Probed { source, answers });
        if was_active
            && answers
            && !knew
            && let Some(spec) = self.source_at(source)
        {
            let label = spec.label();
            let note = format!("{label} answers again");
            let entry = Entry::new(Instant::now(), Kind::SourceHealthy, note).of_source(&label);
            self.session.facts.lock().past.note(entry);
            self.tell_event(EventKind::SourceHealthy { source: label });
        }
    }

    /// Remembers for the next run which source was good.
    pub(super) fn remember_source(&self) {
        if self.state.delivers() {
            let good = (self.state.source(), Instant::now());
            *self.session.last_good.lock() = Some(good);
        }
    }
}
