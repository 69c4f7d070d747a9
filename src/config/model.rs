//! What a configuration means: validated, with defaults applied, and plain data.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod limits;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::access_spec::{AccessSpec, ChannelAccess};
use super::operators_spec::OperatorsSpec;
use super::secret::Secret;
use crate::base::{ChannelId, Network, RenditionName};

pub use limits::{EdgeLimits, LimitsSpec, StartLimits};

/// A whole configuration in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The listener and the limits of the gateway.
    pub server: ServerConfig,
    /// Channels in the order of the file; identifiers are unique.
    pub channels: Vec<Arc<ChannelSpec>>,
    /// Who else is told what happens, in the order of the file.
    pub webhooks: Vec<Arc<WebhookSpec>>,
    /// Where programmes come from.
    pub guide: GuideSpec,
    /// The network tuner that front ends see.
    pub hdhomerun: HdHomeRunSpec,
    /// Where operators are served, and who they are.
    pub operators: OperatorsSpec,
    /// Who may use the Xtream Codes API, in the order of the file; names are unique.
    pub users: Vec<UserSpec>,
    /// Who may watch.
    pub access: AccessSpec,
}

/// The `[server]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Where to listen for viewers.
    pub listen: SocketAddr,
    /// How clients call the gateway where that is not how their requests say: behind a proxy. An http(s) URL without
    /// a slash at its end.
    pub public_url: Option<String>,
    /// The ffmpeg to run: a path, or a bare name to look up in `PATH`; `None` looks it up (`$FFMPEG`, `PATH`,
    /// `.tools/`).
    pub ffmpeg: Option<PathBuf>,
    /// Connections in all.
    pub max_connections: usize,
    /// Connections from one address (a /64 counts as one in IPv6).
    pub max_connections_per_address: usize,
    /// Channels that may run at the same time.
    pub max_sessions: usize,
    /// Where sequence numbers are kept over a restart; `None` keeps them nowhere.
    pub state: Option<PathBuf>,
    /// The listener for TLS, if there is one.
    pub tls: Option<TlsSpec>,
    /// What may be fetched from besides the internet: this machine and the networks around it.
    pub allow_private: Vec<Network>,
    /// Who may say on whose behalf it asks: reverse proxies. Nobody else is believed.
    pub trusted_proxies: Vec<Network>,
    /// The `[limits]` table.
    pub limits: LimitsSpec,
    /// Whether ffmpeg is caged.
    pub cage: CageMode,
}

/// Whether ffmpeg is kept from everything that decoding does not need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CageMode {
    /// As well as this host can, and it says how well that is.
    #[default]
    Auto,
    /// Wholly, or no channel starts.
    Require,
    /// Not at all.
    Off,
}

/// The `[server.tls]` table: a second listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSpec {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where the certificate comes from.
    pub certificate: CertificateSpec,
    /// The plain listener sends viewers here.
    pub redirect: bool,
}

/// Where a certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateSpec {
    /// Two files that somebody else renews.
    Files {
        /// The certificate and those of who issued it, PEM.
        cert: PathBuf,
        /// Its private key, PEM.
        key: PathBuf,
    },
    /// Ordered and renewed by the gateway itself.
    Acme(AcmeSpec),
}

/// The `[server.acme]` table: who issues certificates, and for what names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeSpec {
    /// The names in the certificate; at least one; lower case.
    pub domains: Vec<String>,
    /// A mail address for who issues it.
    pub contact: Option<String>,
    /// The URL of the ACME directory; https.
    pub directory: String,
    /// Where the account and the certificate are kept.
    pub folder: PathBuf,
    /// What the directory's own certificate is checked against, PEM; `None` takes what the system trusts.
    pub ca: Option<PathBuf>,
}

/// One channel, with the defaults of the file applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelSpec {
    /// In URLs.
    pub id: ChannelId,
    /// For people; any text without control characters.
    pub name: String,
    /// An http(s) URL of a picture.
    pub logo: Option<String>,
    /// The number in front ends.
    pub number: Option<u32>,
    /// The group in front ends.
    pub group: Option<String>,
    /// What guides call the channel; `None` is the same as `id`.
    pub tvg_id: Option<String>,
    /// Where its programmes come from instead of the guide for all.
    pub guide: Option<GuideSource>,
    /// In order of preference; at least one.
    pub sources: Vec<SourceSpec>,
    /// Which renditions to make.
    pub ladder: LadderSpec,
    /// How long the channel runs on after its last viewer left.
    pub grace_period: Duration,
    /// By when a source must deliver.
    pub start_timeout: Duration,
    /// How long viewers of a starting channel wait before a slate is shown to them while the source still connects;
    /// `None` shows none. Less than `start_timeout`.
    pub slate_after: Option<Duration>,
    /// For how long a better source must be healthy before it is taken back.
    pub hold_down: Duration,
    /// Which pictures and sounds count as none.
    pub lost_when: LostWhen,
    /// The duration of a Media Segment; at least 1 s, because sequence numbers are seeded from the clock's seconds.
    pub segment_duration: Duration,
    /// The duration that a Partial Segment aims at; at most half of a segment.
    pub part_duration: Duration,
    /// How much a live playlist shows; at least six segments.
    pub window: Duration,
    /// Who may watch.
    pub access: ChannelAccess,
}

/// For how long a source may deliver nothing worth watching before it counts as lost; `None` does not look. Pictures are
/// only looked at where a rung is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LostWhen {
    /// The picture is black.
    pub black: Option<Duration>,
    /// The picture does not move.
    pub frozen: Option<Duration>,
    /// There is no sound to be heard.
    pub silent: Option<Duration>,
}

/// One source of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSpec {
    /// How people call it; `None` shows the masked URL.
    pub name: Option<String>,
    /// What it is.
    pub kind: SourceKind,
    /// How long it may take to deliver; `None` gives it a share of the channel's `start_timeout`.
    pub timeout: Option<Duration>,
    /// What the gateway says that it is to an HTTP server, which may take it for a password; `None` leaves that to
    /// ffmpeg.
    pub user_agent: Option<Secret>,
    /// What else is said in each request to an HTTP server, in the order of the file.
    pub headers: Vec<Header>,
}

/// A field of an HTTP request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Header {
    /// A token; unique in its source, whatever its case.
    pub name: String,
    /// Visible ASCII and spaces, on one line.
    pub value: Secret,
}

/// What a source is. `Debug` shows [`SourceKind::label`] instead of a URL.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum SourceKind {
    /// Made by ffmpeg itself: a moving picture, a clock and a tone.
    TestCard,
    /// A card with a text, made by ffmpeg itself.
    Slate {
        /// What the card says.
        text: String,
    },
    /// A file, played for ever from its start; absolute, or relative to the working folder.
    File {
        /// Where it is.
        path: PathBuf,
    },
    /// Something live that ffmpeg reads: http(s), rtsp(s), srt, rtmp(s), udp, rtp. May hold credentials.
    Live {
        /// The URL, whole. Never show it: use [`SourceSpec::label`].
        url: String,
    },
}

/// Which renditions a channel offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LadderSpec {
    /// Chosen from what the source is.
    Auto,
    /// As written; best first; at least one.
    Rungs(Vec<Rung>),
}

/// One rung of a ladder: a Variant Stream's video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rung {
    /// In URLs; unique in its ladder; not a name that a URL of the gateway uses (`audio`, `ts`).
    pub name: RenditionName,
    /// Encoded or copied.
    pub video: RungVideo,
}

/// How a rung's video is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RungVideo {
    /// Scaled and encoded.
    Encode {
        /// Lines; even; the width follows from the source's shape.
        height: u32,
        /// Target and peak, bits a second.
        bitrate: u64,
    },
    /// As the source has it.
    Copy,
}

/// An endpoint that is told what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSpec {
    /// Where to send to; http or https. May hold credentials: show [`WebhookSpec::label`] instead.
    pub url: Secret,
    /// What each message is signed with.
    pub key: SigningKey,
    /// Names of events, or their beginnings with `.*` behind; empty means all.
    pub events: Vec<String>,
    /// Only what happens in these channels; empty means in all, and what concerns the whole gateway.
    pub channels: Vec<ChannelId>,
}

/// The `[guide]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuideSpec {
    /// The guide of all channels that have none of their own.
    pub source: Option<GuideSource>,
    /// How often guides are read again.
    pub refresh: Duration,
}

/// Where an XMLTV document is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum GuideSource {
    /// A file, which may be gzipped.
    File(PathBuf),
    /// An http(s) URL, which may hold credentials: show [`GuideSource::label`] instead.
    Url(Secret),
}

/// The `[hdhomerun]` table: a network tuner as Plex, Emby, Jellyfin and Channels DVR know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HdHomeRunSpec {
    /// How many streams it gives at a time; 0 switches it off.
    pub tuners: usize,
    /// How people call it.
    pub name: String,
    /// Its number, valid by its checksum; `None` makes one of what is known of the machine.
    pub device_id: Option<u32>,
    /// Where to answer searches of HDHomeRun's own protocol; `None` does not.
    pub discovery: Option<SocketAddr>,
    /// Where to answer searches of UPnP; `None` does not.
    pub ssdp: Option<SocketAddr>,
}

/// Somebody who may use the Xtream Codes API. Both are letters, digits and `-_.~`: they stand in URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSpec {
    /// Unique.
    pub name: String,
    /// Kept, and never shown but to who has said it.
    pub password: Secret,
}

/// The bytes of a `whsec_` secret. `Debug` does not show them.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Vec<u8>);

// === impl ChannelSpec ===

impl ChannelSpec {
    /// What guides call the channel.
    pub fn tvg_id(&self) -> &str {
        self.tvg_id.as_deref().unwrap_or(self.id.as_str())
    }
}

// === impl SigningKey ===

impl SigningKey {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The key itself: 24 to 64 bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
