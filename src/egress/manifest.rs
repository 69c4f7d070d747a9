//! Playlists and manifests on their way to ffmpeg: their https URLs wear the label that ffmpeg can ask for. Pure.
//!
//! A URL is taken for one where the formats let one begin: at the start of a line, of a quoted attribute, or of the
//! text of an element. Those inside of a query are left alone: they are what a server wants to read back.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use super::names::veil;

/// How many leading bytes tell whether a body is a playlist.
pub(super) const SNIFFED: usize = 16;

const SCHEME: &[u8] = b"https://";

/// Whether a body that begins so is a playlist (`#EXTM3U`) or a manifest (XML). `None`: it may still become one.
pub(super) fn is_manifest(start: &[u8]) -> Option<bool> {
    let text = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start);
    let text = text.trim_ascii_start();
    for beginning in [&b"#EXTM3U"[..], b"<?xml", b"<MPD", b"<!--"] {
        let seen = text.len().min(beginning.len());
        if text[..seen].eq_ignore_ascii_case(&beginning[..seen]) {
            return (seen == beginning.len()).then_some(true);
        }
    }
    Some(false)
}

/// The text with every https URL veiled.
pub(super) fn rewrite(text: &[u8]) -> Vec<u8> {
    let mut written = Vec::with_capacity(text.len() + text.len() / 16);
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
    written
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
            ("<html>", Some(false)),
        ] {
            assert_eq!(is_manifest(start.as_bytes()), is, "{start}");
        }
    }

    proptest! {
        #[test]
        fn text_without_https_stays_as_it_is(text in "[ -~\\n]{0,200}") {
            prop_assume!(!text.to_ascii_lowercase().contains("https://"));
            prop_assert_eq!(rewritten(&text), text);
        }

        #[test]
        fn any_bytes_are_harmless(bytes: Vec<u8>) {
            let _ = (rewrite(&bytes), is_manifest(&bytes));
        }
    }
}
