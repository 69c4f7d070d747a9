//! Transport streams of real fragments, read back by a reader that knows nothing of the writer.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/media.rs"]
mod media_support;
#[path = "support/ten_minutes.rs"]
mod ten_minutes;
#[path = "support/ts_reader.rs"]
mod ts_reader;

use std::sync::Arc;

use bytes::Bytes;
use headgate::media::ts::{Muxer, Program, TsError, splice};
use headgate::media::{Fragment, MediaInitializationSection, read_fragment, write_fragment};
use media_support::{
    AUDIO_AAC, VIDEO_BFRAMES_COPY, VIDEO_H264, VIDEO_HEVC, audio_init, fragments_of, init_of,
    read_all, video_init,
};
use proptest::prelude::*;
use ts_reader::{Stream, WRAP, adts_frames, nal_units, read};

fn program(video: &[u8], audio: &[u8]) -> Arc<Program> {
    Arc::new(Program::new(Some(&init_of(video)), Some(&init_of(audio))).unwrap())
}

/// The same media, later by so many seconds.
fn later(fragments: &[Fragment], timescale: u32, seconds: f64) -> Vec<Fragment> {
    let shift = (seconds * f64::from(timescale)) as u64;
    let moved = |fragment: &Fragment| Fragment {
        base_decode_time: fragment.base_decode_time + shift,
        ..fragment.clone()
    };
    fragments.iter().map(moved).collect()
}

/// A second of pictures from 10 s on, and of sound from a frame earlier.
fn second() -> (Vec<Fragment>, Vec<Fragment>) {
    let video = later(&fragments_of(VIDEO_H264), 15_360, 10.0);
    (video, fragments_of(AUDIO_AAC))
}

fn mux(program: &Arc<Program>, video: &[Fragment], audio: &[Fragment]) -> Bytes {
    let mut muxer = Muxer::new(program.clone(), false);
    video.iter().for_each(|fragment| muxer.video(fragment));
    audio.iter().for_each(|fragment| muxer.audio(fragment));
    muxer.end_video();
    muxer.end_audio();
    muxer.take()
}

/// What the samples of fragments hold, without lengths and start codes.
fn samples(fragments: &[Fragment]) -> Vec<Bytes> {
    let mut all = Vec::new();
    for fragment in fragments {
        let mut offset = 0;
        for sample in &fragment.samples {
            all.push(fragment.data.slice(offset..offset + sample.size as usize));
            offset += sample.size as usize;
        }
    }
    all
}

fn units_of(sample: &[u8]) -> Vec<&[u8]> {
    let mut units = Vec::new();
    let mut rest = sample;
    while let Some((length, after)) = rest.split_first_chunk() {
        let (unit, after) = after.split_at(u32::from_be_bytes(*length) as usize);
        units.push(unit);
        rest = after;
    }
    units
}

fn assert_full_cycles(stream: &Stream) {
    let counters = stream.counters();
    assert!(
        counters.values().all(|counter| *counter == 0),
        "{counters:?}"
    );
}

#[test]
fn a_frame_that_lasts_for_days_costs_few_packets() {
    let program = program(VIDEO_H264, AUDIO_AAC);
    let (mut video, audio) = second();
    let usual = mux(&program, &video, &audio).len();
    let last = video.last_mut().unwrap().samples.last_mut().unwrap();
    last.duration = u32::MAX;
    let stream = mux(&program, &video, &audio);
    assert!(stream.len() < usual + 300 * 188, "{}", stream.len());
}

#[test]
fn pictures_and_sound_come_out_as_they_went_in() {
    let (video, audio) = second();
    let stream = read(&mux(&program(VIDEO_H264, AUDIO_AAC), &video, &audio));
    assert_eq!(
        stream.kinds.values().copied().collect::<Vec<_>>(),
        [0x1b, 0x0f]
    );
    assert_eq!(stream.video().len(), 30);
    for (index, (frame, sample)) in stream.video().iter().zip(samples(&video)).enumerate() {
        assert_eq!(frame.dts, 900_000 + 3_000 * index as u64);
        assert_eq!(frame.pts, frame.dts);
        assert_eq!(frame.random_access, index % 15 == 0);
        let units = nal_units(&frame.data);
        assert_eq!(units[0][0] & 0x1f, 9, "a delimiter first");
        let kinds: Vec<u8> = units.iter().map(|unit| unit[0] & 0x1f).collect();
        assert_eq!(
            kinds[1..].starts_with(&[7, 8]),
            index % 15 == 0,
            "{kinds:?}"
        );
        let own = units_of(&sample);
        assert_eq!(units[units.len() - own.len()..], own);
    }
    let frames: Vec<&[u8]> = stream
        .audio()
        .iter()
        .flat_map(|frame| adts_frames(&frame.data))
        .collect();
    assert_eq!(frames, samples(&audio));
    let step = |pair: &[ts_reader::Frame]| pair[1].pts - pair[0].pts;
    assert!(
        stream
            .audio()
            .windows(2)
            .all(|pair| step(pair) == 3 * 1_920)
    );
    assert_full_cycles(&stream);
    let (low, high) = stream.lead.unwrap();
    assert!(
        low > 0.1 && high < 0.5,
        "decoders get frames {low} to {high} s ahead"
    );
    assert!(
        stream.longest_clock_gap <= 0.051,
        "{}",
        stream.longest_clock_gap
    );
}

#[test]
fn tables_stand_before_each_random_access_point() {
    let (video, audio) = second();
    let stream = read(&mux(&program(VIDEO_H264, AUDIO_AAC), &video, &audio));
    for frame in stream.video().iter().filter(|frame| frame.random_access) {
        assert!(
            stream.maps.contains(&(frame.packet - 1)),
            "packet {}",
            frame.packet
        );
    }
}

#[test]
fn reordered_pictures_keep_both_times() {
    let init = init_of(VIDEO_BFRAMES_COPY);
    let fragments = later(&fragments_of(VIDEO_BFRAMES_COPY), init.timescale, 10.0);
    assert!(
        fragments
            .iter()
            .any(|one| one.samples[0].composition_offset < 0)
    );
    let program = Arc::new(Program::new(Some(&init), None).unwrap());
    let stream = read(&mux(&program, &fragments, &[]));
    let mut time = fragments[0].base_decode_time;
    let scale = u64::from(init.timescale);
    let mut expected = Vec::new();
    for sample in fragments.iter().flat_map(|fragment| &fragment.samples) {
        let shown = time
            .checked_add_signed(sample.composition_offset.into())
            .unwrap();
        expected.push((shown * 90_000 / scale, time * 90_000 / scale));
        time += u64::from(sample.duration);
    }
    // The stream says that two pictures are reordered, and 50 ms are counted for each.
    let earlier = |(pts, dts): (u64, u64)| (pts, dts - 9_000);
    let expected: Vec<_> = expected.into_iter().map(earlier).collect();
    let found: Vec<_> = stream
        .video()
        .iter()
        .map(|frame| (frame.pts, frame.dts))
        .collect();
    assert_eq!(found, expected);
    assert!(found.iter().any(|(pts, dts)| pts > dts));
    assert_full_cycles(&stream);
}

#[test]
fn hevc_has_its_own_type_and_parameter_sets() {
    let program = Arc::new(Program::new(Some(&init_of(VIDEO_HEVC)), None).unwrap());
    let stream = read(&mux(&program, &fragments_of(VIDEO_HEVC), &[]));
    assert_eq!(stream.kinds.values().copied().collect::<Vec<_>>(), [0x24]);
    let first = nal_units(&stream.video()[0].data);
    let kinds: Vec<u8> = first.iter().map(|unit| unit[0] >> 1 & 0x3f).collect();
    assert!(kinds.starts_with(&[35, 32, 33, 34]), "{kinds:?}");
}

#[test]
fn sound_alone_carries_the_clock() {
    let program = Arc::new(Program::new(None, Some(&audio_init())).unwrap());
    let stream = read(&mux(&program, &[], &fragments_of(AUDIO_AAC)));
    assert_eq!(stream.kinds[&stream.clock_pid], 0x0f);
    assert!(stream.audio().iter().all(|frame| frame.random_access));
    assert!(
        stream.longest_clock_gap <= 0.051,
        "{}",
        stream.longest_clock_gap
    );
    assert_full_cycles(&stream);
}

/// Five frames a second: the clock goes on between them.
#[test]
fn rare_frames_have_clock_references_between_them() {
    let slow = |fragment: &Fragment| {
        let mut fragment = fragment.clone();
        fragment.base_decode_time *= 6;
        fragment.samples[0].duration *= 6;
        fragment
    };
    let video: Vec<Fragment> = fragments_of(VIDEO_H264).iter().map(slow).collect();
    let program = Arc::new(Program::new(Some(&video_init()), None).unwrap());
    let (first, second) = video.split_at(15);
    let joined = [mux(&program, first, &[]), mux(&program, second, &[])].concat();
    let stream = read(&joined);
    assert_eq!(stream.video().len(), 30);
    assert!(
        stream.longest_clock_gap <= 0.051,
        "{}",
        stream.longest_clock_gap
    );
    assert!(stream.clocks.len() >= 6 * 20);
}

#[test]
fn segments_join_without_a_seam_whoever_is_made_first() {
    let program = program(VIDEO_H264, AUDIO_AAC);
    let (video, audio) = second();
    let (mut joined, mut made) = (Vec::new(), Vec::new());
    for round in (0..4_u32).rev() {
        let seconds = f64::from(round);
        // Sound that begins where the last second's ended: 47 frames and not 48 000 samples.
        let sound = later(
            &audio,
            48_000,
            f64::from(round) * audio.len() as f64 * 1024.0 / 48_000.0,
        );
        made.push(mux(&program, &later(&video, 15_360, seconds), &sound));
    }
    made.iter()
        .rev()
        .for_each(|segment| joined.extend_from_slice(segment));
    let stream = read(&joined);
    assert_eq!(stream.video().len(), 120);
    assert!(stream.jumps.is_empty(), "{:?}", stream.jumps);
}

#[test]
fn times_go_on_over_the_wrap() {
    let program = program(VIDEO_H264, AUDIO_AAC);
    let (video, audio) = second();
    let wrap = WRAP as f64 / 90_000.0;
    // The wrap lies in the middle of the second.
    let shift = wrap - 10.5;
    let bytes = mux(
        &program,
        &later(&video, 15_360, shift),
        &later(&audio, 48_000, shift),
    );
    let stream = read(&bytes);
    assert_eq!((stream.video().len(), stream.audio().len()), (30, 16));
    let times: Vec<u64> = stream.video().iter().map(|frame| frame.dts).collect();
    assert!(
        times[0] < WRAP && *times.last().unwrap() > WRAP,
        "{times:?}"
    );
    assert!(
        times.windows(2).all(|pair| pair[1] - pair[0] == 3_000),
        "{times:?}"
    );
    let clocks = &stream.clocks;
    assert!(
        clocks[0] < WRAP && *clocks.last().unwrap() > WRAP,
        "{clocks:?}"
    );
}

/// Ten minutes in segments of two seconds, with the wrap in the middle.
#[test]
fn ten_minutes_over_the_wrap_are_one_stream() {
    let mut stream = Stream::default();
    for segment in ten_minutes::segments() {
        stream.push(&segment);
    }
    stream.finish();
    assert!(stream.jumps.is_empty(), "{:?}", stream.jumps);
    assert_eq!(stream.video().len(), 18_000);
    assert!(
        stream.longest_clock_gap <= 0.1,
        "{}",
        stream.longest_clock_gap
    );
    let step = |pair: &[ts_reader::Frame]| pair[1].dts - pair[0].dts;
    assert!(stream.video().windows(2).all(|pair| step(pair) == 3_000));
    let times = |frames: &[ts_reader::Frame]| (frames[0].dts, frames.last().unwrap().dts);
    for (from, to) in [times(stream.video()), times(stream.audio())] {
        assert!(from < WRAP && to > WRAP, "{from} to {to}");
    }
}

#[test]
fn a_discontinuity_is_announced_on_each_track() {
    let program = program(VIDEO_H264, AUDIO_AAC);
    let (video, audio) = second();
    let before = mux(
        &program,
        &later(&video, 15_360, 500.0),
        &later(&audio, 48_000, 500.0),
    );
    let mut muxer = Muxer::new(program, true);
    video.iter().for_each(|fragment| muxer.video(fragment));
    audio.iter().for_each(|fragment| muxer.audio(fragment));
    muxer.end_video();
    muxer.end_audio();
    let stream = read(&[before, muxer.take()].concat());
    let announced: Vec<u16> = stream.jumps.keys().copied().collect();
    assert_eq!(announced, stream.kinds.keys().copied().collect::<Vec<_>>());
}

#[test]
fn a_splice_allows_to_go_on_anywhere() {
    let program = program(VIDEO_H264, AUDIO_AAC);
    let (video, audio) = second();
    let mut muxer = Muxer::new(program.clone(), false);
    video[..10]
        .iter()
        .for_each(|fragment| muxer.video(fragment));
    audio[..20]
        .iter()
        .for_each(|fragment| muxer.audio(fragment));
    let torn = muxer.take();
    assert!(!torn.is_empty());
    let whole = mux(
        &program,
        &later(&video, 15_360, 60.0),
        &later(&audio, 48_000, 60.0),
    );
    let stream = read(&[torn, splice(&program), whole].concat());
    assert_eq!(stream.jumps.len(), 4, "on every PID");
}

#[test]
fn a_track_that_has_nothing_does_not_stop_the_other() {
    let program = program(VIDEO_H264, AUDIO_AAC);
    let (video, audio) = second();
    assert_eq!(read(&mux(&program, &video, &[])).video().len(), 30);
    let sound = mux(&program, &[], &audio);
    assert!(!sound.is_empty(), "what is there comes out");
}

/// Frames of a few bytes, as still pictures and silence have them, are spread over sixteen packets like any other.
#[test]
fn tiny_frames_keep_their_header_in_one_piece() {
    let tiny = |fragments: &[Fragment], bytes: &'static [u8]| {
        let mut last = fragments.last().unwrap().clone();
        last.samples.truncate(1);
        last.samples[0].size = bytes.len() as u32;
        last.data = Bytes::from_static(bytes);
        vec![last]
    };
    let (video, audio) = second();
    let video = tiny(&video, &[0, 0, 0, 2, 0x41, 0x9a]);
    let audio = tiny(&audio, &[0x21]);
    let stream = read(&mux(&program(VIDEO_H264, AUDIO_AAC), &video, &audio));
    assert_full_cycles(&stream);
    assert_eq!(nal_units(&stream.video()[0].data)[1], [0x41, 0x9a]);
    assert_eq!(adts_frames(&stream.audio()[0].data), [[0x21]]);
}

#[test]
fn codings_without_a_place_are_refused_in_words() {
    for (init, codec) in [
        (&include_bytes!("fixtures/init_av1.mp4")[..], "av01"),
        (include_bytes!("fixtures/init_vp9.mp4"), "vp09"),
    ] {
        let error = Program::new(Some(&init_of(init)), None).unwrap_err();
        assert!(error.to_string().starts_with(codec), "{error}");
    }
    for init in [
        &include_bytes!("fixtures/init_opus.mp4")[..],
        include_bytes!("fixtures/init_ac3.mp4"),
        include_bytes!("fixtures/init_mp3.mp4"),
    ] {
        let error = Program::new(None, Some(&init_of(init))).unwrap_err();
        assert!(matches!(error, TsError::Coding { .. }), "{error}");
    }
    assert_eq!(Program::new(None, None).unwrap_err(), TsError::NoTrack);
    let surround = init_of(include_bytes!("fixtures/init_aac_5_1_96k.mp4"));
    assert!(Program::new(None, Some(&surround)).is_ok());
}

#[test]
fn a_part_is_read_back() {
    let init: MediaInitializationSection = video_init();
    let [first, ..] = &fragments_of(VIDEO_H264)[..] else {
        panic!("fragments")
    };
    let part = write_fragment(
        init.track_id,
        7,
        512,
        &first.samples,
        std::slice::from_ref(&first.data),
    );
    let fragment = read_fragment(&init, &part).unwrap().unwrap();
    assert_eq!(
        (fragment.base_decode_time, &fragment.data),
        (512, &first.data)
    );
    assert_eq!(read_fragment(&init, b"").unwrap(), None);
    assert!(
        read_fragment(&init, &part[..part.len() - 1])
            .unwrap()
            .is_none()
    );
    assert_eq!(read_all(VIDEO_H264).len(), 31);
}

/// Several fragments as one, cut after each of these numbers of samples.
fn recut(fragments: &[Fragment], cuts: &[usize]) -> Vec<Fragment> {
    let (mut out, mut rest) = (Vec::new(), fragments);
    let mut cuts = cuts.iter().cycle();
    while !rest.is_empty() {
        let count = (*cuts.next().unwrap()).clamp(1, rest.len());
        let (taken, after) = rest.split_at(count);
        rest = after;
        let data: Vec<u8> = taken
            .iter()
            .flat_map(|fragment| fragment.data.to_vec())
            .collect();
        out.push(Fragment {
            base_decode_time: taken[0].base_decode_time,
            samples: taken
                .iter()
                .flat_map(|fragment| fragment.samples.clone())
                .collect(),
            data: data.into(),
        });
    }
    out
}

proptest! {
    /// However the media is cut, whichever track is ahead, whenever somebody takes: the same bytes.
    #[test]
    fn any_split_gives_the_same_stream(
        video_cuts in prop::collection::vec(1_usize..20, 1..6),
        audio_cuts in prop::collection::vec(1_usize..30, 1..6),
        order in prop::collection::vec(any::<(bool, bool)>(), 1..40),
    ) {
        let program = program(VIDEO_H264, AUDIO_AAC);
        let (video, audio) = second();
        let whole = mux(&program, &video, &audio);
        let (video, audio) = (recut(&video, &video_cuts), recut(&audio, &audio_cuts));
        let (mut video, mut audio) = (video.iter(), audio.iter());
        let mut muxer = Muxer::new(program, false);
        let mut pieces = Vec::new();
        for (is_video, takes) in order.iter().cycle() {
            match (is_video, video.len(), audio.len()) {
                (_, 0, 0) => break,
                (true, 1.., _) | (false, _, 0) => {
                    muxer.video(video.next().unwrap());
                    if video.len() == 0 && *takes { muxer.end_video(); }
                }
                _ => muxer.audio(audio.next().unwrap()),
            }
            if *takes {
                let piece = muxer.take();
                prop_assert_eq!(piece.len() % ts_reader::PACKET, 0);
                pieces.push(piece);
            }
        }
        muxer.end_video();
        muxer.end_audio();
        pieces.push(muxer.take());
        prop_assert!(pieces.concat() == whole, "other bytes");
        let stream = read(&whole);
        prop_assert_eq!(stream.video().len(), 30);
    }
}
