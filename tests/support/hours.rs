//! Hours of media in seconds: a source and a wall clock that the test owns, through the packager, and what its segments
//! say of time.
//!
//! Include it with `#[path = "support/hours.rs"] mod hours;`, and `media_support` beside it.

use std::time::Duration;

use headgate::base::{RenditionId, RenditionName};
use headgate::hls::{
    MediaSegment, Packager, PackagerConfig, RenditionConfig, RenditionKind, Timeline,
};
use headgate::media::{Fragment, Sample};
use jiff::{SignedDuration, Timestamp};

use crate::media_support::{audio_init, video_fragment, video_init};

const FIRST: u64 = 1_800_000_000;
const SEGMENT: f64 = 2.0;
/// Fragments of this length: what is cut does not depend on it.
const PIECE: f64 = 0.5;
/// Dates have milliseconds, …
pub(crate) const ROUNDING: f64 = 0.001;
/// … and may be moved by this in each second.
const SLEW: f64 = 0.000_2;

/// One rendition's media: frames of `ticks` in a timescale.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Track {
    timescale: u32,
    ticks: u32,
    is_video: bool,
}

/// What a rendition's segments have said so far.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) last: Option<MediaSegment>,
    /// Sum of EXTINF since the last discontinuity.
    pub(crate) sum: f64,
    pub(crate) discontinuities: Vec<u64>,
}

/// Media of one source through the packager, with a wall clock that the test owns.
pub(crate) struct Hours {
    pub(crate) packager: Packager,
    tracks: Vec<Track>,
    pub(crate) ledgers: Vec<Ledger>,
    /// Frames of this run, by rendition.
    next: Vec<u64>,
    /// In ticks of each track: where this run's media begins.
    base: Vec<u64>,
    /// The wall clock at the beginning of this run.
    pub(crate) wall: Timestamp,
    /// Seconds of the wall clock in a second of the source's.
    pub(crate) rate: f64,
    /// What the dates of segments were off by, the last time that one was seen: date less clock.
    pub(crate) off: f64,
}

pub(crate) const fn video(rate: (u32, u32)) -> Track {
    Track {
        timescale: rate.0 * 512,
        ticks: rate.1 * 512,
        is_video: true,
    }
}

pub(crate) const fn audio(timescale: u32) -> Track {
    Track {
        timescale,
        ticks: 1024,
        is_video: false,
    }
}

// === impl Track ===

impl Track {
    fn seconds(self, ticks: u64) -> f64 {
        ticks as f64 / f64::from(self.timescale)
    }

    fn frame(self) -> f64 {
        self.seconds(u64::from(self.ticks))
    }

    /// As ffmpeg is told to: the first frame at or after each multiple of a segment, a millisecond early.
    fn is_key(self, number: u64) -> bool {
        let segment =
            |number: u64| ((number as f64 * self.frame() + 0.001) / SEGMENT).floor() as i64;
        !self.is_video || number == 0 || segment(number) > segment(number - 1)
    }
}

// === impl Ledger ===

impl Ledger {
    fn see(&mut self, segment: &MediaSegment, frame: f64) {
        let duration = segment.duration.as_secs_f64();
        if let Some(last) = &self.last {
            assert_eq!(segment.msn, last.msn + 1, "numbers have no gap");
            let step = segment
                .program_date_time
                .duration_since(last.program_date_time);
            let step = step.as_secs_f64() - last.duration.as_secs_f64();
            if segment.discontinuity {
                assert!(step >= -frame, "a date is given twice: {step}");
                self.sum = 0.0;
            } else {
                let allowed = last.duration.as_secs_f64() * SLEW * 1.01 + 1e-6;
                assert!(
                    step.abs() <= allowed,
                    "{}: the date jumps by {step} s",
                    segment.msn
                );
            }
        }
        if segment.discontinuity {
            self.discontinuities.push(segment.msn);
        }
        self.sum += duration;
        self.last = Some(segment.clone());
    }
}

// === impl Hours ===

impl Hours {
    pub(crate) fn new(tracks: &[Track]) -> Self {
        let rendition = |(index, track): (usize, &Track)| RenditionConfig {
            name: RenditionName::new(&format!("r{index}")).unwrap(),
            kind: match track.is_video {
                true => RenditionKind::Video,
                false => RenditionKind::Audio,
            },
            peak_bitrate: 3_000_000,
            average_bitrate: 2_000_000,
        };
        let config = PackagerConfig {
            segment_duration: Duration::from_secs_f64(SEGMENT),
            part_duration: Duration::from_secs_f64(PIECE),
            window: Duration::from_secs(30),
            irregular_key_frames: false,
            lead: Duration::ZERO,
            timeline: Timeline {
                epoch: FIRST,
                first_msn: FIRST,
                first_discontinuity: FIRST,
            },
            renditions: tracks.iter().enumerate().map(rendition).collect(),
        };
        let mut hours = Self {
            packager: Packager::new(config),
            tracks: tracks.to_vec(),
            ledgers: tracks.iter().map(|_| Ledger::default()).collect(),
            next: vec![0; tracks.len()],
            base: Vec::new(),
            wall: "2026-11-21T08:00:00Z".parse().unwrap(),
            rate: 1.0,
            off: 0.0,
        };
        hours.begin(10.0);
        hours
    }

    /// Another encoder, whose media begins there.
    pub(crate) fn begin(&mut self, seconds: f64) {
        let ticks = |track: &Track| (seconds * f64::from(track.timescale)) as u64;
        self.base = self.tracks.iter().map(ticks).collect();
        self.next.fill(0);
        for (index, track) in self.tracks.iter().enumerate() {
            let mut init = match track.is_video {
                true => video_init(),
                false => audio_init(),
            };
            init.timescale = track.timescale;
            self.packager.init(RenditionId(index as u8), init).unwrap();
        }
    }

    pub(crate) fn position(&self, index: usize) -> f64 {
        self.next[index] as f64 * self.tracks[index].frame()
    }

    /// The wall clock when the source has come so far in this run.
    pub(crate) fn clock(&self, seconds: f64) -> Timestamp {
        self.wall + SignedDuration::from_secs_f64(seconds * self.rate)
    }

    /// The next piece of a rendition, when it is there.
    fn push(&mut self, index: usize) {
        let (track, first) = (self.tracks[index], self.next[index]);
        let until = self.position(index) + PIECE - track.frame() / 2.0;
        let mut number = first;
        let mut samples = Vec::new();
        while number == first
            || (number as f64 * track.frame() < until && !track.is_key_video(number))
        {
            samples.push(Sample {
                duration: track.ticks,
                size: 1,
                composition_offset: 0,
                is_sync: track.is_key(number),
            });
            number += 1;
        }
        let base = self.base[index] + first * u64::from(track.ticks);
        let data = video_fragment(0, 1, true, samples.len()).data;
        let fragment = Fragment {
            base_decode_time: base,
            samples,
            data,
        };
        let now = self.clock(self.position(index));
        self.next[index] = number;
        self.packager
            .push(RenditionId(index as u8), &fragment, now)
            .unwrap();
    }

    /// Until every rendition has so many seconds of this run.
    pub(crate) fn run_until(&mut self, seconds: f64) {
        let mut look = self.position(0) + 10.0;
        loop {
            let indices = 0..self.tracks.len();
            let behind = indices.min_by(|a, b| self.position(*a).total_cmp(&self.position(*b)));
            let behind = behind.unwrap();
            if self.position(behind) >= seconds {
                break;
            }
            self.push(behind);
            if self.position(behind) > look {
                look += 10.0;
                self.look();
            }
        }
        self.look();
    }

    pub(crate) fn look(&mut self) {
        while self.packager.poll().is_some() {}
        for index in 0..self.tracks.len() {
            let snapshot = self.packager.snapshot(RenditionId(index as u8));
            let ledger = &mut self.ledgers[index];
            let seen = ledger.last.as_ref().map_or(0, |last| last.msn);
            for segment in snapshot
                .segments()
                .iter()
                .filter(|segment| segment.msn > seen)
            {
                ledger.see(segment, self.tracks[index].frame());
            }
        }
        self.agree();
    }

    /// The same segment has the same date in all renditions, within a frame of either.
    fn agree(&mut self) {
        let of = |ledger: &Ledger| ledger.last.clone();
        let Some(leader) = of(&self.ledgers[0]) else {
            return;
        };
        for (ledger, track) in self.ledgers.iter().zip(&self.tracks).skip(1) {
            let Some(last) = of(ledger).filter(|last| last.msn == leader.msn) else {
                continue;
            };
            let apart = last
                .program_date_time
                .duration_since(leader.program_date_time);
            assert!(
                apart.as_secs_f64().abs() <= track.frame() + ROUNDING,
                "{apart:?}"
            );
            assert_eq!(last.discontinuity, leader.discontinuity);
            let sums = ledger.sum - self.ledgers[0].sum;
            assert!(
                sums.abs() <= track.frame() + self.tracks[0].frame(),
                "{sums} s apart"
            );
        }
        let end =
            leader.program_date_time + SignedDuration::from_secs_f64(leader.duration.as_secs_f64());
        let media = self.ledgers[0].sum;
        self.off = end.duration_since(self.clock(media)).as_secs_f64();
    }

    /// The segments of each rendition are as long together as its media.
    pub(crate) fn check_sums(&self) {
        for (index, track) in self.tracks.iter().enumerate() {
            let missing = self.position(index) - self.ledgers[index].sum;
            // What is not listed yet is less than a segment.
            assert!(
                (-track.frame()..SEGMENT + PIECE + track.frame()).contains(&missing),
                "rendition {index}: {missing} s"
            );
        }
    }
}

impl Track {
    /// A piece of pictures begins with a key frame or has none: as a fragment of each frame would.
    fn is_key_video(self, number: u64) -> bool {
        self.is_video && self.is_key(number)
    }
}
