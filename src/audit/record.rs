//! One change, as it is kept and told.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::base::ChannelId;

/// One change, with its number.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Record {
    /// Grows by one with each change since the start.
    pub id: u64,
    /// When, in UTC.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub change: Change,
}

/// Who did what. Texts hold no secret: whoever makes a change masks them first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Change {
    /// The name of the token, or `local` where none is needed.
    pub operator: String,
    /// `read` or `operate`.
    pub role: &'static str,
    /// From where.
    #[schema(value_type = String)]
    pub address: IpAddr,
    /// The `operationId`; empty if there is no such operation, or nobody came that far.
    pub action: String,
    /// Of the request.
    pub method: String,
    /// Of the request; the target is in it.
    pub path: String,
    /// What else was said: which source, for how long.
    pub detail: String,
    /// What was answered.
    pub status: u16,
    /// The code of the error; empty if there was none.
    pub code: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// The channel, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub channel: Option<ChannelId>,
    /// The session, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Uuid>,
}

/// How a change went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is done, or accepted.
    Done,
    /// It was not allowed, or not possible as it was asked for.
    Refused,
    /// The gateway could not.
    Failed,
}

// === impl Outcome ===

impl Outcome {
    /// All names, in the order of the outcomes.
    pub const NAMES: [&'static str; 3] = ["done", "refused", "failed"];

    /// Of a request that was answered with this status.
    pub fn of(status: u16) -> Self {
        match status {
            0..400 => Self::Done,
            400..500 => Self::Refused,
            _ => Self::Failed,
        }
    }

    /// As JSON and metrics spell it.
    pub fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}
