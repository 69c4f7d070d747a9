//! What live sources were when they were last asked: a second question would cost a connection and seconds.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::config::{Header, Secret, SourceKind, SourceSpec};
use crate::encoder::SourceFacts;
use crate::encoder::probe::ProbeReport;

/// What is asked about a source is remembered for this many sources.
const MAX_REMEMBERED: usize = 4_096;

/// See the module.
#[derive(Default)]
pub(super) struct Remembered(Mutex<HashMap<Asked, Memory>>);

#[derive(Clone)]
struct Memory {
    facts: SourceFacts,
    /// It may be wrong: what is asked again is held against it.
    is_doubted: bool,
    /// Its sound was not seen the last time, but the time before.
    is_carried: bool,
}

/// What a server answers depends on all of this: one address may be another stream for another agent or token.
#[derive(PartialEq, Eq, Hash)]
struct Asked {
    kind: SourceKind,
    user_agent: Option<Secret>,
    headers: Vec<Header>,
}

// === impl Remembered ===

impl Remembered {
    /// What is remembered of a source.
    pub(super) fn of(&self, source: &SourceSpec) -> Option<SourceFacts> {
        let remembered = self.0.lock();
        let memory = remembered.get(&Asked::of(source)?)?;
        (!memory.is_doubted).then(|| memory.facts.clone())
    }

    /// What is known of a source after it was asked; remembers it, if there is still a place.
    ///
    /// One that names sound and was cut off before there was any has the sound that it had: a line that comes and goes
    /// must not cost a channel its sound. Once: if that was wrong, the sound is gone.
    pub(super) fn learn(&self, source: &SourceSpec, report: ProbeReport) -> SourceFacts {
        let mut facts = report.facts;
        let Some(asked) = Asked::of(source) else {
            return facts;
        };
        let mut remembered = self.0.lock();
        let before = remembered.get(&asked);
        let seen = before.filter(|memory| !memory.is_carried);
        if report.hides_its_sound {
            facts.audio = seen.and_then(|memory| memory.facts.audio.clone());
        }
        if remembered.len() < MAX_REMEMBERED || before.is_some() {
            let memory = Memory {
                facts: facts.clone(),
                is_doubted: false,
                is_carried: report.hides_its_sound && facts.audio.is_some(),
            };
            remembered.insert(asked, memory);
        }
        facts
    }

    /// A source that did not deliver what was remembered of it is asked again the next time.
    pub(super) fn doubt(&self, source: &SourceSpec) {
        if let Some(asked) = Asked::of(source)
            && let Some(memory) = self.0.lock().get_mut(&asked)
        {
            memory.is_doubted = true;
        }
    }

    /// A source that does not have what was remembered of it.
    pub(super) fn forget(&self, source: &SourceSpec) {
        if let Some(asked) = Asked::of(source) {
            self.0.lock().remove(&asked);
        }
    }
}

// === impl Asked ===

impl Asked {
    /// `None` for what is not remembered: a file may have been replaced, and asking it is quick.
    fn of(source: &SourceSpec) -> Option<Self> {
        // Whole, so that a new field cannot be forgotten here.
        let SourceSpec {
            name: _,
            kind,
            timeout: _,
            user_agent,
            headers,
        } = source;
        matches!(kind, SourceKind::Live { .. }).then(|| Self {
            kind: kind.clone(),
            user_agent: user_agent.clone(),
            headers: headers.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Config;

    fn sources(list: &str) -> Vec<SourceSpec> {
        let text = format!("[[channel]]\nid = \"a\"\nsources = [{list}]\n");
        let config = Config::parse(&text, "channels.toml".as_ref()).unwrap();
        config.channels[0].sources.clone()
    }

    fn report(facts: SourceFacts) -> ProbeReport {
        ProbeReport {
            facts,
            hides_its_sound: false,
            took: Duration::ZERO,
        }
    }

    #[test]
    fn a_source_that_is_cut_off_before_its_sound_has_the_sound_that_it_had() {
        let all = sources(r#""http://h/1.ts", "testcard:""#);
        let (live, whole) = (&all[0], SourceFacts::known(&all[1]).unwrap());
        assert!(whole.audio.is_some());
        let cut_off = |hides_its_sound| ProbeReport {
            hides_its_sound,
            ..report(SourceFacts {
                audio: None,
                ..whole.clone()
            })
        };
        let remembered = Remembered::default();
        let first = remembered.learn(live, cut_off(true));
        assert_eq!(first.audio, None, "nothing is known of it");
        remembered.learn(live, report(whole.clone()));
        remembered.doubt(live);
        assert_eq!(remembered.of(live), None);
        assert_eq!(remembered.learn(live, cut_off(true)), whole);
        assert_eq!(remembered.of(live), Some(whole.clone()));
        remembered.doubt(live);
        let silent = remembered.learn(live, cut_off(true));
        assert_eq!(silent.audio, None, "it was asked twice");
        remembered.learn(live, report(whole.clone()));
        remembered.forget(live);
        let silent = remembered.learn(live, cut_off(true));
        assert_eq!(silent.audio, None, "that was why it was lost");
        remembered.learn(live, report(whole.clone()));
        let silent = remembered.learn(live, cut_off(false));
        assert_eq!(silent.audio, None, "it names none any more");
    }

    #[test]
    fn one_address_asked_in_another_way_is_another_source() {
        let all = sources(
            r#"{ url = "http://h/1.ts" },
               { url = "http://h/1.ts", user_agent = "tv" },
               { url = "http://h/1.ts", headers = { Authorization = "a" } },
               { url = "http://h/1.ts", headers = { Authorization = "b" } },
               "testcard:""#,
        );
        let facts = SourceFacts::known(all.last().unwrap()).unwrap();
        let (remembered, live) = (Remembered::default(), &all[..4]);
        for (at, source) in live.iter().enumerate() {
            assert_eq!(remembered.of(source), None, "{at}");
            let mut facts = facts.clone();
            facts.container = at.to_string();
            remembered.learn(source, report(facts));
        }
        remembered.forget(&live[2]);
        let kept: Vec<_> = live.iter().map(|source| remembered.of(source)).collect();
        let kept: Vec<_> = kept.iter().flatten().map(|f| &*f.container).collect();
        assert_eq!(kept, ["0", "1", "3"]);
    }

    #[test]
    fn a_name_and_a_timeout_are_nothing_that_a_server_hears() {
        let all = sources(
            r#"{ url = "http://h/1.ts", name = "x" }, { url = "http://h/1.ts", timeout = "9s" }, "testcard:", "a.mp4""#,
        );
        let facts = SourceFacts::known(&all[2]).unwrap();
        let remembered = Remembered::default();
        remembered.learn(&all[0], report(facts.clone()));
        assert_eq!(remembered.of(&all[1]), Some(facts.clone()));
        remembered.learn(&all[3], report(facts));
        assert_eq!(
            remembered.of(&all[3]),
            None,
            "a file may be another one by now"
        );
    }
}
