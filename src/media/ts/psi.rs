//! The tables that say what is in a stream: programs (PAT) and the streams of the one program (PMT), ISO/IEC 13818-1
//! §2.4.4. Each is one packet.

/// A section as it is sent, with its checksum.
pub(super) type Section = Vec<u8>;

pub(super) const PAT_PID: u16 = 0;
pub(super) const PMT_PID: u16 = 0x1000;

const PROGRAM: u16 = 1;
const STREAM_ID: u16 = 1;

/// One elementary stream, as the PMT lists it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    pub(super) kind: u8,
    pub(super) pid: u16,
    /// Says what is coded where the type alone is not known everywhere.
    pub(super) registration: Option<[u8; 4]>,
}

pub(super) const AVC: u8 = 0x1b;
pub(super) const HEVC: u8 = 0x24;
pub(super) const ADTS: u8 = 0x0f;

/// One program.
pub(super) fn pat() -> Section {
    let mut body = Vec::new();
    body.extend_from_slice(&PROGRAM.to_be_bytes());
    body.extend_from_slice(&(0xe000 | PMT_PID).to_be_bytes());
    section(0x00, STREAM_ID, 0, &body)
}

/// The program's streams. The version follows from the content: what has changed has another one nearly always, and
/// what has not has the same, whoever writes it.
pub(super) fn pmt(clock_pid: u16, streams: &[Stream]) -> Section {
    let mut body = Vec::new();
    body.extend_from_slice(&(0xe000 | clock_pid).to_be_bytes());
    body.extend_from_slice(&0xf000_u16.to_be_bytes());
    for stream in streams {
        body.push(stream.kind);
        body.extend_from_slice(&(0xe000 | stream.pid).to_be_bytes());
        let descriptor = stream
            .registration
            .map(|name| [&[0x05, 4], &name[..]].concat());
        let descriptor = descriptor.unwrap_or_default();
        body.extend_from_slice(&(0xf000 | descriptor.len() as u16).to_be_bytes());
        body.extend_from_slice(&descriptor);
    }
    let version = (crc32(&body) & 0x1f) as u8;
    section(0x02, PROGRAM, version, &body)
}

fn section(table: u8, id: u16, version: u8, body: &[u8]) -> Section {
    // From behind the length to the end of the checksum.
    let length = body.len() + 9;
    let mut out = vec![table];
    out.extend_from_slice(&(0xb000 | length as u16).to_be_bytes());
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(&[0xc1 | version << 1, 0, 0]);
    out.extend_from_slice(body);
    let checksum = crc32(&out);
    out.extend_from_slice(&checksum.to_be_bytes());
    out
}

/// CRC-32 as in annex A: not reflected, begins with ones. Over a section with its checksum it is zero.
fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| {
            crc << 1 ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_catalogue() {
        assert_eq!(crc32(b"123456789"), 0x0376_e6e7);
    }

    #[test]
    fn sections_check_out() {
        let streams = [
            Stream {
                kind: HEVC,
                pid: 0x100,
                registration: Some(*b"HEVC"),
            },
            Stream {
                kind: ADTS,
                pid: 0x101,
                registration: None,
            },
        ];
        for section in [pat(), pmt(0x100, &streams)] {
            assert_eq!(crc32(&section), 0);
            let length = usize::from(u16::from_be_bytes([section[1] & 0x0f, section[2]]));
            assert_eq!(section.len(), length + 3);
        }
        assert_eq!(pat()[8..12], [0, 1, 0xf0, 0x00]);
    }

    #[test]
    fn another_content_is_another_version() {
        let stream = |kind| Stream {
            kind,
            pid: 0x100,
            registration: None,
        };
        let version = |kind| pmt(0x100, &[stream(kind)])[5];
        assert_eq!(version(AVC), version(AVC));
        assert_ne!(version(AVC), version(HEVC));
    }
}
