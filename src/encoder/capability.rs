//! Asks an ffmpeg what it can do: its lists, and a real encode through the very flags that plans use.
//!
//! Version strings decide nothing: distributions patch old versions with later options, and builds differ.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::detect::{DetectorParser, Symptom};
use super::finish::Finished;
use super::plan::{Capabilities, EncoderPlan, TextSupport, detectors};
use super::process::{EncoderEvent, Launcher, SpawnError};

/// By when an answer must come; a healthy ffmpeg needs a tenth of a second, on a busy machine ten times that.
const DEADLINE: Duration = Duration::from_secs(15);

/// Where fonts are for an ffmpeg that does not find one by itself.
const FONTS: [&str; 5] = [
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
    "/usr/share/fonts/TTF/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf",
    "/System/Library/Fonts/Helvetica.ttc",
];

/// Why an ffmpeg cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CapabilityError {
    /// It did not start.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// It is something else, or broken.
    #[error("{} does not answer like ffmpeg: {said}", program.display())]
    NotFfmpeg {
        /// The program.
        program: PathBuf,
        /// Its last words.
        said: String,
    },
    /// It cannot encode H.264 and AAC into fragmented MP4.
    #[error("{} cannot encode H.264 and AAC into fragmented MP4: {said}", program.display())]
    CannotEncode {
        /// The program.
        program: PathBuf,
        /// Its last words.
        said: String,
    },
}

// === impl Capabilities ===

impl Capabilities {
    /// Asks the launcher's ffmpeg. Takes about half a second: keep the answer as long as the file is the same.
    ///
    /// # Errors
    /// [`CapabilityError`] when it cannot be used at all.
    pub async fn probe(launcher: &Launcher) -> Result<Self, CapabilityError> {
        let (version, options, filters, protocols) = tokio::try_join!(
            ask(launcher, &["-version"]),
            ask(launcher, &["-hide_banner", "-h", "full"]),
            ask(launcher, &["-hide_banner", "-filters"]),
            ask(launcher, &["-hide_banner", "-protocols"]),
        )?;
        let filters = filters_in(&filters);
        let (text, detectors) =
            tokio::try_join!(probe_text(launcher, &filters), probe_detectors(launcher))?;
        let capabilities = Self {
            version: version.lines().next().unwrap_or_default().to_owned(),
            text,
            options: options_in(&options),
            protocols: protocols_in(&protocols),
            filters,
            detectors,
        };
        capabilities.smoke(launcher).await?;
        Ok(capabilities)
    }

    /// Encodes 200 ms for real.
    async fn smoke(&self, launcher: &Launcher) -> Result<(), CapabilityError> {
        let plan = EncoderPlan::smoke(self);
        let mut encoder = launcher.spawn(&plan).await?;
        let mut delivered = BTreeSet::new();
        let mut said = "it did not end in time".to_owned();
        let watch = async {
            while let Some(event) = encoder.events.recv().await {
                match event {
                    EncoderEvent::Fragment(rendition, _) => drop(delivered.insert(rendition)),
                    EncoderEvent::Exited(exit) => {
                        said = last_words(&exit.last_lines);
                        return exit.status.success();
                    }
                    _ => {}
                }
            }
            false
        };
        let succeeded = tokio::time::timeout(DEADLINE, watch).await.unwrap_or(false);
        if succeeded && delivered.len() == plan.renditions.len() {
            return Ok(());
        }
        let program = launcher.ffmpeg().to_owned();
        Err(CapabilityError::CannotEncode { program, said })
    }
}

/// What ffmpeg writes to its standard output.
async fn ask(launcher: &Launcher, arguments: &[&str]) -> Result<String, CapabilityError> {
    let finished = run(launcher, arguments).await?;
    let text = String::from_utf8_lossy(&finished.stdout).into_owned();
    if finished.status.is_some_and(|status| status.success()) && !text.is_empty() {
        return Ok(text);
    }
    Err(CapabilityError::NotFfmpeg {
        program: launcher.ffmpeg().to_owned(),
        said: last_words(&finished.lines),
    })
}

async fn run(launcher: &Launcher, arguments: &[&str]) -> Result<Finished, SpawnError> {
    let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    launcher.run(&arguments, DEADLINE).await
}

/// Writes a text into a picture for real: having the filter does not mean having a font.
async fn probe_text(
    launcher: &Launcher,
    filters: &BTreeSet<String>,
) -> Result<TextSupport, SpawnError> {
    if !filters.contains("drawtext") {
        return Ok(TextSupport::None);
    }
    if draws(launcher, "drawtext=text=0").await? {
        return Ok(TextSupport::System);
    }
    for font in FONTS {
        if draws(launcher, &format!("drawtext=fontfile={font}:text=0")).await? {
            return Ok(TextSupport::Font(font.into()));
        }
    }
    Ok(TextSupport::None)
}

/// Lets each detector find something for real: older ones say what they found when it is over, or not at all.
async fn probe_detectors(launcher: &Launcher) -> Result<bool, SpawnError> {
    let [video, audio] = detectors::trial();
    let words = ["-nostdin", "-hide_banner", "-loglevel", "error"];
    let graphs = ["-filter_complex", &video, "-filter_complex", &audio];
    let words = words.into_iter().chain(graphs);
    let words = words.chain(["-map", "[v]", "-map", "[a]", "-f", "null", "-"]);
    let finished = run(launcher, &words.collect::<Vec<_>>()).await?;
    let mut parser = DetectorParser::default();
    parser.push(&finished.stdout);
    Ok(Symptom::ALL.into_iter().all(|symptom| parser.sees(symptom)))
}

async fn draws(launcher: &Launcher, filter: &str) -> Result<bool, SpawnError> {
    let graph = format!("color=size=64x64:rate=25:duration=0.04,{filter}[v]");
    let words = ["-nostdin", "-hide_banner", "-loglevel", "error"];
    let words = words.into_iter().chain(["-filter_complex", &graph]);
    let words = words.chain(["-map", "[v]", "-f", "null", "-"]);
    let finished = run(launcher, &words.collect::<Vec<_>>()).await?;
    Ok(finished.status.is_some_and(|status| status.success()))
}

/// `-h full`: an option is the first word of its line and begins with a dash.
fn options_in(help: &str) -> BTreeSet<String> {
    let words = help
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let names: BTreeSet<&str> = words.filter_map(|word| word.strip_prefix('-')).collect();
    let known = Capabilities::OPTIONS.into_iter();
    known
        .filter(|option| names.contains(option))
        .map(str::to_owned)
        .collect()
}

/// `-filters`: flags, name, inputs and outputs (` T.C drawtext  V->V  Draw text …`).
fn filters_in(list: &str) -> BTreeSet<String> {
    let rows = list
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.len() >= 3 && row[2].contains("->"))
        .map(|row| row[1].to_owned())
        .collect()
}

/// `-protocols`: one a line after `Input:`, up to `Output:`.
fn protocols_in(list: &str) -> BTreeSet<String> {
    let lines = list.lines().map(str::trim);
    lines
        .skip_while(|line| *line != "Input:")
        .skip(1)
        .take_while(|line| *line != "Output:")
        .map(str::to_owned)
        .collect()
}

fn last_words(lines: &[String]) -> String {
    match lines.last() {
        Some(line) => line.clone(),
        None => "it said nothing".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let filters = "Filters:\n  T.. = Timeline support\n ... abench            A->A       Benchmark.\n T.C drawtext          V->V       Draw text\n";
        assert_eq!(
            filters_in(filters).into_iter().collect::<Vec<_>>(),
            ["abench", "drawtext"]
        );
        let protocols = "Supported file protocols:\nInput:\n  file\n  srt\nOutput:\n  rtmp\n";
        assert_eq!(
            protocols_in(protocols).into_iter().collect::<Vec<_>>(),
            ["file", "srt"]
        );
        let help = "-stats_period time  set\n  -rw_timeout  <int64>  ED.. Timeout\n -rw -nothing\n";
        assert_eq!(
            options_in(help).into_iter().collect::<Vec<_>>(),
            ["rw_timeout", "stats_period"]
        );
    }
}
