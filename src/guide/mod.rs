//! The guides in force: fetched, read, kept, refreshed, and rendered once for everybody.
//!
//! Belongs here: when a guide is read again, what becomes of one that is broken, which channel has which programmes.
//! Does not belong here: what XMLTV says (`iptv`), who asks for it (`http`).
//!
//! Each source has a task of its own, so a request never waits for somebody else's server. A guide that cannot be read
//! leaves the one before in force and is tried again soon.

mod document;
mod fetch;
mod source;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

pub use document::Document;
pub use source::Status;

use crate::config::{ChannelSpec, Config, GuideSource};
use crate::egress::{Client, Egress};
use crate::iptv::{Lineup, Programme};
use document::Shelf;
use source::Source;

/// All guides.
#[derive(Debug)]
pub struct Guides {
    standing: ArcSwap<Standing>,
    /// One configuration after the other.
    applying: Mutex<()>,
    shelf: Shelf,
    /// Made for the first URL: it reads the certificate authorities of the host.
    client: OnceLock<Client>,
    /// Which addresses are fetched from: a list from somewhere else may name its guide.
    egress: Arc<Egress>,
    tasks: TaskTracker,
}

/// What the guides are for.
#[derive(Debug, Default)]
struct Standing {
    lineup: Lineup,
    /// For channels that name none.
    default: Option<GuideSource>,
    sources: HashMap<GuideSource, Arc<Source>>,
    /// Which configuration this is of.
    generation: u64,
}

// === impl Guides ===

impl Guides {
    /// None yet; they come from the internet only.
    pub fn new() -> Arc<Self> {
        Self::through(Egress::new(Vec::new()))
    }

    /// None yet; they come through `egress`.
    pub fn through(egress: Arc<Egress>) -> Arc<Self> {
        Arc::new(Self {
            standing: ArcSwap::default(),
            applying: Mutex::default(),
            shelf: Shelf::default(),
            client: OnceLock::new(),
            egress,
            tasks: TaskTracker::new(),
        })
    }

    /// From now on these are the channels and their guides. A guide that stays as it was is not read again; one that
    /// is wanted for other channels keeps what it has until it was read. Needs a runtime around it; never waits.
    pub fn apply(&self, config: &Config) {
        let _turn = self.applying.lock();
        let before = self.standing.load_full();
        let mut wanted: HashMap<&GuideSource, HashSet<String>> = HashMap::new();
        for spec in &config.channels {
            if let Some(source) = spec.guide.as_ref().or(config.guide.source.as_ref()) {
                let channels = wanted.entry(source).or_default();
                channels.insert(spec.tvg_id().to_owned());
            }
        }
        let mut sources = HashMap::new();
        for (source, channels) in wanted {
            let known = before.sources.get(source);
            let refresh = config.guide.refresh;
            let kept = known.filter(|known| known.is_for(&channels, refresh));
            let running = match kept {
                Some(kept) => kept.clone(),
                None => self.start(Source::new(source.clone(), channels, refresh, known)),
            };
            sources.insert(source.clone(), running);
        }
        let is_kept = |old: &Arc<Source>| sources.values().any(|new| Arc::ptr_eq(new, old));
        for gone in before.sources.values().filter(|old| !is_kept(old)) {
            gone.stop();
        }
        self.standing.store(Arc::new(Standing {
            lineup: Lineup::new(&config.channels),
            default: config.guide.source.clone(),
            sources,
            generation: before.generation + 1,
        }));
    }

    fn start(&self, source: Source) -> Arc<Source> {
        let source = Arc::new(source);
        let client = self.client.get_or_init(|| self.egress.client()).clone();
        self.tasks.spawn(source.clone().run(client));
        source
    }

    /// The programmes of a channel, the earliest first; `None` if nothing is known of it.
    pub fn programmes(&self, spec: &ChannelSpec) -> Option<Arc<[Programme]>> {
        self.standing.load().programmes(spec)
    }

    /// The whole guide as XMLTV. Rendered when it is asked for first, then the same for everybody until it changes;
    /// never fetched for it.
    pub async fn document(&self, now: Timestamp) -> Arc<Document> {
        let standing = self.standing.load_full();
        self.shelf.document(standing, now).await
    }

    /// How each guide is doing.
    pub fn status(&self) -> Vec<Status> {
        let standing = self.standing.load();
        let mut all: Vec<Status> = standing
            .sources
            .values()
            .map(|source| source.status())
            .collect();
        all.sort_by(|a, b| a.label.cmp(&b.label));
        all
    }

    /// Ends all tasks.
    pub async fn drain(&self) {
        for source in self.standing.load().sources.values() {
            source.stop();
        }
        self.tasks.close();
        self.tasks.wait().await;
    }
}

// === impl Standing ===

impl Standing {
    fn programmes(&self, spec: &ChannelSpec) -> Option<Arc<[Programme]>> {
        let source = spec.guide.as_ref().or(self.default.as_ref())?;
        self.sources.get(source)?.programmes(spec.tvg_id())
    }

    /// Changes whenever something else is to be rendered.
    fn version(&self) -> u64 {
        let versions = self.sources.values().map(|source| source.version());
        versions.sum::<u64>().wrapping_add(self.generation << 32)
    }
}
