//! The sample entry of a track: how it is coded, and how large or how loud.
//!
//! Widths, rates and channel counts are taken from where they are true: ffmpeg writes 2 channels into every AAC sample
//! entry, and a sample entry has no room for rates over 65,535.

use mp4_atom::{
    Ac3SpecificBox, Atom, Audio, Av1c, Avcc, Colr, Decode, Ec3SpecificBox, Esds, Hvcc, Pasp, Tkhd,
    Visual, VpcC,
};

use super::boxes::BoxView;
use super::codec;
use super::error::MediaError;
use super::fragment::{AudioFormat, MediaFormat, VideoFormat};

/// Version, flags and entry count of stsd.
pub(super) const STSD_FIELDS: usize = 8;
/// Descriptors nest: a bound on their bytes is a bound on the depth. Real ones take less than a hundred.
const ESDS_LIMIT: usize = 1024;

/// The codec string and format of the track that `stsd` describes.
pub(super) fn read_sample_entry(
    stsd: &BoxView<'_>,
    tkhd: &Tkhd,
    timescale: u32,
) -> Result<(String, MediaFormat), MediaError> {
    let mut entries = stsd.children(STSD_FIELDS)?;
    let entry = entries.next().ok_or(MediaError::SampleEntryCount {
        at: stsd.at,
        index: 0,
    })??;
    if let Some(second) = entries.next() {
        second?;
        return Err(MediaError::SampleEntryCount {
            at: stsd.at,
            index: 2,
        });
    }
    match &entry.at.box_type.0 {
        b"avc1" | b"avc3" | b"hvc1" | b"hev1" | b"av01" | b"vp09" => {
            let (codec, format) = video(&entry, tkhd)?;
            Ok((codec, MediaFormat::Video(format)))
        }
        b"mp4a" | b"Opus" | b"fLaC" | b"ac-3" | b"ec-3" => {
            let (codec, format) = audio(&entry, timescale)?;
            Ok((codec, MediaFormat::Audio(format)))
        }
        _ => Err(MediaError::UnknownSampleEntry { at: entry.at }),
    }
}

fn video(entry: &BoxView<'_>, tkhd: &Tkhd) -> Result<(String, VideoFormat), MediaError> {
    let (visual, fields) = fields::<Visual>(entry)?;
    let name = entry.at.box_type;
    let codec = match &name.0 {
        b"avc1" | b"avc3" => codec::avc(name, &config::<Avcc>(entry, fields)?),
        b"hvc1" | b"hev1" => codec::hevc(name, &config::<Hvcc>(entry, fields)?),
        b"av01" => {
            let colr = entry
                .child(b"colr", fields)?
                .map(|colr| colr.decode::<Colr>());
            codec::av1(&config::<Av1c>(entry, fields)?, colr.transpose()?.as_ref())
        }
        _ => codec::vp9(&config::<VpcC>(entry, fields)?),
    };
    let pasp = entry
        .child(b"pasp", fields)?
        .map(|pasp| pasp.decode::<Pasp>());
    let format = display_size(tkhd, &visual, pasp.transpose()?.as_ref());
    Ok((codec, format))
}

/// The size to show the picture at: the track header's, which knows of non-square pixels and of rotation.
fn display_size(tkhd: &Tkhd, visual: &Visual, pasp: Option<&Pasp>) -> VideoFormat {
    let from_header = (
        rounded(tkhd.width.integer(), tkhd.width.decimal()),
        rounded(tkhd.height.integer(), tkhd.height.decimal()),
    );
    let (width, height) = match from_header {
        (0, _) | (_, 0) => square_pixels(visual, pasp),
        _ if tkhd.size_is_aspect_ratio => square_pixels(visual, pasp),
        size => size,
    };
    let is_on_its_side = tkhd.matrix.a == 0 && tkhd.matrix.d == 0;
    match is_on_its_side {
        true => VideoFormat {
            width: height,
            height: width,
        },
        false => VideoFormat { width, height },
    }
}

fn rounded(integer: u16, fraction: u16) -> u32 {
    u32::from(integer) + u32::from(fraction >> 15)
}

/// The sample entry's size, stretched by its pixel aspect ratio.
fn square_pixels(visual: &Visual, pasp: Option<&Pasp>) -> (u32, u32) {
    let (width, height) = (u32::from(visual.width), u32::from(visual.height));
    match pasp {
        Some(pasp) if pasp.h_spacing > 0 && pasp.v_spacing > 0 => {
            let (h, v) = (u64::from(pasp.h_spacing), u64::from(pasp.v_spacing));
            let stretched = (u64::from(width) * h + v / 2) / v;
            (u32::try_from(stretched).unwrap_or(width), height)
        }
        _ => (width, height),
    }
}

fn audio(entry: &BoxView<'_>, timescale: u32) -> Result<(String, AudioFormat), MediaError> {
    let (audio, fields) = fields::<Audio>(entry)?;
    let mut format = AudioFormat {
        // Zero stands for a rate that does not fit; a sound track's timescale is its rate then.
        sample_rate: match u32::from(audio.sample_rate.integer()) {
            0 => timescale,
            rate => rate,
        },
        channels: audio.channel_count,
    };
    let codec = match &entry.at.box_type.0 {
        b"mp4a" => {
            let esds = esds(entry, fields)?;
            let config = codec::AacConfig::of(&esds);
            if let Some(rate) = config.as_ref().and_then(|config| config.sample_rate) {
                format.sample_rate = rate;
            }
            if let Some(channels) = config.as_ref().and_then(|config| config.channels) {
                format.channels = channels;
            }
            codec::mp4a(&esds, config.as_ref())
                .ok_or_else(|| entry.unreadable("its esds has no AudioSpecificConfig"))?
        }
        b"ac-3" => {
            let config: Ac3SpecificBox = config(entry, fields)?;
            format.channels = codec::ac3_channels(config.acmod, config.lfeon);
            "ac-3".to_owned()
        }
        b"ec-3" => {
            let config: Ec3SpecificBox = config(entry, fields)?;
            if let Some(main) = config.substreams.first() {
                format.channels = codec::ec3_channels(main);
            }
            "ec-3".to_owned()
        }
        b"Opus" => "opus".to_owned(),
        _ => "fLaC".to_owned(),
    };
    Ok((codec, format))
}

/// The elementary stream descriptor of MPEG audio.
pub(super) fn esds(entry: &BoxView<'_>, fields: usize) -> Result<Esds, MediaError> {
    let esds = entry.require_after(b"esds", fields)?;
    if esds.body.len() > ESDS_LIMIT {
        return Err(MediaError::TooLarge {
            at: esds.at,
            size: esds.raw.len() as u64,
            limit: ESDS_LIMIT as u64,
        });
    }
    esds.decode()
}

/// The fields at the start of a sample entry, and how many bytes they take.
pub(super) fn fields<T: Decode>(entry: &BoxView<'_>) -> Result<(T, usize), MediaError> {
    let mut rest = entry.body;
    let fields = T::decode(&mut rest).map_err(|error| entry.unreadable(error))?;
    Ok((fields, entry.body.len() - rest.len()))
}

/// The decoder configuration inside a sample entry.
pub(super) fn config<T: Atom>(entry: &BoxView<'_>, fields: usize) -> Result<T, MediaError> {
    entry.require_after(T::KIND.as_ref(), fields)?.decode()
}
