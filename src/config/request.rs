//! What a source's server is told in each request: the user agent and other header fields.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::HashSet;

use toml::Spanned;

use super::channel::take;
use super::file::{HeaderEntry, SourceValue};
use super::model::{Header, SourceKind};
use super::report::{Refusal, Report};
use super::secret::Secret;
use super::value::name_char;

/// More header fields than any server asks for.
const MAX_HEADERS: usize = 32;
/// The longest user agent, in characters.
const MAX_USER_AGENT: usize = 256;
/// The longest value, in bytes.
const MAX_VALUE: usize = 4096;

/// Fields that belong to the connection: another value in one of them breaks it.
const RESERVED: [&str; 6] = [
    "connection",
    "content-length",
    "icy-metadata",
    "range",
    "te",
    "transfer-encoding",
];

/// What is said to a server.
#[derive(Default)]
pub(super) struct Request {
    pub(super) user_agent: Option<Secret>,
    pub(super) headers: Vec<Header>,
}

/// Reads what is said to the server of a source; `kind` is unknown if it was wrong.
pub(super) fn read(
    written: &SourceValue<'_>,
    kind: Option<&SourceKind>,
    report: &mut Report<'_>,
) -> Request {
    let spans = [
        ("user_agent", written.user_agent.given().map(Spanned::span)),
        ("headers", written.headers.given().map(Spanned::span)),
    ];
    if kind.is_some_and(|kind| !is_http(kind)) {
        for (key, span) in spans {
            let Some(span) = span else { continue };
            report
                .add(span, format!("`{key}` is for http and https sources only"))
                .help(format!("remove `{key}`"));
        }
    }
    let user_agent = take(&written.user_agent, report, |text| user_agent(text));
    let headers = written.headers.given();
    let headers = headers.map_or_else(Vec::new, |list| read_headers(list, written, report));
    Request {
        user_agent,
        headers,
    }
}

fn is_http(kind: &SourceKind) -> bool {
    let SourceKind::Live { url } = kind else {
        return false;
    };
    url.starts_with("http://") || url.starts_with("https://")
}

/// A line of visible ASCII. It is not repeated: some servers take it for a password.
pub(super) fn user_agent(text: &str) -> Result<Secret, Refusal> {
    let text = text.trim_matches(' ');
    if text.is_empty() || text.len() > MAX_USER_AGENT {
        return Err(Refusal::new(
            format!("`user_agent` has {} characters", text.len()),
            format!("write 1 to {MAX_USER_AGENT}, or remove it"),
        ));
    }
    match text.chars().all(is_visible) {
        true => Ok(Secret::new(text)),
        false => Err(Refusal::new(
            "`user_agent` holds a line break, a control character or a letter that is not ASCII",
            "write it on one line with plain letters, digits, spaces and signs",
        )),
    }
}

fn read_headers(
    list: &Spanned<Vec<HeaderEntry<'_>>>,
    written: &SourceValue<'_>,
    report: &mut Report<'_>,
) -> Vec<Header> {
    let entries = list.get_ref();
    if entries.len() > MAX_HEADERS {
        report
            .add(list.span(), format!("there are {} headers", entries.len()))
            .help(format!("write at most {MAX_HEADERS}"));
    }
    let mut seen = HashSet::new();
    let mut headers = Vec::new();
    // In the order of the file: the table is sorted by name.
    let mut entries: Vec<&HeaderEntry<'_>> = entries.iter().collect();
    entries.sort_by_key(|entry| entry.name.span().start);
    for entry in entries {
        let name = report.accept(entry.name.span(), name(entry.name.get_ref()));
        let value = report.accept(entry.value.span(), value(entry.value.get_ref()));
        let Some(name) = name else { continue };
        let lower = name.to_ascii_lowercase();
        if lower == "user-agent" && !written.user_agent.is_absent() {
            report
                .add(entry.name.span(), "the user agent is written twice")
                .help("remove this one, or `user_agent`");
        }
        if !seen.insert(lower) {
            report
                .add(
                    entry.name.span(),
                    "this header is there twice: its case makes no difference",
                )
                .help("remove one of them");
        }
        headers.extend(value.map(|value| Header { name, value }));
    }
    headers
}

/// A token. It is not repeated: whoever writes `"Name: value"` here writes a secret.
pub(super) fn name(text: &str) -> Result<String, Refusal> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let help = "write `\"X-Name\" = \"value\"`";
    if text.is_empty() || text.len() > 256 {
        return Err(Refusal::new("this is no name of a header", help));
    }
    if let Some(c) = text.chars().find(|c| !fine(*c)) {
        return Err(Refusal::new(
            format!("the name of a header cannot hold {}", name_char(c)),
            help,
        ));
    }
    match RESERVED.contains(&text.to_ascii_lowercase().as_str()) {
        true => Err(Refusal::new(
            "this header belongs to the connection, which ffmpeg manages itself",
            "remove it",
        )),
        false => Ok(text.to_owned()),
    }
}

pub(super) fn value(text: &str) -> Result<Secret, Refusal> {
    let text = text.trim_matches([' ', '\t']);
    if text.is_empty() {
        return Err(Refusal::new(
            "the value of a header is empty",
            "write what the server wants, or remove the header",
        ));
    }
    if text.len() > MAX_VALUE {
        return Err(Refusal::new(
            format!("the value of a header has {} bytes", text.len()),
            format!("write at most {MAX_VALUE}"),
        ));
    }
    match text.chars().find(|c| !is_visible(*c)) {
        // Which one it is would give a little of the secret away.
        Some(_) => Err(Refusal::new(
            "the value of a header holds a line break, a control character or a letter that is not ASCII",
            "write it on one line, and encode what is not ASCII as the server wants it",
        )),
        None => Ok(Secret::new(text)),
    }
}

fn is_visible(c: char) -> bool {
    c.is_ascii_graphic() || c == ' '
}
