//! What was written: the tables and keys of the format, each value with its place, nothing interpreted yet.
//!
//! The tree is walked by hand, because a derived deserializer stops at the first unknown key or wrong kind of value,
//! and the person at the editor wants them all.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::TableKind;
use super::report::Report;
use super::wanted::Wanted;

/// A whole file.
#[derive(Default)]
pub(super) struct File<'a> {
    pub(super) server: ServerTable<'a>,
    pub(super) defaults: OptionsTable<'a>,
    pub(super) channels: Vec<ChannelTable<'a>>,
    /// Whether there is anything that is meant as a channel, be it right or wrong.
    pub(super) has_channels: bool,
}

/// What stands behind a key.
#[derive(Debug, Clone, Default)]
pub(super) enum Field<T> {
    /// The key is not there.
    #[default]
    Absent,
    /// It is there with a wrong kind of value, which has been reported.
    Wrong,
    Given(Spanned<T>),
}

#[derive(Default)]
pub(super) struct ServerTable<'a> {
    pub(super) listen: Field<&'a str>,
    pub(super) ffmpeg: Field<&'a str>,
    pub(super) max_connections: Field<i64>,
    pub(super) max_connections_per_address: Field<i64>,
    pub(super) max_sessions: Field<i64>,
}

/// What `[defaults]` and each channel can say.
#[derive(Default)]
pub(super) struct OptionsTable<'a> {
    pub(super) grace_period: Field<&'a str>,
    pub(super) start_timeout: Field<&'a str>,
    pub(super) segment_duration: Field<&'a str>,
    pub(super) part_duration: Field<&'a str>,
    pub(super) window: Field<&'a str>,
    pub(super) ladder: Field<LadderValue<'a>>,
}

pub(super) struct ChannelTable<'a> {
    /// Its header.
    pub(super) at: Range<usize>,
    pub(super) id: Field<&'a str>,
    pub(super) name: Field<&'a str>,
    pub(super) logo: Field<&'a str>,
    pub(super) number: Field<i64>,
    pub(super) group: Field<&'a str>,
    pub(super) source: Field<SourceValue<'a>>,
    pub(super) sources: Field<Vec<SourceValue<'a>>>,
    pub(super) options: OptionsTable<'a>,
}

pub(super) struct SourceValue<'a> {
    pub(super) at: Range<usize>,
    pub(super) url: Field<&'a str>,
    pub(super) name: Field<&'a str>,
}

pub(super) enum LadderValue<'a> {
    Named(&'a str),
    Rungs(Vec<RungTable<'a>>),
}

pub(super) struct RungTable<'a> {
    pub(super) at: Range<usize>,
    pub(super) name: Field<&'a str>,
    pub(super) height: Field<i64>,
    pub(super) video_bitrate: Field<&'a str>,
    pub(super) copy: Field<bool>,
}

// === impl Field ===

impl<T> Field<T> {
    pub(super) fn given(&self) -> Option<&Spanned<T>> {
        match self {
            Self::Given(value) => Some(value),
            _ => None,
        }
    }

    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

// === impl File ===

impl<'a> File<'a> {
    /// Reads all tables, and reports unknown keys and wrong kinds of value.
    pub(super) fn read(root: &'a DeTable<'_>, report: &mut Report<'_>) -> Self {
        let root = Reader::new(TableKind::Root, root, report);
        let mut file = Self {
            has_channels: has_channels(root.table),
            ..Self::default()
        };
        if let Field::Given(server) = root.get("server", Wanted::Table, report, DeValue::as_table) {
            file.server = ServerTable::read(server.get_ref(), report);
        }
        if let Field::Given(defaults) =
            root.get("defaults", Wanted::Table, report, DeValue::as_table)
        {
            let table = Reader::new(TableKind::Defaults, defaults.get_ref(), report);
            file.defaults = OptionsTable::read(&table, report);
        }
        if let Field::Given(channels) =
            root.get("channel", Wanted::Channels, report, DeValue::as_array)
        {
            for channel in channels.get_ref().iter() {
                match channel.get_ref() {
                    DeValue::Table(table) => {
                        file.channels
                            .push(ChannelTable::read(table, channel.span(), report));
                    }
                    other => Wanted::Channels.refuse("channel", channel.span(), other, report),
                }
            }
        }
        file
    }
}

fn has_channels(root: &DeTable<'_>) -> bool {
    match root.get("channel").map(Spanned::get_ref) {
        Some(DeValue::Array(channels)) => !channels.is_empty(),
        Some(_) => true,
        None => root
            .keys()
            .any(|key| TableKind::Root.nearest(key.get_ref()) == Some("channel")),
    }
}

impl<'a> ServerTable<'a> {
    fn read(table: &'a DeTable<'_>, report: &mut Report<'_>) -> Self {
        let table = Reader::new(TableKind::Server, table, report);
        Self {
            listen: table.get("listen", Wanted::Listen, report, DeValue::as_str),
            ffmpeg: table.text("ffmpeg", report),
            max_connections: table.number("max_connections", report),
            max_connections_per_address: table.number("max_connections_per_address", report),
            max_sessions: table.number("max_sessions", report),
        }
    }
}

impl<'a> OptionsTable<'a> {
    fn read(table: &Reader<'a, '_>, report: &mut Report<'_>) -> Self {
        Self {
            grace_period: table.duration("grace_period", report),
            start_timeout: table.duration("start_timeout", report),
            segment_duration: table.duration("segment_duration", report),
            part_duration: table.duration("part_duration", report),
            window: table.duration("window", report),
            ladder: table.ladder(report),
        }
    }
}

impl<'a> ChannelTable<'a> {
    fn read(table: &'a DeTable<'_>, at: Range<usize>, report: &mut Report<'_>) -> Self {
        let table = Reader::new(TableKind::Channel, table, report);
        Self {
            at,
            id: table.text("id", report),
            name: table.text("name", report),
            logo: table.text("logo", report),
            number: table.number("number", report),
            group: table.text("group", report),
            source: table.source(report),
            sources: table.sources(report),
            options: OptionsTable::read(&table, report),
        }
    }
}

impl<'a> SourceValue<'a> {
    /// A text, or a table with `url` and `name`.
    fn read(value: &'a Spanned<DeValue<'_>>, key: &str, report: &mut Report<'_>) -> Option<Self> {
        let at = value.span();
        match value.get_ref() {
            DeValue::String(url) => Some(Self {
                url: Field::Given(Spanned::new(at.clone(), url.as_ref())),
                name: Field::Absent,
                at,
            }),
            DeValue::Table(table) => {
                let table = Reader::new(TableKind::Source, table, report);
                let (url, name) = (table.text("url", report), table.text("name", report));
                Some(Self { at, url, name })
            }
            other => {
                Wanted::Source.refuse(key, at, other, report);
                None
            }
        }
    }
}

impl<'a> RungTable<'a> {
    fn read(table: &'a DeTable<'_>, at: Range<usize>, report: &mut Report<'_>) -> Self {
        let table = Reader::new(TableKind::Rung, table, report);
        Self {
            at,
            name: table.text("name", report),
            height: table.number("height", report),
            video_bitrate: table.get("video_bitrate", Wanted::Bitrate, report, DeValue::as_str),
            copy: table.get("copy", Wanted::Flag, report, DeValue::as_bool),
        }
    }
}

/// A table whose keys are known.
struct Reader<'a, 'i> {
    table: &'a DeTable<'i>,
}

// === impl Reader ===

impl<'a, 'i> Reader<'a, 'i> {
    /// Reports the keys that the kind of table does not have.
    fn new(kind: TableKind, table: &'a DeTable<'i>, report: &mut Report<'_>) -> Self {
        for key in table.keys() {
            if !kind.keys().contains(&key.get_ref().as_ref()) {
                let shown = super::report::quoted(key.get_ref());
                report
                    .add(
                        key.span(),
                        format!("unknown key {shown} in {}", kind.title()),
                    )
                    .help(kind.advice(key.get_ref()));
            }
        }
        Self { table }
    }

    fn get<T>(
        &self,
        key: &str,
        wanted: Wanted,
        report: &mut Report<'_>,
        read: impl FnOnce(&'a DeValue<'i>) -> Option<T>,
    ) -> Field<T> {
        let Some(value) = self.table.get(key) else {
            return Field::Absent;
        };
        match read(value.get_ref()) {
            Some(read) => Field::Given(Spanned::new(value.span(), read)),
            None => {
                wanted.refuse(key, value.span(), value.get_ref(), report);
                Field::Wrong
            }
        }
    }

    fn text(&self, key: &str, report: &mut Report<'_>) -> Field<&'a str> {
        self.get(key, Wanted::Text, report, DeValue::as_str)
    }

    fn duration(&self, key: &str, report: &mut Report<'_>) -> Field<&'a str> {
        self.get(key, Wanted::Duration, report, DeValue::as_str)
    }

    fn number(&self, key: &str, report: &mut Report<'_>) -> Field<i64> {
        let Field::Given(number) = self.get(key, Wanted::Number, report, DeValue::as_integer)
        else {
            return match self.table.contains_key(key) {
                true => Field::Wrong,
                false => Field::Absent,
            };
        };
        let (digits, radix) = (number.get_ref().as_str(), number.get_ref().radix());
        match i64::from_str_radix(digits, radix) {
            Ok(value) => Field::Given(Spanned::new(number.span(), value)),
            Err(_) => {
                report
                    .add(number.span(), format!("`{key}` has too many digits"))
                    .help("write a smaller number");
                Field::Wrong
            }
        }
    }

    fn source(&self, report: &mut Report<'_>) -> Field<SourceValue<'a>> {
        let Some(value) = self.table.get("source") else {
            return Field::Absent;
        };
        match SourceValue::read(value, "source", report) {
            Some(source) => Field::Given(Spanned::new(value.span(), source)),
            None => Field::Wrong,
        }
    }

    fn sources(&self, report: &mut Report<'_>) -> Field<Vec<SourceValue<'a>>> {
        let Field::Given(list) = self.get("sources", Wanted::Sources, report, DeValue::as_array)
        else {
            return if self.table.contains_key("sources") {
                Field::Wrong
            } else {
                Field::Absent
            };
        };
        let read = |value| SourceValue::read(value, "sources", report);
        let sources: Option<Vec<_>> = list.get_ref().iter().map(read).collect();
        match sources {
            Some(sources) => Field::Given(Spanned::new(list.span(), sources)),
            None => Field::Wrong,
        }
    }

    fn ladder(&self, report: &mut Report<'_>) -> Field<LadderValue<'a>> {
        let Some(value) = self.table.get("ladder") else {
            return Field::Absent;
        };
        let ladder = match value.get_ref() {
            DeValue::String(name) => LadderValue::Named(name),
            DeValue::Array(rungs) => {
                let mut read = Vec::with_capacity(rungs.len());
                for rung in rungs {
                    match rung.get_ref() {
                        DeValue::Table(table) => {
                            read.push(RungTable::read(table, rung.span(), report))
                        }
                        other => {
                            Wanted::Ladder.refuse("ladder", rung.span(), other, report);
                            return Field::Wrong;
                        }
                    }
                }
                LadderValue::Rungs(read)
            }
            other => {
                Wanted::Ladder.refuse("ladder", value.span(), other, report);
                return Field::Wrong;
            }
        };
        Field::Given(Spanned::new(value.span(), ladder))
    }
}
