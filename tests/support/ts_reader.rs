//! A small reader of MPEG transport streams that knows nothing of how the gateway writes them and forgives nothing:
//! sync, counters, tables, clock, times and lengths are held against ISO/IEC 13818-1.
//!
//! Include it with `#[path = "support/ts_reader.rs"] mod ts_reader;`.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses a part of what stands here"
)]

use std::collections::BTreeMap;

pub(crate) const PACKET: usize = 188;
pub(crate) const WRAP: u64 = 1 << 33;
const CLOCK: f64 = 90_000.0;

/// What a stream holds, after everything about it was checked.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) packets: usize,
    pub(crate) pmt_pid: u16,
    pub(crate) clock_pid: u16,
    /// Types by PID.
    pub(crate) kinds: BTreeMap<u16, u8>,
    /// Frames by PID, in order.
    pub(crate) frames: BTreeMap<u16, Vec<Frame>>,
    /// Clock references in ticks of 90 kHz, not wrapped.
    pub(crate) clocks: Vec<u64>,
    /// At which packets a jump was announced, by PID.
    pub(crate) jumps: BTreeMap<u16, Vec<usize>>,
    /// At which packets a program map stands.
    pub(crate) maps: Vec<usize>,
    /// The largest time between two clock references without a jump, seconds.
    pub(crate) longest_clock_gap: f64,
    /// The smallest and largest time from the clock to a frame's decode time, seconds.
    pub(crate) lead: Option<(f64, f64)>,
    counters: BTreeMap<u16, u8>,
    open: BTreeMap<u16, Open>,
    jumped: bool,
}

/// What one PES packet carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Not wrapped, in ticks of 90 kHz.
    pub(crate) pts: u64,
    pub(crate) dts: u64,
    pub(crate) random_access: bool,
    pub(crate) data: Vec<u8>,
    /// The packet that it begins in.
    pub(crate) packet: usize,
}

#[derive(Debug)]
struct Open {
    bytes: Vec<u8>,
    random_access: bool,
    packet: usize,
    /// The clock at its first packet.
    clock: u64,
}

/// What the adaptation field says.
#[derive(Debug, Default)]
struct Marks {
    discontinuity: bool,
    random_access: bool,
    clock: Option<u64>,
}

/// Reads a whole stream that ends with whole frames.
pub(crate) fn read(bytes: &[u8]) -> Stream {
    let mut stream = Stream::default();
    stream.push(bytes);
    stream.finish();
    stream
}

// === impl Stream ===

impl Stream {
    /// Reads some more; whole packets only.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        assert_eq!(
            bytes.len() % PACKET,
            0,
            "{} bytes are no packets",
            bytes.len()
        );
        bytes.chunks(PACKET).for_each(|packet| self.packet(packet));
    }

    pub(crate) fn finish(&mut self) {
        let open: Vec<u16> = self.open.keys().copied().collect();
        open.into_iter().for_each(|pid| self.close(pid));
    }

    pub(crate) fn video(&self) -> &[Frame] {
        self.of_kind(&[0x1b, 0x24])
    }

    pub(crate) fn audio(&self) -> &[Frame] {
        self.of_kind(&[0x0f])
    }

    /// Packets with a payload, by PID, modulo 16: what the next counter is.
    pub(crate) fn counters(&self) -> &BTreeMap<u16, u8> {
        &self.counters
    }

    fn of_kind(&self, kinds: &[u8]) -> &[Frame] {
        let found = self.kinds.iter().find(|(_, kind)| kinds.contains(kind));
        found
            .and_then(|(pid, _)| self.frames.get(pid))
            .map_or(&[], Vec::as_slice)
    }

    fn packet(&mut self, packet: &[u8]) {
        let number = self.packets;
        self.packets += 1;
        assert_eq!(packet[0], 0x47, "packet {number} has no sync byte");
        assert_eq!(packet[1] & 0x80, 0, "packet {number} says it is damaged");
        assert_eq!(packet[3] >> 6, 0, "packet {number} is scrambled");
        let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
        let starts = packet[1] & 0x40 != 0;
        let (has_field, has_payload) = (packet[3] & 0x20 != 0, packet[3] & 0x10 != 0);
        assert!(has_field || has_payload, "packet {number} has nothing");
        let field = if has_field {
            usize::from(packet[4]) + 1
        } else {
            0
        };
        assert!(4 + field <= PACKET, "packet {number}: a field of {field}");
        assert!(has_payload || field == 184, "packet {number} has a hole");
        assert!(
            !has_payload || field < 184,
            "packet {number}: no room for its payload"
        );
        let marks = if field > 1 {
            Marks::read(&packet[5..4 + field], number)
        } else {
            Marks::default()
        };
        match number {
            0 => assert_eq!((pid, starts), (0, true), "the first packet is the PAT"),
            1 => assert_eq!((pid, starts), (self.pmt_pid, true), "the second is the PMT"),
            _ => {}
        }
        self.count(pid, packet[3] & 0x0f, has_payload, &marks, number);
        if let Some(clock) = marks.clock {
            assert_eq!(
                pid, self.clock_pid,
                "packet {number}: a clock where none belongs"
            );
            self.clock(clock, number);
        }
        if !has_payload {
            return;
        }
        let payload = &packet[4 + field..];
        match pid {
            0 => self.pmt_pid = read_pat(payload),
            _ if pid == self.pmt_pid => self.read_map(payload, number),
            _ if self.kinds.contains_key(&pid) => {
                self.elementary(pid, starts, payload, &marks, number)
            }
            _ => panic!("packet {number}: PID {pid:#x} is in no table"),
        }
    }

    fn count(&mut self, pid: u16, counter: u8, has_payload: bool, marks: &Marks, number: usize) {
        if marks.discontinuity {
            self.jumps.entry(pid).or_default().push(number);
            self.jumped |= pid == self.clock_pid;
        }
        let expected = *self.counters.get(&pid).unwrap_or(&counter);
        let before = (expected + 15) % 16;
        let wanted = if has_payload { expected } else { before };
        let known = self.counters.contains_key(&pid) && !marks.discontinuity;
        assert!(
            !known || counter == wanted,
            "packet {number}, PID {pid:#x}: counter {counter}, not {wanted}"
        );
        let after = (counter + 1) % 16;
        if has_payload || marks.discontinuity {
            self.counters.insert(pid, after);
        }
    }

    fn clock(&mut self, base: u64, number: usize) {
        let jumped = std::mem::take(&mut self.jumped);
        let Some(&last) = self.clocks.last().filter(|_| !jumped) else {
            return self.clocks.push(base);
        };
        let step = base.wrapping_sub(last) % WRAP;
        let gap = step as f64 / CLOCK;
        assert!(step > 0, "packet {number}: the clock stands still");
        assert!(
            gap <= 0.1,
            "packet {number}: {gap} s without a clock reference"
        );
        self.longest_clock_gap = self.longest_clock_gap.max(gap);
        self.clocks.push(last + step);
    }

    fn read_map(&mut self, payload: &[u8], number: usize) {
        let map = section(payload, 2);
        self.clock_pid = u16::from_be_bytes([map[8] & 0x1f, map[9]]);
        let information = usize::from(u16::from_be_bytes([map[10] & 0x0f, map[11]]));
        let mut rest = &map[12 + information..map.len() - 4];
        self.kinds.clear();
        while let [kind, high, low, length_high, length_low, after @ ..] = rest {
            let pid = u16::from_be_bytes([high & 0x1f, *low]);
            self.kinds.insert(pid, *kind);
            rest = &after[usize::from(u16::from_be_bytes([length_high & 0x0f, *length_low]))..];
        }
        assert!(
            self.kinds.contains_key(&self.clock_pid),
            "the clock's PID is no stream"
        );
        self.maps.push(number);
    }

    fn elementary(&mut self, pid: u16, starts: bool, payload: &[u8], marks: &Marks, packet: usize) {
        if starts {
            self.close(pid);
            assert!(
                payload.len() >= 14,
                "packet {packet}: a header in two pieces"
            );
            let random_access = marks.random_access;
            let bytes = payload.to_vec();
            let clock = *self.clocks.last().expect("a clock before the first frame");
            let open = Open {
                bytes,
                random_access,
                packet,
                clock,
            };
            self.open.insert(pid, open);
            return;
        }
        assert!(
            !marks.random_access && marks.clock.is_none(),
            "packet {packet}: flags in the middle"
        );
        let open = self.open.get_mut(&pid);
        let open = open.unwrap_or_else(|| panic!("packet {packet}: the middle of nothing"));
        open.bytes.extend_from_slice(payload);
    }

    fn close(&mut self, pid: u16) {
        let Some(open) = self.open.remove(&pid) else {
            return;
        };
        let (bytes, at) = (&open.bytes, open.packet);
        assert_eq!(bytes[..3], [0, 0, 1], "packet {at}: no start code");
        let is_video = pid_is_video(self.kinds[&pid]);
        assert_eq!(bytes[3], if is_video { 0xe0 } else { 0xc0 }, "packet {at}");
        let said = usize::from(u16::from_be_bytes([bytes[4], bytes[5]]));
        assert!(
            said == bytes.len() - 6 || (said == 0 && is_video && bytes.len() > 65_541),
            "packet {at}: {said} of {}",
            bytes.len() - 6
        );
        let pts = read_time(&bytes[9..]);
        let dts = match bytes[7] >> 6 {
            0b10 => pts,
            0b11 => read_time(&bytes[14..]),
            _ => panic!("packet {at}: a frame without a time"),
        };
        let before = self
            .frames
            .get(&pid)
            .and_then(|frames| frames.last())
            .cloned();
        let jumped = |pid| {
            self.jumps.get(pid).is_some_and(|jumps: &Vec<usize>| {
                before.as_ref().is_some_and(|before| {
                    jumps
                        .iter()
                        .any(|jump| (before.packet + 1..=at).contains(jump))
                })
            })
        };
        let dts = match &before {
            Some(last) if !jumped(&pid) => {
                let step = dts.wrapping_sub(last.dts) % WRAP;
                assert!(
                    step > 0 && step < 10 * 90_000,
                    "packet {at}: a step of {step} ticks"
                );
                last.dts + step
            }
            _ => dts,
        };
        let pts = dts + pts.wrapping_sub(dts) % WRAP;
        assert!(
            pts - dts < 5 * 90_000,
            "packet {at}: shown {} ticks late",
            pts - dts
        );
        let clock = open.clock % WRAP;
        let lead = dts.wrapping_sub(clock) % WRAP;
        assert!(lead < 5 * 90_000, "packet {at}: a lead of {lead} ticks");
        let lead = lead as f64 / CLOCK;
        let (low, high) = self.lead.unwrap_or((lead, lead));
        self.lead = Some((low.min(lead), high.max(lead)));
        let data = bytes[9 + usize::from(bytes[8])..].to_vec();
        let frame = Frame {
            pts,
            dts,
            random_access: open.random_access,
            data,
            packet: at,
        };
        self.frames.entry(pid).or_default().push(frame);
    }
}

// === impl Marks ===

impl Marks {
    fn read(field: &[u8], number: usize) -> Self {
        let flags = field[0];
        assert_eq!(flags & 0x0f, 0, "packet {number}: fields that nobody needs");
        let clock = (flags & 0x10 != 0).then(|| {
            let high = u64::from(u32::from_be_bytes(*field[1..].first_chunk().unwrap()));
            let low = u64::from(u16::from_be_bytes([field[5] & 1, field[6]]));
            assert!(low < 300, "packet {number}: an extension of {low}");
            high << 1 | u64::from(field[5] >> 7)
        });
        let used = if clock.is_some() { 7 } else { 1 };
        assert!(
            field[used..].iter().all(|byte| *byte == 0xff),
            "packet {number}: stuffing"
        );
        Self {
            discontinuity: flags & 0x80 != 0,
            random_access: flags & 0x40 != 0,
            clock,
        }
    }
}

fn pid_is_video(kind: u8) -> bool {
    matches!(kind, 0x1b | 0x24)
}

/// The one program's map.
fn read_pat(payload: &[u8]) -> u16 {
    let pat = section(payload, 0);
    assert_eq!(pat.len(), 16, "one program");
    u16::from_be_bytes([pat[10] & 0x1f, pat[11]])
}

/// A section that fills one packet, with its checksum.
fn section(payload: &[u8], table: u8) -> &[u8] {
    assert_eq!(payload[..2], [0, table], "a section that begins at once");
    let length = usize::from(u16::from_be_bytes([payload[2] & 0x0f, payload[3]]));
    let section = &payload[1..4 + length];
    let mut crc = u32::MAX;
    for byte in section {
        for bit in (0..8).rev() {
            let is_set = crc >> 31 != u32::from(byte >> bit & 1);
            crc = crc << 1 ^ if is_set { 0x04c1_1db7 } else { 0 };
        }
    }
    assert_eq!(crc, 0, "the checksum of table {table}");
    assert!(payload[4 + length..].iter().all(|byte| *byte == 0xff));
    section
}

/// 33 bits in five bytes, with marker bits between them.
fn read_time(bytes: &[u8]) -> u64 {
    assert!(
        bytes[0] & 1 == 1 && bytes[2] & 1 == 1 && bytes[4] & 1 == 1,
        "markers"
    );
    let byte = |at: usize| u64::from(bytes[at]);
    (byte(0) >> 1 & 7) << 30 | byte(1) << 22 | (byte(2) >> 1) << 15 | byte(3) << 7 | byte(4) >> 1
}

/// The NAL units of a byte stream.
pub(crate) fn nal_units(data: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> = (0..data.len().saturating_sub(2))
        .filter(|&at| data[at..at + 3] == [0, 0, 1])
        .collect();
    let ends = starts.iter().skip(1).copied().chain([data.len()]);
    let unit = |(start, end): (&usize, usize)| {
        let unit = &data[start + 3..end];
        let zeros = unit.iter().rev().take_while(|byte| **byte == 0).count();
        &unit[..unit.len() - zeros]
    };
    starts.iter().zip(ends).map(unit).collect()
}

/// The frames of an ADTS stream, without their headers.
pub(crate) fn adts_frames(mut data: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::new();
    while !data.is_empty() {
        assert_eq!((data[0], data[1] & 0xf6), (0xff, 0xf0), "an ADTS header");
        let length =
            usize::from(data[3] & 3) << 11 | usize::from(data[4]) << 3 | usize::from(data[5] >> 5);
        frames.push(&data[7..length]);
        data = &data[length..];
    }
    frames
}
