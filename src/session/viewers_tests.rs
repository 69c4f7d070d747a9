//! Who counts as present, and for how long.

use super::*;

const HOLD: Duration = Duration::from_secs(6);

fn viewer(last: u8, agent: &str) -> Viewer<'_> {
    Viewer {
        address: IpAddr::from([10, 0, 0, last]),
        agent,
        at: Instant::now(),
        cmcd: None,
    }
}

#[test]
fn an_address_and_an_agent_are_one_viewer() {
    let (viewers, now) = (Viewers::new(HOLD), Instant::now());
    viewers.touch(viewer(1, "a"), Heartbeat::Playlist, now);
    viewers.touch(viewer(1, "a"), Heartbeat::Playlist, now);
    viewers.touch(viewer(1, "b"), Heartbeat::Playlist, now);
    viewers.touch(viewer(2, "a"), Heartbeat::Playlist, now);
    assert_eq!(viewers.count(now), 3);
    assert_eq!(
        viewers
            .list(now)
            .iter()
            .map(|known| known.requests)
            .sum::<u64>(),
        4
    );
}

#[test]
fn who_asks_for_nothing_has_left() {
    let (viewers, now) = (Viewers::new(HOLD), Instant::now());
    viewers.touch(viewer(1, "a"), Heartbeat::Playlist, now);
    viewers.touch(viewer(1, "a"), Heartbeat::Media, now + HOLD / 2);
    assert_eq!(
        viewers.present_until(now + HOLD).0,
        Some(now + HOLD / 2 + HOLD)
    );
    assert_eq!(viewers.present_until(now + HOLD * 2).0, None);
    assert_eq!(viewers.count(now + HOLD * 2), 0);
}

#[test]
fn the_first_and_the_last_are_told_once() {
    let (viewers, now) = (Viewers::new(HOLD), Instant::now());
    assert_eq!(viewers.untold(), None);
    assert!(!viewers.touch(viewer(1, "cache"), Heartbeat::Media, now));
    assert_eq!(viewers.untold(), None, "a cache is no viewer");
    assert!(viewers.touch(viewer(1, "a"), Heartbeat::Playlist, now));
    assert!(!viewers.touch(viewer(2, "a"), Heartbeat::Playlist, now));
    assert_eq!((viewers.untold(), viewers.untold()), (Some(true), None));
    viewers.present_until(now + HOLD / 2);
    assert_eq!(viewers.untold(), None);
    viewers.present_until(now + HOLD * 2);
    assert_eq!((viewers.untold(), viewers.untold()), (Some(false), None));
    let back = now + HOLD * 3;
    assert!(viewers.touch(viewer(1, "a"), Heartbeat::Playlist, back));
    viewers.clear();
    assert_eq!(viewers.untold(), None, "who came and went meanwhile");
}

#[test]
fn media_alone_makes_no_viewer_but_keeps_the_session() {
    let (viewers, now) = (Viewers::new(HOLD), Instant::now());
    viewers.touch(viewer(1, "cache"), Heartbeat::Media, now);
    assert_eq!(viewers.count(now), 0);
    assert_eq!(viewers.present_until(now).0, Some(now + HOLD));
}

#[test]
fn a_waiting_request_is_present_until_it_is_dropped() {
    let (viewers, now) = (Viewers::new(HOLD), Instant::now());
    viewers.touch(viewer(1, "a"), Heartbeat::Playlist, now);
    let waiting = viewers.wait(viewer(1, "a"));
    let late = now + HOLD * 10;
    assert_eq!(viewers.present_until(late).0, Some(late + HOLD));
    drop(waiting);
    assert_eq!(viewers.present_until(late).0, None);
}

#[test]
fn who_waits_for_a_start_is_somebody_and_has_time_when_it_is_answered() {
    let (viewers, now) = (Viewers::new(HOLD), Instant::now());
    let waiting = viewers.wait_for_start();
    let late = now + HOLD * 10;
    assert_eq!(viewers.present_until(late).0, Some(late + HOLD));
    drop(waiting);
    let left = Instant::now();
    assert!(viewers.present_until(left).0.is_some());
    assert_eq!(viewers.present_until(late + HOLD).0, None);
}

#[test]
fn a_request_that_waited_long_is_not_forgotten_when_it_is_answered() {
    let (viewers, long_ago) = (Viewers::new(HOLD), Instant::now() - HOLD * 2);
    viewers.touch(viewer(1, "a"), Heartbeat::Playlist, long_ago);
    drop(viewers.wait(viewer(1, "a")));
    assert_eq!(viewers.count(Instant::now()), 1);
}

#[test]
fn a_request_that_comes_after_the_look_is_seen_by_its_number() {
    let (viewers, now) = (Viewers::new(HOLD), Instant::now());
    viewers.touch(viewer(1, "a"), Heartbeat::Playlist, now);
    let (_, seen) = viewers.present_until(now);
    viewers.touch(viewer(1, "a"), Heartbeat::Media, now);
    assert_eq!(viewers.requests(), seen, "media starts nothing");
    // Its clock was read before the look, and it got the lock after it.
    viewers.touch(viewer(1, "a"), Heartbeat::Playlist, now - HOLD);
    assert_ne!(viewers.requests(), seen);
}

#[test]
fn the_end_of_a_run_forgets_all_but_those_who_wait() {
    let (viewers, now) = (Viewers::new(HOLD), Instant::now());
    for number in 0..100 {
        viewers.touch(viewer(number, "a"), Heartbeat::Playlist, now);
    }
    let waiting = viewers.wait(viewer(7, "a"));
    viewers.clear();
    assert_eq!(viewers.count(now), 1);
    drop(waiting);
    viewers.clear();
    assert_eq!(
        (viewers.count(now), viewers.table.lock().known.capacity()),
        (0, 0)
    );
}

#[test]
fn a_viewer_that_is_kicked_is_no_viewer_and_refused_for_a_while() {
    let (viewers, now) = (Viewers::new(HOLD), Instant::now());
    viewers.touch(viewer(1, "a"), Heartbeat::Playlist, now);
    viewers.touch(viewer(2, "a"), Heartbeat::Playlist, now);
    let waiting = viewers.wait(viewer(1, "a"));
    let list = viewers.list(now);
    let first = list
        .iter()
        .find(|known| known.address == viewer(1, "a").address);
    let id = first.unwrap().id;
    assert_ne!(list[0].id, list[1].id);
    assert!(viewers.kick(id, now));
    assert!(!viewers.kick(id, now), "it is gone already");
    assert_eq!(viewers.count(now), 1);
    drop(waiting);
    assert_eq!(viewers.present_until(now + HOLD).0, None);
    assert!(viewers.refused(viewer(1, "a"), now).is_some());
    assert!(viewers.refused(viewer(1, "b"), now).is_none());
    viewers.clear();
    let later = now + Duration::from_secs(59);
    assert!(viewers.refused(viewer(1, "a"), later).is_some());
    let later = now + Duration::from_secs(60);
    assert_eq!(viewers.refused(viewer(1, "a"), later), None);
}

#[test]
fn an_operator_holds_the_session_without_a_viewer() {
    let (viewers, now) = (Viewers::new(HOLD), Instant::now());
    let (soon, late) = (now + HOLD, now + HOLD * 9);
    viewers.hold_until(late);
    viewers.hold_until(soon);
    assert_eq!(
        (viewers.present_until(soon).0, viewers.count(soon)),
        (Some(late), 0)
    );
    assert_eq!(viewers.held_until(soon), Some(late));
    assert_eq!(viewers.present_until(late).0, None);
    viewers.clear();
    assert_eq!(viewers.held_until(soon), None);
}

#[test]
fn made_up_agents_cost_bounded_memory_and_still_count_as_somebody() {
    let (viewers, now) = (Viewers::new(HOLD), Instant::now());
    for n in 0..MAX_TOLD_APART + 10 {
        viewers.touch(viewer(1, &format!("agent {n}")), Heartbeat::Playlist, now);
    }
    assert_eq!(viewers.count(now), MAX_TOLD_APART);
    viewers.touch(viewer(9, &"x".repeat(10_000)), Heartbeat::Playlist, now);
    assert!(
        viewers
            .list(now)
            .iter()
            .all(|known| known.agent.len() <= MAX_AGENT)
    );
}

#[test]
fn a_named_playback_is_one_viewer_wherever_it_asks_from() {
    let (viewers, now) = (Viewers::new(HOLD), Instant::now());
    let told = |text: &str| Cmcd::from_headers([text]).unwrap();
    let (one, two) = (told("sid=\"one\",br=800"), told("sid=\"two\",bl=4000,bs"));
    let ask = |last, cmcd| {
        let viewer = Viewer {
            cmcd: Some(cmcd),
            ..viewer(last, "player")
        };
        viewers.touch(viewer, Heartbeat::Playlist, now);
    };
    ask(1, &one);
    ask(2, &one);
    ask(2, &two);
    assert_eq!(viewers.count(now), 2, "two playbacks behind one address");
    let audience = viewers.audience(now);
    assert_eq!((audience.addresses, audience.reporting), (2, 2));
    assert_eq!(
        (audience.reports, audience.rebuffers, audience.rebuffered),
        (3, 1, 1)
    );
    assert_eq!(
        (audience.bitrate, audience.buffer),
        (Some(800_000), Some(4.0))
    );
    viewers.touch(viewer(3, "silent"), Heartbeat::Playlist, now);
    assert_eq!(
        (viewers.count(now), viewers.audience(now).reporting),
        (3, 2)
    );
}
