//! What was written for operators: the table and its tokens.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::file::Field;
use super::keys::TableKind;
use super::reader::Reader;
use super::report::Report;
use super::wanted::Wanted;

#[derive(Default)]
pub(super) struct OperatorsTable<'a> {
    /// Its header.
    pub(super) at: Range<usize>,
    pub(super) listen: Field<&'a str>,
    pub(super) tls: Field<bool>,
    pub(super) hosts: Field<Vec<Spanned<&'a str>>>,
    pub(super) open: Field<Vec<Spanned<&'a str>>>,
    pub(super) audit_log: Field<&'a str>,
    pub(super) tokens: Vec<TokenTable<'a>>,
}

pub(super) struct TokenTable<'a> {
    /// Its header.
    pub(super) at: Range<usize>,
    pub(super) name: Field<&'a str>,
    pub(super) role: Field<&'a str>,
    pub(super) secret: Field<&'a str>,
    pub(super) file: Field<&'a str>,
    pub(super) sha256: Field<&'a str>,
}

// === impl OperatorsTable ===

impl<'a> OperatorsTable<'a> {
    /// The table of the file, if it has one.
    pub(super) fn in_file(root: &Reader<'a, '_>, report: &mut Report<'_>) -> Option<Self> {
        let field = root.get("operators", Wanted::Table, report, DeValue::as_table);
        let written = field.given()?;
        let table = Reader::new(TableKind::Operators, written.get_ref(), report);
        Some(Self {
            at: written.span(),
            listen: table.get("listen", Wanted::Listen, report, DeValue::as_str),
            tls: table.get("tls", Wanted::Flag, report, DeValue::as_bool),
            hosts: table.texts("hosts", report),
            open: table.texts("open", report),
            audit_log: table.text("audit_log", report),
            tokens: table.tables("token", Wanted::Tokens, report, |table, at, report| {
                let table = Reader::new(TableKind::Token, table, report);
                TokenTable {
                    at,
                    name: table.text("name", report),
                    role: table.text("role", report),
                    secret: table.get("secret", Wanted::Secret, report, DeValue::as_str),
                    file: table.text("file", report),
                    sha256: table.text("sha256", report),
                }
            }),
        })
    }
}
