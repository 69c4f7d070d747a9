//! A moof into samples: every source of defaults (trex, tfhd, trun) is obeyed here and nowhere else.
//!
//! ISO/IEC 14496-12 §8.8.4 to §8.8.8 and §8.8.12.

use mp4_atom::{Tfdt, Tfhd, Trex, Trun, TrunEntry};

use super::boxes::BoxView;
use super::error::MediaError;
use super::fragment::Sample;

/// sample_is_non_sync_sample of the sample flags (ISO/IEC 14496-12 §8.8.3.1).
pub(super) const NON_SYNC: u32 = 0x0001_0000;

/// The most samples a fragment may have: half an hour of AAC frames at once, and a mebibyte of memory.
pub(super) const SAMPLE_LIMIT: usize = 1 << 16;

/// A fragment whose mdat has yet to come.
#[derive(Debug)]
pub(super) struct FragmentHeader {
    pub(super) base_decode_time: u64,
    pub(super) samples: Vec<Sample>,
    /// Where in the stream the first sample's first byte is said to be.
    pub(super) data_start: i128,
    /// The sum of the samples' sizes.
    pub(super) data_len: u64,
}

/// Reads a moof of the one track that `trex` belongs to.
pub(super) fn read_moof(moof: &BoxView<'_>, trex: &Trex) -> Result<FragmentHeader, MediaError> {
    moof.require(b"mfhd")?.decode::<mp4_atom::Mfhd>()?;
    let traf = only_traf(moof)?;
    let tfhd_box = traf.require(b"tfhd")?;
    let tfhd: Tfhd = tfhd_box.decode()?;
    check_track(&tfhd_box, &tfhd, trex)?;
    let tfdt: Tfdt = traf.require(b"tfdt")?.decode()?;

    let base = i128::from(tfhd.base_data_offset.unwrap_or(moof.at.offset));
    let mut runs = Runs::new(base, Defaults::new(trex, &tfhd));
    for child in traf.children(0)? {
        let child = child?;
        if child.is(b"trun") {
            runs.add(&child)?;
        }
    }
    let data_start = runs
        .data_start
        .filter(|_| !runs.samples.is_empty())
        .ok_or(MediaError::NoSamples { at: traf.at })?;
    Ok(FragmentHeader {
        base_decode_time: tfdt.base_media_decode_time,
        samples: runs.samples,
        data_start,
        data_len: runs.data_len,
    })
}

fn only_traf<'a>(moof: &BoxView<'a>) -> Result<BoxView<'a>, MediaError> {
    let mut count = 0;
    for child in moof.children(0)? {
        count += usize::from(child?.is(b"traf"));
    }
    match count {
        0 | 1 => moof.require(b"traf"),
        count => Err(MediaError::TrackCount { at: moof.at, count }),
    }
}

fn check_track(at: &BoxView<'_>, tfhd: &Tfhd, trex: &Trex) -> Result<(), MediaError> {
    if tfhd.track_id != trex.track_id {
        return Err(MediaError::UnknownTrack {
            at: at.at,
            expected: trex.track_id,
            found: tfhd.track_id,
        });
    }
    let index = tfhd
        .sample_description_index
        .unwrap_or(trex.default_sample_description_index);
    if index != 1 {
        return Err(MediaError::SampleEntryCount { at: at.at, index });
    }
    Ok(())
}

/// What a sample has when its run does not say.
#[derive(Debug, Clone, Copy)]
struct Defaults {
    duration: u32,
    size: u32,
    flags: u32,
}

/// The runs of a traf, read one after the other.
#[derive(Debug)]
struct Runs {
    base: i128,
    defaults: Defaults,
    samples: Vec<Sample>,
    data_start: Option<i128>,
    data_len: u64,
}

// === impl Defaults ===

impl Defaults {
    fn new(trex: &Trex, tfhd: &Tfhd) -> Self {
        Self {
            duration: tfhd
                .default_sample_duration
                .unwrap_or(trex.default_sample_duration),
            size: tfhd.default_sample_size.unwrap_or(trex.default_sample_size),
            flags: tfhd
                .default_sample_flags
                .unwrap_or(trex.default_sample_flags),
        }
    }

    /// `None` when the composition offset is out of reach.
    fn resolve(&self, entry: &TrunEntry) -> Option<Sample> {
        Some(Sample {
            duration: entry.duration.unwrap_or(self.duration),
            size: entry.size.unwrap_or(self.size),
            composition_offset: i32::try_from(entry.cts.unwrap_or(0)).ok()?,
            is_sync: entry.flags.unwrap_or(self.flags) & NON_SYNC == 0,
        })
    }
}

// === impl Runs ===

impl Runs {
    fn new(base: i128, defaults: Defaults) -> Self {
        Self {
            base,
            defaults,
            samples: Vec::new(),
            data_start: None,
            data_len: 0,
        }
    }

    fn add(&mut self, trun_box: &BoxView<'_>) -> Result<(), MediaError> {
        let trun: Trun = trun_box.decode()?;
        self.place(trun_box, trun.data_offset)?;
        // A run may claim four thousand million samples in twelve bytes: bound it before making room.
        if self.samples.len() + trun.samples.len() > SAMPLE_LIMIT {
            return Err(MediaError::TooManySamples {
                at: trun_box.at,
                limit: SAMPLE_LIMIT,
            });
        }
        self.samples.reserve(trun.samples.len());
        for entry in &trun.samples {
            let sample = self
                .defaults
                .resolve(&entry)
                .ok_or_else(|| trun_box.unreadable("a composition offset exceeds 31 bits"))?;
            self.data_len += u64::from(sample.size);
            self.samples.push(sample);
        }
        Ok(())
    }

    /// Runs must lie one after the other: a fragment's data is one piece.
    fn place(&mut self, at: &BoxView<'_>, data_offset: Option<i32>) -> Result<(), MediaError> {
        let said = data_offset.map(|offset| self.base + i128::from(offset));
        let Some(start) = self.data_start else {
            self.data_start = Some(said.unwrap_or(self.base));
            return Ok(());
        };
        let next = start + i128::from(self.data_len);
        match said {
            Some(found) if found != next => Err(MediaError::DataOffset {
                at: at.at,
                expected: u64::try_from(next).unwrap_or(0),
                found,
            }),
            _ => Ok(()),
        }
    }
}
