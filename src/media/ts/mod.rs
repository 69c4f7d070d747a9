//! MPEG transport streams (ISO/IEC 13818-1) out of CMAF fragments: one program with H.264 or HEVC pictures, AAC sound, or
//! both.
//!
//! A [`Muxer`] makes one Media Segment: fragments of the two tracks go in as they come, whole packets come out as soon as
//! their order is certain. What comes out depends on the media alone: neither on how it was cut into fragments nor on
//! which track was ahead.
//!
//! Each segment stands for itself, so it can be made when somebody asks for it, in any order, on any node, and has the
//! same bytes each time. Continuity counters must go on from segment to segment all the same, for analysers and for who
//! joins segments to a file. So each segment begins with 0 on every PID and has a multiple of sixteen packets with a
//! payload on every PID: the last frame of each track is spread over a few packets more than it needs, and the tables
//! are repeated at the end. The alternatives are worse: counters that go on from what was asked for before make the
//! bytes a matter of chance; an announced discontinuity at every segment makes strict decoders start over; null packets
//! count on no PID but their own. The price is 15 packets at most on each of four PIDs, about 1 % of a segment of 2 s at
//! 3 Mbit/s; and the newest frame of each track waits until it is known whether it is the last.

mod adts;
mod annexb;
mod muxer;
mod packet;
mod pes;
mod program;
mod psi;
mod reorder;

pub use muxer::Muxer;
pub use program::{Program, TsError};

use bytes::Bytes;

/// Ticks a second of decode and presentation times.
pub const CLOCK: u64 = 90_000;

/// Times have 33 bits: they begin again after 26.5 hours.
const WRAP: u64 = 1 << 33;
const WRAP_MASK: u64 = WRAP - 1;

/// How far the clock reference runs behind the decode time of the frame it comes with, in ticks: how long a decoder
/// collects before it decodes. The largest frames take about this long at their encoder's rate, and players that set
/// their clock by it are behind live by as much.
const LEAD: u64 = 27_000;

/// Packets that join a segment's end or middle to the beginning of another one that does not follow it: they announce
/// that counters and clock jump.
pub fn splice(program: &Program) -> Bytes {
    let mut out = Vec::with_capacity(4 * packet::SIZE);
    for pid in program.pids() {
        packet::write_jump(pid, &mut out);
    }
    out.into()
}
