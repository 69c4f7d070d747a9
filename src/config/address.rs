//! Addresses: where the gateway listens, hosts and ports in URLs, and URLs that every viewer gets.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::report::{Refusal, quoted};
use super::value::{name_char, percent};

/// The longest URL for viewers, in bytes.
const MAX_URL: usize = 2048;

/// A socket address, numbers only: names would need a resolver, and mean other things on other days.
pub(super) fn listen(text: &str) -> Result<SocketAddr, Refusal> {
    text.parse().map_err(|_| {
        Refusal::new(
            format!("{} is not an address and a port", quoted(text)),
            listen_help(text),
        )
    })
}

/// What to write for `listen` instead of `text`.
pub(super) fn listen_help(text: &str) -> String {
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let host = host.rsplit('/').next().unwrap_or_default();
    if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return format!("add the port: `\"{}\"`", SocketAddr::new(address, 8080));
    }
    match (port.parse::<u16>(), host) {
        (Ok(port), "" | "*") => format!(
            "write `\"127.0.0.1:{port}\"` for this machine only, or `\"0.0.0.0:{port}\"` for every network"
        ),
        (Ok(port), "localhost") => format!("write `\"127.0.0.1:{port}\"`"),
        (Ok(port), _) => {
            format!(
                "write the address in numbers, for example `\"127.0.0.1:{port}\"` or `\"[::1]:{port}\"`"
            )
        }
        (Err(_), _) => {
            "write an address and a port up to 65535, for example `\"127.0.0.1:8080\"`".to_owned()
        }
    }
}

/// The URL of a picture.
pub(super) fn logo(text: &str) -> Result<String, Refusal> {
    let example =
        "write the http or https URL of a picture, for example `\"https://example.org/news.png\"`";
    open_url("logo", text, example)
}

/// The URL under which clients find the gateway, without a slash at its end.
pub(super) fn public_url(text: &str) -> Result<String, Refusal> {
    let example = "write how viewers call the gateway, for example `\"https://tv.example.org\"`";
    let url = open_url("public_url", text, example)?;
    if url.contains(['?', '#']) {
        return Err(Refusal::new(
            "`public_url` holds a query or a fragment, and paths come behind it",
            example,
        ));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// An http(s) URL that is safe to give to every viewer.
fn open_url(key: &str, text: &str, example: &str) -> Result<String, Refusal> {
    let scheme = ["http://", "https://"]
        .into_iter()
        .find(|scheme| text.starts_with(scheme));
    let Some(scheme) = scheme else {
        return Err(Refusal::new(
            format!("`{key}` is not an http or https URL"),
            example,
        ));
    };
    if text.len() > MAX_URL {
        return Err(Refusal::new(
            format!("`{key}` has {} bytes", text.len()),
            format!(
                "write a URL of at most {MAX_URL} bytes; pictures cannot be written into the file"
            ),
        ));
    }
    let odd = |c: &char| !c.is_ascii_graphic() || "\"<>\\^`{|}".contains(*c);
    if let Some(c) = text.chars().find(odd) {
        return Err(Refusal::new(
            format!("`{key}` holds {}, which a URL cannot", name_char(c)),
            format!("write it percent-encoded: `{}`", percent(c)),
        ));
    }
    let rest = &text[scheme.len()..];
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    if authority.contains('@') {
        return Err(Refusal::new(
            format!("`{key}` holds a user name or a password, and every viewer would get it"),
            "write a URL that needs none",
        ));
    }
    match check_authority(authority) {
        Ok(_) => Ok(text.to_owned()),
        Err(reason) => Err(Refusal::new(format!("`{key}` {reason}"), example)),
    }
}

/// Checks `host` or `host:port`; says whether there is a port, or what is wrong.
pub(super) fn check_authority(authority: &str) -> Result<bool, &'static str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest
                .split_once(']')
                .ok_or("has an unfinished IPv6 address")?;
            host.parse::<Ipv6Addr>()
                .map_err(|_| "has a wrong IPv6 address")?;
            (host, port)
        }
        None => {
            let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            let fine = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
            if host.is_empty() {
                return Err("has no host");
            }
            if !host.bytes().all(fine) || !host.starts_with(|c: char| c.is_ascii_alphanumeric()) {
                return Err("has a host that is no name or address");
            }
            (host, port)
        }
    };
    if host.len() > 253 {
        return Err("has a host that is too long");
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok(false),
        Some(number) if number.parse::<u16>().is_ok_and(|number| number > 0) => Ok(true),
        _ => Err("has a port that is no number from 1 to 65535"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_wrong_listener_is_explained() {
        assert_eq!(listen("[::1]:0").map(|a| a.port()), Ok(0));
        for (text, help) in [
            ("8080", "127.0.0.1:8080"),
            (":9000", "0.0.0.0:9000"),
            ("*:9000", "0.0.0.0:9000"),
            ("localhost:80", "127.0.0.1:80"),
            ("http://localhost:80", "127.0.0.1:80"),
            ("tv.example.org:80", "in numbers"),
            ("127.0.0.1", "127.0.0.1:8080"),
            ("::1", "[::1]:8080"),
            ("127.0.0.1:70000", "up to 65535"),
            ("", "up to 65535"),
        ] {
            let refusal = listen(text).unwrap_err();
            assert!(refusal.help.contains(help), "{text}: {refusal:?}");
        }
    }

    #[test]
    fn hosts_and_ports_are_checked() {
        for (authority, expected) in [
            ("tv.example", Ok(false)),
            ("tv_1.example:8080", Ok(true)),
            ("[::1]:80", Ok(true)),
            ("[::1]", Ok(false)),
        ] {
            assert_eq!(check_authority(authority), expected, "{authority}");
        }
        for wrong in [
            "", ":80", "-x", ".", "a b", "h:", "h:0", "h:65536", "h:x", "[::1", "[1]", "[::1]x",
            "ü",
        ] {
            assert!(check_authority(wrong).is_err(), "{wrong}");
        }
        assert!(check_authority(&"h".repeat(254)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused(text in "\\PC{0,40}|(https?://)?[a-z@:./?#\\[\\]0-9-]{0,20}") {
            let _ = (listen(&text), logo(&text), check_authority(&text));
        }
    }
}
