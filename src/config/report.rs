//! Collects what is wrong while a file is read, and turns byte positions into lines for people at the end.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Excerpt, Invalid, Problem};
use super::mask;

/// More problems than anybody reads; what is found beyond is counted only.
const MAX_PROBLEMS: usize = 1000;
/// The longest line that is shown, in bytes; of longer ones only the place is named.
const MAX_SHOWN_LINE: usize = 2000;
/// The longest piece of the file that a message repeats, in characters.
const MAX_QUOTED: usize = 60;

/// The problems of one file so far.
pub(super) struct Report<'t> {
    text: &'t str,
    faults: Vec<Fault>,
    /// Written to when the list is full.
    overflow: Fault,
    unlisted: usize,
}

/// A problem whose place is still a range of bytes.
#[derive(Default)]
pub(super) struct Fault {
    span: Range<usize>,
    label: Option<String>,
    message: String,
    help: Option<String>,
    also: Option<(Range<usize>, String)>,
}

/// Why a value is not taken, and what to write instead; the caller knows the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) help: String,
}

// === impl Report ===

impl<'t> Report<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            faults: Vec::new(),
            overflow: Fault::default(),
            unlisted: 0,
        }
    }

    /// Whether nothing was wrong so far.
    pub(super) fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// Notes a problem; more can be said about it through what is returned.
    pub(super) fn add(&mut self, span: Range<usize>, message: impl Into<String>) -> &mut Fault {
        let fault = Fault {
            span,
            message: message.into(),
            ..Fault::default()
        };
        if self.faults.len() == MAX_PROBLEMS {
            self.unlisted += 1;
            self.overflow = fault;
            return &mut self.overflow;
        }
        self.faults.push(fault);
        self.faults
            .last_mut()
            .expect("a fault should just have been pushed")
    }

    /// The value, or `None` and a noted problem.
    pub(super) fn accept<T>(
        &mut self,
        span: Range<usize>,
        result: Result<T, Refusal>,
    ) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(refusal) => {
                self.add(span, refusal.message).help(refusal.help);
                None
            }
        }
    }

    /// The problems in the order of the file. `root` is the parsed file, if it could be parsed.
    pub(super) fn into_error(mut self, origin: &Path, root: Option<&DeTable<'_>>) -> ConfigError {
        self.faults.sort_by_key(|fault| fault.span.start);
        let lines = Lines::new(self.text, root);
        let problems = self
            .faults
            .into_iter()
            .map(|fault| lines.problem(fault))
            .collect();
        ConfigError::Invalid(Box::new(Invalid {
            origin: origin.to_owned(),
            problems,
            unlisted: self.unlisted,
        }))
    }
}

// === impl Fault ===

impl Fault {
    /// What to write instead.
    pub(super) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// A word beside the underlined text.
    pub(super) fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = Some(label.into());
        self
    }

    /// Another place that the problem is about, and what it has to do with it.
    pub(super) fn also(&mut self, span: Range<usize>, label: impl Into<String>) -> &mut Self {
        self.also = Some((span, label.into()));
        self
    }
}

// === impl Refusal ===

impl Refusal {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
        }
    }
}

/// A piece of the file for a message: short, on one line, in backticks, without credentials.
pub(super) fn quoted(text: &str) -> String {
    let text = mask::text(text);
    let mut shown: String = text.chars().take(MAX_QUOTED).flat_map(visible).collect();
    if text.chars().nth(MAX_QUOTED).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// The character, or its escape if it would not be seen or would move the rest of the line.
fn visible(c: char) -> impl Iterator<Item = char> {
    let escaped = super::value::is_control(c);
    let escape = escaped.then(|| c.escape_unicode());
    let plain = (!escaped).then_some(c);
    escape.into_iter().flatten().chain(plain)
}

/// Finds the lines of byte positions.
struct Lines<'t> {
    text: &'t str,
    /// Where each line starts.
    starts: Vec<usize>,
    /// Texts with credentials that cannot be recognised in the line itself, in the order of the file.
    secrets: Vec<Range<usize>>,
    /// Whether the file could be parsed, so that its keys are known.
    is_parsed: bool,
}

// === impl Lines ===

impl<'t> Lines<'t> {
    fn new(text: &'t str, root: Option<&DeTable<'_>>) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0)
            .chain(breaks.map(|(at, _)| at + 1))
            .collect();
        let mut secrets = Vec::new();
        if let Some(root) = root {
            collect_secrets(root, Secrecy::Urls, text, &mut secrets);
        }
        Self {
            text,
            starts,
            secrets,
            is_parsed: root.is_some(),
        }
    }

    fn problem(&self, fault: Fault) -> Problem {
        let excerpt = self.excerpt(&fault.span, fault.label);
        Problem {
            line: excerpt.line,
            column: excerpt.column,
            message: fault.message,
            help: fault.help,
            excerpt,
            also: fault
                .also
                .map(|(span, label)| self.excerpt(&span, Some(label))),
        }
    }

    /// The line where the span starts, underlined up to the end of the span or of the line.
    fn excerpt(&self, span: &Range<usize>, label: Option<String>) -> Excerpt {
        let index = self.starts.partition_point(|start| *start <= span.start) - 1;
        let start = self.starts[index];
        let end = self
            .starts
            .get(index + 1)
            .map_or(self.text.len(), |next| next - 1);
        let line = self.text[start..end].trim_end_matches('\r');
        let from = char_boundary(line, span.start - start);
        let to = char_boundary(line, span.end.max(span.start) - start).max(from);
        Excerpt {
            line: index + 1,
            column: line[..from].chars().count() + 1,
            text: (line.len() <= MAX_SHOWN_LINE).then(|| self.masked(start, line)),
            range: from..to,
            label,
        }
    }

    fn masked(&self, start: usize, line: &str) -> String {
        let end = start + line.len();
        let mut masked = mask::line(line);
        let inside = |secret: &&Range<usize>| secret.start < end && secret.end > start;
        for secret in self.secrets.iter().filter(inside) {
            masked = mask::all(
                &masked,
                secret.start.max(start) - start..secret.end.min(end) - start,
            );
        }
        if !self.is_parsed
            && let Some(from) = mask::secret_from(&self.text[..start], line)
        {
            masked = mask::all(&masked, from..line.len());
        }
        masked
    }
}

/// The position, or the end of the line, or the beginning of the character that it is inside of.
fn char_boundary(line: &str, at: usize) -> usize {
    let mut at = at.min(line.len());
    while !line.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// What is a secret in a part of the file.
#[derive(Clone, Copy, PartialEq)]
enum Secrecy {
    /// URLs whose text in the file is not what it means (escapes, several lines): others are recognised in the line.
    Urls,
    /// A webhook: besides, what is meant as its URL and lacks its scheme.
    Webhook,
    /// Below `[access]`: besides, whatever may be meant as a key.
    Access,
    /// Everything.
    All,
}

fn collect_secrets(
    table: &DeTable<'_>,
    secrecy: Secrecy,
    text: &str,
    secrets: &mut Vec<Range<usize>>,
) {
    for (key, value) in table {
        let name: &str = key.get_ref();
        collect_secret(name, key.span(), text, secrets);
        let words = !name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if secrecy == Secrecy::All && words {
            secrets.push(key.span());
        }
        let of_value = match secrecy {
            _ if mask::is_secret_key(name) => Secrecy::All,
            Secrecy::Webhook if name == "url" && !is_url(value) => Secrecy::All,
            Secrecy::Access if matches!(name, "key" | "jwt") => Secrecy::All,
            Secrecy::Access if name == "url" && !is_url(value) => Secrecy::All,
            Secrecy::Urls if name == "access" && value.get_ref().is_table() => Secrecy::Access,
            Secrecy::Urls if name == "webhook" => Secrecy::Webhook,
            // A key that is misspelt there may be that of the password.
            Secrecy::Urls if name == "user" => Secrecy::All,
            other => other,
        };
        collect_secrets_of(value, of_value, text, secrets);
    }
}

fn is_url(value: &toml::Spanned<DeValue<'_>>) -> bool {
    let text = value.get_ref().as_str();
    text.is_some_and(|text| text.contains("://"))
}

fn collect_secrets_of(
    value: &toml::Spanned<DeValue<'_>>,
    secrecy: Secrecy,
    text: &str,
    secrets: &mut Vec<Range<usize>>,
) {
    match value.get_ref() {
        DeValue::Array(items) => items
            .iter()
            .for_each(|item| collect_secrets_of(item, secrecy, text, secrets)),
        DeValue::Table(table) => collect_secrets(table, secrecy, text, secrets),
        _ if secrecy == Secrecy::All => secrets.push(value.span()),
        // A signing key, whatever the key before it was meant to be.
        DeValue::String(meant) if meant.starts_with("whsec_") => secrets.push(value.span()),
        DeValue::String(meant) => collect_secret(meant, value.span(), text, secrets),
        _ => {}
    }
}

fn collect_secret(meant: &str, span: Range<usize>, text: &str, secrets: &mut Vec<Range<usize>>) {
    let may_hold_one = meant.contains("://") || (meant.contains(':') && meant.contains('@'));
    if may_hold_one
        && text
            .get(span.clone())
            .is_some_and(|written| written.contains('\n') || !written.contains(meant))
    {
        secrets.push(span);
    }
}
