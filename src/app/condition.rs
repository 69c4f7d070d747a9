//! Whether the gateway can do its work, and what makes that hard.

use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Reloader;
use crate::cage::CageReport;
use crate::config::CageMode;
use crate::http::{CageView, Readiness};
use crate::session::{Encoders, SessionMap};

/// Fewer are enough for a trial and for nothing else.
const FEW_DESCRIPTORS: u64 = 1024;

/// See the module.
pub(super) struct Condition {
    pub(super) sessions: Arc<SessionMap>,
    pub(super) encoders: Arc<Encoders>,
    pub(super) reloader: Arc<Reloader>,
    pub(super) stop: CancellationToken,
}

// === impl Condition ===

impl Readiness for Condition {
    fn obstacles(&self) -> Vec<String> {
        let draining = self
            .stop
            .is_cancelled()
            .then(|| "the gateway stops".to_owned());
        draining
            .into_iter()
            .chain(self.encoders.obstacle())
            .collect()
    }

    fn cage(&self) -> CageView {
        let report = self.encoders.cage();
        CageView {
            status: report.as_ref().map_or("unknown", CageReport::status),
            missing: report.map_or_else(Vec::new, |report| report.missing()),
            is_wanted: self.encoders.cage_mode() != CageMode::Off,
        }
    }

    fn warnings(&self) -> Vec<String> {
        let overload = self.sessions.pressure().refusal();
        let overload = overload.map(|why| format!("no channel is started for now: {why}"));
        let polls = self.reloader.polls().then(|| {
            "the system does not tell of changes of the configuration's file (inotify); it is looked at every second"
                .to_owned()
        });
        let state = self.sessions.unwritten();
        overload.into_iter().chain(polls).chain(state).collect()
    }
}

/// Takes as many file descriptors as the system allows: a viewer needs one, a channel about eight.
pub(super) fn raise_descriptors() {
    let before = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: before.maximum,
        ..before
    };
    if before.current != before.maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        warn!(%error, "the limit of file descriptors cannot be raised");
    }
    match getrlimit(Resource::Nofile).current {
        Some(few) if few < FEW_DESCRIPTORS => {
            warn!(
                descriptors = few,
                "few viewers can be served: raise the limit of open files (LimitNOFILE of systemd, `ulimit -n`)"
            );
        }
        Some(descriptors) => info!(descriptors, "file descriptors"),
        None => {}
    }
}
