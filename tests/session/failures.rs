//! Encoders that die, hang, and write nonsense under the eyes of viewers.

use std::time::{Duration, Instant};

use headgate::hls::{DeliveryDirectives, MediaName};
use headgate::session::ServeError;
use rustix::process::{Pid, Signal, kill_process};

use crate::playlist::Playlist;
use crate::support::{House, until, viewer};

fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Plays on until there are two segments behind a discontinuity; every request must be answered.
async fn play_past_a_discontinuity(house: &House, rendition: &str) -> Playlist {
    let mut last: Option<Playlist> = None;
    loop {
        let directives = DeliveryDirectives {
            msn: last.as_ref().map(Playlist::next_msn),
            ..DeliveryDirectives::default()
        };
        let playlist = house
            .ask_for(rendition, 1, directives)
            .await
            .expect("always a playlist");
        if let Some(last) = &last {
            assert!(playlist.media_sequence >= last.media_sequence, "a reset");
            assert!(playlist.discontinuity_sequence >= last.discontinuity_sequence);
        }
        let at = playlist
            .segments
            .iter()
            .position(|segment| segment.discontinuity);
        if at.is_some_and(|at| playlist.segments.len() >= at + 2) {
            return playlist;
        }
        last = Some(playlist);
    }
}

fn discontinuities(playlist: &Playlist) -> Vec<u64> {
    let marked = playlist
        .segments
        .iter()
        .filter(|segment| segment.discontinuity);
    marked.map(|segment| segment.msn).collect()
}

/// One discontinuity at the same place in every rendition, and numbers that go on.
async fn assert_survived(house: &House) {
    let video = play_past_a_discontinuity(house, "v").await;
    let audio = play_past_a_discontinuity(house, "audio").await;
    assert_eq!(discontinuities(&video).len(), 1);
    assert_eq!(discontinuities(&video), discontinuities(&audio));
    let numbers: Vec<u64> = video.segments.iter().map(|segment| segment.msn).collect();
    assert!(
        numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{numbers:?}"
    );
    house.assert_never_two();
}

#[tokio::test]
async fn an_encoder_that_is_killed_is_a_discontinuity_and_not_a_reset() {
    let house = House::new("", "");
    house.playlist().await.unwrap();
    kill(house.pid(), Signal::KILL);
    assert_survived(&house).await;
    let report = house.report();
    assert_eq!(
        (report.state, report.reason.as_str()),
        ("active", "a new encoder delivers")
    );
    assert_eq!(
        (report.error_count, report.encoder.unwrap().restarts),
        (1, 1)
    );
}

#[tokio::test]
async fn an_encoder_that_hangs_is_replaced_although_it_ignores_term() {
    let house = House::new("stall after 4; ignore-term", "");
    house.playlist().await.unwrap();
    house.script("");
    until("the loss", || house.report().error_count == 1).await;
    let last_error = house.report().last_error.unwrap();
    assert!(
        last_error.contains("no new media for 2.0 s"),
        "{last_error}"
    );
    until("its successor", || house.lives().len() == 2).await;
    house.until_state("active").await;
    house.assert_never_two();
}

#[tokio::test]
async fn one_rendition_that_hangs_does_not_hide_behind_the_others() {
    let house = House::new("stall 1 after 4", "");
    house.playlist().await.unwrap();
    house.script("");
    until("the loss", || house.report().error_count == 1).await;
    assert_survived(&house).await;
}

#[tokio::test]
async fn garbage_is_never_shown() {
    let house = House::new("garbage 0 after 4", "");
    house.playlist().await.unwrap();
    house.script("");
    assert_survived(&house).await;
    let report = house.report();
    assert!(
        report
            .last_error
            .unwrap()
            .contains("rendition v cannot be read")
    );
}

#[tokio::test]
async fn a_clock_that_stands_still_is_a_loss() {
    let house = House::new("freeze after 4", "");
    house.playlist().await.unwrap();
    house.script("");
    assert_survived(&house).await;
}

#[tokio::test]
async fn a_stopped_process_is_replaced() {
    let house = House::new("", "");
    house.playlist().await.unwrap();
    let pid = house.pid();
    kill(pid, Signal::STOP);
    until("its successor", || {
        house
            .report()
            .encoder
            .is_some_and(|encoder| encoder.pid != pid)
    })
    .await;
    house.assert_never_two();
}

#[tokio::test]
async fn an_operator_gets_a_new_encoder() {
    let house = House::new("", "");
    house.playlist().await.unwrap();
    let pid = house.pid();
    assert!(house.map.restart(house.report().id));
    assert_survived(&house).await;
    assert_ne!(house.pid(), pid);
    assert_eq!(house.report().error_count, 0);
}

#[tokio::test]
async fn another_ladder_of_another_source_begins_above_the_old_numbers() {
    let more = "sources = [\"udp://127.0.0.1:9\", \"testcard:\"]\nladder = \"auto\"";
    let house = House::new("silent-source", more.trim());
    let session = house.map.join("one", crate::support::viewer(1)).unwrap();
    session.multivariant().await.unwrap();
    let rendition = house.report().renditions[0].name.clone();
    let old = house
        .ask_for(&rendition, 1, DeliveryDirectives::default())
        .await
        .unwrap();
    kill(house.pid(), Signal::KILL);
    // The parked request of the old timeline is answered with the new one.
    let directives = DeliveryDirectives {
        msn: Some(old.next_msn() + 1),
        ..Default::default()
    };
    let mut new = house.ask_for(&rendition, 1, directives).await.unwrap();
    while house.report().source != "testcard:" || house.state() != "active" {
        tokio::time::sleep(Duration::from_millis(20)).await;
        new = house
            .ask_for(&rendition, 1, DeliveryDirectives::default())
            .await
            .unwrap();
    }
    until("sound", || {
        house
            .report()
            .renditions
            .iter()
            .any(|r| r.name == "audio" && r.window.is_some())
    })
    .await;
    let after = house
        .ask_for(&rendition, 1, DeliveryDirectives::default())
        .await
        .unwrap();
    assert!(new.media_sequence >= old.media_sequence);
    assert!(after.media_sequence > old.next_msn());
    assert!(after.discontinuity_sequence > old.discontinuity_sequence);
}

/// Section 6.2.5.2: more than three Target Durations is more than a client need wait.
#[tokio::test]
async fn a_reload_that_waits_for_media_that_does_not_come_is_refused_after_three_target_durations()
{
    let house = House::new("stall after 5", "");
    let first = house.playlist().await.unwrap();
    house.script("startup 1000");
    let edge = first.media_sequence + first.segments.len() as u64;
    let asked = Instant::now();
    let directives = DeliveryDirectives {
        msn: Some(edge + 1),
        part: Some(0),
        skip: false,
    };
    // While it runs dry the edge still moves: first what is left, then gaps, of which there is an end.
    let mut answer = house.ask(1, directives).await;
    for ahead in 2..40 {
        if answer.is_err() {
            break;
        }
        let msn = Some(edge + ahead);
        answer = house.ask(1, DeliveryDirectives { msn, ..directives }).await;
    }
    let Err(ServeError::Unavailable { retry_after, .. }) = answer else {
        panic!("{answer:?}");
    };
    assert!(!retry_after.is_zero());
    let three = Duration::from_secs(first.target_duration) * 3;
    assert!(asked.elapsed() >= three, "after {:?}", asked.elapsed());
}

/// Section 6.2.2: within one and a half Target Durations there is something new, be it that there is nothing.
#[tokio::test]
async fn time_without_media_is_listed_as_gaps_that_nobody_can_fetch() {
    let house = House::new("", "");
    house.playlist().await.unwrap();
    house.script("startup 4");
    kill(house.pid(), Signal::KILL);
    let video = play_past_a_discontinuity(&house, "v").await;
    let audio = play_past_a_discontinuity(&house, "audio").await;
    assert_eq!(discontinuities(&video).len(), 1);
    assert_eq!(discontinuities(&video), discontinuities(&audio));
    let gaps = |playlist: &Playlist| -> Vec<u64> {
        let missing = playlist.segments.iter().filter(|segment| segment.gap);
        missing.map(|segment| segment.msn).collect()
    };
    let listed = gaps(&video);
    assert!(!listed.is_empty(), "four seconds without anything");
    assert_eq!(gaps(&audio), listed);
    assert_eq!(listed.last(), Some(&(discontinuities(&video)[0] - 1)));

    let session = house.map.join("one", viewer(1)).unwrap();
    let uri = &video.segments.iter().find(|one| one.gap).unwrap().uri;
    let epoch = uri.split('/').next().unwrap().trim_start_matches('e');
    let epoch: u64 = epoch.parse().unwrap_or_else(|_| panic!("{uri}"));
    for name in [MediaName::Segment(listed[0]), MediaName::Part(listed[0], 0)] {
        let answer = session.media("v", epoch, name, viewer(1)).await;
        assert!(matches!(answer, Err(ServeError::NotFound(_))), "{answer:?}");
    }
    let before = MediaName::Segment(listed[0] - 1);
    session.media("v", epoch, before, viewer(1)).await.unwrap();
    assert_eq!(house.report().error_count, 1);
}

/// A gap is not media that runs ahead: dates jump over it, the clock does not.
#[tokio::test]
async fn a_long_gap_is_not_taken_for_media_that_runs_ahead() {
    // Parts of two fragments: an encoder is shown before its first part is whole.
    let file = r#"
[[channel]]
id = "one"
source = "testcard:"
ladder = [{ name = "v", height = 360, video_bitrate = "800k" }]
segment_duration = "2s"
part_duration = "1s"
window = "20s"
start_timeout = "40s"
"#;
    let house = House::with_file("exit 1 after 5", file);
    house.playlist().await.unwrap();
    house.script("startup 12");
    until("the loss", || house.report().error_count == 1).await;
    let source = || house.report().reason;
    until("the successor", || source() == "a new encoder delivers").await;
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        house.playlist().await.unwrap();
        assert_eq!(house.report().error_count, 1, "{:?}", house.report());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
