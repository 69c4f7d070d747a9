//! Kinds of value: what each key wants, and what to write instead of something else.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::ops::Range;

use toml::de::DeValue;

use super::address::listen_help;
use super::report::Report;
use super::value::bitrate_help;

/// Which kind of value a key wants.
#[derive(Clone, Copy)]
pub(super) enum Wanted {
    Text,
    Listen,
    Duration,
    Bitrate,
    Number,
    Flag,
    Source,
    Sources,
    Ladder,
    Table,
    ServerTable,
    Channels,
    Webhooks,
    Users,
    AccessKeys,
    AccessTable,
    Detectors,
    Headers,
    Texts,
    Secret,
    Tokens,
}

// === impl Wanted ===

impl Wanted {
    /// Reports a value of another kind.
    pub(super) fn refuse(
        self,
        key: &str,
        span: Range<usize>,
        found: &DeValue<'_>,
        report: &mut Report<'_>,
    ) {
        let (key_shown, noun) = (self.key(key), noun(found));
        let message = format!("{key_shown} wants {}, not {noun}", self.noun());
        report.add(span, message).help(self.example(key, found));
    }

    /// The key as messages call it.
    fn key(self, key: &str) -> String {
        match key.contains(' ') {
            true => key.to_owned(),
            false => format!("`{key}`"),
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Text => "text in quotes",
            Self::Listen => "an address and a port in quotes",
            Self::Duration => "a duration in quotes",
            Self::Bitrate => "a bitrate in quotes",
            Self::Number => "a whole number",
            Self::Flag => "true or false",
            Self::Source => "text in quotes or a table with `url`",
            Self::Sources => "a list",
            Self::Ladder => "`\"auto\"` or a list of rungs",
            Self::Table | Self::ServerTable | Self::AccessTable => "a table",
            Self::Channels | Self::Webhooks | Self::Users | Self::Tokens | Self::AccessKeys => {
                "a list of tables"
            }
            Self::Detectors => "a table with `black`, `frozen` or `silent`",
            Self::Headers => "a table of names and values",
            Self::Texts => "a list of texts",
            Self::Secret => "text in quotes",
        }
    }

    /// What to write, from what was found where that is possible.
    fn example(self, key: &str, found: &DeValue<'_>) -> String {
        match (self, found) {
            (Self::Text, DeValue::Integer(number)) => format!("write `{key} = \"{number}\"`"),
            (Self::Text, _) => format!("write `{key} = \"…\"`"),
            (Self::Listen, DeValue::Integer(port)) => listen_help(port.as_str()),
            (Self::Listen, _) => listen_help("8080"),
            (Self::Duration, DeValue::Integer(seconds)) => format!("write `{key} = \"{seconds}s\"` for seconds"),
            (Self::Duration, DeValue::Float(seconds)) => format!("write `{key} = \"{seconds}s\"` for seconds"),
            (Self::Duration, _) => format!("write for example `{key} = \"30s\"`"),
            (Self::Bitrate, DeValue::Integer(number)) => bitrate_help(number.as_str().parse().unwrap_or(2500)),
            (Self::Bitrate, _) => format!("write for example `{key} = \"2500k\"`"),
            (Self::Number, DeValue::String(text)) => {
                let digits: String = text.chars().take_while(char::is_ascii_digit).take(20).collect();
                let number = if digits.is_empty() { "1" } else { &digits };
                format!("write it without quotes: `{key} = {number}`")
            }
            (Self::Number, _) => format!("write for example `{key} = 720`"),
            (Self::Flag, _) => format!("write `{key} = true` without quotes, or leave it out"),
            (Self::Source, DeValue::Array(_)) => "for several write `sources = [ … ]`".to_owned(),
            (Self::Source, _) => format!("write `{key}` with text in quotes, or `{{ url = \"…\", name = \"…\" }}`"),
            (Self::Sources, _) => "for one source write `source = …`; for several `sources = [ …, … ]`".to_owned(),
            (Self::Ladder, _) => {
                "write `\"auto\"`, or rungs: `[ { name = \"720p\", height = 720, video_bitrate = \"2500k\" } ]`".to_owned()
            }
            (Self::Table, _) => format!("write `[{key}]` on a line of its own, and its keys below"),
            (Self::ServerTable, _) => {
                format!("write `[server.{key}]` on a line of its own, and its keys below")
            }
            (Self::Channels, DeValue::Table(_)) => {
                "write `[[channel]]` with double brackets: there can be many".to_owned()
            }
            (Self::Webhooks, DeValue::Table(_)) => {
                "write `[[webhook]]` with double brackets: there can be many".to_owned()
            }
            (Self::Tokens, _) => "write `[[operators.token]]` on a line of its own, and its keys below".to_owned(),
            (Self::AccessKeys, _) => "write `[[access.key]]` on a line of its own, and its keys below".to_owned(),
            (Self::AccessTable, _) => format!("write `[access.{key}]` on a line of its own, and its keys below"),
            (Self::Users, _) => "write `[[user]]` on a line of its own, and its keys below".to_owned(),
            (Self::Webhooks, _) => "write `[[webhook]]` on a line of its own, and its keys below".to_owned(),
            (Self::Detectors, _) => format!("write for example `{key} = {{ black = \"10s\" }}`"),
            (Self::Headers, _) => format!("write `{key} = {{ \"X-Name\" = \"value\" }}`"),
            (Self::Texts, DeValue::String(_)) => format!("write `{key} = [\"…\"]`, also for a single one"),
            (Self::Texts, _) => format!("write `{key} = [\"…\", \"…\"]`"),
            // What was found is not repeated.
            (Self::Secret, _) => "write it in quotes".to_owned(),
            (Self::Channels, _) => "write `[[channel]]` on a line of its own, and its keys below".to_owned(),
        }
    }
}

fn noun(found: &DeValue<'_>) -> &'static str {
    match found {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
