//! Every phase and every event: what is done about it, or that it is refused.

use super::*;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[expect(clippy::disallowed_methods, reason = "an instant has no other origin")]
pub(super) fn some_time() -> Instant {
    Instant::now()
}

pub(super) fn patience() -> Patience {
    Patience {
        start_timeout: 10 * SECOND,
        grace_period: 30 * SECOND,
        stall: 3 * SECOND,
        sources: 1,
        timeouts: Vec::new(),
        hold_down: 30 * SECOND,
        slate: None,
        gap: None,
    }
}

/// A session that was brought into a phase, and the time when it was.
pub(super) fn session_in(phase: Phase) -> (SessionState, Instant) {
    session_with(phase, patience())
}

pub(super) fn session_with(phase: Phase, patience: Patience) -> (SessionState, Instant) {
    let now = some_time();
    let sources = patience.sources;
    let mut state = SessionState::new(now, patience);
    let events: &[SessionEvent] = match phase {
        Phase::Idle => &[],
        Phase::Starting => &[SessionEvent::ViewerArrived],
        Phase::Active => &[SessionEvent::ViewerArrived, SessionEvent::Delivered],
        Phase::Stopping => &[
            SessionEvent::ViewerArrived,
            SessionEvent::Delivered,
            SessionEvent::StopAsked(String::new()),
        ],
        Phase::Failed => &[SessionEvent::ViewerArrived],
    };
    for event in events {
        state.handle(now, event.clone()).unwrap();
    }
    if phase == Phase::Failed {
        for _ in 0..sources {
            refuse(&mut state, now);
            let _ = state.handle(now, SessionEvent::TimedOut);
        }
    }
    assert_eq!(state.phase(), phase);
    (state, now)
}

fn refuse(state: &mut SessionState, now: Instant) {
    let refused = SessionEvent::SourceRefused("there is no such file".into());
    state.handle(now, refused).unwrap();
}

/// Effects in short: `s`top and `S`tart the encoder, `i`nspect presence, `e`nd, `d`oubt the source.
fn short(effects: Effects) -> String {
    let letters = [
        (effects.stop_encoder, 's'),
        (effects.start_encoder, 'S'),
        (effects.inspect_presence, 'i'),
        (effects.end, 'e'),
        (effects.doubt_source.is_some(), 'd'),
        (effects.stop_standby, 'b'),
        (effects.start_slate, 'L'),
        (effects.start_candidate.is_some(), 'C'),
        (effects.take_over, 'T'),
        (effects.gap, 'g'),
        (effects.probe.is_some(), 'p'),
    ];
    letters
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, c)| c)
        .collect()
}

/// What each event does in each phase: effects in short `>` the phase after; `.` is nothing, `x` a refusal.
const TABLE: &str = "
              idle        starting      active        stopping  failed
arrived       S>starting  .             .             .         .
present       x           .             .             .         .
absent        x           .             .             .         .
delivered     x           i>active      .             .         x
progress      x           .             .             .         x
lost          x           sd>starting   sd>active     .         x
refused       x           sd>failed     sd>active     .         x
slate         x           .             .             .         .
slate-lost    x           .             .             .         .
candidate     x           .             .             .         .
candid-lost   x           .             .             .         .
probed        .           .             .             .         .
gone          x           .             .             e>idle    .
stop          x           se>stopping   se>stopping   .         se>stopping
restart       x           s>starting    s>active      .         S>starting
chosen        x           s>starting    s>active      .         S>starting
retimed       .           .             .             .         .
changed       .           s>starting    s>active      .         se>stopping
outdated      x           s>starting    s>active      .         .
timed-out     .           .             .             .         .
";

fn event(name: &str) -> SessionEvent {
    match name {
        "arrived" => SessionEvent::ViewerArrived,
        "present" => SessionEvent::Presence(Some(some_time() + 60 * SECOND)),
        "absent" => SessionEvent::Presence(None),
        "delivered" => SessionEvent::Delivered,
        "progress" => SessionEvent::Progress,
        "lost" => SessionEvent::EncoderLost("it broke".into()),
        "refused" => SessionEvent::SourceRefused("no such file".into()),
        "slate" => SessionEvent::SlateDelivered,
        "slate-lost" => SessionEvent::SlateLost("it broke".into()),
        "candidate" => SessionEvent::CandidateDelivered,
        "candid-lost" => SessionEvent::CandidateLost("it broke".into()),
        "probed" => SessionEvent::Probed {
            source: 0,
            answers: true,
        },
        "gone" => SessionEvent::EncoderGone,
        "stop" => SessionEvent::StopAsked("enough".into()),
        "restart" => SessionEvent::RestartAsked,
        "chosen" => SessionEvent::SourceChosen(0),
        "retimed" | "changed" => SessionEvent::Reconfigured {
            patience: Box::new(patience()),
            restart: name == "changed",
        },
        "outdated" => SessionEvent::CardOutdated { beside: false },
        "timed-out" => SessionEvent::TimedOut,
        _ => panic!("{name} is no event"),
    }
}

const PHASES: [Phase; 5] = [
    Phase::Idle,
    Phase::Starting,
    Phase::Active,
    Phase::Stopping,
    Phase::Failed,
];

#[test]
fn every_phase_meets_every_event() {
    let rows = TABLE.lines().skip(2).map(str::split_whitespace);
    let mut met = 0;
    for mut row in rows {
        let event = event(row.next().unwrap());
        for (phase, cell) in PHASES.into_iter().zip(row) {
            meet(phase, &event, cell);
            met += 1;
        }
    }
    assert_eq!(met, 20 * PHASES.len());
}

fn meet(phase: Phase, event: &SessionEvent, cell: &str) {
    let what = format!("{event:?} in {phase:?}");
    let (mut state, now) = session_in(phase);
    let got = state.handle(now, event.clone());
    if cell == "x" {
        let refused = got.expect_err(&what);
        assert_eq!((refused.phase, &refused.event), (phase, event));
        assert!(refused.to_string().contains("refused"), "{refused}");
        assert_eq!(state.phase(), phase, "{what}");
        return;
    }
    let (letters, after) = cell.split_once('>').unwrap_or(("", phase.as_str()));
    let effects = short(got.expect(&what));
    assert_eq!(
        (&*effects, state.phase().as_str()),
        (letters, after),
        "{what}"
    );
}

#[test]
fn what_an_encoder_says_after_it_was_given_up_counts_for_nothing() {
    for phase in [Phase::Starting, Phase::Active] {
        let (mut state, now) = session_in(phase);
        state
            .handle(now, SessionEvent::EncoderLost("a".into()))
            .unwrap();
        for event in [
            SessionEvent::Delivered,
            SessionEvent::Progress,
            SessionEvent::EncoderLost("b".into()),
            SessionEvent::SourceRefused("c".into()),
        ] {
            assert_eq!(state.handle(now, event), Ok(Effects::default()));
        }
        assert_eq!((state.phase(), state.error_count()), (phase, 1));
        assert_eq!(state.last_error(), Some("a"));
    }
}

#[test]
fn a_viewer_while_it_stops_starts_it_again_when_the_encoder_is_gone() {
    let (mut state, now) = session_in(Phase::Stopping);
    state.handle(now, SessionEvent::ViewerArrived).unwrap();
    assert_eq!(state.phase(), Phase::Stopping, "never two encoders");
    let effects = state.handle(now, SessionEvent::EncoderGone).unwrap();
    assert_eq!(
        (short(effects).as_str(), state.phase()),
        ("S", Phase::Starting)
    );
    assert!(state.reason().contains("while it was stopping"));
}

#[test]
fn an_operator_who_restarts_what_stops_means_it() {
    let (mut state, now) = session_in(Phase::Stopping);
    state.handle(now, SessionEvent::RestartAsked).unwrap();
    state.handle(now, SessionEvent::EncoderGone).unwrap();
    assert_eq!(state.phase(), Phase::Starting);
}

#[test]
fn a_second_stop_takes_a_wish_back_and_the_reason_stays() {
    let (mut state, now) = session_in(Phase::Starting);
    state
        .handle(
            now,
            SessionEvent::StopAsked("an operator stopped it".into()),
        )
        .unwrap();
    state.handle(now, SessionEvent::ViewerArrived).unwrap();
    state
        .handle(now, SessionEvent::StopAsked("the gateway stops".into()))
        .unwrap();
    state.handle(now, SessionEvent::EncoderGone).unwrap();
    assert_eq!(
        (state.phase(), state.reason()),
        (Phase::Idle, "an operator stopped it")
    );
    assert_eq!(state.poll_timeout(), None);
}

#[test]
fn a_source_that_an_operator_chose_is_the_next_to_run() {
    let patience = Patience {
        sources: 3,
        ..patience()
    };
    for phase in [Phase::Starting, Phase::Active, Phase::Failed] {
        let (mut state, now) = session_with(phase, patience.clone());
        state.handle(now, SessionEvent::SourceChosen(2)).unwrap();
        assert_eq!(state.source(), 2, "{phase:?}");
        assert!(state.reason().contains("chose"), "{}", state.reason());
    }
}

#[test]
fn a_restart_is_no_loss_and_gets_the_whole_time_to_start() {
    let (mut state, now) = session_in(Phase::Starting);
    let late = now + 9 * SECOND;
    state.handle(late, SessionEvent::RestartAsked).unwrap();
    assert_eq!(state.poll_timeout(), Some((late, TimerReason::Retry)));
    let effects = state.handle(late, SessionEvent::TimedOut).unwrap();
    assert_eq!(short(effects), "S");
    assert_eq!(
        state.poll_timeout(),
        Some((late + 10 * SECOND, TimerReason::StartTimeout))
    );
    assert_eq!((state.error_count(), state.source()), (0, 0));
}

#[test]
fn a_recovered_channel_says_so() {
    let (mut state, now) = session_in(Phase::Active);
    state
        .handle(now, SessionEvent::EncoderLost("ffmpeg ended".into()))
        .unwrap();
    assert!(
        state.reason().contains("ffmpeg ended"),
        "{}",
        state.reason()
    );
    state.handle(now, SessionEvent::TimedOut).unwrap();
    state.handle(now, SessionEvent::Delivered).unwrap();
    assert_eq!(state.reason(), "a new encoder delivers");
    assert_eq!(
        state.last_error(),
        Some("ffmpeg ended"),
        "the past is not forgotten"
    );
}

#[test]
fn each_failure_is_answered_with_the_next_source() {
    let two = Patience {
        sources: 2,
        ..patience()
    };
    let (mut state, mut now) = session_with(Phase::Starting, two);
    assert_eq!(state.source(), 0);
    let effects = state
        .handle(now, SessionEvent::SourceRefused("gone".into()))
        .unwrap();
    assert_eq!(
        (short(effects).as_str(), effects.doubt_source),
        ("sd", Some(0))
    );
    assert_eq!((state.phase(), state.source()), (Phase::Starting, 1));
    assert_eq!(
        state.poll_timeout(),
        Some((now, TimerReason::Retry)),
        "at once"
    );
    state.handle(now, SessionEvent::TimedOut).unwrap();
    // The second one hangs; it has its own time.
    now += 10 * SECOND;
    let effects = state.handle(now, SessionEvent::TimedOut).unwrap();
    assert_eq!(
        (effects.doubt_source, state.phase()),
        (Some(1), Phase::Failed)
    );
    assert_eq!(state.error_count(), 2);
    // After its rest it goes on where it was; a new run begins with the first.
    now = state.rests_until().unwrap();
    state.handle(now, SessionEvent::ViewerArrived).unwrap();
    assert_eq!(
        (state.phase(), state.source(), state.error_count()),
        (Phase::Starting, 0, 2)
    );
    state
        .handle(now, SessionEvent::EncoderLost("crash".into()))
        .unwrap();
    assert_eq!(state.source(), 1);
    state
        .handle(now, SessionEvent::StopAsked("x".into()))
        .unwrap();
    state.handle(now, SessionEvent::EncoderGone).unwrap();
    state.handle(now, SessionEvent::ViewerArrived).unwrap();
    assert_eq!(
        (state.source(), state.error_count(), state.last_error()),
        (0, 0, None)
    );
}

#[test]
fn phases_are_spelt_as_the_api_does() {
    let names = ["idle", "starting", "active", "stopping", "failed"];
    assert_eq!(PHASES.map(Phase::as_str), names);
    let (state, now) = session_in(Phase::Active);
    assert_eq!(state.since(), now);
    assert!(state.expects_encoder());
}
