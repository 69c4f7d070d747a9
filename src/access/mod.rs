//! Who is let in: the rules in force, tokens that are known to be genuine, who else is asked, and how many watch.
//!
//! Belongs here: when keys are read and fetched, what is remembered of decisions, limits of viewers. Does not belong
//! here: what a token says ([`crate::security`]), where in a request it is, and with which status it is refused.

mod check;
mod jwks;
mod rules;
mod seats;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::client::{Client, client};
use crate::config::Config;
use crate::security::{Asked, Grant, Refusal};

use check::{Checks, Errand};
use jwks::Library;
use rules::Rules;
use seats::{Groups, Seats};

pub use rules::secret_of;
pub use seats::Seated;

/// How often files with keys are looked at again, and sets of keys that are due.
const LOOK: Duration = Duration::from_secs(15);
const CONNECT: Duration = Duration::from_secs(5);

/// Decides who is let in.
#[derive(Debug)]
pub struct Gate {
    /// Whether there is anything to decide: the one look that a gateway without rules pays for.
    is_on: AtomicBool,
    rules: ArcSwap<Rules>,
    library: Library,
    checks: Checks,
    seats: Arc<Seats>,
    client: OnceLock<Client>,
}

/// Somebody who wants to see something of a channel.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    /// Which one.
    pub channel: &'a str,
    /// What was shown.
    pub token: Option<&'a str>,
    /// From where.
    pub address: IpAddr,
    /// What tells viewers with the same address apart.
    pub agent: &'a str,
    /// How long it watches by this.
    pub stay: Stay,
    /// By the clock that only goes forward.
    pub at: Instant,
    /// Seconds since 1970.
    pub now: i64,
}

/// How long a request makes somebody a viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stay {
    /// Not at all: it looks, or loads what a playlist named.
    Look,
    /// Until the next playlist is due.
    Playlist,
    /// As long as the answer goes on.
    Stream,
}

/// What becomes of somebody.
#[derive(Debug)]
pub enum Verdict {
    /// It may see it.
    Admitted(Admission),
    /// It may not.
    Refused(Denial),
    /// That is not known yet: wait for [`Question::answer`] and ask again.
    Unknown(Question),
}

/// Why somebody may see something, and for how long.
#[derive(Debug, Default)]
pub struct Admission {
    /// Not everybody may.
    pub is_guarded: bool,
    /// The second in which it ends, since 1970.
    pub expires: Option<i64>,
    /// Its place, if places are counted and it is kept as long as this is.
    pub seated: Option<Seated>,
}

/// Why somebody may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// It has shown no token.
    NoToken,
    /// It has shown one that does not count.
    Token(Refusal),
    /// Who is asked says no.
    Check,
    /// Who is asked does not answer.
    Unanswered,
    /// As many watch as may.
    Full {
        /// `token`, `address` or `channel`.
        limit: &'static str,
        /// As many.
        most: usize,
        /// When somebody may have left.
        retry_after: Duration,
    },
}

/// What has to be found out before a decision.
#[derive(Debug)]
pub struct Question(Open);

#[derive(Debug)]
enum Open {
    /// Whether there are newer keys than when this was asked.
    Keys(Instant),
    /// What somebody else says.
    Check(Box<Errand>),
}

// === impl Gate ===

impl Gate {
    /// Everybody is let in until rules are applied.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            is_on: AtomicBool::new(false),
            rules: ArcSwap::default(),
            library: Library::default(),
            checks: Checks::default(),
            seats: Arc::default(),
            client: OnceLock::new(),
        })
    }

    /// With the rules of this configuration, as [`Self::apply`].
    pub fn of(config: &Config) -> Arc<Self> {
        let gate = Self::new();
        gate.apply(config);
        gate
    }

    /// Puts the rules of this configuration in force. Reads files with keys; one that cannot be read is told, and
    /// tokens that need it are refused.
    pub fn apply(&self, config: &Config) {
        let before = self.rules.load_full();
        let rules = Rules::new(config, &before);
        rules.tell_troubles(&before);
        self.library.aim(rules.jwks());
        self.put(rules);
    }

    /// Keeps keys new until the token is cancelled.
    pub async fn run(&self, stop: &CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.library.wait(LOOK)) => {}
                () = stop.cancelled() => return,
            }
            let before = self.rules.load_full();
            if let Some(rules) = before.renewed() {
                rules.tell_troubles(&before);
                // A configuration that was applied meanwhile is newer.
                self.replace(&before, rules);
            }
            self.fetch_keys(Instant::now(), false).await;
        }
    }

    /// Whether anybody could be refused.
    pub fn is_on(&self) -> bool {
        self.is_on.load(Relaxed)
    }

    /// Whether segments of guarded channels are for everybody who knows their URL.
    pub fn segments_are_open(&self) -> bool {
        self.rules.load().segments_are_open()
    }

    /// Decides. Takes a place for a viewer that is let in, if places are counted.
    pub fn decide(&self, visit: &Visit<'_>) -> Verdict {
        let rules = self.rules.load();
        let Some(channel) = rules.channel(visit.channel) else {
            return Verdict::Admitted(Admission::default());
        };
        let mut admission = Admission::default();
        let mut name = None;
        if channel.is_guarded {
            admission.is_guarded = true;
            match self.grant(&rules, visit) {
                Ok(Some(grant)) => {
                    admission.expires = Some(grant.expires);
                    name.clone_from(&grant.name);
                }
                Ok(None) => {}
                Err(verdict) => return verdict,
            }
        }
        let groups = Groups {
            token: rules.per_token.filter(|_| channel.is_guarded),
            address: rules.per_address,
            channel: channel.max_viewers,
        };
        match self
            .seats
            .take(visit, name.as_deref(), groups, channel.hold)
        {
            Ok(seated) => Verdict::Admitted(Admission {
                seated,
                ..admission
            }),
            Err(denial) => Verdict::Refused(denial),
        }
    }

    /// What the visitor's token grants; `None` if somebody else decides alone, and has said yes.
    fn grant(&self, rules: &Rules, visit: &Visit<'_>) -> Result<Option<Arc<Grant>>, Verdict> {
        let refused = |denial| Err(Verdict::Refused(denial));
        let mut grant = None;
        if rules.reads_tokens() {
            let Some(token) = visit.token else {
                return refused(Denial::NoToken);
            };
            let asked = Asked {
                channel: visit.channel,
                address: visit.address,
                now: visit.now,
            };
            let found = match rules.grant(token) {
                Err(Refusal::UnknownKey) if self.may_know_later(token, visit.at) => {
                    return Err(Verdict::Unknown(Question(Open::Keys(visit.at))));
                }
                Err(refusal) => return refused(Denial::Token(refusal)),
                Ok(found) => found,
            };
            if let Err(refusal) = found.allows(asked) {
                return refused(Denial::Token(refusal));
            }
            grant = Some(found);
        }
        let Some(check) = &rules.check else {
            return Ok(grant);
        };
        match self.checks.known(check, visit) {
            Some(Ok(())) => Ok(grant),
            Some(Err(denial)) => refused(denial),
            None => {
                let errand = Box::new(Errand::new(check.clone(), visit));
                Err(Verdict::Unknown(Question(Open::Check(errand))))
            }
        }
    }

    /// Whether a channel stands in somebody's lists: a public one, or one that the token is for.
    pub fn shows(&self, channel: &str, token: Option<&str>, address: IpAddr, now: i64) -> bool {
        let rules = self.rules.load();
        let is_guarded = rules.channel(channel).is_some_and(|rule| rule.is_guarded);
        if !is_guarded {
            return true;
        }
        let asked = Asked {
            channel,
            address,
            now,
        };
        match token {
            None => false,
            Some(_) if !rules.reads_tokens() => true,
            Some(token) => rules
                .grant(token)
                .is_ok_and(|grant| grant.allows(asked).is_ok()),
        }
    }

    /// Whether a channel needs a token.
    pub fn is_guarded(&self, channel: &str) -> bool {
        let rules = self.rules.load();
        rules.channel(channel).is_some_and(|rule| rule.is_guarded)
    }

    /// Whether there is a key to make tokens with.
    pub fn signs(&self) -> bool {
        self.rules.load().keys().first().is_some()
    }

    /// Whether a token is genuine, whatever it is for.
    pub fn knows(&self, token: &str) -> bool {
        self.rules.load().grant(token).is_ok()
    }

    /// Until when a token counts for anything here and now; `None` if it does not. What only somebody else can read
    /// counts until that one says no.
    pub fn valid_until(&self, token: &str, address: IpAddr, now: i64) -> Option<i64> {
        let rules = self.rules.load();
        if !rules.reads_tokens() {
            return Some(i64::MAX);
        }
        let grant = rules.grant(token).ok()?;
        grant.is_valid(address, now).ok()?;
        Some(grant.expires)
    }

    /// Makes a token with the first key; `None` if there is none.
    pub fn sign(&self, grant: &Grant) -> Option<String> {
        self.rules.load().keys().first().map(|key| key.sign(grant))
    }

    /// Whether a key that nobody knows may be known when the set of keys is fetched again.
    fn may_know_later(&self, token: &str, at: Instant) -> bool {
        !crate::security::token::is_own(token) && self.library.is_due(at)
    }

    async fn fetch_keys(&self, since: Instant, is_needed: bool) {
        let Some(found) = self.library.refresh(self.client(), since, is_needed).await else {
            return;
        };
        match found {
            Ok(keys) => {
                let before = self.rules.load_full();
                self.replace(&before, before.with_public_keys(keys));
            }
            Err(why) => warn!("the public keys of [access.jwt] are not renewed: {why}"),
        }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| client(CONNECT))
    }

    fn put(&self, rules: Rules) {
        let is_on = rules.decide_anything();
        self.rules.store(Arc::new(rules));
        self.is_on.store(is_on, Relaxed);
    }

    /// Puts rules in force in the place of those that they were made of, and of no others.
    fn replace(&self, before: &Arc<Rules>, rules: Rules) {
        self.rules.compare_and_swap(before, Arc::new(rules));
    }
}

// === impl Question ===

impl Question {
    /// Finds it out, within a bounded time. Many who ask the same wait for the same answer.
    pub async fn answer(self, gate: &Gate) {
        match self.0 {
            Open::Keys(since) => gate.fetch_keys(since, true).await,
            Open::Check(errand) => gate.checks.ask(gate.client(), *errand).await,
        }
    }
}
