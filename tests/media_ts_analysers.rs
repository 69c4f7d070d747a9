//! Ten minutes of transport stream, with the wrap of 33 bits in the middle, before analysers that others wrote.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/media.rs"]
mod media_support;
#[path = "support/ten_minutes.rs"]
mod ten_minutes;
#[path = "support/ts_analysers.rs"]
mod ts_analysers;

use std::path::{Path, PathBuf};

const PACKET: usize = 188;

/// The recording in a file, and where its segments begin.
fn recording(folder: &Path) -> (PathBuf, Vec<u8>, Vec<usize>) {
    let (mut bytes, mut begins) = (Vec::new(), Vec::new());
    for segment in ten_minutes::segments() {
        begins.push(bytes.len());
        bytes.extend_from_slice(&segment);
    }
    let file = folder.join("ten-minutes.ts");
    std::fs::write(&file, &bytes).unwrap();
    (file, bytes, begins)
}

/// The PID of a packet at which a table or a frame begins.
fn pid(bytes: &[u8], at: usize) -> u16 {
    let packet = &bytes[at..at + PACKET];
    assert_eq!((packet[0], packet[1] & 0x40), (0x47, 0x40));
    u16::from_be_bytes([packet[1] & 0x1f, packet[2]])
}

#[test]
fn gstreamer_finds_no_lost_packet_and_a_clock_every_tenth_of_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let (file, bytes, begins) = recording(folder.path());
    assert_eq!(begins.len() as u64, ten_minutes::SECONDS / 2);
    let map = pid(&bytes, PACKET);
    for begin in begins {
        assert_eq!((pid(&bytes, begin), pid(&bytes, begin + PACKET)), (0, map));
    }
    let found = ts_analysers::demux(&file);
    assert_eq!(found.lost, [] as [&str; 0]);
    assert!(found.counted > 46_000, "{} packets", found.counted);
    assert!(found.clocks.len() as u64 >= ten_minutes::SECONDS * 10);
    let falls = found.clocks.windows(2).filter(|pair| pair[1] < pair[0]);
    assert_eq!(falls.count(), 1, "times begin again once");
    let gap = found.longest_clock_gap();
    assert!(gap <= 0.1, "{gap} s without a clock");
}

#[test]
fn gstreamer_would_find_a_lost_packet() {
    let folder = tempfile::tempdir().unwrap();
    let (file, mut bytes, begins) = recording(folder.path());
    // After the tables of a segment in the middle: one of its first picture.
    let lost = begins[begins.len() / 2] + 3 * PACKET;
    bytes.drain(lost..lost + PACKET);
    std::fs::write(&file, &bytes).unwrap();
    let found = ts_analysers::demux(&file);
    assert_eq!(found.lost.len(), 1, "{:?}", found.lost);
}

#[test]
fn ffprobe_finds_times_that_only_grow_and_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let (file, ..) = recording(folder.path());
    let (streams, said) = ts_analysers::probe(Path::new("ffprobe"), &file);
    assert_eq!(said, "");
    assert_eq!(streams.len(), 2);
    assert_eq!(streams[&0].len() as u64, ten_minutes::SECONDS * 30);
    for (stream, packets) in &streams {
        assert!(packets.windows(2).all(|pair| pair[0].dts < pair[1].dts));
        assert!(packets.iter().all(|packet| packet.pts >= packet.dts));
        assert!(packets.iter().all(|packet| !packet.flags.contains('C')));
        let length = packets.last().unwrap().dts - packets[0].dts;
        let seconds = length as f64 / 90_000.0;
        assert!((seconds - 600.0).abs() < 0.2, "{stream}: {seconds} s");
    }
}
