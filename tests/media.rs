//! The media room on real streams of ffmpeg, cut and broken in every way.

#[path = "support/media.rs"]
mod media_support;

use headgate::media::{
    AudioFormat, FragmentReader, MediaEvent, MediaFormat, VideoFormat, write_fragment,
};
use media_support::{
    AUDIO_AAC, VIDEO_BFRAMES_COPY, VIDEO_H264, VIDEO_HEVC, audio_init, fragments_of, init_of,
    read_all, read_in_pieces, video_init,
};
use proptest::prelude::*;

const STREAMS: [&[u8]; 4] = [VIDEO_H264, AUDIO_AAC, VIDEO_BFRAMES_COPY, VIDEO_HEVC];

/// An initialization section of every coding but AVC.
const INITS: [&[u8]; 8] = [
    include_bytes!("fixtures/init_hev1.mp4"),
    include_bytes!("fixtures/init_av1.mp4"),
    include_bytes!("fixtures/init_vp9.mp4"),
    include_bytes!("fixtures/init_opus.mp4"),
    include_bytes!("fixtures/init_flac.mp4"),
    include_bytes!("fixtures/init_ac3.mp4"),
    include_bytes!("fixtures/init_eac3.mp4"),
    include_bytes!("fixtures/init_aac_5_1_96k.mp4"),
];

#[test]
fn h264_stream_of_frames() {
    let init = video_init();
    assert_eq!((init.track_id, init.timescale), (1, 15_360));
    assert_eq!(init.codec, "avc1.64000b");
    let size = VideoFormat {
        width: 160,
        height: 90,
    };
    assert_eq!(init.format, MediaFormat::Video(size));
    let fragments = fragments_of(VIDEO_H264);
    assert_eq!(fragments.len(), 30);
    for (index, fragment) in fragments.iter().enumerate() {
        assert_eq!(fragment.base_decode_time, 512 * index as u64);
        let [sample] = fragment.samples[..] else {
            panic!("one frame a fragment")
        };
        assert_eq!(sample.duration, 512);
        assert_eq!(sample.composition_offset, 0);
        assert_eq!(sample.is_sync, index % 15 == 0, "frame {index}");
        assert_eq!(sample.size as usize, fragment.data.len());
    }
}

#[test]
fn aac_stream_of_frames() {
    let init = audio_init();
    assert_eq!((init.timescale, init.codec.as_str()), (48_000, "mp4a.40.2"));
    let mono = AudioFormat {
        sample_rate: 48_000,
        channels: 1,
    };
    assert_eq!(init.format, MediaFormat::Audio(mono));
    let fragments = fragments_of(AUDIO_AAC);
    assert!(fragments.len() >= 47, "{}", fragments.len());
    assert_eq!(fragments[0].base_decode_time, 480_000 - 1024);
    for pair in fragments.windows(2) {
        let end = pair[0].base_decode_time + u64::from(pair[0].samples[0].duration);
        assert_eq!(pair[1].base_decode_time, end);
        assert!(pair[1].samples[0].is_sync);
    }
}

#[test]
fn copied_b_frames_keep_their_composition_offsets() {
    let init = init_of(VIDEO_BFRAMES_COPY);
    let size = VideoFormat {
        width: 213,
        height: 90,
    };
    assert_eq!(init.format, MediaFormat::Video(size));
    let fragments = fragments_of(VIDEO_BFRAMES_COPY);
    let mut shown: Vec<i64> = fragments
        .iter()
        .map(|f| f.base_decode_time as i64 + i64::from(f.samples[0].composition_offset))
        .collect();
    let decoded = shown.clone();
    shown.sort_unstable();
    assert_ne!(decoded, shown, "B-frames should be decoded out of order");
    assert!(
        shown.windows(2).all(|pair| pair[1] - pair[0] == 512),
        "{shown:?}"
    );
}

#[test]
fn hevc_codec_string() {
    assert_eq!(init_of(VIDEO_HEVC).codec, "hvc1.1.6.L30.90");
}

#[test]
fn the_initialization_section_reads_back_as_itself() {
    for stream in STREAMS {
        let init = init_of(stream);
        assert_eq!(init_of(&init.bytes), init);
    }
}

#[test]
fn one_byte_at_a_time() {
    for stream in STREAMS {
        assert_eq!(read_in_pieces(stream, 1), (read_all(stream), None));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_gives_the_same_events(which in 0..4usize, cuts in prop::collection::vec(1..4000usize, 1..40)) {
        let stream = STREAMS[which];
        let mut reader = FragmentReader::new();
        let mut events = Vec::new();
        let mut rest = stream;
        for cut in cuts.iter().cycle() {
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            rest = later;
            reader.push(now);
            while let Some(event) = reader.poll().unwrap() {
                events.push(event);
            }
            if rest.is_empty() { break; }
        }
        prop_assert_eq!(events, read_all(stream));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000), piece in 1..200usize) {
        prop_assert_eq!(read_in_pieces(&bytes, piece), read_in_pieces(&bytes, usize::MAX));
    }

    #[test]
    fn mutated_streams_never_panic(
        which in 0..4usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        front in any::<bool>(),
        piece in 1..3000usize,
    ) {
        let mut stream = STREAMS[which].to_vec();
        // Half of the changes go where the boxes are that are hardest to read.
        let reach = if front { 1200 } else { stream.len() };
        for (index, value) in changes {
            stream[index.index(reach)] = value;
        }
        prop_assert_eq!(read_in_pieces(&stream, piece), read_in_pieces(&stream, usize::MAX));
    }

    #[test]
    fn mutated_sample_entries_never_panic(
        which in 0..INITS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut stream = INITS[which].to_vec();
        let entry = stream.windows(4).position(|window| window == b"stsd").expect("a stsd");
        let reach = stream.len() - entry;
        for (index, value) in changes {
            stream[entry + index.index(reach)] = value;
        }
        prop_assert_eq!(read_in_pieces(&stream, 100), read_in_pieces(&stream, usize::MAX));
    }

    #[test]
    fn merged_fragments_hold_the_same_samples(which in 0..4usize, count in 1..40usize) {
        let stream = STREAMS[which];
        let init = init_of(stream);
        let mut written = init.bytes.to_vec();
        for (sequence, group) in fragments_of(stream).chunks(count).enumerate() {
            let samples: Vec<_> = group.iter().flat_map(|f| f.samples.clone()).collect();
            let data: Vec<_> = group.iter().map(|f| f.data.clone()).collect();
            let time = group[0].base_decode_time;
            written.extend_from_slice(&write_fragment(init.track_id, sequence as u32, time, &samples, &data));
        }
        let flat = |stream: &[u8]| -> Vec<_> {
            fragments_of(stream).into_iter().flat_map(|f| f.samples).collect()
        };
        prop_assert_eq!(flat(&written), flat(stream));
        let MediaEvent::Init(again) = &read_all(&written)[0] else { panic!("init first") };
        prop_assert_eq!(again, &init);
    }
}

#[test]
fn codecs_and_formats() {
    let video = |width, height| MediaFormat::Video(VideoFormat { width, height });
    let audio = |sample_rate, channels| {
        MediaFormat::Audio(AudioFormat {
            sample_rate,
            channels,
        })
    };
    let table = [
        ("hev1", "hev1.2.4.L30.90", video(160, 90)),
        ("av1", "av01.0.00M.10.0.110.09.16.09.0", video(160, 90)),
        ("av1_sdr", "av01.0.00M.08", video(160, 90)),
        ("vp9", "vp09.00.10.08.01.02.02.02.00", video(160, 90)),
        // On its side, and of pixels that are not square.
        ("rotated", "avc1.64000b", video(90, 213)),
        // ffmpeg writes "2 channels" and, for rates over 65,535, no rate into the sample entry.
        ("aac_5_1_96k", "mp4a.40.2", audio(96_000, 6)),
        ("opus", "opus", audio(48_000, 2)),
        ("flac", "fLaC", audio(48_000, 2)),
        ("ac3", "ac-3", audio(48_000, 6)),
        ("eac3", "ec-3", audio(48_000, 6)),
        ("mp3", "mp4a.6B", audio(48_000, 2)),
    ];
    for (name, codec, format) in table {
        let file = format!(
            "{}/tests/fixtures/init_{name}.mp4",
            env!("CARGO_MANIFEST_DIR")
        );
        let init = init_of(&std::fs::read(&file).expect("the fixture should be there"));
        assert_eq!(
            (init.codec.as_str(), init.format),
            (codec, format),
            "{file}"
        );
    }
}
