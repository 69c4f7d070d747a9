//! How ffmpeg is told to encode and to write each rendition, and what that will need at most.

use std::time::Duration;

use super::facts::{FrameRate, SourceFacts, VideoFacts};
use super::{Argument, PlannedRendition, RenditionKind};
use crate::base::{RenditionId, RenditionName};
use crate::config::{Rung, RungVideo};

/// Bits a second of the sound.
const AUDIO_BITRATE: u64 = 128_000;

/// AAC's samples a frame at 48 kHz, as frames a second.
const AUDIO_FRAMES: f64 = 48_000.0 / 1024.0;

/// The encoder's buffer, in seconds at the target rate. Small: a burst of bits is a delay for the viewer's next part.
const BUFFER: f64 = 0.5;

/// What the encoder's rate control may overshoot, measured on noise.
const TOLERANCE: f64 = 1.10;

/// Bits of the container a frame, in a fragment of its own (moof, trun and mdat headers).
const FRAME_OVERHEAD: f64 = 8.0 * 130.0;

/// What a copied stream is taken for when the source does not say, bits a second.
const UNKNOWN_BITRATE: u64 = 8_000_000;

/// What all outputs have in common.
#[derive(Debug)]
pub(super) struct Timing {
    pub(super) frame_rate: FrameRate,
    pub(super) segment: Duration,
    /// The first segment of a new timeline is this long.
    pub(super) first_segment: Duration,
    /// One rung is copied: its key frames rule.
    pub(super) follow_source: bool,
    /// Which of the source's video streams is used.
    pub(super) position: u32,
    /// Older ffmpeg calls it `-vsync`.
    pub(super) knows_fps_mode: bool,
}

/// The words for a rung: its pictures come from the graph's output `[v{id}]`, or from the source.
pub(super) fn video(id: RenditionId, rung: &Rung, timing: &Timing) -> Vec<Argument> {
    let mut words = match rung.video {
        RungVideo::Encode { bitrate, .. } => encode(id, bitrate, timing),
        // The same pictures that the other rungs are made from.
        RungVideo::Copy => texts(&["-map", &format!("0:v:{}", timing.position), "-c:v", "copy"]),
    };
    words.extend(container(id));
    words
}

/// The words for the sound, from the graph's output `[a]`.
pub(super) fn audio(id: RenditionId) -> Vec<Argument> {
    let bitrate = AUDIO_BITRATE.to_string();
    let mut words = texts(&["-map", "[a]", "-c:a", "aac", "-b:a", &bitrate]);
    // One form for every source: a change of it would need a new initialization section.
    words.extend(texts(&["-ar", "48000", "-ac", "2"]));
    words.extend(container(id));
    words
}

fn encode(id: RenditionId, bitrate: u64, timing: &Timing) -> Vec<Argument> {
    let map = format!("[v{}]", id.0);
    let rate = bitrate.to_string();
    let buffer = ((bitrate as f64 * BUFFER) as u64).to_string();
    let mut words = texts(&["-map", &map, "-c:v", "libx264", "-preset", "veryfast"]);
    // Each frame leaves the encoder at once: no look-ahead, no reordering (which would also part decode times from
    // presentation times).
    words.extend(texts(&["-tune", "zerolatency", "-bf", "0"]));
    // What every player decodes; a source in 4:2:2 or 10 bits would make x264 choose a profile that phones refuse.
    words.extend(texts(&["-pix_fmt", "yuv420p", "-profile:v", "high"]));
    words.extend(key_frames(timing));
    if timing.follow_source {
        words.extend(texts(untouched_timestamps(timing)));
    }
    // Target and ceiling are the same: BANDWIDTH is a promise about every segment.
    words.extend(texts(&[
        "-b:v", &rate, "-maxrate", &rate, "-bufsize", &buffer,
    ]));
    words
}

/// Encoded pictures keep the timestamps of the copied ones: none is dropped, none is doubled, none is rounded to a
/// multiple of the frame's duration.
fn untouched_timestamps(timing: &Timing) -> &'static [&'static str] {
    match timing.knows_fps_mode {
        true => &["-fps_mode", "passthrough", "-enc_time_base", "-1"],
        false => &["-vsync", "passthrough", "-enc_time_base", "-1"],
    }
}

/// Key frames by time, the same on every rung whatever the frame rate. A scene cut must not add one (segments would
/// be cut at it on one rung only), and `-g` is only there to be out of the way.
fn key_frames(timing: &Timing) -> Vec<Argument> {
    let segment = timing.segment.as_secs_f64();
    let mut frames = (timing.frame_rate.as_f64() * segment * 10.0).ceil();
    let when = match timing.follow_source {
        true => {
            // However rare the source's key frames are, there must be no other.
            frames = 1e6;
            "source".to_owned()
        }
        // A millisecond early: 2 s may be 1.9999 in a track's ticks, and the key frame would come a frame late.
        // The first segment may be shorter than the others.
        false => {
            let early = segment - timing.first_segment.as_secs_f64() + 0.001;
            format!("expr:gte(t,n_forced*{segment}-{early:.3})")
        }
    };
    let frames = frames.to_string();
    let mut words = texts(&["-g", &frames, "-sc_threshold", "0"]);
    words.extend(texts(&["-force_key_frames", &when]));
    words
}

fn container(id: RenditionId) -> Vec<Argument> {
    let mut words = texts(&[
        // Titles of the source are foreign text, and nobody reads them in a fragment.
        "-map_metadata",
        "-1",
        // The encoder's name in every stream tells attackers more than viewers.
        "-fflags",
        "+bitexact",
        "-f",
        "mp4",
        // A fragment for each frame, as soon as it is there; the gateway decides where a part ends. `frag_discont`
        // writes the true decode time of the first fragment instead of zero; `skip_trailer`: nobody seeks in a pipe.
        "-movflags",
        "+cmaf+frag_discont+skip_trailer+frag_every_frame",
        "-flush_packets",
        "1",
        // An edit list for the sound's priming would be needed before it is known ("nonzero dts -1024, while the
        // moov already has been written"): times start later instead, on every output alike.
        "-use_editlist",
        "0",
        "-output_ts_offset",
        "10",
    ]);
    words.push(Argument::Output(id));
    words
}

fn texts(words: &[&str]) -> Vec<Argument> {
    words
        .iter()
        .map(|word| Argument::Text((*word).to_owned()))
        .collect()
}

/// What a rung will need.
pub(super) fn planned_video(rung: &Rung, facts: &SourceFacts, timing: &Timing) -> PlannedRendition {
    let overhead = FRAME_OVERHEAD * timing.frame_rate.as_f64();
    let (average, peak) = match rung.video {
        RungVideo::Encode { bitrate, .. } => {
            let bitrate = bitrate as f64;
            // In any time the encoder sends at most the rate times the time, and one full buffer.
            let burst = bitrate * BUFFER / timing.segment.as_secs_f64();
            (bitrate, (bitrate + burst) * TOLERANCE)
        }
        RungVideo::Copy => copied(facts),
    };
    let planned = planned(
        &rung.name,
        RenditionKind::Video,
        average + overhead,
        peak + overhead,
    );
    PlannedRendition {
        is_copied: rung.video == RungVideo::Copy,
        ..planned
    }
}

/// What the sound will need.
pub(super) fn planned_audio(name: &RenditionName) -> PlannedRendition {
    let overhead = FRAME_OVERHEAD * AUDIO_FRAMES;
    let bitrate = AUDIO_BITRATE as f64;
    // The encoder saves bits in quiet moments and spends them later.
    let peak = bitrate * 1.25;
    planned(
        name,
        RenditionKind::Audio,
        bitrate + overhead,
        peak + overhead,
    )
}

/// Nobody knows the peaks of a foreign stream before they come: twice the average is the rule of thumb for constant
/// quality.
fn copied(facts: &SourceFacts) -> (f64, f64) {
    let stated = facts
        .video
        .as_ref()
        .and_then(|video: &VideoFacts| video.bitrate);
    let bitrate = stated.or(facts.bitrate).unwrap_or(UNKNOWN_BITRATE) as f64;
    (bitrate, bitrate * 2.0)
}

fn planned(name: &RenditionName, kind: RenditionKind, average: f64, peak: f64) -> PlannedRendition {
    PlannedRendition {
        name: name.clone(),
        kind,
        peak_bitrate: peak.ceil() as u64,
        average_bitrate: average.ceil() as u64,
        is_copied: false,
    }
}
