//! What was written for IPTV front ends: the tables of the guide, the network tuner and the users.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::file::Field;
use super::keys::TableKind;
use super::reader::Reader;
use super::report::Report;
use super::wanted::Wanted;

#[derive(Default)]
pub(super) struct GuideTable<'a> {
    pub(super) source: Field<&'a str>,
    pub(super) refresh: Field<&'a str>,
}

#[derive(Default)]
pub(super) struct HdHomeRunTable<'a> {
    pub(super) tuners: Field<i64>,
    pub(super) name: Field<&'a str>,
    pub(super) device_id: Field<&'a str>,
    pub(super) discovery: Field<&'a str>,
    pub(super) ssdp: Field<&'a str>,
}

pub(super) struct UserTable<'a> {
    /// Its header.
    pub(super) at: Range<usize>,
    pub(super) name: Field<&'a str>,
    pub(super) password: Field<&'a str>,
}

// === impl GuideTable ===

impl<'a> GuideTable<'a> {
    /// The table of the file, or an empty one.
    pub(super) fn in_file(root: &Reader<'a, '_>, report: &mut Report<'_>) -> Self {
        let field = root.get("guide", Wanted::Table, report, DeValue::as_table);
        let Some(table) = field.given() else {
            return Self::default();
        };
        let table = Reader::new(TableKind::Guide, table.get_ref(), report);
        Self {
            source: table.text("source", report),
            refresh: table.duration("refresh", report),
        }
    }
}

// === impl HdHomeRunTable ===

impl<'a> HdHomeRunTable<'a> {
    /// The table of the file, or an empty one.
    pub(super) fn in_file(root: &Reader<'a, '_>, report: &mut Report<'_>) -> Self {
        let field = root.get("hdhomerun", Wanted::Table, report, DeValue::as_table);
        let Some(table) = field.given() else {
            return Self::default();
        };
        let table = Reader::new(TableKind::HdHomeRun, table.get_ref(), report);
        Self {
            tuners: table.number("tuners", report),
            name: table.text("name", report),
            device_id: table.text("device_id", report),
            discovery: table.get("discovery", Wanted::Listen, report, DeValue::as_str),
            ssdp: table.get("ssdp", Wanted::Listen, report, DeValue::as_str),
        }
    }
}

// === impl UserTable ===

impl<'a> UserTable<'a> {
    pub(super) fn read(table: &'a DeTable<'_>, at: Range<usize>, report: &mut Report<'_>) -> Self {
        let table = Reader::new(TableKind::User, table, report);
        Self {
            at,
            name: table.text("name", report),
            password: table.get("password", Wanted::Secret, report, DeValue::as_str),
        }
    }
}
