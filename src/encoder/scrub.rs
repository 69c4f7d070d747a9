//! Takes secrets out of texts that people will see: URLs carry passwords in their user info, their query and, for
//! some providers, in their path; ffmpeg prints all of them in its errors.
//!
//! Two defences: a [`Scrubber`] knows the secrets of one source and removes them wherever they stand, and generic
//! patterns remove the user info, the path and the query of any URL, also of those that only the source knows.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

/// What stands in place of a secret.
const MASK: &str = "***";

/// The option whose value is header fields, one a line.
const HEADERS: &str = "-headers";
/// The option whose value some servers take for a password.
const USER_AGENT: &str = "-user_agent";

/// Shorter texts are not taken for secrets by value: masking "1" or "tv" everywhere would hide the message.
const MIN_SECRET: usize = 4;

/// Shorter words inside of a header's value are not taken for secrets: `Bearer`, `Basic`, `path`.
const MIN_WORD: usize = 7;

/// Words of a path that are no secrets, although they stand where some providers put the user's name.
const PATH_WORDS: [&str; 10] = [
    "live", "movie", "series", "stream", "streams", "video", "media", "play", "hls", "channel",
];

/// Removes the secrets of one command line, and what looks like a secret.
#[derive(Debug, Clone, Default)]
pub struct Scrubber {
    /// Longest first, so that a secret that contains another goes as a whole.
    secrets: Vec<String>,
}

// === impl Scrubber ===

impl Scrubber {
    /// Learns the secrets of every URL and of every HTTP header among the words of a command line.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut secrets, mut option) = (Vec::new(), "");
        for word in words {
            match option {
                HEADERS => secrets.extend(header_secrets(word)),
                USER_AGENT if word.len() >= MIN_WORD => secrets.push(word.to_owned()),
                _ => secrets.extend(secrets_of(word)),
            }
            option = word;
        }
        secrets.retain(|secret| secret.len() >= MIN_SECRET);
        secrets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        secrets.dedup();
        Self { secrets }
    }

    /// The text without secrets.
    pub fn scrub(&self, text: &str) -> String {
        let mut text = mask_urls(text);
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), MASK);
            }
        }
        text
    }
}

/// A URL for people: without user info, path and query.
pub fn mask_url(url: &str) -> String {
    Scrubber::new([url]).scrub(url)
}

/// Masks the user info, the path and the query of every URL in a text.
fn mask_urls(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, url) = rest.split_at(at + 3);
        masked.push_str(before);
        let end = url.find(ends_url).unwrap_or(url.len());
        let (url, after) = url.split_at(end);
        masked.push_str(&mask_one(url));
        rest = after;
    }
    masked.push_str(rest);
    masked
}

/// Masks what follows `://`: of an address only the host and the port say nothing that others must not know.
fn mask_one(url: &str) -> String {
    let bare = url.trim_end_matches(ends_sentence);
    let (address, query) = match bare.split_once('?') {
        Some((address, _)) => (address, format!("?{MASK}")),
        None => (bare, String::new()),
    };
    // The user info ends at the last `@` of the authority, and careless passwords contain `/` and `@`.
    let (user, address) = match address.rsplit_once('@') {
        Some((_, address)) => (format!("{MASK}@"), address),
        None => (String::new(), address),
    };
    let (host, path) = match address.split_once('/') {
        Some((host, "")) => (host, "/".to_owned()),
        Some((host, _)) => (host, format!("/{MASK}")),
        None => (address, String::new()),
    };
    format!("{user}{host}{path}{query}{}", &url[bare.len()..])
}

/// What stands behind an address in a sentence.
fn ends_sentence(c: char) -> bool {
    matches!(c, ':' | ',' | '.' | ';' | ')')
}

fn ends_url(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\'' | '"' | '<' | '>')
}

/// The values of header fields, whole and in their words: of `Bearer TOKEN`, an error may repeat the token alone.
fn header_secrets(lines: &str) -> Vec<String> {
    let values = lines.lines().filter_map(|line| line.split_once(':'));
    let words = |(_, value): (&str, &str)| {
        let value = value.trim();
        let mut words: Vec<String> = vec![value.to_owned()];
        let long = value.split([' ', ';', ',', '=']);
        words.extend(
            long.filter(|word| word.len() >= MIN_WORD)
                .map(str::to_owned),
        );
        words
    };
    values.flat_map(words).collect()
}

/// The secrets of a URL; none if the text is not one.
fn secrets_of(word: &str) -> Vec<String> {
    let Some((_, url)) = word.split_once("://") else {
        return Vec::new();
    };
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let (user_info, address) = address.rsplit_once('@').unwrap_or(("", address));
    let (_, path) = address.split_once('/').unwrap_or((address, ""));
    let mut secrets = vec![user_info.to_owned(), query.to_owned()];
    secrets.extend(
        user_info
            .split_once(':')
            .map(|(_, password)| password.to_owned()),
    );
    let values = query.split('&').filter_map(|pair| pair.split_once('='));
    secrets.extend(values.map(|(_, value)| value.to_owned()));
    secrets.extend(path_secrets(path).map(str::to_owned));
    secrets.push(path.to_owned());
    secrets
}

/// Credentials in a path: `/[live/]USER/PASSWORD/ID.ts` of the Xtream kind, and anything that looks like a token.
fn path_secrets(path: &str) -> impl Iterator<Item = &str> {
    let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
    let last = segments.len().saturating_sub(1);
    let numbered = segments.last().is_some_and(|name| is_number(stem(name)));
    let xtream = numbered && (3..=4).contains(&segments.len());
    segments
        .into_iter()
        .enumerate()
        .filter(move |(at, segment)| {
            let is_word = PATH_WORDS.contains(segment);
            is_strange(segment) || *at < last && (is_token(segment) || xtream && !is_word)
        })
        .map(|(_, segment)| segment)
}

fn stem(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// No word of a sentence that an error may say for other reasons.
fn is_strange(segment: &str) -> bool {
    let odd = |byte: u8| !byte.is_ascii_lowercase() && byte != b'.';
    segment.len() >= MIN_WORD && segment.bytes().any(odd)
}

/// Long, with digits and letters and nothing that reads as words.
fn is_token(segment: &str) -> bool {
    segment.len() >= 20
        && segment.bytes().any(|b| b.is_ascii_digit())
        && segment.bytes().any(|b| b.is_ascii_alphabetic())
        && segment
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'='))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn urls_are_shown_without_their_secrets() {
        let cases = [
            (
                "rtsp://alice:s3cr3t@cam.lan:554/1",
                "rtsp://***@cam.lan:554/***",
            ),
            ("http://a:p@ss/w@host/x?k=v", "http://***@host/***?***"),
            (
                "https://host/live.m3u8?token=abcdef",
                "https://host/***?***",
            ),
            (
                "http://tv.example/alice/hunter22/1234.ts",
                "http://tv.example/***",
            ),
            (
                "http://tv.example/live/alice/hunter22/12",
                "http://tv.example/***",
            ),
            ("udp://239.0.0.1:1234", "udp://239.0.0.1:1234"),
            ("https://host/news/1080/index.m3u8", "https://host/***"),
            (
                "srt://host:9000?passphrase=0123456789",
                "srt://host:9000?***",
            ),
        ];
        for (url, shown) in cases {
            assert_eq!(mask_url(url), shown, "{url}");
        }
    }

    #[test]
    fn errors_of_ffmpeg_lose_the_secrets_of_the_source() {
        let scrubber = Scrubber::new([
            "-i",
            "http://tv.example/live/alice/hunter22/12.ts?auth=qwertz",
        ]);
        let line = "[hls] Opening 'http://cdn/x.ts?auth=other' for alice, hunter22 failed; qwertz";
        assert_eq!(
            scrubber.scrub(line),
            "[hls] Opening 'http://cdn/***?***' for ***, *** failed; ***"
        );
    }

    #[test]
    fn a_path_is_a_secret_and_what_stands_behind_it_is_not() {
        let scrubber = Scrubber::new(["-i", "http://h/Sesame-open/live.ts"]);
        for (line, shown) in [
            (
                "http://h/Sesame-open/live.ts: Input/output error",
                "http://h/***: Input/output error",
            ),
            ("GET /Sesame-open/live.ts failed", "GET /*** failed"),
            (
                "Sesame-open is gone, see http://h/.",
                "*** is gone, see http://h/.",
            ),
        ] {
            assert_eq!(scrubber.scrub(line), shown);
        }
    }

    #[test]
    fn values_of_headers_are_secrets() {
        let headers =
            "Authorization: Bearer s3cr3t-token\r\nCookie: id=hunter22; path=/\r\nX-Key: abcd\r\n";
        let scrubber = Scrubber::new([
            "-user_agent",
            "sesame-tv",
            "-headers",
            headers,
            "-i",
            "http://h/1.ts",
        ]);
        let shown = scrubber.scrub(&format!(
            "sesame-tv {headers} [http] s3cr3t-token, hunter22: bad"
        ));
        for secret in ["sesame", "s3cr3t-token", "hunter22", "abcd"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(
            shown.contains("Authorization: ***") && shown.ends_with("[http] ***, ***: bad"),
            "{shown}"
        );
    }

    proptest! {
        #[test]
        fn a_password_never_survives(password in "[A-Za-z0-9!@#$%^&*/:]{8,30}", noise in "[ -~]{0,40}") {
            let url = format!("http://user:{password}@host/live.ts");
            let scrubbed = Scrubber::new([url.as_str()]).scrub(&format!("{noise} {url}: refused"));
            prop_assert!(!scrubbed.contains(&password), "{}", scrubbed);
        }

        #[test]
        fn any_text_is_harmless(text in "\\PC{0,200}") {
            let _ = mask_url(&text);
        }
    }
}
