//! What a source may be, and how it is called without giving its credentials away.
//!
//! A list of what is allowed, not of what is forbidden: ffmpeg reads `concat:`, `data:`, `pipe:` and dozens more, and
//! most of them reach files or programs that nobody meant to offer.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;
use std::net::Ipv6Addr;
use std::path::Path;

use super::keys::closest;
use super::model::{SourceKind, SourceSpec};
use super::report::{Refusal, quoted};
use super::value::{name_char, percent, plain_text};

/// The protocols of live sources.
const PROTOCOLS: [&str; 9] = [
    "http", "https", "rtsp", "rtsps", "srt", "rtmp", "rtmps", "udp", "rtp",
];
/// Those that have no port of their own: ffmpeg does not start without one.
const NEED_PORT: [&str; 3] = ["srt", "udp", "rtp"];
/// What a label may show of a path: nobody's password is one of these.
const EXTENSIONS: [&str; 12] = [
    "m3u8", "ts", "m2ts", "mp4", "mkv", "mpd", "flv", "webm", "mov", "aac", "mp3", "sdp",
];
/// The longest URL or path, in bytes.
const MAX_LENGTH: usize = 4096;
/// What can be written, for a refusal that knows no better.
const KINDS: &str = "write a file's path, `testcard:`, `slate:TEXT`, or a URL that begins with http, https, rtsp, rtsps, srt, rtmp, rtmps, udp or rtp";

/// Reads a source; `folder` is where relative paths start.
pub(super) fn parse(text: &str, folder: &Path) -> Result<SourceKind, Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::new("the source is empty", KINDS));
    }
    if text.len() > MAX_LENGTH {
        return Err(Refusal::new(
            format!("the source has {} bytes", text.len()),
            format!("write at most {MAX_LENGTH}"),
        ));
    }
    if text.starts_with('-') {
        return Err(Refusal::new(
            "the source begins with `-`, as an option of a program does",
            "for a file of that name write `./` before it",
        ));
    }
    let Some((scheme, rest)) = split_scheme(text) else {
        return file(text, folder);
    };
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        "testcard" => test_card(rest),
        "slate" => plain_text("slate:", rest)
            .map(|text| SourceKind::Slate { text })
            .map_err(|refusal| Refusal::new(refusal.message, slate_help(&refusal.help))),
        "file" => file_url(rest, folder),
        _ if PROTOCOLS.contains(&scheme.as_str()) => live(&scheme, rest),
        _ => Err(unknown_kind(&scheme, rest)),
    }
}

/// The text before the first colon, if it looks like the name of a protocol.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let word = scheme
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"+-.,".contains(&b));
    (word && scheme.starts_with(|c: char| c.is_ascii_alphabetic())).then_some((scheme, rest))
}

fn test_card(rest: &str) -> Result<SourceKind, Refusal> {
    if rest.is_empty() {
        return Ok(SourceKind::TestCard);
    }
    Err(Refusal::new(
        "`testcard:` takes nothing behind the colon",
        "write `\"testcard:\"`; for a card with a text write `\"slate:TEXT\"`",
    ))
}

fn slate_help(help: &str) -> String {
    if help.contains("remove `") {
        "write what the card says, for example `\"slate:Back soon\"`".to_owned()
    } else {
        help.to_owned()
    }
}

fn unknown_kind(scheme: &str, rest: &str) -> Refusal {
    let message = format!("{} is not a kind of source", quoted(&format!("{scheme}:")));
    let help = match scheme {
        "lavfi" => "for a test picture write `\"testcard:\"`, for a card with a text `\"slate:TEXT\"`".to_owned(),
        "concat" | "concatf" | "ffconcat" => "join the files into one first, and write its path".to_owned(),
        "pipe" | "fd" | "exec" | "tcp" | "unix" => {
            "let the other program send to `\"udp://127.0.0.1:PORT\"` or `\"srt://HOST:PORT\"`, and write that".to_owned()
        }
        "hls" | "hls+http" | "hls+https" => "write the playlist's own URL: `\"https://…/index.m3u8\"`".to_owned(),
        _ if rest.starts_with("//") => match closest(scheme, &PROTOCOLS) {
            Some(meant) => format!("did you mean `{meant}://`?"),
            None => KINDS.to_owned(),
        },
        _ => format!("{KINDS}; for a file with a colon in its name write `file:` or `./` before it"),
    };
    Refusal::new(message, help)
}

// === files ===

fn file_url(rest: &str, folder: &Path) -> Result<SourceKind, Refusal> {
    match rest.strip_prefix("//") {
        Some(path) => Err(Refusal::new(
            "`file:` takes a path, not a URL",
            match path.starts_with('/') {
                true => "write one slash, not three: `\"file:/…\"`, or the path alone",
                false => "write the path alone: `\"/absolute/path.mp4\"`, or relative to this file",
            },
        )),
        None => file(rest, folder),
    }
}

fn file(path: &str, folder: &Path) -> Result<SourceKind, Refusal> {
    if let Some(c) = path.chars().find(|c| c.is_control()) {
        return Err(Refusal::new(
            format!("the path holds {}", name_char(c)),
            "rename the file without it; in TOML, a path with backslashes needs single quotes",
        ));
    }
    if path.starts_with('~') {
        return Err(Refusal::new(
            "`~` is not replaced by a home folder here",
            "write the whole path, or `./~…` for a file of that name",
        ));
    }
    if path.is_empty()
        || path.ends_with('/')
        || path.ends_with("/.")
        || path.ends_with("..")
        || path == "."
    {
        return Err(Refusal::new(
            "the source is a folder, not a file",
            "write the path of one file",
        ));
    }
    if path.starts_with('-') {
        return Err(Refusal::new(
            "the path begins with `-`, as an option of a program does",
            "write `./` before it",
        ));
    }
    if let Some(word) = ["testcard", "slate"].into_iter().find(|word| path == *word) {
        return Err(Refusal::new(
            format!("`{word}` lacks its colon"),
            format!(
                "write `\"{word}:…\"` (nothing follows `testcard:`); for a file of that name write `\"./{word}\"`"
            ),
        ));
    }
    Ok(SourceKind::File {
        path: folder.join(path),
    })
}

// === live sources ===

fn live(scheme: &str, rest: &str) -> Result<SourceKind, Refusal> {
    let Some(rest) = rest.strip_prefix("//") else {
        return Err(Refusal::new(
            format!("`{scheme}:` lacks its two slashes"),
            format!("write `\"{scheme}://…\"`"),
        ));
    };
    let odd = |c: &char| !c.is_ascii_graphic() || "\"<>\\`".contains(*c);
    if let Some(c) = rest.chars().find(odd) {
        return Err(Refusal::new(
            format!("the URL holds {}, which a URL cannot", name_char(c)),
            format!("write it percent-encoded (`{}`), or remove it", percent(c)),
        ));
    }
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let has_port = check_authority(host).map_err(|reason| {
        let help = match NEED_PORT.contains(&scheme) {
            true => format!(
                "write `\"{scheme}://HOST:PORT\"`; to listen on every network, HOST is `0.0.0.0`"
            ),
            false => format!("write `\"{scheme}://HOST/…\"`"),
        };
        Refusal::new(format!("the URL {reason}"), help)
    })?;
    if NEED_PORT.contains(&scheme) && !has_port {
        return Err(Refusal::new(
            "the URL has no port",
            format!("write `\"{scheme}://HOST:PORT\"`: {scheme} has no usual one"),
        ));
    }
    Ok(SourceKind::Live {
        url: format!("{scheme}://{rest}"),
    })
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

// === impl SourceSpec ===

impl SourceSpec {
    /// How people call the source: its name, or what [`SourceKind::label`] shows. Never credentials.
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.kind.label())
    }
}

// === impl SourceKind ===

impl SourceKind {
    /// What it is, for people: `testcard:`, `slate:Back soon`, a file's name, or a URL's scheme, host and usual
    /// extension. User names, passwords, paths and queries are left out, since any of them may open the source.
    pub fn label(&self) -> String {
        match self {
            Self::TestCard => "testcard:".to_owned(),
            Self::Slate { text } => format!("slate:{text}"),
            Self::File { path } => match path.file_name() {
                Some(name) => name.to_string_lossy().into_owned(),
                None => "file".to_owned(),
            },
            Self::Live { url } => mask_url(url).unwrap_or_else(|| "live source".to_owned()),
        }
    }
}

/// Text that may not be a URL gives `None`: then nothing of it is fit to be shown.
fn mask_url(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    PROTOCOLS.contains(&scheme).then_some(())?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    check_authority(host).ok()?;
    // `http://joe:12/3@host/`: a slash in a password makes its beginning look like the host.
    if user.is_empty() && host.contains(':') && tail.contains('@') {
        return Some(format!("{scheme}://…"));
    }
    let path = &tail[..tail.find(['?', '#']).unwrap_or(tail.len())];
    let extension = path
        .rsplit('/')
        .next()
        .and_then(|name| name.rsplit_once('.'))
        .and_then(|(_, extension)| EXTENSIONS.into_iter().find(|known| *known == extension));
    Some(match (extension, tail) {
        (Some(extension), _) => format!("{scheme}://{host}/….{extension}"),
        (None, "" | "/") => format!("{scheme}://{host}"),
        (None, _) => format!("{scheme}://{host}/…"),
    })
}

/// Written by hand: a `Debug` that shows the URL ends up in a log.
impl fmt::Debug for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TestCard => f.write_str("TestCard"),
            Self::Slate { text } => f.debug_struct("Slate").field("text", text).finish(),
            Self::File { path } => f.debug_struct("File").field("path", path).finish(),
            Self::Live { .. } => f.debug_struct("Live").field("url", &self.label()).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn live_spec(url: String) -> SourceSpec {
        SourceSpec {
            name: None,
            kind: SourceKind::Live { url },
        }
    }

    #[test]
    fn labels_say_what_it_is() {
        for (text, label) in [
            ("testcard:", "testcard:"),
            ("slate:Back soon", "slate:Back soon"),
            ("media/loop.mp4", "loop.mp4"),
            ("file:/srv/12:30.mp4", "12:30.mp4"),
            (
                "https://tv.example/a/live.m3u8?token=x",
                "https://tv.example/….m3u8",
            ),
            (
                "HTTP://joe:pw@tv.example:8080/joe/pw/17.ts",
                "http://tv.example:8080/….ts",
            ),
            ("rtmp://tv.example/app/key", "rtmp://tv.example/…"),
            ("udp://@239.0.0.1:1234", "udp://239.0.0.1:1234"),
            (
                "srt://[2001:db8::1]:9000?passphrase=x",
                "srt://[2001:db8::1]:9000/…",
            ),
        ] {
            let kind = parse(text, Path::new("/etc/headgate")).unwrap();
            assert_eq!(kind.label(), label);
            assert_eq!(
                SourceSpec {
                    name: Some("mine".into()),
                    kind
                }
                .label(),
                "mine"
            );
        }
    }

    #[test]
    fn a_secret_anywhere_is_not_shown() {
        for url in [
            "http://SECRET@h/1.ts",
            "http://joe:SECRET@h/1.ts",
            "http://SECRET:pw@h:80/live.m3u8",
            "http://h/SECRET/pw/1.ts",
            "http://h:8080/live/joe/SECRET/1.ts",
            "http://h/joe/SECRET.m3u8",
            "http://h/joe/1.SECRET",
            "http://h/SECRET",
            "http://h/1.ts?token=SECRET",
            "http://h?SECRET",
            "http://h/#SECRET",
            "http://joe:12/SECRET@h/1.ts",
            "http://joe:SECRET/12@h/1.ts",
            "srt://h:1?passphrase=SECRET&streamid=SECRET",
            "rtmp://h/app/SECRET",
            "rtsp://joe:a@SECRET@h/1",
            "odd:SECRET@h",
            "SECRET",
        ] {
            let spec = live_spec(url.replace("SECRET", "s3cr3t"));
            let shown = format!("{} {:?} {:?}", spec.label(), spec, spec.kind);
            assert!(!shown.contains("s3cr3t"), "{shown}");
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

    #[test]
    fn other_schemes_are_not_sources() {
        for text in [
            "concat:a.ts|b.ts",
            "lavfi:testsrc",
            "pipe:0",
            "exec:ls",
            "data:text/plain,x",
            "tcp://h:1",
            "ftp://h/x",
            "-i",
            "file:-i",
            "async:http://h/",
            "crypto:x",
            "subfile,,start,0,end,0,,:x",
            "file,http://h:x",
            "~/x.mp4",
            "testcard:1",
            "testcard",
            "slate",
            "slate:",
            "slate: ",
            "slate:a\u{7}",
            "file:",
            "media/",
            "..",
            "a\nb",
            "file:///x.mp4",
            "file://h/x.mp4",
            "http:h",
            "http://",
            "http://h/a b",
            "udp://h",
            "",
            " ",
            "htp://h/",
        ] {
            assert!(parse(text, Path::new("")).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_taken_is_one_of_the_kinds(text in "[a-z]{0,6}:?/{0,3}[a-z0-9@:./?#\\[\\] -]{0,30}") {
            match parse(&text, Path::new("/f")) {
                Ok(SourceKind::Live { url }) => {
                    let (scheme, _) = url.split_once("://").unwrap();
                    prop_assert!(PROTOCOLS.contains(&scheme));
                    prop_assert!(mask_url(&url).is_some());
                }
                Ok(SourceKind::File { path }) => prop_assert!(path.is_absolute()),
                Ok(_) | Err(_) => {}
            }
        }

        #[test]
        fn a_label_never_shows_a_password(password in "[A-Z]{6}", path in "[a-z/.?]{0,20}") {
            let url = format!("http://joe:{password}@h/{path}{password}/{password}.ts?{password}");
            prop_assert!(!live_spec(url).label().contains(&password));
        }
    }
}
