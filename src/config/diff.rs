//! What changed between two configurations, and what each change costs the channel. Pure; a reload acts on it.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::base::ChannelId;

use super::model::{ChannelSpec, Config, Header, LostWhen, SourceKind, SourceSpec};
use super::secret::Secret;

/// The way from one configuration to another. What is not named here is the same in both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigDiff {
    /// Whether anything in `[server]` is different.
    pub server_changed: bool,
    /// Whether anything in `[operators]` is different.
    pub operators_changed: bool,
    /// Whether anything in the list of webhooks is different.
    pub webhooks_changed: bool,
    /// Whether the guide for all, the network tuner or the users are different.
    pub iptv_changed: bool,
    /// Whether anything in `[access]` is different.
    pub access_changed: bool,
    /// Whether the channels that are in both stand in another order.
    pub reordered: bool,
    /// Channels that are only in the new configuration, in its order.
    pub added: Vec<Arc<ChannelSpec>>,
    /// Channels that are only in the old configuration, in its order.
    pub removed: Vec<ChannelId>,
    /// Channels that differ, as they are in the new configuration, each with the most that its change costs.
    pub changed: Vec<(Arc<ChannelSpec>, Change)>,
}

/// What a change costs a channel that is running; a later one includes what comes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Other words for people (name, logo, number, group, names of sources), or other viewers. The encoder runs on, unless it draws the
    /// name into its picture and draws another one now.
    Relabelled,
    /// Other timers: grace period, start timeout, hold-down, when a slate comes, when a detector has seen enough. The
    /// encoder runs on.
    Retimed,
    /// Another encoder: sources and what their servers are told, ladder, durations of segments, parts or window, and
    /// which detectors look at the media.
    Restarted,
}

// === impl ConfigDiff ===

impl ConfigDiff {
    /// Compares channel by channel.
    pub fn between(old: &Config, new: &Config) -> Self {
        let before: HashMap<&ChannelId, &Arc<ChannelSpec>> = old
            .channels
            .iter()
            .map(|channel| (&channel.id, channel))
            .collect();
        let after: HashMap<&ChannelId, &Arc<ChannelSpec>> = new
            .channels
            .iter()
            .map(|channel| (&channel.id, channel))
            .collect();
        let kept_before = old
            .channels
            .iter()
            .filter(|channel| after.contains_key(&channel.id));
        let kept_after = new
            .channels
            .iter()
            .filter(|channel| before.contains_key(&channel.id));
        let mut diff = Self {
            server_changed: old.server != new.server,
            operators_changed: old.operators != new.operators,
            webhooks_changed: old.webhooks != new.webhooks,
            iptv_changed: (&old.guide, &old.hdhomerun, &old.users)
                != (&new.guide, &new.hdhomerun, &new.users),
            access_changed: old.access != new.access,
            reordered: !kept_before.map(|c| &c.id).eq(kept_after.map(|c| &c.id)),
            ..Self::default()
        };
        for channel in &new.channels {
            match before.get(&channel.id) {
                None => diff.added.push(channel.clone()),
                Some(old) => {
                    let change = Change::between(old, channel);
                    diff.changed
                        .extend(change.map(|change| (channel.clone(), change)));
                }
            }
        }
        let gone = old
            .channels
            .iter()
            .filter(|channel| !after.contains_key(&channel.id));
        diff.removed = gone.map(|channel| channel.id.clone()).collect();
        diff
    }

    /// Whether nothing is different.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

// === impl Change ===

impl Change {
    /// As the API and the log spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Relabelled => "relabelled",
            Self::Retimed => "retimed",
            Self::Restarted => "restarted",
        }
    }

    /// The most that the change from one to the other costs; `None` if they are the same.
    pub fn between(old: &ChannelSpec, new: &ChannelSpec) -> Option<Self> {
        // Whole, so that a new field cannot be forgotten here.
        let ChannelSpec {
            id: _,
            name,
            logo,
            number,
            group,
            tvg_id,
            guide,
            sources,
            ladder,
            grace_period,
            start_timeout,
            slate_after,
            hold_down,
            lost_when,
            segment_duration,
            part_duration,
            window,
            access,
        } = new;
        let asked_differs = !asked(old).eq(asked(new));
        let detectors_differ = detectors(&old.lost_when) != detectors(lost_when);
        let durations = (&old.segment_duration, &old.part_duration, &old.window);
        if asked_differs
            || detectors_differ
            || old.ladder != *ladder
            || durations != (segment_duration, part_duration, window)
        {
            return Some(Self::Restarted);
        }
        let timers = (
            &old.grace_period,
            &old.start_timeout,
            &old.slate_after,
            &old.hold_down,
            &old.lost_when,
        );
        if timers
            != (
                grace_period,
                start_timeout,
                slate_after,
                hold_down,
                lost_when,
            )
            || !timeouts(old).eq(timeouts(new))
        {
            return Some(Self::Retimed);
        }
        let labels = (&old.name, &old.logo, &old.number, &old.group, &old.sources);
        let others = (&old.tvg_id, &old.guide, &old.access);
        (labels != (name, logo, number, group, sources) || others != (tvg_id, guide, access))
            .then_some(Self::Relabelled)
    }
}

/// What an encoder is told of the sources, without what they are called.
fn asked(
    channel: &ChannelSpec,
) -> impl Iterator<Item = (&SourceKind, &Option<Secret>, &Vec<Header>)> {
    channel.sources.iter().map(|source| {
        // Whole, so that a new field cannot be forgotten here.
        let SourceSpec {
            name: _,
            kind,
            timeout: _,
            user_agent,
            headers,
        } = source;
        (kind, user_agent, headers)
    })
}

fn timeouts(channel: &ChannelSpec) -> impl Iterator<Item = Option<Duration>> {
    channel.sources.iter().map(|source| source.timeout)
}

/// Which filters look at the media: black, frozen, silent.
fn detectors(lost_when: &LostWhen) -> [bool; 3] {
    let LostWhen {
        black,
        frozen,
        silent,
    } = lost_when;
    [black, frozen, silent].map(Option::is_some)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const BASE: &str = r#"
        [[channel]]
        id = "a"
        sources = [{ url = "a.mp4", name = "main" }]
        [[channel]]
        id = "b"
        source = "testcard:"
    "#;

    fn config(text: &str) -> Config {
        Config::parse(text, Path::new("channels.toml")).unwrap()
    }

    #[test]
    fn each_key_has_its_cost() {
        let old = config(BASE);
        for (line, expected) in [
            ("name = 'x'", Change::Relabelled),
            ("logo = 'http://h/x.png'", Change::Relabelled),
            ("number = 3", Change::Relabelled),
            ("group = 'x'", Change::Relabelled),
            ("tvg_id = 'x'", Change::Relabelled),
            ("guide = 'x.xml'", Change::Relabelled),
            ("max_viewers = 3", Change::Relabelled),
            ("grace_period = '1s'", Change::Retimed),
            ("start_timeout = '1s'", Change::Retimed),
            ("slate_after = '2s'", Change::Retimed),
            ("hold_down = '1m'", Change::Retimed),
            ("lost_when = { black = '9s' }", Change::Restarted),
            ("name = 'x'\ngrace_period = '1s'", Change::Retimed),
            ("segment_duration = '3s'", Change::Restarted),
            ("part_duration = '200ms'", Change::Restarted),
            ("window = '1m'", Change::Restarted),
            ("ladder = [{ name = 'x', copy = true }]", Change::Restarted),
            ("name = 'x'\nwindow = '1m'", Change::Restarted),
        ] {
            let new = config(&format!("{BASE}{line}\n"));
            let diff = ConfigDiff::between(&old, &new);
            let expected = ConfigDiff {
                changed: vec![(new.channels[1].clone(), expected)],
                ..ConfigDiff::default()
            };
            assert_eq!(diff, expected, "{line}");
        }
    }

    #[test]
    fn a_source_restarts_and_its_name_relabels() {
        let old = config(BASE);
        for (from, to, expected) in [
            ("a.mp4", "c.mp4", Change::Restarted),
            ("testcard:", "slate:x", Change::Restarted),
            ("\"main\" }", "\"main\" }, \"testcard:\"", Change::Restarted),
            ("main", "other", Change::Relabelled),
            ("\"main\"", "\"main\", timeout = '9s'", Change::Retimed),
        ] {
            let diff = ConfigDiff::between(&old, &config(&BASE.replace(from, to)));
            let changes: Vec<_> = diff.changed.iter().map(|(_, change)| *change).collect();
            assert_eq!(changes, [expected], "{to}");
        }
    }

    #[test]
    fn a_request_and_a_detector_restart_and_a_limit_retimes() {
        let text = r#"
            [[channel]]
            id = "a"
            source = { url = "http://h/1.ts", user_agent = "tv", headers = { A = "1" } }
            lost_when = { black = "9s", silent = "9s" }
            [[webhook]]
            url = "http://h/hook"
            secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        "#;
        let old = config(text);
        for (from, to, expected) in [
            ("\"tv\"", "\"radio\"", Some(Change::Restarted)),
            ("A = \"1\"", "A = \"2\"", Some(Change::Restarted)),
            ("A = \"1\"", "B = \"1\"", Some(Change::Restarted)),
            ("black", "frozen", Some(Change::Restarted)),
            ("black = \"9s\"", "black = \"8s\"", Some(Change::Retimed)),
            ("h/hook", "h/other", None),
        ] {
            let diff = ConfigDiff::between(&old, &config(&text.replace(from, to)));
            let changes: Vec<_> = diff.changed.iter().map(|(_, change)| *change).collect();
            assert_eq!(changes, Vec::from_iter(expected), "{to}");
            assert_eq!(diff.webhooks_changed, expected.is_none(), "{to}");
        }
    }

    #[test]
    fn channels_come_go_and_move() {
        let old = config(BASE);
        let unchanged = ConfigDiff::between(&old, &config(&format!("# a comment\n{BASE}")));
        assert!(unchanged.is_empty());

        let new = config(
            "[[channel]]\nid='c'\nsource='testcard:'\n[[channel]]\nid='b'\nsource='testcard:'\n",
        );
        let diff = ConfigDiff::between(&old, &new);
        assert_eq!(diff.added, [new.channels[0].clone()]);
        assert_eq!(diff.removed, [old.channels[0].id.clone()]);
        assert!(
            diff.changed.is_empty() && !diff.reordered && !diff.server_changed && !diff.is_empty()
        );

        let mut turned = old.clone();
        turned.channels.reverse();
        turned.server.max_sessions += 1;
        let diff = ConfigDiff::between(&old, &turned);
        assert!(diff.reordered && diff.server_changed && diff.changed.is_empty());
    }
}
