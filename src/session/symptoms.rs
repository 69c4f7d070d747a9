//! Sources that deliver and are of no use: black, frozen or silent for longer than their channel allows.
//!
//! What is looked at is what viewers see: time counts from when a source went on air, and anew for every encoder. A
//! source is only left for something that may be better:
//!
//! * With a slate behind it, or another source that has not shown a symptom in the last [`FORGOTTEN`], it is lost.
//! * When all of them have, the first of the row is the best that there is, and plays whatever it shows.
//!
//! A source that was left is a *suspect*. Where viewers have something else to look at meanwhile (the slate, or the
//! source that a better one is to replace), a suspect is on trial: what it makes is looked at before it is shown.

use std::time::{Duration, Instant};

use super::actor::Actor;
use super::slot::{Place, Role};
use super::sources;
use crate::config::LostWhen;
use crate::encoder::Symptom;

/// After this a source that showed a symptom is worth another look.
const FORGOTTEN: Duration = Duration::from_secs(300);

/// A suspect that shows nothing for this long on air is none any more.
const ACQUITTED: Duration = Duration::from_secs(5);

/// How long a suspect is looked at. Detectors need half a second.
const TRIAL: Duration = Duration::from_secs(1);

/// Heartbeats come twice a second. When none came for this long the machine was busy or asleep, and what the media
/// was like meanwhile is not known.
const BLINK: Duration = Duration::from_secs(3);

/// What the detectors of one encoder have found.
#[derive(Debug, Default)]
pub(super) struct Symptoms {
    /// Since when each of [`Symptom::ALL`] is there.
    since: [Option<Instant>; Symptom::ALL.len()],
    /// Since when viewers see the encoder, or else it is on trial.
    began: Option<Instant>,
    looked: Option<Instant>,
}

/// The sources that have shown a symptom, by position, and when last.
#[derive(Debug, Default)]
pub(super) struct Suspects(Vec<(usize, Instant)>);

/// What becomes of an encoder that has something to show.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trial {
    /// It is shown.
    Passed,
    /// It has to wait.
    Runs,
    /// It is of no use, for this reason.
    Failed(String),
}

// === impl Symptoms ===

impl Symptoms {
    /// A detector has spoken.
    pub(super) fn note(&mut self, now: Instant, symptom: Symptom, present: bool) {
        let since = now.checked_sub(symptom.told_after()).unwrap_or(now);
        self.since[symptom.index()] = present.then(|| self.began.map_or(since, |b| since.max(b)));
    }

    /// Viewers see it from now on: what they have not seen does not count.
    pub(super) fn go_on_air(&mut self, now: Instant) {
        self.began = Some(now);
        self.looked = Some(now);
        for since in self.since.iter_mut().flatten() {
            *since = now;
        }
    }

    /// Says what is wrong when it has been wrong for long enough.
    fn look(&mut self, now: Instant, limits: &LostWhen) -> Option<String> {
        let blind = now.saturating_duration_since(self.looked.replace(now).unwrap_or(now));
        if blind >= BLINK {
            for since in self.since.iter_mut().flatten() {
                *since = (*since + blind).min(now);
            }
        }
        let limits = [limits.black, limits.frozen, limits.silent];
        let mut all = Symptom::ALL.into_iter().zip(self.since).zip(limits);
        all.find_map(|((symptom, since), limit)| {
            let (since, limit) = (since?, limit?);
            let has_lasted = now.saturating_duration_since(since) >= limit;
            has_lasted.then(|| complaint(symptom, limit))
        })
    }

    fn is_healthy(&self, now: Instant) -> bool {
        let lasts = |began: Instant| now.saturating_duration_since(began) >= ACQUITTED;
        self.first().is_none() && self.began.is_some_and(lasts)
    }

    fn try_out(&mut self, now: Instant) -> Trial {
        let began = *self.began.get_or_insert(now);
        if now.saturating_duration_since(began) < TRIAL {
            return Trial::Runs;
        }
        match self.first() {
            Some(symptom) => Trial::Failed(still(symptom).into()),
            None => Trial::Passed,
        }
    }

    fn first(&self) -> Option<Symptom> {
        let mut all = Symptom::ALL.into_iter();
        all.find(|symptom| self.since[symptom.index()].is_some())
    }
}

fn complaint(symptom: Symptom, limit: Duration) -> String {
    let what = match symptom {
        Symptom::Black => "the source's picture has been black",
        Symptom::Frozen => "the source's picture has not moved",
        Symptom::Silent => "the source has been silent",
    };
    format!("{what} for {} s", limit.as_secs_f64())
}

fn still(symptom: Symptom) -> &'static str {
    match symptom {
        Symptom::Black => "the source's picture is still black",
        Symptom::Frozen => "the source's picture still does not move",
        Symptom::Silent => "the source is still silent",
    }
}

// === impl Suspects ===

impl Suspects {
    /// Positions mean other sources from now on.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// This one is none any more.
    pub(super) fn forget(&mut self, source: usize) {
        self.0.retain(|(suspect, _)| *suspect != source);
    }

    fn accuse(&mut self, now: Instant, source: usize) {
        self.forget(source);
        self.0.push((source, now));
    }

    fn contains(&self, source: usize) -> bool {
        self.0.iter().any(|(suspect, _)| *suspect == source)
    }

    /// Whether there is something that may be better than this one, of so many.
    fn leave_hope_beside(&self, now: Instant, source: usize, sources: usize) -> bool {
        let is_fresh = |at: Instant| now.saturating_duration_since(at) < FORGOTTEN;
        let accused = |other| {
            let mut suspects = self.0.iter();
            suspects.any(|(suspect, at)| *suspect == other && is_fresh(*at))
        };
        // All are alike: on to the first one, which is the best.
        source != 0 || (0..sources).any(|other| other != source && !accused(other))
    }
}

// === impl Actor ===

impl Actor {
    /// Looks at what viewers see; says why it is of no use to them, if that is so.
    pub(super) fn look_for_symptoms(&mut self, now: Instant) -> Option<String> {
        if self.main.role != Role::Source {
            return None;
        }
        let source = self.state.source();
        if self.main.symptoms.is_healthy(now) {
            self.suspects.forget(source);
        }
        // The times in force: they may have changed while it ran.
        let why = self.main.symptoms.look(now, &self.planned.lost_when)?;
        self.suspects.accuse(now, source);
        let sources = sources::count(&self.planned);
        let is_better_elsewhere =
            self.state.has_slate() || self.suspects.leave_hope_beside(now, source, sources);
        is_better_elsewhere.then_some(why)
    }

    /// An encoder has something to show in every rendition.
    pub(super) fn try_out(&mut self, place: Place) -> Trial {
        let now = Instant::now();
        let tried = match self.slot(place).role {
            Role::Slate => None,
            Role::Source => Some(self.state.source()).filter(|_| self.state.has_slate()),
            Role::Candidate(source) => Some(source),
        };
        let Some(source) = tried.filter(|source| self.suspects.contains(*source)) else {
            return Trial::Passed;
        };
        // What it makes meanwhile is kept, so it is shown without a gap: a second behind the clock at the most.
        let outcome = self.slot(place).symptoms.try_out(now);
        if matches!(outcome, Trial::Failed(_)) {
            self.suspects.accuse(now, source);
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits() -> LostWhen {
        LostWhen {
            black: Some(10 * SECOND),
            frozen: None,
            silent: Some(30 * SECOND),
        }
    }

    /// What is said at the end of so many half seconds, and at none before.
    fn look_until(
        symptoms: &mut Symptoms,
        start: Instant,
        halves: std::ops::RangeInclusive<u32>,
    ) -> Option<String> {
        let last = *halves.end();
        for half in halves {
            let said = symptoms.look(start + half * SECOND / 2, &limits());
            if half == last {
                return said;
            }
            assert_eq!(said, None, "after {half} half seconds");
        }
        None
    }

    fn on_air(now: Instant) -> Symptoms {
        let mut symptoms = Symptoms::default();
        symptoms.go_on_air(now);
        symptoms
    }

    #[test]
    fn black_for_its_time_is_lost_and_a_picture_in_between_is_not() {
        let start = Instant::now();
        let mut symptoms = on_air(start);
        symptoms.note(start, Symptom::Black, true);
        assert_eq!(look_until(&mut symptoms, start, 0..=19), None);
        symptoms.note(start + 19 * SECOND / 2, Symptom::Black, false);
        symptoms.note(start + 19 * SECOND / 2, Symptom::Black, true);
        let why = look_until(&mut symptoms, start, 20..=39).expect("black for 10 s");
        assert_eq!(why, "the source's picture has been black for 10 s");
    }

    #[test]
    fn what_a_detector_needs_to_be_sure_counts_but_not_what_nobody_saw() {
        let start = Instant::now();
        let mut symptoms = on_air(start);
        symptoms.note(start + 2 * SECOND, Symptom::Silent, true);
        let why = look_until(&mut symptoms, start, 4..=63).expect("silent for 30 s");
        assert_eq!(why, "the source has been silent for 30 s");

        let mut early = Symptoms::default();
        early.note(start, Symptom::Black, true);
        early.go_on_air(start + 8 * SECOND);
        assert_eq!(look_until(&mut early, start, 16..=35), None);
        assert!(early.look(start + 18 * SECOND, &limits()).is_some());
    }

    #[test]
    fn what_has_no_limit_is_not_looked_at() {
        let start = Instant::now();
        let mut symptoms = on_air(start);
        symptoms.note(start, Symptom::Frozen, true);
        assert_eq!(look_until(&mut symptoms, start, 0..=200), None);
    }

    #[test]
    fn time_in_which_nobody_could_look_does_not_count() {
        let start = Instant::now();
        let mut symptoms = on_air(start);
        symptoms.note(start, Symptom::Black, true);
        assert_eq!(look_until(&mut symptoms, start, 0..=10), None);
        // The machine slept from the 5th second to the 65th.
        assert_eq!(look_until(&mut symptoms, start, 130..=139), None);
        assert!(symptoms.look(start + 70 * SECOND, &limits()).is_some());
    }

    #[test]
    fn a_trial_takes_a_second_and_ends_with_what_is_there_then() {
        let start = Instant::now();
        let mut bad = Symptoms::default();
        assert_eq!(bad.try_out(start), Trial::Runs);
        bad.note(start + SECOND / 2, Symptom::Frozen, true);
        assert_eq!(bad.try_out(start + SECOND / 2), Trial::Runs);
        let Trial::Failed(why) = bad.try_out(start + SECOND) else {
            panic!("a frozen picture");
        };
        assert_eq!(why, "the source's picture still does not move");
        let mut good = Symptoms::default();
        good.note(start, Symptom::Black, true);
        assert_eq!(good.try_out(start), Trial::Runs);
        good.note(start + SECOND / 2, Symptom::Black, false);
        assert_eq!(good.try_out(start + SECOND), Trial::Passed);
    }

    #[test]
    fn a_source_is_left_only_for_what_may_be_better() {
        let now = Instant::now();
        let mut suspects = Suspects::default();
        assert!(!suspects.leave_hope_beside(now, 0, 1), "the only one");
        assert!(suspects.leave_hope_beside(now, 0, 3));
        suspects.accuse(now, 0);
        suspects.accuse(now, 1);
        assert!(suspects.leave_hope_beside(now, 1, 3), "the third is left");
        suspects.accuse(now, 2);
        assert!(suspects.leave_hope_beside(now, 2, 3), "on to the first");
        assert!(!suspects.leave_hope_beside(now, 0, 3), "and no further");
        let later = now + FORGOTTEN;
        assert!(suspects.leave_hope_beside(later, 0, 3), "another look");
        suspects.accuse(later, 1);
        suspects.accuse(later, 2);
        assert!(!suspects.leave_hope_beside(later, 0, 3));
        suspects.forget(2);
        assert!(suspects.leave_hope_beside(later, 0, 3), "the third is well");
    }

    #[test]
    fn a_suspect_that_is_well_on_air_for_a_while_is_none_any_more() {
        let start = Instant::now();
        let mut symptoms = on_air(start);
        assert!(!symptoms.is_healthy(start + 4 * SECOND));
        assert!(symptoms.is_healthy(start + 5 * SECOND));
        symptoms.note(start + 5 * SECOND, Symptom::Black, true);
        assert!(!symptoms.is_healthy(start + 9 * SECOND));
    }
}
