//! Which events somebody wants: by what they are called, and by where they happened.

use super::Event;
use crate::base::ChannelId;

/// A choice of events. An empty list chooses all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Names (`session.state`), families (`session` or `session.*`), or `*`.
    pub kinds: Vec<String>,
    /// What concerns the whole gateway is not chosen when there is a channel here.
    pub channels: Vec<ChannelId>,
}

// === impl Filter ===

impl Filter {
    /// Whether the event is one of those.
    pub fn matches(&self, event: &Event) -> bool {
        self.chooses(event.kind.name(), event.channel.as_ref())
    }

    /// Whether it would be, by its name and where it happened.
    pub fn chooses(&self, name: &str, channel: Option<&ChannelId>) -> bool {
        let by_kind = || self.kinds.iter().any(|pattern| covers(pattern, name));
        let by_channel = || channel.is_some_and(|channel| self.channels.contains(channel));
        (self.kinds.is_empty() || by_kind()) && (self.channels.is_empty() || by_channel())
    }
}

/// Whether a name of the filter stands for the event of this name.
pub fn covers(pattern: &str, name: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let family = pattern.strip_suffix(".*").unwrap_or(pattern);
    match name.strip_prefix(family) {
        Some("") => family == pattern,
        Some(rest) => rest.starts_with('.') && !family.is_empty(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::EventKind;
    use super::*;

    #[test]
    fn a_pattern_is_a_name_or_a_family_and_nothing_in_between() {
        for (pattern, name, expected) in [
            ("*", "session.state", true),
            ("session.state", "session.state", true),
            ("session", "session.state", true),
            ("session.*", "session.state", true),
            ("session.state.*", "session.state", false),
            ("sess", "session.state", false),
            ("session.", "session.state", false),
            ("session.stat", "session.state", false),
            ("", "session.state", false),
            (".*", "session.state", false),
            ("Session", "session.state", false),
        ] {
            assert_eq!(covers(pattern, name), expected, "{pattern:?} for {name}");
        }
    }

    #[test]
    fn a_filter_chooses_by_kind_and_by_channel() {
        let news = ChannelId::new("news").unwrap();
        let event = |channel| Event {
            id: 1,
            at: Timestamp::UNIX_EPOCH,
            channel,
            session: None,
            kind: EventKind::FirstViewer,
        };
        let filter = |kinds: &[&str], channels: &[&ChannelId]| Filter {
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            channels: channels.iter().map(|id| (*id).clone()).collect(),
        };
        let (here, nowhere) = (event(Some(news.clone())), event(None));
        assert!(filter(&[], &[]).matches(&nowhere));
        assert!(filter(&["viewers"], &[]).matches(&nowhere));
        assert!(filter(&["config", "viewers"], &[&news]).matches(&here));
        assert!(!filter(&["viewers"], &[&news]).matches(&nowhere));
        assert!(!filter(&["config"], &[&news]).matches(&here));
        let sports = ChannelId::new("sports").unwrap();
        assert!(!filter(&[], &[&sports]).matches(&here));
    }

    #[test]
    fn what_is_named_is_chosen() {
        let news = ChannelId::new("news").ok();
        for (events, channels, event, channel, wanted) in [
            (&[][..], &[][..], "viewers.first", news.as_ref(), true),
            (&[], &[], "config.refused", None, true),
            (
                &["session.state"],
                &[],
                "session.state",
                news.as_ref(),
                true,
            ),
            (&["session.state"], &[], "source.lost", news.as_ref(), false),
            (
                &["source.*", "viewers.first"],
                &[],
                "source.lost",
                news.as_ref(),
                true,
            ),
            (&["source.*"], &[], "viewers.first", news.as_ref(), false),
            (&[], &["news"], "source.lost", news.as_ref(), true),
            (&[], &["other"], "source.lost", news.as_ref(), false),
            (&[], &["news"], "config.refused", None, false),
        ] {
            let filter = Filter {
                kinds: events.iter().map(|kind| (*kind).to_owned()).collect(),
                channels: channels
                    .iter()
                    .map(|id| ChannelId::new(id).unwrap())
                    .collect(),
            };
            assert_eq!(
                filter.chooses(event, channel),
                wanted,
                "{events:?} {channels:?} {event}"
            );
        }
    }
}
