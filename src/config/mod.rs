//! From `channels.toml` to a validated [`Config`], and from two of them to what changed.
//!
//! Three types, three meanings: what was *written* (`file`: keys, kinds of value, places), what it *means*
//! ([`model`]; the conversion in `meaning`, `channel`, `timing`, `ladder`, `source`, `request`, `transport`, `operators` and `webhook` is the validation) and what
//! was *wrong* ([`ConfigError`]: every [`Problem`] of the file with its place and what to write instead).
//!
//! Belongs here: the format, its defaults, its limits, the words for people about it, which configuration is in force
//! and when its file may have changed. Does not belong here: what a change does to who runs, and whether a source
//! answers. A new key is added in `keys` and `file` (what is
//! written), in [`model`] (what it means) and in [`diff`] (what its change costs).
//!
//! Everything but `load`, `live` and `watch` is pure. Sources hold credentials: no message, label, excerpt or `Debug` shows them.

mod access;
pub mod access_spec;
mod access_tables;
mod address;
mod channel;
pub mod diff;
mod error;
mod file;
pub mod foreign;
mod iptv;
mod iptv_tables;
mod keys;
mod label;
mod ladder;
mod limits;
pub mod live;
mod load;
mod mask;
mod meaning;
pub mod model;
mod operators;
mod operators_spec;
mod operators_tables;
mod reader;
mod report;
mod request;
mod secret;
mod source;
mod timing;
mod transport;
mod value;
mod wanted;
pub mod watch;
mod webhook;

pub use access_spec::{
    AccessKeySpec, AccessRule, AccessSpec, ChannelAccess, CheckSpec, JwksSource, JwtSpec,
    SecretSource, SegmentRule,
};
pub use diff::{Change, ConfigDiff};
pub use error::{ConfigError, Invalid, Problem};
pub use live::{ConfigHolder, Origin, Outcome, Refused, Standing};
pub use load::{MAX_FILE_SIZE, check, check_under};
pub use meaning::DEFAULT_LISTEN;
pub use model::{
    AcmeSpec, CageMode, CertificateSpec, ChannelSpec, Config, EdgeLimits, GuideSource, GuideSpec,
    HdHomeRunSpec, Header, LadderSpec, LimitsSpec, LostWhen, Rung, RungVideo, ServerConfig,
    SigningKey, SourceKind, SourceSpec, StartLimits, TlsSpec, UserSpec, WebhookSpec,
};
pub use operators::{OPERATORS_LISTEN, OperatorsSaid, check_token};
pub use operators_spec::{OpenPath, OperatorsAt, OperatorsSpec, Role, TokenSecret, TokenSpec};
pub use secret::Secret;
pub use value::parse_duration;
