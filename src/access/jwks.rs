//! The public keys of another issuer: read from a file or fetched, kept, and renewed. Keys that were good stay in force
//! while newer ones are not to be had.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use parking_lot::Mutex;

use crate::client::{Client, USER_AGENT, explain, target};
use crate::config::JwksSource;
use crate::security::KeySet;

/// How often keys are fetched again.
const RENEW: Duration = Duration::from_secs(300);
/// After a failure, and when a token names a key that is not known: not more often than this.
const PAUSE: Duration = Duration::from_secs(10);
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest set, in bytes.
const MAX_SET: usize = 256 << 10;

/// Where keys are, and when they were looked for.
#[derive(Debug, Default)]
pub(super) struct Library {
    state: Mutex<State>,
    /// One at a time looks for them.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    source: Option<JwksSource>,
    /// The last attempt, be it good or bad.
    tried: Option<Instant>,
    renew_at: Option<Instant>,
}

// === impl Library ===

impl Library {
    /// Keys are here from now on; if that is somewhere else, they are due at once.
    pub(super) fn aim(&self, source: Option<JwksSource>) {
        let mut state = self.state.lock();
        if state.source == source {
            return;
        }
        *state = State {
            source,
            ..State::default()
        };
    }

    /// How long there is nothing to do, and no longer than this.
    pub(super) fn wait(&self, most: Duration) -> Duration {
        let state = self.state.lock();
        match (&state.source, state.tried) {
            (Some(_), None) => Duration::ZERO,
            _ => most,
        }
    }

    /// Whether looking again may help somebody who asks now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let state = self.state.lock();
        state.source.is_some() && state.may_ask(now)
    }

    /// Looks for keys if that is due, or somebody needs them who came then, and unless it was done since; `None` if
    /// there is nothing new to say.
    pub(super) async fn refresh(
        &self,
        client: &Client,
        since: Instant,
        is_needed: bool,
    ) -> Option<Result<KeySet, String>> {
        let _turn = self.turn.lock().await;
        let source = {
            let state = self.state.lock();
            let is_known = state.tried.is_some_and(|tried| tried >= since);
            let is_early = match is_needed {
                true => !state.may_ask(since),
                false => state.renew_at.is_some_and(|at| since < at),
            };
            if is_known || is_early {
                return None;
            }
            state.source.clone()?
        };
        let found = match &source {
            JwksSource::File(path) => read(path.clone()).await,
            JwksSource::Url(url) => {
                match tokio::time::timeout(TIMEOUT, fetch(client, url.expose())).await {
                    Ok(found) => found,
                    Err(_) => Err(format!("no answer within {} s", TIMEOUT.as_secs())),
                }
            }
        };
        let found = found.and_then(|bytes| KeySet::parse(&bytes));
        let mut state = self.state.lock();
        let now = Instant::now();
        state.tried = Some(now);
        let is_file = matches!(source, JwksSource::File(_));
        let is_soon = is_file || found.is_err();
        state.renew_at = Some(now + if is_soon { PAUSE } else { RENEW });
        Some(found)
    }
}

// === impl State ===

impl State {
    fn may_ask(&self, now: Instant) -> bool {
        self.tried.is_none_or(|tried| now >= tried + PAUSE)
    }
}

async fn read(path: std::path::PathBuf) -> Result<Vec<u8>, String> {
    let bytes = tokio::fs::read(&path).await;
    let bytes = bytes.map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    match bytes.len() > MAX_SET {
        true => Err(format!("{} has more than {MAX_SET} bytes", path.display())),
        false => Ok(bytes),
    }
}

async fn fetch(client: &Client, url: &str) -> Result<Vec<u8>, String> {
    let wrong = || "its URL cannot be asked for".to_owned();
    let (uri, authorization) = target(url).ok_or_else(wrong)?;
    let mut request = Request::get(uri).header(header::USER_AGENT, USER_AGENT);
    if let Some(authorization) = authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    let request = request
        .body(Full::<Bytes>::default())
        .map_err(|_| wrong())?;
    let response = client
        .request(request)
        .await
        .map_err(|error| explain(&error))?;
    if response.status() != http::StatusCode::OK {
        return Err(format!("the server answers {}", response.status()));
    }
    let body = Limited::new(response.into_body(), MAX_SET).collect().await;
    let body =
        body.map_err(|_| format!("the answer breaks off, or has more than {MAX_SET} bytes"))?;
    Ok(body.to_bytes().to_vec())
}
