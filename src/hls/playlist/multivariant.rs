//! The Multivariant Playlist, from what the initialization sections and the segments themselves say.
//!
//! m3u8-rs writes it: there is nothing in it that the crate does not know.

use m3u8_rs::{AlternativeMedia, AlternativeMediaType, MasterPlaylist, Resolution, VariantStream};

use crate::hls::assembler::Assembler;
use crate::hls::config::{PackagerConfig, RenditionKind};
use crate::hls::rendered::Rendered;
use crate::media::MediaFormat;

/// The name of the audio group.
const AUDIO_GROUP: &str = "audio";

/// The playlist of a channel whose renditions all have media.
pub(in crate::hls) fn multivariant(config: &PackagerConfig, renditions: &[Assembler]) -> Rendered {
    let (videos, audios): (Vec<_>, Vec<_>) = renditions
        .iter()
        .partition(|rendition| rendition.config.kind == RenditionKind::Video);
    let playlist = MasterPlaylist {
        version: Some(6),
        independent_segments: true,
        alternatives: if videos.is_empty() {
            Vec::new()
        } else {
            audios.iter().map(|audio| alternative(audio)).collect()
        },
        variants: if videos.is_empty() {
            audios.iter().map(|audio| variant(audio, None)).collect()
        } else {
            let audio = audios.first().copied();
            let whole = videos.iter().map(|video| variant(video, audio));
            let key_frames = videos.iter().filter_map(|video| key_frames(video));
            whole.chain(key_frames).collect()
        },
        ..MasterPlaylist::default()
    };
    let mut text = Vec::with_capacity(1024);
    playlist
        .write_to(&mut text)
        .expect("writing into memory should never fail");
    let text = String::from_utf8(text).expect("the parts of a playlist should be text");
    let etag = format!(
        "W/\"e{}-{:08x}\"",
        config.timeline.epoch,
        checksum(text.as_bytes())
    );
    Rendered::new(text, etag)
}

/// 4.4.6.1: the one audio rendition.
fn alternative(audio: &Assembler) -> AlternativeMedia {
    let channels = match audio.init.as_ref().map(|init| &init.section.format) {
        Some(MediaFormat::Audio(format)) => Some(format.channels.to_string()),
        _ => None,
    };
    AlternativeMedia {
        media_type: AlternativeMediaType::Audio,
        uri: Some(uri(audio)),
        group_id: AUDIO_GROUP.into(),
        name: "Audio".into(),
        default: true,
        autoselect: true,
        channels,
        ..AlternativeMedia::default()
    }
}

/// 4.4.6.2: a rung with its sound.
fn variant(rendition: &Assembler, audio: Option<&Assembler>) -> VariantStream {
    let codecs = [Some(rendition), audio]
        .into_iter()
        .flatten()
        .filter_map(|r| r.init.as_ref());
    let codecs: Vec<&str> = codecs.map(|init| init.section.codec.as_str()).collect();
    let resolution = match rendition.init.as_ref().map(|init| &init.section.format) {
        Some(MediaFormat::Video(format)) => Some(Resolution {
            width: format.width.into(),
            height: format.height.into(),
        }),
        _ => None,
    };
    let is_video = rendition.config.kind == RenditionKind::Video;
    VariantStream {
        uri: uri(rendition),
        bandwidth: peak(rendition) + audio.map_or(0, peak),
        average_bandwidth: Some(average(rendition) + audio.map_or(0, average)),
        codecs: Some(codecs.join(",")),
        resolution,
        // Three decimals are what 4.4.6.2 asks for.
        frame_rate: rendition
            .frame_rate()
            .filter(|_| is_video)
            .map(|rate| (rate * 1000.0).round() / 1000.0),
        audio: audio.map(|_| AUDIO_GROUP.into()),
        ..VariantStream::default()
    }
}

/// 4.4.6.3: the key frames of a rung, for scrubbing, once it is known how large they are.
fn key_frames(rendition: &Assembler) -> Option<VariantStream> {
    let rate = rendition.rates.key_frames_peak;
    let section = &rendition.init.as_ref()?.section;
    let MediaFormat::Video(format) = &section.format else {
        return None;
    };
    (rate > 0).then(|| VariantStream {
        is_i_frame: true,
        uri: format!("{}/iframes.m3u8", rendition.config.name),
        bandwidth: rate,
        codecs: Some(section.codec.clone()),
        resolution: Some(Resolution {
            width: format.width.into(),
            height: format.height.into(),
        }),
        ..VariantStream::default()
    })
}

fn uri(rendition: &Assembler) -> String {
    format!("{}/index.m3u8", rendition.config.name)
}

fn peak(rendition: &Assembler) -> u64 {
    rendition.peak_bitrate()
}

/// AVERAGE-BANDWIDTH is what was measured, as soon as there is enough of it.
pub(in crate::hls) fn average(rendition: &Assembler) -> u64 {
    rendition
        .rates
        .average()
        .unwrap_or(rendition.config.average_bitrate)
}

/// FNV-1a: tells versions apart, protects nothing.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}
