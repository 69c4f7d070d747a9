//! A channel as the API shows it: as configured, without secrets, and with its session.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::config::{ChannelSpec, LadderSpec, Rung, RungVideo, SourceKind, SourceSpec};
use crate::guide::Status;
use crate::iptv::Programme;
use crate::iptv::programme::now_and_next;
use crate::session::{SessionReport, state_names};

/// A channel and its session. Durations are seconds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChannelView {
    /// In URLs.
    id: String,
    /// For people.
    name: String,
    /// A picture's URL.
    logo: Option<String>,
    /// Its place on a remote control.
    number: Option<u32>,
    /// What it belongs to.
    group: Option<String>,
    /// Where players go.
    url: String,
    /// In order of preference.
    sources: Vec<SourceView>,
    /// Which renditions it offers.
    ladder: LadderView,
    /// How long it runs on after the last viewer.
    grace_period: f64,
    /// By when a source must deliver.
    start_timeout: f64,
    /// What a Media Segment aims at.
    segment_duration: f64,
    /// What a Partial Segment aims at.
    part_duration: f64,
    /// How much a live playlist shows.
    window: f64,
    /// Of the session; `idle` if there is none.
    #[schema(schema_with = state_names)]
    state: &'static str,
    /// How many watch now.
    viewers: usize,
    /// What is on, if a guide says so.
    now: Option<ProgrammeView>,
    /// What comes next, if a guide says so.
    next: Option<ProgrammeView>,
    /// The session, if there is one.
    session: Option<SessionReport>,
}

/// A guide.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GuideView {
    /// A file's name, or scheme and host of a URL.
    label: String,
    /// When the guide in force was read; nothing if there is none yet.
    #[schema(format = DateTime)]
    read_at: Option<String>,
    /// How many programmes of our channels it has.
    programmes: usize,
    /// Why it was not read the last time; nothing if it was.
    last_error: Option<String>,
}

/// A programme.
#[derive(Debug, Serialize, ToSchema)]
struct ProgrammeView {
    /// What it is called.
    title: String,
    /// Of an episode.
    subtitle: Option<String>,
    /// What it is about.
    description: Option<String>,
    /// When it begins.
    #[schema(format = DateTime)]
    start: String,
    /// When it ends.
    #[schema(format = DateTime)]
    stop: String,
}

/// A source without its URL.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SourceView {
    /// Its place in the order of preference; the first is 0.
    pub(crate) position: usize,
    /// How people call it, credentials masked.
    pub(crate) label: String,
    /// `testcard`, `slate`, `file` or `live`.
    #[schema(pattern = "^(testcard|slate|file|live)$")]
    kind: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum LadderView {
    Auto(Auto),
    /// As written; best first.
    Rungs(Vec<RungView>),
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Auto {
    /// Chosen from what the source is.
    Auto,
}

/// One rung of a ladder.
#[derive(Debug, Serialize, ToSchema)]
struct RungView {
    /// In URLs.
    name: String,
    /// Lines, unless it is a copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    /// Bits a second, unless it is a copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    video_bitrate: Option<u64>,
    /// As the source has it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    copy: bool,
}

// === impl ChannelView ===

impl ChannelView {
    pub(crate) fn new(spec: &ChannelSpec, session: Option<SessionReport>) -> Self {
        let seconds = |duration: Duration| duration.as_secs_f64();
        Self {
            id: spec.id.to_string(),
            name: spec.name.clone(),
            logo: spec.logo.clone(),
            number: spec.number,
            group: spec.group.clone(),
            url: format!("/live/{}/index.m3u8", spec.id),
            sources: SourceView::all(spec),
            ladder: LadderView::new(&spec.ladder),
            grace_period: seconds(spec.grace_period),
            start_timeout: seconds(spec.start_timeout),
            segment_duration: seconds(spec.segment_duration),
            part_duration: seconds(spec.part_duration),
            window: seconds(spec.window),
            state: session.as_ref().map_or("idle", |session| session.state),
            viewers: session.as_ref().map_or(0, |session| session.viewers),
            now: None,
            next: None,
            session,
        }
    }

    /// With what is on and what comes.
    pub(crate) fn with_programmes(mut self, programmes: &[Programme], now: Timestamp) -> Self {
        let (current, next) = now_and_next(programmes, now);
        self.now = current.map(ProgrammeView::new);
        self.next = next.map(ProgrammeView::new);
        self
    }
}

// === impl GuideView ===

impl GuideView {
    pub(crate) fn new(status: &Status) -> Self {
        Self {
            label: status.label.clone(),
            read_at: status.read_at.map(|at| at.to_string()),
            programmes: status.programmes,
            last_error: status.error.clone(),
        }
    }
}

// === impl ProgrammeView ===

impl ProgrammeView {
    fn new(programme: &Programme) -> Self {
        let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
        Self {
            title: programme.title.to_string(),
            subtitle: text(&programme.subtitle),
            description: text(&programme.description),
            start: programme.start.to_string(),
            stop: programme.stop.to_string(),
        }
    }
}

// === impl SourceView ===

impl SourceView {
    /// The sources of a channel, in order of preference.
    pub(crate) fn all(spec: &ChannelSpec) -> Vec<Self> {
        let sources = spec.sources.iter().enumerate();
        sources.map(|(at, source)| Self::new(at, source)).collect()
    }

    /// A URL may open its source for anybody who reads it, so only its label is shown.
    fn new(position: usize, source: &SourceSpec) -> Self {
        let kind = match &source.kind {
            SourceKind::TestCard => "testcard",
            SourceKind::Slate { .. } => "slate",
            SourceKind::File { .. } => "file",
            SourceKind::Live { .. } => "live",
        };
        Self {
            position,
            label: source.label(),
            kind,
        }
    }
}

// === impl LadderView ===

impl LadderView {
    fn new(ladder: &LadderSpec) -> Self {
        match ladder {
            LadderSpec::Auto => Self::Auto(Auto::Auto),
            LadderSpec::Rungs(rungs) => Self::Rungs(rungs.iter().map(RungView::new).collect()),
        }
    }
}

// === impl RungView ===

impl RungView {
    fn new(rung: &Rung) -> Self {
        let (height, video_bitrate, copy) = match rung.video {
            RungVideo::Encode { height, bitrate } => (Some(height), Some(bitrate), false),
            RungVideo::Copy => (None, None, true),
        };
        Self {
            name: rung.name.to_string(),
            height,
            video_bitrate,
            copy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ChannelId, RenditionName};

    fn spec() -> ChannelSpec {
        let rung = |name, video| Rung {
            name: RenditionName::new(name).unwrap(),
            video,
        };
        let url = "https://joe:secret@tv.example/path-token/live.m3u8?token=abc";
        let live = |name: Option<&str>| SourceSpec {
            name: name.map(Into::into),
            headers: vec![crate::config::Header {
                name: "X-Key".into(),
                value: crate::config::Secret::new("secret"),
            }],
            ..SourceSpec::new(SourceKind::Live { url: url.into() })
        };
        ChannelSpec {
            id: ChannelId::new("news").unwrap(),
            name: "News <24>".into(),
            logo: None,
            number: Some(7),
            group: None,
            tvg_id: None,
            guide: None,
            sources: vec![live(None), live(Some("primary"))],
            ladder: LadderSpec::Rungs(vec![
                rung(
                    "720p",
                    RungVideo::Encode {
                        height: 720,
                        bitrate: 2_500_000,
                    },
                ),
                rung("source", RungVideo::Copy),
            ]),
            grace_period: Duration::from_secs(30),
            start_timeout: Duration::from_secs(10),
            slate_after: None,
            hold_down: Duration::from_secs(30),
            lost_when: crate::config::LostWhen::default(),
            segment_duration: Duration::from_secs(2),
            part_duration: Duration::from_millis(500),
            window: Duration::from_secs(30),
            access: Default::default(),
        }
    }

    #[test]
    fn a_channel_is_shown_as_configured() {
        let view = serde_json::to_value(ChannelView::new(&spec(), None)).unwrap();
        assert_eq!(view["id"], "news");
        assert_eq!(view["name"], "News <24>");
        assert_eq!(view["url"], "/live/news/index.m3u8");
        assert_eq!(view["part_duration"], 0.5);
        assert_eq!(view["state"], "idle");
        assert_eq!(view["session"], serde_json::Value::Null);
        assert_eq!(view["sources"][1]["label"], "primary");
        let ladder = serde_json::json!([
            {"name": "720p", "height": 720, "video_bitrate": 2_500_000},
            {"name": "source", "copy": true},
        ]);
        assert_eq!(view["ladder"], ladder);
    }

    #[test]
    fn no_secret_of_a_source_is_shown() {
        let text = serde_json::to_string(&ChannelView::new(&spec(), None)).unwrap();
        for secret in ["joe", "secret", "token", "abc"] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
}
