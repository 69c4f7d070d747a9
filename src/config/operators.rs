//! `[operators]`: where operators are served, by which tokens they are known, and where what they do is kept.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use toml::Spanned;

use super::address::{check_authority, listen};
use super::channel::take;
use super::model::{CertificateSpec, Config, ServerConfig};
use super::operators_spec::{OpenPath, OperatorsAt, OperatorsSpec, Role, TokenSecret, TokenSpec};
use super::operators_tables::{OperatorsTable, TokenTable};
use super::report::{Refusal, Report, quoted};
use super::secret::Secret;
use super::transport::file;

/// Where operators are served when nothing else is said: on this machine only.
pub const OPERATORS_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);

/// How long a token may be, in characters: 24 of Base64 are 144 bits.
const TOKEN_LENGTH: std::ops::RangeInclusive<usize> = 24..=256;
const TOKEN_HELP: &str = "`openssl rand -hex 32` makes a good one";
/// How the token of the environment is called.
const ENVIRONMENT: &str = "environment";

/// What the command line and the environment say about operators; it stands over the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperatorsSaid {
    /// Where to listen for them.
    pub listen: Option<SocketAddr>,
    /// A token that may do everything, called `environment`.
    pub token: Option<Secret>,
}

/// The table, with what stands over it; `server` has been read.
pub(super) fn read(
    table: Option<&OperatorsTable<'_>>,
    said: &OperatorsSaid,
    server: &ServerConfig,
    folder: &Path,
    report: &mut Report<'_>,
) -> OperatorsSpec {
    let nothing = OperatorsTable::default();
    let is_named = table.is_some() || *said != OperatorsSaid::default();
    let table = table.unwrap_or(&nothing);
    let mut tokens = tokens(&table.tokens, folder, report);
    tokens.extend(
        said.token
            .iter()
            .filter_map(|token| of_environment(token, report)),
    );
    let written = take(&table.listen, report, |text| listen(text));
    let spec = OperatorsSpec {
        is_named,
        listen: said.listen.or(written),
        tls: take(&table.tls, report, |flag| Ok(*flag)).unwrap_or(false),
        hosts: list(&table.hosts, report, host),
        open: list(&table.open, report, open),
        audit_log: take(&table.audit_log, report, |text| {
            file("audit_log", text, folder)
        }),
        tokens,
    };
    let place = table.listen.given().map_or(table.at.clone(), Spanned::span);
    check(&spec, server, place, report);
    spec
}

/// What the keys mean together.
fn check(
    spec: &OperatorsSpec,
    server: &ServerConfig,
    place: std::ops::Range<usize>,
    report: &mut Report<'_>,
) {
    let (at, address) = (spec.at(server), spec.address(server));
    if at != OperatorsAt::Everywhere && spec.tokens.is_empty() && !is_loopback(address) {
        report
            .add(place.clone(), format!("operators are served on {address}, and anybody there could stop channels"))
            .help("add `[[operators.token]]` with `name`, `role = \"operate\"` and `secret`, or write `listen = \"127.0.0.1:8081\"`");
    }
    if spec.tls && server.tls.is_none() {
        report
            .add(
                place.clone(),
                "`tls` in `[operators]` needs a certificate, and there is no `[server.tls]`",
            )
            .help("add `[server.tls]` with `cert` and `key`, or remove `tls`");
    }
    let redirects = server.tls.as_ref().filter(|tls| tls.redirect);
    if let (OperatorsAt::Plain, Some(tls)) = (at, redirects) {
        report
            .add(place, "operators would be sent from here to the listener for TLS, which does not serve them")
            .help(format!("write `listen = \"{}\"`, or an address of their own", tls.listen));
    }
}

fn tokens(tables: &[TokenTable<'_>], folder: &Path, report: &mut Report<'_>) -> Vec<TokenSpec> {
    let mut seen = HashSet::from([ENVIRONMENT]);
    let mut tokens = Vec::new();
    for table in tables {
        if let Some(name) = table.name.given()
            && !seen.insert(*name.get_ref())
        {
            report
                .add(
                    name.span(),
                    "two tokens have this name, or it is `environment`",
                )
                .help("give each token a name of its own: the audit log tells who by it");
        }
        tokens.extend(token(table, folder, report));
    }
    tokens
}

fn token(table: &TokenTable<'_>, folder: &Path, report: &mut Report<'_>) -> Option<TokenSpec> {
    if table.name.is_absent() {
        report
            .add(table.at.clone(), "the token has no `name`")
            .help("write `name = \"alice\"`: the audit log tells who by it");
    }
    let ways = [
        table.secret.is_absent(),
        table.file.is_absent(),
        table.sha256.is_absent(),
    ];
    let count = ways.iter().filter(|absent| !**absent).count();
    if count != 1 {
        report
            .add(table.at.clone(), format!("the token has {count} of `secret`, `file` and `sha256`"))
            .help("write one of them: the token itself, a file that holds it, or its SHA-256 (`printf %s TOKEN | sha256sum`)");
    }
    let name = take(&table.name, report, |text| name(text));
    let role = match table.role.is_absent() {
        true => Some(Role::Read),
        false => take(&table.role, report, |text| role(text)),
    };
    let value = take(&table.secret, report, |text| secret(text)).map(TokenSecret::Value);
    let file = take(&table.file, report, |text| file("file", text, folder));
    let hash = take(&table.sha256, report, |text| sha256(text)).map(TokenSecret::Sha256);
    Some(TokenSpec {
        name: name?,
        role: role?,
        secret: value.or(file.map(TokenSecret::File)).or(hash)?,
    })
}

fn of_environment(token: &Secret, report: &mut Report<'_>) -> Option<TokenSpec> {
    let secret = report.accept(0..0, secret(token.expose()))?;
    Some(TokenSpec {
        name: ENVIRONMENT.to_owned(),
        role: Role::Operate,
        secret: TokenSecret::Value(secret),
    })
}

/// Every text that is right; the others are reported.
fn list<T>(
    field: &super::file::Field<Vec<Spanned<&str>>>,
    report: &mut Report<'_>,
    read: impl Fn(&str) -> Result<T, Refusal>,
) -> Vec<T> {
    let items = field.given().map(Spanned::get_ref);
    let items = items.into_iter().flatten();
    items
        .filter_map(|item| report.accept(item.span(), read(item.get_ref())))
        .collect()
}

fn name(text: &str) -> Result<String, Refusal> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b"-_.@".contains(&b);
    match (1..=64).contains(&text.len()) && text.bytes().all(fine) {
        true => Ok(text.to_owned()),
        false => Err(Refusal::new(
            "`name` cannot be the name of a token",
            "write 1 to 64 letters, digits, `-`, `_`, `.` or `@`",
        )),
    }
}

fn role(text: &str) -> Result<Role, Refusal> {
    match text {
        "read" => Ok(Role::Read),
        "operate" => Ok(Role::Operate),
        _ => Err(Refusal::new(
            format!("there is no role {}", quoted(text)),
            "write `\"read\"` for who only looks, or `\"operate\"` for who may change things",
        )),
    }
}

/// A token that is long enough that nobody finds it by trying. Nothing of it is quoted.
pub fn check_token(text: &str) -> Result<(), String> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    if !text.bytes().all(fine) {
        return Err("it holds other characters than letters, digits and `-._~+/=`".to_owned());
    }
    match text.len() {
        length if TOKEN_LENGTH.contains(&length) => Ok(()),
        length => Err(format!(
            "it has {length} characters, and not {} to {}",
            TOKEN_LENGTH.start(),
            TOKEN_LENGTH.end()
        )),
    }
}

fn secret(text: &str) -> Result<Secret, Refusal> {
    match check_token(text) {
        Ok(()) => Ok(Secret::new(text)),
        Err(why) => Err(Refusal::new(
            format!("this token cannot be one: {why}"),
            TOKEN_HELP,
        )),
    }
}

fn sha256(text: &str) -> Result<[u8; 32], Refusal> {
    let mut hash = [0; 32];
    let pairs = text.as_bytes().chunks_exact(2);
    let is_whole = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    for (byte, pair) in hash.iter_mut().zip(pairs).filter(|_| is_whole) {
        let digit = |b: u8| char::from(b).to_digit(16).unwrap_or_default();
        *byte = u8::try_from(digit(pair[0]) * 16 + digit(pair[1])).unwrap_or_default();
    }
    match is_whole {
        true => Ok(hash),
        false => Err(Refusal::new(
            "`sha256` is not made of 64 hexadecimal digits",
            "`printf %s TOKEN | sha256sum` tells the one of a token",
        )),
    }
}

/// A name by which operators call the gateway, without a port; lower case.
fn host(text: &str) -> Result<String, Refusal> {
    let help = "write a name as in the address of a browser, without a port: `\"tv.example.org\"`";
    match check_authority(text) {
        Ok(false) => Ok(text.to_ascii_lowercase()),
        Ok(true) => Err(Refusal::new(
            format!("{} has a port, and any port counts here", quoted(text)),
            help,
        )),
        Err(reason) => Err(Refusal::new(format!("{} {reason}", quoted(text)), help)),
    }
}

fn open(text: &str) -> Result<OpenPath, Refusal> {
    match text {
        "metrics" => Ok(OpenPath::Metrics),
        "readyz" => Ok(OpenPath::Ready),
        _ => Err(Refusal::new(
            format!("{} cannot be opened", quoted(text)),
            "write `\"metrics\"` or `\"readyz\"`: what machines ask for that have no token",
        )),
    }
}

fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

// === impl OperatorsSpec ===

impl OperatorsSpec {
    /// Where operators are served, by the listeners for viewers.
    ///
    /// Whoever says nothing gets one URL for everything, as long as only this machine can reach it.
    pub fn at(&self, server: &ServerConfig) -> OperatorsAt {
        let secure = server.tls.as_ref().map(|tls| tls.listen);
        let is_private = is_loopback(server.listen) && secure.is_none_or(is_loopback);
        if !self.is_named && is_private {
            return OperatorsAt::Everywhere;
        }
        let same = |other: SocketAddr| self.listen == Some(other) && other.port() != 0;
        if same(server.listen) {
            OperatorsAt::Plain
        } else if secure.is_some_and(same) {
            OperatorsAt::Tls
        } else {
            OperatorsAt::Own
        }
    }

    /// The address at which operators are served: that of the listener for viewers, if it is the same.
    pub fn address(&self, server: &ServerConfig) -> SocketAddr {
        match self.at(server) {
            OperatorsAt::Everywhere => server.listen,
            _ => self.listen.unwrap_or_else(|| {
                // Who takes any port for viewers takes any for operators.
                let port = if server.listen.port() == 0 {
                    0
                } else {
                    OPERATORS_LISTEN.port()
                };
                SocketAddr::new(OPERATORS_LISTEN.ip(), port)
            }),
        }
    }
}

// === impl Config ===

impl Config {
    /// The names by which operators may call the gateway, lower case; addresses and `localhost` are no names.
    pub fn operators_hosts(&self) -> Vec<String> {
        let public = self.server.public_url.as_deref().and_then(host_of);
        let certified = match self.server.tls.as_ref().map(|tls| &tls.certificate) {
            Some(CertificateSpec::Acme(acme)) => acme.domains.clone(),
            _ => Vec::new(),
        };
        let own = self.operators.hosts.iter().cloned();
        own.chain(public).chain(certified).collect()
    }
}

/// The host of a URL, without its port.
fn host_of(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    let host = match authority.find(']') {
        Some(end) => &authority[..=end],
        None => authority.split(':').next()?,
    };
    Some(host.to_ascii_lowercase())
}

#[cfg(test)]
#[path = "operators_tests.rs"]
mod tests;
