//! What a session's readers and its actor tell each other.

use std::sync::Arc;
use std::time::Instant;

use super::publish::Live;

/// What readers wait for.
#[derive(Debug, Clone)]
pub(super) enum Status {
    /// Nothing runs, and nobody has asked for it since that is so.
    Idle,
    /// Media is on its way.
    Starting,
    /// Media is here.
    Active(Arc<Live>),
    /// No source delivers; asking again before then is useless.
    Failed { reason: String, until: Instant },
}

/// What the actor is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    ViewerArrived,
    Restart,
    /// The source of this position takes over.
    SwitchSource(usize),
    /// The configuration of the channel is another one.
    Reconfigure,
    Stop(&'static str),
}

// === impl Status ===

impl Status {
    /// Whether readers would see no difference.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Active(mine), Self::Active(other)) => Arc::ptr_eq(mine, other),
            (
                Self::Failed { reason, until },
                Self::Failed {
                    reason: other,
                    until: others,
                },
            ) => reason == other && until == others,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}
