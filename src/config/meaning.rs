//! The whole file: from text to a [`Config`], or to everything that is wrong with it.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::Hash;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::DeTable;

use super::access;
use super::address::{listen, public_url};
use super::channel::{self, Inherited, take};
use super::error::ConfigError;
use super::file::{Field, File, ServerTable};
use super::iptv;
use super::ladder;
use super::model::{
    CageMode, ChannelSpec, Config, LadderSpec, LimitsSpec, ServerConfig, WebhookSpec,
};
use super::operators::{self, OperatorsSaid};
use super::report::{Refusal, Report, quoted};
use super::timing::Timing;
use super::transport;
use super::value::{name_char, within};
use super::webhook;

/// Where a gateway listens when nothing else is said: on this machine only.
pub const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const DEFAULT_CONNECTIONS: usize = 10_000;
/// Everybody behind a reverse proxy or on loopback has the same address.
const DEFAULT_CONNECTIONS_PER_ADDRESS: usize = 1024;
const DEFAULT_SESSIONS: usize = 100;

// === impl Config ===

impl Config {
    /// Reads a configuration from the text of the file `origin`, whose folder is where relative paths start. Nothing
    /// is read from the disk, and files that sources name need not exist.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with all problems; after a syntax error there is only that one.
    pub fn parse(text: &str, origin: &Path) -> Result<Self, ConfigError> {
        Self::parse_under(text, origin, None, &OperatorsSaid::default())
    }

    /// The same under what the command line and the environment say: where to listen for viewers, and what about
    /// operators.
    ///
    /// # Errors
    /// As [`Config::parse`].
    pub fn parse_under(
        text: &str,
        origin: &Path,
        listen: Option<SocketAddr>,
        operators: &OperatorsSaid,
    ) -> Result<Self, ConfigError> {
        let mut report = Report::new(text);
        let root = match DeTable::parse(text) {
            Ok(root) => root.into_inner(),
            Err(error) => {
                report_syntax(&error, text, &mut report);
                return Err(report.into_error(origin, None));
            }
        };
        let file = File::read(&root, &mut report);
        let folder = origin.parent().unwrap_or(Path::new(""));
        let mut server = ServerConfig {
            limits: file.limits.meaning(&mut report),
            ..read_server(&file.server, folder, &mut report)
        };
        server.listen = listen.unwrap_or(server.listen);
        let written = file.operators.as_ref();
        let operators = operators::read(written, operators, &server, folder, &mut report);
        let channels = read_channels(&file, folder, &mut report);
        let webhooks = read_webhooks(&file, &mut report);
        let guide = iptv::read_guide(&file.guide, folder, &mut report);
        let hdhomerun = iptv::read_hdhomerun(&file.hdhomerun, &mut report);
        let users = iptv::read_users(&file.users, &mut report);
        let access = access::read(&file, folder, &mut report);
        match report.is_empty() {
            true => Ok(Self {
                server,
                channels,
                webhooks,
                guide,
                hdhomerun,
                operators,
                users,
                access,
            }),
            false => Err(report.into_error(origin, Some(&root))),
        }
    }
}

/// The parser's words, and what to do about the usual mistakes.
fn report_syntax(error: &toml::de::Error, text: &str, report: &mut Report<'_>) {
    let span = error.span().unwrap_or(text.len()..text.len());
    let message = error.message();
    let before = text.get(..span.start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let is_value = before[line_start..].contains('=');
    let begins_word = |c: char| c.is_alphabetic() || c == '/';
    let is_word =
        |found: &str| found.starts_with(begins_word) || message.contains("must be quoted");
    if is_value && text.get(span.clone()).is_some_and(is_word) {
        report
            .add(span, "text stands here without quotes")
            .help("write text, durations and bitrates in double quotes: `key = \"value\"`");
        return;
    }
    let help = if message.contains("duplicate key") {
        "write each key once in a table, and each `[table]` once; a further channel begins with `[[channel]]`"
    } else if message.contains("escape") {
        "write a backslash as `\\\\`, or use single quotes"
    } else if message.contains("string") {
        "close the text with the quote that it begins with"
    } else {
        "the file is TOML: `[table]`, `[[channel]]`, and `key = \"value\"`, each on a line of its own"
    };
    report
        .add(span, format!("the file is not TOML: {message}"))
        .help(help);
}

fn read_server(table: &ServerTable<'_>, folder: &Path, report: &mut Report<'_>) -> ServerConfig {
    let max_connections = limit("max_connections", &table.max_connections, 1_000_000, report);
    let max_connections = max_connections.unwrap_or(DEFAULT_CONNECTIONS);
    let per_address = limit(
        "max_connections_per_address",
        &table.max_connections_per_address,
        max_connections,
        report,
    );
    ServerConfig {
        listen: take(&table.listen, report, |text| listen(text)).unwrap_or(DEFAULT_LISTEN),
        public_url: take(&table.public_url, report, |text| public_url(text)),
        ffmpeg: take(&table.ffmpeg, report, |text| program(text, folder)),
        cage: take(&table.cage, report, |text| cage(text)).unwrap_or_default(),
        max_connections,
        max_connections_per_address: per_address
            .unwrap_or(DEFAULT_CONNECTIONS_PER_ADDRESS.min(max_connections)),
        max_sessions: limit("max_sessions", &table.max_sessions, 10_000, report)
            .unwrap_or(DEFAULT_SESSIONS),
        state: take(&table.state, report, |text| {
            transport::file("state", text, folder)
        }),
        tls: transport::read(table, folder, report),
        allow_private: transport::networks(&table.allow_private, report),
        trusted_proxies: transport::networks(&table.trusted_proxies, report),
        limits: LimitsSpec::default(),
    }
}

fn cage(text: &str) -> Result<CageMode, Refusal> {
    match text {
        "auto" => Ok(CageMode::Auto),
        "require" => Ok(CageMode::Require),
        "off" => Ok(CageMode::Off),
        _ => Err(Refusal::new(
            format!("{} is not a way to cage ffmpeg", quoted(text)),
            "write `\"auto\"` (as well as this host can), `\"require\"` (wholly, or no channel starts) or `\"off\"`",
        )),
    }
}

fn limit(key: &str, field: &Field<i64>, most: usize, report: &mut Report<'_>) -> Option<usize> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    take(field, report, |number| {
        let number = within(key, *number, 1..=most, |n| n.to_string())?;
        usize::try_from(number)
            .map_err(|_| Refusal::new(format!("`{key}` is too large"), "write a smaller number"))
    })
}

/// A path, or a bare name that is looked up in `PATH`.
fn program(text: &str, folder: &Path) -> Result<PathBuf, Refusal> {
    let help = "write a path such as `\"/usr/bin/ffmpeg\"`, or remove `ffmpeg` to use the one that is installed";
    if text.trim().is_empty() || text.ends_with('/') {
        return Err(Refusal::new("`ffmpeg` is not the path of a program", help));
    }
    if let Some(c) = text.chars().find(|c| c.is_control()) {
        return Err(Refusal::new(
            format!("`ffmpeg` holds {}", name_char(c)),
            help,
        ));
    }
    Ok(match text.contains('/') {
        true => folder.join(text),
        false => PathBuf::from(text),
    })
}

fn read_webhooks(file: &File<'_>, report: &mut Report<'_>) -> Vec<Arc<WebhookSpec>> {
    let ids = file
        .channels
        .iter()
        .filter_map(|channel| channel.id.given());
    let known: HashSet<&str> = ids.map(|id| *id.get_ref()).collect();
    let read = |table| webhook::read(table, &known, report).map(Arc::new);
    file.webhooks.iter().filter_map(read).collect()
}

fn read_channels(file: &File<'_>, folder: &Path, report: &mut Report<'_>) -> Vec<Arc<ChannelSpec>> {
    let timing = Timing::read(&file.defaults, &Timing::built_in(), report);
    let ladder = file.defaults.ladder.given();
    let ladder = ladder.and_then(|written| ladder::read(written.get_ref(), written.span(), report));
    let inherited = Inherited {
        timing,
        ladder: ladder.unwrap_or(LadderSpec::Auto),
        folder,
        access: access::of_channel(&file.defaults.access, Default::default(), report),
    };
    if !file.has_channels {
        report.add(0..0, "there is no channel").help(
            "add one: `[[channel]]`, and below it `id = \"test\"` and `source = \"testcard:\"`",
        );
    }
    refuse_twins(
        "id",
        file.channels.iter().map(|channel| &channel.id),
        report,
    );
    refuse_twins(
        "number",
        file.channels.iter().map(|channel| &channel.number),
        report,
    );
    let read = |table| channel::read(table, &inherited, report).map(Arc::new);
    file.channels.iter().filter_map(read).collect()
}

/// Reports each value that another channel before it has.
fn refuse_twins<'a, T: Eq + Hash + fmt::Display + 'a>(
    key: &str,
    fields: impl Iterator<Item = &'a Field<T>>,
    report: &mut Report<'_>,
) {
    let mut seen: HashMap<&T, Range<usize>> = HashMap::new();
    for value in fields.filter_map(Field::given) {
        let (span, value): (_, &T) = (Spanned::span(value), value.get_ref());
        match seen.get(value) {
            Some(first) => {
                report
                    .add(
                        span,
                        format!("two channels have the {key} {}", quoted(&value.to_string())),
                    )
                    .label("again here")
                    .also(first.clone(), "first used here")
                    .help(format!(
                        "give each channel {} of its own",
                        if key == "id" { "an id" } else { "a number" }
                    ));
            }
            None => {
                seen.insert(value, span);
            }
        }
    }
}
