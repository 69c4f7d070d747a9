//! Playlists and manifests on their way to ffmpeg. Pure.
//!
//! Their https URLs wear the label that ffmpeg can ask for. And a playlist names nothing but http(s): ffmpeg must be
//! allowed `tcp` for its way to the gateway, and would take `tcp://` from a list of variants, too. Lines and attributes
//! are cut as ffmpeg cuts them, which is not always as the standard does.
//!
//! In XML a URL is taken for one at the start of a quoted attribute or of the text of an element. Those inside of a query
//! are left alone everywhere: they are what a server wants to read back.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use super::names::{REFUSED_HOST, veil};

/// The most leading bytes that are looked at: a tag of metadata with a picture in it may stand before a playlist.
pub(super) const SNIFFED: usize = 1 << 20;

const SCHEME: &[u8] = b"https://";
const PLAYLIST: &[u8] = b"#EXTM3U";

/// Whether a body that begins so is a playlist (`#EXTM3U`) or a manifest (XML). `None`: it may still become one.
pub(super) fn is_manifest(start: &[u8]) -> Option<bool> {
    let text = behind_tags(start)?;
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let text = text.trim_ascii_start();
    let seen = text.len().min(PLAYLIST.len());
    match text.first() {
        None => None,
        Some(b'<') => Some(true),
        Some(_) if text[..seen] == PLAYLIST[..seen] => (seen == PLAYLIST.len()).then_some(true),
        // The mark of a byte order may be cut.
        Some(0xEF) if text.len() < 3 => None,
        Some(_) => Some(false),
    }
}

/// What stands behind ID3 tags, which ffmpeg skips wherever it looks what something is; `None` if they have no end yet.
fn behind_tags(mut start: &[u8]) -> Option<&[u8]> {
    while !start.is_empty() && b"ID3".starts_with(&start[..start.len().min(3)]) {
        let head = start.get(..10)?;
        let size = head[6..]
            .iter()
            .fold(0, |size, byte| size << 7 | usize::from(byte & 0x7F));
        let footer = if head[5] & 0x10 == 0 { 0 } else { 10 };
        start = start.get(10 + size + footer..)?;
    }
    Some(start)
}

/// The text with every https URL veiled, and in a playlist without anything that is not http.
pub(super) fn rewrite(text: &[u8]) -> Vec<u8> {
    let is_list = text
        .windows(PLAYLIST.len())
        .take(SNIFFED)
        .any(|start| start == PLAYLIST);
    let mut written = Vec::with_capacity(text.len() + text.len() / 16);
    match is_list {
        true => rewrite_playlist(text, &mut written),
        false => rewrite_xml(text, &mut written),
    }
    written
}

fn rewrite_playlist(text: &[u8], written: &mut Vec<u8>) {
    // ffmpeg ends a line at each of the three.
    for line in text.split_inclusive(|byte| b"\n\r\0".contains(byte)) {
        let indent = line.len() - line.trim_ascii_start().len();
        match line.get(indent) {
            Some(b'#') => rewrite_tag(line, written),
            _ => {
                let end = line.trim_ascii_end().len().max(indent);
                written.extend_from_slice(&line[..indent]);
                written.extend(reference(&line[indent..end]));
                written.extend_from_slice(&line[end..]);
            }
        }
    }
}

/// ffmpeg takes a backslash for an escape in an attribute, which no standard has, and needs no quotes. So whatever stands
/// behind a quote or an equals sign is taken for a reference.
fn rewrite_tag(line: &[u8], written: &mut Vec<u8>) {
    let line: Vec<u8> = line
        .iter()
        .map(|b| if *b == b'\\' { b'_' } else { *b })
        .collect();
    let mut at = 0;
    while at < line.len() {
        let before = line[at];
        written.push(before);
        at += 1;
        let ends = |byte: &u8| match before {
            b'"' => b"\"\n\r\0".contains(byte),
            _ => b"\",".contains(byte) || byte.is_ascii_whitespace(),
        };
        if !b"\"=".contains(&before) {
            continue;
        }
        let length = line[at..].iter().position(ends).unwrap_or(line.len() - at);
        let named = &line[at..at + length];
        let shown = reference(named);
        // What stays may hold another one.
        if shown != named {
            written.extend(shown);
            at += length;
        }
    }
}

/// A reference as ffmpeg gets to see it.
fn reference(bytes: &[u8]) -> Vec<u8> {
    let Some(scheme) = scheme(bytes) else {
        return bytes.to_vec();
    };
    let veiled = std::str::from_utf8(bytes).ok().and_then(veil);
    match veiled {
        Some(veiled) => veiled.into_bytes(),
        None if scheme.eq_ignore_ascii_case("http") => bytes.to_vec(),
        None => format!("http://{REFUSED_HOST}/{scheme}").into_bytes(),
    }
}

/// What ffmpeg takes for the name of a protocol.
fn scheme(bytes: &[u8]) -> Option<&str> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.,_".contains(byte);
    let end = bytes.iter().position(|byte| !is_name(byte))?;
    let name = std::str::from_utf8(&bytes[..end]).ok()?;
    // `subfile` has options with anything in them before its colon.
    let is_one = bytes[end] == b':' || name.starts_with("subfile,");
    (is_one && end > 0).then_some(name)
}

fn rewrite_xml(text: &[u8], written: &mut Vec<u8>) {
    let mut at = 0;
    while at < text.len() {
        let url = starts_url(text, at).then(|| &text[at..end_of_url(text, at)]);
        let veiled = url.and_then(|url| Some((url.len(), veil(std::str::from_utf8(url).ok()?)?)));
        match veiled {
            Some((length, veiled)) => {
                written.extend_from_slice(veiled.as_bytes());
                at += length;
            }
            None => {
                written.push(text[at]);
                at += 1;
            }
        }
    }
}

fn starts_url(text: &[u8], at: usize) -> bool {
    let begins = |before: &u8| before.is_ascii_whitespace() || b"\"'>".contains(before);
    let is_first = at == 0 || begins(&text[at - 1]);
    is_first
        && text[at..]
            .get(..SCHEME.len())
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME))
}

fn end_of_url(text: &[u8], at: usize) -> usize {
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"'<>".contains(byte);
    let length = text[at..].iter().position(ends);
    length.map_or(text.len(), |length| at + length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rewritten(text: &str) -> String {
        String::from_utf8(rewrite(text.as_bytes())).unwrap()
    }

    #[test]
    fn urls_of_playlists_are_veiled() {
        let playlist = "#EXTM3U\r\n#EXT-X-KEY:METHOD=AES-128,URI=\"https://k/1\",IV=0x1\r\n\
                        https://cdn/a.ts?from=https://x/\r\nseg.ts?u=https://x/\r\nhttp://h/b.ts\r\n";
        assert_eq!(
            rewritten(playlist),
            "#EXTM3U\r\n#EXT-X-KEY:METHOD=AES-128,URI=\"http://_https.k/1\",IV=0x1\r\n\
             http://_https.cdn/a.ts?from=https://x/\r\nseg.ts?u=https://x/\r\nhttp://h/b.ts\r\n"
        );
    }

    #[test]
    fn playlists_name_http_and_nothing_else() {
        for (line, shown) in [
            ("tcp://10.0.0.1:80/x", "http://refused.invalid/tcp"),
            ("tcp:10.0.0.1:80", "http://refused.invalid/tcp"),
            ("  udp://h:1", "  http://refused.invalid/udp"),
            ("https:h", "http://refused.invalid/https"),
            (
                "subfile,,start,0,end,0,,:/etc/passwd",
                "http://refused.invalid/subfile,,start,0,end,0,,",
            ),
            ("crypto+tcp://h:1", "http://refused.invalid/crypto+tcp"),
            (
                "#EXT-X-MEDIA:URI=tcp://h:1",
                "#EXT-X-MEDIA:URI=http://refused.invalid/tcp",
            ),
            (
                "#EXT-X-MEDIA:URI=\"subfile,,start,0,end,0,,:x\",A=\"b\"",
                "#EXT-X-MEDIA:URI=\"http://refused.invalid/subfile,,start,0,end,0,,\",A=\"b\"",
            ),
            (
                "#EXT-X-MEDIA:URI=\"\\t\\cp://h:1\"",
                "#EXT-X-MEDIA:URI=\"http://refused.invalid/_t_cp\"",
            ),
            (
                "#EXT-X-MEDIA:URI= \"file:x\",A=1",
                "#EXT-X-MEDIA:URI= \"http://refused.invalid/file\",A=1",
            ),
            (
                "#EXT-X-MEDIA:NAME=\"a b\"\0tcp://h:1",
                "#EXT-X-MEDIA:NAME=\"a b\"\0http://refused.invalid/tcp",
            ),
            ("a/b:c.ts", "a/b:c.ts"),
            ("HTTP://h/x", "HTTP://h/x"),
            ("//h/x?u=tcp://y", "//h/x?u=tcp://y"),
        ] {
            let text = format!("#EXTM3U\r{line}\n");
            assert_eq!(rewritten(&text), format!("#EXTM3U\r{shown}\n"));
        }
    }

    #[test]
    fn a_playlist_is_seen_behind_tags_of_metadata() {
        let tag = |size: u8| {
            [
                &b"ID3\x04\0\0\0\0\0"[..],
                &[size],
                &vec![7; usize::from(size)],
            ]
            .concat()
        };
        let behind = |rest: &[u8]| is_manifest(&[tag(20), tag(3), rest.to_vec()].concat());
        assert_eq!(behind(b"#EXTM3U"), Some(true));
        assert_eq!(behind(b"\xFF\xF1"), Some(false));
        assert_eq!(behind(b""), None);
        assert_eq!(is_manifest(b"ID"), None);
        assert_eq!(is_manifest(&tag(20)[..15]), None);
    }

    #[test]
    fn urls_of_manifests_are_veiled() {
        let manifest =
            "<MPD><BaseURL>https://a/</BaseURL><X media='https://b/$Number$.m4s'/></MPD>";
        assert_eq!(
            rewritten(manifest),
            "<MPD><BaseURL>http://_https.a/</BaseURL><X media='http://_https.b/$Number$.m4s'/></MPD>"
        );
    }

    #[test]
    fn manifests_are_known_by_their_beginning() {
        for (start, is) in [
            ("#EXTM3U\n", Some(true)),
            ("\u{FEFF}#EXTM3U", Some(true)),
            ("\n <?xml version", Some(true)),
            ("<MPD xmlns", Some(true)),
            ("#EXT", None),
            ("", None),
            ("G@\u{1}", Some(false)),
            ("<html>", Some(true)),
            ("#EXTINF", Some(false)),
        ] {
            assert_eq!(is_manifest(start.as_bytes()), is, "{start}");
        }
    }

    proptest! {
        #[test]
        fn text_without_https_stays_as_it_is(text in "[ -~\\n]{0,200}") {
            prop_assume!(!text.to_ascii_lowercase().contains("https://") && !text.contains("#EXTM3U"));
            prop_assert_eq!(rewritten(&text), text);
        }

        #[test]
        fn no_line_of_a_playlist_begins_with_another_protocol(lines in "([a-z+.,-]{0,8}:?/{0,2}[a-z0-9:/.]{0,9}[\\n\\r]){0,8}") {
            let shown = rewritten(&format!("#EXTM3U\n{lines}"));
            for line in shown.split(['\n', '\r']) {
                let name = scheme(line.as_bytes());
                prop_assert!(name.is_none_or(|name| name == "http"), "{}", line);
            }
        }

        #[test]
        fn any_bytes_are_harmless(bytes: Vec<u8>) {
            let list = [PLAYLIST, &bytes].concat();
            let _ = (rewrite(&bytes), rewrite(&list), is_manifest(&bytes));
        }
    }
}
