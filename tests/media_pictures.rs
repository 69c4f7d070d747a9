//! Copied pictures that are not what their track says.

#[path = "support/media.rs"]
mod media_support;

use bytes::Bytes;
use headgate::media::{Fragment, MediaError, PictureCheck, Sample};
use media_support::{VIDEO_BFRAMES_COPY, VIDEO_H264, VIDEO_HEVC, fragments_of, init_of};
use proptest::prelude::*;

/// A fragment of one sample that is made of these units.
fn sample(units: &[&[u8]]) -> Fragment {
    let mut data = Vec::new();
    for unit in units {
        data.extend_from_slice(
            &u32::try_from(unit.len())
                .expect("a short unit")
                .to_be_bytes(),
        );
        data.extend_from_slice(unit);
    }
    Fragment {
        base_decode_time: 0,
        samples: vec![Sample {
            duration: 512,
            size: u32::try_from(data.len()).expect("a short sample"),
            composition_offset: 0,
            is_sync: true,
        }],
        data: Bytes::from(data),
    }
}

fn check(codec: &str) -> PictureCheck {
    PictureCheck::new(codec).expect("a codec of NAL units")
}

#[test]
fn every_picture_is_one_of_its_own_codec_and_none_of_the_other() {
    let streams = [
        (VIDEO_H264, "hvc1"),
        (VIDEO_BFRAMES_COPY, "hvc1"),
        (VIDEO_HEVC, "avc1"),
    ];
    for (stream, other) in streams {
        let codec = init_of(stream).codec;
        let mut own = check(&codec);
        let fragments = fragments_of(stream);
        for fragment in &fragments {
            assert_eq!(own.look(fragment), Ok(()), "{codec}");
        }
        let mut strange = check(other);
        let looked = fragments
            .iter()
            .cycle()
            .take(4)
            .try_for_each(|fragment| strange.look(fragment));
        assert!(
            matches!(looked, Err(MediaError::OtherCodec { .. })),
            "{codec} as {other}"
        );
    }
    assert!(PictureCheck::new("av01.0.04M.08").is_none());
    assert!(PictureCheck::new("mp4a.40.2").is_none());
    assert!(PictureCheck::new("é").is_none());
}

#[test]
fn mpeg_2_in_a_track_of_h_264_is_none() {
    // As ffmpeg's muxer cuts it at start codes: sequence header, picture header, its extension, slices. The last ones
    // look like slices of H.264.
    let key: &[&[u8]] = &[
        &[0xb3, 0x14, 0x00],
        &[0xb5, 0x14],
        &[0x00, 0x00, 0x0f],
        &[0xb5, 0x8f],
        &[0x01, 0x13],
        &[0x21, 0x13],
    ];
    let other: &[&[u8]] = &[
        &[0x00, 0x00, 0x57],
        &[0xb5, 0x85],
        &[0x01, 0x13],
        &[0x05, 0x13],
    ];
    let mut check = check("avc1.64001f");
    assert_eq!(check.look(&sample(key)), Ok(()), "it may be an accident");
    assert_eq!(check.look(&sample(other)), Ok(()));
    let error = check.look(&sample(other)).expect_err("three in a row");
    assert!(error.to_string().contains("not H.264 any more"), "{error}");
}

#[test]
fn another_size_needs_another_initialization_section() {
    let (slice, first, second): (&[u8], &[u8], &[u8]) = (&[0x65, 0x88], &[0x67, 1], &[0x67, 2]);
    let mut check = check("avc1.64001f");
    for _ in 0..2 {
        assert_eq!(check.look(&sample(&[first, slice])), Ok(()));
        assert_eq!(check.look(&sample(&[slice])), Ok(()));
    }
    let changed = check.look(&sample(&[second, slice]));
    assert_eq!(changed, Err(MediaError::OtherFormat));
}

#[test]
fn a_picture_in_between_says_that_it_was_an_accident() {
    let (slice, parameters): (&[u8], &[u8]) = (&[0x65, 0x88], &[0x67, 0x64]);
    let mut check = check("avc1.64001f");
    for _ in 0..100 {
        assert_eq!(check.look(&sample(&[parameters])), Ok(()));
        assert_eq!(check.look(&sample(&[])), Ok(()));
        assert_eq!(check.look(&sample(&[parameters, slice])), Ok(()));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_harmless(bytes in proptest::collection::vec(any::<u8>(), 0..300), size in any::<u32>()) {
        let mut fragment = sample(&[]);
        fragment.data = Bytes::from(bytes);
        fragment.samples[0].size = size;
        for codec in ["avc1", "hvc1"] {
            let _ = check(codec).look(&fragment);
        }
    }
}
