//! What a transport stream carries, read from the initialization sections of its tracks.

use mp4_atom::{Audio, Avcc, Hvcc, Visual};

use super::adts::Adts;
use super::annexb::{Coding, write_parameter_set};
use super::psi::{self, PAT_PID, PMT_PID, Section, Stream};
use super::reorder;
use crate::media::boxes::BoxView;
use crate::media::error::{BoxPosition, BoxType, MediaError};
use crate::media::fragment::MediaInitializationSection;
use crate::media::sample_entry::{STSD_FIELDS, config, esds, fields};

pub(super) const VIDEO_PID: u16 = 0x100;
pub(super) const AUDIO_PID: u16 = 0x101;

/// One program of a transport stream: its tracks and its tables.
#[derive(Debug, Clone)]
pub struct Program {
    pub(super) video: Option<VideoTrack>,
    pub(super) audio: Option<AudioTrack>,
    pub(super) pat: Section,
    pub(super) pmt: Section,
}

#[derive(Debug, Clone)]
pub(super) struct VideoTrack {
    pub(super) coding: Coding,
    /// Bytes of a NAL unit's length.
    pub(super) length_size: usize,
    /// With start codes.
    pub(super) parameter_sets: Vec<u8>,
    /// By how much decode times are earlier than in the fragments, in ticks of 90 kHz.
    pub(super) delay: u64,
    pub(super) timescale: u32,
}

#[derive(Debug, Clone)]
pub(super) struct AudioTrack {
    pub(super) adts: Adts,
    pub(super) timescale: u32,
}

/// Why a track cannot go into a transport stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TsError {
    /// There is no place for this coding in a transport stream, or none that players know.
    #[error("{codec} cannot be carried in MPEG-TS, which knows H.264, HEVC and AAC here")]
    Coding {
        /// RFC 6381.
        codec: String,
    },
    /// Neither pictures nor sound.
    #[error("a transport stream needs a track")]
    NoTrack,
    /// The track's own description is broken.
    #[error(transparent)]
    Media(#[from] MediaError),
}

// === impl Program ===

impl Program {
    /// A program of these tracks; one of them may be missing.
    ///
    /// # Errors
    /// Codings that are not H.264, HEVC and AAC, and no track at all.
    pub fn new(
        video: Option<&MediaInitializationSection>,
        audio: Option<&MediaInitializationSection>,
    ) -> Result<Self, TsError> {
        let video = video.map(VideoTrack::new).transpose()?;
        let audio = audio.map(AudioTrack::new).transpose()?;
        let mut streams = Vec::new();
        if let Some(video) = &video {
            let (kind, registration) = match video.coding {
                Coding::Avc => (psi::AVC, None),
                Coding::Hevc => (psi::HEVC, Some(*b"HEVC")),
            };
            streams.push(Stream {
                kind,
                pid: VIDEO_PID,
                registration,
            });
        }
        if audio.is_some() {
            streams.push(Stream {
                kind: psi::ADTS,
                pid: AUDIO_PID,
                registration: None,
            });
        }
        let clock_pid = streams.first().ok_or(TsError::NoTrack)?.pid;
        Ok(Self {
            video,
            audio,
            pat: psi::pat(),
            pmt: psi::pmt(clock_pid, &streams),
        })
    }

    /// Whether pictures come with it: they carry the clock, and are where a player may begin.
    pub(super) fn has_video(&self) -> bool {
        self.video.is_some()
    }

    /// All PIDs, tables first.
    pub(super) fn pids(&self) -> impl Iterator<Item = u16> {
        let video = self.video.as_ref().map(|_| VIDEO_PID);
        let audio = self.audio.as_ref().map(|_| AUDIO_PID);
        [PAT_PID, PMT_PID].into_iter().chain(video).chain(audio)
    }
}

// === impl VideoTrack ===

impl VideoTrack {
    fn new(init: &MediaInitializationSection) -> Result<Self, TsError> {
        let entry = sample_entry(init)?;
        let mut parameter_sets = Vec::new();
        let mut delay = 0;
        let (coding, length_size) = match &entry.at.box_type.0 {
            b"avc1" | b"avc3" => {
                let (_, skip) = fields::<Visual>(&entry)?;
                let avcc: Avcc = config(&entry, skip)?;
                if let Some(set) = avcc.sequence_parameter_sets.first() {
                    delay = reorder::delay(Coding::Avc, set);
                }
                let sets = avcc.sequence_parameter_sets.iter();
                for unit in sets.chain(&avcc.picture_parameter_sets) {
                    write_parameter_set(unit, &mut parameter_sets);
                }
                (Coding::Avc, usize::from(avcc.length_size))
            }
            b"hvc1" | b"hev1" => {
                let (_, skip) = fields::<Visual>(&entry)?;
                let hvcc: Hvcc = config(&entry, skip)?;
                // VPS, SPS, PPS: each refers to the one before.
                for kind in 32..=34 {
                    let arrays = hvcc.arrays.iter();
                    let arrays = arrays.filter(|array| array.nal_unit_type == kind);
                    for unit in arrays.flat_map(|array| &array.nalus) {
                        if kind == 33 {
                            delay = reorder::delay(Coding::Hevc, unit);
                        }
                        write_parameter_set(unit, &mut parameter_sets);
                    }
                }
                (Coding::Hevc, usize::from(hvcc.length_size_minus_one) + 1)
            }
            _ => return Err(refused(init)),
        };
        Ok(Self {
            coding,
            length_size,
            parameter_sets,
            delay,
            timescale: init.timescale,
        })
    }
}

// === impl AudioTrack ===

impl AudioTrack {
    fn new(init: &MediaInitializationSection) -> Result<Self, TsError> {
        let entry = sample_entry(init)?;
        if !entry.is(b"mp4a") {
            return Err(refused(init));
        }
        let (_, skip) = fields::<Audio>(&entry)?;
        let adts = Adts::of(&esds(&entry, skip)?).ok_or_else(|| refused(init))?;
        let timescale = init.timescale;
        Ok(Self { adts, timescale })
    }
}

fn refused(init: &MediaInitializationSection) -> TsError {
    TsError::Coding {
        codec: init.codec.clone(),
    }
}

/// The one sample entry of a section that was read before.
fn sample_entry(init: &MediaInitializationSection) -> Result<BoxView<'_>, MediaError> {
    let file = BoxView {
        at: BoxPosition {
            box_type: BoxType(*b"file"),
            offset: 0,
        },
        raw: &init.bytes,
        body: &init.bytes,
    };
    let mut view = file;
    for name in [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"] {
        view = view.require(name)?;
    }
    let first = view.children(STSD_FIELDS)?.next();
    first.unwrap_or(Err(MediaError::SampleEntryCount {
        at: view.at,
        index: 0,
    }))
}
