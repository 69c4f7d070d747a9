//! What others find in a transport stream: GStreamer's demuxer and FFmpeg's.
//!
//! Include it with `#[path = "support/ts_analysers.rs"] mod ts_analysers;`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

/// Ticks a second of clock references.
const CLOCK: u64 = 27_000_000;

/// Where clock references begin again: 33 bits of 90 kHz, in 300 parts each.
const WRAP: u64 = (1 << 33) * 300;

/// What GStreamer's demuxer found.
#[derive(Debug, Default)]
pub(crate) struct Demuxed {
    /// What it says of packets that are missing.
    pub(crate) lost: Vec<String>,
    /// Packets whose counter was the expected one.
    pub(crate) counted: usize,
    /// Clock references, ticks of 27 MHz.
    pub(crate) clocks: Vec<u64>,
}

/// A packet of an elementary stream, as ffprobe shows it; times are ticks of 90 kHz.
#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) pts: i64,
    pub(crate) dts: i64,
    pub(crate) flags: String,
}

// === impl Demuxed ===

impl Demuxed {
    /// The longest time between clock references, in seconds; over the wrap, too.
    pub(crate) fn longest_clock_gap(&self) -> f64 {
        let gaps = self.clocks.windows(2).map(|pair| {
            let ticks = (pair[1] + WRAP - pair[0]) % WRAP;
            ticks as f64 / CLOCK as f64
        });
        gaps.fold(0.0, f64::max)
    }
}

/// Lets GStreamer demux a file.
pub(crate) fn demux(file: &Path) -> Demuxed {
    let output = Command::new("gst-launch-1.0")
        .args(["-q", "filesrc"])
        .arg(format!("location={}", file.display()))
        .args("! tsdemux name=d d. ! queue ! fakesink sync=false".split(' '))
        .env("GST_DEBUG", "tsdemux:6,mpegtspacketizer:5")
        .env("GST_DEBUG_NO_COLOR", "1")
        .output();
    let said = text(output, "gst-launch-1.0").stderr;
    let mut found = Demuxed::default();
    let mut clocks: BTreeMap<u64, u64> = BTreeMap::new();
    for line in String::from_utf8_lossy(&said).lines() {
        if let Some((_, what)) = line.split_once("CONTINUITY: ") {
            match what.starts_with("Mismatch") {
                true => found.lost.push(what.to_owned()),
                false => found.counted += 1,
            }
        } else if let Some((_, clock)) = line.split_once("field_control: pcr 0x") {
            // It looks at the end of a file first, to know how long it is.
            let (_, place) = clock.split_once("offset:").unwrap();
            let clock = clock.split(' ').nth(1).unwrap();
            clocks.insert(place.trim().parse().unwrap(), clock.parse().unwrap());
        }
    }
    found.clocks = clocks.into_values().collect();
    found
}

/// Lets ffprobe read a file: its packets by stream, and what it calls a warning.
pub(crate) fn probe(ffprobe: &Path, file: &Path) -> (BTreeMap<u32, Vec<Packet>>, String) {
    let output = Command::new(ffprobe)
        .args(["-v", "warning", "-show_packets", "-of", "csv=p=0"])
        .args(["-show_entries", "packet=stream_index,pts,dts,flags"])
        .arg(file)
        .output();
    let output = text(output, "ffprobe");
    let mut packets: BTreeMap<u32, Vec<Packet>> = BTreeMap::new();
    let said = String::from_utf8_lossy(&output.stdout);
    for line in said.lines().filter(|line| !line.is_empty()) {
        let fields: Vec<&str> = line.split(',').collect();
        let packet = Packet {
            pts: fields[1].parse().unwrap(),
            dts: fields[2].parse().unwrap(),
            flags: fields[3].to_owned(),
        };
        let stream = fields[0].parse().unwrap();
        packets.entry(stream).or_default().push(packet);
    }
    (
        packets,
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

fn text(output: std::io::Result<Output>, program: &str) -> Output {
    let output = output
        .unwrap_or_else(|error| panic!("{program} ({error}): run `make test`, which installs it"));
    assert!(output.status.success(), "{program}: {output:?}");
    output
}
