//! The channels as front ends count them: each with a number for people and one for programs.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::HashSet;
use std::sync::Arc;

use crate::config::ChannelSpec;

/// All channels in the order of the file.
#[derive(Debug, Clone, Default)]
pub struct Lineup {
    entries: Vec<LineupEntry>,
}

/// A channel and its numbers.
#[derive(Debug, Clone)]
pub struct LineupEntry {
    /// As configured.
    pub spec: Arc<ChannelSpec>,
    /// For people: the configured one, else the smallest that no other channel has. Unique.
    pub number: u32,
    /// For programs: follows from the channel's id alone, except where two channels would have the same. Unique, above
    /// zero, and fits into a signed 32-bit number.
    pub stream_id: u32,
}

// === impl Lineup ===

impl Lineup {
    /// Numbers the channels.
    pub fn new(channels: &[Arc<ChannelSpec>]) -> Self {
        let mut numbers: HashSet<u32> = channels.iter().filter_map(|spec| spec.number).collect();
        let mut next = 1;
        let mut free_number = || {
            while !numbers.insert(next) {
                next += 1;
            }
            next
        };
        let mut entries: Vec<LineupEntry> = channels
            .iter()
            .map(|spec| LineupEntry {
                number: spec.number.unwrap_or_else(&mut free_number),
                stream_id: hash(spec.id.as_str()),
                spec: spec.clone(),
            })
            .collect();
        part_twins(&mut entries);
        Self { entries }
    }

    /// Only channels for which this is true; their numbers stay what they are.
    pub fn only(mut self, keep: impl Fn(&ChannelSpec) -> bool) -> Self {
        self.entries.retain(|entry| keep(&entry.spec));
        self
    }

    /// In the order of the file.
    pub fn entries(&self) -> &[LineupEntry] {
        &self.entries
    }

    /// The channel with this number for programs.
    pub fn by_stream_id(&self, stream_id: u32) -> Option<&LineupEntry> {
        self.entries
            .iter()
            .find(|entry| entry.stream_id == stream_id)
    }

    /// The channel with this number for people.
    pub fn by_number(&self, number: u32) -> Option<&LineupEntry> {
        self.entries.iter().find(|entry| entry.number == number)
    }

    /// The groups of the channels, in the order of their first channel; a channel without one is in `other`.
    pub fn groups<'a>(&'a self, other: &'a str) -> Vec<&'a str> {
        let mut seen = HashSet::new();
        let groups = self.entries.iter().map(|entry| entry.group_or(other));
        groups.filter(|group| seen.insert(*group)).collect()
    }
}

// === impl LineupEntry ===

impl LineupEntry {
    /// The channel's group, or what stands for none.
    pub fn group_or<'a>(&'a self, other: &'a str) -> &'a str {
        self.spec.group.as_deref().unwrap_or(other)
    }
}

/// Gives channels with the same number others, in the order of their ids: the order of the file changes nothing.
fn part_twins(entries: &mut [LineupEntry]) {
    let mut taken = HashSet::with_capacity(entries.len());
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by(|a, b| entries[*a].spec.id.cmp(&entries[*b].spec.id));
    for at in order {
        let entry = &mut entries[at];
        while !taken.insert(entry.stream_id) {
            entry.stream_id = entry.stream_id % MAX_STREAM_ID + 1;
        }
    }
}

const MAX_STREAM_ID: u32 = 0x3FFF_FFFF;

/// FNV-1a, folded to 30 bits: the same on every machine and in every version.
fn hash(text: &str) -> u32 {
    let mut hash: u32 = 0x811C_9DC5;
    for byte in text.bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    (hash >> 30 ^ hash & MAX_STREAM_ID).max(1)
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    /// The lineup of these tables.
    pub(in crate::iptv) fn lineup(channels: &str) -> Lineup {
        let config = Config::parse(channels, Path::new("channels.toml")).unwrap();
        Lineup::new(&config.channels)
    }

    #[test]
    fn numbers_are_those_of_the_file_and_the_rest_is_filled_up() {
        let text: String = [
            ("a", ""),
            ("b", "number = 2"),
            ("c", ""),
            ("d", "number = 1"),
        ]
        .map(|(id, more)| format!("[[channel]]\nid = '{id}'\nsource = 'testcard:'\n{more}\n"))
        .concat();
        let lineup = lineup(&text);
        let numbers: Vec<u32> = lineup.entries().iter().map(|entry| entry.number).collect();
        assert_eq!(numbers, [3, 2, 4, 1]);
        assert_eq!(lineup.by_number(4).unwrap().spec.id.as_str(), "c");
        assert!(lineup.by_number(5).is_none());
    }

    #[test]
    fn stream_ids_follow_from_the_id_and_never_meet() {
        let text: String = (0..3000)
            .map(|n| format!("[[channel]]\nid = 'c{n}'\nsource = 'testcard:'\n"))
            .collect();
        let all = lineup(&text);
        let ids: HashSet<u32> = all.entries().iter().map(|entry| entry.stream_id).collect();
        assert_eq!(ids.len(), 3000);
        let alone = lineup("[[channel]]\nid = 'c7'\nsource = 'testcard:'\n");
        let stream_id = alone.entries()[0].stream_id;
        assert_eq!(all.by_stream_id(stream_id).unwrap().spec.id.as_str(), "c7");
        assert_eq!(hash("news"), 197_639_239, "the same in every version");
    }

    #[test]
    fn twins_are_parted_whatever_their_order() {
        let base = lineup(
            "[[channel]]\nid='a'\nsource='testcard:'\n[[channel]]\nid='b'\nsource='testcard:'\n",
        );
        let mut entries = base.entries.clone();
        entries
            .iter_mut()
            .for_each(|entry| entry.stream_id = MAX_STREAM_ID);
        part_twins(&mut entries);
        let ids = [entries[0].stream_id, entries[1].stream_id];
        assert_eq!(ids, [MAX_STREAM_ID, 1]);
        entries.reverse();
        entries
            .iter_mut()
            .for_each(|entry| entry.stream_id = MAX_STREAM_ID);
        part_twins(&mut entries);
        assert_eq!([entries[1].stream_id, entries[0].stream_id], ids);
    }
}
