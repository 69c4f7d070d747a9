//! How viewers reach the gateway: TLS, where its certificate comes from, and proxies in front.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::address::{check_authority, listen};
use super::channel::take;
use super::file::{AcmeTable, Field, ServerTable, TlsTable};
use super::model::{AcmeSpec, CertificateSpec, TlsSpec};
use super::report::{Refusal, Report, quoted};
use super::value::name_char;
use crate::base::{InvalidNetwork, Network};

/// Where TLS is spoken when nothing else is said: on this machine only.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8443);

/// Who issues certificates when nothing else is said.
const DEFAULT_DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// Where account and certificate are kept when nothing else is said, beside the file.
const DEFAULT_FOLDER: &str = "acme";

/// The most names in a certificate.
const MAX_DOMAINS: usize = 100;

/// The longest directory URL, in bytes.
const MAX_URL: usize = 2048;

/// The listener for TLS; `None` if there is none, or something is wrong with it.
pub(super) fn read(
    server: &ServerTable<'_>,
    folder: &Path,
    report: &mut Report<'_>,
) -> Option<TlsSpec> {
    let acme = server.acme.given();
    let nothing = TlsTable {
        listen: Field::Absent,
        cert: Field::Absent,
        key: Field::Absent,
        redirect: Field::Absent,
    };
    let tls = match (server.tls.given(), acme) {
        (Some(tls), _) => tls,
        (None, Some(_)) => &Spanned::new(0..0, nothing),
        (None, None) => return None,
    };
    let certificate = match acme {
        Some(acme) => {
            refuse_files(tls.get_ref(), report);
            self::acme(acme, folder, report).map(CertificateSpec::Acme)
        }
        None => files(tls, folder, report),
    };
    let tls = tls.get_ref();
    let address = take(&tls.listen, report, |text| listen(text)).unwrap_or(DEFAULT_LISTEN);
    refuse_same_address(server, &tls.listen, address, report);
    Some(TlsSpec {
        listen: address,
        certificate: certificate?,
        redirect: take(&tls.redirect, report, |flag| Ok(*flag)).unwrap_or(false),
    })
}

/// Two listeners cannot have one address.
fn refuse_same_address(
    server: &ServerTable<'_>,
    field: &Field<&str>,
    address: SocketAddr,
    report: &mut Report<'_>,
) {
    let plain = server.listen.given();
    let plain_address = plain.and_then(|text| listen(text.get_ref()).ok());
    if let (Some(written), Some(plain), Some(plain_address)) = (field.given(), plain, plain_address)
        && plain_address == address
        && address.port() != 0
    {
        report
            .add(written.span(), "TLS has the address of `[server] listen`")
            .also(plain.span(), "used here")
            .help("give TLS a port of its own, for example 8443");
    }
}

/// Both files, or a problem for each that is not named.
fn files(
    tls: &Spanned<TlsTable<'_>>,
    folder: &Path,
    report: &mut Report<'_>,
) -> Option<CertificateSpec> {
    let at = tls.span();
    let tls = tls.get_ref();
    for (field, key, example) in [
        (&tls.cert, "cert", "fullchain.pem"),
        (&tls.key, "key", "privkey.pem"),
    ] {
        if field.is_absent() {
            report
                .add(at.clone(), format!("`[server.tls]` has no `{key}`"))
                .help(format!(
                    "write `{key} = \"{example}\"`, or let `[server.acme]` order a certificate"
                ));
        }
    }
    let cert = take(&tls.cert, report, |text| file("cert", text, folder));
    let key = take(&tls.key, report, |text| file("key", text, folder));
    Some(CertificateSpec::Files {
        cert: cert?,
        key: key?,
    })
}

fn refuse_files(tls: &TlsTable<'_>, report: &mut Report<'_>) {
    for (field, key) in [(&tls.cert, "cert"), (&tls.key, "key")] {
        if let Some(written) = field.given() {
            report
                .add(
                    written.span(),
                    format!("`{key}` and `[server.acme]` are both here"),
                )
                .help("remove `cert` and `key`, or remove `[server.acme]`");
        }
    }
}

fn acme(
    table: &Spanned<AcmeTable<'_>>,
    folder: &Path,
    report: &mut Report<'_>,
) -> Option<AcmeSpec> {
    let at = table.span();
    let table = table.get_ref();
    if table.domains.is_absent() {
        report
            .add(at, "`[server.acme]` has no `domains`")
            .help("write `domains = [\"tv.example.org\"]`: the names that viewers call");
    }
    let domains = domains(&table.domains, report);
    let contact = take(&table.contact, report, |text| contact(text));
    let directory = take(&table.directory, report, |text| directory(text));
    let kept = take(&table.folder, report, |text| {
        path("folder", "the path of a folder", text, folder)
    });
    let ca = take(&table.ca, report, |text| file("ca", text, folder));
    Some(AcmeSpec {
        domains: domains?,
        contact,
        directory: directory.unwrap_or_else(|| DEFAULT_DIRECTORY.to_owned()),
        folder: kept.unwrap_or_else(|| folder.join(DEFAULT_FOLDER)),
        ca,
    })
}

/// The names in a certificate.
fn domains(field: &Field<Vec<Spanned<&str>>>, report: &mut Report<'_>) -> Option<Vec<String>> {
    let list = field.given()?;
    let count = list.get_ref().len();
    if count == 0 || count > MAX_DOMAINS {
        report
            .add(list.span(), format!("`domains` has {count} names"))
            .help(format!("write 1 to {MAX_DOMAINS} names"));
        return None;
    }
    let mut seen = HashSet::new();
    let mut names = Vec::new();
    for item in list.get_ref() {
        let name = report.accept(item.span(), domain(item.get_ref()));
        if let Some(name) = &name
            && !seen.insert(name.clone())
        {
            report
                .add(item.span(), format!("{} is here twice", quoted(name)))
                .help("write each name once");
        }
        names.push(name);
    }
    names.into_iter().collect()
}

/// A name of the public DNS, lower case.
fn domain(text: &str) -> Result<String, Refusal> {
    let refuse = |help: &str| {
        Err(Refusal::new(
            format!("{} is not a name that can be certified", quoted(text)),
            help,
        ))
    };
    if text.contains('*') {
        return refuse("write each name; wildcards need proof by DNS, which Headgate cannot give");
    }
    if text.parse::<IpAddr>().is_ok() {
        return refuse("write a name of the DNS that leads to this address");
    }
    let is_label = |label: &str| {
        let fine = label
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-');
        (1..=63).contains(&label.len()) && fine && !label.starts_with('-') && !label.ends_with('-')
    };
    if text.len() > 253 || !text.contains('.') || !text.split('.').all(is_label) {
        return refuse("write a whole name of the DNS, for example `\"tv.example.org\"`");
    }
    Ok(text.to_ascii_lowercase())
}

fn contact(text: &str) -> Result<String, Refusal> {
    let address = text.strip_prefix("mailto:").unwrap_or(text);
    let is_plain = address
        .chars()
        .all(|c| c.is_ascii_graphic() && !",?&<>\"".contains(c));
    match address.split_once('@') {
        Some((user, host)) if is_plain && !user.is_empty() && host.contains('.') => {
            Ok(format!("mailto:{address}"))
        }
        _ => Err(Refusal::new(
            format!("{} is not a mail address", quoted(text)),
            "write for example `\"admin@example.org\"`, or leave `contact` out",
        )),
    }
}

fn directory(text: &str) -> Result<String, Refusal> {
    let example = format!("write an https URL, for example `\"{DEFAULT_DIRECTORY}\"`");
    let refuse = |message: String| Err(Refusal::new(message, example.clone()));
    let Some(rest) = text.strip_prefix("https://") else {
        return refuse("`directory` is not an https URL".to_owned());
    };
    if text.len() > MAX_URL {
        return refuse(format!("`directory` has {} bytes", text.len()));
    }
    let odd = |c: &char| !c.is_ascii_graphic() || "\"<>\\^`{|}#".contains(*c);
    if let Some(c) = rest.chars().find(odd) {
        return refuse(format!("`directory` holds {}", name_char(c)));
    }
    let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
    match check_authority(authority) {
        Ok(_) => Ok(text.to_owned()),
        Err(reason) => refuse(format!("`directory` {reason}")),
    }
}

/// The path of a file, which need not exist.
pub(super) fn file(key: &str, text: &str, folder: &Path) -> Result<PathBuf, Refusal> {
    let is_folder = ["/", "/.", "/..", "."]
        .iter()
        .any(|end| text.ends_with(end));
    if is_folder {
        return Err(Refusal::new(
            format!("`{key}` is not the path of a file"),
            path_help(key),
        ));
    }
    path(key, "the path of a file", text, folder)
}

fn path(key: &str, what: &str, text: &str, folder: &Path) -> Result<PathBuf, Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::new(
            format!("`{key}` is not {what}"),
            path_help(key),
        ));
    }
    if let Some(c) = text.chars().find(|c| c.is_control()) {
        return Err(Refusal::new(
            format!("`{key}` holds {}", name_char(c)),
            path_help(key),
        ));
    }
    if text.starts_with('~') {
        return Err(Refusal::new(
            "`~` is not replaced by a home folder here",
            "write the whole path",
        ));
    }
    Ok(folder.join(text))
}

fn path_help(key: &str) -> &'static str {
    match key {
        "state" => {
            "write the path of a file that Headgate may write, for example `\"headgate.state\"`"
        }
        "audit_log" => {
            "write the path of a file that Headgate may write, for example `\"audit.jsonl\"`"
        }
        "file" => "write the path of a file that holds the token, for example `\"alice.token\"`",
        "key" => "write the path of the private key, for example `\"privkey.pem\"`",
        "folder" => "write the path of a folder that Headgate may write, for example `\"acme\"`",
        "secret_file" => {
            "write the path of the file that holds the secret, for example `\"access.key\"`"
        }
        _ => "write the path of a certificate, for example `\"fullchain.pem\"`",
    }
}

/// Ranges of addresses.
pub(super) fn networks(field: &Field<Vec<Spanned<&str>>>, report: &mut Report<'_>) -> Vec<Network> {
    let list = field.given().map(Spanned::get_ref);
    list.into_iter()
        .flatten()
        .filter_map(|item| report.accept(item.span(), network(item.get_ref())))
        .collect()
}

fn network(text: &str) -> Result<Network, Refusal> {
    text.parse().map_err(|reason| {
        let help = match reason {
            InvalidNetwork::Inside { meant } => {
                format!("did you mean `\"{meant}\"`? a single address stands without a slash")
            }
            _ => "write addresses or ranges of them, for example `\"10.0.0.0/8\"` or `\"::1\"`"
                .to_owned(),
        };
        Refusal::new(format!("{} {reason}", quoted(text)), help)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_addresses_are_checked() {
        assert_eq!(domain("TV.Example.org"), Ok("tv.example.org".to_owned()));
        for wrong in [
            "",
            "tv",
            "*.example.org",
            "1.2.3.4",
            "::1",
            "a..b",
            "-a.b",
            "a b.c",
            "ü.de",
        ] {
            assert!(domain(wrong).is_err(), "{wrong}");
        }
        let with = Ok("mailto:a@b.org".to_owned());
        assert_eq!(
            (contact("a@b.org"), contact("mailto:a@b.org")),
            (with.clone(), with)
        );
        for wrong in ["", "a", "@b.org", "a@b", "a b@c.d", "a@b.c,d@e.f"] {
            assert!(contact(wrong).is_err(), "{wrong}");
        }
        assert!(directory("https://acme.example:14000/dir").is_ok());
        for wrong in [
            "",
            "http://a/dir",
            "https://",
            "https://a b/",
            "https://a:0/",
        ] {
            assert!(directory(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused(text in "\\PC{0,40}|[a-z@:./*-]{0,30}") {
            let folder = Path::new("/etc");
            let _ = (domain(&text), contact(&text), directory(&text), network(&text));
            let _ = file("cert", &text, folder);
        }
    }
}
