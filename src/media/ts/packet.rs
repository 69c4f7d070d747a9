//! Packets of 188 bytes: their header, the adaptation field with clock and flags, and how a longer thing is spread over
//! several (ISO/IEC 13818-1 §2.4.3.2 to §2.4.3.5).

use super::{LEAD, WRAP_MASK};

pub(super) const SIZE: usize = 188;
const HEADER: usize = 4;
const ROOM: usize = SIZE - HEADER;

/// Counters begin again after this many packets.
const CYCLE: u8 = 16;

const PAYLOAD: u8 = 0x10;
const ADAPTATION: u8 = 0x20;
const DISCONTINUITY: u8 = 0x80;
const RANDOM_ACCESS: u8 = 0x40;
const CLOCK_REFERENCE: u8 = 0x10;

/// One PID and how far its counter has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pid {
    number: u16,
    /// Of the next packet with a payload.
    counter: u8,
}

/// What the first packet of a frame says beside it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Marks {
    pub(super) discontinuity: bool,
    pub(super) random_access: bool,
    /// The decode time that the clock reference belongs to, in ticks of 90 kHz.
    pub(super) clock: Option<u64>,
}

/// How far a frame is spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spread {
    /// Over as few packets as it needs.
    Tight,
    /// Over so many that the counter is where it began.
    ToFullCycle,
}

// === impl Marks ===

impl Marks {
    fn flags(self) -> u8 {
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        flag(self.discontinuity, DISCONTINUITY)
            | flag(self.random_access, RANDOM_ACCESS)
            | flag(self.clock.is_some(), CLOCK_REFERENCE)
    }

    /// How many bytes they need, the field's length included.
    fn room(self) -> usize {
        match (self.flags(), self.clock) {
            (0, _) => 0,
            (_, None) => 2,
            (_, Some(_)) => 8,
        }
    }
}

// === impl Pid ===

impl Pid {
    pub(super) fn new(number: u16) -> Self {
        Self { number, counter: 0 }
    }

    /// How many packets with a payload are missing to a full cycle.
    pub(super) fn missing(&self) -> u8 {
        (CYCLE - self.counter) % CYCLE
    }

    /// Writes a frame; `head` bytes of it should stay together.
    pub(super) fn write(
        &mut self,
        marks: Marks,
        frame: &[u8],
        head: usize,
        spread: Spread,
        out: &mut Vec<u8>,
    ) {
        let first_room = ROOM - marks.room();
        let mut left = 1 + frame.len().saturating_sub(first_room).div_ceil(ROOM);
        if spread == Spread::ToFullCycle {
            let cycle = usize::from(CYCLE);
            left = (usize::from(self.counter) + left).next_multiple_of(cycle)
                - usize::from(self.counter);
        }
        let (mut rest, mut marks, mut is_first) = (frame, marks, true);
        while left > 0 && !rest.is_empty() {
            let room = ROOM - marks.room();
            let length = match spread {
                Spread::Tight => rest.len().min(room),
                Spread::ToFullCycle => {
                    let even = rest.len().div_ceil(left);
                    let wanted = if is_first { even.max(head) } else { even };
                    // Each of the others needs a byte at least.
                    wanted
                        .min(room)
                        .min(rest.len() - (left - 1).min(rest.len() - 1))
                }
            };
            let (payload, after) = rest.split_at(length);
            self.packet(is_first, std::mem::take(&mut marks), payload, out);
            (rest, is_first) = (after, false);
            left -= 1;
        }
        debug_assert!(rest.is_empty() && left == 0, "a frame should fit");
    }

    /// Writes a table that fits one packet.
    pub(super) fn write_section(&mut self, section: &[u8], out: &mut Vec<u8>) {
        let end = out.len() + SIZE;
        self.header(true, PAYLOAD, out);
        self.count();
        out.push(0); // The section begins at once.
        out.extend_from_slice(section);
        out.resize(end, 0xff);
    }

    /// Writes a packet with nothing but a clock reference.
    pub(super) fn write_clock(&self, time: u64, out: &mut Vec<u8>) {
        let marks = Marks {
            clock: Some(time),
            ..Marks::default()
        };
        self.header(false, ADAPTATION, out);
        let last = out.len() - 1;
        // The counter stands still: that of the packet before.
        out[last] = ADAPTATION | self.before();
        adaptation(marks, ROOM, out);
    }

    fn packet(&mut self, is_first: bool, marks: Marks, payload: &[u8], out: &mut Vec<u8>) {
        let field = ROOM - payload.len();
        let control = if field > 0 {
            PAYLOAD | ADAPTATION
        } else {
            PAYLOAD
        };
        self.header(is_first, control, out);
        self.count();
        adaptation(marks, field, out);
        out.extend_from_slice(payload);
    }

    fn header(&self, is_first: bool, control: u8, out: &mut Vec<u8>) {
        let [high, low] = self.number.to_be_bytes();
        let start = u8::from(is_first) << 6;
        out.extend_from_slice(&[0x47, start | high, low, control | self.counter]);
    }

    fn count(&mut self) {
        self.counter = (self.counter + 1) % CYCLE;
    }

    fn before(&self) -> u8 {
        (self.counter + CYCLE - 1) % CYCLE
    }
}

/// Announces on a PID that its counter begins anew with the next packet, and its clock too.
pub(super) fn write_jump(number: u16, out: &mut Vec<u8>) {
    let pid = Pid::new(number);
    pid.header(false, ADAPTATION, out);
    let last = out.len() - 1;
    out[last] = ADAPTATION | pid.before();
    let marks = Marks {
        discontinuity: true,
        ..Marks::default()
    };
    adaptation(marks, ROOM, out);
}

/// An adaptation field of `size` bytes, stuffed.
fn adaptation(marks: Marks, size: usize, out: &mut Vec<u8>) {
    let Some(length) = size.checked_sub(1) else {
        return;
    };
    let end = out.len() + size;
    out.push(length as u8);
    if length == 0 {
        return;
    }
    out.push(marks.flags());
    if let Some(time) = marks.clock {
        // 33 bits of 90 kHz; six reserved bits; nine bits of 27 MHz, which are zero.
        let base = time.wrapping_sub(LEAD) & WRAP_MASK;
        out.extend_from_slice(&((base >> 1) as u32).to_be_bytes());
        out.extend_from_slice(&[(base as u8) << 7 | 0x7e, 0]);
    }
    out.resize(end, 0xff);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn payload(packet: &[u8]) -> &[u8] {
        match packet[3] & ADAPTATION {
            0 => &packet[4..],
            _ => &packet[5 + usize::from(packet[4])..],
        }
    }

    proptest! {
        /// Whatever is written comes out again, in whole packets whose counters go on.
        #[test]
        fn frames_survive(
            size in 20_usize..3_000,
            counter in 0_u8..16,
            with_clock: bool,
            random_access: bool,
            full in any::<bool>(),
        ) {
            let frame: Vec<u8> = (0..size).map(|byte| byte as u8).collect();
            let mut pid = Pid { number: 0x1abc, counter };
            let marks = Marks {
                random_access,
                clock: with_clock.then_some(900_000),
                ..Marks::default()
            };
            let spread = if full { Spread::ToFullCycle } else { Spread::Tight };
            let mut out = Vec::new();
            pid.write(marks, &frame, 14, spread, &mut out);
            let mut read = Vec::new();
            for (index, packet) in out.chunks(SIZE).enumerate() {
                prop_assert_eq!(packet.len(), SIZE);
                prop_assert_eq!(packet[3] & 0x0f, (counter + index as u8) % CYCLE);
                prop_assert_eq!(packet[1] >> 6 & 1 == 1, index == 0);
                let payload = payload(packet);
                prop_assert!(!payload.is_empty(), "a counter without a payload");
                prop_assert!(index > 0 || size < 29 || payload.len() >= 14, "the head is torn");
                read.extend_from_slice(payload);
            }
            prop_assert_eq!(read, frame);
            prop_assert!(!full || pid.counter == 0);
        }
    }

    #[test]
    fn clocks_run_behind_and_do_not_count() {
        let mut pid = Pid::new(0x100);
        let mut out = Vec::new();
        pid.write_clock(LEAD + 3, &mut out);
        assert_eq!((out.len(), out[3]), (SIZE, ADAPTATION | 15));
        assert_eq!(out[4..12], [183, CLOCK_REFERENCE, 0, 0, 0, 1, 0xfe, 0]);
        pid.write_section(&[1, 2, 3], &mut out);
        assert_eq!(out[SIZE + 3], PAYLOAD);
        assert_eq!(pid.missing(), 15);
        // Before zero is the end of the circle.
        let mut early = Vec::new();
        pid.write_clock(LEAD - 1, &mut early);
        assert_eq!(early[6..11], [0xff, 0xff, 0xff, 0xff, 0xfe]);
    }
}
