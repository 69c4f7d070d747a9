//! Asks ffmpeg what a source is, by opening it as the encoder would and reading what it says.
//!
//! `ffprobe` is not always there; `ffmpeg -i` without an output prints the same facts and fails.

mod facts;
mod failure;

use std::fmt::Write;
use std::time::Duration;

#[cfg(any(test, fuzzing))]
pub(super) use facts::read as facts_of;
pub use failure::ProbeError;

use super::finish::Finished;
use super::plan::{Capabilities, SourceFacts, access, input, ladder};
use super::process::Launcher;
use crate::cage::Access;
use crate::config::{LadderSpec, RungVideo, SourceSpec};

/// What a source is.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeReport {
    /// What it is made of.
    pub facts: SourceFacts,
    /// It names sound, and ended before there was any: the facts have none.
    pub hides_its_sound: bool,
    /// How long it took to know; zero for what ffmpeg makes itself.
    pub took: Duration,
}

/// Opens a source and says what it is. What ffmpeg makes itself is known without asking.
///
/// # Errors
/// [`ProbeError`] when it cannot be opened by the deadline, or has no pictures.
pub async fn probe(
    launcher: &Launcher,
    source: &SourceSpec,
    capabilities: &Capabilities,
    deadline: Duration,
) -> Result<ProbeReport, ProbeError> {
    if let Some(facts) = SourceFacts::known(source) {
        let took = Duration::ZERO;
        return Ok(ProbeReport {
            facts,
            hides_its_sound: false,
            took,
        });
    }
    let words = input::arguments(source, capabilities);
    let reach = access(&source.kind);
    let mut finished = ask(launcher, &reach, words, deadline).await?;
    let mut took = finished.took;
    let left = deadline.saturating_sub(took);
    // Who joins a live stream between two key frames does not see at once how large its pictures are.
    let hidden = facts::hides_its_pictures(&finished.lines);
    if hidden && !left.is_zero() {
        let words = input::patient(source, capabilities);
        finished = ask(launcher, &reach, words, left).await?;
        took += finished.took;
    }
    let label = source.label();
    let facts = facts::read(&finished.lines);
    match facts.video {
        Some(_) => Ok(ProbeReport {
            hides_its_sound: facts::hides_its_sound(&finished.lines),
            facts,
            took,
        }),
        None if hidden => Err(ProbeError::NoKeyFrame {
            source_label: label,
            after: took,
        }),
        None if facts.container.is_empty() => Err(failure::explain(label, &finished)),
        None => Err(ProbeError::NoVideo {
            source_label: label,
        }),
    }
}

/// Lets ffmpeg open the source and say what it sees.
async fn ask(
    launcher: &Launcher,
    reach: &Access,
    input: Vec<String>,
    deadline: Duration,
) -> Result<Finished, ProbeError> {
    let mut words: Vec<String> = ["-nostdin", "-hide_banner"].map(str::to_owned).into();
    words.extend(input);
    Ok(launcher.run_with(reach, &words, deadline).await?)
}

/// For `headgate probe`: what the source is, how long it took, and the ladder that would be chosen.
pub fn describe(source: &SourceSpec, report: &ProbeReport) -> String {
    let mut text = format!("{}\n", source.label());
    let facts = &report.facts;
    line(&mut text, "container", &facts.container);
    if let Some(video) = &facts.video {
        let rate = video.frame_rate.map_or("unknown rate".into(), |rate| {
            format!("{:.2} frames/s", rate.as_f64())
        });
        let scan = if video.interlaced { ", interlaced" } else { "" };
        let shown = format!(
            "{}, {}x{}, {rate}{scan}",
            video.codec, video.width, video.height
        );
        line(&mut text, "video", &shown);
    }
    let sound = facts.audio.as_ref().map_or("none".into(), |audio| {
        format!(
            "{}, {} Hz, {}",
            audio.codec, audio.sample_rate, audio.channels
        )
    });
    line(&mut text, "audio", &sound);
    let duration = facts.duration.map_or("live".into(), |duration| {
        format!("{:.2} s, looped", duration.as_secs_f64())
    });
    line(&mut text, "duration", &duration);
    line(
        &mut text,
        "took",
        &format!("{} ms", report.took.as_millis()),
    );
    line(&mut text, "ladder", &ladder_text(facts));
    text
}

fn ladder_text(facts: &SourceFacts) -> String {
    let rungs = match ladder::rungs(&LadderSpec::Auto, facts) {
        Ok(rungs) => rungs,
        Err(error) => return error.to_string(),
    };
    let texts: Vec<String> = rungs
        .iter()
        .map(|rung| match rung.video {
            RungVideo::Encode { bitrate, .. } => format!("{} {}k", rung.name, bitrate / 1000),
            RungVideo::Copy => format!("{} copied", rung.name),
        })
        .collect();
    texts.join(", ")
}

fn line(text: &mut String, name: &str, value: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  {name:<10} {value}");
}
