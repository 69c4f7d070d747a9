//! What a source has done that has not delivered yet: for who waits for it, and for the message when its time is up.

use std::time::Instant;

use super::actor::Actor;
use super::slot::Slot;
use super::state::{SessionEvent, Suspicion, Testimony};
use crate::config::SourceKind;

/// One attempt to get media of a source.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    /// Credentials masked.
    source: String,
    since: Instant,
    stage: Stage,
    /// ffmpeg's last words, credentials masked.
    said: Option<String>,
}

/// How far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// Nothing runs yet that would read it: it is asked what it is.
    Asked,
    /// ffmpeg waits for what it could begin with.
    Opened,
    /// ffmpeg makes the source itself.
    Made,
    /// ffmpeg has begun; nothing has come out.
    Read,
    /// Something has come, and nothing in these renditions.
    Partial(Vec<String>),
}

// === impl Attempt ===

impl Attempt {
    /// For who waits.
    pub(super) fn words(&self, now: Instant) -> String {
        let seconds = now.saturating_duration_since(self.since).as_secs();
        let (source, did) = (&self.source, self.did());
        format!("{source} has delivered nothing for {seconds} s: {did}")
    }

    /// What it did, what ffmpeg said, and what to do about it.
    fn did(&self) -> String {
        let said = self.said.as_deref().map(|line| format!(" ({line})"));
        let (what, advice) = self.stage.words();
        format!("{what}{}; {advice}", said.unwrap_or_default())
    }
}

// === impl Stage ===

impl Stage {
    fn of(slot: &Slot, kind: &SourceKind) -> Self {
        let missing = slot.missing();
        let Some(missing) = missing else {
            return Self::Asked;
        };
        let renditions = slot.plan.as_ref().map_or(0, |plan| plan.renditions.len());
        match kind {
            _ if missing.len() < renditions => Self::Partial(missing),
            SourceKind::TestCard | SourceKind::Slate { .. } => Self::Made,
            _ if slot.has_begun => Self::Read,
            SourceKind::File { .. } | SourceKind::Live { .. } => Self::Opened,
        }
    }

    fn words(&self) -> (String, &'static str) {
        let (what, advice) = match self {
            Self::Partial(names) => {
                let what = format!("media came, but none for {}", names.join(" and "));
                return (what, "check that both its picture and its sound go on");
            }
            Self::Asked => (
                "it was asked what it is and has not answered",
                "check that its server runs and sends, or raise start_timeout",
            ),
            Self::Opened => (
                "ffmpeg was started for it and has got nothing to begin with",
                "check that its server sends, or raise start_timeout",
            ),
            Self::Made => (
                "ffmpeg was started to make it and has made nothing",
                "this machine may be too busy: run fewer channels, or raise start_timeout",
            ),
            Self::Read => (
                "ffmpeg reads it, and nothing that could be shown has come out",
                "check that it sends key frames, or raise start_timeout",
            ),
        };
        (what.into(), advice)
    }
}

// === impl Actor ===

impl Actor {
    /// Leaves for who waits how far the source has come.
    pub(super) fn leave_attempt(&self) {
        let attempt = self.attempt(Instant::now());
        self.session.facts.lock().attempt = attempt;
    }

    /// It is time to act. The state says what is wrong; what led to that, and what is suspected, is known here.
    pub(super) fn timed_out(&mut self) {
        let now = Instant::now();
        self.state.suspect(Suspicion {
            who: self.run.as_ref().and_then(|run| run.silent(now)),
            why: self.pace.explanation(),
        });
        let attempt = self.attempt(now);
        let testimony = attempt.map(|attempt| Testimony {
            did: attempt.did(),
            source: attempt.source,
        });
        self.state.hear(testimony);
        self.dispatch(SessionEvent::TimedOut);
    }

    /// The attempt of now; `None` if a source delivers or none is tried.
    fn attempt(&self, now: Instant) -> Option<Attempt> {
        let slot = &self.main;
        if self.state.delivers() || slot.is_empty() || slot.dying {
            return None;
        }
        let source = self.source_of(slot.role)?;
        let lines = slot.encoder.as_ref().map(|encoder| encoder.last_lines());
        Some(Attempt {
            source: source.label(),
            since: slot.since.unwrap_or(now),
            stage: Stage::of(slot, &source.kind),
            said: lines.and_then(|mut lines| lines.pop()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_attempt_names_the_source_what_it_did_and_what_to_do() {
        let since = Instant::now();
        let attempt = |stage| Attempt {
            source: "http://***@h/1.ts".into(),
            since,
            stage,
            said: Some("Connection timed out".into()),
        };
        let partial = Stage::Partial(vec!["720p".into(), "audio".into()]);
        for (stage, did, advice) in [
            (Stage::Asked, "not answered", "server runs"),
            (Stage::Opened, "nothing to begin with", "server sends"),
            (Stage::Made, "has made nothing", "too busy"),
            (Stage::Read, "ffmpeg reads it", "key frames"),
            (partial, "none for 720p and audio", "sound go on"),
        ] {
            let words = attempt(stage).words(since + Duration::from_secs(6));
            for part in ["http://***@h/1.ts", "6 s", "(Connection timed out)"] {
                assert!(words.contains(part), "{words}");
            }
            assert!(words.contains(did) && words.contains(advice), "{words}");
        }
    }
}
