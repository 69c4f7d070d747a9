//! A long recording as MPEG transport stream, made of a short one without waiting for it.
//!
//! Include it with `#[path = "support/ten_minutes.rs"] mod ten_minutes;`, beside `support/media.rs` as `media_support`.

use std::sync::Arc;

use bytes::Bytes;
use headgate::media::Fragment;
use headgate::media::ts::{Muxer, Program};

use crate::media_support::{AUDIO_AAC, VIDEO_H264, fragments_of, init_of};

/// Seconds of the recording.
pub(crate) const SECONDS: u64 = 600;

/// Where 33 bits of 90 kHz begin again.
const WRAP: u64 = 1 << 33;

/// The segments, of two seconds each; in the middle of them, times begin again.
pub(crate) fn segments() -> impl Iterator<Item = Bytes> {
    let program = Program::new(Some(&init_of(VIDEO_H264)), Some(&init_of(AUDIO_AAC)));
    let program = Arc::new(program.expect("the recording should have a program"));
    let (pictures, sound) = (fragments_of(VIDEO_H264), fragments_of(AUDIO_AAC));
    let first = WRAP / 90_000 - SECONDS / 2;
    let (mut video, mut audio) = (0, 0);
    (1..=SECONDS / 2).map(move |segment| {
        let mut muxer = Muxer::new(program.clone(), false);
        while video < segment * 60 {
            muxer.video(&frame(&pictures, video, first * 15_360));
            video += 1;
        }
        while audio * 1_024 < segment * 96_000 {
            muxer.audio(&frame(&sound, audio, first * 48_000));
            audio += 1;
        }
        muxer.end_video();
        muxer.end_audio();
        muxer.take()
    })
}

/// Frame `number` of a recording that goes round and round, at its time.
fn frame(recording: &[Fragment], number: u64, begin: u64) -> Fragment {
    let mut fragment = recording[(number % recording.len() as u64) as usize].clone();
    let duration = recording[0].samples[0].duration;
    fragment.samples[0].duration = duration;
    fragment.base_decode_time = begin + number * u64::from(duration);
    fragment
}
