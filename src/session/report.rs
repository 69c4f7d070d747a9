//! What a session tells about itself, for operators. Plain data; the API serialises it as it stands and
//! describes it by what is written here.

use std::net::IpAddr;

use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use uuid::Uuid;

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
    /// The source in use, credentials masked.
    pub source: String,
    /// Failures since the session began.
    pub error_count: u64,
    /// The last failure.
    pub last_error: Option<String>,
    /// The running encoder.
    pub encoder: Option<EncoderReport>,
    /// What the channel offers.
    pub renditions: Vec<RenditionReport>,
    /// From the first request to the first Partial Segment, milliseconds.
    pub first_part_ms: Option<u64>,
    /// Bytes of media held in memory.
    pub memory_bytes: u64,
    /// Bytes handed to viewers.
    pub bytes_sent: u64,
    /// Requests that wait for the channel to start or for media right now.
    pub blocked_requests: usize,
    /// What happened, oldest first, bounded.
    pub history: Vec<HistoryEntry>,
}

/// A running ffmpeg.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EncoderReport {
    /// Its process.
    pub pid: u32,
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

/// Somebody who watches: an address and an agent.
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
    /// What.
    pub what: String,
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
