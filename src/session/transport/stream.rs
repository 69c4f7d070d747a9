//! A reader of the stream without an end: a place in what all readers share.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use bytes::Bytes;

use super::Pair;
use super::shelf::{MAX_BEHIND, Piece};
use crate::media::ts::{Program, splice};
use crate::session::handle::Session;
use crate::session::presence::Presence;
use crate::session::publish::Live;
use crate::session::status::Status;
use crate::session::viewers::Viewer;

/// A transport stream without an end. Its viewer watches for as long as it lives.
#[derive(Debug)]
pub struct TransportStream {
    presence: Presence,
    live: Arc<Live>,
    /// By name, or the best one of each run.
    wanted: Option<String>,
    /// What of the run is read.
    rendition: Option<String>,
    /// The segment and the piece that come next.
    at: Option<(u64, usize)>,
    /// What the reader has seen, for joining it to what does not follow.
    seen: Option<Arc<Program>>,
    /// What comes next does not follow what was read last.
    torn: bool,
}

enum Step {
    Give(Bytes),
    Wait,
    /// The run has nothing more.
    Over,
    /// It cannot be carried any more.
    Fail,
}

// === impl TransportStream ===

impl TransportStream {
    pub(super) fn new(
        session: &Arc<Session>,
        live: Arc<Live>,
        rendition: Option<&str>,
        viewer: Viewer<'_>,
    ) -> Self {
        session.transport_counts.streams.fetch_add(1, Relaxed);
        Self {
            presence: Presence::new(session, viewer),
            live,
            wanted: rendition.map(str::to_owned),
            rendition: None,
            at: None,
            seen: None,
            torn: false,
        }
    }

    /// The next packets: at once what is there, else as soon as it is published. `None` at the end: the channel has
    /// failed or was stopped, or an operator has sent the viewer away.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.presence.is_refused(Instant::now()) {
                return None;
            }
            let news = self.live.transport.news();
            match self.step() {
                Step::Give(bytes) => {
                    self.session().count_sent(bytes.len());
                    return Some(bytes);
                }
                Step::Wait => news.await,
                Step::Over => self.follow().await?,
                Step::Fail => return None,
            }
        }
    }

    fn session(&self) -> &Arc<Session> {
        self.presence.session()
    }

    fn step(&mut self) -> Step {
        let Some(pair) = self.pair() else {
            return Step::Over;
        };
        loop {
            let Some((msn, index)) = self.place(&pair) else {
                return Step::Wait;
            };
            let counts = &self.presence.session().transport_counts;
            match self.live.transport.piece(&pair, msn, index, counts) {
                Ok(Piece::Here(bytes, program)) => {
                    if self.torn {
                        self.torn = false;
                        let seen = self.seen.take().unwrap_or_else(|| program.clone());
                        return Step::Give(splice(&seen));
                    }
                    self.seen = Some(program);
                    self.at = Some((msn, index + 1));
                    return Step::Give(bytes);
                }
                Ok(Piece::Over) => self.at = Some((msn + 1, 0)),
                Ok(Piece::Wait) => return Step::Wait,
                Err(error) => {
                    tracing::warn!(channel = %self.session().id, msn, "a transport stream ends: {error}");
                    return Step::Fail;
                }
            }
        }
    }

    /// What is read of the run, as it is now.
    fn pair(&mut self) -> Option<Pair> {
        let name = self.rendition.as_deref().or(self.wanted.as_deref());
        let pair = match name {
            Some(name) => {
                let publication = self.live.rendition(name)?;
                let leader = publication.latest()?;
                Pair::of(&self.live, publication.name.clone(), leader)
            }
            None => Pair::best(&self.live)?,
        };
        self.rendition = Some(pair.name.to_string());
        Some(pair)
    }

    /// Where to read: where the reader is, or the newest random access point if it is new or too far behind.
    fn place(&mut self, pair: &Pair) -> Option<(u64, usize)> {
        let newest = newest(pair);
        match (self.at, newest) {
            (Some((msn, _)), Some(newest)) if msn + MAX_BEHIND < newest => {
                self.torn = true;
                self.session().transport_counts.moved.fetch_add(1, Relaxed);
                self.at = Some((newest, 0));
            }
            (None, Some(newest)) => self.at = Some((newest, 0)),
            _ => {}
        }
        self.at
    }

    /// Goes over to the run that takes the place of this one; `None` if there is none.
    async fn follow(&mut self) -> Option<()> {
        let old = self.live.clone();
        let mut receiver = self.session().status.subscribe();
        let decided = |status: &Status| match status {
            Status::Active(live) => !Arc::ptr_eq(live, &old),
            Status::Starting => false,
            Status::Idle | Status::Failed { .. } => true,
        };
        let status = receiver.wait_for(decided).await.ok()?.clone();
        let Status::Active(live) = status else {
            return None;
        };
        if self
            .wanted
            .as_deref()
            .is_some_and(|name| live.rendition(name).is_none())
        {
            return None;
        }
        self.live = live;
        self.rendition = None;
        self.at = None;
        self.torn = self.seen.is_some();
        Some(())
    }
}

impl Drop for TransportStream {
    fn drop(&mut self) {
        let streams = &self.session().transport_counts.streams;
        streams.fetch_sub(1, Relaxed);
    }
}

/// The newest segment of which both tracks have something.
fn newest(pair: &Pair) -> Option<u64> {
    let begun = |snapshot: &crate::hls::Snapshot| {
        let edge = snapshot.edge;
        if edge.parts > 0 {
            edge.msn
        } else {
            edge.msn.saturating_sub(1)
        }
    };
    let sound = pair.sound.as_deref().map_or(u64::MAX, begun);
    let newest = begun(&pair.leader).min(sound);
    let is_open = newest == pair.leader.edge.msn;
    (is_open || pair.leader.segment(newest).is_some()).then_some(newest)
}
