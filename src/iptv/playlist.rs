//! Reads somebody's M3U channel list, as far as it can be read.
//!
//! There is no standard, and lists are written by hand and by scripts: attributes with quotes in their values, options
//! behind the URL, three ways to name a header. What is found is text; nothing of it is trusted or changed here.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use serde_json::Value;

/// What a list says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Playlist {
    /// The guide that it names.
    pub guide: Option<String>,
    /// Entries that have a URL, in order.
    pub entries: Vec<Entry>,
    /// Lines that mean nothing: their numbers, from 1, and why.
    pub skipped: Vec<(usize, &'static str)>,
}

/// One channel of the list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// Where its URL stands, from 1.
    pub line: usize,
    /// Behind the comma.
    pub title: String,
    /// Keys in lower case, in order.
    pub attributes: Vec<(String, String)>,
    /// From `#EXTGRP`.
    pub group: Option<String>,
    /// Without the options behind it.
    pub url: String,
    /// What its server wants to hear: names as written, values decoded.
    pub headers: Vec<(String, String)>,
}

/// How far a closing quote looks for the next key.
const MAX_KEY: usize = 48;

/// Options of inputstream.adaptive that hold headers.
const KODI_HEADERS: [&str; 3] = [
    "inputstream.adaptive.stream_headers",
    "inputstream.adaptive.manifest_headers",
    "inputstream.adaptive.common_headers",
];

// === impl Playlist ===

impl Playlist {
    /// Reads a list.
    pub fn read(text: &str) -> Self {
        let mut list = Self::default();
        let mut open = Entry::default();
        let mut is_open = false;
        // Whether it is known already that the open entry lacks its URL.
        let mut is_told = false;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (index, line) in text.split('\n').enumerate() {
            let (number, line) = (index + 1, line.trim());
            if line.is_empty() {
                continue;
            }
            let Some(directive) = line.strip_prefix('#') else {
                if !line.contains("://") {
                    // A path, or garbage: the URL may still come.
                    list.skipped.push((number, "it is not a URL"));
                    is_told = true;
                    continue;
                }
                open.line = number;
                open.take_url(line);
                list.entries.push(std::mem::take(&mut open));
                (is_open, is_told) = (false, false);
                continue;
            };
            if let Some(rest) = after(directive, "EXTINF:") {
                if is_open && !is_told {
                    list.skipped
                        .push((number, "the entry before it has no URL"));
                }
                if is_open {
                    open = Entry::default();
                }
                (open.attributes, open.title) = read_info(rest);
                (is_open, is_told) = (true, false);
            } else if let Some(rest) = after(directive, "EXTM3U") {
                let (attributes, _) = read_info(rest);
                list.guide = guide_of(attributes);
            } else {
                open.take_directive(directive);
            }
        }
        if is_open && !is_told {
            let last = text.split('\n').count();
            list.skipped.push((last, "the last entry has no URL"));
        }
        list
    }
}

fn guide_of(attributes: Vec<(String, String)>) -> Option<String> {
    let is_guide = |key: &str| matches!(key, "url-tvg" | "x-tvg-url");
    let found = attributes.into_iter().find(|(key, _)| is_guide(key));
    // Some lists name several.
    let first = found.and_then(|(_, urls)| urls.split(',').next().map(|url| url.trim().to_owned()));
    first.filter(|url| !url.is_empty())
}

// === impl Entry ===

impl Entry {
    /// The value of an attribute that is not empty.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| known == key);
        found
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// `URL` or `URL|Name=value&Name=value`, as Kodi has it.
    fn take_url(&mut self, line: &str) {
        let (url, options) = line.split_once('|').unwrap_or((line, ""));
        self.url = url.trim().to_owned();
        self.headers.extend(pairs(options));
        for (key, name) in [
            ("user-agent", "User-Agent"),
            ("http-user-agent", "User-Agent"),
            ("http-referrer", "Referer"),
        ] {
            if let Some(value) = self.attribute(key).map(str::to_owned) {
                self.headers.push((name.into(), value));
            }
        }
    }

    fn take_directive(&mut self, directive: &str) {
        if let Some(group) = after(directive, "EXTGRP:") {
            self.group = Some(group.trim().to_owned());
        } else if let Some(option) = after(directive, "EXTVLCOPT:") {
            self.take_vlc(option);
        } else if let Some(property) = after(directive, "KODIPROP:") {
            let (key, value) = property.split_once('=').unwrap_or((property, ""));
            if KODI_HEADERS.contains(&key.trim()) {
                self.headers.extend(pairs(value));
            }
        } else if let Some(object) = after(directive, "EXTHTTP:")
            && let Ok(Value::Object(fields)) = serde_json::from_str(object)
        {
            let text = |(name, value): (String, Value)| Some((name, value.as_str()?.to_owned()));
            self.headers.extend(fields.into_iter().filter_map(text));
        }
    }

    fn take_vlc(&mut self, option: &str) {
        let Some((key, value)) = option.split_once('=') else {
            return;
        };
        let name = match key.trim().trim_start_matches(['-', ':']) {
            "http-user-agent" => "User-Agent",
            "http-referrer" | "http-referer" => "Referer",
            "http-cookie" => "Cookie",
            _ => return,
        };
        let value = value.trim().trim_matches('"');
        self.headers.push((name.into(), value.to_owned()));
    }
}

/// What follows a word, whatever its case.
fn after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len())?;
    head.eq_ignore_ascii_case(word).then(|| &text[word.len()..])
}

/// `Name=value&Name=value`, percent-encoded.
fn pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    text.split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let name = name.trim();
        (!name.is_empty()).then(|| (name.to_owned(), decode(value.trim())))
    })
}

/// Percent-encoding undone where there is any; bytes that are no text stay as written.
fn decode(text: &str) -> String {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = (digit(bytes.get(at + 1)), digit(bytes.get(at + 2)));
        match (bytes[at], pair) {
            (b'%', (Some(high), Some(low))) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                at += 3;
            }
            (byte, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

/// `-1 key="value" key=value,Title`: the attributes and the title.
fn read_info(text: &str) -> (Vec<(String, String)>, String) {
    let mut attributes = Vec::new();
    // The duration, which is no attribute.
    let start = text.find([' ', '\t', ',']).unwrap_or(text.len());
    let mut rest = text[start..].trim_start();
    loop {
        if let Some(title) = rest.strip_prefix(',') {
            return (attributes, title.trim().to_owned());
        }
        let Some((key, value)) = read_key(rest) else {
            // Nothing that is known: what stands behind the last comma is the title.
            let title = rest.rsplit_once(',').map_or("", |(_, title)| title);
            return (attributes, title.trim().to_owned());
        };
        let (value, after) = read_value(value);
        attributes.push((key.to_ascii_lowercase(), value.to_owned()));
        rest = after.trim_start();
    }
}

/// A key and what stands behind its `=`.
fn read_key(text: &str) -> Option<(&str, &str)> {
    let is_key = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let length = text
        .bytes()
        .take(MAX_KEY)
        .take_while(|b| is_key(*b))
        .count();
    let value = text[length..].strip_prefix('=')?;
    (length > 0).then_some((&text[..length], value))
}

/// A value in quotes, or a word; and what follows. A quote inside of a value ends it only where something can follow.
fn read_value(text: &str) -> (&str, &str) {
    let Some(inside) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        return text.split_at(end);
    };
    let ends_value = |after: &str| {
        let next = after.trim_start();
        let spaced = next.len() < after.len();
        next.is_empty() || next.starts_with(',') || (spaced && read_key(next).is_some())
    };
    let quotes = inside.match_indices('"').map(|(at, _)| at);
    let mut closing = quotes.filter(|at| ends_value(&inside[at + 1..]));
    match closing.next().or_else(|| inside.find('"')) {
        Some(at) => (&inside[..at], &inside[at + 1..]),
        // It never ends: what is behind the last comma is the title.
        None => inside.split_at(inside.rfind(',').unwrap_or(inside.len())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> Entry {
        let mut list = Playlist::read(text);
        assert_eq!(list.entries.len(), 1, "{list:?}");
        list.entries.remove(0)
    }

    #[test]
    fn a_usual_entry_is_read() {
        let text = "\u{feff}#EXTM3U url-tvg=\"http://h/epg.xml,http://h/2.xml\"\r\n\
            #EXTINF:-1 tvg-id=\"news.1\" tvg-chno=\"7\" group-title=\"News; Local\",News, 24\r\n\
            #EXTVLCOPT:http-user-agent=TV/1.0\r\n\
            http://h/1.ts|Referer=http%3A%2F%2Fh%2F&X-Key=a+b\r\n";
        assert_eq!(
            Playlist::read(text).guide.as_deref(),
            Some("http://h/epg.xml")
        );
        let entry = one(text);
        assert_eq!(entry.title, "News, 24");
        assert_eq!(entry.attribute("tvg-id"), Some("news.1"));
        assert_eq!(entry.attribute("group-title"), Some("News; Local"));
        assert_eq!((entry.url.as_str(), entry.line), ("http://h/1.ts", 4));
        let headers: Vec<(&str, &str)> = entry
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let expected = [
            ("User-Agent", "TV/1.0"),
            ("Referer", "http://h/"),
            ("X-Key", "a+b"),
        ];
        assert_eq!(headers, expected);
    }

    #[test]
    fn quotes_and_commas_in_values_do_not_end_them() {
        for (info, name, title) in [
            ("-1 tvg-name=\"a \"b\" c\",T", "a \"b\" c", "T"),
            ("-1 tvg-name=\"a, b\" x=\"1\",T, U", "a, b", "T, U"),
            ("-1 tvg-name=a,T \"x\"", "a", "T \"x\""),
            ("-1 tvg-name=\"\",T=\"1\"", "", "T=\"1\""),
            ("-1 tvg-name=\"never ends,T", "never ends", "T"),
            ("-1,T", "", "T"),
            ("-1 junk ] here,T", "", "T"),
            ("", "", ""),
        ] {
            let entry = one(&format!("#EXTINF:{info}\nhttp://h/\n"));
            assert_eq!(entry.attribute("tvg-name").unwrap_or(""), name, "{info}");
            assert_eq!(entry.title, title, "{info}");
        }
    }

    #[test]
    fn headers_come_from_each_of_their_places() {
        let entry = one("#EXTINF:-1 http-referrer=\"http://r/\",T\n\
            #EXTHTTP:{\"Cookie\":\"a=b\",\"n\":1}\n\
            #KODIPROP:inputstream.adaptive.stream_headers=User-Agent=A%20B&Origin=http://o\n\
            #KODIPROP:inputstream.adaptive.license_key=x\n\
            http://h/|bad\n");
        let names: Vec<&str> = entry
            .headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["Cookie", "User-Agent", "Origin", "Referer"]);
        assert_eq!(entry.headers[1].1, "A B");
    }

    #[test]
    fn an_entry_without_a_url_is_said() {
        let list = Playlist::read("#EXTINF:-1,A\n#EXTINF:-1,B\nhttp://h/\n#EXTINF:-1,C");
        assert_eq!(list.entries.len(), 1);
        assert_eq!(list.entries[0].title, "B");
        let lines: Vec<usize> = list.skipped.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 4]);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(#EXTINF:|#EXTGRP:|#KODIPROP:|[a-z\"=, |&%#{}\u{5d0}\n-]){0,80}") {
            for entry in Playlist::read(&text).entries {
                prop_assert!(!entry.title.contains('\n') && !entry.url.contains('\n'));
            }
        }
    }
}
