//! One rendition: samples into Partial Segments, those into Media Segments, those into the window.
//!
//! The assembler does what it is told about boundaries; [`super::packager`] decides where they are.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;

use super::config::{PackagerConfig, RenditionConfig, RenditionKind};
use super::rates::Rates;
use super::segment::{InitSection, KeyFrame, MediaSegment, PartialSegment, RunStart};
use super::snapshot::Edge;
use super::window::Window;
use crate::base::MediaTime;
use crate::media::{Fragment, Sample, write_fragment};

/// A rendition at work.
#[derive(Debug)]
pub(super) struct Assembler {
    pub(super) config: RenditionConfig,
    pub(super) init: Option<Arc<InitSection>>,
    /// Every version of this timeline: old segments may still need them.
    pub(super) inits: Vec<Arc<InitSection>>,
    /// Samples that wait until it is known to which segment they belong.
    pub(super) pending: VecDeque<TimedSample>,
    pub(super) window: Window,
    pub(super) open: Option<OpenSegment>,
    pub(super) rates: Rates,
    /// Counts what readers can see, for entity tags.
    pub(super) version: u64,
    announced: u64,
    /// Media has come since the last gap, also if nothing of it can be shown yet.
    pub(super) fed: bool,
    /// Decode time that the next sample must have, in ticks.
    pub(super) expected_time: Option<u64>,
    sample_duration: Option<u32>,
    part: OpenPart,
    sequence_number: u32,
    epoch: u64,
    pub(super) part_aim: Duration,
    part_target: Duration,
}

/// A sample with its time and its bytes.
#[derive(Debug)]
pub(super) struct TimedSample {
    pub(super) time: u64,
    pub(super) sample: Sample,
    pub(super) data: Bytes,
}

/// The Media Segment that is growing.
#[derive(Debug)]
pub(super) struct OpenSegment {
    pub(super) msn: u64,
    /// Published parts and the part in progress, in ticks.
    pub(super) duration: u64,
    pub(super) program_date_time: Timestamp,
    pub(super) discontinuity: bool,
    pub(super) parts: Vec<PartialSegment>,
    pub(super) run: RunStart,
    /// The earliest presentation time of the published parts, in ticks.
    pub(super) start: Option<u64>,
    key_frame: Option<KeyFrame>,
}

/// The Partial Segment that is growing.
#[derive(Debug, Default)]
struct OpenPart {
    start: u64,
    duration: u64,
    samples: Vec<Sample>,
    data: Vec<Bytes>,
}

// === impl Assembler ===

impl Assembler {
    pub(super) fn new(config: &PackagerConfig, rendition: &RenditionConfig) -> Self {
        Self {
            config: rendition.clone(),
            init: None,
            inits: Vec::new(),
            pending: VecDeque::new(),
            window: Window::new(config.listed(), config.timeline.first_discontinuity),
            open: None,
            rates: Rates::default(),
            version: 0,
            announced: 0,
            fed: false,
            expected_time: None,
            sample_duration: None,
            part: OpenPart::default(),
            sequence_number: 0,
            epoch: config.timeline.epoch,
            part_aim: config.part_duration,
            part_target: config.part_target(),
        }
    }

    /// Ticks a second; 1 before the initialization section has come.
    pub(super) fn timescale(&self) -> u32 {
        self.init.as_ref().map_or(1, |init| init.section.timescale)
    }

    pub(super) fn time(&self, ticks: u64) -> MediaTime {
        MediaTime::new(ticks, self.timescale())
    }

    /// Takes the samples of a fragment into the queue.
    pub(super) fn queue(&mut self, fragment: &Fragment) {
        let mut time = fragment.base_decode_time;
        let mut offset = 0;
        self.sample_duration = fragment.samples.last().map(|sample| sample.duration);
        for sample in &fragment.samples {
            let end = offset + sample.size as usize;
            self.pending.push_back(TimedSample {
                time,
                sample: *sample,
                data: fragment.data.slice(offset..end),
            });
            offset = end;
            time += u64::from(sample.duration);
        }
        self.expected_time = Some(time);
    }

    /// Opens the next segment at a sample.
    pub(super) fn open_segment(
        &mut self,
        msn: u64,
        program_date_time: Timestamp,
        discontinuity: bool,
        run: RunStart,
    ) {
        debug_assert!(self.open.is_none(), "the segment before should be closed");
        self.open = Some(OpenSegment {
            msn,
            duration: 0,
            program_date_time,
            discontinuity,
            parts: Vec::new(),
            run,
            start: None,
            key_frame: None,
        });
    }

    /// Appends a sample to the open segment; `true` if that completed a part.
    pub(super) fn append(&mut self, timed: TimedSample) -> bool {
        let aim = MediaTime::from_duration(self.part_aim, self.timescale()).ticks;
        let target = self.part_target_ticks();
        let duration = u64::from(timed.sample.duration);
        let mut completed = false;
        if !self.part.samples.is_empty() && self.part.duration + duration > target {
            completed = self.close_part();
        }
        let part = &mut self.part;
        if part.samples.is_empty() {
            part.start = timed.time;
        }
        part.duration += duration;
        part.samples.push(timed.sample);
        part.data.push(timed.data);
        if let Some(open) = &mut self.open {
            open.duration += duration;
        }
        // A tick less than the aim is the aim: frame durations are rounded to ticks.
        if self.part.duration + 1 >= aim {
            completed |= self.close_part();
        }
        completed
    }

    /// The most that a part may last, in ticks, rounded down.
    pub(super) fn part_target_ticks(&self) -> u64 {
        let ticks = self.part_target.as_nanos() * u128::from(self.timescale()) / 1_000_000_000;
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }

    /// Publishes the part in progress, if it has samples.
    pub(super) fn close_part(&mut self) -> bool {
        let part = std::mem::take(&mut self.part);
        let (Some(open), Some(init), Some(first)) =
            (&mut self.open, &self.init, part.samples.first())
        else {
            return false;
        };
        self.sequence_number = self.sequence_number.wrapping_add(1);
        let body = write_fragment(
            init.section.track_id,
            self.sequence_number,
            part.start,
            &part.samples,
            &part.data,
        );
        let independent = first.is_sync || self.config.kind == RenditionKind::Audio;
        open.start = open.start.into_iter().chain(earliest(&part)).min();
        if open.parts.is_empty() && first.is_sync {
            let data = part.data.iter().map(Bytes::len).sum::<usize>();
            open.key_frame = Some(KeyFrame {
                time: part.start,
                sample: *first,
                offset: body.len() - data,
            });
        }
        let etag = format!("\"e{}-{}.{}\"", self.epoch, open.msn, open.parts.len()).into();
        let duration = MediaTime::new(part.duration, init.section.timescale);
        open.parts.push(PartialSegment {
            duration,
            independent,
            body,
            etag,
        });
        self.version += 1;
        true
    }

    /// Ends the open segment and lists it. An open segment without a sample becomes a gap of `missing`.
    pub(super) fn close_segment(&mut self, missing: MediaTime) {
        self.close_part();
        let timescale = self.timescale();
        let Some(open) = self.open.take() else { return };
        let body = concatenate(&open.parts);
        let gap = open.parts.is_empty();
        let duration = if gap {
            missing
        } else {
            MediaTime::new(open.duration, timescale)
        };
        if !gap {
            let key_frame = open.key_frame.map_or(0, |key| key.sample.size as usize);
            self.rates.add(body.len(), key_frame, duration);
        }
        let segment = MediaSegment {
            msn: open.msn,
            duration,
            program_date_time: open.program_date_time,
            discontinuity: open.discontinuity,
            init_version: self.init.as_ref().map_or(0, |init| init.version),
            gap,
            parts: slices(&body, open.parts),
            body,
            etag: format!("\"e{}-{}\"", self.epoch, open.msn).into(),
            start: open.start.unwrap_or_default(),
            run: open.run,
            key_frame: open.key_frame,
        };
        self.window.push(Arc::new(segment));
        self.version += 1;
    }

    /// Forgets the part in progress, which nobody has seen.
    pub(super) fn forget_part(&mut self) {
        let lost = std::mem::take(&mut self.part).duration;
        if let Some(open) = &mut self.open {
            open.duration -= lost;
        }
    }

    /// The encoder is gone, and what it has made does not fit what comes.
    pub(super) fn forget_encoder(&mut self) {
        self.pending.clear();
        self.expected_time = None;
    }

    /// The newest segment of which readers may have seen something.
    pub(super) fn newest_msn(&self) -> Option<u64> {
        let open = self
            .open
            .as_ref()
            .filter(|open| !open.parts.is_empty())
            .map(|open| open.msn);
        open.or_else(|| self.window.listed().next_back().map(|segment| segment.msn))
    }

    /// The wall clock at the end of the newest part.
    pub(super) fn ends_at(&self) -> Option<Timestamp> {
        let end =
            |start: Timestamp, duration: MediaTime| start.checked_add(duration.to_duration()).ok();
        match (&self.open, self.window.listed().next_back()) {
            (Some(open), _) if !open.parts.is_empty() => {
                end(open.program_date_time, self.time(open.duration))
            }
            (_, Some(segment)) => end(segment.program_date_time, segment.duration),
            _ => None,
        }
    }

    /// The segment that is growing or comes next, and how many of its parts are published.
    pub(super) fn edge(&self, first_msn: u64) -> Edge {
        let after = self
            .window
            .listed()
            .next_back()
            .map_or(first_msn, |segment| segment.msn + 1);
        match &self.open {
            Some(open) => Edge {
                msn: open.msn,
                parts: open.parts.len() as u32,
            },
            None => Edge {
                msn: after,
                parts: 0,
            },
        }
    }

    /// Samples a second, by the newest duration that was seen.
    pub(super) fn frame_rate(&self) -> Option<f64> {
        let duration = self.sample_duration.filter(|duration| *duration > 0)?;
        Some(f64::from(self.timescale()) / f64::from(duration))
    }

    /// BANDWIDTH must hold for every segment to come: the plan's bound, or more if that was ever exceeded.
    pub(super) fn peak_bitrate(&self) -> u64 {
        self.config.peak_bitrate.max(self.rates.peak)
    }

    /// Discontinuities that are listed or about to be.
    pub(super) fn discontinuities(&self) -> u64 {
        let listed = self
            .window
            .listed()
            .filter(|segment| segment.discontinuity)
            .count() as u64;
        listed + u64::from(self.open.as_ref().is_some_and(|open| open.discontinuity))
    }

    /// Whether readers can see more than when this was asked last.
    pub(super) fn take_change(&mut self) -> bool {
        std::mem::replace(&mut self.announced, self.version) != self.version
    }

    /// Bytes of media held.
    pub(super) fn bytes(&self) -> usize {
        let open = self
            .open
            .iter()
            .flat_map(|open| &open.parts)
            .map(|part| part.body.len())
            .sum::<usize>();
        let waiting = self
            .pending
            .iter()
            .map(|timed| timed.data.len())
            .sum::<usize>();
        self.window.bytes() + open + waiting
    }
}

/// The earliest presentation time of a part's samples. What lies before the beginning of the track is at its beginning.
fn earliest(part: &OpenPart) -> Option<u64> {
    let mut decode_time = part.start;
    let times = part.samples.iter().map(|sample| {
        let time = decode_time.saturating_add_signed(sample.composition_offset.into());
        decode_time += u64::from(sample.duration);
        time
    });
    times.min()
}

/// The segment is its parts, byte for byte.
fn concatenate(parts: &[PartialSegment]) -> Bytes {
    let mut body = BytesMut::with_capacity(parts.iter().map(|part| part.body.len()).sum());
    for part in parts {
        body.extend_from_slice(&part.body);
    }
    body.freeze()
}

/// The parts as slices of the segment, so that their own copies can go.
fn slices(body: &Bytes, parts: Vec<PartialSegment>) -> Vec<PartialSegment> {
    let mut offset = 0;
    parts
        .into_iter()
        .map(|part| {
            let end = offset + part.body.len();
            let slice = body.slice(offset..end);
            offset = end;
            PartialSegment {
                body: slice,
                ..part
            }
        })
        .collect()
}
