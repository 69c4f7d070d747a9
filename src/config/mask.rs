//! Hides credentials in lines of the file that are shown beside a problem.
//!
//! Works on text that may not even parse, so it rather hides too much. Every character is replaced by one of the same
//! length in UTF-8, so that places in the line stay what they are.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::ops::Range;

/// The line with everything hidden in its URLs but schemes and hosts.
pub(super) fn line(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (region, after) = rest.split_at(region_end(rest));
        masked.push_str(&self::text(region));
        rest = after;
    }
    masked
}

/// What the names of keys contain whose values open something, also of keys that there are not.
const SECRET_WORDS: [&str; 8] = [
    "header", "agent", "secret", "token", "auth", "password", "cookie", "whsec_",
];

/// Whether what stands behind this key may be a secret.
pub(super) fn is_secret_key(key: &str) -> bool {
    secret_word(key).is_some()
}

/// In a text that could not be parsed: from where on the line may hold a secret, by the keys in it and before it.
pub(super) fn secret_from(before: &str, line: &str) -> Option<usize> {
    let section_start = before.rfind("\n[").map_or(0, |at| at + 1);
    let section = &before[section_start..];
    let header = section.lines().next().unwrap_or_default();
    let tables = ["webhook", "user", "access"];
    let is_secret = is_secret_key(header) || tables.iter().any(|table| header.contains(table));
    if header.starts_with('[') && is_secret {
        return Some(0);
    }
    // One that is still open where the line begins.
    if let Some(at) = secret_word(section)
        && !is_closed(&section[at..])
    {
        return Some(0);
    }
    let at = secret_word(line)?;
    let equals = line[at..].find('=');
    Some(equals.map_or(at, |equals| at + equals + 1))
}

/// The end of the first of [`SECRET_WORDS`].
fn secret_word(text: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    let ends = SECRET_WORDS.iter();
    ends.filter_map(|word| lower.find(word).map(|at| at + word.len()))
        .min()
}

/// Whether every quote and bracket of the text has found its end.
fn is_closed(text: &str) -> bool {
    let (mut depth, mut rest) = (0i32, text);
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '"' | '\'' => {
                let triple: String = [c; 3].iter().collect();
                let quote = if rest.starts_with(&triple) {
                    &triple[..]
                } else {
                    &triple[..1]
                };
                match rest[quote.len()..].find(quote) {
                    Some(at) => at + 2 * quote.len(),
                    None => return false,
                }
            }
            '#' => rest.find('\n').unwrap_or(rest.len()),
            _ => c.len_utf8(),
        };
        depth += match c {
            '{' | '[' => 1,
            '}' | ']' => -1,
            _ => 0,
        };
        rest = &rest[length..];
    }
    depth <= 0
}

/// Every character of the range replaced.
pub(super) fn all(text: &str, range: Range<usize>) -> String {
    let mut masked = String::with_capacity(text.len());
    masked.push_str(&text[..range.start]);
    masked.extend(text[range.clone()].chars().map(dot));
    masked.push_str(&text[range.end..]);
    masked
}

/// Where the quoted text, the comment or the plain text ends with which `text` begins.
fn region_end(text: &str) -> usize {
    let quote = match text.as_bytes()[0] {
        b'#' => return text.len(),
        quote @ (b'"' | b'\'') => quote,
        _ => {
            let end = text.find(['"', '\'', '#']).unwrap_or(text.len());
            // A URL that has lost its quotes may hold such characters itself.
            return if text[..end].contains("://") {
                text.len()
            } else {
                end
            };
        }
    };
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quote == b'"' => escaped = true,
            _ if byte == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// A value by itself: the same for one URL, which may have lost its slashes.
pub(super) fn text(region: &str) -> String {
    if let Some(at) = region.find("://") {
        let start = at + 3;
        let end = closing_quote(region).max(start);
        return mask_url(region, start..end);
    }
    // `rtsp:user:password@host`: a URL that lacks its slashes is one of the problems to show.
    match (region.find(':'), region.rfind('@')) {
        (Some(colon), Some(at)) if colon < at => all(region, colon + 1..at),
        _ => region.to_owned(),
    }
}

fn closing_quote(region: &str) -> usize {
    let quoted = region.starts_with(['"', '\'']) && region.ends_with(['"', '\'']);
    region.len() - usize::from(quoted)
}

/// Hides the URL whose scheme ends before `range`, but shows its host if it is clear which part that is.
fn mask_url(text: &str, range: Range<usize>) -> String {
    let rest = &text[range.clone()];
    let authority = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let host_start = rest[..authority].rfind('@').map_or(0, |at| at + 1);
    let host = &rest[host_start..authority];
    let is_clear = !rest[authority..].contains('@')
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b));
    if !is_clear {
        return all(text, range);
    }
    let masked = all(text, range.start..range.start + host_start);
    all(&masked, range.start + authority..range.end)
}

/// A dot that is as long in UTF-8 as the character it hides.
fn dot(hidden: char) -> char {
    match hidden.len_utf8() {
        1 => '*',
        2 => '\u{b7}',
        3 => '\u{2022}',
        _ => '\u{1f784}',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_stay_and_secrets_go() {
        for (shown, expected) in [
            ("id = \"news\" # plain", "id = \"news\" # plain"),
            (
                r#"source = "http://joe:pw@tv.example:80/joe/pw/1.ts?t=pw" # x"#,
                r#"source = "http://*******tv.example:80*****************" # x"#,
            ),
            (
                "source = http://joe:pw@tv.example/pw",
                "source = http://*******tv.example***",
            ),
            // It is not clear where the host is: nothing is shown.
            (
                r#""http://joe:p/w@tv.example/1""#,
                r#""http://********************""#,
            ),
            (r#""http://joe:p'w@h/1""#, r#""http://********h**""#),
            (r#""http://joe:p\"w@h/1""#, r#""http://************""#),
            (r#""rtsp:joe:pw@h/1" "next""#, r#""rtsp:******@h/1" "next""#),
            ("# http://joe:pw@h/\"pw", "# http://*******h****"),
            ("source = http://h/#pw", "source = http://h****"),
            ("source = http://joe:p'w@h", "source = http://********h"),
            ("\"http://é€𝄞@h", "\"http://·•🞄*h"),
        ] {
            let masked = line(shown);
            assert_eq!(masked.len(), shown.len(), "{shown}");
            assert_eq!(masked.chars().count(), shown.chars().count(), "{shown}");
            assert_eq!(masked, expected);
        }
    }

    #[test]
    fn secrets_by_their_keys_are_found_in_what_is_no_toml() {
        for (before, line, from) in [
            ("", "headers = { X = \"hunter2\" }", Some(9)),
            ("", "Authorization = \"hunter2\"", Some(15)),
            ("[[channel]]\n", "window = 5s", None),
            ("a = 1\n[channel.source.headers]\n", "X = hunter2", Some(0)),
            ("a = 1\n[[webhook]]\n", "url = hunter2", Some(0)),
            ("a = 1\n[[user]]\n", "pasword = hunter2", Some(0)),
            ("a = 1\nheaders = {\n", "  X = hunter2", Some(0)),
            ("a = 1\nheaders = { X = \"}\",\n", "  Y = hunter2", Some(0)),
            ("a = 1\nheaders = { X = \"\"\"a\n", "hunter2", Some(0)),
            ("headers = { X = \"1\" } # it's\n", "window = 5s", None),
            (
                "headers = { X = \"1\" }\n[[channel]]\n",
                "window = 5s",
                None,
            ),
        ] {
            let found = secret_from(before, line);
            assert_eq!(found, from, "{before}{line}");
        }
    }
}
