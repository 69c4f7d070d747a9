//! What was written about who may watch: `[access]` and the tables below it.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::Field;
use super::keys::TableKind;
use super::reader::Reader;
use super::report::Report;
use super::wanted::Wanted;

#[derive(Default)]
pub(super) struct AccessTable<'a> {
    pub(super) keys: Vec<KeyTable<'a>>,
    pub(super) jwt: Field<JwtTable<'a>>,
    pub(super) check: Field<CheckTable<'a>>,
    pub(super) segments: Field<&'a str>,
    pub(super) max_viewers_per_token: Field<i64>,
    pub(super) max_viewers_per_address: Field<i64>,
}

/// One `[[access.key]]`.
pub(super) struct KeyTable<'a> {
    /// Its header.
    pub(super) at: Range<usize>,
    pub(super) id: Field<&'a str>,
    pub(super) secret: Field<&'a str>,
    pub(super) secret_file: Field<&'a str>,
}

pub(super) struct JwtTable<'a> {
    pub(super) algorithms: Field<Vec<Spanned<&'a str>>>,
    pub(super) jwks: Field<&'a str>,
    pub(super) secret: Field<&'a str>,
    pub(super) secret_file: Field<&'a str>,
    pub(super) issuer: Field<&'a str>,
    pub(super) audience: Field<&'a str>,
    pub(super) channels_claim: Field<&'a str>,
}

pub(super) struct CheckTable<'a> {
    pub(super) url: Field<&'a str>,
    pub(super) timeout: Field<&'a str>,
    pub(super) allow_for: Field<&'a str>,
    pub(super) deny_for: Field<&'a str>,
    pub(super) on_error: Field<&'a str>,
}

/// What `[defaults]` and each channel say about who may watch.
#[derive(Default)]
pub(super) struct ChannelAccessKeys<'a> {
    pub(super) access: Field<&'a str>,
    pub(super) max_viewers: Field<i64>,
}

// === impl AccessTable ===

impl<'a> AccessTable<'a> {
    /// The table of the file, or an empty one.
    pub(super) fn in_file(root: &Reader<'a, '_>, report: &mut Report<'_>) -> Self {
        let field = root.get("access", Wanted::Table, report, DeValue::as_table);
        let Some(table) = field.given() else {
            return Self::default();
        };
        let table = Reader::new(TableKind::Access, table.get_ref(), report);
        let below = |key, report: &mut Report<'_>| {
            table.get(key, Wanted::AccessTable, report, DeValue::as_table)
        };
        Self {
            keys: table.tables("key", Wanted::AccessKeys, report, KeyTable::read),
            jwt: below("jwt", report).map(|jwt| Some(JwtTable::read(jwt, report))),
            check: below("check", report).map(|check| Some(CheckTable::read(check, report))),
            segments: table.text("segments", report),
            max_viewers_per_token: table.number("max_viewers_per_token", report),
            max_viewers_per_address: table.number("max_viewers_per_address", report),
        }
    }
}

// === impl KeyTable ===

impl<'a> KeyTable<'a> {
    fn read(table: &'a DeTable<'_>, at: Range<usize>, report: &mut Report<'_>) -> Self {
        let table = Reader::new(TableKind::AccessKey, table, report);
        Self {
            at,
            id: table.text("id", report),
            secret: secret(&table, report),
            secret_file: table.text("secret_file", report),
        }
    }
}

// === impl JwtTable ===

impl<'a> JwtTable<'a> {
    fn read(table: &'a DeTable<'_>, report: &mut Report<'_>) -> Self {
        let table = Reader::new(TableKind::AccessJwt, table, report);
        Self {
            algorithms: table.texts("algorithms", report),
            jwks: table.text("jwks", report),
            secret: secret(&table, report),
            secret_file: table.text("secret_file", report),
            issuer: table.text("issuer", report),
            audience: table.text("audience", report),
            channels_claim: table.text("channels_claim", report),
        }
    }
}

// === impl CheckTable ===

impl<'a> CheckTable<'a> {
    fn read(table: &'a DeTable<'_>, report: &mut Report<'_>) -> Self {
        let table = Reader::new(TableKind::AccessCheck, table, report);
        Self {
            url: table.text("url", report),
            timeout: table.duration("timeout", report),
            allow_for: table.duration("allow_for", report),
            deny_for: table.duration("deny_for", report),
            on_error: table.text("on_error", report),
        }
    }
}

// === impl ChannelAccessKeys ===

impl<'a> ChannelAccessKeys<'a> {
    pub(super) fn read(table: &Reader<'a, '_>, report: &mut Report<'_>) -> Self {
        Self {
            access: table.text("access", report),
            max_viewers: table.number("max_viewers", report),
        }
    }
}

fn secret<'a>(table: &Reader<'a, '_>, report: &mut Report<'_>) -> Field<&'a str> {
    table.get("secret", Wanted::Secret, report, DeValue::as_str)
}
