//! Somebody else who is asked about viewers over HTTP, and what is remembered of the answers.
//!
//! A POST with `{"channel", "address", "agent", "token"}`. 2xx lets the viewer in, 4xx does not; anything else is no
//! answer. Questions that are the same wait for one answer, and so many different ones are asked at a time.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use http_body_util::Full;
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::{OnceCell, Semaphore};
use tracing::warn;

use super::{Denial, Visit};
use crate::client::{Client, USER_AGENT, explain, target};
use crate::config::CheckSpec;

/// Answers that are remembered.
const MAX_KNOWN: usize = 20_000;
/// Questions that are asked at a time.
const AT_A_TIME: usize = 64;
/// For how long it is remembered that there was no answer.
const UNANSWERED_FOR: Duration = Duration::from_secs(2);

/// What is known, and what is being asked.
#[derive(Debug)]
pub(super) struct Checks {
    hasher: RandomState,
    known: Mutex<HashMap<Key, Known>>,
    asking: Mutex<HashMap<Key, Arc<OnceCell<()>>>>,
    places: Semaphore,
}

/// Two keyed hashes: nobody can make two viewers the same.
type Key = (u64, u64);

#[derive(Debug, Clone)]
struct Known {
    answer: Said,
    until: Instant,
    /// Of whom it was asked.
    spec: Arc<CheckSpec>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Yes,
    No,
    Nothing,
}

/// Somebody waits for an answer; who leaves leaves nothing behind.
struct Asking<'a> {
    checks: &'a Checks,
    key: Key,
    cell: Arc<OnceCell<()>>,
}

/// A question to be asked.
#[derive(Debug)]
pub(super) struct Errand {
    spec: Arc<CheckSpec>,
    channel: Box<str>,
    address: IpAddr,
    agent: Box<str>,
    token: Option<Box<str>>,
}

// === impl Checks ===

impl Default for Checks {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            known: Mutex::default(),
            asking: Mutex::default(),
            places: Semaphore::new(AT_A_TIME),
        }
    }
}

impl Checks {
    /// What is known about the visitor; `None` is nothing.
    pub(super) fn known(
        &self,
        spec: &Arc<CheckSpec>,
        visit: &Visit<'_>,
    ) -> Option<Result<(), Denial>> {
        let key = self.key(visit.channel, visit.address, visit.token);
        let known = self.known.lock();
        let known = known.get(&key)?;
        if known.until <= Instant::now() || known.spec != *spec {
            return None;
        }
        Some(match known.answer {
            Said::Yes => Ok(()),
            Said::No => Err(Denial::Check),
            Said::Nothing if spec.open_on_error => Ok(()),
            Said::Nothing => Err(Denial::Unanswered),
        })
    }

    /// Asks, and remembers the answer.
    pub(super) async fn ask(&self, client: &Client, errand: Errand) {
        let key = self.key(&errand.channel, errand.address, errand.token.as_deref());
        let cell = self.asking.lock().entry(key).or_default().clone();
        let asking = Asking {
            checks: self,
            key,
            cell,
        };
        asking
            .cell
            .get_or_init(|| async {
                let answer = self.asked(client, &errand).await;
                self.remember(key, errand.spec.clone(), answer);
            })
            .await;
    }

    async fn asked(&self, client: &Client, errand: &Errand) -> Said {
        let answer = async {
            let _place = self
                .places
                .acquire()
                .await
                .map_err(|error| error.to_string())?;
            errand.ask(client).await
        };
        let why = match tokio::time::timeout(errand.spec.timeout, answer).await {
            Ok(Ok(said)) => return said,
            Ok(Err(why)) => why,
            Err(_) => format!("no answer within {:?}", errand.spec.timeout),
        };
        warn!(channel = %errand.channel, "[access.check] does not answer: {why}");
        Said::Nothing
    }

    fn remember(&self, key: Key, spec: Arc<CheckSpec>, answer: Said) {
        let now = Instant::now();
        let until = now
            + match answer {
                Said::Yes => spec.allow_for,
                Said::No => spec.deny_for,
                Said::Nothing => UNANSWERED_FOR,
            };
        let mut known = self.known.lock();
        if known.len() >= MAX_KNOWN {
            known.retain(|_, known| known.until > now);
        }
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(
            key,
            Known {
                answer,
                until,
                spec,
            },
        );
    }

    fn key(&self, channel: &str, address: IpAddr, token: Option<&str>) -> Key {
        let of = |salt: u8| self.hasher.hash_one((salt, channel, address, token));
        (of(0), of(1))
    }
}

// === impl Asking ===

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut all = self.checks.asking.lock();
        // The map has one, and this is the other: nobody else waits.
        if Arc::strong_count(&self.cell) <= 2 {
            all.remove(&self.key);
        }
    }
}

// === impl Errand ===

impl Errand {
    pub(super) fn new(spec: Arc<CheckSpec>, visit: &Visit<'_>) -> Self {
        Self {
            spec,
            channel: visit.channel.into(),
            address: visit.address,
            agent: visit.agent.into(),
            token: visit.token.map(Into::into),
        }
    }

    async fn ask(&self, client: &Client) -> Result<Said, String> {
        let wrong = || "its URL cannot be asked for".to_owned();
        let (uri, authorization) = target(self.spec.url.expose()).ok_or_else(wrong)?;
        let body = json!({
            "channel": &*self.channel,
            "address": self.address.to_canonical(),
            "agent": &*self.agent,
            "token": self.token.as_deref(),
        });
        let json = HeaderValue::from_static("application/json");
        let mut request = Request::post(uri)
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::CONTENT_TYPE, json);
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let body = Full::new(Bytes::from(body.to_string()));
        let request = request.body(body).map_err(|_| wrong())?;
        let response = client
            .request(request)
            .await
            .map_err(|error| explain(&error))?;
        let status = response.status();
        match status {
            _ if status.is_success() => Ok(Said::Yes),
            _ if status.is_client_error() => Ok(Said::No),
            _ => Err(format!("it answers {status}")),
        }
    }
}
