//! Who strikes one channel again and again, and waits each time until it has recovered.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::client::Client;
use crate::gateway::PATIENCE;
use crate::source_server::{Fault, SourceServer};
use crate::table::{Kind, Table};

/// From one fault to the next.
const BETWEEN: Duration = Duration::from_secs(8);

/// A gateway gives up a channel that loses five encoders in a minute, and one fault of a source may cost three: that is
/// not what is tested here, so a channel that has lost more than this is left alone.
const ENOUGH: u64 = 1;

/// The same numbers in every run with the same seed.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        // Seeds that differ by one should not look alike.
        Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    pub(crate) fn pause(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.below(most - least))
    }
}

/// See the module.
pub(crate) struct Striker {
    pub(crate) channel: String,
    pub(crate) client: Client,
    /// Only a channel with a source of the test's own has one.
    pub(crate) source: Option<Rc<SourceServer>>,
    pub(crate) chance: Chance,
    pub(crate) table: Rc<RefCell<Table>>,
}

// === impl Striker ===

impl Striker {
    /// Strikes until there is no time for another one; the state of the random numbers, for the next round.
    pub(crate) async fn run(mut self, until: Instant) -> Chance {
        loop {
            let pause = self.chance.pause(500, 4_000);
            tokio::time::sleep(pause).await;
            let session = self.session().await;
            if Instant::now() + Duration::from_secs(4) >= until {
                return self.chance;
            }
            if session["sources"][0]["recent_losses"].as_u64() > Some(ENOUGH) {
                continue;
            }
            let struck = Instant::now();
            let kind = self.strike().await;
            let ended = Instant::now();
            self.recover(kind).await;
            let took = ended.elapsed();
            self.table.borrow_mut().recovered(kind, took);
            let rest = BETWEEN.saturating_sub(struck.elapsed());
            tokio::time::sleep(rest.min(until.saturating_duration_since(Instant::now()))).await;
        }
    }

    async fn strike(&mut self) -> Kind {
        match (self.source.clone(), self.chance.below(10)) {
            (_, 0..=2) => self.signal(Kind::EncoderKilled, Signal::KILL).await,
            (_, 3) => self.signal(Kind::EncoderStopped, Signal::STOP).await,
            (None, 4..=6) => self.signal(Kind::EncoderStopped, Signal::STOP).await,
            (Some(source), 4..=9) => self.break_source(&source).await,
            _ => self.restart().await,
        }
    }

    async fn signal(&self, kind: Kind, signal: Signal) -> Kind {
        self.table.borrow_mut().injected(kind);
        let pid = self.pid().await;
        // It may have gone by itself since it was asked for.
        let _ = kill_process(pid, signal);
        kind
    }

    async fn restart(&self) -> Kind {
        self.table.borrow_mut().injected(Kind::SessionRestarted);
        self.pid().await;
        let session = self.session().await;
        let id = session["id"].as_str().unwrap();
        let path = format!("/api/v1/sessions/{id}/restart");
        let answer = self.client.request(Method::POST, &path, &[]).await;
        assert_eq!(answer.status, 202, "{:?}", answer.body);
        Kind::SessionRestarted
    }

    async fn break_source(&mut self, source: &SourceServer) -> Kind {
        let (kind, fault) = match self.chance.below(11) {
            0 => (Kind::SourceGone, Fault::Refused),
            1 => (Kind::SourceGone, Fault::Status(503)),
            2 => (Kind::SourceGone, Fault::Eof(Duration::ZERO)),
            3 => (Kind::SourceGone, Fault::Reset(Duration::ZERO)),
            4 => (Kind::SourceGone, Fault::NoSegments),
            5 | 6 => (Kind::SourceSilent, Fault::Stall),
            7 => (Kind::SourceSilent, Fault::Drip),
            8 => (Kind::SourceSilent, Fault::Frozen),
            9 => (Kind::SourceSilent, Fault::OldPlaylist),
            _ => (Kind::SourceNonsense, Fault::Garbage),
        };
        self.table.borrow_mut().injected(kind);
        source.set(fault);
        let pause = self.chance.pause(500, 4_000);
        tokio::time::sleep(pause).await;
        source.set(Fault::None);
        kind
    }

    async fn session(&self) -> Value {
        let answer = self.client.get("/debug/sessions").await;
        let all: Value = serde_json::from_slice(&answer.body).unwrap();
        let mut all = all.as_array().unwrap().iter();
        let found = all.find(|session| session["channel"] == self.channel.as_str());
        found.cloned().unwrap_or_default()
    }

    /// The encoder that runs; waits for one.
    async fn pid(&self) -> Pid {
        let since = Instant::now();
        loop {
            let session = self.session().await;
            if let Some(pid) = session["encoder"]["pid"].as_i64() {
                return Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
            }
            assert!(since.elapsed() < PATIENCE, "no encoder: {session:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits for whole segments that nobody had before.
    async fn recover(&self, kind: Kind) {
        let newest = |session: &Value| session["renditions"][0]["window"]["last_msn"].as_u64();
        let since = Instant::now();
        let before = newest(&self.session().await).unwrap_or_default();
        loop {
            let session = self.session().await;
            if newest(&session).is_some_and(|newest| newest >= before + 2) {
                return;
            }
            let channel = &self.channel;
            assert!(
                since.elapsed() < PATIENCE,
                "{channel} does not recover from {kind}: {session:#}"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
