//! What is on: the programmes of a guide, bounded and in order.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

/// One programme. Texts are somebody else's: they are shown, never interpreted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programme {
    /// When it begins.
    pub start: Timestamp,
    /// When it ends; later than `start`.
    pub stop: Timestamp,
    /// What it is called.
    pub title: Box<str>,
    /// The language of the title.
    pub language: Option<Box<str>>,
    /// Of an episode.
    pub subtitle: Option<Box<str>>,
    /// What it is about.
    pub description: Option<Box<str>>,
    /// What kind it is of.
    pub categories: Vec<Box<str>>,
    /// A picture's http(s) URL.
    pub icon: Option<Box<str>>,
    /// Which episode it is: the system of counting, and the number in it.
    pub episodes: Vec<(Box<str>, Box<str>)>,
    /// Whether it is shown for the first time.
    pub is_new: bool,
}

/// The programmes of channels, by what a guide calls them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guide {
    channels: HashMap<Box<str>, Arc<[Programme]>>,
}

// === impl Guide ===

impl Guide {
    /// Sorts the programmes of each channel; of those that begin at the same time the first is kept.
    pub fn new(channels: impl IntoIterator<Item = (Box<str>, Vec<Programme>)>) -> Self {
        let sorted = |(id, mut programmes): (Box<str>, Vec<Programme>)| {
            programmes.sort_by_key(|programme| programme.start);
            programmes.dedup_by_key(|programme| programme.start);
            (id, programmes.into())
        };
        Self {
            channels: channels.into_iter().map(sorted).collect(),
        }
    }

    /// The programmes of a channel, the earliest first.
    pub fn programmes(&self, tvg_id: &str) -> Option<&Arc<[Programme]>> {
        self.channels.get(tvg_id)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.channels.values().map(|all| all.len()).sum()
    }
}

/// What is on, and what comes next, of programmes in order.
pub fn now_and_next(
    programmes: &[Programme],
    now: Timestamp,
) -> (Option<&Programme>, Option<&Programme>) {
    let next = programmes.partition_point(|programme| programme.start <= now);
    let current = next.checked_sub(1).map(|at| &programmes[at]);
    (
        current.filter(|programme| programme.stop > now),
        programmes.get(next),
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A programme of an hour.
    pub(in crate::iptv) fn hour(start: &str, title: &str) -> Programme {
        let start: Timestamp = start.parse().unwrap();
        Programme {
            start,
            stop: start + jiff::SignedDuration::from_hours(1),
            title: title.into(),
            language: None,
            subtitle: None,
            description: None,
            categories: Vec::new(),
            icon: None,
            episodes: Vec::new(),
            is_new: false,
        }
    }

    #[test]
    fn what_is_on_and_what_comes() {
        let guide = Guide::new([(
            "a".into(),
            vec![
                hour("2026-11-21T12:00:00Z", "late"),
                hour("2026-11-21T10:00:00Z", "early"),
                hour("2026-11-21T10:00:00Z", "twin"),
            ],
        )]);
        assert_eq!(guide.count(), 2);
        let all = guide.programmes("a").unwrap();
        let titles = |now: &str| {
            let (now, next) = now_and_next(all, now.parse().unwrap());
            [now, next].map(|programme| programme.map_or("", |programme| &programme.title))
        };
        assert_eq!(titles("2026-11-21T09:59:59Z"), ["", "early"]);
        assert_eq!(titles("2026-11-21T10:00:00Z"), ["early", "late"]);
        assert_eq!(titles("2026-11-21T11:00:00Z"), ["", "late"], "a gap");
        assert_eq!(titles("2026-11-21T12:30:00Z"), ["late", ""]);
        assert_eq!(titles("2026-11-21T13:00:00Z"), ["", ""]);
    }
}
