//! MPEG transport streams of the real ffmpeg, cut into frames, that can be played for ever and at any time of the
//! day: timestamps and continuity counters are written anew for each packet that goes out.
//!
//! Include it with `#[path = "support/transport.rs"] mod transport;`.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses a part of what stands here"
)]

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

/// Ticks a second of timestamps in a transport stream.
pub(crate) const CLOCK: u64 = 90_000;

/// Timestamps have 33 bits: they begin again after 26.5 hours.
pub(crate) const WRAP: u64 = 1 << 33;

const PACKET: usize = 188;

/// A recorded stream whose end fits its beginning.
#[derive(Debug)]
pub(crate) struct Recording {
    frames: Vec<Frame>,
    /// In ticks.
    pub(crate) length: u64,
    /// Packets with a payload in the whole recording, by PID: continuity counters go on from one round to the next.
    counts: HashMap<u16, u64>,
    /// Which timestamp counts as zero.
    first: u64,
}

/// One access unit of pictures or sound, and the tables that come before it.
#[derive(Debug)]
struct Frame {
    /// Ticks from the beginning.
    at: u64,
    /// A player may begin here.
    is_key: bool,
    is_video: bool,
    packets: Vec<Packet>,
}

#[derive(Debug)]
struct Packet {
    bytes: [u8; PACKET],
    /// How many packets of its PID with a payload come before it.
    count: u64,
}

/// Where a sender is in a recording that goes round and round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor {
    round: u64,
    index: usize,
}

// === impl Recording ===

impl Recording {
    /// H.264 and AAC, 320×180, 25 frames and one key frame a second, 16 s.
    pub(crate) fn good() -> Arc<Self> {
        Self::of("good", 16, &pictures(25, 25, "320x180", X264, SOUND))
    }

    /// The same pictures in another size.
    pub(crate) fn larger() -> Arc<Self> {
        Self::of("larger", 16, &pictures(25, 25, "640x360", X264, SOUND))
    }

    /// The same in MPEG-2.
    pub(crate) fn mpeg2() -> Arc<Self> {
        let arguments = pictures(25, 25, "320x180", MPEG2, SOUND);
        Self::of("mpeg2", 16, &arguments)
    }

    /// MPEG-2 with pictures in which everything moves: the more bits, the more of them look like something else.
    pub(crate) fn mpeg2_noise() -> Arc<Self> {
        let arguments = pictures(25, 12, "320x180", "-c:v mpeg2video -b:v 4000k -bf 2", SOUND);
        let noise = "rate=25,noise=alls=20:allf=t ";
        Self::of("mpeg2-noise", 16, &arguments.replace("rate=25 ", noise))
    }

    /// The same in H.265.
    pub(crate) fn hevc() -> Arc<Self> {
        Self::of("hevc", 16, &pictures(25, 25, "320x180", X265, SOUND))
    }

    /// H.265 on other elementary streams, as broadcasters change it.
    pub(crate) fn hevc_elsewhere() -> Arc<Self> {
        let arguments = pictures(25, 25, "320x180", X265, SOUND);
        let arguments = format!("{arguments} -mpegts_start_pid 0x200");
        Self::of("elsewhere", 16, &arguments)
    }

    /// The same pictures, and sound in AC-3.
    pub(crate) fn ac3() -> Arc<Self> {
        let sound = "-c:a ac3 -b:a 192k";
        Self::of("ac3", 16, &pictures(25, 25, "320x180", X264, sound))
    }

    /// The same pictures, and sound in MPEG-1 Layer II.
    pub(crate) fn mp2() -> Arc<Self> {
        let sound = "-c:a mp2 -b:a 192k";
        Self::of("mp2", 16, &pictures(25, 25, "320x180", X264, sound))
    }

    /// The same pictures; of the sound only the tables speak.
    pub(crate) fn without_sound() -> Arc<Self> {
        let mut recording = Arc::into_inner(Self::good()).unwrap();
        recording.frames.retain(|frame| frame.is_video);
        Arc::new(recording)
    }

    /// Sound and no pictures.
    pub(crate) fn sound_only() -> Arc<Self> {
        let arguments = format!("-f lavfi -i sine=frequency=440:sample_rate=48000 {SOUND}");
        Self::of("sound", 16, &arguments)
    }

    /// A key frame every eight seconds, as broadcasters may send them.
    pub(crate) fn long_groups() -> Arc<Self> {
        Self::of("long", 16, &pictures(25, 200, "320x180", X264, SOUND))
    }

    /// One key frame in 64 s.
    pub(crate) fn rare_key_frames() -> Arc<Self> {
        let arguments = pictures(25, 100_000, "320x180", X264, SOUND);
        Self::of("rare", 64, &arguments)
    }

    /// Makes a recording with ffmpeg, unless a test did so before.
    fn of(name: &str, seconds: u64, arguments: &str) -> Arc<Self> {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sources");
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{name}-{seconds}.ts"));
        if !file.exists() {
            // Another test may do the same at the same time: each has its own file until it is whole.
            let mine = tempfile::Builder::new().tempfile_in(&folder).unwrap();
            let status = Command::new(crate::gateway::ffmpeg("ffmpeg"))
                .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-y"])
                .args(arguments.split_whitespace())
                .args(["-t", &seconds.to_string(), "-f", "mpegts"])
                .arg(mine.path())
                .status()
                .unwrap();
            assert!(status.success(), "ffmpeg should make {name}");
            mine.persist(&file).unwrap();
        }
        let bytes = std::fs::read(&file).unwrap();
        Arc::new(Self::cut(&bytes, seconds * CLOCK))
    }

    fn cut(bytes: &[u8], length: u64) -> Self {
        let mut recording = Self {
            frames: Vec::new(),
            length,
            counts: HashMap::new(),
            first: 0,
        };
        let has_video = bytes
            .chunks_exact(PACKET)
            .any(|packet| start_of(packet).is_some_and(|start| start.is_video));
        let mut tables: Vec<[u8; PACKET]> = Vec::new();
        for bytes in bytes.chunks_exact(PACKET) {
            let bytes: [u8; PACKET] = bytes.try_into().unwrap();
            if !(0x100..0x1000).contains(&pid(&bytes)) {
                tables.push(bytes);
                continue;
            }
            if let Some(start) = start_of(&bytes) {
                if recording.frames.is_empty() {
                    recording.first = start.time;
                }
                recording.frames.push(Frame {
                    at: start.time.saturating_sub(recording.first),
                    is_key: start.is_key && (start.is_video || !has_video),
                    is_video: start.is_video,
                    packets: Vec::new(),
                });
                tables.drain(..).for_each(|table| recording.append(table));
            }
            recording.append(bytes);
        }
        // The last sound may end a little after the pictures.
        recording.frames.retain(|frame| frame.at < length);
        assert!(recording.frames.first().is_some_and(|frame| frame.is_key));
        recording
    }

    fn append(&mut self, bytes: [u8; PACKET]) {
        let count = self.counts.entry(pid(&bytes)).or_default();
        let packet = Packet {
            bytes,
            count: *count,
        };
        *count += u64::from(has_payload(&bytes));
        if let Some(frame) = self.frames.last_mut() {
            frame.packets.push(packet);
        }
    }

    /// The last key frame at or before a time, or the very frame of that time.
    pub(crate) fn seek(&self, time: u64, to_key: bool) -> Cursor {
        let (round, within) = (time / self.length, time % self.length);
        let after = self.frames.partition_point(|frame| frame.at <= within);
        let before = &self.frames[..after];
        let index = match to_key {
            true => before.iter().rposition(|frame| frame.is_key),
            false => Some(after.saturating_sub(1)),
        };
        Cursor {
            round,
            index: index.unwrap_or(0),
        }
    }

    /// The frame after this one.
    pub(crate) fn next(&self, cursor: Cursor) -> Cursor {
        match cursor.index + 1 < self.frames.len() {
            true => Cursor {
                index: cursor.index + 1,
                ..cursor
            },
            false => Cursor {
                round: cursor.round + 1,
                index: 0,
            },
        }
    }

    /// When a frame is due, in ticks from the beginning of the first round.
    pub(crate) fn time(&self, cursor: Cursor) -> u64 {
        cursor.round * self.length + self.frames[cursor.index].at
    }

    /// A frame's packets. `stamp` makes of a time in ticks what stands in the stream.
    pub(crate) fn write(&self, cursor: Cursor, stamp: impl Fn(u64) -> u64) -> Vec<u8> {
        let offset = cursor.round * self.length;
        // Clock references run ahead of the frames.
        let stamp = |old: u64| stamp(offset + (old + CLOCK).saturating_sub(self.first)) % WRAP;
        let mut out = Vec::new();
        for packet in &self.frames[cursor.index].packets {
            let mut bytes = packet.bytes;
            let round = self.counts[&pid(&bytes)] * cursor.round;
            bytes[3] = (bytes[3] & 0xf0) | ((round + packet.count) & 0x0f) as u8;
            restamp(&mut bytes, &stamp);
            out.extend_from_slice(&bytes);
        }
        out
    }
}

const X264: &str =
    "-c:v libx264 -preset ultrafast -b:v 300k -pix_fmt yuv420p -sc_threshold 0 -bf 0";
const X265: &str = "-c:v libx265 -preset ultrafast -b:v 300k -pix_fmt yuv420p -x265-params keyint=25:bframes=0:log-level=none";
const MPEG2: &str = "-c:v mpeg2video -b:v 1500k";
const SOUND: &str = "-c:a aac -b:a 64k";

fn pictures(rate: u32, gop: u32, size: &str, codec: &str, sound: &str) -> String {
    format!(
        "-f lavfi -i testsrc2=size={size}:rate={rate} -f lavfi -i sine=frequency=440:sample_rate=48000 \
         {codec} -g {gop} {sound}"
    )
}

/// What the first packet of a frame says.
struct Start {
    time: u64,
    is_key: bool,
    is_video: bool,
}

fn pid(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[1] & 0x1f, packet[2]])
}

fn has_payload(packet: &[u8]) -> bool {
    packet[3] & 0x10 != 0
}

/// Where the payload begins.
fn payload(packet: &[u8]) -> usize {
    match packet[3] & 0x20 != 0 {
        true => 5 + usize::from(packet[4]),
        false => 4,
    }
}

fn start_of(packet: &[u8]) -> Option<Start> {
    let begins = packet[1] & 0x40 != 0 && (0x100..0x1000).contains(&pid(packet));
    let pes = packet.get(payload(packet)..).filter(|_| begins)?;
    let at = match pes[7] >> 6 {
        0b11 => 14,
        0b10 => 9,
        _ => return None,
    };
    let has_flags = packet[3] & 0x20 != 0 && packet[4] > 0;
    Some(Start {
        time: read_time(&pes[at..]),
        is_key: has_flags && packet[5] & 0x40 != 0,
        is_video: (0xe0..0xf0).contains(&pes[3]),
    })
}

/// Gives a packet's clock reference and timestamps new values.
fn restamp(packet: &mut [u8; PACKET], stamp: &impl Fn(u64) -> u64) {
    let body = payload(packet);
    let has_clock = packet[3] & 0x20 != 0 && packet[4] >= 7 && packet[5] & 0x10 != 0;
    if has_clock {
        let old = u64::from(u32::from_be_bytes(*packet[6..].first_chunk().unwrap())) << 1
            | u64::from(packet[10] >> 7);
        let new = stamp(old);
        packet[6..10].copy_from_slice(&((new >> 1) as u32).to_be_bytes());
        packet[10] = (packet[10] & 0x7f) | ((new & 1) as u8) << 7;
    }
    if start_of(packet).is_none() {
        return;
    }
    let times = packet[body + 7] >> 6;
    write_time(&mut packet[body + 9..], stamp);
    if times == 0b11 {
        write_time(&mut packet[body + 14..], stamp);
    }
}

/// 33 bits in five bytes, with marker bits between them.
fn read_time(bytes: &[u8]) -> u64 {
    let byte = |at: usize| u64::from(bytes[at]);
    (byte(0) >> 1 & 7) << 30 | byte(1) << 22 | (byte(2) >> 1) << 15 | byte(3) << 7 | byte(4) >> 1
}

fn write_time(bytes: &mut [u8], stamp: &impl Fn(u64) -> u64) {
    let new = stamp(read_time(bytes));
    bytes[0] = (bytes[0] & 0xf1) | ((new >> 30 & 7) as u8) << 1;
    bytes[1] = (new >> 22) as u8;
    bytes[2] = ((new >> 15) as u8) << 1 | 1;
    bytes[3] = (new >> 7) as u8;
    bytes[4] = (new as u8) << 1 | 1;
}
