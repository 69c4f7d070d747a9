//! Playlists as text: goldens, and what independent readers make of them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/feed.rs"]
mod feed;
#[path = "support/media.rs"]
mod media_support;
#[path = "support/playlist.rs"]
mod playlist;

use std::collections::HashMap;
use std::io::Read;
use std::time::Duration;

use feed::{Feed, Shape};
use headgate::base::RenditionId;
use headgate::hls::{PackagerEvent, Snapshot};
use playlist::{Playlist, Segment, apply_delta};
use proptest::prelude::*;
use quick_m3u8::config::ParsingOptionsBuilder;
use quick_m3u8::tag::KnownTag;
use quick_m3u8::tag::hls::{EnumeratedString, PreloadHintType, Tag};
use quick_m3u8::{HlsLine, Reader};

/// Tags that players from before Low-Latency HLS have never heard of.
const LOW_LATENCY: [&str; 5] = [
    "#EXT-X-SERVER-CONTROL",
    "#EXT-X-PART-INF",
    "#EXT-X-PART:",
    "#EXT-X-PRELOAD-HINT",
    "#EXT-X-RENDITION-REPORT",
];

fn short_window() -> Shape {
    Shape {
        window: Duration::from_secs(12),
        ..Shape::default()
    }
}

fn run(shape: Shape, seconds: f64) -> Feed {
    let mut feed = Feed::new(shape);
    feed.run_until(seconds).unwrap();
    feed
}

/// The second rendition and the sound had nothing of the newest segment when the encoder was lost.
fn with_a_gap() -> Feed {
    let mut feed = run(Shape::default(), 4.4);
    while feed.position(0) < 5.2 {
        feed.push(0).unwrap();
    }
    feed.restart(Duration::from_millis(400));
    feed.run_until(1.2).unwrap();
    feed
}

fn copied() -> Feed {
    let shape = Shape {
        videos: 1,
        irregular_key_frames: true,
        ..Shape::default()
    };
    let mut feed = Feed::new(shape).with_key_frames(&[0, 40, 75, 130, 160, 250, 300]);
    feed.run_until(10.4).unwrap();
    feed
}

fn snapshot(feed: &Feed, stream: usize) -> Snapshot {
    feed.packager
        .snapshot(RenditionId(u8::try_from(stream).unwrap()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn delta(feed: &Feed, stream: usize) -> String {
    text(&snapshot(feed, stream).delta.plain)
}

// === Goldens ===

#[test]
fn a_cold_start_lists_one_part_as_a_segment() {
    insta::assert_snapshot!("cold_start", run(Shape::default(), 0.6).text(0));
    insta::assert_snapshot!("cold_start_audio", run(Shape::default(), 0.6).text(2));
}

#[test]
fn a_steady_state_slides() {
    insta::assert_snapshot!("steady_state", run(short_window(), 23.7).text(0));
    insta::assert_snapshot!("steady_state_audio", run(short_window(), 23.7).text(2));
}

#[test]
fn a_delta_leaves_out_what_is_beyond_the_skip_boundary() {
    insta::assert_snapshot!("delta", delta(&run(Shape::default(), 23.7), 0));
}

#[test]
fn a_discontinuity_stands_before_its_first_part() {
    let mut feed = run(Shape::default(), 5.3);
    feed.restart(Duration::from_millis(400));
    insta::assert_snapshot!("discontinuity_before_media", feed.text(0));
    feed.run_until(2.6).unwrap();
    insta::assert_snapshot!("discontinuity", feed.text(0));
}

#[test]
fn what_is_missing_is_a_gap() {
    insta::assert_snapshot!("gap", with_a_gap().text(1));
}

#[test]
fn a_copied_rung_promises_more_than_it_aims_at() {
    insta::assert_snapshot!("copy", copied().text(0));
}

#[test]
fn multivariant_playlists_say_what_the_media_is() {
    let multivariant =
        |shape, seconds| text(&run(shape, seconds).packager.multivariant().unwrap().plain);
    insta::assert_snapshot!("multivariant_planned", multivariant(Shape::default(), 0.6));
    insta::assert_snapshot!(
        "multivariant_measured",
        multivariant(Shape::default(), 20.0)
    );
    let silent = Shape {
        audio: false,
        frame_rate: (30_000, 1001),
        ..Shape::default()
    };
    insta::assert_snapshot!("multivariant_silent", multivariant(silent, 3.0));
}

// === Independent readers ===

fn every_kind() -> Vec<(&'static str, Feed)> {
    let mut broken = run(short_window(), 5.3);
    broken.restart(Duration::from_millis(400));
    broken.run_until(2.6).unwrap();
    vec![
        ("cold start", run(Shape::default(), 0.6)),
        ("steady state", run(short_window(), 23.7)),
        ("long", run(Shape::default(), 40.1)),
        ("discontinuity", broken),
        ("gap", with_a_gap()),
        ("copy", copied()),
    ]
}

#[test]
fn players_without_low_latency_see_the_same_segments() {
    for (name, feed) in every_kind() {
        for stream in 0..feed.streams() {
            let whole = feed.text(stream);
            let known = |line: &&str| !LOW_LATENCY.iter().any(|tag| line.starts_with(tag));
            let old: String = whole
                .lines()
                .filter(known)
                .map(|line| format!("{line}\n"))
                .collect();
            let expected = Playlist::read(&whole);
            for text in [&whole, &old] {
                let read = m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap();
                assert_eq!(read.media_sequence, expected.media_sequence, "{name}");
                assert_eq!(
                    read.discontinuity_sequence, expected.discontinuity_sequence,
                    "{name}"
                );
                assert_eq!(read.target_duration, expected.target_duration, "{name}");
                assert!(
                    read.independent_segments && !read.end_list && read.playlist_type.is_none()
                );
                assert_eq!(read.segments.len(), expected.segments.len(), "{name}");
                for (theirs, ours) in read.segments.iter().zip(&expected.segments) {
                    assert_eq!(
                        (&theirs.uri, theirs.discontinuity),
                        (&ours.uri, ours.discontinuity)
                    );
                    assert!(
                        (f64::from(theirs.duration) - ours.duration).abs() < 1e-5,
                        "{name}"
                    );
                    let date = theirs.program_date_time.unwrap().timestamp_millis();
                    assert_eq!(
                        date,
                        ours.program_date_time.unwrap().as_millisecond(),
                        "{name}"
                    );
                    assert_eq!(
                        theirs.unknown_tags.iter().any(|tag| tag.tag == "X-GAP"),
                        ours.gap,
                        "{name}"
                    );
                }
                let map = read.segments[0].map.as_ref().unwrap();
                assert_eq!(Some(&map.uri), expected.segments[0].map.as_ref(), "{name}");
            }
        }
    }
}

#[test]
fn another_reader_understands_every_line() {
    for (name, feed) in every_kind() {
        for stream in 0..feed.streams() {
            read_closely(name, &feed.text(stream));
            read_closely(name, &delta(&feed, stream));
        }
    }
}

/// Every line is a tag that quick-m3u8 knows, or a URI, and says what our own reader reads.
fn read_closely(name: &str, text: &str) {
    let ours = Playlist::read(text);
    let options = ParsingOptionsBuilder::new()
        .with_parsing_for_all_tags()
        .build();
    let mut reader = Reader::from_str(text, options);
    let (mut parts, mut hints, mut reports, mut uris, mut lines) =
        (vec![], vec![], vec![], vec![], 0);
    while let Some(line) = reader.read_line().unwrap() {
        lines += 1;
        match line {
            HlsLine::Uri(uri) => uris.push(uri.to_string()),
            HlsLine::KnownTag(KnownTag::Hls(tag)) => match tag {
                Tag::Part(part) => {
                    parts.push((part.uri().to_owned(), part.duration(), part.independent()))
                }
                Tag::PreloadHint(hint) => {
                    assert_eq!(
                        hint.hint_type(),
                        EnumeratedString::Known(PreloadHintType::Part)
                    );
                    hints.push(hint.uri().to_owned());
                }
                Tag::RenditionReport(report) => {
                    reports.push((
                        report.uri().to_owned(),
                        report.last_msn(),
                        report.last_part(),
                    ));
                }
                Tag::ServerControl(control) => {
                    let stated = |name: &str| ours.server_control[name].parse().ok();
                    assert!(control.can_block_reload(), "{name}");
                    assert_eq!(control.can_skip_until(), stated("CAN-SKIP-UNTIL"), "{name}");
                    assert_eq!(control.part_hold_back(), stated("PART-HOLD-BACK"), "{name}");
                }
                Tag::PartInf(inf) => assert!((inf.part_target() - ours.part_target).abs() < 1e-9),
                Tag::Skip(skip) => {
                    assert_eq!(skip.skipped_segments(), ours.skipped as u64, "{name}")
                }
                _ => {}
            },
            other => panic!("{name}: {other:?}"),
        }
    }
    assert_eq!(lines, text.lines().count(), "{name}");
    let listed = ours
        .segments
        .iter()
        .chain([&ours.open])
        .flat_map(|segment| &segment.parts);
    let listed: Vec<_> = listed
        .map(|part| (part.uri.clone(), part.duration, part.independent))
        .collect();
    assert_eq!(parts, listed, "{name}");
    assert_eq!(hints, Vec::from_iter(ours.hint.clone()), "{name}");
    assert_eq!(
        uris,
        ours.segments
            .iter()
            .map(|s| s.uri.clone())
            .collect::<Vec<_>>(),
        "{name}"
    );
    let number = |report: &HashMap<String, String>, name: &str| {
        report.get(name).and_then(|n| n.parse().ok())
    };
    let ours: Vec<_> = ours
        .reports
        .iter()
        .map(|r| {
            (
                r["URI"].clone(),
                number(r, "LAST-MSN").unwrap(),
                number(r, "LAST-PART"),
            )
        })
        .collect();
    assert_eq!(reports, ours, "{name}");
}

#[test]
fn other_readers_understand_multivariant_playlists() {
    let feed = run(Shape::default(), 20.0);
    let text = feed.packager.multivariant().unwrap().plain;
    let read = m3u8_rs::parse_master_playlist_res(&text).unwrap();
    let (whole, key_frames): (Vec<_>, Vec<_>) = read
        .variants
        .iter()
        .partition(|variant| !variant.is_i_frame);
    assert_eq!(
        (whole.len(), key_frames.len(), read.alternatives.len()),
        (2, 2, 1)
    );
    let options = ParsingOptionsBuilder::new()
        .with_parsing_for_all_tags()
        .build();
    let mut reader = Reader::from_bytes(&text, options);
    let mut variants = Vec::new();
    while let Some(line) = reader.read_line().unwrap() {
        match line {
            HlsLine::KnownTag(KnownTag::Hls(Tag::StreamInf(tag))) => variants.push(tag),
            HlsLine::KnownTag(_) | HlsLine::Uri(_) => {}
            other => panic!("{other:?}"),
        }
    }
    for (theirs, ours) in variants.iter().zip(&read.variants) {
        assert_eq!(theirs.bandwidth(), ours.bandwidth);
        assert_eq!(theirs.average_bandwidth(), ours.average_bandwidth);
        assert_eq!(theirs.codecs(), ours.codecs.as_deref());
        assert_eq!(theirs.frame_rate(), ours.frame_rate);
        assert_eq!(theirs.audio(), Some("audio"));
        assert!(
            theirs.average_bandwidth() < Some(theirs.bandwidth()),
            "an average is below its peak"
        );
    }
    assert_eq!(variants.len(), 2);
}

/// A gap has no bits, and no time in which it had none: it is not part of any average.
#[test]
fn gaps_do_not_lower_the_average() {
    let average = |feed: &Feed| {
        let text = feed.packager.multivariant().unwrap().plain;
        let read = m3u8_rs::parse_master_playlist_res(&text).unwrap();
        read.variants[1].average_bandwidth.unwrap()
    };
    let mut with = with_a_gap();
    with.run_until(13.0).unwrap();
    let without = average(&run(Shape::default(), 19.0));
    assert!(
        average(&with).abs_diff(without) < without / 100,
        "{} and {without}",
        average(&with)
    );
}

/// A report is as new as the playlist that carries it, one for each other rendition [B.1].
#[test]
fn reports_are_about_all_other_renditions_as_they_are_now() {
    let mut feed = Feed::new(Shape::default());
    for step in 1..40 {
        feed.run_until(f64::from(step) * 0.37).unwrap();
        if feed.packager.multivariant().is_none() {
            continue;
        }
        let lists: Vec<_> = (0..3)
            .map(|stream| Playlist::read(&feed.text(stream)))
            .collect();
        for (stream, list) in lists.iter().enumerate() {
            let others: Vec<usize> = (0..3).filter(|other| *other != stream).collect();
            assert_eq!(list.reports.len(), others.len());
            for (report, other) in list.reports.iter().zip(others) {
                let name = ["v0", "v1", "audio"][other];
                assert_eq!(report["URI"], format!("../{name}/index.m3u8"));
                let newest = [lists[other].segments.last(), Some(&lists[other].open)];
                let newest = newest
                    .into_iter()
                    .flatten()
                    .rfind(|s| !s.parts.is_empty())
                    .unwrap();
                assert_eq!(report["LAST-MSN"], newest.msn.to_string());
                assert_eq!(report["LAST-PART"], (newest.parts.len() - 1).to_string());
            }
        }
    }
}

/// Every change is told once, every version has its own tag, and what did not change has the same bytes.
#[test]
fn versions_are_rendered_once_and_tagged_apart() {
    let mut feed = Feed::new(short_window());
    let mut published: Vec<HashMap<Vec<u8>, String>> = vec![HashMap::new(); feed.streams()];
    let mut last = vec![String::new(); feed.streams()];
    for step in 1..400 {
        match step {
            170 => feed.restart(Duration::from_millis(300)),
            1..170 => feed.run_until(f64::from(step) * 0.05).unwrap(),
            _ => feed.run_until(f64::from(step - 170) * 0.05).unwrap(),
        }
        let mut told = vec![false; feed.streams()];
        for event in feed.events() {
            let PackagerEvent::Changed(id) = event else {
                continue;
            };
            assert!(
                !std::mem::replace(&mut told[id.index()], true),
                "told twice of one change"
            );
            let (shown, again) = (snapshot(&feed, id.index()), snapshot(&feed, id.index()));
            assert_eq!(
                (&shown.playlist, &shown.delta),
                (&again.playlist, &again.delta)
            );
            for rendered in [&shown.playlist, &shown.delta] {
                let known =
                    published[id.index()].insert(rendered.etag.to_vec(), text(&rendered.plain));
                assert!(
                    known.is_none_or(|known| known == text(&rendered.plain)),
                    "one tag for two texts"
                );
                let mut plain = Vec::new();
                flate2::read::GzDecoder::new(&rendered.gzip[..])
                    .read_to_end(&mut plain)
                    .unwrap();
                assert_eq!(plain, rendered.plain, "gzip is the same text");
            }
            assert_ne!(
                last[id.index()],
                text(&shown.playlist.plain),
                "told of a change that is none"
            );
            last[id.index()] = text(&shown.playlist.plain);
        }
        for stream in
            (0..feed.streams()).filter(|stream| !told[*stream] && !last[*stream].is_empty())
        {
            let media = |text: &str| {
                text.lines()
                    .filter(|l| !l.contains("REPORT"))
                    .map(String::from)
                    .collect::<Vec<_>>()
            };
            assert_eq!(
                media(&feed.text(stream)),
                media(&last[stream]),
                "a change that nobody was told of"
            );
        }
    }
    assert!(published.iter().all(|versions| versions.len() > 20));
}

// === Deltas ===

/// What a delta may not change: everything but the parts that were listed once.
fn bare(segments: &[Segment]) -> Vec<Segment> {
    let strip = |segment: &Segment| Segment {
        parts: Vec::new(),
        ..segment.clone()
    };
    segments.iter().map(strip).collect()
}

/// All that is not a Media Segment is the same in both, but for the version [6.2.5.1].
fn check_rest(whole: &Playlist, delta: &Playlist) {
    let control = |list: &Playlist| {
        (
            list.target_duration,
            list.server_control.clone(),
            list.media_sequence,
        )
    };
    assert_eq!(control(whole), control(delta));
    assert_eq!(whole.discontinuity_sequence, delta.discontinuity_sequence);
    assert_eq!((&whole.open, &whole.hint), (&delta.open, &delta.hint));
    assert_eq!(whole.reports, delta.reports);
    let kept = &whole.segments[delta.skipped..];
    assert_eq!(
        kept, delta.segments,
        "what is kept is kept whole, with its MAP"
    );
}

/// Skipped is what ends before the Skip Boundary, and all of that.
fn check_boundary(whole: &Playlist, delta: &Playlist) {
    let boundary: f64 = whole.server_control["CAN-SKIP-UNTIL"].parse().unwrap();
    for (index, _) in whole.segments.iter().enumerate() {
        let after: f64 = whole.segments[index + 1..]
            .iter()
            .map(|segment| segment.duration)
            .sum();
        if (after - boundary).abs() > 0.001 {
            assert_eq!(
                index < delta.skipped,
                after > boundary,
                "segment {index} ends {after} s from the end"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_delta_on_top_of_an_older_version_is_the_whole(
        window in 8_u64..40,
        segment_ms in 1000_u64..3000,
        steps in prop::collection::vec((0.3_f64..1.5, 0_u32..12), 10..60),
    ) {
        let segment = Duration::from_millis(segment_ms);
        let shape = Shape { segment, part: segment / 4, window: Duration::from_secs(window), ..Shape::default() };
        let mut feed = Feed::new(shape);
        let mut old: Vec<Playlist> = Vec::new();
        let mut skipped = 0;
        for (seconds, dice) in steps {
            if dice == 0 {
                feed.restart(Duration::from_millis(200));
            }
            let until = feed.position(0) + seconds;
            feed.run_until(until).unwrap();
            if feed.packager.multivariant().is_none() {
                continue;
            }
            let whole = Playlist::read(&feed.text(0));
            let delta = Playlist::read(&delta(&feed, 0));
            delta.check();
            check_rest(&whole, &delta);
            check_boundary(&whole, &delta);
            skipped = skipped.max(delta.skipped);
            // Any version that knows all that is left out now.
            for known in old.iter().filter(|old| old.next_msn() >= delta.media_sequence + delta.skipped as u64
                && old.media_sequence <= delta.media_sequence) {
                prop_assert_eq!(bare(&apply_delta(known, &delta)), bare(&whole.segments));
            }
            old.push(whole);
        }
    }
}
