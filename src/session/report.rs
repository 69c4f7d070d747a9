//! What a session tells about itself, for operators. Plain data; the API serialises it as it stands and
//! describes it by what is written here.

use std::net::IpAddr;

use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use uuid::Uuid;

use super::past::Kind;
use super::playback::{AudienceReport, PlaybackReport};
use super::state::Phase;

/// One session. Times are RFC 3339 in UTC; durations are seconds.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SessionReport {
    /// Of this run of the channel.
    pub id: Uuid,
    /// The channel.
    pub channel: String,
    /// `idle`, `starting`, `active`, `stopping` or `failed`.
    #[schema(schema_with = state_names)]
    pub state: &'static str,
    /// Why it is in that state.
    pub reason: String,
    /// When the session began.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// The last request of a viewer.
    #[schema(format = DateTime)]
    pub last_access: Option<String>,
    /// Seconds since the last request of a viewer.
    pub idle_for: f64,
    /// Until when an operator keeps it running, whoever watches.
    #[schema(format = DateTime)]
    pub held_until: Option<String>,
    /// How many watch now.
    pub viewers: usize,
    /// From where they watch, and what their players tell.
    pub audience: AudienceReport,
    /// The source in use, credentials masked.
    pub source: String,
    /// Failures since the session began.
    pub error_count: u64,
    /// The last failure.
    pub last_error: Option<String>,
    /// Whose picture viewers see: `source` or `slate`; nothing while neither delivers.
    #[schema(pattern = "^(source|slate)$")]
    pub on_air: Option<&'static str>,
    /// The running encoder of the source: also while the slate is on air and the source is tried again.
    pub encoder: Option<EncoderReport>,
    /// The slate's encoder, while it runs.
    pub slate: Option<EncoderReport>,
    /// What the channel offers.
    pub renditions: Vec<RenditionReport>,
    /// From the first request to the first Partial Segment, milliseconds.
    pub first_part_ms: Option<u64>,
    /// Bytes of media held in memory.
    pub memory_bytes: u64,
    /// Bytes handed to viewers.
    pub bytes_sent: u64,
    /// Readers of the MPEG-TS stream without an end.
    pub ts_streams: usize,
    /// Segments that were made as MPEG-TS, since the gateway began.
    pub ts_segments_remuxed: u64,
    /// How often a slow reader of MPEG-TS was moved to the newest random access point, since the gateway began.
    pub ts_readers_moved: u64,
    /// Requests that wait for the channel to start or for media right now.
    pub blocked_requests: usize,
    /// What is known of each source, in the order of the configuration.
    pub sources: Vec<SourceReport>,
    /// The source does not deliver and viewers see the slate.
    pub slate_shown: bool,
    /// What the session waits for, soonest first.
    pub next: Vec<NextReport>,
    /// How often what happened, since the gateway began.
    pub counts: CountsReport,
    /// What happened, oldest first, bounded.
    pub history: Vec<HistoryEntry>,
    /// How late media is published; too long for the API, and shown as a metric.
    #[serde(skip)]
    pub part_delays: DelayReport,
}

/// One configured source, as the session knows it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SourceReport {
    /// Its place in the order of preference; the first is 0.
    pub position: usize,
    /// How people call it, credentials masked.
    pub label: String,
    /// `testcard`, `slate`, `file` or `live`.
    #[schema(pattern = "^(testcard|slate|file|live)$")]
    pub kind: &'static str,
    /// `on_air`: viewers see it. `tried`: its encoder has not delivered yet. `standby`: it is about to take over.
    /// `waiting`: nothing runs for it.
    #[schema(pattern = "^(on_air|tried|standby|waiting)$")]
    pub role: &'static str,
    /// It is not in use and has answered every question since then.
    #[schema(format = DateTime)]
    pub answers_since: Option<String>,
    /// For how many seconds it must answer before it takes over from a worse one.
    pub hold_down: f64,
    /// What went wrong with it last.
    pub last_error: Option<String>,
    /// And when.
    #[schema(format = DateTime)]
    pub last_error_at: Option<String>,
    /// How often it was lost within the last minute.
    pub recent_losses: usize,
    /// It was lost too often and is passed over until then.
    #[schema(format = DateTime)]
    pub rests_until: Option<String>,
}

/// Something that a session waits for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NextReport {
    /// When it is due.
    #[schema(format = DateTime)]
    pub at: String,
    /// What is waited for, as a word.
    pub reason: &'static str,
    /// What happens then, for people.
    pub what: String,
}

/// Of a channel, since the gateway began: runs that are over count too.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct CountsReport {
    /// How often viewers were given another source.
    pub source_switches: u64,
    /// How often a source was lost or refused.
    pub source_losses: u64,
    /// How often the slate was shown.
    pub slates_shown: u64,
    /// How often an encoder was replaced, by each cause that there is.
    pub restarts: Vec<RestartsReport>,
}

/// How often an encoder was replaced for one cause.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RestartsReport {
    /// `ended`, `silent`, `broken`, `slow`, `refused`, `operator`, `configuration` or `better_source`.
    pub cause: &'static str,
    /// So often.
    pub count: u64,
}

/// How late media was published, in seconds.
#[derive(Debug, Clone, Default)]
pub struct DelayReport {
    /// Upper bounds, ascending and the last one open; and how many delays lie between each and the one before.
    pub buckets: Vec<(f64, u64)>,
    /// The sum of all delays.
    pub sum: f64,
}

/// A running ffmpeg.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EncoderReport {
    /// Its process.
    pub pid: u32,
    /// How well it is caged. `unknown` is for a moment after the start of the gateway.
    #[schema(pattern = "^(enforced|partial|none|unknown)$")]
    pub cage: &'static str,
    /// Media time over wall time.
    pub speed: Option<f64>,
    /// Frames a second.
    pub fps: Option<f64>,
    /// How often it was started again in this session.
    pub restarts: u64,
    /// Processor time over wall time since its start (1.0 is one core).
    pub cpu: Option<f64>,
    /// Resident memory, bytes.
    pub memory: Option<u64>,
    /// The last lines of its standard error, credentials masked.
    pub last_lines: Vec<String>,
}

/// One rendition.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RenditionReport {
    /// In URLs.
    pub name: String,
    /// `video` or `audio`.
    #[schema(pattern = "^(video|audio)$")]
    pub kind: &'static str,
    /// `1280x720`.
    pub resolution: Option<String>,
    /// Frames a second.
    pub frame_rate: Option<f64>,
    /// RFC 6381.
    pub codecs: Option<String>,
    /// Planned, bits a second.
    pub target_bitrate: u64,
    /// Over the window, bits a second.
    pub measured_bitrate: Option<u64>,
    /// What the playlist shows.
    pub window: Option<WindowReport>,
}

/// What a Media Playlist shows.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WindowReport {
    /// EXT-X-MEDIA-SEQUENCE.
    pub media_sequence: u64,
    /// EXT-X-DISCONTINUITY-SEQUENCE.
    pub discontinuity_sequence: u64,
    /// The newest Media Segment, also when it is not complete.
    pub last_msn: u64,
    /// The newest Partial Segment of `last_msn`.
    pub last_part: Option<u32>,
    /// Seconds of complete Media Segments.
    pub duration: f64,
}

/// Somebody who watches: an address and an agent, or a playback that its player has named.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ViewerReport {
    /// Opaque; the same for as long as it watches.
    pub id: String,
    /// Where from.
    #[schema(value_type = String)]
    pub address: IpAddr,
    /// With what.
    pub agent: String,
    /// The first request.
    #[schema(format = DateTime)]
    pub since: String,
    /// The last request.
    #[schema(format = DateTime)]
    pub last_access: String,
    /// How many playlist requests.
    pub requests: u64,
    /// How many watch this session from this address, itself included.
    pub same_address: usize,
    /// What its player tells about its playback, if it does (CMCD).
    pub playback: Option<PlaybackReport>,
}

/// A channel that runs whoever watches.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HoldReport {
    /// The channel.
    pub channel: String,
    /// Until then at least.
    #[schema(format = DateTime)]
    pub until: String,
}

/// Something that happened.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HistoryEntry {
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// `state`, `encoder_started`, `encoder_ended`, `source_lost`, `source_switched`, `source_healthy` or
    /// `configuration`.
    #[schema(schema_with = history_kinds)]
    pub kind: &'static str,
    /// What, for people.
    pub what: String,
    /// How often it happened in a row.
    pub times: u64,
    /// When it happened last, if that was more than once.
    #[schema(format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_at: Option<String>,
    /// Which source it was about, credentials masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Which process it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// For how many seconds that process ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ran_for: Option<f64>,
    /// The last lines of its standard error, credentials masked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
}

/// The words for the states of a session, for the description of the API.
pub fn state_names() -> Object {
    let phases = [
        Phase::Idle,
        Phase::Starting,
        Phase::Active,
        Phase::Stopping,
        Phase::Failed,
    ];
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(phases.map(Phase::as_str)))
        .build()
}

fn history_kinds() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(Kind::ALL.map(Kind::as_str)))
        .build()
}
