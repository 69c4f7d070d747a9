//! Rust source as far as the walls need it: the paths that a file names, without comments, literals and test modules.
//!
//! A small lexer, not a parser: it has to be right about what is code, and about `a::{b, c::d}`, nothing more.

/// One file: where it is (`src/hls/mod.rs`, with `/`), and its text.
#[derive(Debug, Clone)]
pub(crate) struct SourceFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A path that code names: `crate::hls::Rendered` is three segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedPath {
    pub(crate) segments: Vec<String>,
    /// Named by a `use`, where one segment alone can be a whole crate.
    pub(crate) imported: bool,
    pub(crate) line: usize,
}

/// One word or sign of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

impl NamedPath {
    /// Does `wanted` (`Instant::now`) stand in this path, whole segments in a row?
    pub(crate) fn contains(&self, wanted: &str) -> bool {
        let wanted: Vec<&str> = wanted.split("::").collect();
        self.segments.windows(wanted.len()).any(|run| run == wanted)
    }

    /// Is the first segment this crate's name, as far as text can tell?
    pub(crate) fn begins_in_crate(&self, name: &str) -> bool {
        self.segments[0] == name && (self.imported || self.segments.len() > 1)
    }
}

/// The tokens of a text: identifiers, `::` and single signs. Comments and literals are gone.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let end = skip_blank(&chars, at)
            .or_else(|| skip_literal(&chars, at))
            .unwrap_or(at);
        if end > at {
            line += chars[at..end].iter().filter(|c| **c == '\n').count();
            at = end;
            continue;
        }
        let end = word_end(&chars, at);
        found.push(Token {
            text: chars[at..end].iter().collect(),
            line,
        });
        at = end;
    }
    found
}

/// The tokens of a text without what is compiled for tests only.
pub(crate) fn code_tokens(text: &str) -> Vec<Token> {
    let all = tokens(text);
    let mut kept = Vec::new();
    let mut at = 0;
    while at < all.len() {
        match test_attribute_end(&all, at) {
            Some(end) => at = item_end(&all, end),
            None => {
                kept.push(all[at].clone());
                at += 1;
            }
        }
    }
    kept
}

/// The modules that a text declares for tests only, in files of their own: `#[cfg(test)] mod golden;`.
pub(crate) fn test_modules(text: &str) -> Vec<String> {
    let all = tokens(text);
    let mut names = Vec::new();
    for at in 0..all.len() {
        let Some(end) = test_attribute_end(&all, at) else {
            continue;
        };
        let item: Vec<&str> = all[end..item_end(&all, end)]
            .iter()
            .map(|token| token.text.as_str())
            .collect();
        if let [.., "mod", name, ";"] = item[..] {
            names.push(name.to_owned());
        }
    }
    names
}

/// Every path that the tokens name; groups of a `use` are spread out.
pub(crate) fn named_paths(code: &[Token]) -> Vec<NamedPath> {
    let mut found = Vec::new();
    let (mut at, mut imported) = (0, false);
    while at < code.len() {
        match code[at].text.as_str() {
            "use" if text_at(code, at + 1) != "<" => imported = true,
            ";" => imported = false,
            word if is_word(word) => {
                at = read_path(code, at, Vec::new(), imported, &mut found);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

// === Paths ===

/// Reads one path from `at`, with what stands before it; answers where reading goes on.
fn read_path(
    code: &[Token],
    mut at: usize,
    mut before: Vec<String>,
    imported: bool,
    found: &mut Vec<NamedPath>,
) -> usize {
    let line = code[at].line;
    loop {
        match text_at(code, at) {
            "{" if !before.is_empty() => return read_group(code, at + 1, &before, imported, found),
            "*" if imported => at += 1,
            word if is_word(word) => {
                before.push(word.to_owned());
                at += 1;
                if text_at(code, at) == "::" && continues_path(code, at + 1, imported) {
                    at += 1;
                    continue;
                }
            }
            _ => {}
        }
        break;
    }
    if !before.is_empty() {
        found.push(NamedPath {
            segments: before,
            imported,
            line,
        });
    }
    if imported && text_at(code, at) == "as" {
        at += 2;
    }
    at
}

fn read_group(
    code: &[Token],
    mut at: usize,
    before: &[String],
    imported: bool,
    found: &mut Vec<NamedPath>,
) -> usize {
    while at < code.len() && text_at(code, at) != "}" {
        let next = read_path(code, at, before.to_vec(), imported, found);
        at = next.max(at + usize::from(next == at));
        if text_at(code, at) == "," {
            at += 1;
        }
    }
    at + 1
}

fn continues_path(code: &[Token], at: usize, imported: bool) -> bool {
    let next = text_at(code, at);
    is_word(next) || (imported && (next == "{" || next == "*"))
}

// === Test items ===

/// If an attribute begins at `at` that mentions `test` in a `cfg` (and not `not`): where it ends.
fn test_attribute_end(all: &[Token], at: usize) -> Option<usize> {
    if [0, 1, 2].map(|ahead| text_at(all, at + ahead)) != ["#", "[", "cfg"] {
        return None;
    }
    let end = closing(all, at + 1)?;
    let inside = &all[at + 3..end];
    let says = |word: &str| inside.iter().any(|token| token.text == word);
    (says("test") && !says("not")).then_some(end + 1)
}

/// Where the item that begins at `at` ends: after its `;`, or after its block.
fn item_end(all: &[Token], mut at: usize) -> usize {
    while at < all.len() {
        match text_at(all, at) {
            ";" => return at + 1,
            "{" => return closing(all, at).map_or(all.len(), |end| end + 1),
            "(" | "[" => at = closing(all, at).map_or(all.len(), |end| end + 1),
            _ => at += 1,
        }
    }
    at
}

/// The position of the bracket that closes the one at `at`.
fn closing(all: &[Token], at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (position, token) in all.iter().enumerate().skip(at) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(position);
        }
    }
    None
}

// === Characters ===

fn skip_blank(chars: &[char], at: usize) -> Option<usize> {
    if chars[at].is_whitespace() {
        return Some(at + 1);
    }
    match (chars[at], chars.get(at + 1)) {
        ('/', Some('/')) => Some(line_end(chars, at)),
        ('/', Some('*')) => Some(block_comment_end(chars, at)),
        _ => None,
    }
}

fn line_end(chars: &[char], at: usize) -> usize {
    let rest = chars[at..].iter().position(|c| *c == '\n');
    rest.map_or(chars.len(), |length| at + length)
}

fn block_comment_end(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn skip_literal(chars: &[char], at: usize) -> Option<usize> {
    let mut quote = at;
    while matches!(chars.get(quote), Some('b' | 'c' | 'r')) && quote < at + 2 {
        quote += 1;
    }
    let prefixed = &chars[at..quote];
    if prefixed.contains(&'r') {
        let hashes = chars[quote..].iter().take_while(|c| **c == '#').count();
        if chars.get(quote + hashes) == Some(&'"') {
            return Some(raw_string_end(chars, quote + hashes + 1, hashes));
        }
        return None;
    }
    match chars.get(quote) {
        Some('"') => Some(quoted_end(chars, quote + 1, '"')),
        Some('\'') if prefixed == ['b'] => Some(quoted_end(chars, quote + 1, '\'')),
        Some('\'') if prefixed.is_empty() => char_or_lifetime_end(chars, quote),
        _ => None,
    }
}

fn raw_string_end(chars: &[char], from: usize, hashes: usize) -> usize {
    let mut at = from;
    while at < chars.len() {
        let tail = chars[at + 1..].iter().take(hashes);
        if chars[at] == '"' && tail.filter(|c| **c == '#').count() == hashes {
            return at + 1 + hashes;
        }
        at += 1;
    }
    at
}

fn quoted_end(chars: &[char], from: usize, quote: char) -> usize {
    let mut at = from;
    while at < chars.len() && chars[at] != quote {
        at += 1 + usize::from(chars[at] == '\\');
    }
    (at + 1).min(chars.len())
}

/// `'x'` and `'\n'` are literals; `'a` is a lifetime, and nothing to the walls either.
fn char_or_lifetime_end(chars: &[char], at: usize) -> Option<usize> {
    let is_char = chars.get(at + 1) == Some(&'\\') || chars.get(at + 2) == Some(&'\'');
    if is_char {
        return Some(quoted_end(chars, at + 1, '\''));
    }
    Some(word_end(chars, at + 1))
}

/// Where the word, the `::` or the sign at `at` ends.
fn word_end(chars: &[char], at: usize) -> usize {
    let word = chars[at..]
        .iter()
        .take_while(|c| c.is_alphanumeric() || **c == '_')
        .count();
    match word {
        0 if chars[at..].starts_with(&[':', ':']) => at + 2,
        0 => at + 1,
        length => at + length,
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn text_at(code: &[Token], at: usize) -> &str {
    code.get(at).map_or("", |token| token.text.as_str())
}
