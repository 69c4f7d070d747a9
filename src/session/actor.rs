//! The one task that owns a running session: it waits for events, lets [`SessionState`] decide, and does as told.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tracing::error;

use super::admission::{Seat, Turn};
use super::handle::Session;
use super::map::Shared;
use super::publish::Live;
use super::run::Run;
use super::slot::{News, Place, Role, Slot};
use super::sources::{self, Probing};
use super::state::{Effects, Pace, Phase, SessionEvent, SessionState};
use super::status::{Command, Status};
use super::symptoms::Suspects;
use super::tell::{self, Before};
use crate::config::ChannelSpec;
use crate::encoder::SourceFacts;

/// See the module.
pub(super) struct Actor {
    pub(super) session: Arc<Session>,
    pub(super) shared: Arc<Shared>,
    inbox: mpsc::UnboundedReceiver<Command>,
    pub(super) state: SessionState,
    /// The encoder of the source whose turn it is.
    pub(super) main: Slot,
    /// What stands beside it, if anything does.
    pub(super) standby: Slot,
    /// A better source that is being asked whether it is there.
    pub(super) probing: Option<Probing>,
    /// Whether the encoder that viewers see keeps up.
    pub(super) pace: Pace,
    /// The sources that delivered what was of no use.
    pub(super) suspects: Suspects,
    /// What the last source was like: the slate is made to fit.
    pub(super) like: Option<SourceFacts>,
    pub(super) run: Option<Run>,
    pub(super) told: tell::Told,
    /// What readers see of the run before, until this one has something to show.
    retired: Option<Arc<Live>>,
    /// When the first viewer of the next start came.
    pub(super) asked_at: Option<Instant>,
    /// When the first viewer of this start came.
    pub(super) started_for: Instant,
    /// How many playlist requests there were when it was decided who watches.
    requests_seen: u64,
    /// The configuration that the encoder of now, or the next one, was asked for.
    pub(super) planned: Arc<ChannelSpec>,
    /// What has been made does not fit the configuration in force: the next encoder begins a new timeline.
    pub(super) outdated: bool,
    /// Its place among the sessions that may run; given back at the end.
    seat: Option<Seat>,
    /// Its start, among those that may start at once.
    pub(super) turn: Option<Turn>,
}

/// What woke the actor.
enum Wake {
    Command(Option<Command>),
    News(Place, News),
    /// The source of this position was asked: whether it is there.
    Probed(usize, bool),
    Timer,
}

/// Starts the actor of a session for its first viewer; returns its inbox.
pub(super) fn spawn(
    shared: &Arc<Shared>,
    session: &Arc<Session>,
    seat: Seat,
) -> mpsc::UnboundedSender<Command> {
    let (sender, inbox) = mpsc::unbounded_channel();
    let now = Instant::now();
    let actor = Actor {
        state: sources::state(session, now),
        session: session.clone(),
        shared: shared.clone(),
        inbox,
        main: Slot::default(),
        standby: Slot::default(),
        probing: None,
        pace: Pace::default(),
        suspects: Suspects::default(),
        like: None,
        run: None,
        told: tell::Told::default(),
        retired: None,
        asked_at: Some(now),
        started_for: now,
        requests_seen: 0,
        planned: session.spec(),
        outdated: false,
        seat: Some(seat),
        turn: None,
    };
    // Before anybody can look: who has asked must not read that nothing runs.
    session.status.send_replace(Status::Starting);
    shared.tasks.spawn(actor.live());
    sender
}

// === impl Actor ===

impl Actor {
    async fn live(mut self) {
        // Who comes at the very moment at which it is given up starts it without a turn.
        if !self.wait_for_turn().await && self.leave() {
            return;
        }
        self.dispatch(SessionEvent::ViewerArrived);
        self.tell_viewers();
        while self.state.phase() != Phase::Idle || !self.leave() {
            if self.state.phase() == Phase::Idle {
                continue;
            }
            match self.wake().await {
                Wake::Command(Some(command)) => self.obey(command),
                // The sender lives in the session, which this task holds.
                Wake::Command(None) => {
                    self.dispatch(SessionEvent::StopAsked("the session was dropped".into()))
                }
                Wake::News(place, news) => self.news(place, news),
                Wake::Probed(source, answers) => self.probed(source, answers),
                Wake::Timer => self.timed_out(),
            }
        }
    }

    /// Ends the task, unless somebody came at the last moment: nobody can come while the inbox is locked.
    fn leave(&mut self) -> bool {
        let session = self.session.clone();
        let mut last = None;
        let has_left = session.door.leave(|| {
            last = self.inbox.try_recv().ok();
            let is_quiet = last.is_none();
            if is_quiet {
                self.seat = None;
                session.viewers.clear();
                self.tell_viewers();
                session.status.send_replace(Status::Idle);
            }
            is_quiet
        });
        // There is nothing to stop or to restart.
        if let Some(Command::ViewerArrived) = last {
            self.obey(Command::ViewerArrived);
        }
        has_left
    }

    pub(super) async fn next_command(&mut self) -> Option<Command> {
        self.inbox.recv().await
    }

    async fn wake(&mut self) -> Wake {
        let timer = self
            .state
            .poll_timeout()
            .map(|(at, _)| tokio::time::Instant::from_std(at));
        tokio::select! {
            biased;
            command = self.inbox.recv() => Wake::Command(command),
            () = tokio::time::sleep_until(timer.unwrap_or_else(tokio::time::Instant::now)), if timer.is_some() => Wake::Timer,
            answer = async { self.probing.as_mut().expect("it should be guarded").await }, if self.probing.is_some() => {
                self.probing = None;
                Wake::Probed(answer.0, answer.1)
            }
            news = self.main.news() => Wake::News(Place::Main, news),
            news = self.standby.news() => Wake::News(Place::Standby, news),
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::ViewerArrived => {
                // First this: who comes from here on sends word again.
                self.session.door.heard();
                let now = Instant::now();
                match self.state.phase() {
                    Phase::Starting | Phase::Active => {}
                    Phase::Stopping => self.asked_at = self.asked_at.or(Some(now)),
                    Phase::Idle | Phase::Failed => self.asked_at = Some(now),
                }
                self.dispatch(SessionEvent::ViewerArrived);
                self.tell_viewers();
            }
            Command::Restart => self.dispatch(SessionEvent::RestartAsked),
            Command::SwitchSource(position) => {
                // The slate is shown when nothing else can be, never by choice.
                if let Some(place) = self.place_in_row(position) {
                    self.suspects.forget(place);
                    self.dispatch(SessionEvent::SourceChosen(place));
                }
            }
            Command::Reconfigure => self.reconfigure(),
            Command::Stop(why) => self.dispatch(SessionEvent::StopAsked(why.into())),
        }
    }

    /// Lets the state decide, then does it.
    pub(super) fn dispatch(&mut self, event: SessionEvent) {
        let now = Instant::now();
        let told = Before {
            phase: self.state.phase(),
            error_count: self.state.error_count(),
            reason: self.state.reason().to_owned(),
            suspect: self.suspect(&event),
        };
        self.remember_cause(now, &event);
        if !matches!(event, SessionEvent::Presence(_)) {
            self.requests_seen = self.session.viewers.requests();
        }
        match self.state.handle(now, event) {
            Ok(effects) => {
                self.tell(now, &told);
                self.perform(effects);
                self.leave_outlook();
            }
            // A bug, but not one that viewers should pay for.
            Err(refused) => {
                debug_assert!(false, "{refused}");
                error!(channel = %self.session.id, "{refused}");
            }
        }
    }

    fn perform(&mut self, effects: Effects) {
        if let Some(source) = effects.doubt_source {
            self.doubt(source, effects.is_reduced);
        }
        let run = self.run.take_if(|_| effects.end);
        let retired = self.retired.take_if(|_| effects.end);
        if effects.stop_encoder {
            self.stop_encoder();
        }
        if effects.stop_standby {
            self.stop_standby();
        }
        if effects.start_encoder {
            self.start(Place::Main, Role::Source);
        }
        if effects.start_slate {
            self.start(Place::Standby, Role::Slate);
        }
        if let Some(source) = effects.start_candidate {
            self.start(Place::Standby, Role::Candidate(source));
        }
        if let Some(source) = effects.probe {
            self.probe(source);
        }
        if effects.take_over {
            self.take_over();
        }
        if effects.gap {
            self.show_gap();
        }
        self.show_status();
        // Who waits is told when the status says where to look instead.
        let over = run.map(|run| run.live).into_iter().chain(retired);
        over.for_each(|live| live.end());
        if effects.stop_encoder && self.state.phase() == Phase::Stopping {
            self.look_back();
        }
        if effects.inspect_presence {
            let (until, requests) = self.session.viewers.present_until(Instant::now());
            self.requests_seen = requests;
            self.tell_viewers();
            self.dispatch(SessionEvent::Presence(until));
        }
    }

    /// A viewer that came while the stop was being decided saw a running session and sent no word: look again now
    /// that the session is seen to stop. And without an encoder there is nothing to wait for.
    fn look_back(&mut self) {
        let came = self.session.viewers.requests() != self.requests_seen;
        if came && !self.is_closing() {
            self.asked_at = Some(Instant::now());
            self.dispatch(SessionEvent::ViewerArrived);
        }
        self.all_gone();
    }

    /// Keeps what readers see of a run that cannot go on until the next one has something to show.
    pub(super) fn retire(&mut self) {
        let Some(run) = self.run.take() else { return };
        if run.announced {
            self.retired = Some(run.live);
        } else {
            run.live.end();
        }
    }

    /// Tells readers what to expect. That nothing runs is for [`Self::leave`] to say, when it is certain.
    fn show_status(&mut self) {
        let live = || match &self.run {
            Some(run) if run.announced => Some(run.live.clone()),
            _ => self.retired.clone(),
        };
        if self.state.phase() != Phase::Starting {
            self.turn = None;
        }
        let status = match self.state.phase() {
            Phase::Stopping if self.is_closing() => Status::Idle,
            Phase::Idle | Phase::Starting | Phase::Stopping => Status::Starting,
            Phase::Active => live().map_or(Status::Starting, Status::Active),
            Phase::Failed => Status::Failed {
                reason: self.state.reason().into(),
                until: self.state.rests_until().unwrap_or_else(Instant::now),
            },
        };
        self.session.status.send_if_modified(|shown| {
            let same = status.is_like(shown);
            if !same {
                *shown = status;
            }
            !same
        });
        if self.run.as_ref().is_some_and(|run| run.announced)
            && let Some(retired) = self.retired.take()
        {
            retired.end();
        }
    }
}

/// Only after a panic is there anything left to do: the channel must not be dead for ever.
impl Drop for Actor {
    fn drop(&mut self) {
        if self.seat.is_none() {
            return;
        }
        error!(channel = %self.session.id, "the session's task has crashed");
        let session = self.session.clone();
        session.door.leave(|| {
            self.seat = None;
            session.status.send_replace(Status::Idle);
            true
        });
        let mut facts = self.session.facts.lock();
        let phases = (
            std::mem::replace(&mut facts.phase, Phase::Idle),
            Phase::Idle,
        );
        facts.reason = "its task has crashed; this is a bug of Headgate".into();
        facts.encoder = None;
        facts.forget_outlook();
        self.shared
            .tell_state(&self.session.id, facts.id, phases, &facts.reason);
        drop(facts);
        let run = self.run.take().map(|run| run.live);
        let over = run.into_iter().chain(self.retired.take());
        over.for_each(|live| live.end());
    }
}
