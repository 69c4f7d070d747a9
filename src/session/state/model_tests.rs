//! Random lives of a session beside a model of its encoder.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// What the world does next.
#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    FireTimer,
    Arrive,
    Leave,
    Stop,
    Restart,
    /// The encoder that runs, if one does.
    Deliver,
    Lose,
    Refuse,
    /// The encoder that was asked to end, if there is one.
    Go,
    /// What stands beside the encoder, if anything does.
    StandbyDelivers,
    StandbyEnds,
    /// The source that was asked, if one was.
    Answer(bool),
}

/// What stands beside the encoder.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Standby {
    Slate,
    Candidate,
}

/// What an actor would hold.
#[derive(Debug)]
struct World {
    state: SessionState,
    now: Instant,
    patience: Patience,
    /// The encoder runs or is about to.
    runs: bool,
    /// It was asked to end and is not gone yet.
    dying: bool,
    pending: bool,
    standby: Option<Standby>,
    probing: Option<usize>,
    watched_until: Option<Instant>,
}

// === impl World ===

impl World {
    fn new(patience: Patience) -> Self {
        let now = super::table_tests::some_time();
        Self {
            state: SessionState::new(now, patience.clone()),
            now,
            patience,
            runs: false,
            dying: false,
            pending: false,
            standby: None,
            probing: None,
            watched_until: None,
        }
    }

    fn tell(&mut self, event: SessionEvent) {
        let effects = self
            .state
            .handle(self.now, event)
            .expect("it should be allowed");
        if effects.stop_encoder {
            self.dying |= self.runs;
            (self.runs, self.pending) = (false, false);
        }
        if effects.start_encoder {
            assert!(
                !self.runs,
                "a second encoder would start beside a running one"
            );
            self.pending = self.dying;
            self.runs = !self.dying;
        }
        self.tell_standby(effects);
        assert!(
            !effects.end || !self.runs,
            "the media of a running encoder would be forgotten"
        );
        if self.state.phase() == Phase::Stopping && effects.stop_encoder && !self.dying {
            self.tell(SessionEvent::EncoderGone);
        }
        if effects.inspect_presence {
            let until = self.watched_until.filter(|until| *until > self.now);
            self.tell(SessionEvent::Presence(until));
        }
    }

    fn tell_standby(&mut self, effects: Effects) {
        if effects.stop_standby {
            self.standby = None;
        }
        if effects.start_slate {
            assert_eq!(self.standby.replace(Standby::Slate), None);
        }
        if effects.start_candidate.is_some() {
            assert_eq!(self.standby.replace(Standby::Candidate), None);
            assert!(self.runs, "a candidate for nothing");
        }
        assert!(
            !effects.gap || self.state.phase() == Phase::Active && !self.state.shows_slate(),
            "a gap in place of something: {:?}",
            self.state
        );
        if effects.take_over {
            assert_eq!(self.standby.take(), Some(Standby::Candidate));
            assert!(self.runs, "nothing was taken over");
        }
        if let Some(source) = effects.probe {
            assert!(source < self.state.source(), "{source} is no better source");
            assert_eq!(self.probing.replace(source), None);
        }
    }

    fn standby(&mut self, delivers: bool) {
        let why = || "it broke".to_owned();
        match (self.standby, delivers) {
            (None, _) => {}
            (Some(Standby::Slate), true) => self.tell(SessionEvent::SlateDelivered),
            (Some(Standby::Candidate), true) => self.tell(SessionEvent::CandidateDelivered),
            (Some(Standby::Slate), false) => {
                self.standby = None;
                self.tell(SessionEvent::SlateLost(why()));
            }
            (Some(Standby::Candidate), false) => {
                self.standby = None;
                self.tell(SessionEvent::CandidateLost(why()));
            }
        }
    }

    fn go(&mut self) {
        if !std::mem::take(&mut self.dying) {
            return;
        }
        self.runs = std::mem::take(&mut self.pending);
        if self.state.phase() != Phase::Idle {
            self.tell(SessionEvent::EncoderGone);
        }
    }

    fn step(&mut self, step: &Step) {
        let in_life = self.state.phase() != Phase::Idle;
        match step {
            Step::Wait(millis) => self.now += Duration::from_millis(*millis),
            Step::FireTimer => self.fire(),
            Step::Arrive => {
                self.watched_until = Some(self.now + Duration::from_secs(6));
                self.tell(SessionEvent::ViewerArrived);
            }
            Step::Leave => self.watched_until = None,
            Step::Stop if in_life => self.tell(SessionEvent::StopAsked("asked".into())),
            Step::Restart if in_life => self.tell(SessionEvent::RestartAsked),
            Step::Deliver if self.runs && !self.state.delivers() => {
                self.tell(SessionEvent::Delivered);
            }
            Step::Deliver if self.runs => self.tell(SessionEvent::Progress),
            Step::Lose if self.runs => self.tell(SessionEvent::EncoderLost("lost".into())),
            Step::Refuse if self.runs => self.tell(SessionEvent::SourceRefused("no".into())),
            Step::Go => self.go(),
            Step::StandbyDelivers => self.standby(true),
            Step::StandbyEnds => self.standby(false),
            Step::Answer(answers) => {
                if let Some(source) = self.probing.take() {
                    let answers = *answers;
                    self.tell(SessionEvent::Probed { source, answers });
                }
            }
            _ => {}
        }
        self.check();
    }

    /// The timer comes in time, a moment late, or long after the machine slept.
    fn fire(&mut self) {
        let Some((at, reason)) = self.state.poll_timeout() else {
            return;
        };
        self.now = self.now.max(at);
        self.tell(SessionEvent::TimedOut);
        let next = self.state.poll_timeout();
        let moved = next.is_none_or(|(next, why)| next > at || why != reason);
        assert!(moved, "{reason:?} would fire for ever: {next:?}");
    }

    fn check(&self) {
        let state = &self.state;
        let wanted = matches!(state.phase(), Phase::Starting | Phase::Active);
        let timer = state.poll_timeout();
        assert_eq!(
            self.runs || self.pending,
            state.expects_encoder(),
            "{state:?}"
        );
        assert!(wanted || self.standby.is_none(), "{state:?}");
        assert!(
            self.standby != Some(Standby::Slate) || !state.delivers(),
            "a slate beside a source that delivers: {state:?}"
        );
        assert!(
            !state.shows_slate() || self.standby == Some(Standby::Slate),
            "{state:?}"
        );
        assert!(
            wanted || !self.runs,
            "an encoder that nobody wants: {state:?}"
        );
        match state.phase() {
            // Whatever happens or not, something will happen.
            Phase::Starting | Phase::Active | Phase::Failed => {
                assert!(timer.is_some(), "{state:?}")
            }
            Phase::Idle => assert!(timer.is_none() && !self.pending, "{state:?}"),
            // The end of a process is what is waited for, and there is one.
            Phase::Stopping => assert!(self.dying && timer.is_none(), "{state:?}"),
        }
        if state.phase() == Phase::Starting {
            let latest = self.now + self.patience.start_timeout + Duration::from_secs(2);
            assert!(
                timer.is_some_and(|(at, _)| at <= latest),
                "stuck: {timer:?}"
            );
        }
        assert!(state.source() < self.patience.sources);
        assert!(!state.reason().is_empty());
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (0_u64..20_000).prop_map(Step::Wait),
        1 => (0_u64..400_000).prop_map(Step::Wait),
        6 => Just(Step::FireTimer),
        4 => Just(Step::Arrive),
        1 => Just(Step::Leave),
        1 => Just(Step::Stop),
        1 => Just(Step::Restart),
        6 => Just(Step::Deliver),
        3 => Just(Step::Lose),
        1 => Just(Step::Refuse),
        5 => Just(Step::Go),
        3 => Just(Step::StandbyDelivers),
        1 => Just(Step::StandbyEnds),
        4 => proptest::bool::weighted(0.8).prop_map(Step::Answer),
    ];
    proptest::collection::vec(step, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_life_of_a_session_breaks_its_laws(
        steps in steps(),
        grace in 0_u64..40,
        stall in 2_u64..6,
        start in 1_u64..20,
        sources in 1_usize..4,
        slate in proptest::option::of(proptest::option::of(1_u64..9)),
        gap in proptest::option::of(1_u32..9),
    ) {
        let patience = Patience {
            start_timeout: Duration::from_secs(start),
            grace_period: Duration::from_secs(grace),
            stall: Duration::from_secs(stall),
            sources,
            timeouts: Vec::new(),
            hold_down: Duration::from_secs(stall * 3),
            slate: slate.map(|after| SlatePatience {
                after_start: after.map(Duration::from_secs),
                after_media: Duration::from_secs(stall - 1),
            }),
            gap: gap.map(|most| GapPatience {
                after: Duration::from_millis(stall * 900),
                every: Duration::from_secs(2),
                most,
            }),
        };
        let mut world = World::new(patience);
        for step in &steps {
            world.step(step);
        }
        // Left alone, it comes to rest: nothing runs, nothing waits.
        world.watched_until = None;
        for _ in 0..200 {
            world.fire();
            world.go();
            world.check();
        }
        prop_assert_eq!(world.state.phase(), Phase::Idle);
        prop_assert!(!world.runs && !world.dying);
    }

    #[test]
    fn any_event_at_any_time_is_answered_or_refused(
        events in proptest::collection::vec((0_usize..11, 0_u64..90_000), 1..300),
    ) {
        let now = super::table_tests::some_time();
        let patience = super::table_tests::patience();
        let (mut state, mut now) = (SessionState::new(now, patience), now);
        for (which, wait) in events {
            now += Duration::from_millis(wait);
            let event = [
                SessionEvent::ViewerArrived,
                SessionEvent::Presence(None),
                SessionEvent::Presence(Some(now + Duration::from_secs(6))),
                SessionEvent::Delivered,
                SessionEvent::Progress,
                SessionEvent::EncoderLost("lost".into()),
                SessionEvent::SourceRefused("refused".into()),
                SessionEvent::EncoderGone,
                SessionEvent::StopAsked("stop".into()),
                SessionEvent::RestartAsked,
                SessionEvent::TimedOut,
            ][which].clone();
            let before = state.phase();
            if state.handle(now, event).is_err() {
                prop_assert_eq!(state.phase(), before);
            }
            prop_assert_eq!(
                state.expects_encoder() || state.poll_timeout().is_some(),
                !matches!(state.phase(), Phase::Idle | Phase::Stopping)
            );
        }
    }
}
