//! The map of all channels and their sessions: the one home of the shared map.
//!
//! A channel has at most one session. No guard of the map leaves this file or lives across an await.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use dashmap::DashMap;
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::actor;
use super::admission::{Refused, Starts};
use super::error::ServeError;
use super::handle::Session;
use super::launch::Encoders;
use super::ledger::Ledger;
use super::report::{HoldReport, SessionReport, ViewerReport};
use super::run::Floor;
use super::status::{Command, Status};
use super::thumbnail::{Sitting, Studio, ThumbnailCounts, no_picture};
use super::viewers::{Heartbeat, Viewer};
use crate::base::ChannelId;
use crate::config::{ChannelSpec, Config, ServerConfig};
use crate::events::Events;
use crate::pressure::Pressure;

/// All channels and their sessions.
#[derive(Debug)]
pub struct SessionMap {
    catalogue: ArcSwap<Catalogue>,
    /// Looked up for each request; only channels of the configuration get in, so a quick hash is no gift to anybody.
    sessions: DashMap<ChannelId, Arc<Session>, RandomState>,
    shared: Arc<Shared>,
}

/// What all sessions share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) encoders: Arc<Encoders>,
    pub(super) events: Arc<Events>,
    ledger: Arc<Ledger>,
    pub(super) tasks: TaskTracker,
    pub(super) running: AtomicUsize,
    draining: AtomicBool,
    pub(super) max_sessions: AtomicUsize,
    /// Bytes that all media may take, if that is configured.
    pub(super) max_segment_memory: Mutex<Option<u64>>,
    pub(super) starts: Starts,
    pub(super) refused: Refused,
    pub(super) pressure: Pressure,
    pub(super) studio: Studio,
}

/// The channels of the configuration in force.
#[derive(Debug)]
struct Catalogue {
    list: Vec<Arc<ChannelSpec>>,
    by_id: HashMap<ChannelId, Arc<ChannelSpec>>,
}

// === impl SessionMap ===

impl SessionMap {
    /// No session runs yet.
    pub fn new(
        config: &Config,
        encoders: Arc<Encoders>,
        events: Arc<Events>,
        ledger: Ledger,
    ) -> Arc<Self> {
        let limits = &config.server.limits.starts;
        Arc::new(Self {
            catalogue: ArcSwap::from_pointee(Catalogue::new(config)),
            sessions: DashMap::default(),
            shared: Arc::new(Shared {
                encoders,
                events,
                ledger: Arc::new(ledger),
                tasks: TaskTracker::new(),
                running: AtomicUsize::new(0),
                draining: AtomicBool::new(false),
                max_sessions: AtomicUsize::new(config.server.max_sessions),
                max_segment_memory: Mutex::new(limits.max_segment_memory),
                starts: Starts::new(limits),
                refused: Refused::default(),
                pressure: Pressure::new(limits),
                studio: Studio::default(),
            }),
        })
    }

    pub(super) fn set_catalogue(&self, config: &Config) {
        self.catalogue.store(Arc::new(Catalogue::new(config)));
    }

    /// Sessions that run already go on, even if they are more.
    pub(super) fn set_limits(&self, server: &ServerConfig) {
        let limits = &server.limits.starts;
        let shared = &self.shared;
        shared
            .max_sessions
            .store(server.max_sessions, Ordering::SeqCst);
        *shared.max_segment_memory.lock() = limits.max_segment_memory;
        shared.pressure.set_limits(limits);
    }

    /// What the machine has left.
    pub fn pressure(&self) -> &Pressure {
        &self.shared.pressure
    }

    /// That sequence numbers cannot be written down, for people.
    pub fn unwritten(&self) -> Option<String> {
        let words = "sequence numbers cannot be written down; is the disk full? ([server] state)";
        let is_so = self.shared.ledger.is_unwritten();
        is_so.then(|| words.to_owned())
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Every session that there is, running or not.
    pub(super) fn sessions(&self) -> Vec<Arc<Session>> {
        let entries = self.sessions.iter();
        entries.map(|entry| entry.value().clone()).collect()
    }

    /// The session of a channel, also of one that is gone.
    pub(super) fn session_of(&self, channel: &ChannelId) -> Option<Arc<Session>> {
        self.sessions
            .get(channel)
            .map(|entry| entry.value().clone())
    }

    /// All channels, in the order of the file.
    pub fn channels(&self) -> Vec<Arc<ChannelSpec>> {
        self.catalogue.load().list.clone()
    }

    /// One channel.
    pub fn channel(&self, id: &str) -> Option<Arc<ChannelSpec>> {
        self.catalogue.load().by_id.get(id).cloned()
    }

    /// A viewer's playlist request: counts the viewer, renews the deadline, and starts the channel if it does not run.
    pub fn join(&self, channel: &str, viewer: Viewer<'_>) -> Result<Arc<Session>, ServeError> {
        let session = match self.existing(channel) {
            Some(session) => session,
            None => self.create(channel)?,
        };
        session.admit(viewer)?;
        // The order matters: an actor that is about to stop looks for heartbeats after it has said so.
        let is_first = session.touch(viewer, Heartbeat::Playlist);
        let runs = matches!(&*session.status.borrow(), Status::Active(_));
        if !runs || is_first {
            self.arrive(&session)?;
        }
        Ok(session)
    }

    /// A viewer's media request: renews the deadline of a session that runs, never starts one.
    pub fn running(&self, channel: &str, viewer: Viewer<'_>) -> Result<Arc<Session>, ServeError> {
        let session = self
            .existing(channel)
            .ok_or_else(|| match self.channel(channel) {
                Some(_) => {
                    ServeError::NotFound(format!("media of channel {channel}, which does not run,"))
                }
                None => ServeError::UnknownChannel(channel.into()),
            })?;
        session.admit(viewer)?;
        session.touch(viewer, Heartbeat::Media);
        Ok(session)
    }

    /// Asks for a channel's picture. Whoever looks at pictures is no viewer: nothing starts and nothing is kept running.
    ///
    /// # Errors
    /// There is no such channel, or it has not run yet.
    pub fn thumbnail(&self, channel: &str) -> Result<Sitting, ServeError> {
        match (self.existing(channel), self.channel(channel)) {
            (Some(session), Some(_)) => Ok(Sitting::new(session, self.shared.clone())),
            (None, Some(_)) => Err(no_picture(channel)),
            (_, None) => Err(ServeError::UnknownChannel(channel.into())),
        }
    }

    /// How many pictures have been made.
    pub fn thumbnail_counts(&self) -> ThumbnailCounts {
        self.shared.studio.counts()
    }

    /// What happens in all of them.
    pub fn events(&self) -> &Arc<Events> {
        &self.shared.events
    }

    /// Every session that runs or has something to tell, in the order of the channels.
    pub fn reports(&self) -> Vec<SessionReport> {
        let list = self.channels();
        list.iter()
            .filter_map(|spec| self.existing(spec.id.as_str()))
            .map(|session| session.report())
            .collect()
    }

    /// One session by its identifier.
    pub fn report(&self, id: Uuid) -> Option<SessionReport> {
        self.by_id(id).map(|session| session.report())
    }

    /// The session of a channel, if it has one.
    pub fn report_of_channel(&self, channel: &str) -> Option<SessionReport> {
        self.existing(channel).map(|session| session.report())
    }

    /// Who watches a session.
    pub fn viewers(&self, id: Uuid) -> Option<Vec<ViewerReport>> {
        self.by_id(id).map(|session| session.viewer_reports())
    }

    /// Stops a session now, whoever watches. `false` if there is none that runs.
    pub fn stop(&self, id: Uuid) -> bool {
        self.by_id(id)
            .is_some_and(|session| session.send(Command::Stop("an operator stopped it")))
    }

    /// Restarts the encoder of a session. `false` if there is none that runs.
    pub fn restart(&self, id: Uuid) -> bool {
        self.by_id(id)
            .is_some_and(|session| session.send(Command::Restart))
    }

    /// The channel of a session.
    pub fn channel_of(&self, id: Uuid) -> Option<Arc<ChannelSpec>> {
        self.by_id(id).map(|session| session.spec())
    }

    /// Lets the source of this position take over. `false` if there is no session that runs.
    pub fn switch_source(&self, id: Uuid, position: usize) -> bool {
        self.by_id(id)
            .is_some_and(|session| session.send(Command::SwitchSource(position)))
    }

    /// Starts a channel without a viewer, and keeps it for so long; an operator's stop ends that too.
    ///
    /// # Errors
    /// [`ServeError::UnknownChannel`], and [`ServeError::Unavailable`] if no more channels may run.
    pub fn start_ahead(&self, channel: &str, lasting: Duration) -> Result<HoldReport, ServeError> {
        let session = match self.existing(channel) {
            Some(session) => session,
            None => self.create(channel)?,
        };
        let until = Instant::now() + lasting;
        // As in `join`: an actor that is about to stop looks for leases after it has said so.
        session.viewers.hold_until(until);
        if let Err(refused) = self.arrive(&session) {
            session.viewers.let_go();
            return Err(refused);
        }
        // Again: an actor that was just leaving has forgotten the first one.
        session.viewers.hold_until(until);
        Ok(session.hold_report(until))
    }

    /// Ends the lease of a viewer of a session, who is refused for a while. `None` if there is no such session,
    /// `Some(false)` if it has no such viewer.
    pub fn kick(&self, id: Uuid, viewer: u64) -> Option<bool> {
        let session = self.by_id(id)?;
        Some(session.viewers.kick(viewer, Instant::now()))
    }

    /// Refuses new viewers, answers who waits, stops every session and waits until all encoders are gone.
    pub async fn drain(&self) {
        self.shared.draining.store(true, Ordering::SeqCst);
        for session in self.sessions() {
            session.send(Command::Stop("the gateway stops"));
        }
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    fn existing(&self, channel: &str) -> Option<Arc<Session>> {
        let found = self.sessions.get(channel)?.value().clone();
        (!found.is_removed()).then_some(found)
    }

    fn create(&self, channel: &str) -> Result<Arc<Session>, ServeError> {
        let spec = self
            .channel(channel)
            .ok_or_else(|| ServeError::UnknownChannel(channel.into()))?;
        let entry = self.sessions.entry(spec.id.clone()).or_insert_with(|| {
            let floor = Floor::new(spec.id.clone(), self.shared.ledger.clone());
            Arc::new(Session::new(spec, floor))
        });
        Ok(entry.value().clone())
    }

    fn by_id(&self, id: Uuid) -> Option<Arc<Session>> {
        self.sessions
            .iter()
            .map(|entry| entry.value().clone())
            .find(|session| session.facts.lock().id == id)
    }

    /// Tells the session's actor that somebody asks; starts the actor if there is none.
    fn arrive(&self, session: &Arc<Session>) -> Result<(), ServeError> {
        let refused = |reason: String, seconds| ServeError::Unavailable {
            channel: session.id.to_string(),
            reason,
            retry_after: Duration::from_secs(seconds),
        };
        let admit = || {
            // Looked at while nobody else is at the door: a drain sends its word through it afterwards.
            if self.shared.is_draining() {
                return Err(refused("the gateway stops".into(), 5));
            }
            // And so does the removal of the channel.
            if session.is_removed() {
                return Err(ServeError::UnknownChannel(session.id.to_string()));
            }
            Ok(())
        };
        let tell = |inbox: &UnboundedSender<Command>| {
            let _ = inbox.send(Command::ViewerArrived);
        };
        let start = || {
            let seat = self.take_seat(session)?;
            Ok(actor::spawn(&self.shared, session, seat))
        };
        session.door.arrive(admit, tell, start).map(|_| ())
    }
}

// === impl Catalogue ===

impl Catalogue {
    fn new(config: &Config) -> Self {
        let by_id = config.channels.iter();
        Self {
            list: config.channels.clone(),
            by_id: by_id.map(|spec| (spec.id.clone(), spec.clone())).collect(),
        }
    }
}

// === impl Shared ===

impl Shared {
    /// The gateway stops: nothing new may start.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }
}

// === impl Session ===

impl Session {
    /// Refuses a viewer that was sent away.
    fn admit(&self, viewer: Viewer<'_>) -> Result<(), ServeError> {
        match self.viewers.refused(viewer, viewer.at) {
            None => Ok(()),
            Some(retry_after) => Err(ServeError::Kicked {
                channel: self.id.to_string(),
                retry_after,
            }),
        }
    }

    /// Reaches the actor, if it runs.
    fn send(&self, command: Command) -> bool {
        self.door
            .with(|inbox| inbox.is_some_and(|inbox| inbox.send(command).is_ok()))
    }
}
