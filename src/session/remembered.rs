//! What live sources were when they were last asked: a second question would cost a connection and seconds.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::config::{Header, Secret, SourceKind, SourceSpec};
use crate::encoder::SourceFacts;

/// What is asked about a source is remembered for this many sources.
const MAX_REMEMBERED: usize = 4_096;

/// See the module.
#[derive(Default)]
pub(super) struct Remembered(Mutex<HashMap<Asked, SourceFacts>>);

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
        self.0.lock().get(&Asked::of(source)?).cloned()
    }

    /// Remembers it, if there is still a place.
    pub(super) fn keep(&self, source: &SourceSpec, facts: &SourceFacts) {
        let Some(asked) = Asked::of(source) else {
            return;
        };
        let mut remembered = self.0.lock();
        if remembered.len() < MAX_REMEMBERED || remembered.contains_key(&asked) {
            remembered.insert(asked, facts.clone());
        }
    }

    /// A source that did not deliver what was remembered of it is asked again the next time.
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
    use super::*;
    use crate::config::Config;

    fn sources(list: &str) -> Vec<SourceSpec> {
        let text = format!("[[channel]]\nid = \"a\"\nsources = [{list}]\n");
        let config = Config::parse(&text, "channels.toml".as_ref()).unwrap();
        config.channels[0].sources.clone()
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
            remembered.keep(source, &facts);
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
        remembered.keep(&all[0], &facts);
        assert_eq!(remembered.of(&all[1]), Some(facts.clone()));
        remembered.keep(&all[3], &facts);
        assert_eq!(
            remembered.of(&all[3]),
            None,
            "a file may be another one by now"
        );
    }
}
