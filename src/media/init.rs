//! A moov into a [`MediaInitializationSection`].
//!
//! Rules: draft-pantos-hls-rfc8216bis §3.1.2 (what an initialization section may hold) and CMAF. What ffmpeg may add
//! and the rules do not want is taken out (durations, dates, user data); what cannot be taken out without changing the
//! presentation (samples, edit lists, other files) is refused. The same input gives the same bytes.

use bytes::Bytes;
use mp4_atom::{Elst, Encode, FourCC, Ftyp, Mdhd, Mvhd, Tkhd, Trex};

use super::boxes::{BoxHeader, BoxView};
use super::error::MediaError;
use super::fragment::MediaInitializationSection;
use super::sample_entry::read_sample_entry;

/// Brands whose readers know default-base-is-moof and all else that iso6 asks for.
const ISO6_OR_LATER: [&[u8; 4]; 7] = [
    b"iso6", b"iso7", b"iso8", b"iso9", b"isoa", b"isob", b"isoc",
];

/// Reads `ftyp` and `moov`: what is served, and the defaults that fragments refer to.
pub(super) fn read_init(
    ftyp: &Bytes,
    moov: &BoxView<'_>,
) -> Result<(MediaInitializationSection, Trex), MediaError> {
    moov.require(b"mvhd")?.decode::<Mvhd>()?;
    let trak = only_trak(moov)?;
    let tkhd: Tkhd = trak.require(b"tkhd")?.decode()?;
    check_edit_list(&trak)?;
    let mdia = trak.require(b"mdia")?;
    let mdhd_box = mdia.require(b"mdhd")?;
    let mdhd: Mdhd = mdhd_box.decode()?;
    if mdhd.timescale == 0 {
        return Err(MediaError::ZeroTimescale { at: mdhd_box.at });
    }
    let minf = mdia.require(b"minf")?;
    check_data_references(&minf)?;
    let stbl = minf.require(b"stbl")?;
    check_sample_tables(&stbl)?;
    let trex = only_trex(moov, tkhd.track_id)?;
    let (codec, format) = read_sample_entry(&stbl.require(b"stsd")?, &tkhd, mdhd.timescale)?;

    let mut bytes = Vec::with_capacity(ftyp.len() + moov.raw.len());
    write_ftyp(ftyp, moov, &mut bytes)?;
    write_clean(moov, b"root", &mut bytes)?;
    let init = MediaInitializationSection {
        bytes: bytes.into(),
        track_id: tkhd.track_id,
        timescale: mdhd.timescale,
        codec,
        format,
    };
    Ok((init, trex))
}

fn only_trak<'a>(moov: &BoxView<'a>) -> Result<BoxView<'a>, MediaError> {
    let mut count = 0;
    for child in moov.children(0)? {
        count += usize::from(child?.is(b"trak"));
    }
    match count {
        0 | 1 => moov.require(b"trak"),
        count => Err(MediaError::TrackCount { at: moov.at, count }),
    }
}

fn only_trex(moov: &BoxView<'_>, track_id: u32) -> Result<Trex, MediaError> {
    let trex_box = moov.require(b"mvex")?.require(b"trex")?;
    let trex: Trex = trex_box.decode()?;
    if trex.track_id != track_id {
        return Err(MediaError::UnknownTrack {
            at: trex_box.at,
            expected: track_id,
            found: trex.track_id,
        });
    }
    // Fragments that are written here say nothing about it, and would ask for an entry that is not there.
    if trex.default_sample_description_index != 1 {
        return Err(MediaError::SampleEntryCount {
            at: trex_box.at,
            index: trex.default_sample_description_index,
        });
    }
    Ok(trex)
}

/// An edit list that says what is so without it may go; any other would be obeyed by some players only.
fn check_edit_list(trak: &BoxView<'_>) -> Result<(), MediaError> {
    let Some(edts) = trak.child(b"edts", 0)? else {
        return Ok(());
    };
    let Some(elst_box) = edts.child(b"elst", 0)? else {
        return Ok(());
    };
    let elst: Elst = elst_box.decode()?;
    let is_neutral = match elst.entries.as_slice() {
        [] => true,
        [edit] => edit.media_time == Some(0) && edit.media_rate.integer() == 1,
        _ => false,
    };
    match is_neutral {
        true => Ok(()),
        false => Err(MediaError::EditList { at: elst_box.at }),
    }
}

fn check_data_references(minf: &BoxView<'_>) -> Result<(), MediaError> {
    // Version, flags and entry count stand before the entries.
    const DREF_FIELDS: usize = 8;
    const SELF_CONTAINED: u8 = 1;
    let dref = minf.require(b"dinf")?.require(b"dref")?;
    for entry in dref.children(DREF_FIELDS)? {
        let entry = entry?;
        let flags = entry.body.get(3).copied().unwrap_or(0);
        if flags & SELF_CONTAINED == 0 {
            return Err(MediaError::ExternalData { at: entry.at });
        }
    }
    Ok(())
}

fn check_sample_tables(stbl: &BoxView<'_>) -> Result<(), MediaError> {
    for child in stbl.children(0)? {
        let child = child?;
        let count_at = match &child.at.box_type.0 {
            b"stts" | b"stsc" | b"stco" | b"co64" | b"stss" | b"ctts" => 4,
            b"stsz" | b"stz2" => 8,
            _ => continue,
        };
        let count = child
            .body
            .get(count_at..)
            .and_then(<[u8]>::first_chunk)
            .map(|count| u32::from_be_bytes(*count))
            .ok_or_else(|| child.unreadable("it ends before its count"))?;
        if count != 0 {
            return Err(MediaError::SamplesInMoov {
                at: child.at,
                count,
            });
        }
    }
    Ok(())
}

fn write_ftyp(raw: &Bytes, moov: &BoxView<'_>, out: &mut Vec<u8>) -> Result<(), MediaError> {
    // Its place in the stream is lost; it stood before the moov, which is near enough for a person.
    let offset = moov.at.offset.saturating_sub(raw.len() as u64);
    let header = BoxHeader::parse(raw, offset)?.expect("a whole ftyp should have a header");
    let view = BoxView::new(&header, raw);
    let mut ftyp: Ftyp = view.decode()?;
    let is_iso6 = |brand: &FourCC| ISO6_OR_LATER.contains(&brand.as_ref());
    if !ftyp.compatible_brands.iter().any(is_iso6) {
        ftyp.compatible_brands.push(FourCC::new(b"iso6"));
    }
    ftyp.encode(out).map_err(|error| view.unreadable(error))
}

/// Copies a box of the moov without what does not belong in an initialization section.
///
/// `inside` is the box around it: only the known path is descended, so the depth has a bound.
fn write_clean(view: &BoxView<'_>, inside: &[u8; 4], out: &mut Vec<u8>) -> Result<(), MediaError> {
    let box_type = &view.at.box_type.0;
    match (inside, box_type) {
        (b"root", b"moov")
        | (b"moov", b"trak" | b"mvex")
        | (b"trak", b"mdia")
        | (b"mdia", b"minf")
        | (b"minf", b"stbl") => {
            let start = out.len();
            out.extend_from_slice(&[0; 4]);
            out.extend_from_slice(box_type);
            for child in view.children(0)? {
                write_clean(&child?, box_type, out)?;
            }
            let size = (out.len() - start) as u32;
            out[start..start + 4].copy_from_slice(&size.to_be_bytes());
        }
        // The encoder's name, edits that say nothing, room for later, the length of what has no length.
        (_, b"udta" | b"meta" | b"edts" | b"free" | b"skip" | b"mehd") => {}
        (b"moov", b"mvhd") | (b"mdia", b"mdhd") => write_timeless(view, out, 12, 24),
        (b"trak", b"tkhd") => write_timeless(view, out, 16, 28),
        _ => out.extend_from_slice(view.raw),
    }
    Ok(())
}

/// Copies a header box with its dates and duration set to zero.
///
/// The duration stands `duration_v0` or, with 64-bit times, `duration_v1` bytes after version and flags begin.
/// The box has been decoded, so it is long enough.
fn write_timeless(view: &BoxView<'_>, out: &mut Vec<u8>, duration_v0: usize, duration_v1: usize) {
    let body_at = out.len() + view.raw.len() - view.body.len();
    out.extend_from_slice(view.raw);
    let body = &mut out[body_at..];
    let (word, duration) = match body[0] {
        0 => (4, duration_v0 + 4),
        _ => (8, duration_v1),
    };
    body[4..4 + 2 * word].fill(0);
    body[duration..duration + word].fill(0);
}
