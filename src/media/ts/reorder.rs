//! How many pictures a decoder must hold back to show them in order: what a sequence parameter set says of it.
//!
//! In an ISO file a picture may be shown before the time at which it is decoded (negative composition offsets), in a
//! transport stream never: decode times there are earlier by as much as pictures are reordered. That has to be known
//! before the first picture, and has to stay.

use super::annexb::Coding;

/// What a picture that is held back takes, in ticks of 90 kHz: a frame at 20 frames a second.
const FRAME: u64 = 4_500;

/// More than a decoder can hold says nothing.
const MOST: u32 = 16;

/// What is assumed of a stream that reorders without saying how much.
const UNSAID: u32 = 3;

/// Bits of a parameter set, most significant first, without the bytes that only guard against false start codes.
struct Bits {
    bytes: Vec<u8>,
    at: usize,
}

/// By how much decode times must be earlier, in ticks of 90 kHz; `set` is a whole sequence parameter set.
pub(super) fn delay(coding: Coding, set: &[u8]) -> u64 {
    let held = match coding {
        Coding::Avc => avc(&mut Bits::new(set, 1)),
        Coding::Hevc => hevc(&mut Bits::new(set, 2)),
    };
    u64::from(held.unwrap_or(UNSAID).min(MOST)) * FRAME
}

/// H.264, 7.3.2.1.1 and annex E.1.1. `None` if it is not said.
fn avc(bits: &mut Bits) -> Option<u32> {
    /// These profiles say more of their colours.
    const HIGH: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
    let profile = bits.take(8)?;
    bits.skip(16)?;
    bits.number()?;
    if HIGH.contains(&profile) {
        high_profile(bits)?;
    }
    bits.number()?; // log2_max_frame_num
    match bits.number()? {
        0 => {
            bits.number()?;
        }
        1 => {
            bits.skip(1)?;
            bits.numbers(2)?;
            let count = bits.number()?;
            bits.numbers(count)?;
        }
        // Output order is decoding order; and the plainest profile has no other.
        _ => return Some(0),
    }
    if profile == 66 {
        return Some(0);
    }
    bits.number()?; // max_num_ref_frames
    bits.skip(1)?;
    bits.numbers(2)?; // width, height
    if !bits.flag()? {
        bits.skip(1)?;
    }
    bits.skip(1)?;
    if bits.flag()? {
        bits.numbers(4)?;
    }
    if !bits.flag()? {
        return None;
    }
    usability(bits)
}

fn high_profile(bits: &mut Bits) -> Option<()> {
    let chroma = bits.number()?;
    if chroma == 3 {
        bits.skip(1)?;
    }
    bits.numbers(2)?;
    bits.skip(1)?;
    if bits.flag()? {
        for list in 0..if chroma == 3 { 12 } else { 8 } {
            if bits.flag()? {
                scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(())
}

/// 7.3.2.1.1.1: a difference for each entry, until one says that the rest is the same.
fn scaling_list(bits: &mut Bits, size: usize) -> Option<()> {
    let (mut last, mut next) = (8_i64, 8_i64);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.signed()?).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

/// The usability information, as far as the restriction of reordering at its end.
fn usability(bits: &mut Bits) -> Option<u32> {
    if bits.flag()? && bits.take(8)? == 255 {
        bits.skip(32)?;
    }
    if bits.flag()? {
        bits.skip(1)?;
    }
    if bits.flag()? {
        bits.skip(4)?;
        if bits.flag()? {
            bits.skip(24)?;
        }
    }
    if bits.flag()? {
        bits.numbers(2)?;
    }
    if bits.flag()? {
        bits.skip(65)?;
    }
    let nal = bits.flag()?;
    if nal {
        reference_decoder(bits)?;
    }
    let vcl = bits.flag()?;
    if vcl {
        reference_decoder(bits)?;
    }
    bits.skip(if nal || vcl { 2 } else { 1 })?;
    if !bits.flag()? {
        return None;
    }
    bits.skip(1)?;
    bits.numbers(4)?;
    bits.number()
}

/// Annex E.1.2.
fn reference_decoder(bits: &mut Bits) -> Option<()> {
    let count = bits.number()?.min(31);
    bits.skip(8)?;
    for _ in 0..=count {
        bits.numbers(2)?;
        bits.skip(1)?;
    }
    bits.skip(20)
}

/// H.265, 7.3.2.2.1 and 7.3.3.
fn hevc(bits: &mut Bits) -> Option<u32> {
    bits.skip(4)?;
    let layers = bits.take(3)?;
    bits.skip(1 + 96)?;
    let present: Vec<(bool, bool)> = (0..layers)
        .map(|_| Some((bits.flag()?, bits.flag()?)))
        .collect::<Option<_>>()?;
    if layers > 0 {
        bits.skip(2 * (8 - layers as usize))?;
    }
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    bits.number()?;
    if bits.number()? == 3 {
        bits.skip(1)?;
    }
    bits.numbers(2)?;
    if bits.flag()? {
        bits.numbers(4)?;
    }
    bits.numbers(3)?;
    let each = bits.flag()?;
    let mut held = 0;
    for _ in 0..if each { layers + 1 } else { 1 } {
        bits.number()?;
        held = bits.number()?;
        bits.number()?;
    }
    Some(held)
}

// === impl Bits ===

impl Bits {
    /// Behind a header of so many bytes.
    fn new(unit: &[u8], header: usize) -> Self {
        let mut bytes = Vec::with_capacity(unit.len());
        for &byte in unit.get(header..).unwrap_or_default() {
            let guards = byte == 3 && bytes.ends_with(&[0, 0]);
            // A guard is forgotten, so that two zeros after it begin to count anew.
            if !guards {
                bytes.push(byte);
            }
        }
        Self { bytes, at: 0 }
    }

    fn take(&mut self, count: usize) -> Option<u32> {
        (0..count).try_fold(0, |value: u32, _| {
            Some(value << 1 | u32::from(self.flag()?))
        })
    }

    fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.at += count;
        (self.at <= self.bytes.len() * 8).then_some(())
    }

    /// Exp-Golomb, 9.1.
    fn number(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1_u32 << zeros) - 1 + self.take(zeros)?)
    }

    fn signed(&mut self) -> Option<i64> {
        let number = i64::from(self.number()?);
        Some(if number % 2 == 1 {
            (number + 1) / 2
        } else {
            -number / 2
        })
    }

    fn numbers(&mut self, count: u32) -> Option<()> {
        (0..count).try_for_each(|_| self.number().map(|_| ()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// x264, High, three B-frames: it says that two pictures are held back.
    const REORDERED: &[u8] = &[
        0x67, 0x64, 0x00, 0x0b, 0xac, 0xd9, 0x42, 0x8d, 0xf9, 0x30, 0xe1, 0x00, 0x00, 0x03, 0x00,
        0x01, 0x00, 0x00, 0x03, 0x00, 0x3c, 0x0f, 0x14, 0x29, 0x96,
    ];

    #[test]
    fn what_an_encoder_says_is_read() {
        assert_eq!(delay(Coding::Avc, REORDERED), 2 * FRAME);
    }

    #[test]
    fn what_is_not_said_is_assumed() {
        assert_eq!(
            delay(Coding::Avc, &REORDERED[..8]),
            u64::from(UNSAID) * FRAME
        );
        assert_eq!(delay(Coding::Hevc, &[]), u64::from(UNSAID) * FRAME);
    }

    #[test]
    fn numbers_as_in_the_standard() {
        // 1, 010, 011, 00100: 0 to 3; and as signed ones 0, 1, -1, 2.
        let coded = [0b1010_0110, 0b0100_0000];
        let mut bits = Bits::new(&coded, 0);
        let read: Vec<_> = (0..4).map(|_| bits.number()).collect();
        assert_eq!(read, [Some(0), Some(1), Some(2), Some(3)]);
        let mut bits = Bits::new(&coded, 0);
        let read: Vec<_> = (0..4).map(|_| bits.signed()).collect();
        assert_eq!(read, [Some(0), Some(1), Some(-1), Some(2)]);
    }

    proptest! {
        #[test]
        fn foreign_bytes_do_no_harm(set in prop::collection::vec(any::<u8>(), 0..80)) {
            for coding in [Coding::Avc, Coding::Hevc] {
                prop_assert!(delay(coding, &set) <= u64::from(MOST) * FRAME);
            }
        }
    }
}
