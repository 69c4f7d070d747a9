//! Samples back into one fragment: a moof with moof-relative addressing and its mdat.
//!
//! What all samples share stands once in tfhd; a run lists only what differs. The moof depends on nothing in trex,
//! so it fits any initialization section with the same track identifier.

use bytes::Bytes;
use mp4_atom::{Encode, Mfhd, Moof, Tfdt, Tfhd, Traf, Trun, TrunEntry};

use super::fragment::Sample;
use super::moof::NON_SYNC;

/// sample_depends_on 2: needs no other sample.
const SYNC_FLAGS: u32 = 0x0200_0000;
/// sample_depends_on 1 and sample_is_non_sync_sample.
const NON_SYNC_FLAGS: u32 = 0x0100_0000 | NON_SYNC;
const MDAT_HEADER: usize = 8;

/// Writes one moof and mdat (one traf, one trun, moof-relative addressing) with the given samples.
///
/// `base_decode_time` is in ticks of the track. `data` are the samples' bytes in order, in as many pieces as they came.
///
/// # Panics
/// When `samples` is empty, when their sizes are not those of `data`, or when the fragment exceeds 2 GiB: bugs of the
/// caller, who got both from a [`super::FragmentReader`].
pub fn write_fragment(
    track_id: u32,
    sequence_number: u32,
    base_decode_time: u64,
    samples: &[Sample],
    data: &[Bytes],
) -> Bytes {
    assert!(!samples.is_empty(), "a fragment should have samples");
    let data_len: usize = data.iter().map(Bytes::len).sum();
    let sizes: u64 = samples.iter().map(|sample| u64::from(sample.size)).sum();
    assert_eq!(
        sizes, data_len as u64,
        "the samples' sizes should add up to the data"
    );

    let mut moof = moof(track_id, sequence_number, base_decode_time, samples);
    // The data offset is the moof's own size, which does not depend on the offset's value: write it twice.
    let mut out = Vec::new();
    encode(&moof, &mut out);
    let moof_len = out.len();
    let data_offset = i32::try_from(moof_len + MDAT_HEADER).expect("a moof should be small");
    moof.traf[0].trun[0].data_offset = Some(data_offset);

    let total = moof_len + MDAT_HEADER + data_len;
    let mdat_len = u32::try_from(MDAT_HEADER + data_len).expect("a fragment should be under 2 GiB");
    let mut out = Vec::with_capacity(total);
    encode(&moof, &mut out);
    out.extend_from_slice(&mdat_len.to_be_bytes());
    out.extend_from_slice(b"mdat");
    for piece in data {
        out.extend_from_slice(piece);
    }
    debug_assert_eq!(out.len(), total, "the allocation should be exact");
    Bytes::from(out)
}

fn moof(track_id: u32, sequence_number: u32, base_decode_time: u64, samples: &[Sample]) -> Moof {
    let shape = Shape::new(samples);
    Moof {
        mfhd: Mfhd { sequence_number },
        traf: vec![Traf {
            tfhd: Tfhd {
                track_id,
                default_sample_duration: shape.duration,
                default_sample_size: shape.size,
                default_sample_flags: shape.flags,
                default_base_is_moof: true,
                ..Tfhd::default()
            },
            tfdt: Some(Tfdt {
                base_media_decode_time: base_decode_time,
            }),
            trun: vec![Trun {
                data_offset: Some(0),
                samples: shape.entries(samples).into(),
            }],
            ..Traf::default()
        }],
    }
}

fn encode(moof: &Moof, out: &mut Vec<u8>) {
    moof.encode(out)
        .expect("a moof of one run should be encodable");
}

fn flags(sample: &Sample) -> u32 {
    if sample.is_sync {
        SYNC_FLAGS
    } else {
        NON_SYNC_FLAGS
    }
}

/// What the samples share: `Some` goes into tfhd, `None` into each entry of the run.
#[derive(Debug, Clone, Copy)]
struct Shape {
    duration: Option<u32>,
    size: Option<u32>,
    flags: Option<u32>,
    /// The first sample's, where it alone differs (the usual key frame in front).
    first_flags: Option<u32>,
    has_offsets: bool,
}

// === impl Shape ===

impl Shape {
    fn new(samples: &[Sample]) -> Self {
        let first = flags(&samples[0]);
        let common = shared(samples[1..].iter().map(flags));
        // One sample alone: its flags are everybody's.
        let alone = (samples.len() == 1).then_some(first);
        let flags = common.or(alone);
        Self {
            duration: shared(samples.iter().map(|sample| sample.duration)),
            size: shared(samples.iter().map(|sample| sample.size)),
            flags,
            first_flags: flags.filter(|&flags| flags != first).map(|_| first),
            has_offsets: samples.iter().any(|sample| sample.composition_offset != 0),
        }
    }

    fn entries(&self, samples: &[Sample]) -> Vec<TrunEntry> {
        let entry = |(index, sample): (usize, &Sample)| TrunEntry {
            duration: self.duration.is_none().then_some(sample.duration),
            size: self.size.is_none().then_some(sample.size),
            flags: match self.flags {
                None => Some(flags(sample)),
                Some(_) if index == 0 => self.first_flags,
                Some(_) => None,
            },
            cts: self
                .has_offsets
                .then_some(i64::from(sample.composition_offset)),
        };
        samples.iter().enumerate().map(entry).collect()
    }
}

/// The value that all have, if they have one.
fn shared(mut values: impl Iterator<Item = u32>) -> Option<u32> {
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}
