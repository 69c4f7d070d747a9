//! Which rungs a channel gets from what its source is.

use super::facts::VideoFacts;
use super::{PlanError, SourceFacts};
use crate::base::RenditionName;
use crate::config::{LadderSpec, Rung, RungVideo};

/// Lines and bits a second of the rungs that are chosen from, best first.
const AUTO: [(u32, u64); 4] = [
    (1080, 4_500_000),
    (720, 2_500_000),
    (480, 1_200_000),
    (360, 700_000),
];

/// How many rungs the automatic ladder has at most: each costs an encode.
const AUTO_RUNGS: usize = 3;

/// The rungs of a channel with a source, best first, none above the source.
///
/// # Errors
/// [`PlanError::NoVideo`] if the source has no pictures.
pub fn rungs(ladder: &LadderSpec, facts: &SourceFacts) -> Result<Vec<Rung>, PlanError> {
    let video = facts.video.as_ref().ok_or(PlanError::NoVideo)?;
    match ladder {
        LadderSpec::Auto => auto(video),
        LadderSpec::Rungs(rungs) => Ok(rungs.iter().map(|rung| limit(rung, video)).collect()),
    }
}

/// A rung as an encoder makes it that has nothing to copy.
pub(super) fn encoded(mut rung: Rung, like: &SourceFacts) -> Rung {
    if rung.video == RungVideo::Copy {
        let height = like.video.as_ref().map_or(720, |video| even(video.height));
        let known = AUTO.iter().find(|(lines, _)| *lines <= height);
        let (_, bitrate) = *known.unwrap_or(&AUTO[AUTO.len() - 1]);
        rung.video = RungVideo::Encode { height, bitrate };
    }
    rung
}

fn auto(video: &VideoFacts) -> Result<Vec<Rung>, PlanError> {
    let fitting = AUTO.iter().filter(|(height, _)| *height <= video.height);
    let mut rungs = fitting.take(AUTO_RUNGS).map(|&(h, b)| rung(h, b));
    let rungs: Vec<Rung> = rungs.by_ref().collect::<Result<_, _>>()?;
    if rungs.is_empty() {
        let (_, lowest) = AUTO[AUTO.len() - 1];
        return Ok(vec![rung(even(video.height), lowest)?]);
    }
    Ok(rungs)
}

fn rung(height: u32, bitrate: u64) -> Result<Rung, PlanError> {
    let name = format!("{height}p");
    Ok(Rung {
        name: RenditionName::new(&name).map_err(|_| PlanError::Name(name))?,
        video: RungVideo::Encode { height, bitrate },
    })
}

/// A written rung as it stands, but never larger than the source: pixels that are not there cost bits for nothing.
fn limit(rung: &Rung, video: &VideoFacts) -> Rung {
    let mut rung = rung.clone();
    if let RungVideo::Encode { height, .. } = &mut rung.video {
        *height = (*height).min(even(video.height));
    }
    rung
}

/// 4:2:0 has one colour sample for two lines.
fn even(height: u32) -> u32 {
    (height & !1).max(2)
}

#[cfg(test)]
mod tests {
    use super::super::facts::FrameRate;
    use super::*;

    fn source(height: u32) -> SourceFacts {
        SourceFacts {
            video: Some(VideoFacts {
                position: 0,
                codec: "h264".into(),
                width: height * 16 / 9,
                height,
                display_aspect: None,
                frame_rate: Some(FrameRate::DEFAULT),
                interlaced: false,
                bitrate: None,
            }),
            ..SourceFacts::default()
        }
    }

    fn heights(ladder: &LadderSpec, height: u32) -> Vec<u32> {
        let rungs = rungs(ladder, &source(height)).unwrap();
        rungs
            .iter()
            .map(|rung| match rung.video {
                RungVideo::Encode { height, .. } => height,
                RungVideo::Copy => 0,
            })
            .collect()
    }

    #[test]
    fn the_automatic_ladder_has_three_rungs_at_most_and_none_above_the_source() {
        for (source, expected) in [
            (2160, vec![1080, 720, 480]),
            (1080, vec![1080, 720, 480]),
            (720, vec![720, 480, 360]),
            (576, vec![480, 360]),
            (360, vec![360]),
            (241, vec![240]),
            (1, vec![2]),
        ] {
            assert_eq!(heights(&LadderSpec::Auto, source), expected, "{source}");
        }
    }

    #[test]
    fn written_rungs_are_not_scaled_up() {
        let written = LadderSpec::Rungs(vec![
            rung(1080, 1).unwrap(),
            rung(360, 1).unwrap(),
            Rung {
                name: RenditionName::new("source").unwrap(),
                video: RungVideo::Copy,
            },
        ]);
        assert_eq!(heights(&written, 719), [718, 360, 0]);
    }

    #[test]
    fn sound_alone_is_not_a_channel() {
        let nothing = SourceFacts::default();
        assert_eq!(rungs(&LadderSpec::Auto, &nothing), Err(PlanError::NoVideo));
    }
}
