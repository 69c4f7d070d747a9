//! The MPEG-DASH manifest and the playlists of key frames, over random encoders and losses: read by an XML parser that
//! knows nothing of the writer, and compared with the Media Playlists of the same moment.

#[path = "support/feed.rs"]
mod feed;
#[path = "support/media.rs"]
mod media_support;

use std::collections::HashMap;
use std::time::Duration;

use feed::{FIRST, Feed, Shape};
use headgate::base::RenditionId;
use headgate::dash::{Track, Version, is_ready, manifest};
use headgate::hls::Snapshot;
use headgate::media::{FragmentReader, MediaEvent};
use jiff::Timestamp;
use proptest::prelude::*;
use roxmltree::{Document, Node};

/// All manifests of a channel so far.
#[derive(Default)]
struct Reader {
    /// Start and offsets of each Period: they never change.
    periods: HashMap<String, (String, Vec<String>)>,
    /// What each number of a rendition was said to be: its start, its duration, and whether it was whole.
    segments: HashMap<(String, u64), (u64, u64)>,
    count: usize,
}

fn snapshots(feed: &Feed) -> Vec<Snapshot> {
    let streams = 0..feed.streams();
    streams
        .map(|stream| feed.packager.snapshot(RenditionId(stream as u8)))
        .collect()
}

fn name(feed: &Feed, stream: usize) -> String {
    let renditions = &feed.packager.config().renditions;
    renditions[stream].name.to_string()
}

fn text_of(feed: &Feed, snapshots: &[Snapshot]) -> Option<String> {
    let names: Vec<String> = (0..feed.streams()).map(|it| name(feed, it)).collect();
    let tracks: Vec<Track<'_>> = names
        .iter()
        .zip(snapshots)
        .map(|(name, snapshot)| Track { name, snapshot })
        .collect();
    assert_eq!(Version::of(&tracks), Version::of(&tracks));
    manifest(&tracks, Timestamp::UNIX_EPOCH)
}

fn number(node: Node<'_, '_>, name: &str) -> u64 {
    let text = node.attribute(name);
    let text = text.unwrap_or_else(|| panic!("{} has no {name}", node.tag_name().name()));
    text.parse().unwrap_or_else(|_| panic!("{name}={text:?}"))
}

/// `PT…S`
fn seconds(node: Node<'_, '_>, name: &str) -> f64 {
    let text = node.attribute(name).expect(name);
    let digits = text.strip_prefix("PT").and_then(|it| it.strip_suffix('S'));
    digits.expect("a duration").parse().expect("a number")
}

fn children<'a>(node: Node<'a, 'a>, name: &'static str) -> impl Iterator<Item = Node<'a, 'a>> {
    node.children()
        .filter(move |it| it.has_tag_name(("urn:mpeg:dash:schema:mpd:2011", name)))
}

/// Number, time and duration of each listed segment.
fn listed(template: Node<'_, '_>) -> Vec<(u64, u64, u64)> {
    let mut msn = number(template, "startNumber");
    let mut all = Vec::new();
    let entries = template
        .descendants()
        .filter(|it| it.has_tag_name(("urn:mpeg:dash:schema:mpd:2011", "S")));
    for entry in entries {
        let (mut time, duration) = (number(entry, "t"), number(entry, "d"));
        let repeats = entry.attribute("r").map_or(0, |it| it.parse().expect("r"));
        for _ in 0..=repeats {
            all.push((msn, time, duration));
            (msn, time) = (msn + 1, time + duration);
        }
    }
    all
}

impl Reader {
    fn see(&mut self, feed: &Feed) {
        let snapshots = snapshots(feed);
        let Some(text) = text_of(feed, &snapshots) else {
            assert_eq!(self.count, 0, "a manifest that was there stays");
            return;
        };
        assert!(snapshots.iter().all(is_ready));
        self.count += 1;
        let document = Document::parse(&text).expect("the manifest should be XML");
        let mpd = document.root_element();
        assert_eq!(mpd.attribute("type"), Some("dynamic"));
        assert_eq!(
            mpd.attribute("availabilityStartTime"),
            Some("1970-01-01T00:00:00Z")
        );
        let mut end = 0.0;
        for period in children(mpd, "Period") {
            let start = seconds(period, "start");
            assert!(start >= end - 0.1, "Periods overlap: {start} before {end}");
            end = self.period(feed, &snapshots, period, start);
        }
        assert!(end > 0.0, "a manifest without media");
    }

    /// Checks a Period; answers when its media ends, on the timeline of the manifest.
    fn period(
        &mut self,
        feed: &Feed,
        snapshots: &[Snapshot],
        period: Node<'_, '_>,
        start: f64,
    ) -> f64 {
        let id = period.attribute("id").expect("an id").to_owned();
        let representations: Vec<_> = children(period, "AdaptationSet")
            .flat_map(|set| children(set, "Representation"))
            .collect();
        assert_eq!(
            representations.len(),
            feed.streams(),
            "every rendition in every Period"
        );
        let mut offsets = Vec::new();
        let mut end: f64 = 0.0;
        for representation in representations {
            let template = children(representation, "SegmentTemplate")
                .next()
                .expect("a template");
            let (scale, offset) = (
                number(template, "timescale"),
                number(template, "presentationTimeOffset"),
            );
            offsets.push(offset.to_string());
            let segments = listed(template);
            let stream = (0..feed.streams())
                .find(|it| Some(name(feed, *it).as_str()) == representation.attribute("id"))
                .expect("a rendition");
            self.segments(feed, &snapshots[stream], stream, &segments, &id);
            let first = (segments[0].1 as f64 - offset as f64) / scale as f64;
            assert!(
                first > -0.1 || self.count > 1,
                "the first picture is {first} s before its Period"
            );
            let (_, time, duration) = segments.last().expect("a segment");
            end = end.max(start + (*time as f64 + *duration as f64 - offset as f64) / scale as f64);
        }
        let said = (
            period.attribute("start").expect("a start").to_owned(),
            offsets,
        );
        let before = self.periods.entry(id).or_insert_with(|| said.clone());
        assert_eq!(*before, said, "a Period never changes");
        end
    }

    /// Checks that what is listed is what the Media Playlist lists, and that it follows without a hole.
    fn segments(
        &mut self,
        feed: &Feed,
        snapshot: &Snapshot,
        stream: usize,
        listed: &[(u64, u64, u64)],
        id: &str,
    ) {
        for pair in listed.windows(2) {
            assert_eq!(
                pair[0].1 + pair[0].2,
                pair[1].1,
                "a hole after {}",
                pair[0].0
            );
        }
        let mut discontinuity = snapshot.discontinuity_sequence;
        let of_playlist = snapshot.segments().iter();
        let numbers: HashMap<u64, u64> = of_playlist
            .filter(|segment| segment.msn >= snapshot.media_sequence)
            .map(|segment| {
                discontinuity += u64::from(segment.discontinuity);
                (segment.msn, discontinuity)
            })
            .collect();
        for (msn, time, duration) in listed {
            let Some(segment) = snapshot.segment(*msn) else {
                assert_eq!(*msn, snapshot.edge.msn, "only the newest may be growing");
                assert!(
                    snapshot.edge.parts > 0,
                    "a segment of which there is nothing"
                );
                continue;
            };
            assert_eq!(
                numbers[msn].to_string(),
                id,
                "the Discontinuity Sequence Number of {msn}"
            );
            assert_eq!(
                (segment.start, segment.duration.ticks),
                (*time, *duration),
                "segment {msn}"
            );
            let known = self.segments.entry((name(feed, stream), *msn));
            let known = known.or_insert((*time, *duration));
            assert_eq!(*known, (*time, *duration), "segment {msn} never changes");
        }
    }
}

fn watch(feed: &mut Feed, reader: &mut Reader, until: f64) {
    let mut at = feed.position(0);
    while at < until {
        at += 0.25;
        feed.run_until(at.min(until))
            .expect("regular media should be packaged");
        reader.see(feed);
    }
}

#[test]
fn a_minute_of_every_usual_frame_rate_is_one_timeline() {
    for frame_rate in [
        (24, 1),
        (24_000, 1001),
        (25, 1),
        (30_000, 1001),
        (60_000, 1001),
        (10, 1),
    ] {
        let mut feed = Feed::new(Shape {
            frame_rate,
            ..Shape::default()
        });
        let mut reader = Reader::default();
        watch(&mut feed, &mut reader, 60.0);
        assert!(
            reader.count > 200 && reader.periods.len() == 1,
            "{}",
            reader.count
        );
    }
}

#[test]
fn the_first_manifest_comes_when_there_is_enough_to_begin_with() {
    let mut feed = Feed::new(Shape::default());
    let mut reader = Reader::default();
    watch(&mut feed, &mut reader, 3.5);
    assert_eq!(reader.count, 0);
    watch(&mut feed, &mut reader, 5.0);
    assert!(reader.count > 0);
    let text = text_of(&feed, &snapshots(&feed)).expect("a manifest");
    assert!(text.contains(&format!("startNumber=\"{FIRST}\"")), "{text}");
}

/// What of a manifest a person should look at when it changes.
#[test]
fn a_manifest_as_it_is_sent() {
    let mut feed = Feed::new(Shape {
        videos: 1,
        ..Shape::default()
    });
    feed.run_until(7.0)
        .expect("regular media should be packaged");
    feed.restart(Duration::from_secs(3));
    feed.run_until(3.0)
        .expect("regular media should be packaged");
    insta::assert_snapshot!(text_of(&feed, &snapshots(&feed)).expect("a manifest"));
}

#[test]
fn copied_sources_list_whole_segments_only() {
    let shape = Shape {
        videos: 1,
        irregular_key_frames: true,
        ..Shape::default()
    };
    let mut feed = Feed::new(shape).with_key_frames(&[0, 70, 150, 210, 300, 390, 450]);
    feed.run_until(14.0)
        .expect("regular media should be packaged");
    let snapshots = snapshots(&feed);
    let text = text_of(&feed, &snapshots).expect("a manifest");
    assert!(!text.contains("availabilityTimeOffset"), "{text}");
    let document = Document::parse(&text).expect("XML");
    let template = document
        .descendants()
        .find(|it| it.tag_name().name() == "SegmentTemplate");
    let last = listed(template.expect("a template"))
        .last()
        .copied()
        .expect("a segment");
    assert_eq!(
        last.0,
        snapshots[0].segments().last().expect("a segment").msn
    );
}

#[test]
fn key_frames_are_whole_fragments_of_one_picture() {
    let mut feed = Feed::new(Shape::default());
    feed.run_until(20.0)
        .expect("regular media should be packaged");
    for snapshot in &snapshots(&feed)[..2] {
        let playlist = snapshot.key_frame_playlist().expect("a playlist");
        let text = String::from_utf8(playlist.plain.to_vec()).expect("text");
        assert!(text.contains("#EXT-X-I-FRAMES-ONLY\n"), "{text}");
        let read = quick_m3u8_lines(&text);
        let segments: Vec<_> = snapshot
            .segments()
            .iter()
            .filter(|it| it.msn >= snapshot.media_sequence)
            .collect();
        assert_eq!(read.len(), segments.len());
        let section = &snapshot.init.as_ref().expect("an init section").section;
        for (segment, (uri, duration)) in segments.iter().zip(read) {
            assert_eq!(uri, format!("e{FIRST}/{}.iframe.m4s", segment.msn));
            assert!((duration - segment.duration.as_secs_f64()).abs() < 1e-5);
            let fragment = segment
                .key_frame_fragment(section.track_id, section.timescale)
                .expect("a key frame");
            let again = segment.key_frame_fragment(section.track_id, section.timescale);
            assert_eq!(
                Some(&fragment),
                again.as_ref(),
                "a URI names its bytes for ever"
            );
            let mut reader = FragmentReader::default();
            reader.push(&section.bytes);
            reader.push(&fragment);
            let events: Vec<MediaEvent> =
                std::iter::from_fn(|| reader.poll().expect("media")).collect();
            let Some(MediaEvent::Fragment(read)) = events.last() else {
                panic!("{events:?}")
            };
            assert_eq!(read.samples.len(), 1);
            assert!(read.samples[0].is_sync);
            assert!(
                segment
                    .body
                    .windows(read.data.len())
                    .any(|it| it == read.data),
                "its bytes are the segment's"
            );
            assert_eq!(u64::from(read.samples[0].duration), segment.duration.ticks);
            assert_eq!(read.base_decode_time, segment.start);
        }
    }
    assert!(
        snapshots(&feed)[2].key_frame_playlist().is_none(),
        "sound has no pictures"
    );
}

/// URI and EXTINF of each segment.
fn quick_m3u8_lines(text: &str) -> Vec<(String, f64)> {
    let mut duration = 0.0;
    let mut all = Vec::new();
    for line in text.lines() {
        if let Some(value) = line.strip_prefix("#EXTINF:") {
            duration = value.trim_end_matches(',').parse().expect("a duration");
        } else if !line.starts_with('#') {
            all.push((line.to_owned(), duration));
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Encoders are lost at any time, and come back sooner or later.
    #[test]
    fn any_losses_leave_a_timeline(
        rate in prop::sample::select(vec![(25, 1), (30_000, 1001), (24, 1)]),
        videos in 1_usize..3,
        runs in prop::collection::vec((0.1_f64..9.0, 0_u64..4000), 1..6),
    ) {
        let mut feed = Feed::new(Shape { frame_rate: rate, videos, window: Duration::from_secs(14), ..Shape::default() });
        let mut reader = Reader::default();
        watch(&mut feed, &mut reader, 5.0);
        for (seconds, later) in runs {
            feed.restart(Duration::from_millis(later));
            reader.see(&feed);
            watch(&mut feed, &mut reader, seconds);
        }
    }
}
