//! Real streams of ffmpeg for tests of any room, and fragments made from nothing.
//!
//! Include it with `#[path = "support/media.rs"] mod media_support;`. What a test does not use costs nothing.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses a part of what stands here"
)]

use bytes::Bytes;
use headgate::media::{
    Fragment, FragmentReader, MediaError, MediaEvent, MediaInitializationSection, Sample,
};

/// H.264, 160×90, 30 frames a second, one second, key frames at frames 0 and 15, timescale 15360.
pub(crate) const VIDEO_H264: &[u8] = include_bytes!("../fixtures/video_h264.mp4");
/// AAC-LC, 48 kHz, mono, one second, begins 10 s less 1024 ticks after zero.
pub(crate) const AUDIO_AAC: &[u8] = include_bytes!("../fixtures/audio_aac.mp4");
/// H.264 with B-frames, copied; pixels of 4:3.
pub(crate) const VIDEO_BFRAMES_COPY: &[u8] = include_bytes!("../fixtures/video_bframes_copy.mp4");
/// HEVC, two frames.
pub(crate) const VIDEO_HEVC: &[u8] = include_bytes!("../fixtures/video_hevc.mp4");

/// All events of a stream, pushed in pieces of at most `piece` bytes, and the error it ended with.
pub(crate) fn read_in_pieces(stream: &[u8], piece: usize) -> (Vec<MediaEvent>, Option<MediaError>) {
    let mut reader = FragmentReader::new();
    let mut events = Vec::new();
    for bytes in stream.chunks(piece.max(1)) {
        reader.push(bytes);
        loop {
            match reader.poll() {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => return (events, Some(error)),
            }
        }
    }
    (events, None)
}

/// All events of a good stream.
pub(crate) fn read_all(stream: &[u8]) -> Vec<MediaEvent> {
    let (events, error) = read_in_pieces(stream, usize::MAX);
    assert_eq!(error, None, "the stream should be good");
    events
}

/// The one initialization section of a good stream.
pub(crate) fn init_of(stream: &[u8]) -> MediaInitializationSection {
    match read_all(stream).into_iter().next() {
        Some(MediaEvent::Init(init)) => init,
        other => panic!("the stream should begin with its initialization section, not {other:?}"),
    }
}

/// The fragments of a good stream.
pub(crate) fn fragments_of(stream: &[u8]) -> Vec<Fragment> {
    let fragment = |event| match event {
        MediaEvent::Fragment(fragment) => Some(fragment),
        MediaEvent::Init(_) => None,
    };
    read_all(stream).into_iter().filter_map(fragment).collect()
}

/// H.264, 160×90, timescale 15360 (a frame is 512 ticks).
pub(crate) fn video_init() -> MediaInitializationSection {
    init_of(VIDEO_H264)
}

/// AAC-LC, 48 kHz, mono (a frame is 1024 ticks).
pub(crate) fn audio_init() -> MediaInitializationSection {
    init_of(AUDIO_AAC)
}

/// One sample of `bytes` zero bytes as a fragment; times in ticks of the track. Nobody can decode it.
pub(crate) fn video_fragment(
    base_decode_time: u64,
    duration: u32,
    is_sync: bool,
    bytes: usize,
) -> Fragment {
    Fragment {
        base_decode_time,
        samples: vec![Sample {
            duration,
            size: u32::try_from(bytes).expect("a sample should be under 4 GiB"),
            composition_offset: 0,
            is_sync,
        }],
        data: Bytes::from(vec![0; bytes]),
    }
}
