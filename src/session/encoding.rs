//! What an actor does with its encoders: starts them, takes their media, shows one of them, ends them.
//!
//! Viewers see one encoder at a time, and a source has one encoder at a time. Beside it stands another one only while
//! the slate is shown or a better source takes over.

use std::time::{Duration, Instant};

use tracing::{debug, info};

use super::actor::Actor;
use super::facts::Born;
use super::launch::{LaunchError, Launched};
use super::past::{Cause, Entry, Kind};
use super::run::{Run, wall_clock};
use super::slot::{Media, News, Place, Role, Slot, Taken};
use super::state::{Heartbeat, Phase, SessionEvent};
use super::symptoms::Trial;
use crate::encoder::{Encoder, EncoderEvent, Progress};
use crate::hls::PackagerError;

/// How long ffmpeg has to end by itself after TERM. With its pipes drained it needs some 40 ms.
const TERM_PATIENCE: Duration = Duration::from_secs(2);

/// The same for one that was lost: the next one waits for its end.
const LOST_PATIENCE: Duration = Duration::from_millis(300);

// === impl Actor ===

impl Actor {
    pub(super) fn slot(&mut self, place: Place) -> &mut Slot {
        match place {
            Place::Main => &mut self.main,
            Place::Standby => &mut self.standby,
        }
    }

    pub(super) fn stop_encoder(&mut self) {
        let patience = match self.state.phase() {
            Phase::Stopping => TERM_PATIENCE,
            _ => LOST_PATIENCE,
        };
        self.main.stop(patience);
    }

    pub(super) fn stop_standby(&mut self) {
        self.standby.stop(LOST_PATIENCE);
    }

    pub(super) fn start(&mut self, place: Place, role: Role) {
        if !self.slot(place).is_empty() {
            self.slot(place).wanted = Some(role);
            return;
        }
        self.adopt();
        let Some(source) = self.source_of(role) else {
            return;
        };
        // While something is shown, that is the source.
        if place == Place::Main && self.state.phase() == Phase::Starting {
            self.session.facts.lock().source = source.label();
        }
        let behind = self.run.as_ref().and_then(Run::behind);
        let like = self.like.clone().filter(|_| role == Role::Slate);
        let launch = self
            .shared
            .encoders
            .launch(self.planned.clone(), source, behind, like);
        let slot = self.slot(place);
        slot.role = role;
        slot.launch = Some(launch);
        slot.since = Some(Instant::now());
        self.leave_attempt();
        self.leave_outlook();
    }

    pub(super) fn news(&mut self, place: Place, news: News) {
        match news {
            News::Launched(result) => self.launched(place, *result),
            News::Encoder(Some(event)) => self.encoder_event(place, event),
            News::Encoder(None) => self.encoder_gone(place),
        }
    }

    fn launched(&mut self, place: Place, result: Result<Launched, LaunchError>) {
        let slot = self.slot(place);
        let cancelled = slot
            .launch
            .take()
            .is_some_and(|launch| launch.is_given_up());
        match result {
            Ok(launched) if cancelled => slot.bury(launched, LOST_PATIENCE),
            Ok(launched) => self.begin(place, launched),
            Err(_) if cancelled => self.encoder_gone(place),
            Err(problem) => {
                let (is_final, why) = (problem.is_final(), problem.to_string());
                match (place, is_final) {
                    (Place::Main, true) => self.dispatch(SessionEvent::SourceRefused(why)),
                    _ => self.lost(place, Cause::Refused, why),
                }
            }
        }
    }

    fn begin(&mut self, place: Place, launched: Launched) {
        let now = Instant::now();
        let (pid, label) = (launched.encoder.pid, launched.plan.source_label.clone());
        let born = Born::of(Some(&launched.encoder));
        let session = self.session.clone();
        let mut facts = session.facts.lock();
        if place == Place::Main {
            self.like = Some(launched.facts.clone());
            facts.encoder_started(now, born, &launched.plan);
        }
        if self.slot(place).role == Role::Slate {
            facts.slate_started(now, born);
        }
        let what = format!("encoder {pid} started for {label}");
        let entry = Entry::new(now, Kind::EncoderStarted, what);
        facts.past.note(entry.of_source(&label).of_process(pid));
        drop(facts);
        match self.told.is_quiet() {
            true => debug!(channel = %session.id, pid, source = %label, "encoder started"),
            false => info!(channel = %session.id, pid, source = %label, "encoder started"),
        }
        self.tell_started(pid, &label);
        self.slot(place).fill(launched);
        self.leave_attempt();
    }

    fn encoder_event(&mut self, place: Place, event: EncoderEvent) {
        match event {
            EncoderEvent::Exited(exit) => {
                let last = exit.last_lines.last().map_or("", String::as_str);
                let why = format!("ffmpeg ended ({}): {last}", exit.status);
                if let Some(pid) = self.pid(place) {
                    let mut facts = self.session.facts.lock();
                    facts.encoder_ended(Instant::now(), pid, &exit.last_lines);
                    drop(facts);
                    let was_told_to = self.slot(place).dying;
                    self.tell_ended(pid, was_told_to, &why);
                }
                self.lost(place, Cause::Ended, why);
            }
            EncoderEvent::Progress(progress) => self.heartbeat(place, progress),
            _ if self.slot(place).dying => {}
            EncoderEvent::Detected { symptom, present } => {
                let symptoms = &mut self.slot(place).symptoms;
                symptoms.note(Instant::now(), symptom, present);
            }
            EncoderEvent::Init(id, section) => self.take(place, Media::Init(id, section)),
            EncoderEvent::Fragment(id, fragment) => self.take(place, Media::Fragment(id, fragment)),
            EncoderEvent::Broken(id, problem) => {
                let plan = self.slot(place).plan.as_ref();
                let name = plan.and_then(|plan| plan.renditions.get(id.index()));
                let name = name.map_or("?", |rendition| rendition.name.as_str());
                let why = format!("rendition {name} cannot be read: {problem}");
                self.lost(place, Cause::Broken, why);
            }
        }
    }

    fn pid(&mut self, place: Place) -> Option<u32> {
        self.slot(place).encoder.as_ref().map(|encoder| encoder.pid)
    }

    fn heartbeat(&mut self, place: Place, progress: Progress) {
        let now = Instant::now();
        let Some(encoder) = &self.slot(place).encoder else {
            return;
        };
        let (pid, lines) = (encoder.pid, Encoder::last_lines(encoder));
        let beat = Heartbeat {
            speed: progress.speed,
            undecoded: encoder.undecoded(),
        };
        self.session.facts.lock().heartbeat(pid, progress, lines);
        self.slot(place).has_begun = true;
        self.leave_attempt();
        if place != Place::Main || !self.main.is_on_air() {
            return;
        }
        self.remember_source();
        if let Some(why) = self.pace.look(now, beat) {
            self.lost(place, Cause::Slow, why);
        } else if let Some(why) = self.look_for_symptoms(now) {
            self.lost(place, Cause::Broken, why);
        }
    }

    fn take(&mut self, place: Place, media: Media) {
        match self.slot(place).take(media) {
            Taken::Kept => {}
            Taken::Live(media) => {
                let result = self.package(media, wall_clock());
                self.packaged(place, result);
            }
            Taken::Complete => match (self.try_out(place), self.slot(place).role) {
                (Trial::Runs, _) => {}
                (Trial::Failed(why), _) => self.lost(place, Cause::Broken, why),
                (Trial::Passed, Role::Candidate(_)) => {
                    self.dispatch(SessionEvent::CandidateDelivered);
                }
                (Trial::Passed, Role::Source | Role::Slate) => self.go_on_air(place),
            },
        }
    }

    /// The standby is the encoder from now on.
    pub(super) fn take_over(&mut self) {
        std::mem::swap(&mut self.main, &mut self.standby);
        self.main.role = Role::Source;
        self.stop_standby();
        if let Some(plan) = &self.main.plan {
            let born = Born::of(self.main.encoder.as_ref());
            let mut facts = self.session.facts.lock();
            facts.cause = Some(Cause::Return);
            facts.encoder_started(Instant::now(), born, plan);
        }
        self.go_on_air(Place::Main);
    }

    /// Viewers see this encoder from now on, behind a discontinuity.
    fn go_on_air(&mut self, place: Place) {
        let now = Instant::now();
        let Some(plan) = self.slot(place).plan.clone() else {
            return;
        };
        let session = self.session.clone();
        match &mut self.run {
            Some(run) if !self.outdated && run.fits(&plan) => {
                run.go_on(&plan, &session.floor, now);
            }
            _ => {
                self.retire();
                self.run = Some(Run::new(&self.planned, &plan, &session.floor, now));
                self.outdated = false;
            }
        }
        self.pace.reset();
        self.slot(place).symptoms.go_on_air(now);
        self.slot(other(place)).go_off_air();
        let is_slate = self.slot(place).role == Role::Slate;
        let mut facts = session.facts.lock();
        facts.source = plan.source_label.clone();
        facts.past.counts.slates_shown += u64::from(is_slate);
        drop(facts);
        self.tell_on_air(&plan.source_label);
        for (at, media) in self.slot(place).go_on_air() {
            if let Err(problem) = self.package(media, at) {
                return self.packaged(place, Err(problem));
            }
        }
        self.packaged(place, Ok(()));
    }

    fn package(&mut self, media: Media, at: jiff::Timestamp) -> Result<(), PackagerError> {
        let Some(run) = &mut self.run else {
            return Ok(());
        };
        match media {
            Media::Init(id, section) => run.packager.init(id, section),
            Media::Fragment(id, fragment) => run.packager.push(id, &fragment, at),
        }
    }

    fn packaged(&mut self, place: Place, result: Result<(), PackagerError>) {
        match result {
            Ok(()) => self.publish(place),
            Err(problem) => self.lost(place, Cause::Broken, problem.to_string()),
        }
    }

    /// Shows readers what the packager made.
    fn publish(&mut self, place: Place) {
        let role = self.slot(place).role;
        let Some(run) = &mut self.run else { return };
        let now = Instant::now();
        let is_whole = run.show(&self.session.floor, now);
        // Not before every rendition has come: until then the timeline ends where the run before ended.
        if run.delivers
            && let Some(why) = run.ahead(now)
        {
            return self.lost(place, Cause::Broken, why);
        }
        if !is_whole {
            return;
        }
        if run.delivers {
            self.session
                .delays
                .observe(run.behind().unwrap_or_default());
            if role == Role::Source {
                // The most frequent event of all takes the short way.
                let progress = self.state.handle(now, SessionEvent::Progress);
                debug_assert!(progress.is_ok(), "{progress:?}");
            }
            return;
        }
        (run.delivers, run.announced) = (true, true);
        let mut facts = self.session.facts.lock();
        let elapsed = now.duration_since(self.started_for);
        facts.first_part.get_or_insert(elapsed);
        drop(facts);
        self.dispatch(match role {
            Role::Slate => SessionEvent::SlateDelivered,
            Role::Source | Role::Candidate(_) => SessionEvent::Delivered,
        });
    }

    /// There is nothing to show: players are told so. An encoder that is about to be seen comes first.
    pub(super) fn show_gap(&mut self) {
        let (on_air, now) = (
            self.main.is_on_air() || self.standby.is_on_air(),
            Instant::now(),
        );
        if let Some(run) = self.run.as_mut().filter(|run| run.announced)
            && (run.delivers || !on_air)
        {
            run.show_gap(&self.session.floor, now);
            debug!(channel = %self.session.id, "nothing came in time: a gap is listed");
        }
    }

    /// The encoder ended or is of no use; nothing new if it was given up before.
    fn lost(&mut self, place: Place, cause: Cause, why: String) {
        let slot = self.slot(place);
        if slot.dying {
            return;
        }
        let role = slot.role;
        if place == Place::Standby {
            self.stop_standby();
        } else {
            self.session.facts.lock().cause = Some(cause);
        }
        self.dispatch(match role {
            Role::Source => SessionEvent::EncoderLost(why),
            Role::Slate => SessionEvent::SlateLost(why),
            Role::Candidate(_) => SessionEvent::CandidateLost(why),
        });
    }

    /// The last event has been read: the process is reaped.
    fn encoder_gone(&mut self, place: Place) {
        if let Some(pid) = self.pid(place) {
            self.session.facts.lock().encoder_gone(pid);
            self.tell_ended(pid, false, "ffmpeg vanished");
        }
        let was_given_up = self.slot(place).clear();
        let wanted = self.slot(place).wanted.take();
        let is_expected = place == Place::Main && self.state.expects_encoder();
        if self.state.phase() == Phase::Stopping {
            self.all_gone();
        } else if is_expected && !was_given_up && wanted.is_none() {
            self.dispatch(SessionEvent::EncoderLost("ffmpeg vanished".into()));
        }
        if let Some(role) = wanted {
            self.start(place, role);
        }
    }

    /// A session that stops is at its end when no process is left.
    pub(super) fn all_gone(&mut self) {
        if self.main.is_empty() && self.standby.is_empty() {
            self.dispatch(SessionEvent::EncoderGone);
        }
    }
}

fn other(place: Place) -> Place {
    match place {
        Place::Main => Place::Standby,
        Place::Standby => Place::Main,
    }
}
