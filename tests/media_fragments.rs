//! Fragments: where their defaults come from, where their bytes lie, and which are refused.

#[path = "support/media_cuts.rs"]
mod media_cuts;
#[path = "support/media.rs"]
mod media_support;

use bytes::Bytes;
use headgate::media::{MediaError, Sample, write_fragment};
use media_cuts::{error_of, find, head, plain, said};
use media_support::{VIDEO_H264, fragments_of};
use mp4_atom::{Encode, Moof, Tfdt, Tfhd, Traf, Trex, Trun, TrunEntry, TrunSamples};

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
    moof.encode(&mut stream).expect("encodable");
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
    moof.encode(&mut encoded).expect("encodable");
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
