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
    watched_until: Option<Instant>,
}

// === impl World ===

impl World {
    fn new(patience: Patience) -> Self {
        let now = super::table_tests::some_time();
        Self {
            state: SessionState::new(now, patience),
            now,
            patience,
            runs: false,
            dying: false,
            pending: false,
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
            Step::Deliver if self.runs && self.state.phase() == Phase::Starting => {
                self.tell(SessionEvent::Delivered);
            }
            Step::Deliver if self.runs => self.tell(SessionEvent::Progress),
            Step::Lose if self.runs => self.tell(SessionEvent::EncoderLost("lost".into())),
            Step::Refuse if self.runs => self.tell(SessionEvent::SourceRefused("no".into())),
            Step::Go => self.go(),
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
    ) {
        let patience = Patience {
            start_timeout: Duration::from_secs(start),
            grace_period: Duration::from_secs(grace),
            stall: Duration::from_secs(stall),
            sources,
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
