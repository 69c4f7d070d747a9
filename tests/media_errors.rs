//! What is wrong with a stream's boxes or its initialization section, said with the box and the byte.

#[path = "support/media_cuts.rs"]
mod media_cuts;
#[path = "support/media.rs"]
mod media_support;

use headgate::media::{MediaError, MediaEvent};
use media_cuts::{error_of, find, head, patched, plain, said, with_child, word};
use media_support::{VIDEO_H264, fragments_of, init_of, read_all, read_in_pieces, video_init};

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
fn a_default_that_no_fragment_could_fall_back_on_is_refused() {
    // Sample entry 2 of 1: what is written here relies on the default.
    let wrong = patched(b"trex", 16, &[0, 0, 0, 2]);
    assert!(matches!(
        error_of(&wrong),
        MediaError::SampleEntryCount { index: 2, .. }
    ));
}

#[test]
fn moov_that_is_no_live_track_is_refused() {
    let trak = {
        let at = find(VIDEO_H264, b"trak");
        let size = word(&VIDEO_H264[at..]);
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
