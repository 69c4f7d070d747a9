//! The laws of the packager, over random encoders, random orders of arrival and random losses.

#[path = "support/feed.rs"]
mod feed;
#[path = "support/media.rs"]
mod media_support;
#[path = "support/playlist.rs"]
mod playlist;

use std::time::Duration;

use feed::{FIRST, Feed, Shape};
use headgate::base::RenditionId;
use headgate::hls::{PackagerError, PackagerEvent, Timeline};
use playlist::Checker;
use proptest::prelude::*;

/// Pushes frames and lets a checker for each rendition see every version.
struct Watched {
    feed: Feed,
    checkers: Vec<Checker>,
}

impl Watched {
    fn new(shape: Shape) -> Self {
        let feed = Feed::new(shape);
        let checkers = (0..feed.streams()).map(|_| Checker::default()).collect();
        Self { feed, checkers }
    }

    fn look(&mut self) {
        for event in self.feed.events() {
            if let PackagerEvent::Changed(RenditionId(id)) = event {
                let stream = usize::from(id);
                self.checkers[stream].see(&self.feed.text(stream));
            }
        }
    }

    fn run_until(&mut self, seconds: f64) {
        let mut until = self.feed.position(0);
        while until < seconds {
            until += 0.25;
            self.feed
                .run_until(until.min(seconds))
                .expect("regular media should be packaged");
            self.look();
        }
    }

    fn push(&mut self, stream: usize) {
        self.feed
            .push(stream)
            .expect("regular media should be packaged");
        self.look();
    }

    /// All renditions agree on numbers, boundaries and discontinuities, and parts are the segment.
    fn check_agreement(&self) {
        let shared = |checker: &Checker| -> Vec<(u64, bool)> {
            checker
                .segments()
                .map(|segment| (segment.msn, segment.discontinuity))
                .collect()
        };
        let leader = shared(&self.checkers[0]);
        for checker in &self.checkers[1..] {
            let follower = shared(checker);
            let common = leader.len().min(follower.len());
            assert!(
                leader.len().abs_diff(follower.len()) <= 1,
                "renditions in step"
            );
            assert_eq!(leader[..common], follower[..common], "[6.2.4]");
        }
        for stream in 0..self.feed.streams() {
            let snapshot = self.feed.packager.snapshot(RenditionId(stream as u8));
            for segment in snapshot.segments() {
                let parts: Vec<u8> = segment
                    .parts
                    .iter()
                    .flat_map(|part| part.body.to_vec())
                    .collect();
                assert_eq!(
                    parts, segment.body,
                    "parts are the segment, byte for byte [3.2]"
                );
            }
        }
    }

    /// Boundaries of followers lie within half a sample of the leader's; dates follow one another.
    fn check_dates(&self) {
        let leader: Vec<_> = self.checkers[0].segments().collect();
        for checker in &self.checkers {
            for (mine, other) in checker.segments().zip(&leader) {
                let is_gap = mine.gap;
                let (mine, other) = (
                    mine.program_date_time.expect("a date on every segment"),
                    other.program_date_time.expect("a date on every segment"),
                );
                let apart = mine.duration_since(other).as_secs_f64().abs();
                // The first gap begins in each where its media ended, and makes them end together.
                assert!(apart < 0.025 || is_gap, "{apart} s between renditions");
            }
            let segments: Vec<_> = checker.segments().collect();
            for pair in segments.windows(2) {
                let step = pair[1]
                    .program_date_time
                    .expect("a date on every segment")
                    .duration_since(pair[0].program_date_time.expect("a date on every segment"));
                let expected = pair[0].duration;
                if pair[1].discontinuity {
                    assert!(
                        step.as_secs_f64() > expected - 0.05,
                        "dates run backwards at {}",
                        pair[1].msn
                    );
                } else {
                    assert!(
                        (step.as_secs_f64() - expected).abs() < 0.003,
                        "dates drift at {}",
                        pair[1].msn
                    );
                }
            }
        }
    }
}

#[test]
fn a_minute_of_every_usual_frame_rate_keeps_every_law() {
    for frame_rate in [
        (24, 1),
        (24_000, 1001),
        (25, 1),
        (30, 1),
        (30_000, 1001),
        (50, 1),
        (60, 1),
        (60_000, 1001),
        (15, 1),
        (10, 1),
    ] {
        let mut watched = Watched::new(Shape {
            frame_rate,
            ..Shape::default()
        });
        watched.run_until(64.0);
        watched.check_agreement();
        watched.check_dates();
        assert!(
            watched.checkers[0].segments().count() >= 30,
            "{frame_rate:?}"
        );
        let sum: f64 = watched.checkers[2]
            .segments()
            .map(|segment| segment.duration)
            .sum();
        let video: f64 = watched.checkers[0]
            .segments()
            .map(|segment| segment.duration)
            .sum();
        assert!(
            (sum - video).abs() < 2.1,
            "audio {sum} s and video {video} s drift apart"
        );
    }
}

#[test]
fn nobody_sees_anything_before_every_rendition_has_a_part() {
    let mut feed = Feed::new(Shape::default());
    for _ in 0..40 {
        feed.push(0).unwrap();
        feed.push(1).unwrap();
        assert_eq!(feed.events(), [], "audio is still missing");
        assert_eq!(feed.packager.multivariant(), None);
    }
    feed.run_until(1.0).unwrap();
    let events = feed.events();
    assert_eq!(events[0], PackagerEvent::Started);
    let changed: Vec<_> = events[1..].iter().take(3).collect();
    assert_eq!(
        changed.len(),
        3,
        "every rendition is shown at once: {events:?}"
    );
}

#[test]
fn a_restart_is_one_discontinuity_at_the_same_segment_everywhere() {
    let mut watched = Watched::new(Shape::default());
    watched.run_until(7.3);
    let before: Vec<u64> = watched
        .checkers
        .iter()
        .map(|checker| checker.last().next_msn())
        .collect();
    watched.feed.restart(Duration::from_millis(400));
    watched.run_until(9.0);
    watched.check_agreement();
    watched.check_dates();
    for (checker, before) in watched.checkers.iter().zip(before) {
        let discontinuities: Vec<u64> = checker
            .segments()
            .filter(|s| s.discontinuity)
            .map(|s| s.msn)
            .collect();
        assert_eq!(
            discontinuities,
            [before + 1],
            "behind the segment that was cut short"
        );
    }
}

/// By its Media Sequence Number: whether media is missing, and whether a discontinuity stands before it.
fn marks(checker: &Checker) -> Vec<(u64, bool, bool)> {
    let segments = checker.segments();
    segments
        .map(|segment| (segment.msn, segment.gap, segment.discontinuity))
        .collect()
}

#[test]
fn time_without_media_is_gaps_and_then_one_discontinuity_in_every_rendition() {
    for gaps in 1..5_u32 {
        let mut watched = Watched::new(Shape::default());
        watched.run_until(7.3);
        for _ in 0..gaps {
            watched.feed.packager.gap(Duration::from_secs(2));
            watched.look();
        }
        let numbers = watched.feed.packager.numbers();
        let edge = watched.checkers[0].last().next_msn();
        let first_gap = edge - u64::from(gaps);
        assert_eq!(numbers.msn, edge);
        let snapshot = watched.feed.packager.snapshot(RenditionId(0));
        assert!(snapshot.segment(first_gap - 1).is_some());
        for msn in first_gap..edge {
            assert!(snapshot.segment(msn).is_none(), "a gap is not served");
            assert!(snapshot.part(msn, 0).is_none(), "nor are its parts");
        }
        watched.feed.restart(Duration::from_secs(2) * gaps);
        watched.run_until(9.0);
        watched.check_agreement();
        watched.check_dates();
        let first = marks(&watched.checkers[0]);
        for checker in &watched.checkers {
            assert_eq!(marks(checker)[..first.len() - 1], first[..first.len() - 1]);
            for segment in checker.segments() {
                let is_gap = (first_gap..edge).contains(&segment.msn);
                assert_eq!(segment.gap, is_gap, "{}", segment.msn);
                assert_eq!(segment.discontinuity, segment.msn == edge);
            }
            // Together they last as long as what is missing, up to what was cut off.
            let missing = checker.segments().filter(|segment| segment.gap);
            let missing: f64 = missing.map(|segment| segment.duration).sum();
            let wanted = 2.0 * f64::from(gaps);
            assert!((missing - wanted).abs() < 0.6, "{missing} of {wanted}");
        }
    }
}

#[test]
fn an_encoder_that_goes_on_after_a_gap_does_so_at_a_key_frame_behind_a_discontinuity() {
    let mut watched = Watched::new(Shape::default());
    watched.run_until(7.3);
    watched.feed.packager.gap(Duration::from_secs(2));
    watched.look();
    let edge = watched.checkers[0].last().next_msn();
    watched.run_until(16.0);
    watched.check_agreement();
    watched.check_dates();
    for checker in &watched.checkers {
        let marked: Vec<u64> = checker
            .segments()
            .filter(|segment| segment.discontinuity)
            .map(|segment| segment.msn)
            .collect();
        assert_eq!(marked, [edge]);
    }
}

#[test]
fn media_that_waits_for_its_key_frame_is_not_cut_off_by_another_gap() {
    let mut watched = Watched::new(Shape::default());
    watched.run_until(7.6);
    watched.feed.packager.gap(Duration::from_secs(2));
    watched.look();
    let edge = watched.checkers[0].last().next_msn();
    // The next key frame comes at 8.5 s.
    for seconds in [8.0, 8.4, 8.7] {
        watched.run_until(seconds);
        watched.feed.packager.gap(Duration::from_secs(2));
        watched.look();
        assert_eq!(watched.checkers[0].last().next_msn(), edge, "{seconds}");
    }
    watched.run_until(20.0);
    watched.check_agreement();
    watched.check_dates();
    let listed = watched.checkers[0].segments();
    assert_eq!(listed.filter(|segment| segment.gap).count(), 1);
    // Where it is silent again there are gaps again.
    let before = watched.checkers[0].last().next_msn();
    for _ in 0..3 {
        watched.feed.packager.gap(Duration::from_secs(2));
        watched.look();
    }
    assert!(watched.checkers[0].last().next_msn() >= before + 3);
}

#[test]
fn a_gap_before_anything_was_shown_is_nothing() {
    let mut feed = Feed::new(Shape::default());
    feed.push(0).unwrap();
    let numbers = feed.packager.numbers();
    feed.packager.gap(Duration::from_secs(2));
    assert_eq!(feed.events(), []);
    assert_eq!(feed.packager.numbers(), numbers);
}

#[test]
fn encoders_that_are_lost_before_they_show_anything_leave_no_trace() {
    let mut watched = Watched::new(Shape::default());
    watched.run_until(4.5);
    for _ in 0..5 {
        watched.feed.restart(Duration::from_millis(100));
        watched.feed.push(0).unwrap(); // A key frame that nobody sees.
        watched.look();
    }
    watched.feed.restart(Duration::from_millis(100));
    watched.run_until(6.0);
    watched.check_agreement();
    let discontinuities = watched.checkers[0]
        .segments()
        .filter(|segment| segment.discontinuity)
        .count();
    assert_eq!(discontinuities, 1, "exactly one discontinuity for a break");
}

#[test]
fn numbers_are_seeded_and_only_grow() {
    let mut watched = Watched::new(Shape {
        window: Duration::from_secs(12),
        ..Shape::default()
    });
    for _ in 0..6 {
        watched.run_until(9.0);
        watched.feed.restart(Duration::from_millis(300));
    }
    watched.run_until(30.0);
    let last = watched.checkers[0].last();
    assert!(last.media_sequence > FIRST);
    assert_eq!(
        last.discontinuity_sequence,
        FIRST + 6,
        "all six breaks have left the window"
    );
    let numbers = watched.feed.packager.numbers();
    assert!(numbers.msn >= last.next_msn() && numbers.discontinuity >= last.discontinuity_sequence);
    let next = Timeline::above(numbers, "2000-01-01T00:00:00Z".parse().unwrap());
    assert!(
        next.first_msn > numbers.msn && next.epoch > FIRST,
        "also when the clock was set back"
    );
    assert!(next.first_discontinuity > numbers.discontinuity);
}

#[test]
fn copied_sources_cut_where_they_have_key_frames() {
    let shape = Shape {
        irregular_key_frames: true,
        ..Shape::default()
    };
    let mut feed = Feed::new(shape).with_key_frames(&[0, 40, 75, 130, 160, 250, 300, 400]);
    feed.run_until(13.4).unwrap();
    let text = feed.text(0);
    let playlist = playlist::Playlist::read(&text);
    let durations: Vec<f64> = playlist
        .segments
        .iter()
        .map(|segment| (segment.duration * 30.0).round())
        .collect();
    assert_eq!(
        durations,
        [40.0, 90.0, 120.0, 150.0],
        "cut at the first key frame at or after the aim, which is a part for the first segment"
    );
    assert_eq!(playlist.target_duration, 6);
}

#[test]
fn a_missing_key_frame_is_an_error_before_the_promise_is_broken() {
    let mut feed = Feed::new(Shape::default()).with_key_frames(&[0]);
    let error = feed.run_until(10.0).unwrap_err();
    assert!(
        matches!(error, PackagerError::NoKeyFrame { msn: FIRST, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("without a key frame"), "{error}");
    for event in feed.events() {
        assert!(matches!(
            event,
            PackagerEvent::Started | PackagerEvent::Changed(_)
        ));
    }
    playlist::Playlist::read(&feed.text(0)).check();
}

#[test]
fn a_leader_that_stands_still_is_noticed() {
    let mut feed = Feed::new(Shape::default());
    feed.run_until(3.0).unwrap();
    let error = (0..2000)
        .find_map(|_| feed.push(2).err())
        .expect("audio alone should not go on for ever");
    assert!(
        matches!(error, PackagerError::LeaderStalled { .. }),
        "{error}"
    );
}

#[test]
fn jumps_in_time_are_refused() {
    let mut feed = Feed::new(Shape::default());
    feed.run_until(3.0).unwrap();
    feed.offset_seconds += 36_000;
    let error = feed.push(0).unwrap_err();
    assert!(matches!(error, PackagerError::TimeJump { .. }), "{error}");
    assert!(
        error.to_string().contains("v0"),
        "the error names the rendition: {error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Frames of the renditions in any order within a second of each other, with encoders lost at random.
    #[test]
    fn any_order_of_arrival_and_any_loss_keeps_every_law(
        rate in prop::sample::select(vec![(24, 1), (25, 1), (30_000, 1001), (30, 1), (50, 1)]),
        segment_ms in 1000_u64..4000,
        parts in 2_u64..6,
        choices in prop::collection::vec((0_usize..3, 0_u32..600), 200..1200),
        gap_at in prop::option::of(100_usize..800),
    ) {
        let segment = Duration::from_millis(segment_ms);
        let part = (segment / u32::try_from(parts).unwrap()).max(Duration::from_millis(300));
        let window = Duration::from_secs(16);
        let mut watched = Watched::new(Shape { frame_rate: rate, segment, part, window, ..Shape::default() });
        for (at, (choice, dice)) in choices.into_iter().enumerate() {
            // With another encoder behind it or without.
            if gap_at == Some(at) || dice == 1 {
                watched.feed.packager.gap(segment);
                watched.look();
            }
            if dice == 0 {
                watched.feed.restart(Duration::from_millis(250));
                continue;
            }
            let slowest = (0..3).map(|stream| watched.feed.position(stream)).fold(f64::MAX, f64::min);
            let stream = if watched.feed.position(choice) > slowest + 1.0 {
                (0..3).find(|stream| watched.feed.position(*stream) <= slowest).unwrap()
            } else {
                choice
            };
            watched.push(stream);
        }
        let end = (0..3).map(|stream| watched.feed.position(stream)).fold(0.0, f64::max);
        watched.run_until(end + 3.0);
        watched.check_agreement();
    }
}
