//! Packetized elementary streams: the header before each frame, with its times (ISO/IEC 13818-1 §2.4.3.6).

use super::WRAP_MASK;

/// The first stream of pictures.
pub(super) const VIDEO: u8 = 0xe0;
/// The first stream of sound.
pub(super) const AUDIO: u8 = 0xc0;

/// Before the length: start code, stream and the length itself.
const PREFIX: usize = 6;
/// Up to the length of the times.
const FIXED: usize = 9;
/// The most packets that follow the first one of a frame that needs only one.
const SPREAD: usize = 15;
const ONLY_PTS: u8 = 0x80;
const PTS_AND_DTS: u8 = 0xc0;

/// The length of a header with one time, as much as a demultiplexer wants to see in the first packet.
pub(super) const SHORT_HEADER: usize = 14;

/// Writes a header with room for its length; times in ticks of 90 kHz, not wrapped yet.
///
/// The decode time is written only where it differs: pictures that are not reordered have one time.
pub(super) fn begin(stream: u8, pts: u64, dts: u64, out: &mut Vec<u8>) {
    let (flags, length) = match pts == dts {
        true => (ONLY_PTS, 5),
        false => (PTS_AND_DTS, 10),
    };
    // Each frame begins here: data_alignment_indicator.
    out.extend_from_slice(&[0, 0, 1, stream, 0, 0, 0x84, flags, length]);
    write_time(flags >> 2, pts, out);
    if pts != dts {
        write_time(0x10, dts, out);
    }
}

/// Makes a short packet so long that it can be spread over sixteen with its fields in the first: with stuffing behind
/// them, which is what it is for.
pub(super) fn stretch(pes: &mut Vec<u8>) {
    let at = FIXED + usize::from(pes[FIXED - 1]);
    let missing = (at + SPREAD).saturating_sub(pes.len());
    pes[FIXED - 1] += missing as u8;
    pes.splice(at..at, std::iter::repeat_n(0xff, missing));
}

/// Writes the length of a packet that is whole. Pictures may be too long for it; zero stands for that.
pub(super) fn end(pes: &mut [u8]) {
    let length = u16::try_from(pes.len() - PREFIX).unwrap_or(0);
    pes[4..PREFIX].copy_from_slice(&length.to_be_bytes());
}

/// 33 bits in five bytes, with marker bits between them. `prefix` are the upper four bits.
fn write_time(prefix: u8, ticks: u64, out: &mut Vec<u8>) {
    let ticks = ticks & WRAP_MASK;
    let high = prefix | ((ticks >> 29) as u8 & 0x0e) | 1;
    let middle = ((ticks >> 14) as u16 & 0xfffe) | 1;
    let low = ((ticks << 1) as u16 & 0xfffe) | 1;
    out.push(high);
    out.extend_from_slice(&middle.to_be_bytes());
    out.extend_from_slice(&low.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_time(bytes: &[u8]) -> u64 {
        let byte = |at: usize| u64::from(bytes[at]);
        (byte(0) >> 1 & 7) << 30
            | byte(1) << 22
            | (byte(2) >> 1) << 15
            | byte(3) << 7
            | byte(4) >> 1
    }

    #[test]
    fn times_are_read_as_written_and_wrap_at_33_bits() {
        for ticks in [0, 1, 900_000, 0x1_2345_6789, WRAP_MASK] {
            let mut out = Vec::new();
            write_time(0x20, ticks, &mut out);
            assert_eq!(read_time(&out), ticks);
            assert!(out[0] & 0xf1 == 0x21 && out[2] & 1 == 1 && out[4] & 1 == 1);
            let mut wrapped = Vec::new();
            write_time(0x20, ticks + WRAP_MASK + 1, &mut wrapped);
            assert_eq!(wrapped, out);
        }
    }

    #[test]
    fn a_second_time_stands_only_where_it_differs() {
        let mut short = Vec::new();
        begin(AUDIO, 900_000, 900_000, &mut short);
        assert_eq!(short.len(), SHORT_HEADER);
        assert_eq!((short[7], short[8], short[9] >> 4), (0x80, 5, 0b0010));
        let mut long = Vec::new();
        begin(VIDEO, 903_000, 900_000, &mut long);
        assert_eq!((long.len(), long[7], long[8]), (19, 0xc0, 10));
        assert_eq!((long[9] >> 4, long[14] >> 4), (0b0011, 0b0001));
        assert_eq!(
            (read_time(&long[9..]), read_time(&long[14..])),
            (903_000, 900_000)
        );
    }

    #[test]
    fn stuffing_belongs_to_the_header() {
        let mut pes = Vec::new();
        begin(AUDIO, 900_000, 900_000, &mut pes);
        pes.extend_from_slice(&[1, 2, 3]);
        stretch(&mut pes);
        assert_eq!((pes.len(), pes[8]), (SHORT_HEADER + SPREAD, 5 + 12));
        assert_eq!(pes[SHORT_HEADER..], [&[0xff; 12][..], &[1, 2, 3]].concat());
    }

    #[test]
    fn lengths_that_do_not_fit_are_open() {
        let mut pes = Vec::new();
        begin(VIDEO, 0, 0, &mut pes);
        pes.resize(PREFIX + 65_535, 0);
        end(&mut pes);
        assert_eq!(pes[4..6], [0xff, 0xff]);
        pes.push(0);
        end(&mut pes);
        assert_eq!(pes[4..6], [0, 0]);
    }
}
