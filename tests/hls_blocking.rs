//! Blocking requests against a small model that was written from the standard alone (6.2.5.2, 6.2.6), and hints
//! against what really comes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/feed.rs"]
mod feed;
#[path = "support/media.rs"]
mod media_support;
#[path = "support/playlist.rs"]
mod playlist;

use std::time::Duration;

use feed::{Feed, Shape};
use headgate::base::RenditionId;
use headgate::hls::{DeliveryDirectives, Readiness, Snapshot};
use playlist::Playlist;
use proptest::prelude::*;

/// What a client can know of the end of a playlist: nothing but its text.
struct Model {
    /// The Media Sequence Number of the last Media Segment; one below the first if there is none.
    last: u64,
    /// How many Partial Segments the last Media Segment has; `None` if it is a gap.
    last_parts: Option<u64>,
    /// How many Partial Segments are listed after it.
    open_parts: u64,
    /// Part indices beyond the newest part that may still be asked for.
    limit: u64,
}

impl Model {
    fn of(playlist: &Playlist) -> Self {
        let last = playlist.segments.last();
        let target = playlist.part_target;
        Self {
            last: playlist.next_msn() - 1,
            last_parts: last
                .filter(|segment| !segment.gap)
                .map(|segment| segment.parts.len() as u64),
            open_parts: playlist.open.parts.len() as u64,
            limit: if target < 1.0 {
                (3.0 / target).ceil() as u64
            } else {
                3
            },
        }
    }

    /// The answer to a request for a segment, or for a part of one.
    fn answer(&self, msn: u64, part: Option<u64>) -> Readiness {
        // "A request for a part index greater than the last of a segment is one for part 0 of the next."
        let (msn, part) = match (part, self.last_parts) {
            (Some(part), Some(parts)) if msn == self.last && part >= parts => (msn + 1, Some(0)),
            _ => (msn, part),
        };
        // "If the Media Sequence Number is greater than that of the last Media Segment plus two: 400."
        if msn > self.last + 2 {
            return Readiness::TooFar;
        }
        if msn <= self.last {
            return Readiness::Ready; // Also when it left the playlist long ago.
        }
        let listed = if msn == self.last + 1 {
            self.open_parts
        } else {
            0
        };
        match part {
            None => Readiness::Wait,
            Some(part) if part < listed => Readiness::Ready,
            // "... exceeds the last Partial Segment by the Advance Part Limit: 400." The last one is `listed - 1`.
            Some(part) if part + 1 - listed > self.limit => Readiness::TooFar,
            Some(_) => Readiness::Wait,
        }
    }
}

fn snapshot(feed: &Feed, stream: usize) -> Snapshot {
    feed.packager
        .snapshot(RenditionId(u8::try_from(stream).unwrap()))
}

fn directives(msn: u64, part: Option<u64>) -> DeliveryDirectives {
    DeliveryDirectives {
        msn: Some(msn),
        part: part.map(|part| u32::try_from(part).unwrap()),
        skip: false,
    }
}

/// `e{epoch}/{msn}.{part}.m4s`
fn hinted(playlist: &Playlist) -> (u64, u32) {
    let uri = playlist.hint.as_deref().unwrap();
    let name = uri.rsplit('/').next().unwrap();
    let mut numbers = name.split('.').map_while(|number| number.parse().ok());
    let (msn, part): (u64, u64) = (numbers.next().unwrap(), numbers.next().unwrap());
    (msn, u32::try_from(part).unwrap())
}

/// The newest part, by its own name.
fn newest_part(playlist: &Playlist) -> Option<&str> {
    let mut segments = playlist.segments.iter().chain([&playlist.open]);
    segments
        .rfind(|segment| !segment.parts.is_empty())?
        .parts
        .last()
        .map(|part| part.uri.as_str())
}

/// Requests around the end of the playlist, and some that are far away.
fn request() -> impl Strategy<Value = (i64, Option<u64>)> {
    let distance = prop_oneof![8 => -3_i64..5, 1 => -40_i64..-3, 1 => 5_i64..1000];
    let part = prop_oneof![3 => Just(None), 6 => (0_u64..12).prop_map(Some), 1 => (12_u64..5000).prop_map(Some)];
    (distance, part)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Every version answers every request as the model does, and whoever waits is answered in the end.
    #[test]
    fn requests_are_answered_as_the_model_says(
        parts in 2_u32..6,
        videos in 1_usize..3,
        steps in prop::collection::vec((0.05_f64..0.9, 0_u32..14, prop::collection::vec(request(), 12)), 10..40),
    ) {
        let segment = Duration::from_secs(2);
        let window = Duration::from_secs(12);
        let mut feed = Feed::new(Shape { segment, part: segment / parts, videos, window, ..Shape::default() });
        let mut waiting: Vec<(usize, u64, Option<u64>)> = Vec::new();
        for (seconds, dice, requests) in steps {
            match dice {
                0 => feed.restart(Duration::from_millis(200)),
                // The leader alone, so that others are behind when an encoder is lost.
                1 => while feed.position(0) < feed.position(feed.streams() - 1) + seconds {
                    feed.push(0).unwrap();
                },
                _ => feed.run_until(feed.position(0) + seconds).unwrap(),
            }
            if feed.packager.multivariant().is_none() {
                continue;
            }
            for stream in 0..feed.streams() {
                let now = snapshot(&feed, stream);
                let model = Model::of(&Playlist::read(&feed.text(stream)));
                for (distance, part) in &requests {
                    let msn = model.last.saturating_add_signed(*distance);
                    let answer = now.readiness(&directives(msn, *part));
                    prop_assert_eq!(answer, model.answer(msn, *part), "{}.{:?}, last {}", msn, part, model.last);
                    if answer == Readiness::Wait {
                        waiting.push((stream, msn, *part));
                    }
                }
                // Whoever was told to wait is never refused afterwards.
                for (_, msn, part) in waiting.iter().filter(|waits| waits.0 == stream) {
                    let answer = now.readiness(&directives(*msn, *part));
                    prop_assert!(matches!(answer, Readiness::Ready | Readiness::Wait), "{}.{:?}: {:?}", msn, part, answer);
                }
            }
        }
        feed.run_until(feed.position(0).max(feed.position(feed.streams() - 1)) + 7.0).unwrap();
        for (stream, msn, part) in waiting {
            prop_assert_eq!(snapshot(&feed, stream).readiness(&directives(msn, part)), Readiness::Ready);
        }
    }

    /// Version by version: the part that comes is the one that was hinted, or the hint is withdrawn and refused.
    #[test]
    fn the_hint_names_the_part_that_comes_next(
        rate in prop::sample::select(vec![(24, 1), (25, 1), (30_000, 1001), (30, 1), (50, 1), (60_000, 1001)]),
        parts in 2_u32..6,
        restarts in prop::collection::vec(1_u32..400, 0..3),
    ) {
        let segment = Duration::from_secs(2);
        let mut feed = Feed::new(Shape { frame_rate: rate, segment, part: segment / parts, ..Shape::default() });
        let mut last: Vec<Option<Playlist>> = vec![None; feed.streams()];
        let (mut right, mut wrong) = (0, 0);
        for step in 0..500 {
            let broken = restarts.contains(&step);
            if broken {
                feed.restart(Duration::from_millis(200));
            }
            let slowest = (0..feed.streams()).min_by(|a, b| feed.position(*a).total_cmp(&feed.position(*b))).unwrap();
            feed.push(slowest).unwrap();
            if feed.packager.multivariant().is_none() {
                continue;
            }
            for (stream, last) in last.iter_mut().enumerate() {
                let now = Playlist::read(&feed.text(stream));
                check_hint(&snapshot(&feed, stream), &now);
                if let Some(before) = last.as_ref().filter(|before| newest_part(before) != newest_part(&now)) {
                    match before.hint.as_deref() == newest_part(&now) {
                        true => right += 1,
                        false => wrong += 1,
                    }
                    let (msn, part) = hinted(before);
                    let answer = snapshot(&feed, stream).part_readiness(msn, part);
                    prop_assert!(answer != Readiness::Wait || hinted(&now) >= (msn, part), "a hint that never ends");
                }
                *last = Some(now);
            }
        }
        // A break cannot be foreseen. And the sound of the first segment, which is one part long, may have a frame more
        // than the part: then a part of one frame comes before the one that was hinted, which comes too.
        prop_assert!(wrong <= restarts.len() * 3 + 1, "{} right, {} wrong", right, wrong);
    }
}

/// The hinted part can be waited for, what lies beyond cannot, and what is listed is there [6.2.6].
fn check_hint(snapshot: &Snapshot, playlist: &Playlist) {
    let (msn, part) = hinted(playlist);
    assert_eq!(
        snapshot.part_readiness(msn, part),
        Readiness::Wait,
        "{msn}.{part} is hinted"
    );
    for beyond in [(msn, part + 1), (msn + 1, 1), (msn + 2, 0), (msn + 1000, 0)] {
        assert_eq!(
            snapshot.part_readiness(beyond.0, beyond.1),
            Readiness::Gone,
            "{beyond:?}"
        );
    }
    for segment in playlist.segments.iter().chain([&playlist.open]) {
        for index in 0..segment.parts.len() {
            let index = u32::try_from(index).unwrap();
            assert_eq!(
                snapshot.part_readiness(segment.msn, index),
                Readiness::Ready,
                "listed [6.2.1]"
            );
        }
        // Beyond the end of a whole segment nothing comes.
        if !segment.uri.is_empty() && !segment.parts.is_empty() {
            let end = u32::try_from(segment.parts.len()).unwrap();
            assert_eq!(snapshot.part_readiness(segment.msn, end), Readiness::Gone);
        }
    }
}

/// A copied source is cut where it has key frames. They come regularly from nearly every encoder, so the segment
/// before says best when this one ends.
#[test]
fn hints_of_a_copied_source_follow_its_habit() {
    let every = |frames: u64| (0..40).map(move |index| index * frames).collect::<Vec<_>>();
    for gop in [60, 75, 90, 120, 150] {
        let shape = Shape {
            videos: 1,
            audio: false,
            irregular_key_frames: true,
            ..Shape::default()
        };
        let mut feed = Feed::new(shape).with_key_frames(&every(gop));
        let mut last: Option<Playlist> = None;
        let (mut right, mut wrong) = (0, 0);
        while feed.position(0) < 40.0 {
            feed.push(0).unwrap();
            if feed.packager.multivariant().is_none() {
                continue;
            }
            let now = Playlist::read(&feed.text(0));
            check_hint(&snapshot(&feed, 0), &now);
            let before = last.filter(|before| newest_part(before) != newest_part(&now));
            // The first segment is the one that shows how long they are.
            if let Some(before) = before.filter(|before| !before.segments.is_empty()) {
                *(if before.hint.as_deref() == newest_part(&now) {
                    &mut right
                } else {
                    &mut wrong
                }) += 1;
            }
            last = Some(now);
        }
        assert!(
            wrong <= right / 20,
            "key frames every {gop} frames: {right} right, {wrong} wrong"
        );
    }
}
