//! Frames of two tracks into one row of packets, in the order of their decode times.
//!
//! A frame goes out when it is certain that nothing comes before it and that it is not the last of its track: what
//! stands in the row never depends on when it was asked for.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::packet::{Marks, Pid, Spread};
use super::pes;
use super::program::{AUDIO_PID, Program, VIDEO_PID};
use super::psi::{PAT_PID, PMT_PID};
use super::{CLOCK, WRAP};
use crate::media::fragment::{Fragment, Sample};

/// Clock references are at most this far apart, in ticks: half of what the standard allows.
const CLOCK_INTERVAL: u64 = 4_500;

/// Tables are repeated after this long, in ticks: who joins within a segment waits for no more than that.
const TABLE_INTERVAL: u64 = 36_000;

/// The most clock references of one frame: one that lasts longer than a few seconds is a hole in the source, and
/// somebody's timestamps must not cost a packet for each twentieth of a second of it.
const MAX_CLOCKS: u64 = 200;

/// Sound of up to this long shares a header, in ticks.
const SOUND_INTERVAL: u64 = 6_300;

/// Makes one Media Segment of a transport stream; see [`super`].
#[derive(Debug)]
pub struct Muxer {
    program: Arc<Program>,
    discontinuity: bool,
    video: Lane,
    audio: Lane,
    pat: Pid,
    pmt: Pid,
    /// When the tables went out last.
    tables_at: Option<u64>,
    clock_times: VecDeque<u64>,
    /// One frame before it is cut into packets.
    frame: Vec<u8>,
    out: Vec<u8>,
}

/// The frames of one track that wait for their turn.
#[derive(Debug)]
struct Lane {
    pid: Pid,
    stream: u8,
    queue: VecDeque<Unit>,
    /// Sound that is being collected under one header.
    open: Option<Unit>,
    ended: bool,
    is_first: bool,
}

/// What shares a header: a picture, or a little sound. Times in ticks of 90 kHz, not wrapped.
#[derive(Debug)]
struct Unit {
    dts: u64,
    pts: u64,
    duration: u64,
    is_sync: bool,
    frames: Vec<Bytes>,
}

/// Which track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Track {
    Video,
    Audio,
}

// === impl Muxer ===

impl Muxer {
    /// A segment with nothing in it. `discontinuity` says that its times do not follow those of the segment before.
    pub fn new(program: Arc<Program>, discontinuity: bool) -> Self {
        Self {
            video: Lane::new(VIDEO_PID, pes::VIDEO, !program.has_video()),
            audio: Lane::new(AUDIO_PID, pes::AUDIO, program.audio.is_none()),
            program,
            discontinuity,
            pat: Pid::new(PAT_PID),
            pmt: Pid::new(PMT_PID),
            tables_at: None,
            clock_times: VecDeque::new(),
            frame: Vec::new(),
            out: Vec::new(),
        }
    }

    /// Takes the next pictures; those of a program without pictures are dropped.
    pub fn video(&mut self, fragment: &Fragment) {
        if let Some(track) = &self.program.video {
            let units = units(fragment, track.timescale, track.delay);
            self.video.queue.extend(units);
        }
    }

    /// Takes the next sound; that of a program without sound is dropped.
    pub fn audio(&mut self, fragment: &Fragment) {
        if let Some(track) = &self.program.audio {
            units(fragment, track.timescale, 0).for_each(|unit| self.audio.collect(unit));
        }
    }

    /// No more pictures come.
    pub fn end_video(&mut self) {
        self.video.end();
    }

    /// No more sound comes.
    pub fn end_audio(&mut self) {
        self.audio.end();
    }

    /// The packets that are certain by now and were not taken before: whole frames, possibly none. After the end of both
    /// tracks it is the rest of the segment.
    pub fn take(&mut self) -> Bytes {
        while let Some(track) = self.next() {
            self.write(track);
        }
        if self.video.is_done() && self.audio.is_done() {
            self.finish();
        }
        std::mem::take(&mut self.out).into()
    }

    /// Everything was taken, and no more comes.
    pub fn is_done(&self) -> bool {
        self.video.is_done() && self.audio.is_done() && self.out.is_empty()
    }

    /// Whose turn it is, if that is certain.
    fn next(&self) -> Option<Track> {
        let (video, audio) = (self.video.next_time(), self.audio.next_time());
        // The clock comes first; after that the earlier one, and pictures before sound.
        let is_clock_first = self.tables_at.is_none() && self.program.has_video();
        let track = match (video, audio) {
            (Some(video), Some(audio)) if video > audio && !is_clock_first => Track::Audio,
            (Some(_), Some(_)) => Track::Video,
            (Some(_), None) if self.audio.ended || is_clock_first => Track::Video,
            (None, Some(_)) if self.video.ended => Track::Audio,
            _ => return None,
        };
        self.lane(track).is_ready().then_some(track)
    }

    fn lane(&self, track: Track) -> &Lane {
        match track {
            Track::Video => &self.video,
            Track::Audio => &self.audio,
        }
    }

    fn write(&mut self, track: Track) {
        let is_clock = (track == Track::Video) == self.program.has_video();
        let lane = match track {
            Track::Video => &mut self.video,
            Track::Audio => &mut self.audio,
        };
        let Some(unit) = lane.queue.pop_front() else {
            return;
        };
        let spread = match lane.is_done() {
            true => Spread::ToFullCycle,
            false => Spread::Tight,
        };
        let is_first = std::mem::replace(&mut lane.is_first, false);
        self.clocks_before(unit.dts);
        let is_random_access = unit.is_sync && is_clock;
        self.tables(unit.dts, is_random_access && track == Track::Video);
        self.encode(track, &unit);
        if spread == Spread::ToFullCycle {
            pes::stretch(&mut self.frame);
        }
        pes::end(&mut self.frame);
        let marks = Marks {
            discontinuity: is_first && self.discontinuity,
            random_access: is_random_access,
            clock: is_clock.then_some(unit.dts),
        };
        let pid = match track {
            Track::Video => &mut self.video.pid,
            Track::Audio => &mut self.audio.pid,
        };
        pid.write(marks, &self.frame, pes::SHORT_HEADER, spread, &mut self.out);
        if is_clock {
            let pieces = unit.duration.div_ceil(CLOCK_INTERVAL).min(MAX_CLOCKS);
            let times = (1..pieces).map(|piece| unit.dts + unit.duration * piece / pieces);
            self.clock_times.extend(times);
        }
    }

    /// Makes the frame's bytes as they stand in the stream.
    fn encode(&mut self, track: Track, unit: &Unit) {
        self.frame.clear();
        pes::begin(self.lane(track).stream, unit.pts, unit.dts, &mut self.frame);
        for sample in &unit.frames {
            match (track, &self.program.video, &self.program.audio) {
                (Track::Video, Some(video), _) => video.coding.write(
                    video.length_size,
                    &video.parameter_sets,
                    unit.is_sync,
                    sample,
                    &mut self.frame,
                ),
                (Track::Audio, _, Some(audio)) => audio.adts.write(sample, &mut self.frame),
                _ => {}
            }
        }
    }

    /// Tables stand before each random access point, and are repeated.
    fn tables(&mut self, now: u64, is_needed: bool) {
        let is_old = |at| now.saturating_sub(at) >= TABLE_INTERVAL;
        if is_needed || self.tables_at.is_none_or(is_old) {
            self.tables_at = Some(now);
            self.write_tables();
        }
    }

    fn write_tables(&mut self) {
        self.pat.write_section(&self.program.pat, &mut self.out);
        self.pmt.write_section(&self.program.pmt, &mut self.out);
    }

    /// Clock references between frames that are far apart.
    fn clocks_before(&mut self, now: u64) {
        while let Some(&time) = self.clock_times.front().filter(|time| **time <= now) {
            self.clock_times.pop_front();
            let clock = match self.program.has_video() {
                true => &self.video,
                false => &self.audio,
            };
            clock.pid.write_clock(time, &mut self.out);
        }
    }

    /// Brings all counters to where the next segment begins.
    fn finish(&mut self) {
        self.clocks_before(u64::MAX);
        for _ in 0..self.pat.missing() {
            self.write_tables();
        }
    }
}

// === impl Lane ===

impl Lane {
    fn new(pid: u16, stream: u8, ended: bool) -> Self {
        Self {
            pid: Pid::new(pid),
            stream,
            queue: VecDeque::new(),
            open: None,
            ended,
            is_first: true,
        }
    }

    /// Puts a frame of sound under the open header, if there is room.
    fn collect(&mut self, unit: Unit) {
        let one = unit.duration;
        let open = match self.open.take() {
            Some(mut open) => {
                open.duration += unit.duration;
                open.frames.extend(unit.frames);
                open
            }
            None => unit,
        };
        if open.duration + one > SOUND_INTERVAL {
            self.queue.push_back(open);
        } else {
            self.open = Some(open);
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.queue.extend(self.open.take());
    }

    /// When the next frame is due, also if it cannot go yet.
    fn next_time(&self) -> Option<u64> {
        let next = self.queue.front().or(self.open.as_ref());
        next.map(|unit| unit.dts)
    }

    /// The next frame is whole, and it is known whether it is the last.
    fn is_ready(&self) -> bool {
        match self.queue.len() {
            0 => false,
            1 => self.ended || self.open.is_some(),
            _ => true,
        }
    }

    fn is_done(&self) -> bool {
        self.ended && self.queue.is_empty()
    }
}

/// Times beyond it are not told apart: at 90 kHz that is three million years, and sums of two of them still fit.
const END: u64 = u64::MAX >> 2;

/// The samples of a fragment, each under a header of its own.
///
/// Decode times are earlier by `delay` ticks; the clock begins a circle before zero, so that none is below it. Times that
/// no clock reaches stand still at its end.
fn units(fragment: &Fragment, timescale: u32, delay: u64) -> impl Iterator<Item = Unit> {
    let ticks = move |time: i128| {
        let scaled = (time * i128::from(CLOCK)).div_euclid(i128::from(timescale));
        let reached = (scaled + i128::from(WRAP)).clamp(0, i128::from(END));
        u64::try_from(reached).unwrap_or(END)
    };
    let (mut time, mut offset) = (i128::from(fragment.base_decode_time), 0);
    fragment.samples.iter().map(move |sample: &Sample| {
        let (start, end) = (time, time + i128::from(sample.duration));
        let bytes = fragment.data.slice(offset..offset + sample.size as usize);
        (time, offset) = (end, offset + sample.size as usize);
        let pts = ticks(start + i128::from(sample.composition_offset));
        Unit {
            // Nothing is shown before it is decoded, also if the track reorders more than it says.
            dts: (ticks(start) - delay).min(pts),
            pts,
            duration: ticks(end) - ticks(start),
            is_sync: sample.is_sync,
            frames: vec![bytes],
        }
    })
}
