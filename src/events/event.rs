//! One thing that happened.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::base::ChannelId;

/// One thing that happened, as operators, the event stream and webhooks see it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Event {
    /// Grows by one with each event, also over a restart of the gateway.
    pub id: u64,
    /// When, in UTC.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Where; nothing for what concerns the whole gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub channel: Option<ChannelId>,
    /// In which session of the channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Uuid>,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What can happen. Texts are for people and hold no secret: whoever emits an event masks it first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", content = "data")]
pub enum EventKind {
    /// A session changed its state.
    #[serde(rename = "session.state")]
    SessionState {
        /// The state before: `idle`, `starting`, `active`, `stopping` or `failed`.
        from: &'static str,
        /// The state now.
        to: &'static str,
        /// Why.
        reason: String,
    },
    /// Another source of the channel has taken over.
    #[serde(rename = "source.switched")]
    SourceSwitched {
        /// The source before, credentials masked.
        from: String,
        /// The source now.
        to: String,
        /// Why.
        reason: String,
    },
    /// A source does not deliver, or does not deliver what it should.
    #[serde(rename = "source.lost")]
    SourceLost {
        /// Which one.
        source: String,
        /// What was seen.
        reason: String,
    },
    /// A source that was lost answers again.
    #[serde(rename = "source.healthy")]
    SourceHealthy {
        /// Which one.
        source: String,
    },
    /// An encoder was started.
    #[serde(rename = "encoder.started")]
    EncoderStarted {
        /// Its process.
        pid: u32,
        /// What it reads.
        source: String,
    },
    /// An encoder ended.
    #[serde(rename = "encoder.ended")]
    EncoderEnded {
        /// Its process.
        pid: u32,
        /// How, and the last line that it said.
        reason: String,
    },
    /// Somebody watches a channel that nobody watched.
    #[serde(rename = "viewers.first")]
    FirstViewer,
    /// Nobody watches a channel any more.
    #[serde(rename = "viewers.last")]
    LastViewer,
    /// A configuration is in force.
    #[serde(rename = "config.applied")]
    ConfigApplied {
        /// Channels that are new.
        #[schema(value_type = Vec<String>)]
        added: Vec<ChannelId>,
        /// Channels that are gone.
        #[schema(value_type = Vec<String>)]
        removed: Vec<ChannelId>,
        /// Channels that are not as they were.
        #[schema(value_type = Vec<String>)]
        changed: Vec<ChannelId>,
    },
    /// A configuration was read and not taken; the one before stays in force.
    #[serde(rename = "config.refused")]
    ConfigRefused {
        /// What is wrong with it.
        error: String,
    },
    /// The machine is too busy or too full: no channel is started until that is over.
    #[serde(rename = "overload.began")]
    OverloadBegan {
        /// What is short.
        reason: String,
    },
    /// Channels are started again.
    #[serde(rename = "overload.ended")]
    OverloadEnded {
        /// Why.
        reason: String,
    },
    /// An operator changed something, or tried to.
    #[serde(rename = "operator.acted")]
    OperatorActed {
        /// The name of the token, or `local` where none is needed.
        operator: String,
        /// The `operationId` of what was asked for; empty if it was refused before.
        action: String,
        /// What was asked for.
        path: String,
        /// What else was said: which source, for how long.
        detail: String,
        /// What was answered.
        status: u16,
        /// `done`, `refused` or `failed`.
        outcome: &'static str,
    },
}

// === impl EventKind ===

impl EventKind {
    /// All names, in the order of the kinds.
    pub const NAMES: [&'static str; 13] = [
        "session.state",
        "source.switched",
        "source.lost",
        "source.healthy",
        "encoder.started",
        "encoder.ended",
        "viewers.first",
        "viewers.last",
        "config.applied",
        "config.refused",
        "overload.began",
        "overload.ended",
        "operator.acted",
    ];

    /// As the event stream and webhooks name it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SessionState { .. } => "session.state",
            Self::SourceSwitched { .. } => "source.switched",
            Self::SourceLost { .. } => "source.lost",
            Self::SourceHealthy { .. } => "source.healthy",
            Self::EncoderStarted { .. } => "encoder.started",
            Self::EncoderEnded { .. } => "encoder.ended",
            Self::FirstViewer => "viewers.first",
            Self::LastViewer => "viewers.last",
            Self::ConfigApplied { .. } => "config.applied",
            Self::ConfigRefused { .. } => "config.refused",
            Self::OverloadBegan { .. } => "overload.began",
            Self::OverloadEnded { .. } => "overload.ended",
            Self::OperatorActed { .. } => "operator.acted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_the_name_that_its_json_has() {
        let text = String::new;
        let kinds = [
            EventKind::SessionState {
                from: "idle",
                to: "starting",
                reason: text(),
            },
            EventKind::SourceSwitched {
                from: text(),
                to: text(),
                reason: text(),
            },
            EventKind::SourceLost {
                source: text(),
                reason: text(),
            },
            EventKind::SourceHealthy { source: text() },
            EventKind::EncoderStarted {
                pid: 1,
                source: text(),
            },
            EventKind::EncoderEnded {
                pid: 1,
                reason: text(),
            },
            EventKind::FirstViewer,
            EventKind::LastViewer,
            EventKind::ConfigApplied {
                added: Vec::new(),
                removed: Vec::new(),
                changed: Vec::new(),
            },
            EventKind::ConfigRefused { error: text() },
            EventKind::OverloadBegan { reason: text() },
            EventKind::OverloadEnded { reason: text() },
            EventKind::OperatorActed {
                operator: text(),
                action: text(),
                path: text(),
                detail: text(),
                status: 202,
                outcome: "done",
            },
        ];
        assert_eq!(EventKind::NAMES, kinds.clone().map(|kind| kind.name()));
        for kind in kinds {
            let json = serde_json::to_value(&kind).unwrap();
            assert_eq!(json["type"], kind.name());
        }
    }
}
