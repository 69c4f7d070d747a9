//! What is read of the API's answer. Gateways of other versions may leave things out.

use jiff::Timestamp;
use serde::Deserialize;

/// A channel.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Channel {
    /// In URLs.
    pub id: String,
    /// For people.
    pub name: String,
    /// How long it runs on after the last viewer, seconds.
    pub grace_period: f64,
    /// What it is made of, best first: told by the session if there is one.
    pub sources: Vec<Source>,
    /// Its session.
    pub session: Option<Session>,
}

/// A session.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Session {
    /// One of five words.
    pub state: String,
    /// Why it is in that state.
    pub reason: String,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// The last request of a viewer.
    pub last_access: Option<Timestamp>,
    /// Until when an operator keeps it running.
    pub held_until: Option<Timestamp>,
    /// How many watch.
    pub viewers: u64,
    /// Requests that wait.
    pub blocked_requests: u64,
    /// What viewers see.
    pub source: String,
    /// Viewers see the slate.
    pub slate_shown: bool,
    /// From the first request to the first part, milliseconds.
    pub first_part_ms: Option<u64>,
    /// Of media.
    pub memory_bytes: u64,
    /// To viewers.
    pub bytes_sent: u64,
    /// The running one.
    pub encoder: Option<Encoder>,
    /// The slate's, while it runs.
    #[serde(default)]
    pub slate: Option<Encoder>,
    /// What it makes.
    pub renditions: Vec<Rendition>,
    /// What is known of each.
    pub sources: Vec<Source>,
    /// What is waited for, soonest first.
    pub next: Vec<Next>,
    /// Oldest first.
    pub history: Vec<Happened>,
}

/// A source.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Source {
    /// Its name.
    pub label: String,
    /// `slate` or another one.
    pub kind: String,
    /// What it is doing; empty if there is no session.
    pub role: String,
    /// Since when it answers, if it is asked.
    pub answers_since: Option<Timestamp>,
    /// How long it must answer, seconds.
    pub hold_down: f64,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// And when.
    pub last_error_at: Option<Timestamp>,
    /// Within the last minute.
    pub recent_losses: u64,
    /// It is passed over until then.
    pub rests_until: Option<Timestamp>,
}

/// An encoder.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Encoder {
    /// Its process.
    pub pid: u32,
    /// Media time over wall time.
    pub speed: Option<f64>,
    /// Frames a second.
    pub fps: Option<f64>,
    /// In this session.
    pub restarts: u64,
    /// In cores.
    pub cpu: Option<f64>,
    /// Bytes.
    pub memory: Option<u64>,
}

/// A rendition.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Rendition {
    /// In URLs.
    pub name: String,
    /// `1280x720`.
    pub resolution: Option<String>,
    /// Bits a second.
    pub measured_bitrate: Option<u64>,
}

/// Something that is waited for.
#[derive(Debug, Clone, Deserialize)]
pub struct Next {
    /// When.
    pub at: Timestamp,
    /// What happens then.
    pub what: String,
}

/// Something that happened.
#[derive(Debug, Clone, Deserialize)]
pub struct Happened {
    /// When.
    pub at: Timestamp,
    /// What sort of thing.
    #[serde(default)]
    pub kind: String,
    /// What.
    pub what: String,
    /// How often in a row.
    #[serde(default)]
    pub times: u64,
    /// When last.
    pub last_at: Option<Timestamp>,
    /// To which source.
    pub source: Option<String>,
    /// To which process.
    pub pid: Option<u32>,
    /// For how many seconds it ran.
    pub ran_for: Option<f64>,
    /// What it said last.
    #[serde(default)]
    pub lines: Vec<String>,
}
