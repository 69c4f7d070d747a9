//! A changed file becomes the configuration in force: whoever asks for it (the watch, a signal, an operator), one at a
//! time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{Access, Announcer, endpoints};
use crate::access::Gate;
use crate::config::watch::Watch;
use crate::config::{Change, Config, ConfigDiff, ConfigHolder, Outcome};
use crate::egress::Egress;
use crate::events::{EventKind, Events};
use crate::guide::Guides;
use crate::http::Configuration;
use crate::session::SessionMap;
use crate::telemetry::Reloads;
use crate::webhook::Webhooks;

/// Reads the file again and puts in force what it says.
#[derive(Debug)]
pub struct Reloader {
    holder: Arc<ConfigHolder>,
    told: Told,
    events: Arc<Events>,
    counts: Arc<Reloads>,
    one_at_a_time: tokio::sync::Mutex<()>,
    polls: AtomicBool,
}

/// Who is told of a new configuration.
#[derive(Debug)]
pub struct Told {
    /// The channels.
    pub sessions: Arc<SessionMap>,
    /// Other programs.
    pub webhooks: Arc<Webhooks>,
    /// The programmes.
    pub guides: Arc<Guides>,
    /// Who is let in.
    pub gate: Arc<Gate>,
    /// What is found on networks.
    pub discovery: Arc<Announcer>,
    /// Who operators are.
    pub access: Arc<Access>,
    /// The way out of ffmpeg.
    pub egress: Arc<Egress>,
}

// === impl Reloader ===

impl Reloader {
    /// Nothing is read yet.
    pub fn new(
        holder: Arc<ConfigHolder>,
        told: Told,
        events: Arc<Events>,
        counts: Arc<Reloads>,
    ) -> Arc<Self> {
        Arc::new(Self {
            holder,
            told,
            events,
            counts,
            one_at_a_time: tokio::sync::Mutex::default(),
            polls: AtomicBool::new(false),
        })
    }

    /// What is in force.
    pub fn config(&self) -> Arc<Config> {
        self.holder.standing().config.clone()
    }

    /// Whether the file has to be looked at, because the system does not tell of its changes.
    pub fn polls(&self) -> bool {
        self.polls.load(Relaxed)
    }

    /// Reads, compares, applies and tells. `why` is who wants it, for the log.
    pub async fn look(&self, why: &'static str) -> Outcome {
        let _turn = self.one_at_a_time.lock().await;
        let holder = self.holder.clone();
        let reading = tokio::task::spawn_blocking(move || holder.reload(Timestamp::now()));
        let outcome = match reading.await {
            Ok(outcome) => outcome,
            Err(error) => {
                error!("the configuration was not read: {error}");
                return Outcome::Same;
            }
        };
        // Also when the file says the same: tokens have files of their own.
        self.renew_access().await;
        match &outcome {
            Outcome::Replaced(config, diff) => {
                self.counts.applied();
                self.apply(config, diff, why);
            }
            Outcome::Refused(refused) => {
                self.counts.refused();
                error!(
                    why,
                    "the configuration is refused, and the one before stays in force\n{}",
                    refused.text
                );
                let error = refused.summary.clone();
                self.tell(EventKind::ConfigRefused { error });
            }
            Outcome::Same | Outcome::StillRefused(_) | Outcome::NoFile => {}
        }
        outcome
    }

    async fn renew_access(&self) {
        let (access, config) = (self.told.access.clone(), self.config());
        let applying = tokio::task::spawn_blocking(move || access.apply(&config));
        if let Err(error) = applying.await {
            error!("tokens of operators were not read: {error}");
        }
    }

    /// Looks whenever the file may have changed, until the token is cancelled.
    pub async fn watch(&self, stop: &CancellationToken) {
        let Some(origin) = self.holder.origin() else {
            return;
        };
        let mut watch = Watch::new(&origin.path);
        if let Some(why) = watch.is_untold() {
            warn!(
                "the system does not tell of changes of the configuration's file, so it is looked at every second: {why}"
            );
            self.polls.store(true, Relaxed);
        }
        let look = async {
            // Something may have been written since the start.
            loop {
                self.look("the file was watched").await;
                watch.changed().await;
            }
        };
        tokio::select! {
            () = look => {}
            () = stop.cancelled() => {}
        }
    }

    fn apply(&self, config: &Config, diff: &ConfigDiff, why: &'static str) {
        // First of all: a channel that is there is guarded already, and what restarts now may need its way out.
        self.told.gate.apply(config);
        self.told.egress.allow(config.server.allow_private.clone());
        self.told.sessions.apply(config, diff);
        if diff.webhooks_changed {
            self.told.webhooks.apply(endpoints(config));
        }
        self.told.guides.apply(config);
        self.told.discovery.apply(config);
        let (added, removed, changed) = (diff.added.len(), diff.removed.len(), diff.changed.len());
        info!(why, added, removed, changed, "a configuration is in force");
        for (spec, change) in &diff.changed {
            info!(channel = %spec.id, "{}", words(*change));
        }
        let waiting = self.holder.needs_restart();
        if !waiting.is_empty() {
            let keys = waiting.join(", ");
            warn!("these keys hold only when Headgate is started again: {keys}");
        }
        self.tell(EventKind::ConfigApplied {
            added: diff.added.iter().map(|spec| spec.id.clone()).collect(),
            removed: diff.removed.clone(),
            changed: diff
                .changed
                .iter()
                .map(|(spec, _)| spec.id.clone())
                .collect(),
        });
    }

    fn tell(&self, kind: EventKind) {
        self.events.emit(Timestamp::now(), None, None, kind);
    }
}

impl Configuration for Reloader {
    fn holder(&self) -> &ConfigHolder {
        &self.holder
    }

    fn reload(&self) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        Box::pin(self.look("an operator asked for it"))
    }
}

fn words(change: Change) -> &'static str {
    match change {
        Change::Relabelled => "relabelled; its encoder goes on",
        Change::Retimed => "other times hold; its encoder goes on",
        Change::Restarted => "another encoder is needed; one that runs is replaced",
    }
}
