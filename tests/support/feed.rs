//! An encoder made of arithmetic: frames of several renditions, in any order of arrival, for a packager.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses a part of what stands here"
)]

use std::time::Duration;

use headgate::base::{RenditionId, RenditionName};
use headgate::hls::{
    Packager, PackagerConfig, PackagerError, PackagerEvent, RenditionConfig, RenditionKind,
    Timeline,
};
use headgate::media::MediaInitializationSection;
use jiff::{SignedDuration, Timestamp};

use crate::media_support::{audio_init, video_fragment, video_init};

/// What the encoder makes.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    /// Frames a second as a fraction: 30/1, 30000/1001.
    pub(crate) frame_rate: (u32, u32),
    pub(crate) segment: Duration,
    pub(crate) part: Duration,
    pub(crate) window: Duration,
    pub(crate) videos: usize,
    pub(crate) audio: bool,
    pub(crate) irregular_key_frames: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            frame_rate: (30, 1),
            segment: Duration::from_secs(2),
            part: Duration::from_millis(500),
            window: Duration::from_secs(30),
            videos: 2,
            audio: true,
            irregular_key_frames: false,
        }
    }
}

/// A packager and the streams that feed it.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) packager: Packager,
    pub(crate) shape: Shape,
    /// Where each stream is: the index of its next frame in this run.
    next: Vec<u64>,
    /// The wall clock at frame 0 of this run, and ever since advanced by media time.
    pub(crate) started: Timestamp,
    /// Media time begins here in each run, as ffmpeg's streams do (audio 1024 ticks earlier).
    pub(crate) offset_seconds: u64,
    key_frames: Vec<u64>,
    /// How much shorter than the others the first segment of this run is.
    early: Duration,
}

pub(crate) const FIRST: u64 = 1_800_000_000;

impl Feed {
    pub(crate) fn new(shape: Shape) -> Self {
        let video = |index| rendition(&format!("v{index}"), RenditionKind::Video, 2_000_000);
        let mut renditions: Vec<_> = (0..shape.videos).map(video).collect();
        renditions.extend(
            shape
                .audio
                .then(|| rendition("audio", RenditionKind::Audio, 140_000)),
        );
        let config = PackagerConfig {
            segment_duration: shape.segment,
            part_duration: shape.part,
            window: shape.window,
            irregular_key_frames: shape.irregular_key_frames,
            lead: Duration::ZERO,
            timeline: Timeline {
                epoch: FIRST,
                first_msn: FIRST,
                first_discontinuity: FIRST,
            },
            renditions,
        };
        let streams = config.renditions.len();
        let shape_early = shape.segment - shape.part;
        let mut feed = Self {
            packager: Packager::new(config),
            shape,
            next: vec![0; streams],
            started: "2026-11-21T08:00:00Z".parse().expect("a date"),
            offset_seconds: 10,
            key_frames: Vec::new(),
            early: shape_early,
        };
        feed.send_inits();
        feed
    }

    /// Explicit key frames (frame numbers) instead of one each segment.
    pub(crate) fn with_key_frames(mut self, key_frames: &[u64]) -> Self {
        self.key_frames = key_frames.to_vec();
        self
    }

    pub(crate) fn streams(&self) -> usize {
        self.next.len()
    }

    fn is_audio(&self, stream: usize) -> bool {
        stream >= self.shape.videos
    }

    fn timescale(&self, stream: usize) -> u32 {
        if self.is_audio(stream) {
            48_000
        } else {
            self.shape.frame_rate.0 * 512
        }
    }

    fn frame_ticks(&self, stream: usize) -> u32 {
        if self.is_audio(stream) {
            1024
        } else {
            self.shape.frame_rate.1 * 512
        }
    }

    fn send_inits(&mut self) {
        for stream in 0..self.streams() {
            let mut init: MediaInitializationSection = if self.is_audio(stream) {
                audio_init()
            } else {
                video_init()
            };
            init.timescale = self.timescale(stream);
            self.packager
                .init(RenditionId(stream as u8), init)
                .expect("an init section should be taken");
        }
    }

    /// Seconds of media of a stream so far in this run.
    pub(crate) fn position(&self, stream: usize) -> f64 {
        self.next[stream] as f64 * f64::from(self.frame_ticks(stream))
            / f64::from(self.timescale(stream))
    }

    /// Pushes the next frame of a stream.
    pub(crate) fn push(&mut self, stream: usize) -> Result<(), PackagerError> {
        let (ticks, scale) = (self.frame_ticks(stream), self.timescale(stream));
        let number = self.next[stream];
        let base = self.offset_seconds * u64::from(scale);
        let start = if self.is_audio(stream) {
            base - 1024
        } else {
            base
        };
        let is_sync = self.is_audio(stream) || self.is_key_frame(number);
        let size = 40 + (number % 7) as usize;
        let fragment = video_fragment(start + number * u64::from(ticks), ticks, is_sync, size);
        let now = self.started + SignedDuration::from_secs_f64(self.position(stream));
        self.next[stream] += 1;
        self.packager
            .push(RenditionId(stream as u8), &fragment, now)
    }

    /// As ffmpeg's `gte(t, n_forced * segment)`: the first frame at or after each multiple.
    fn is_key_frame(&self, number: u64) -> bool {
        if !self.key_frames.is_empty() {
            return self.key_frames.contains(&number);
        }
        let (rate, base) = (
            u128::from(self.shape.frame_rate.0),
            u128::from(self.shape.frame_rate.1),
        );
        let nanos = |frame: u128| frame * base * 1_000_000_000 / rate;
        let (segment, early) = (self.shape.segment.as_nanos(), self.early.as_nanos());
        let nanos = |frame| nanos(frame) + early;
        let before = number
            .checked_sub(1)
            .map(|number| nanos(u128::from(number)) / segment);
        before.is_none_or(|before| nanos(u128::from(number)) / segment > before)
    }

    /// Pushes whichever stream is farthest behind, until all have `seconds` of media.
    pub(crate) fn run_until(&mut self, seconds: f64) -> Result<(), PackagerError> {
        while let Some(stream) = self.behind(seconds) {
            self.push(stream)?;
        }
        Ok(())
    }

    fn behind(&self, seconds: f64) -> Option<usize> {
        let streams = (0..self.streams()).filter(|stream| self.position(*stream) < seconds);
        streams.min_by(|a, b| self.position(*a).total_cmp(&self.position(*b)))
    }

    /// The encoder is lost and another one starts `later`.
    pub(crate) fn restart(&mut self, later: Duration) {
        let longest = (0..self.streams())
            .map(|stream| self.position(stream))
            .fold(0.0, f64::max);
        self.started += SignedDuration::from_secs_f64(longest + later.as_secs_f64());
        self.packager.discontinuity();
        // As the gateway asks of an encoder: a timeline that goes on has no short segment.
        if self.packager.ends_at().is_some() {
            self.early = Duration::ZERO;
        }
        self.next.fill(0);
        self.send_inits();
    }

    pub(crate) fn events(&mut self) -> Vec<PackagerEvent> {
        std::iter::from_fn(|| self.packager.poll()).collect()
    }

    pub(crate) fn text(&self, stream: usize) -> String {
        let snapshot = self.packager.snapshot(RenditionId(stream as u8));
        String::from_utf8(snapshot.playlist.plain.to_vec()).expect("a playlist should be text")
    }
}

fn rendition(name: &str, kind: RenditionKind, bitrate: u64) -> RenditionConfig {
    RenditionConfig {
        name: RenditionName::new(name).expect("a name"),
        kind,
        peak_bitrate: bitrate * 3 / 2,
        average_bitrate: bitrate,
    }
}
