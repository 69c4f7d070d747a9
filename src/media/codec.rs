//! Codec strings: how a decoder configuration is named in CODECS (RFC 6381 §3.3 and the codecs' own documents).

use mp4_atom::{Av1c, Avcc, Colr, Ec3IndependentSubstream, Esds, Hvcc, VpcC};

use super::error::BoxType;

/// ISO/IEC 14496-1: the object type of MPEG-4 audio.
const MPEG4_AUDIO: u8 = 0x40;

/// H.264: profile, constraints and level as three bytes (RFC 6381 §3.3).
pub(super) fn avc(name: BoxType, config: &Avcc) -> String {
    format!(
        "{name}.{:02x}{:02x}{:02x}",
        config.avc_profile_indication, config.profile_compatibility, config.avc_level_indication
    )
}

/// HEVC: ISO/IEC 14496-15 Annex E.3.
pub(super) fn hevc(name: BoxType, config: &Hvcc) -> String {
    let space = ["", "A", "B", "C"][usize::from(config.general_profile_space & 3)];
    // The flags are written as a number whose lowest bit is the first flag.
    let compatibility =
        u32::from_be_bytes(config.general_profile_compatibility_flags).reverse_bits();
    let tier = if config.general_tier_flag { 'H' } else { 'L' };
    let mut codec = format!(
        "{name}.{space}{}.{compatibility:X}.{tier}{}",
        config.general_profile_idc, config.general_level_idc
    );
    let constraints = &config.general_constraint_indicator_flags;
    let used = constraints
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    for byte in &constraints[..used] {
        codec.push_str(&format!(".{byte:X}"));
    }
    codec
}

/// AV1: "AV1 Codec ISO Media File Format Binding" §5. The optional fields are left out when all have their defaults.
pub(super) fn av1(config: &Av1c, colr: Option<&Colr>) -> String {
    let tier = if config.seq_tier_0 { 'H' } else { 'M' };
    let bit_depth = match (config.high_bitdepth, config.twelve_bit) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    let mandatory = format!(
        "av01.{}.{:02}{tier}.{bit_depth:02}",
        config.seq_profile, config.seq_level_idx_0
    );
    let (x, y) = (config.chroma_subsampling_x, config.chroma_subsampling_y);
    let position = if x && y {
        config.chroma_sample_position
    } else {
        0
    };
    let (primaries, transfer, matrix, full_range) = match colr {
        Some(Colr::Nclx {
            colour_primaries,
            transfer_characteristics,
            matrix_coefficients,
            full_range_flag,
        }) => (
            *colour_primaries,
            *transfer_characteristics,
            *matrix_coefficients,
            *full_range_flag,
        ),
        _ => (1, 1, 1, false),
    };
    let optional = format!(
        ".{}.{}{}{position}.{primaries:02}.{transfer:02}.{matrix:02}.{}",
        u8::from(config.monochrome),
        u8::from(x),
        u8::from(y),
        u8::from(full_range)
    );
    match optional.as_str() {
        ".0.110.01.01.01.0" => mandatory,
        _ => mandatory + &optional,
    }
}

/// VP9: "VP Codec ISO Media File Format Binding", "Codecs Parameter String". As with AV1, all optional fields or none.
pub(super) fn vp9(config: &VpcC) -> String {
    let mandatory = format!(
        "vp09.{:02}.{:02}.{:02}",
        config.profile, config.level, config.bit_depth
    );
    let optional = format!(
        ".{:02}.{:02}.{:02}.{:02}.{:02}",
        config.chroma_subsampling,
        config.color_primaries,
        config.transfer_characteristics,
        config.matrix_coefficients,
        u8::from(config.video_full_range_flag)
    );
    match optional.as_str() {
        ".01.01.01.01.00" => mandatory,
        _ => mandatory + &optional,
    }
}

/// What an AudioSpecificConfig says (ISO/IEC 14496-3 §1.6.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AacConfig {
    pub(super) object_type: u8,
    /// Of the core coder, in Hz; `None` where it is given explicitly or reserved.
    pub(super) sample_rate: Option<u32>,
    /// `None` where the stream itself says it.
    pub(super) channels: Option<u16>,
}

// === impl AacConfig ===

impl AacConfig {
    /// `None` when the track is not MPEG-4 audio or says nothing.
    pub(super) fn of(esds: &Esds) -> Option<Self> {
        const RATES: [u32; 13] = [
            96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
            8_000, 7_350,
        ];
        let decoder = &esds.es_desc.dec_config;
        if decoder.object_type_indication != MPEG4_AUDIO {
            return None;
        }
        let config = decoder.dec_specific.as_ref()?;
        if config.profile == 0 {
            return None;
        }
        Some(Self {
            object_type: config.profile,
            sample_rate: RATES.get(usize::from(config.freq_index)).copied(),
            channels: match config.chan_conf {
                count @ 1..=6 => Some(u16::from(count)),
                7 | 12 | 14 => Some(8),
                11 => Some(7),
                13 => Some(24),
                _ => None,
            },
        })
    }
}

/// MPEG audio: the object type, and for MPEG-4 audio the audio object type. `None` when that one is not known.
pub(super) fn mp4a(esds: &Esds, config: Option<&AacConfig>) -> Option<String> {
    match esds.es_desc.dec_config.object_type_indication {
        MPEG4_AUDIO => config.map(|config| format!("mp4a.40.{}", config.object_type)),
        other => Some(format!("mp4a.{other:02X}")),
    }
}

/// Channels of an audio coding mode (ETSI TS 102 366 table 4.3), with the low frequency one.
pub(super) fn ac3_channels(acmod: u8, lfeon: bool) -> u16 {
    let full = [2, 1, 2, 3, 3, 4, 4, 5][usize::from(acmod & 7)];
    full + u16::from(lfeon)
}

/// As [`ac3_channels`], with those that the dependent substreams add (ETSI TS 102 366 table F.6.1).
pub(super) fn ec3_channels(main: &Ec3IndependentSubstream) -> u16 {
    // Bits of chan_loc that stand for two loudspeakers: Lc/Rc, Lrs/Rrs, Lsd/Rsd, Lw/Rw and Lvh/Rvh.
    const PAIRS: u16 = 0b0_0111_0011;
    let added = main.chan_loc.map_or(0, |places| {
        places.count_ones() + (places & PAIRS).count_ones()
    });
    ac3_channels(main.acmod, main.lfeon) + added as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn av1c() -> Av1c {
        Av1c {
            seq_level_idx_0: 4,
            chroma_subsampling_x: true,
            chroma_subsampling_y: true,
            ..Av1c::default()
        }
    }

    #[test]
    fn avc_is_three_bytes() {
        let config = Avcc {
            avc_profile_indication: 0x4d,
            profile_compatibility: 0x40,
            avc_level_indication: 0x0a,
            ..Avcc::default()
        };
        assert_eq!(avc(BoxType(*b"avc3"), &config), "avc3.4d400a");
    }

    /// The two examples of ISO/IEC 14496-15 Annex E.3.
    #[test]
    fn hevc_as_in_annex_e() {
        let mut config = Hvcc {
            general_profile_idc: 1,
            general_profile_compatibility_flags: [0x60, 0, 0, 0],
            general_constraint_indicator_flags: [0xB0, 0, 0, 0, 0, 0],
            general_level_idc: 93,
            ..Hvcc::default()
        };
        assert_eq!(hevc(BoxType(*b"hev1"), &config), "hev1.1.6.L93.B0");
        config.general_profile_space = 1;
        config.general_profile_idc = 4;
        config.general_profile_compatibility_flags = [0x08, 0, 0, 0];
        config.general_tier_flag = true;
        config.general_level_idc = 120;
        config.general_constraint_indicator_flags = [0xB0, 0x23, 0, 0x01, 0, 0];
        assert_eq!(
            hevc(BoxType(*b"hev1"), &config),
            "hev1.A4.10.H120.B0.23.0.1"
        );
    }

    #[test]
    fn hevc_without_constraints_ends_with_the_level() {
        let config = Hvcc {
            general_profile_idc: 1,
            general_profile_compatibility_flags: [0x60, 0, 0, 0],
            general_level_idc: 30,
            ..Hvcc::default()
        };
        assert_eq!(hevc(BoxType(*b"hvc1"), &config), "hvc1.1.6.L30");
    }

    /// The examples of the AV1 binding, §5.
    #[test]
    fn av1_short_and_long() {
        assert_eq!(av1(&av1c(), None), "av01.0.04M.08");
        let ten_bits = Av1c {
            high_bitdepth: true,
            seq_tier_0: true,
            ..av1c()
        };
        let hdr = Colr::Nclx {
            colour_primaries: 9,
            transfer_characteristics: 16,
            matrix_coefficients: 9,
            full_range_flag: false,
        };
        assert_eq!(av1(&ten_bits, Some(&hdr)), "av01.0.04H.10.0.110.09.16.09.0");
        let twelve_bits = Av1c {
            seq_profile: 2,
            high_bitdepth: true,
            twelve_bit: true,
            monochrome: true,
            ..av1c()
        };
        assert_eq!(av1(&twelve_bits, None), "av01.2.04M.12.1.110.01.01.01.0");
    }

    #[test]
    fn vp9_short_and_long() {
        let mut config = VpcC {
            level: 10,
            chroma_subsampling: 1,
            ..VpcC::default()
        };
        assert_eq!(vp9(&config), "vp09.00.10.08");
        config.profile = 2;
        config.bit_depth = 10;
        config.color_primaries = 9;
        config.transfer_characteristics = 16;
        config.matrix_coefficients = 9;
        config.video_full_range_flag = true;
        assert_eq!(vp9(&config), "vp09.02.10.10.01.09.16.09.01");
    }

    fn esds(object_type_indication: u8, audio_specific_config: (u8, u8, u8)) -> Esds {
        let (profile, freq_index, chan_conf) = audio_specific_config;
        let mut esds = Esds::default();
        esds.es_desc.dec_config.object_type_indication = object_type_indication;
        esds.es_desc.dec_config.dec_specific = Some(mp4_atom::esds::DecoderSpecific {
            profile,
            freq_index,
            chan_conf,
            raw: Vec::new(),
        });
        esds
    }

    #[test]
    fn mpeg_audio_by_object_type() {
        for (esds, codec) in [
            (esds(0x40, (2, 3, 2)), Some("mp4a.40.2")),
            (esds(0x40, (5, 6, 2)), Some("mp4a.40.5")),
            (esds(0x40, (29, 6, 1)), Some("mp4a.40.29")),
            (esds(0x40, (0, 0, 0)), None),
            (esds(0x6B, (0, 0, 0)), Some("mp4a.6B")),
        ] {
            let config = AacConfig::of(&esds);
            assert_eq!(mp4a(&esds, config.as_ref()).as_deref(), codec);
        }
    }

    #[test]
    fn audio_specific_config_gives_rate_and_channels() {
        let of = |config| AacConfig::of(&esds(0x40, config)).unwrap();
        assert_eq!(of((2, 0, 6)).sample_rate, Some(96_000));
        assert_eq!(of((2, 0, 6)).channels, Some(6));
        assert_eq!(of((2, 4, 7)).channels, Some(8));
        // An explicit rate, and channels that the stream itself describes.
        assert_eq!(of((2, 15, 0)).sample_rate, None);
        assert_eq!(of((2, 15, 0)).channels, None);
    }

    #[test]
    fn dolby_channels() {
        assert_eq!(ac3_channels(7, true), 6);
        assert_eq!(ac3_channels(1, false), 1);
        let mut main = Ec3IndependentSubstream {
            fscod: 0,
            bsid: 16,
            asvc: false,
            bsmod: 0,
            acmod: 7,
            lfeon: true,
            num_dep_sub: 0,
            chan_loc: None,
        };
        assert_eq!(ec3_channels(&main), 6);
        main.num_dep_sub = 1;
        main.chan_loc = Some(0b10);
        assert_eq!(ec3_channels(&main), 8, "7.1 is 5.1 and the rear pair");
    }
}
