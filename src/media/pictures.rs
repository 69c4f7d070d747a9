//! Whether samples are pictures of the codec that their track announces, and of the format.
//!
//! What is encoded here is what it says. What is copied from a source was never looked at: when the source changes in
//! the middle of a stream, ffmpeg goes on to write the new pictures into the old track. Those of another codec no
//! player can show; those of another size need another initialization section (ISO/IEC 14496-15: what `avc1` and
//! `hvc1` need to be decoded stands in the sample entry).
//!
//! The headers of NAL units tell (H.264: ITU-T H.264 table 7-1, H.265: ITU-T H.265 table 7-1). MPEG-2 sets a bit that
//! must be zero in both. And the last bit of the first byte is one in every slice of H.264, and zero in H.265 for all
//! that belongs to the base layer.

use bytes::Bytes;

use super::error::MediaError;
use super::fragment::Fragment;

/// So many samples without a picture are enough: one or two may be what a lost packet has left.
const ENOUGH: u32 = 3;

/// In front of each NAL unit; ffmpeg never writes another size.
const LENGTH_SIZE: usize = 4;

/// The first bit of every NAL unit is zero.
const FORBIDDEN: u8 = 0x80;

/// The bit that slices of the two codecs differ in.
const LAST: u8 = 1;

/// Looks at the samples of one track, one fragment after the other.
#[derive(Debug)]
pub struct PictureCheck {
    family: Family,
    /// Samples in a row that are no pictures.
    strange: u32,
    /// What the first pictures said of their format.
    parameters: Vec<Bytes>,
}

/// What a sample is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Picture,
    /// It has nothing that could be one.
    Strange,
    /// It says another format than those before it.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    H264,
    H265,
}

// === impl PictureCheck ===

impl PictureCheck {
    /// For a track with this codec string; `None` for a codec whose samples are not made of NAL units.
    pub fn new(codec: &str) -> Option<Self> {
        let family = match codec.get(..4)? {
            "avc1" | "avc3" => Family::H264,
            "hvc1" | "hev1" => Family::H265,
            _ => return None,
        };
        Some(Self {
            family,
            strange: 0,
            parameters: Vec::new(),
        })
    }

    /// Takes the next fragment.
    ///
    /// # Errors
    /// [`MediaError::OtherCodec`] when there has been no picture for a while, [`MediaError::OtherFormat`] when they
    /// need another initialization section.
    pub fn look(&mut self, fragment: &Fragment) -> Result<(), MediaError> {
        let mut rest = fragment.data.clone();
        for sample in &fragment.samples {
            let size = sample.size as usize;
            if size > rest.len() {
                break; // The reader has compared the sizes.
            }
            let data = rest.split_to(size);
            match self.look_at(&data) {
                Look::Picture => self.strange = 0,
                Look::Strange => self.strange += 1,
                Look::Other => return Err(MediaError::OtherFormat),
            }
            if self.strange >= ENOUGH {
                let codec = self.family.name();
                return Err(MediaError::OtherCodec { codec });
            }
        }
        Ok(())
    }

    fn look_at(&mut self, sample: &Bytes) -> Look {
        let Some(units) = units(sample) else {
            return Look::Strange;
        };
        if !units.iter().all(|unit| self.family.may_be(unit))
            || !units.iter().any(|unit| self.family.is_slice(unit))
        {
            return Look::Strange;
        }
        let parameters = units
            .iter()
            .filter(|unit| self.family.is_parameter_set(unit));
        if self.parameters.is_empty() {
            // A copy: the fragment is not to live as long as the stream.
            self.parameters = parameters
                .map(|unit| Bytes::copy_from_slice(unit))
                .collect();
            return Look::Picture;
        }
        let is_known = |unit: &&[u8]| self.parameters.iter().any(|known| known == unit);
        match parameters.copied().all(|unit| is_known(&unit)) {
            true => Look::Picture,
            false => Look::Other,
        }
    }
}

/// The NAL units of a sample; `None` if it is not made of them.
fn units(mut data: &[u8]) -> Option<Vec<&[u8]>> {
    let mut units = Vec::new();
    while let Some((length, rest)) = data.split_first_chunk::<LENGTH_SIZE>() {
        let (unit, after) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        units.push(unit);
        data = after;
    }
    data.is_empty().then_some(units)
}

// === impl Family ===

impl Family {
    fn name(self) -> &'static str {
        match self {
            Self::H264 => "H.264",
            Self::H265 => "H.265",
        }
    }

    /// Nothing of another codec.
    fn may_be(self, unit: &[u8]) -> bool {
        let bits = match self {
            Self::H264 => FORBIDDEN,
            Self::H265 => FORBIDDEN | LAST,
        };
        unit.first().is_none_or(|first| first & bits == 0)
    }

    /// A part of a picture.
    fn is_slice(self, unit: &[u8]) -> bool {
        unit.first().is_some_and(|first| match self {
            // Data partitions are in no profile that is copied.
            Self::H264 => matches!(first & 0x1f, 1 | 5),
            Self::H265 => matches!(first >> 1 & 0x3f, 0..=9 | 16..=21),
        })
    }

    /// A sequence parameter set: size, profile, bit depth.
    fn is_parameter_set(self, unit: &[u8]) -> bool {
        unit.first().is_some_and(|first| match self {
            Self::H264 => first & 0x1f == 7,
            Self::H265 => first >> 1 & 0x3f == 33,
        })
    }
}
