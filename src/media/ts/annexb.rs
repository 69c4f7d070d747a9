//! Access units as a byte stream (H.264 and H.265 Annex B): start codes instead of lengths, a delimiter in front, and the
//! parameter sets at each random access point.

/// How pictures are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Avc,
    Hevc,
}

/// What a NAL unit is to a multiplexer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nal {
    Delimiter,
    ParameterSet,
    Other,
}

const START: [u8; 3] = [0, 0, 1];

// === impl Coding ===

impl Coding {
    /// An access unit delimiter that allows any slice type.
    fn delimiter(self) -> &'static [u8] {
        match self {
            Self::Avc => &[0, 0, 0, 1, 0x09, 0xf0],
            Self::Hevc => &[0, 0, 0, 1, 0x46, 0x01, 0x50],
        }
    }

    fn classify(self, first: u8) -> Nal {
        match (self, first & 0x1f, first >> 1 & 0x3f) {
            (Self::Avc, 9, _) | (Self::Hevc, _, 35) => Nal::Delimiter,
            (Self::Avc, 7 | 8 | 13, _) | (Self::Hevc, _, 32..=34) => Nal::ParameterSet,
            _ => Nal::Other,
        }
    }

    /// Writes one sample of an ISO file, whose NAL units have lengths of `length_size` bytes, as an access unit.
    ///
    /// `parameter_sets` are written with their start codes before a random access point, unless the sample brings its
    /// own. A NAL unit that is said to be longer than the sample is left out, as decoders do with a damaged one.
    pub(super) fn write(
        self,
        length_size: usize,
        parameter_sets: &[u8],
        is_random_access: bool,
        sample: &[u8],
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(self.delimiter());
        let has_own = || units(sample, length_size).any(|unit| self.is(unit, Nal::ParameterSet));
        if is_random_access && !has_own() {
            out.extend_from_slice(parameter_sets);
        }
        for unit in units(sample, length_size) {
            if self.is(unit, Nal::Delimiter) {
                continue;
            }
            if self.is(unit, Nal::ParameterSet) {
                out.push(0); // zero_byte: required before parameter sets.
            }
            out.extend_from_slice(&START);
            out.extend_from_slice(unit);
        }
    }

    fn is(self, unit: &[u8], kind: Nal) -> bool {
        unit.first()
            .is_some_and(|&first| self.classify(first) == kind)
    }
}

/// A parameter set with the start code that it needs.
pub(super) fn write_parameter_set(unit: &[u8], out: &mut Vec<u8>) {
    out.push(0);
    out.extend_from_slice(&START);
    out.extend_from_slice(unit);
}

/// The NAL units of a sample; empty ones say nothing.
fn units(sample: &[u8], length_size: usize) -> impl Iterator<Item = &[u8]> {
    let mut rest = sample;
    std::iter::from_fn(move || {
        let (length, after) = rest.split_at_checked(length_size)?;
        let length = length
            .iter()
            .fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        let (unit, after) = after.split_at_checked(length)?;
        rest = after;
        Some(unit)
    })
    .filter(|unit| !unit.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(coding: Coding, is_random_access: bool, sample: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        coding.write(
            4,
            &[0, 0, 0, 1, 0x67, 0xaa],
            is_random_access,
            sample,
            &mut out,
        );
        out
    }

    const SLICE: [u8; 6] = [0, 0, 0, 2, 0x65, 0xbb];

    #[test]
    fn a_random_access_point_has_its_parameter_sets() {
        let expected = [
            &[0, 0, 0, 1, 0x09, 0xf0][..],
            &[0, 0, 0, 1, 0x67, 0xaa],
            &[0, 0, 1, 0x65, 0xbb],
        ];
        assert_eq!(written(Coding::Avc, true, &SLICE), expected.concat());
        let expected = [expected[0], expected[2]].concat();
        assert_eq!(written(Coding::Avc, false, &SLICE), expected);
    }

    #[test]
    fn what_the_sample_brings_is_not_doubled() {
        let own = [
            &[0, 0, 0, 2, 0x09, 0x10][..],
            &[0, 0, 0, 2, 0x67, 0xcc],
            &SLICE,
        ];
        let expected = [
            &[0, 0, 0, 1, 0x09, 0xf0][..],
            &[0, 0, 0, 1, 0x67, 0xcc],
            &[0, 0, 1, 0x65, 0xbb],
        ];
        assert_eq!(written(Coding::Avc, true, &own.concat()), expected.concat());
    }

    #[test]
    fn hevc_has_a_header_of_two_bytes() {
        let sample = [
            &[0, 0, 0, 3, 0x46, 0x01, 0x50][..],
            &[0, 0, 0, 3, 0x40, 0x01, 0xcc],
            &[0, 0, 0, 3, 0x26, 0x01, 0xdd],
        ];
        let expected = [
            &[0, 0, 0, 1, 0x46, 0x01, 0x50][..],
            &[0, 0, 0, 1, 0x40, 0x01, 0xcc],
            &[0, 0, 1, 0x26, 0x01, 0xdd],
        ];
        assert_eq!(
            written(Coding::Hevc, true, &sample.concat()),
            expected.concat()
        );
    }

    #[test]
    fn lengths_that_lie_end_the_sample() {
        let damaged = [&SLICE[..], &[0, 0, 1, 0, 0x41]].concat();
        assert_eq!(
            written(Coding::Avc, false, &damaged),
            written(Coding::Avc, false, &SLICE)
        );
        assert_eq!(written(Coding::Avc, false, &[0, 0]).len(), 6);
    }
}
