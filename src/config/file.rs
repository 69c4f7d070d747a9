//! What was written: the tables and keys of the format, each value with its place, nothing interpreted yet.
//!
//! The tree is walked by hand, because a derived deserializer stops at the first unknown key or wrong kind of value,
//! and the person at the editor wants them all.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::access_tables::{AccessTable, ChannelAccessKeys};
use super::iptv_tables::{GuideTable, HdHomeRunTable, UserTable};
use super::keys::TableKind;
use super::limits::LimitsTable;
use super::operators_tables::OperatorsTable;
use super::reader::Reader;
use super::report::Report;
use super::wanted::Wanted;

/// A whole file.
#[derive(Default)]
pub(super) struct File<'a> {
    pub(super) server: ServerTable<'a>,
    pub(super) defaults: OptionsTable<'a>,
    pub(super) channels: Vec<ChannelTable<'a>>,
    pub(super) webhooks: Vec<WebhookTable<'a>>,
    pub(super) guide: GuideTable<'a>,
    pub(super) hdhomerun: HdHomeRunTable<'a>,
    pub(super) limits: LimitsTable<'a>,
    pub(super) operators: Option<OperatorsTable<'a>>,
    pub(super) users: Vec<UserTable<'a>>,
    pub(super) access: AccessTable<'a>,
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
    pub(super) public_url: Field<&'a str>,
    pub(super) ffmpeg: Field<&'a str>,
    pub(super) cage: Field<&'a str>,
    pub(super) max_connections: Field<i64>,
    pub(super) max_connections_per_address: Field<i64>,
    pub(super) max_sessions: Field<i64>,
    pub(super) state: Field<&'a str>,
    pub(super) allow_private: Field<Vec<Spanned<&'a str>>>,
    pub(super) trusted_proxies: Field<Vec<Spanned<&'a str>>>,
    pub(super) tls: Field<TlsTable<'a>>,
    pub(super) acme: Field<AcmeTable<'a>>,
}

#[derive(Clone)]
pub(super) struct TlsTable<'a> {
    pub(super) listen: Field<&'a str>,
    pub(super) cert: Field<&'a str>,
    pub(super) key: Field<&'a str>,
    pub(super) redirect: Field<bool>,
}

#[derive(Clone)]
pub(super) struct AcmeTable<'a> {
    pub(super) domains: Field<Vec<Spanned<&'a str>>>,
    pub(super) contact: Field<&'a str>,
    pub(super) directory: Field<&'a str>,
    pub(super) folder: Field<&'a str>,
    pub(super) ca: Field<&'a str>,
}

/// What `[defaults]` and each channel can say.
#[derive(Default)]
pub(super) struct OptionsTable<'a> {
    pub(super) grace_period: Field<&'a str>,
    pub(super) start_timeout: Field<&'a str>,
    pub(super) slate_after: Field<&'a str>,
    pub(super) hold_down: Field<&'a str>,
    pub(super) lost_when: Field<LostWhenTable<'a>>,
    pub(super) segment_duration: Field<&'a str>,
    pub(super) part_duration: Field<&'a str>,
    pub(super) window: Field<&'a str>,
    pub(super) ladder: Field<LadderValue<'a>>,
    pub(super) access: ChannelAccessKeys<'a>,
}

pub(super) struct ChannelTable<'a> {
    /// Its header.
    pub(super) at: Range<usize>,
    pub(super) id: Field<&'a str>,
    pub(super) name: Field<&'a str>,
    pub(super) logo: Field<&'a str>,
    pub(super) number: Field<i64>,
    pub(super) group: Field<&'a str>,
    pub(super) tvg_id: Field<&'a str>,
    pub(super) guide: Field<&'a str>,
    pub(super) source: Field<SourceValue<'a>>,
    pub(super) sources: Field<Vec<SourceValue<'a>>>,
    pub(super) options: OptionsTable<'a>,
}

#[derive(Clone)]
pub(super) struct LostWhenTable<'a> {
    pub(super) black: Field<&'a str>,
    pub(super) frozen: Field<&'a str>,
    pub(super) silent: Field<&'a str>,
}

pub(super) struct SourceValue<'a> {
    pub(super) at: Range<usize>,
    pub(super) url: Field<&'a str>,
    pub(super) name: Field<&'a str>,
    pub(super) timeout: Field<&'a str>,
    pub(super) user_agent: Field<&'a str>,
    pub(super) headers: Field<Vec<HeaderEntry<'a>>>,
}

/// One `"X-Name" = "value"`.
pub(super) struct HeaderEntry<'a> {
    pub(super) name: Spanned<&'a str>,
    pub(super) value: Spanned<&'a str>,
}

pub(super) struct WebhookTable<'a> {
    /// Its header.
    pub(super) at: Range<usize>,
    pub(super) url: Field<&'a str>,
    pub(super) secret: Field<&'a str>,
    pub(super) events: Field<Vec<Spanned<&'a str>>>,
    pub(super) channels: Field<Vec<Spanned<&'a str>>>,
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

    /// What the value holds; `None` says that it is wrong, which has been reported.
    pub(super) fn map<U>(self, read: impl FnOnce(T) -> Option<U>) -> Field<U> {
        match self {
            Self::Absent => Field::Absent,
            Self::Wrong => Field::Wrong,
            Self::Given(value) => {
                let span = value.span();
                match read(value.into_inner()) {
                    Some(read) => Field::Given(Spanned::new(span, read)),
                    None => Field::Wrong,
                }
            }
        }
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
        file.channels = root.tables("channel", Wanted::Channels, report, ChannelTable::read);
        file.webhooks = root.tables("webhook", Wanted::Webhooks, report, WebhookTable::read);
        file.guide = GuideTable::in_file(&root, report);
        file.hdhomerun = HdHomeRunTable::in_file(&root, report);
        file.limits = LimitsTable::in_file(&root, report);
        file.operators = OperatorsTable::in_file(&root, report);
        file.access = AccessTable::in_file(&root, report);
        file.users = root.tables("user", Wanted::Users, report, UserTable::read);
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
            public_url: table.text("public_url", report),
            ffmpeg: table.text("ffmpeg", report),
            cage: table.text("cage", report),
            max_connections: table.number("max_connections", report),
            max_connections_per_address: table.number("max_connections_per_address", report),
            max_sessions: table.number("max_sessions", report),
            state: table.text("state", report),
            allow_private: table.texts("allow_private", report),
            trusted_proxies: table.texts("trusted_proxies", report),
            tls: table
                .table("tls", report)
                .map(|tls| Some(TlsTable::read(tls, report))),
            acme: table
                .table("acme", report)
                .map(|acme| Some(AcmeTable::read(acme, report))),
        }
    }
}

impl<'a> TlsTable<'a> {
    fn read(table: &'a DeTable<'_>, report: &mut Report<'_>) -> Self {
        let table = Reader::new(TableKind::Tls, table, report);
        Self {
            listen: table.get("listen", Wanted::Listen, report, DeValue::as_str),
            cert: table.text("cert", report),
            key: table.text("key", report),
            redirect: table.get("redirect", Wanted::Flag, report, DeValue::as_bool),
        }
    }
}

impl<'a> AcmeTable<'a> {
    fn read(table: &'a DeTable<'_>, report: &mut Report<'_>) -> Self {
        let table = Reader::new(TableKind::Acme, table, report);
        Self {
            domains: table.texts("domains", report),
            contact: table.text("contact", report),
            directory: table.text("directory", report),
            folder: table.text("folder", report),
            ca: table.text("ca", report),
        }
    }
}

impl<'a> OptionsTable<'a> {
    fn read(table: &Reader<'a, '_>, report: &mut Report<'_>) -> Self {
        Self {
            grace_period: table.duration("grace_period", report),
            start_timeout: table.duration("start_timeout", report),
            slate_after: table.duration("slate_after", report),
            hold_down: table.duration("hold_down", report),
            lost_when: table.lost_when(report),
            segment_duration: table.duration("segment_duration", report),
            part_duration: table.duration("part_duration", report),
            window: table.duration("window", report),
            ladder: table.ladder(report),
            access: ChannelAccessKeys::read(table, report),
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
            tvg_id: table.text("tvg_id", report),
            guide: table.text("guide", report),
            source: table.source(report),
            sources: table.sources(report),
            options: OptionsTable::read(&table, report),
        }
    }
}

impl<'a> LostWhenTable<'a> {
    pub(super) fn read(table: &'a DeTable<'_>, report: &mut Report<'_>) -> Self {
        let table = Reader::new(TableKind::LostWhen, table, report);
        Self {
            black: table.duration("black", report),
            frozen: table.duration("frozen", report),
            silent: table.duration("silent", report),
        }
    }
}

impl<'a> WebhookTable<'a> {
    fn read(table: &'a DeTable<'_>, at: Range<usize>, report: &mut Report<'_>) -> Self {
        let table = Reader::new(TableKind::Webhook, table, report);
        Self {
            at,
            url: table.text("url", report),
            secret: table.get("secret", Wanted::Secret, report, DeValue::as_str),
            events: table.texts("events", report),
            channels: table.texts("channels", report),
        }
    }
}

impl<'a> SourceValue<'a> {
    /// A text, or a table with `url` and more.
    pub(super) fn read(
        value: &'a Spanned<DeValue<'_>>,
        key: &str,
        report: &mut Report<'_>,
    ) -> Option<Self> {
        let at = value.span();
        match value.get_ref() {
            DeValue::String(url) => Some(Self {
                url: Field::Given(Spanned::new(at.clone(), url.as_ref())),
                name: Field::Absent,
                timeout: Field::Absent,
                user_agent: Field::Absent,
                headers: Field::Absent,
                at,
            }),
            DeValue::Table(table) => {
                let table = Reader::new(TableKind::Source, table, report);
                Some(Self {
                    at,
                    url: table.text("url", report),
                    name: table.text("name", report),
                    timeout: table.duration("timeout", report),
                    user_agent: table.text("user_agent", report),
                    headers: table.headers(report),
                })
            }
            other => {
                Wanted::Source.refuse(key, at, other, report);
                None
            }
        }
    }
}

impl<'a> RungTable<'a> {
    pub(super) fn read(table: &'a DeTable<'_>, at: Range<usize>, report: &mut Report<'_>) -> Self {
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
