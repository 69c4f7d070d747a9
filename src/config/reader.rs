//! Values by their keys: each of the kind that is wanted, or reported.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::{Field, HeaderEntry, LadderValue, LostWhenTable, RungTable, SourceValue};
use super::keys::TableKind;
use super::report::Report;
use super::wanted::Wanted;

/// A table whose keys are known.
pub(super) struct Reader<'a, 'i> {
    pub(super) table: &'a DeTable<'i>,
}

// === impl Reader ===

impl<'a, 'i> Reader<'a, 'i> {
    /// Reports the keys that the kind of table does not have.
    pub(super) fn new(kind: TableKind, table: &'a DeTable<'i>, report: &mut Report<'_>) -> Self {
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

    pub(super) fn get<T>(
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

    /// A table below `[server]`.
    pub(super) fn table(&self, key: &str, report: &mut Report<'_>) -> Field<&'a DeTable<'i>> {
        self.get(key, Wanted::ServerTable, report, DeValue::as_table)
    }

    pub(super) fn text(&self, key: &str, report: &mut Report<'_>) -> Field<&'a str> {
        self.get(key, Wanted::Text, report, DeValue::as_str)
    }

    pub(super) fn duration(&self, key: &str, report: &mut Report<'_>) -> Field<&'a str> {
        self.get(key, Wanted::Duration, report, DeValue::as_str)
    }

    pub(super) fn number(&self, key: &str, report: &mut Report<'_>) -> Field<i64> {
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

    pub(super) fn source(&self, report: &mut Report<'_>) -> Field<SourceValue<'a>> {
        let Some(value) = self.table.get("source") else {
            return Field::Absent;
        };
        match SourceValue::read(value, "source", report) {
            Some(source) => Field::Given(Spanned::new(value.span(), source)),
            None => Field::Wrong,
        }
    }

    pub(super) fn sources(&self, report: &mut Report<'_>) -> Field<Vec<SourceValue<'a>>> {
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

    pub(super) fn ladder(&self, report: &mut Report<'_>) -> Field<LadderValue<'a>> {
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

    /// `[[…]]`, any number of times.
    pub(super) fn tables<T>(
        &self,
        key: &str,
        wanted: Wanted,
        report: &mut Report<'_>,
        read: impl Fn(&'a DeTable<'i>, Range<usize>, &mut Report<'_>) -> T,
    ) -> Vec<T> {
        let field = self.get(key, wanted, report, DeValue::as_array);
        let mut tables = Vec::new();
        for item in field
            .given()
            .into_iter()
            .flat_map(|list| list.get_ref().iter())
        {
            match item.get_ref() {
                DeValue::Table(table) => tables.push(read(table, item.span(), report)),
                other => wanted.refuse(key, item.span(), other, report),
            }
        }
        tables
    }

    pub(super) fn lost_when(&self, report: &mut Report<'_>) -> Field<LostWhenTable<'a>> {
        let field = self.get("lost_when", Wanted::Detectors, report, DeValue::as_table);
        field.map(|table| Some(LostWhenTable::read(table, report)))
    }

    /// A list of texts.
    pub(super) fn texts(&self, key: &str, report: &mut Report<'_>) -> Field<Vec<Spanned<&'a str>>> {
        let field = self.get(key, Wanted::Texts, report, DeValue::as_array);
        field.map(|items| {
            let texts = items.iter().map(|item| match item.get_ref() {
                DeValue::String(text) => Some(Spanned::new(item.span(), text.as_ref())),
                other => {
                    Wanted::Texts.refuse(key, item.span(), other, report);
                    None
                }
            });
            // Every item is looked at, so that every problem is found.
            texts.collect::<Vec<_>>().into_iter().collect()
        })
    }

    /// Names and values of HTTP header fields. What they hold is never repeated: it is a secret.
    pub(super) fn headers(&self, report: &mut Report<'_>) -> Field<Vec<HeaderEntry<'a>>> {
        let field = self.get("headers", Wanted::Headers, report, DeValue::as_table);
        field.map(|table| {
            let entries = table.iter().map(|(name, value)| match value.get_ref() {
                DeValue::String(text) => Some(HeaderEntry {
                    name: Spanned::new(name.span(), name.get_ref().as_ref()),
                    value: Spanned::new(value.span(), text.as_ref()),
                }),
                other => {
                    Wanted::Secret.refuse("the value of a header", value.span(), other, report);
                    None
                }
            });
            entries.collect::<Vec<_>>().into_iter().collect()
        })
    }
}
