//! What is wrong with a stream, said with the box and the byte.

#[path = "support/media.rs"]
mod media_support;

use bytes::Bytes;
use headgate::media::{FragmentReader, MediaError, MediaEvent, Sample, write_fragment};
use media_support::{VIDEO_H264, fragments_of, init_of, read_all, read_in_pieces, video_init};
use mp4_atom::{Atom, Encode, Moof, Tfdt, Tfhd, Traf, Trex, Trun, TrunEntry, TrunSamples};

// --- cutting and mending streams ---

fn plain(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).unwrap();
    [&size.to_be_bytes()[..], kind, body].concat()
}

/// Where the box of this type begins: its first appearance in the stream.
fn find(stream: &[u8], kind: &[u8; 4]) -> usize {
    let found = stream.windows(4).position(|window| window == kind);
    found.expect("the box should be there") - 4
}

/// ftyp and moov of the real stream.
fn head() -> Vec<u8> {
    VIDEO_H264[..find(VIDEO_H264, b"moof")].to_vec()
}

/// The stream with `bytes` written `at` bytes after the beginning of the box.
fn patched(kind: &[u8; 4], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut stream = VIDEO_H264.to_vec();
    let start = find(&stream, kind) + at;
    stream[start..start + bytes.len()].copy_from_slice(bytes);
    stream
}

/// The stream's moov with `extra` as the last child of the box at this path, sizes mended.
fn with_child(path: &[&[u8; 4]], extra: &[u8]) -> Vec<u8> {
    let mut stream = head();
    let last = find(&stream, path.last().unwrap());
    let size = u32::from_be_bytes(*stream[last..].first_chunk().unwrap());
    let end = last + size as usize;
    stream.splice(end..end, extra.iter().copied());
    for kind in path {
        let at = find(&stream, kind);
        let size = u32::from_be_bytes(*stream[at..].first_chunk().unwrap());
        let size = size + u32::try_from(extra.len()).unwrap();
        stream[at..at + 4].copy_from_slice(&size.to_be_bytes());
    }
    stream
}

/// The error that ends a stream, however it is split, and that it stays.
fn error_of(stream: &[u8]) -> MediaError {
    let (events, error) = read_in_pieces(stream, usize::MAX);
    assert_eq!((events, error.clone()), read_in_pieces(stream, 1));
    let mut reader = FragmentReader::new();
    reader.push(stream);
    while let Ok(event) = reader.poll() {
        assert!(event.is_some(), "the stream should end in an error");
    }
    let error = error.expect("the stream should end in an error");
    reader.push(VIDEO_H264);
    assert_eq!(reader.poll(), Err(error.clone()));
    error
}

fn said(stream: &[u8]) -> String {
    error_of(stream).to_string()
}

// --- framing ---

#[test]
fn boxes_without_an_end_are_refused() {
    let mut stream = head();
    let at = stream.len();
    stream.extend_from_slice(&plain(b"mdat", b""));
    stream[at..at + 4].fill(0);
    assert_eq!(
        said(&stream),
        "'mdat' at byte 777 has no end (size 0): a stream needs boxes of known size"
    );
}

#[test]
fn sizes_are_checked_before_anything_is_held() {
    let claim = |kind: &[u8; 4], size: u32| [&size.to_be_bytes()[..], kind].concat();
    assert_eq!(
        said(&claim(b"moov", (1 << 20) + 1)),
        "'moov' at byte 0 claims 1048577 bytes; the limit for this box is 1048576"
    );
    assert_eq!(
        said(&claim(b"mdat", (64 << 20) + 1)),
        "'mdat' at byte 0 claims 67108865 bytes; the limit for this box is 67108864"
    );
    assert_eq!(
        said(&claim(b"free", 7)),
        "'free' at byte 0 claims 7 bytes, less than its own header"
    );
    let large = [&claim(b"free", 1)[..], &u64::MAX.to_be_bytes()].concat();
    assert!(matches!(error_of(&large), MediaError::TooLarge { .. }));
    let small = [&claim(b"free", 1)[..], &15u64.to_be_bytes()].concat();
    assert!(matches!(
        error_of(&small),
        MediaError::TooSmall { size: 15, .. }
    ));
}

#[test]
fn what_is_not_mp4_is_refused_with_its_first_bytes() {
    assert_eq!(
        said(b"<html><body>404</body></html>"),
        "'l><b' at byte 0 claims 1013478509 bytes; the limit for this box is 67108864"
    );
    assert!(said(&[0x47, 0x40, 0, 0x10, 0, 0, 0xB0, 0x0D]).contains(r"'\x00\x00\xb0\r'"));
}

#[test]
fn skipped_boxes_cost_nothing_and_change_nothing() {
    let mut stream = Vec::new();
    for (kind, size) in [
        (b"styp", 16),
        (b"sidx", 40),
        (b"prft", 24),
        (b"free", 100_000),
    ] {
        stream.extend_from_slice(&plain(kind, &vec![0; size]));
    }
    // A 64-bit size is fine where the size itself is.
    stream.extend_from_slice(&[
        0, 0, 0, 1, b'm', b'f', b'r', b'a', 0, 0, 0, 0, 0, 0, 0, 20, 9, 9, 9, 9,
    ]);
    stream.extend_from_slice(VIDEO_H264);
    assert_eq!(read_all(&stream), read_all(VIDEO_H264));
    assert_eq!(read_in_pieces(&stream, 7), (read_all(VIDEO_H264), None));
}

#[test]
fn media_data_with_a_64_bit_size() {
    let mut stream = head();
    let moof_at = stream.len();
    stream.extend_from_slice(&write_fragment(
        1,
        1,
        5,
        &[sample(3, true)],
        &[Bytes::from_static(b"abc")],
    ));
    let mdat = stream.len() - 11;
    stream.splice(
        mdat..,
        [&[0, 0, 0, 1][..], b"mdat", &19u64.to_be_bytes(), b"abc"].concat(),
    );
    // The header is 8 bytes longer, and the offset must say so.
    let offset = find(&stream[moof_at..], b"trun") + moof_at + 16;
    let said = i32::from_be_bytes(*stream[offset..].first_chunk().unwrap());
    stream[offset..offset + 4].copy_from_slice(&(said + 8).to_be_bytes());
    assert_eq!(fragments_of(&stream)[0].data, "abc");
}

// --- the initialization section ---

#[test]
fn moov_needs_its_ftyp_and_parts() {
    let moov = find(VIDEO_H264, b"moov");
    assert_eq!(
        said(&VIDEO_H264[moov..]),
        "'moov' at byte 0 came before the stream's ftyp"
    );
    for (gone, holder) in [
        (b"mvhd", "moov"),
        (b"trak", "moov"),
        (b"mvex", "moov"),
        (b"trex", "mvex"),
        (b"tkhd", "trak"),
        (b"mdia", "trak"),
        (b"mdhd", "mdia"),
        (b"minf", "mdia"),
        (b"dinf", "minf"),
        (b"stbl", "minf"),
        (b"stsd", "stbl"),
        (b"avcC", "avc1"),
    ] {
        let stream = patched(gone, 4, b"free");
        let error = said(&stream);
        let name = String::from_utf8_lossy(gone);
        assert!(
            error.starts_with(&format!("'{holder}' at byte ")),
            "{error}"
        );
        assert!(error.ends_with(&format!("has no '{name}' box")), "{error}");
    }
}

#[test]
fn moov_that_is_no_live_track_is_refused() {
    let trak = {
        let at = find(VIDEO_H264, b"trak");
        let size = u32::from_be_bytes(*VIDEO_H264[at..].first_chunk().unwrap());
        VIDEO_H264[at..at + size as usize].to_vec()
    };
    assert_eq!(
        said(&with_child(&[b"moov"], &trak)),
        "'moov' at byte 28 holds 2 tracks; a stream must carry exactly one"
    );
    let at = find(VIDEO_H264, b"mdhd");
    assert_eq!(
        said(&patched(b"mdhd", 20, &[0; 4])),
        format!("'mdhd' at byte {at} has timescale 0: its times mean nothing")
    );
    assert!(matches!(
        error_of(&patched(b"stsz", 16, &[0, 0, 0, 9])),
        MediaError::SamplesInMoov { count: 9, .. }
    ));
    assert!(matches!(
        error_of(&patched(b"stts", 12, &[0, 0, 0, 1])),
        MediaError::SamplesInMoov { count: 1, .. }
    ));
    assert!(matches!(
        error_of(&patched(b"trex", 12, &[0, 0, 0, 7])),
        MediaError::UnknownTrack {
            expected: 1,
            found: 7,
            ..
        }
    ));
    assert!(matches!(
        error_of(&patched(b"url ", 8, &[0; 4])),
        MediaError::ExternalData { .. }
    ));
    let at = find(VIDEO_H264, b"avc1");
    assert_eq!(
        said(&patched(b"avc1", 4, b"encv")),
        format!("sample entry 'encv' at byte {at} is of a coding that is not supported")
    );
    assert!(matches!(
        error_of(&patched(b"mvhd", 0, &[0, 1, 0, 0])),
        MediaError::Overrun { .. }
    ));
    assert!(matches!(
        error_of(&with_child(&[b"moov", b"mvex"], &plain(b"trex", &[0; 24]))),
        MediaError::Duplicate { .. }
    ));
}

fn edit_list(entries: &[(u32, i32)]) -> Vec<u8> {
    let mut body = vec![0; 4];
    body.extend_from_slice(&(entries.len() as u32).to_be_bytes());
    for (duration, time) in entries {
        body.extend_from_slice(&duration.to_be_bytes());
        body.extend_from_slice(&time.to_be_bytes());
        body.extend_from_slice(&[0, 1, 0, 0]);
    }
    plain(b"edts", &plain(b"elst", &body))
}

#[test]
fn edit_lists_go_or_are_refused() {
    let neutral = with_child(&[b"moov", b"trak"], &edit_list(&[(0, 0)]));
    assert_eq!(init_of(&neutral), video_init());
    for shifting in [&[(0, 1024)][..], &[(500, -1), (0, 0)]] {
        let stream = with_child(&[b"moov", b"trak"], &edit_list(shifting));
        assert!(matches!(error_of(&stream), MediaError::EditList { .. }));
    }
}

#[test]
fn what_the_rules_do_not_want_is_taken_out() {
    let mut stream = head();
    for (kind, at) in [
        (b"mvhd", 12),
        (b"mvhd", 16),
        (b"mvhd", 24),
        (b"tkhd", 12),
        (b"tkhd", 28),
        (b"mdhd", 16),
        (b"mdhd", 24),
    ] {
        let at = find(&stream, kind) + at;
        stream[at..at + 4].copy_from_slice(&[0x11; 4]);
    }
    assert_eq!(init_of(&stream), video_init());
    let bytes = video_init().bytes;
    for gone in [b"udta", b"meta", b"edts", b"mehd"] {
        assert!(!bytes.windows(4).any(|window| window == gone), "{gone:?}");
    }
    let old = patched(b"ftyp", 8, b"isom\0\0\x02\0isom");
    let bytes = init_of(&old).bytes;
    assert_eq!(
        &bytes[..32],
        b"\0\0\0\x20ftypisom\0\0\x02\0isomcmfcmp41iso6"
    );
}

#[test]
fn a_second_moov_is_an_event_only_when_it_differs() {
    let again = [VIDEO_H264, VIDEO_H264].concat();
    let inits = |stream: &[u8]| {
        let events = read_all(stream);
        events
            .iter()
            .filter(|event| matches!(event, MediaEvent::Init(_)))
            .count()
    };
    assert_eq!(inits(&again), 1);
    assert_eq!(fragments_of(&again).len(), 60);
    let other = [VIDEO_H264, media_support::VIDEO_BFRAMES_COPY].concat();
    assert_eq!(inits(&other), 2);
}

/// Boxes in boxes as deep as a moov can hold: a decoder that follows them needs more stack than there is.
#[test]
fn deep_nesting_does_not_exhaust_the_stack() {
    let deep = |kind: &[u8; 4], levels: u32| -> Vec<u8> {
        (0..levels)
            .rev()
            .flat_map(|left| [&(8 * (left + 1)).to_be_bytes()[..], kind].concat())
            .collect()
    };
    for kind in [b"moov", b"trak", b"udta", b"meta", b"traf", b"avc1"] {
        let stream = with_child(&[b"moov"], &deep(kind, 100_000));
        let _ = read_in_pieces(&stream, usize::MAX);
        let stream = [
            head(),
            deep(b"moof", 1),
            plain(b"moof", &deep(kind, 100_000)),
        ]
        .concat();
        let _ = read_in_pieces(&stream, usize::MAX);
    }
    let esds = {
        let at = find(media_support::AUDIO_AAC, b"esds");
        let mut stream = media_support::AUDIO_AAC.to_vec();
        // Descriptors of the same kind inside each other.
        stream[at + 12..at + 50].fill(0x03);
        stream
    };
    let _ = error_of(&esds);
}

// --- fragments ---

fn sample(size: u32, is_sync: bool) -> Sample {
    Sample {
        duration: 512,
        size,
        composition_offset: 0,
        is_sync,
    }
}

fn fragment(moof: &Moof, data: &[u8]) -> Vec<u8> {
    let mut stream = head();
    moof.encode(&mut stream).unwrap();
    stream.extend_from_slice(&plain(b"mdat", data));
    stream
}

/// A moof whose run begins right after the mdat's header.
fn moof(tfhd: Tfhd, samples: TrunSamples) -> Moof {
    let mut moof = Moof {
        traf: vec![Traf {
            tfhd: Tfhd {
                track_id: 1,
                default_base_is_moof: true,
                ..tfhd
            },
            tfdt: Some(Tfdt {
                base_media_decode_time: 7,
            }),
            trun: vec![Trun {
                data_offset: Some(0),
                samples,
            }],
            ..Traf::default()
        }],
        ..Moof::default()
    };
    let mut encoded = Vec::new();
    moof.encode(&mut encoded).unwrap();
    moof.traf[0].trun[0].data_offset = Some(encoded.len() as i32 + 8);
    moof
}

fn entry(size: u32) -> TrunEntry {
    TrunEntry {
        size: Some(size),
        ..TrunEntry::default()
    }
}

#[test]
fn every_source_of_defaults_is_obeyed() {
    const NON_SYNC: u32 = 0x0101_0000;
    // trex alone.
    let inherited = moof(
        Tfhd::default(),
        TrunSamples::Inherited {
            count: 2,
            first_flags: None,
        },
    );
    let mut stream = fragment(&inherited, b"abcdef");
    let trex = Trex {
        track_id: 1,
        default_sample_description_index: 1,
        default_sample_duration: 100,
        default_sample_size: 3,
        default_sample_flags: NON_SYNC,
    };
    let mut encoded = Vec::new();
    trex.encode(&mut encoded).unwrap();
    let at = find(&stream, b"trex");
    stream[at..at + encoded.len()].copy_from_slice(&encoded);
    let of = |stream: &[u8]| fragments_of(stream).remove(0).samples;
    let from_trex = Sample {
        duration: 100,
        size: 3,
        composition_offset: 0,
        is_sync: false,
    };
    assert_eq!(of(&stream), [from_trex; 2]);

    // tfhd over trex, the run's first sample over both.
    let tfhd = Tfhd {
        default_sample_duration: Some(200),
        default_sample_size: Some(2),
        default_sample_flags: Some(NON_SYNC),
        ..Tfhd::default()
    };
    let first = TrunSamples::Inherited {
        count: 3,
        first_flags: Some(0x0200_0000),
    };
    let samples = of(&fragment(&moof(tfhd.clone(), first), b"abcdef"));
    assert_eq!(
        samples
            .iter()
            .map(|s| (s.duration, s.size, s.is_sync))
            .collect::<Vec<_>>(),
        [(200, 2, true), (200, 2, false), (200, 2, false),]
    );

    // The run over all.
    let entries = vec![
        TrunEntry {
            duration: Some(1),
            size: Some(4),
            flags: Some(NON_SYNC),
            cts: Some(-5),
        },
        TrunEntry {
            duration: Some(2),
            size: Some(1),
            flags: Some(0),
            cts: Some(9),
        },
    ];
    let samples = of(&fragment(&moof(tfhd, entries.into()), b"abcde"));
    assert_eq!(
        samples,
        [
            Sample {
                duration: 1,
                size: 4,
                composition_offset: -5,
                is_sync: false
            },
            Sample {
                duration: 2,
                size: 1,
                composition_offset: 9,
                is_sync: true
            },
        ]
    );
}

#[test]
fn several_runs_and_absolute_offsets() {
    // Two runs, the second without an offset: it follows the first.
    let mut two = moof(Tfhd::default(), vec![entry(2)].into());
    two.traf[0].trun.push(Trun {
        data_offset: None,
        samples: vec![entry(3)].into(),
    });
    let mut encoded = Vec::new();
    two.encode(&mut encoded).unwrap();
    two.traf[0].trun[0].data_offset = Some(encoded.len() as i32 + 8);
    assert_eq!(fragments_of(&fragment(&two, b"abcde"))[0].samples.len(), 2);
    // The second run elsewhere than behind the first.
    two.traf[0].trun[1].data_offset = Some(3);
    assert!(matches!(
        error_of(&fragment(&two, b"abcde")),
        MediaError::DataOffset { found: 780, .. }
    ));

    // An offset from the beginning of the stream, as old writers do.
    let mut absolute = moof(
        Tfhd {
            base_data_offset: Some(head().len() as u64),
            ..Tfhd::default()
        },
        vec![entry(5)].into(),
    );
    absolute.traf[0].tfhd.default_base_is_moof = false;
    assert_eq!(
        fragments_of(&fragment(&absolute, b"abcde"))[0].data,
        "abcde"
    );
    absolute.traf[0].tfhd.base_data_offset = Some(u64::MAX);
    assert!(matches!(
        error_of(&fragment(&absolute, b"abcde")),
        MediaError::DataOffset { .. }
    ));
}

#[test]
fn fragments_that_do_not_add_up() {
    let good = moof(Tfhd::default(), vec![entry(2), entry(3)].into());
    assert_eq!(
        fragments_of(&fragment(&good, b"abcde"))[0].base_decode_time,
        7
    );
    let error = said(&fragment(&good, b"abcdef"));
    assert!(
        error.ends_with("has 6 bytes of media, but the sizes of its samples add up to 5"),
        "{error}"
    );

    let mut off = good.clone();
    off.traf[0].trun[0].data_offset = Some(1);
    let error = said(&fragment(&off, b"abcde"));
    assert!(error.starts_with("'mdat' at byte "), "{error}");
    assert!(error.ends_with("but are said to be at 778"), "{error}");

    let mut timeless = good.clone();
    timeless.traf[0].tfdt = None;
    assert!(said(&fragment(&timeless, b"abcde")).ends_with("has no 'tfdt' box"));

    let mut empty = good.clone();
    empty.traf[0].trun[0].samples = TrunSamples::default();
    assert!(said(&fragment(&empty, b"")).starts_with("'traf' at byte 801 describes no samples"));
    empty.traf[0].trun.clear();
    assert!(matches!(
        error_of(&fragment(&empty, b"")),
        MediaError::NoSamples { .. }
    ));

    let mut two = good.clone();
    two.traf.push(good.traf[0].clone());
    assert!(said(&fragment(&two, b"abcde")).contains("holds 2 tracks"));

    let mut stranger = good.clone();
    stranger.traf[0].tfhd.track_id = 2;
    assert!(matches!(
        error_of(&fragment(&stranger, b"abcde")),
        MediaError::UnknownTrack { found: 2, .. }
    ));

    let mut other_entry = good.clone();
    other_entry.traf[0].tfhd.sample_description_index = Some(2);
    assert!(matches!(
        error_of(&fragment(&other_entry, b"abcde")),
        MediaError::SampleEntryCount { index: 2, .. }
    ));

    let mut far = good;
    far.traf[0].trun[0].samples = vec![TrunEntry {
        cts: Some(i64::from(u32::MAX)),
        ..entry(5)
    }]
    .into();
    assert!(said(&fragment(&far, b"abcde")).contains("composition offset"));
}

#[test]
fn a_run_of_four_thousand_million_samples_costs_nothing() {
    let tfhd = Tfhd {
        default_sample_size: Some(0),
        ..Tfhd::default()
    };
    let huge = moof(
        tfhd,
        TrunSamples::Inherited {
            count: u32::MAX,
            first_flags: None,
        },
    );
    assert!(matches!(
        error_of(&fragment(&huge, b"")),
        MediaError::TooManySamples { .. }
    ));
}

#[test]
fn boxes_out_of_order() {
    let moof_at = find(VIDEO_H264, b"moof");
    let mdat_at = find(VIDEO_H264, b"mdat");
    assert_eq!(
        said(&VIDEO_H264[moof_at..]),
        "'moof' at byte 0 came before the stream's moov"
    );
    assert_eq!(
        said(&VIDEO_H264[mdat_at..]),
        "'mdat' at byte 0 came before the stream's moov"
    );
    let orphan = [&VIDEO_H264[..moof_at], &VIDEO_H264[mdat_at..]].concat();
    assert!(matches!(
        error_of(&orphan),
        MediaError::OrphanMediaData { .. }
    ));
    let moof = &VIDEO_H264[moof_at..mdat_at];
    let twice = [&VIDEO_H264[..moof_at], moof, moof].concat();
    assert!(matches!(error_of(&twice), MediaError::NoMediaData { .. }));
}

#[test]
#[should_panic(expected = "should add up")]
fn writing_what_does_not_add_up_is_a_bug() {
    write_fragment(1, 1, 0, &[sample(4, true)], &[Bytes::from_static(b"abc")]);
}

#[test]
fn box_types_are_known_to_the_decoder() {
    // The reader's own names beside those of the crate that decodes them.
    assert_eq!(Moof::KIND.as_ref(), b"moof");
}
