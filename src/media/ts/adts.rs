//! AAC with a header for each frame (ISO/IEC 14496-3 §1.A.2.2, ADTS): what an AudioSpecificConfig says, every time.

use mp4_atom::Esds;

use crate::media::codec::AacConfig;

/// The largest frame that the header can tell the length of.
const LARGEST: usize = (1 << 13) - 1;

const HEADER: usize = 7;

/// The fields that all frames have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Adts {
    profile: u8,
    rate_index: u8,
    channels: u8,
}

// === impl Adts ===

impl Adts {
    /// `None` when ADTS has no words for the coding: other object types, rates or layouts than the listed ones.
    pub(super) fn of(esds: &Esds) -> Option<Self> {
        let config = AacConfig::of(esds)?;
        let specific = esds.es_desc.dec_config.dec_specific.as_ref()?;
        let object_type = match config.object_type {
            // SBR and parametric stereo lie within frames of AAC-LC; decoders find them there.
            5 | 29 => 2,
            other @ 1..=4 => other,
            _ => return None,
        };
        config.sample_rate?;
        (1..=7).contains(&specific.chan_conf).then_some(Self {
            profile: object_type - 1,
            rate_index: specific.freq_index,
            channels: specific.chan_conf,
        })
    }

    /// One frame with its header; one that is too large for it is left out.
    pub(super) fn write(&self, frame: &[u8], out: &mut Vec<u8>) {
        let length = frame.len() + HEADER;
        if length > LARGEST {
            return;
        }
        out.extend_from_slice(&[
            0xff,
            0xf1, // MPEG-4, no checksum.
            self.profile << 6 | self.rate_index << 2 | self.channels >> 2,
            (self.channels & 3) << 6 | (length >> 11) as u8,
            (length >> 3) as u8,
            // Buffer fullness 0x7ff: a variable rate.
            (length as u8) << 5 | 0x1f,
            0xfc,
        ]);
        out.extend_from_slice(frame);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_stereo_at_48_khz() {
        let adts = Adts {
            profile: 1,
            rate_index: 3,
            channels: 2,
        };
        let mut out = Vec::new();
        adts.write(&[0xab; 348], &mut out);
        assert_eq!(out[..7], [0xff, 0xf1, 0x4c, 0x80, 0x2c, 0x7f, 0xfc]);
        assert_eq!(out.len(), 355);
        assert_eq!((usize::from(out[4]) << 3) | usize::from(out[5] >> 5), 355);
    }

    #[test]
    fn a_frame_that_no_header_can_describe_is_left_out() {
        let adts = Adts {
            profile: 1,
            rate_index: 3,
            channels: 2,
        };
        let mut out = Vec::new();
        adts.write(&vec![0; LARGEST], &mut out);
        assert!(out.is_empty());
    }
}
