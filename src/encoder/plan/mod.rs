//! The ffmpeg command of a channel, as data. Pure: no process, no clock.
//!
//! One process decodes once and writes one fragmented-MP4 stream for each rendition to a pipe of its own. Every flag
//! stands beside the bug that it prevents, in the file that writes it.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod capabilities;
mod card;
pub mod detectors;
mod facts;
mod graph;
pub mod input;
pub mod ladder;
mod output;
mod pacing;
mod reach;
mod text;

use std::time::Duration;

pub use capabilities::{Capabilities, TextSupport};
pub use facts::{AudioFacts, FrameRate, SourceFacts, VideoFacts};
pub use reach::access;

use self::graph::Graph;
use self::output::Timing;
use crate::base::{RenditionId, RenditionName};
use crate::cage::access::Access;
use crate::config::{ChannelSpec, Rung, RungVideo, SourceKind, SourceSpec};

/// The name of the sound among the renditions.
pub const AUDIO_NAME: &str = "audio";

/// How long ffmpeg takes from its start to its first picture, more or less.
const START_UP: Duration = Duration::from_millis(300);

/// Everything that is decided before ffmpeg starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderPlan {
    /// After the program's name.
    pub arguments: Vec<Argument>,
    /// The outputs: video rungs first, best first, then audio. `RenditionId(i)` is position `i`.
    pub renditions: Vec<PlannedRendition>,
    /// How far ahead of the clock the source runs when it starts (a paced source that begins with a burst).
    pub lead: Duration,
    /// The source without its credentials, for people.
    pub source_label: String,
    /// What the encoder may reach.
    pub access: Access,
    /// A rung is copied: key frames come when the source has them.
    pub irregular_key_frames: bool,
}

/// One word of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// As it stands.
    Text(String),
    /// The URL of the pipe on which this rendition leaves the encoder.
    Output(RenditionId),
}

/// One output of the encoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedRendition {
    /// In URLs.
    pub name: RenditionName,
    /// Picture or sound.
    pub kind: RenditionKind,
    /// The most that any segment may need, bits a second, container included.
    pub peak_bitrate: u64,
    /// What it should need on average, bits a second, container included.
    pub average_bitrate: u64,
    /// It is what the source sends, and nobody has looked into it.
    pub is_copied: bool,
}

/// What an output carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenditionKind {
    /// A Variant Stream's pictures.
    Video,
    /// The sound of all Variant Streams.
    Audio,
}

/// Why there is no command for a channel and a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The source has no pictures.
    #[error("the source has no video; Headgate does not play sound alone yet")]
    NoVideo,
    /// The ladder has a copied rung and the source is made by ffmpeg itself.
    #[error(
        "rung {0:?} copies the source's video, but this source is made by ffmpeg and must be encoded: give the rung a height and a video_bitrate"
    )]
    NothingToCopy(String),
    /// The ladder has a copied rung of a codec that HLS does not carry in fragmented MP4.
    #[error(
        "rung {rung:?} copies the source's video, but {codec} cannot be played from HLS: give the rung a height and a video_bitrate"
    )]
    CannotCopy {
        /// The rung.
        rung: String,
        /// In ffmpeg's words.
        codec: String,
    },
    /// A rung without lines has no name.
    #[error("{0:?} cannot be the name of a rendition")]
    Name(String),
    /// More renditions than there are numbers for them.
    #[error("the ladder has {0} rungs, which is too many")]
    TooManyRungs(usize),
}

// === impl EncoderPlan ===

impl EncoderPlan {
    /// The command for a channel that plays one of its sources. `behind` is how much media a timeline that goes on
    /// has missed; `None` begins a new one.
    ///
    /// # Errors
    /// [`PlanError`] when the ladder cannot be made from the source.
    pub fn new(
        channel: &ChannelSpec,
        source: &SourceSpec,
        facts: &SourceFacts,
        capabilities: &Capabilities,
        behind: Option<Duration>,
    ) -> Result<Self, PlanError> {
        // What ffmpeg makes itself is what it is, whatever the caller believes.
        let known = SourceFacts::known(source);
        let facts = known.as_ref().unwrap_or(facts);
        let rungs = ladder::rungs(&channel.ladder, facts)?;
        check_copies(&rungs, source, facts)?;
        Self::of(channel, source, facts, capabilities, behind, &rungs)
    }

    /// Whether the picture shows this name of the channel: a card does, where there is something to write with.
    pub fn draws_name(&self, name: &str) -> bool {
        self.arguments.iter().any(|argument| match argument {
            Argument::Text(text) => card::draws_name(text, name),
            Argument::Output(_) => false,
        })
    }

    /// The command for a slate that stands in for a source: the renditions that the source has, so that the timeline
    /// goes on. What is copied of the source is encoded.
    ///
    /// # Errors
    /// [`PlanError`] when the ladder cannot be made.
    pub fn in_place_of(
        channel: &ChannelSpec,
        slate: &SourceSpec,
        like: &SourceFacts,
        capabilities: &Capabilities,
        behind: Option<Duration>,
    ) -> Result<Self, PlanError> {
        let rungs = ladder::rungs(&channel.ladder, like)?;
        let irregular_key_frames = rungs.iter().any(|rung| rung.video == RungVideo::Copy);
        let rungs: Vec<Rung> = rungs
            .into_iter()
            .map(|rung| ladder::encoded(rung, like))
            .collect();
        let mut facts = SourceFacts::known(slate).unwrap_or_else(|| like.clone());
        facts.audio = facts.audio.filter(|_| like.audio.is_some());
        let plan = Self::of(channel, slate, &facts, capabilities, behind, &rungs)?;
        Ok(Self {
            irregular_key_frames,
            ..plan
        })
    }

    fn of(
        channel: &ChannelSpec,
        source: &SourceSpec,
        facts: &SourceFacts,
        capabilities: &Capabilities,
        behind: Option<Duration>,
        rungs: &[Rung],
    ) -> Result<Self, PlanError> {
        let follow_source = rungs.iter().any(|rung| rung.video == RungVideo::Copy);
        let frame_rate = frame_rate(facts);
        let lead = lead(channel, source, follow_source, behind);
        let graph = Graph {
            name: &channel.name,
            source: &source.kind,
            facts,
            capabilities,
            rungs,
            frame_rate,
            lead,
            follow_source,
            lost_when: &channel.lost_when,
        };
        let timing = Timing {
            frame_rate,
            segment: channel.segment_duration,
            first_segment: first_segment(channel, behind),
            follow_source,
            position: facts.position(),
            knows_fps_mode: capabilities.knows("fps_mode"),
        };
        let mut arguments = global(capabilities);
        arguments.extend(pace(source, follow_source));
        arguments.extend(
            input::arguments(source, capabilities)
                .into_iter()
                .map(Argument::Text),
        );
        arguments.extend(graphs(&graph));
        let renditions = outputs(&mut arguments, &graph, &timing)?;
        Ok(Self {
            arguments,
            renditions,
            lead,
            source_label: source.label(),
            access: access(&source.kind),
            irregular_key_frames: follow_source,
        })
    }

    /// 200 ms of pictures and sound through the flags of every plan, to see whether an ffmpeg can do it.
    pub(super) fn smoke(capabilities: &Capabilities) -> Self {
        let height = 72;
        let name = RenditionName::new("smoke").expect("the name should be an identifier");
        let rung = Rung {
            name: name.clone(),
            video: RungVideo::Encode {
                height,
                bitrate: 200_000,
            },
        };
        let timing = Timing {
            frame_rate: FrameRate::DEFAULT,
            segment: Duration::from_secs(1),
            first_segment: Duration::from_secs(1),
            follow_source: false,
            position: 0,
            knows_fps_mode: true,
        };
        let mut arguments = global(capabilities);
        arguments.extend(filter(
            "testsrc2=size=128x72:rate=30:duration=0.2[v0]".into(),
        ));
        arguments.extend(filter(
            "aevalsrc=0:sample_rate=48000:duration=0.2[a]".into(),
        ));
        arguments.extend(output::video(RenditionId(0), &rung, &timing));
        arguments.extend(output::audio(RenditionId(1)));
        let renditions = vec![
            output::planned_video(&rung, &SourceFacts::default(), &timing),
            output::planned_audio(&name),
        ];
        Self {
            arguments,
            renditions,
            lead: Duration::ZERO,
            source_label: "smoke test".into(),
            access: Access::default(),
            irregular_key_frames: false,
        }
    }
}

fn check_copies(rungs: &[Rung], source: &SourceSpec, facts: &SourceFacts) -> Result<(), PlanError> {
    let Some(copy) = rungs.iter().find(|rung| rung.video == RungVideo::Copy) else {
        return Ok(());
    };
    if matches!(source.kind, SourceKind::TestCard | SourceKind::Slate { .. }) {
        return Err(PlanError::NothingToCopy(copy.name.to_string()));
    }
    match facts.video.as_ref().map(|video| video.codec.as_str()) {
        Some("h264" | "hevc" | "av1") | None => Ok(()),
        Some(codec) => Err(PlanError::CannotCopy {
            rung: copy.name.to_string(),
            codec: codec.to_owned(),
        }),
    }
}

fn frame_rate(facts: &SourceFacts) -> FrameRate {
    let known = facts.video.as_ref().and_then(|video| video.frame_rate);
    known.unwrap_or(FrameRate::DEFAULT).limited()
}

/// Players that know nothing of Partial Segments, and hls.js for its first playlist, begin with a whole segment. The
/// first one of a new timeline is therefore as short as a part.
fn first_segment(channel: &ChannelSpec, behind: Option<Duration>) -> Duration {
    match behind {
        None => channel.part_duration,
        Some(_) => channel.segment_duration,
    }
}

/// A new timeline begins with what a player wants to have at once. One that goes on makes up for what was missed, and
/// no more: media that runs ahead of the clock a little further with every restart would never be live again.
///
/// Live sources come at their own pace, but for those that come in segments: passed on as they come, there would be
/// nothing new for a whole segment of the source, and then all of it. Copied pictures pass no filter that could hold
/// them.
fn lead(
    channel: &ChannelSpec,
    source: &SourceSpec,
    follow_source: bool,
    behind: Option<Duration>,
) -> Duration {
    // What a low-latency player keeps between itself and the live edge (three parts), and a little for its start.
    let burst = channel.part_duration * 13 / 4;
    match source.kind {
        SourceKind::Live { .. } if !input::comes_in_segments(source) => Duration::ZERO,
        _ if follow_source => Duration::ZERO,
        _ => behind.map_or(burst, |behind| burst.min(behind + START_UP)),
    }
}

fn global(capabilities: &Capabilities) -> Vec<Argument> {
    let mut words = vec![
        // Keys that are typed into the gateway's terminal are not for ffmpeg.
        "-nostdin",
        "-hide_banner",
        // Standard error is for errors; progress has its own way.
        "-nostats",
        "-loglevel",
        "warning",
        "-progress",
        "pipe:1",
    ];
    if capabilities.knows("stats_period") {
        words.extend(["-stats_period", "0.5"]);
    }
    words
        .into_iter()
        .map(|word| Argument::Text(word.into()))
        .collect()
}

/// Before the input: files are played for ever, and what does not come at the pace of the clock is read at that pace
/// where no filter can see to it.
fn pace(source: &SourceSpec, follow_source: bool) -> Vec<Argument> {
    let is_file = matches!(source.kind, SourceKind::File { .. });
    let mut words = Vec::new();
    if is_file {
        words.extend(["-stream_loop", "-1"]);
    }
    if follow_source && (is_file || input::comes_in_segments(source)) {
        words.push("-re");
    }
    words
        .into_iter()
        .map(|word| Argument::Text(word.into()))
        .collect()
}

fn graphs(graph: &Graph<'_>) -> Vec<Argument> {
    let mut words = Vec::new();
    for text in [graph.video(), graph.audio()].into_iter().flatten() {
        words.extend(filter(text));
    }
    words
}

fn filter(graph: String) -> [Argument; 2] {
    ["-filter_complex".into(), graph].map(Argument::Text)
}

/// Appends the outputs and says what they are.
fn outputs(
    arguments: &mut Vec<Argument>,
    graph: &Graph<'_>,
    timing: &Timing,
) -> Result<Vec<PlannedRendition>, PlanError> {
    let mut renditions = Vec::new();
    for rung in graph.rungs {
        let id = next_id(&renditions)?;
        arguments.extend(output::video(id, rung, timing));
        renditions.push(output::planned_video(rung, graph.facts, timing));
    }
    if graph.facts.audio.is_some() {
        let name =
            RenditionName::new(AUDIO_NAME).map_err(|_| PlanError::Name(AUDIO_NAME.into()))?;
        arguments.extend(output::audio(next_id(&renditions)?));
        renditions.push(output::planned_audio(&name));
    }
    Ok(renditions)
}

fn next_id(renditions: &[PlannedRendition]) -> Result<RenditionId, PlanError> {
    let count = renditions.len();
    u8::try_from(count)
        .map(RenditionId)
        .map_err(|_| PlanError::TooManyRungs(count))
}
