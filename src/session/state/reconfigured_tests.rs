//! What another configuration changes while a session lives.

use std::time::Duration;

use super::table_tests::{patience, session_in, session_with};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_new_grace_period_holds_for_who_left_already() {
    let (mut state, now) = session_in(Phase::Active);
    state.handle(now, SessionEvent::Presence(None)).unwrap();
    let shorter = Patience {
        grace_period: 5 * SECOND,
        ..patience()
    };
    let event = SessionEvent::Reconfigured {
        patience: Box::new(shorter),
        restart: false,
    };
    state.handle(now, event).unwrap();
    // `SessionEvent::Delivered` was when nobody had come; the timer counts from there.
    let (at, _) = state.poll_timeout().unwrap();
    assert!(at <= now + 5 * SECOND);
}

#[test]
fn a_new_start_timeout_counts_from_the_start() {
    let (mut state, now) = session_in(Phase::Starting);
    let event = SessionEvent::Reconfigured {
        patience: Box::new(Patience {
            start_timeout: 4 * SECOND,
            ..patience()
        }),
        restart: false,
    };
    state.handle(now + SECOND, event).unwrap();
    assert_eq!(
        state.poll_timeout(),
        Some((now + 4 * SECOND, TimerReason::StartTimeout))
    );
}

#[test]
fn a_changed_list_of_sources_is_tried_from_its_beginning() {
    let two = Patience {
        sources: 2,
        ..patience()
    };
    let (mut state, now) = session_with(Phase::Active, two.clone());
    let lost = SessionEvent::EncoderLost("it broke".into());
    state.handle(now, lost).unwrap();
    assert_eq!(state.source(), 1);
    let event = SessionEvent::Reconfigured {
        patience: Box::new(Patience { sources: 3, ..two }),
        restart: true,
    };
    state.handle(now, event).unwrap();
    assert_eq!(state.source(), 0);
}
