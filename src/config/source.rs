//! What a source may be.
//!
//! A list of what is allowed, not of what is forbidden: ffmpeg reads `concat:`, `data:`, `pipe:` and dozens more, and
//! most of them reach files or programs that nobody meant to offer.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::path::Path;

use super::address::check_authority;
use super::keys::closest;
use super::model::{SourceKind, SourceSpec};
use super::report::{Refusal, quoted};
use super::value::{name_char, percent, plain_text};

/// The protocols of live sources.
pub(super) const PROTOCOLS: [&str; 9] = [
    "http", "https", "rtsp", "rtsps", "srt", "rtmp", "rtmps", "udp", "rtp",
];
/// Those that have no port of their own: ffmpeg does not start without one.
const NEED_PORT: [&str; 3] = ["srt", "udp", "rtp"];
/// The longest URL or path, in bytes.
const MAX_LENGTH: usize = 4096;
/// What can be written, for a refusal that knows no better.
const KINDS: &str = "write a file's path, `testcard:`, `slate:TEXT`, or a URL that begins with http, https, rtsp, rtsps, srt, rtmp, rtmps, udp or rtp";

// === impl SourceSpec ===

impl SourceSpec {
    /// Reads one source as a person writes it, outside of a file; relative paths start at the working folder.
    ///
    /// # Errors
    /// What is wrong with it and what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let kind = parse(text, Path::new(""))
            .map_err(|refusal| format!("{}; {}", refusal.message, refusal.help))?;
        Ok(Self::new(kind))
    }

    /// A source of which nothing else is said.
    pub fn new(kind: SourceKind) -> Self {
        Self {
            name: None,
            kind,
            timeout: None,
            user_agent: None,
            headers: Vec::new(),
        }
    }
}

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
        "ftp" | "ftps" | "sftp" | "smb" | "nfs" => {
            "bring the file to this machine and write its path, or serve it over https".to_owned()
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
            false => format!("write `\"{scheme}://HOST/…\"`, or `HOST:PORT` with a port"),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
                    let scheme = url.split_once("://").unwrap().0;
                    prop_assert!(PROTOCOLS.contains(&scheme));
                    let label = SourceKind::Live { url }.label();
                    prop_assert!(label.contains("://"));
                }
                Ok(SourceKind::File { path }) => prop_assert!(path.is_absolute()),
                Ok(_) | Err(_) => {}
            }
        }
    }
}
