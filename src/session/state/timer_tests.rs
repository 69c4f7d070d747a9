//! The timers: each set for its own reason, none shared; budgets, pauses and rests.

use std::time::Duration;

use super::table_tests::{patience, session_in, session_with};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Fires the timer that is set, at its time.
fn fire(state: &mut SessionState) -> (Instant, TimerReason, Effects) {
    let (at, reason) = state.poll_timeout().expect("a timer should be set");
    (
        at,
        reason,
        state.handle(at, SessionEvent::TimedOut).unwrap(),
    )
}

fn lose(state: &mut SessionState, now: Instant) {
    state
        .handle(now, SessionEvent::EncoderLost("it broke".into()))
        .unwrap();
}

#[test]
fn a_source_must_deliver_in_time() {
    let (mut state, now) = session_in(Phase::Starting);
    let (at, reason, effects) = fire(&mut state);
    assert_eq!((at, reason), (now + 10 * SECOND, TimerReason::StartTimeout));
    assert!(effects.stop_encoder && effects.doubt_source == Some(0));
    assert_eq!(state.phase(), Phase::Failed);
    assert_eq!(state.reason(), "the source delivered nothing within 10 s");
}

#[test]
fn a_start_that_fails_late_says_what_went_wrong_before() {
    let (mut state, now) = session_in(Phase::Starting);
    lose(&mut state, now);
    fire(&mut state);
    let (_, reason, _) = fire(&mut state);
    assert_eq!(reason, TimerReason::StartTimeout);
    assert!(
        state.reason().ends_with("the last problem: it broke"),
        "{}",
        state.reason()
    );
}

#[test]
fn ready_and_nobody_came_is_not_the_last_viewer_left() {
    let impatient = Patience {
        stall: 600 * SECOND,
        ..patience()
    };
    let (mut state, now) = session_with(Phase::Active, impatient);
    state.handle(now, SessionEvent::Presence(None)).unwrap();
    let (at, reason, effects) = fire(&mut state);
    assert_eq!((at, reason), (now + 30 * SECOND, TimerReason::NobodyCame));
    assert!(
        effects.inspect_presence && !effects.stop_encoder,
        "it looks first"
    );
    let effects = state.handle(at, SessionEvent::Presence(None)).unwrap();
    assert!(effects.stop_encoder && effects.end);
    assert_eq!(state.reason(), "it was ready and nobody came");
}

#[test]
fn the_grace_period_begins_when_the_last_viewer_is_gone() {
    let impatient = Patience {
        stall: 600 * SECOND,
        ..patience()
    };
    let (mut state, now) = session_with(Phase::Active, impatient);
    let until = now + 6 * SECOND;
    state
        .handle(now, SessionEvent::Presence(Some(until)))
        .unwrap();
    assert_eq!(state.reason(), "somebody watches");
    let (at, reason, _) = fire(&mut state);
    assert_eq!((at, reason), (until, TimerReason::ViewerDeadline));
    state.handle(at, SessionEvent::Presence(None)).unwrap();
    assert!(state.reason().contains("grace"), "{}", state.reason());
    let (at, reason, _) = fire(&mut state);
    assert_eq!((at, reason), (until + 30 * SECOND, TimerReason::Grace));
    // Somebody came at the last moment.
    state
        .handle(at, SessionEvent::Presence(Some(at + SECOND)))
        .unwrap();
    assert_eq!(
        state.poll_timeout(),
        Some((at + SECOND, TimerReason::ViewerDeadline))
    );
    // And left again: the whole period, not what was left of the old one.
    fire(&mut state);
    state
        .handle(at + SECOND, SessionEvent::Presence(None))
        .unwrap();
    let (at, reason, _) = fire(&mut state);
    assert_eq!((at, reason), (until + 61 * SECOND, TimerReason::Grace));
    state.handle(at, SessionEvent::Presence(None)).unwrap();
    assert_eq!(state.phase(), Phase::Stopping);
    assert_eq!(
        state.reason(),
        "the last viewer left and the grace period has passed"
    );
}

#[test]
fn a_look_in_between_does_not_move_the_grace_period() {
    let (mut state, now) = session_in(Phase::Active);
    state
        .handle(now + 10 * SECOND, SessionEvent::Presence(None))
        .unwrap();
    state
        .handle(now + 29 * SECOND, SessionEvent::Presence(None))
        .unwrap();
    assert_eq!(state.phase(), Phase::Active);
    state
        .handle(now + 30 * SECOND, SessionEvent::Presence(None))
        .unwrap();
    assert_eq!(state.phase(), Phase::Stopping);
}

#[test]
fn an_encoder_that_delivers_nothing_new_is_lost() {
    let (mut state, now) = session_in(Phase::Active);
    state
        .handle(now + 2 * SECOND, SessionEvent::Progress)
        .unwrap();
    let (at, reason, effects) = fire(&mut state);
    assert_eq!((at, reason), (now + 5 * SECOND, TimerReason::Stall));
    assert!(effects.stop_encoder && !effects.start_encoder);
    assert_eq!(
        effects.doubt_source,
        Some(0),
        "a stalled source is not tried again first"
    );
    let (_, reason, effects) = fire(&mut state);
    assert_eq!(reason, TimerReason::Retry);
    assert!(effects.start_encoder);
    // The next one has the time that a source has to start.
    assert_eq!(
        state.poll_timeout(),
        Some((at + 10 * SECOND, TimerReason::Stall))
    );
}

#[test]
fn a_machine_that_slept_is_not_an_encoder_that_stalled() {
    let (mut state, now) = session_in(Phase::Active);
    let woke = now + 3600 * SECOND;
    let effects = state.handle(woke, SessionEvent::TimedOut).unwrap();
    assert_eq!(effects, Effects::default());
    assert_eq!(
        state.poll_timeout(),
        Some((now + 30 * SECOND, TimerReason::NobodyCame))
    );
    state
        .handle(woke, SessionEvent::Presence(Some(woke + 60 * SECOND)))
        .unwrap();
    let (at, reason, effects) = fire(&mut state);
    assert_eq!((at, reason), (woke + 3 * SECOND, TimerReason::Stall));
    assert!(
        effects.stop_encoder,
        "one that is silent still afterwards is lost"
    );
}

#[test]
fn losses_are_answered_after_growing_pauses_and_five_are_enough() {
    let (mut state, mut now) = session_in(Phase::Active);
    for pause in [0, 500, 1_000, 2_000] {
        lose(&mut state, now);
        let (at, reason, effects) = fire(&mut state);
        assert_eq!(
            (at, reason),
            (now + Duration::from_millis(pause), TimerReason::Retry)
        );
        assert!(effects.start_encoder);
        now = at;
    }
    lose(&mut state, now);
    assert_eq!((state.phase(), state.error_count()), (Phase::Failed, 5));
    assert!(
        state
            .reason()
            .starts_with("5 encoders were lost within a minute"),
        "{}",
        state.reason()
    );
}

#[test]
fn losses_are_forgotten_after_a_minute() {
    let (mut state, mut now) = session_in(Phase::Active);
    let watched = SessionEvent::Presence(Some(now + 3600 * SECOND));
    state.handle(now, watched).unwrap();
    for _ in 0..20 {
        lose(&mut state, now);
        assert_eq!(
            state.phase(),
            Phase::Active,
            "four a minute are not too many"
        );
        assert_eq!(fire(&mut state).1, TimerReason::Retry);
        now += Duration::from_millis(15_100);
        state.handle(now, SessionEvent::Delivered).unwrap();
    }
}

/// A channel that is always asked for and whose encoders die at once.
#[test]
fn a_hopeless_channel_starts_ten_encoders_a_minute_at_the_most() {
    let (mut state, began) = session_in(Phase::Starting);
    let mut starts = vec![began];
    let mut now = began;
    while now < began + 600 * SECOND {
        match state.phase() {
            Phase::Starting if state.expects_encoder() => lose(&mut state, now),
            Phase::Starting => {
                let (at, _, effects) = fire(&mut state);
                now = at;
                starts.extend(effects.start_encoder.then_some(now));
            }
            Phase::Failed => {
                now = state.rests_until().unwrap();
                let effects = state.handle(now, SessionEvent::ViewerArrived).unwrap();
                starts.extend(effects.start_encoder.then_some(now));
            }
            phase => panic!("{phase:?}"),
        }
    }
    let busiest = starts.iter().map(|from| {
        starts
            .iter()
            .filter(|at| (*from..*from + 60 * SECOND).contains(*at))
            .count()
    });
    assert!(
        busiest.max().unwrap() <= 10,
        "{:?}",
        starts.iter().map(|at| *at - began).collect::<Vec<_>>()
    );
    assert!(
        starts.len() >= 20,
        "it never needs a person to be tried again"
    );
}

#[test]
fn a_failed_channel_rests_longer_each_time_until_it_was_healthy_for_a_minute() {
    let (mut state, mut now) = session_in(Phase::Failed);
    for rest in [2, 4, 8, 16, 30, 30] {
        let until = state.rests_until().unwrap();
        assert_eq!(until, now + rest * SECOND);
        let early = until - Duration::from_millis(1);
        assert_eq!(
            state.handle(early, SessionEvent::ViewerArrived),
            Ok(Effects::default())
        );
        state.handle(until, SessionEvent::ViewerArrived).unwrap();
        assert_eq!(
            (state.phase(), state.rests_until()),
            (Phase::Starting, None)
        );
        // That it delivers for a moment proves nothing.
        state.handle(until, SessionEvent::Delivered).unwrap();
        now = until + SECOND;
        while state.phase() != Phase::Failed {
            lose(&mut state, now);
            let _ = state.handle(now + 2 * SECOND, SessionEvent::TimedOut);
        }
    }
    now += 30 * SECOND;
    state.handle(now, SessionEvent::ViewerArrived).unwrap();
    state.handle(now, SessionEvent::Delivered).unwrap();
    let watched = SessionEvent::Presence(Some(now + 600 * SECOND));
    state.handle(now, watched).unwrap();
    now += 61 * SECOND;
    while state.phase() != Phase::Failed {
        lose(&mut state, now);
        let _ = state.handle(now + 2 * SECOND, SessionEvent::TimedOut);
    }
    assert_eq!(state.rests_until(), Some(now + 2 * SECOND));
}

#[test]
fn a_failed_channel_that_is_held_is_tried_again_without_a_viewer() {
    let (mut state, mut now) = session_in(Phase::Failed);
    for rest in [2, 4, 8, 16, 30, 30, 30] {
        let (at, reason, effects) = fire(&mut state);
        assert_eq!((at, reason), (now + rest * SECOND, TimerReason::Rest));
        assert!(effects.inspect_presence);
        let held = SessionEvent::Presence(Some(at + 3600 * SECOND));
        assert!(state.handle(at, held).unwrap().start_encoder);
        assert_eq!(state.phase(), Phase::Starting);
        let refused = SessionEvent::SourceRefused("404".into());
        state.handle(at, refused).unwrap();
        assert_eq!(state.phase(), Phase::Failed);
        now = at;
    }
}

#[test]
fn a_failure_that_nobody_asks_for_is_forgotten() {
    let (mut state, now) = session_in(Phase::Failed);
    let (at, reason, _) = fire(&mut state);
    assert_eq!((at, reason), (now + 2 * SECOND, TimerReason::Rest));
    let effects = state.handle(at, SessionEvent::Presence(None)).unwrap();
    assert_eq!(effects, Effects::default());
    let (at, reason, effects) = fire(&mut state);
    assert_eq!(
        (at, reason),
        (now + 60 * SECOND, TimerReason::ForgetFailure)
    );
    assert!(
        effects.end && effects.stop_encoder,
        "an encoder may still be dying"
    );
    assert_eq!(state.phase(), Phase::Stopping);
    state.handle(at, SessionEvent::EncoderGone).unwrap();
    assert_eq!(state.phase(), Phase::Idle);
}

#[test]
fn a_timer_that_comes_early_does_nothing() {
    for phase in [Phase::Starting, Phase::Active, Phase::Failed] {
        let (mut state, now) = session_in(phase);
        let before = state.poll_timeout();
        assert_eq!(
            state.handle(now, SessionEvent::TimedOut),
            Ok(Effects::default())
        );
        assert_eq!(state.poll_timeout(), before);
    }
}
