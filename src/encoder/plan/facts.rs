//! What is known about a source before it is encoded.

use std::fmt;
use std::time::Duration;

use crate::config::{SourceKind, SourceSpec};

/// What a source is made of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SourceFacts {
    /// The container, in ffmpeg's words (`mpegts`, `mov,mp4,m4a,3gp,3g2,mj2`).
    pub container: String,
    /// The pictures; `None` if there are none.
    pub video: Option<VideoFacts>,
    /// The first sound; `None` if there is none.
    pub audio: Option<AudioFacts>,
    /// How long it is; `None` for what is live.
    pub duration: Option<Duration>,
    /// Of everything together, bits a second, if the source says so.
    pub bitrate: Option<u64>,
}

/// The pictures of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoFacts {
    /// Which of the source's video streams, from 0.
    pub position: u32,
    /// In ffmpeg's words (`h264`).
    pub codec: String,
    /// Stored pixels a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Display width over display height, when the pixels are not square.
    pub display_aspect: Option<(u32, u32)>,
    /// Pictures a second, if it is constant enough to be known.
    pub frame_rate: Option<FrameRate>,
    /// Half pictures, to be woven before they are scaled.
    pub interlaced: bool,
    /// Bits a second, if the source says so.
    pub bitrate: Option<u64>,
}

/// The sound of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct AudioFacts {
    /// Which of the source's audio streams, from 0.
    pub position: u32,
    /// In ffmpeg's words (`aac`).
    pub codec: String,
    /// Samples a second.
    pub sample_rate: u32,
    /// In ffmpeg's words (`stereo`, `5.1`).
    pub channels: String,
}

/// Pictures a second, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRate {
    /// Pictures in `denominator` seconds; never zero.
    pub numerator: u32,
    /// Never zero.
    pub denominator: u32,
}

/// The size of what ffmpeg makes itself.
pub(super) const CARD_SIZE: (u32, u32) = (1280, 720);

// === impl SourceFacts ===

impl SourceFacts {
    /// The facts of a source that ffmpeg makes itself; `None` for one that must be probed.
    pub fn known(source: &SourceSpec) -> Option<Self> {
        match source.kind {
            SourceKind::TestCard | SourceKind::Slate { .. } => Some(Self::card()),
            SourceKind::File { .. } | SourceKind::Live { .. } => None,
        }
    }

    /// Which of the source's video streams is used.
    pub(super) fn position(&self) -> u32 {
        self.video.as_ref().map_or(0, |video| video.position)
    }

    fn card() -> Self {
        Self {
            container: "lavfi".into(),
            video: Some(VideoFacts {
                position: 0,
                codec: "rawvideo".into(),
                width: CARD_SIZE.0,
                height: CARD_SIZE.1,
                display_aspect: None,
                frame_rate: Some(FrameRate::new(super::card::CARD_RATE, 1)),
                interlaced: false,
                bitrate: None,
            }),
            audio: Some(AudioFacts {
                position: 0,
                codec: "pcm".into(),
                sample_rate: 48_000,
                channels: "stereo".into(),
            }),
            duration: None,
            bitrate: None,
        }
    }
}

// === impl FrameRate ===

impl FrameRate {
    /// What is encoded when the source does not say its rate.
    pub const DEFAULT: Self = Self::new(30, 1);

    /// The highest rate that is encoded.
    pub const MAX: Self = Self::new(60, 1);

    /// `numerator / denominator` pictures a second.
    ///
    /// # Panics
    /// If one of them is zero.
    pub const fn new(numerator: u32, denominator: u32) -> Self {
        assert!(
            numerator > 0 && denominator > 0,
            "a frame rate should be a positive number"
        );
        Self {
            numerator,
            denominator,
        }
    }

    /// The rate that a rounded decimal stands for (29.97 is 30000/1001); `None` if it is none that a camera has.
    pub fn from_decimal(rate: f64) -> Option<Self> {
        if !(1.0..=480.0).contains(&rate) {
            return None;
        }
        let whole = rate.round();
        if (rate - whole).abs() < 0.005 {
            return Some(Self::new(whole as u32, 1));
        }
        let of_ntsc = (rate * 1001.0 / 1000.0).round();
        if (rate - of_ntsc * 1000.0 / 1001.0).abs() < 0.006 {
            return Some(Self::new(of_ntsc as u32 * 1000, 1001));
        }
        Some(Self::new((rate * 100.0).round() as u32, 100))
    }

    /// In pictures a second.
    pub fn as_f64(self) -> f64 {
        f64::from(self.numerator) / f64::from(self.denominator)
    }

    /// This rate, or the highest that is encoded: half, a third … of it, so that pictures are dropped evenly.
    pub fn limited(self) -> Self {
        let parts = (self.as_f64() / Self::MAX.as_f64()).ceil().max(1.0) as u32;
        Self::new(self.numerator, self.denominator.saturating_mul(parts))
    }
}

impl fmt::Display for FrameRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.denominator {
            1 => write!(f, "{}", self.numerator),
            denominator => write!(f, "{}/{denominator}", self.numerator),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_stand_for_the_rates_of_cameras() {
        let cases = [
            (25.0, (25, 1)),
            (29.97, (30_000, 1001)),
            (23.98, (24_000, 1001)),
            (59.94, (60_000, 1001)),
            (12.5, (1250, 100)),
            (14.99, (15_000, 1001)),
        ];
        for (decimal, (numerator, denominator)) in cases {
            let expected = FrameRate::new(numerator, denominator);
            assert_eq!(
                FrameRate::from_decimal(decimal),
                Some(expected),
                "{decimal}"
            );
        }
        assert_eq!(FrameRate::from_decimal(90_000.0), None);
        assert_eq!(FrameRate::from_decimal(0.0), None);
        assert_eq!(FrameRate::from_decimal(f64::NAN), None);
    }

    #[test]
    fn high_rates_are_divided_evenly() {
        assert_eq!(FrameRate::new(60, 1).limited(), FrameRate::new(60, 1));
        assert_eq!(FrameRate::new(120, 1).limited(), FrameRate::new(120, 2));
        assert_eq!(FrameRate::new(144, 1).limited(), FrameRate::new(144, 3));
    }
}
