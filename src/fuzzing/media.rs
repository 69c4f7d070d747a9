//! Containers and what is in them: whatever an encoder writes, and whatever a source made it copy.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::pieces;
use crate::media::ts::{Muxer, Program};
use crate::media::{
    Fragment, FragmentReader, MediaError, MediaEvent, MediaInitializationSection, PictureCheck,
    Sample, read_fragment, write_fragment,
};

/// Any split of the bytes gives the same events and the same error, and what was read can be written and read again.
pub(super) fn fmp4_reader(input: &[u8]) {
    let Some((length, stream)) = pieces(input) else {
        return;
    };
    let whole = read(stream, stream.len().max(1));
    assert_eq!(whole, read(stream, length));
    let mut init = None;
    for event in &whole.0 {
        match event {
            MediaEvent::Init(section) => init = Some(section),
            MediaEvent::Fragment(fragment) => {
                let section = init.expect("an initialization section should come first");
                check_fragment(fragment);
                write_again(section, fragment);
            }
        }
    }
}

fn check_fragment(fragment: &Fragment) {
    let sizes = fragment.samples.iter().map(|sample| sample.size as usize);
    assert!(!fragment.samples.is_empty());
    assert_eq!(sizes.sum::<usize>(), fragment.data.len());
}

fn write_again(section: &MediaInitializationSection, fragment: &Fragment) {
    let data = std::slice::from_ref(&fragment.data);
    let time = fragment.base_decode_time;
    let written = write_fragment(section.track_id, 1, time, &fragment.samples, data);
    assert_eq!(
        read_fragment(section, &written),
        Ok(Some(fragment.clone())),
        "what was written should be readable"
    );
}

fn read(stream: &[u8], length: usize) -> (Vec<MediaEvent>, Option<MediaError>) {
    let mut reader = FragmentReader::new();
    let mut events = Vec::new();
    for bytes in stream.chunks(length) {
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

/// The first two bytes say how much of the rest is the stream of the pictures; what remains is the sound's. Whatever
/// they hold, whole packets come out, their counters have no gap, and when they are taken makes no difference.
pub(super) fn transport_stream(input: &[u8]) {
    let Some((length, media)) = input.split_first_chunk::<2>() else {
        return;
    };
    let length = usize::from(u16::from_be_bytes(*length)).min(media.len());
    let (video, audio) = media.split_at(length);
    let (video, audio) = (track(video), track(audio));
    let init = |track: &Option<Track>| track.as_ref().map(|track| track.0.clone());
    let Ok(program) = Program::new(init(&video).as_ref(), init(&audio).as_ref()) else {
        return;
    };
    let program = Arc::new(program);
    let fragments = |track: Option<Track>| track.map_or(Vec::new(), |track| track.1);
    let (video, audio) = (fragments(video), fragments(audio));
    let whole = mux(&program, &video, &audio, false);
    check_packets(&whole);
    let piecewise = mux(&program, &video, &audio, true);
    assert_eq!(
        whole, piecewise,
        "when it is taken should make no difference"
    );
}

type Track = (MediaInitializationSection, Vec<Fragment>);

fn track(stream: &[u8]) -> Option<Track> {
    let (mut init, mut fragments) = (None, Vec::new());
    for event in read(stream, stream.len().max(1)).0 {
        match event {
            MediaEvent::Init(section) => init = Some(section),
            MediaEvent::Fragment(fragment) => fragments.push(fragment),
        }
    }
    Some((init?, fragments))
}

fn mux(program: &Arc<Program>, video: &[Fragment], audio: &[Fragment], piecewise: bool) -> Vec<u8> {
    let mut muxer = Muxer::new(program.clone(), false);
    let mut out = Vec::new();
    let mut take = |muxer: &mut Muxer| out.extend_from_slice(&muxer.take());
    for fragment in video {
        muxer.video(fragment);
        if piecewise {
            take(&mut muxer);
        }
    }
    for fragment in audio {
        muxer.audio(fragment);
        if piecewise {
            take(&mut muxer);
        }
    }
    muxer.end_video();
    muxer.end_audio();
    take(&mut muxer);
    assert!(muxer.is_done());
    out
}

/// ISO/IEC 13818-1, 2.4.3: packets of 188 bytes that begin with 0x47, and four bits that count those with a payload.
fn check_packets(stream: &[u8]) {
    assert_eq!(stream.len() % 188, 0);
    let mut counters: HashMap<u16, u8> = HashMap::new();
    for packet in stream.chunks_exact(188) {
        assert_eq!(packet[0], 0x47);
        let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
        let (has_payload, counter) = (packet[3] & 0x10 != 0, packet[3] & 0x0f);
        if let Some(before) = counters.insert(pid, counter) {
            let step = u8::from(has_payload);
            assert_eq!(counter, (before + step) & 0x0f, "PID {pid}");
        }
    }
}

/// Samples of a track that was copied and never looked at. The first byte chooses the codec, then each sample has its
/// length in two bytes before it.
pub(super) fn nal_units(input: &[u8]) {
    let Some((&codec, mut rest)) = input.split_first() else {
        return;
    };
    let codec = ["avc1.64001f", "hvc1.1.6.L93.B0", "mp4a.40.2"][usize::from(codec % 3)];
    let Some(mut check) = PictureCheck::new(codec) else {
        return;
    };
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
        let (data, after) = after.split_at(length);
        rest = after;
        let sample = Sample {
            duration: 1,
            size: u32::try_from(length).expect("it has sixteen bits"),
            composition_offset: 0,
            is_sync: true,
        };
        let fragment = Fragment {
            base_decode_time: 0,
            samples: vec![sample],
            data: Bytes::copy_from_slice(data),
        };
        if check.look(&fragment).is_err() {
            return;
        }
    }
}
