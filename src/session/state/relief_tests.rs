//! Stories of sources that come and go.

use std::time::Duration;

use super::table_tests::{patience, session_with};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn with_slate(sources: usize) -> Patience {
    Patience {
        sources,
        slate: Some(SlatePatience {
            after_start: Some(2 * SECOND),
            after_media: 2 * SECOND,
        }),
        ..patience()
    }
}

fn lost() -> SessionEvent {
    SessionEvent::EncoderLost("it broke".into())
}

/// Fires timers until this time; the effects that were asked for, and when.
fn live_until(state: &mut SessionState, until: Instant) -> Vec<(Instant, Effects)> {
    let mut all = Vec::new();
    while let Some((at, _)) = state.poll_timeout().filter(|(at, _)| *at <= until) {
        let effects = state.handle(at, SessionEvent::TimedOut).unwrap();
        all.push((at, effects));
        if effects.inspect_presence {
            let watched = SessionEvent::Presence(Some(at + 6 * SECOND));
            state.handle(at, watched).unwrap();
        }
        if effects.start_encoder && state.delivers() {
            panic!("a second encoder for a source that delivers");
        }
    }
    all
}

fn when(effects: &[(Instant, Effects)], is: impl Fn(&Effects) -> bool) -> Option<Instant> {
    effects
        .iter()
        .find(|(_, effects)| is(effects))
        .map(|(at, _)| *at)
}

/// Answers questions until this time: whether each source is there.
fn answer_until(state: &mut SessionState, until: Instant, there: bool) -> Option<(Instant, usize)> {
    while let Some((at, reason)) = state.poll_timeout().filter(|(at, _)| *at <= until) {
        if reason == TimerReason::Stall {
            state.handle(at, SessionEvent::Progress).unwrap();
            continue;
        }
        let effects = state.handle(at, SessionEvent::TimedOut).unwrap();
        if effects.inspect_presence {
            let watched = SessionEvent::Presence(Some(at + 6 * SECOND));
            state.handle(at, watched).unwrap();
        }
        let Some(source) = effects.probe else {
            continue;
        };
        let answer = SessionEvent::Probed {
            source,
            answers: there,
        };
        if let Some(candidate) = state.handle(at, answer).unwrap().start_candidate {
            return Some((at, candidate));
        }
    }
    None
}

#[test]
fn the_slate_covers_a_source_that_is_lost_and_is_left_when_one_is_back() {
    let (mut state, start) = session_with(Phase::Active, with_slate(1));
    let watched = SessionEvent::Presence(Some(start + 60 * SECOND));
    state.handle(start, watched).unwrap();
    let at = start + SECOND;
    state.handle(at, SessionEvent::Progress).unwrap();
    let effects = state.handle(at, lost()).unwrap();
    assert!(effects.stop_encoder && !effects.start_slate);
    let effects = live_until(&mut state, at + 2 * SECOND);
    assert_eq!(when(&effects, |e| e.start_encoder), Some(at), "at once");
    assert_eq!(when(&effects, |e| e.start_slate), Some(at + 2 * SECOND));
    let now = at + 3 * SECOND;
    state.handle(now, SessionEvent::SlateDelivered).unwrap();
    assert!(state.shows_slate() && state.reason().contains("it broke"));
    let effects = state.handle(now, SessionEvent::Delivered).unwrap();
    assert!(effects.stop_standby);
    assert!(!state.shows_slate() && state.delivers());
    assert_eq!(state.phase(), Phase::Active);
}

#[test]
fn a_slate_whose_words_have_changed_is_drawn_anew() {
    let (mut state, start) = session_with(Phase::Active, with_slate(1));
    let outdated = SessionEvent::CardOutdated { beside: true };
    let effects = state.handle(start, outdated.clone()).unwrap();
    assert_eq!(effects, Effects::default(), "it is not shown");
    state.handle(start, lost()).unwrap();
    live_until(&mut state, start + 2 * SECOND);
    let now = start + 3 * SECOND;
    state.handle(now, SessionEvent::SlateDelivered).unwrap();
    let effects = state.handle(now, outdated).unwrap();
    assert!(effects.stop_standby && effects.start_slate && !effects.stop_encoder);
    assert!(!state.shows_slate());
    state.handle(now, SessionEvent::SlateDelivered).unwrap();
    assert!(state.shows_slate() && state.error_count() == 1);
}

#[test]
fn a_source_that_is_back_in_time_needs_no_slate() {
    let (mut state, now) = session_with(Phase::Active, with_slate(1));
    state.handle(now, lost()).unwrap();
    live_until(&mut state, now + SECOND);
    state.handle(now + SECOND, SessionEvent::Delivered).unwrap();
    let effects = live_until(&mut state, now + 3 * SECOND);
    assert_eq!(when(&effects, |e| e.start_slate), None);
}

#[test]
fn who_waits_for_a_slow_start_sees_the_slate_after_a_while() {
    let (mut state, start) = session_with(Phase::Starting, with_slate(1));
    let effects = live_until(&mut state, start + 3 * SECOND);
    assert_eq!(when(&effects, |e| e.start_slate), Some(start + 2 * SECOND));
    let now = start + 3 * SECOND;
    let effects = state.handle(now, SessionEvent::SlateDelivered).unwrap();
    assert!(effects.inspect_presence);
    assert_eq!(state.phase(), Phase::Active);
    assert!(state.expects_encoder(), "the source still has its time");
    let effects = live_until(&mut state, start + 11 * SECOND);
    assert_eq!(
        when(&effects, |e| e.doubt_source == Some(0)),
        Some(start + 10 * SECOND)
    );
}

#[test]
fn with_a_slate_a_channel_without_a_source_plays_and_goes_on_trying() {
    let (mut state, start) = session_with(Phase::Starting, with_slate(2));
    let refused = || SessionEvent::SourceRefused("404".into());
    state.handle(start, refused()).unwrap();
    live_until(&mut state, start);
    let effects = state.handle(start, refused()).unwrap();
    assert!(effects.start_slate);
    state.handle(start, SessionEvent::SlateDelivered).unwrap();
    assert_eq!(state.phase(), Phase::Active);
    let mut now = start;
    for attempt in 0..40 {
        now += 2 * SECOND;
        let effects = live_until(&mut state, now);
        assert!(
            when(&effects, |e| e.start_encoder).is_some(),
            "attempt {attempt}"
        );
        state.handle(now, refused()).unwrap();
        assert_eq!(state.phase(), Phase::Active, "{}", state.reason());
    }
    live_until(&mut state, now + 2 * SECOND);
    let now = now + 2 * SECOND;
    let effects = state.handle(now, SessionEvent::Delivered).unwrap();
    assert!(effects.stop_standby && state.delivers());
}

#[test]
fn a_slate_that_cannot_be_shown_is_no_reason_to_go_on_for_ever() {
    let (mut state, mut now) = session_with(Phase::Active, with_slate(1));
    for _ in 0..3 {
        state.handle(now, lost()).unwrap();
        let effects = live_until(&mut state, now + 4 * SECOND);
        assert!(when(&effects, |e| e.start_slate).is_some());
        now += 4 * SECOND;
        let gone = SessionEvent::SlateLost("no such filter".into());
        state.handle(now, gone).unwrap();
    }
    for _ in 0..5 {
        live_until(&mut state, now + 4 * SECOND);
        now += 4 * SECOND;
        if state.phase() == Phase::Active {
            let _ = state.handle(now, lost()).unwrap();
        }
        if state.phase() == Phase::Failed {
            return;
        }
    }
    panic!("{:?}: {}", state.phase(), state.reason());
}

fn on_the_second_source(hold_down: Duration) -> (SessionState, Instant) {
    let patience = Patience {
        sources: 2,
        hold_down,
        ..patience()
    };
    let (mut state, now) = session_with(Phase::Active, patience);
    state.handle(now, lost()).unwrap();
    live_until(&mut state, now);
    assert_eq!(state.source(), 1);
    state.handle(now, SessionEvent::Delivered).unwrap();
    (state, now)
}

#[test]
fn a_better_source_is_taken_back_after_the_hold_down_and_no_earlier() {
    let (mut state, start) = on_the_second_source(20 * SECOND);
    let (at, source) = answer_until(&mut state, start + 60 * SECOND, true).unwrap();
    assert_eq!((at, source), (start + 25 * SECOND, 0));
    assert_eq!(state.source(), 1, "it plays on");
    let effects = state.handle(at, SessionEvent::CandidateDelivered).unwrap();
    assert!(effects.take_over);
    assert_eq!(state.source(), 0);
    assert_eq!(state.reason(), "a better source is back");
    assert_eq!(answer_until(&mut state, at + 60 * SECOND, true), None);
}

/// Media comes until this time; when a better source was asked and has not answered.
fn ask_until(state: &mut SessionState, from: Instant, until: Instant) -> Option<Instant> {
    let mut asked = None;
    let mut now = from;
    while now < until {
        state.handle(now, SessionEvent::Progress).unwrap();
        now += SECOND;
        asked = asked.or(when(&live_until(state, now), |effects| {
            effects.probe.is_some()
        }));
    }
    asked
}

#[test]
fn one_question_is_out_at_a_time_whatever_happens_to_the_encoder() {
    let (mut state, start) = on_the_second_source(60 * SECOND);
    let lost_at = start + 6 * SECOND;
    let asked = ask_until(&mut state, start, lost_at);
    assert_eq!(asked, Some(start + 5 * SECOND));
    while state.delivers() || state.source() == 0 {
        state.handle(lost_at, lost()).unwrap();
        live_until(&mut state, lost_at + SECOND);
    }
    state.handle(lost_at, SessionEvent::Delivered).unwrap();
    let answered_at = lost_at + 20 * SECOND;
    assert_eq!(ask_until(&mut state, lost_at, answered_at), None);
    let answer = SessionEvent::Probed {
        source: 0,
        answers: false,
    };
    state.handle(answered_at, answer).unwrap();
    let asked = ask_until(&mut state, answered_at, answered_at + 6 * SECOND);
    assert_eq!(asked, Some(answered_at + 5 * SECOND));
}

#[test]
fn one_missing_answer_begins_the_hold_down_anew() {
    let (mut state, start) = on_the_second_source(20 * SECOND);
    assert_eq!(answer_until(&mut state, start + 22 * SECOND, true), None);
    assert_eq!(answer_until(&mut state, start + 26 * SECOND, false), None);
    let (at, _) = answer_until(&mut state, start + 99 * SECOND, true).unwrap();
    assert_eq!(at, start + 50 * SECOND);
}

#[test]
fn a_source_that_flaps_has_to_answer_longer_each_time() {
    let (mut state, mut now) = on_the_second_source(10 * SECOND);
    let mut waits = Vec::new();
    for _ in 0..3 {
        let (at, _) = answer_until(&mut state, now + 200 * SECOND, true).unwrap();
        waits.push((at - now).as_secs());
        state.handle(at, SessionEvent::CandidateDelivered).unwrap();
        now = at + SECOND;
        state.handle(now, lost()).unwrap();
        live_until(&mut state, now);
        assert_eq!(state.source(), 1);
        state.handle(now, SessionEvent::Delivered).unwrap();
    }
    assert_eq!(waits, [15, 25, 45]);
}

#[test]
fn a_better_source_that_cannot_take_over_changes_nothing_for_viewers() {
    let (mut state, start) = on_the_second_source(10 * SECOND);
    let (at, _) = answer_until(&mut state, start + 60 * SECOND, true).unwrap();
    let gone = SessionEvent::CandidateLost("it broke".into());
    let effects = state.handle(at, gone).unwrap();
    assert!(effects.stop_standby && !effects.stop_encoder);
    assert!(state.delivers() && state.source() == 1);
    let (again, _) = answer_until(&mut state, at + 99 * SECOND, true).unwrap();
    assert_eq!(again, at + 25 * SECOND);
}

#[test]
fn each_source_has_its_own_budget_of_losses() {
    let patience = Patience {
        sources: 2,
        ..patience()
    };
    let (mut state, mut now) = session_with(Phase::Active, patience);
    for loss in 0..9 {
        state.handle(now, lost()).unwrap();
        assert_eq!(state.phase(), Phase::Active, "loss {loss}");
        now += 3 * SECOND;
        live_until(&mut state, now);
        state.handle(now, SessionEvent::Delivered).unwrap();
    }
    state.handle(now, lost()).unwrap();
    assert_eq!(state.phase(), Phase::Failed, "{}", state.reason());
}

#[test]
fn a_run_begins_with_the_source_that_was_good() {
    let now = super::table_tests::some_time();
    let patience = Patience {
        sources: 3,
        ..patience()
    };
    let mut state = SessionState::new(now, patience.clone()).beginning_with(2);
    state.handle(now, SessionEvent::ViewerArrived).unwrap();
    assert_eq!(state.source(), 2);
    let mut state = SessionState::new(now, patience).beginning_with(7);
    state.handle(now, SessionEvent::ViewerArrived).unwrap();
    assert_eq!(state.source(), 2, "the list has become shorter");
}

#[test]
fn a_source_with_others_behind_it_has_half_of_the_time() {
    let (state, now) = session_with(
        Phase::Starting,
        Patience {
            sources: 2,
            ..patience()
        },
    );
    let timeout = (now + 5 * SECOND, TimerReason::StartTimeout);
    assert_eq!(state.poll_timeout(), Some(timeout));
    let own = Patience {
        sources: 2,
        timeouts: vec![Some(2 * SECOND), None],
        ..patience()
    };
    let (state, now) = session_with(Phase::Starting, own);
    let timeout = (now + 2 * SECOND, TimerReason::StartTimeout);
    assert_eq!(state.poll_timeout(), Some(timeout));
}
