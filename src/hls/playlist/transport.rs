//! The playlists of the same media as MPEG transport streams, for players that know no fragmented MP4: the same numbers,
//! dates, durations and discontinuities, whole segments only, and nothing that version 3 does not know.
//!
//! They are made of what readers of the other playlists see, when somebody asks for them.

use std::fmt;

use m3u8_rs::{MasterPlaylist, Resolution, VariantStream};

use super::tags;
use crate::base::RenditionName;
use crate::hls::rendered::Rendered;
use crate::hls::snapshot::Snapshot;
use crate::media::MediaFormat;

const VERSION: u8 = 3;

/// Bytes of a packet, and of those the ones that carry something.
const PACKET: f64 = 188.0;
const ROOM: f64 = 184.0;

/// Bytes that a header, its clock and the stuffing behind it add to a frame: at most, and on average.
const FRAME: (f64, f64) = (223.0, 127.0);

/// Packets that bring the counters of a segment to their end: at most, and on average.
const CYCLES: (f64, f64) = (60.0, 30.0);

/// Packets of tables a second.
const TABLES: f64 = 5.0;

/// A Variant Stream as a transport stream: its own media and the sound that goes with it.
#[derive(Debug, Clone, Copy)]
pub struct TransportVariant<'a> {
    /// In URLs.
    pub name: &'a RenditionName,
    /// What its segments begin and end with: the pictures, or sound alone.
    pub leader: &'a Snapshot,
    /// The sound of pictures.
    pub sound: Option<&'a Snapshot>,
}

// === impl TransportVariant ===

impl TransportVariant<'_> {
    /// The first Media Segment that has not come completely.
    pub fn end(&self) -> u64 {
        let sound = self.sound.map_or(u64::MAX, |sound| sound.edge.msn);
        self.leader.edge.msn.min(sound)
    }

    /// The Media Playlist; without a segment while none is complete.
    pub fn media(&self) -> Rendered {
        let (leader, end) = (self.leader, self.end());
        let mut out = String::with_capacity(2048);
        tags::header(&mut out, VERSION);
        tags::independent_segments(&mut out);
        tags::target_duration(&mut out, leader.target_duration);
        tags::media_sequence(&mut out, leader.media_sequence);
        tags::discontinuity_sequence(&mut out, leader.discontinuity_sequence);
        let listed = leader
            .segments()
            .iter()
            .filter(|segment| (leader.media_sequence..end).contains(&segment.msn));
        for segment in listed {
            if segment.discontinuity {
                tags::discontinuity(&mut out);
            }
            tags::program_date_time(&mut out, segment.program_date_time);
            if segment.gap {
                tags::gap(&mut out);
            }
            let uri = SegmentUri(leader.epoch, segment.msn);
            tags::inf(&mut out, segment.duration, uri);
        }
        let version = (leader.epoch, leader.media_sequence, end);
        let etag = format!("W/\"e{}.t{}.{}\"", version.0, version.1, version.2);
        Rendered::new(out, etag)
    }

    fn variant(&self) -> VariantStream {
        let tracks = [Some(self.leader), self.sound];
        let sections = tracks.into_iter().flatten();
        let sections = sections.filter_map(|track| track.init.as_ref());
        let codecs: Vec<&str> = sections.map(|init| init.section.codec.as_str()).collect();
        let format = self.leader.init.as_ref().map(|init| &init.section.format);
        let resolution = match format {
            Some(MediaFormat::Video(format)) => Some(Resolution {
                width: format.width.into(),
                height: format.height.into(),
            }),
            _ => None,
        };
        let frame_rate = self.leader.frame_rate.filter(|_| resolution.is_some());
        VariantStream {
            uri: format!("{}/index.m3u8", self.name),
            bandwidth: self.peak(),
            average_bandwidth: Some(self.average()),
            codecs: Some(codecs.join(",")),
            resolution,
            frame_rate: frame_rate.map(|rate| (rate * 1000.0).round() / 1000.0),
            ..VariantStream::default()
        }
    }

    /// BANDWIDTH holds for any row of segments of half a Target Duration.
    fn peak(&self) -> u64 {
        let shortest = self.leader.target_duration as f64 / 2.0;
        self.rate(|track| track.peak_bitrate, FRAME.0, CYCLES.0 / shortest)
    }

    fn average(&self) -> u64 {
        let segment = self.leader.target_duration as f64;
        self.rate(|track| track.average_bitrate, FRAME.1, CYCLES.1 / segment)
    }

    /// Bits a second of both tracks in packets.
    fn rate(&self, of: impl Fn(&Snapshot) -> u64, frame: f64, packets: f64) -> u64 {
        let tracks = [Some(self.leader), self.sound].into_iter().flatten();
        let media: f64 = tracks
            .map(|track| {
                let frames = track.frame_rate.unwrap_or(0.0);
                of(track) as f64 + frames * frame * 8.0
            })
            .sum();
        (media * PACKET / ROOM + (packets + TABLES) * PACKET * 8.0).ceil() as u64
    }
}

/// The Multivariant Playlist of what a transport stream can carry.
pub fn transport_multivariant(variants: &[TransportVariant<'_>]) -> Rendered {
    let playlist = MasterPlaylist {
        version: Some(VERSION.into()),
        independent_segments: true,
        variants: variants.iter().map(TransportVariant::variant).collect(),
        ..MasterPlaylist::default()
    };
    let mut text = Vec::with_capacity(1024);
    playlist
        .write_to(&mut text)
        .expect("writing into memory should never fail");
    let text = String::from_utf8(text).expect("the parts of a playlist should be text");
    let epoch = variants.first().map_or(0, |first| first.leader.epoch);
    let checksum = super::multivariant::checksum(text.as_bytes());
    Rendered::new(text, format!("W/\"e{epoch}-t{checksum:08x}\""))
}

/// `e{epoch}/{msn}.ts`, relative to the playlist.
struct SegmentUri(u64, u64);

impl fmt::Display for SegmentUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "e{}/{}.ts", self.0, self.1)
    }
}
