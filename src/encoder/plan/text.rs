//! Foreign text inside a filter graph.
//!
//! ffmpeg unquotes twice: the graph's parser splits at `[],;`, then the filter's parser splits its options at `:`.
//! Each level takes `\` and `'` away, and each trims white space at the ends.

/// A value of a filter's option, so that it arrives exactly, whatever it contains. Control characters, which no
/// picture shows and no command line carries whole, become spaces.
pub(super) fn option_value(text: &str) -> String {
    let printable: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let option = escape(&printable, |c| matches!(c, '\\' | '\'' | ':'));
    escape(&option, |c| {
        matches!(c, '\\' | '\'' | '[' | ']' | ',' | ';')
    })
}

/// Puts a backslash before special characters, and before spaces at the ends.
fn escape(text: &str, is_special: impl Fn(char) -> bool) -> String {
    let leading = text.len() - text.trim_start_matches(' ').len();
    let trailing = text.trim_end_matches(' ').len();
    let mut escaped = String::with_capacity(text.len() * 2);
    for (at, c) in text.char_indices() {
        if is_special(c) || c == ' ' && (at < leading || at >= trailing) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// At most this many characters, with an ellipsis in place of the rest: what does not fit a picture anyway.
pub(super) fn shorten(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(length.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One level of ffmpeg's `av_get_token`: trims, and takes quotes and backslashes away.
    fn token(text: &str, ends: &str) -> String {
        let mut out = String::new();
        let mut kept = 0;
        let mut chars = text.trim_start_matches([' ', '\n', '\t', '\r']).chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => {
                    out.extend(chars.next());
                    kept = out.len();
                }
                '\'' => {
                    out.extend(chars.by_ref().take_while(|c| *c != '\''));
                    kept = out.len();
                }
                c if ends.contains(c) => break,
                c => out.push(c),
            }
        }
        let end = out
            .trim_end_matches([' ', '\n', '\t', '\r'])
            .len()
            .max(kept);
        out[..end].to_owned()
    }

    proptest! {
        #[test]
        fn two_levels_of_unquoting_give_the_text_back(text in "\\PC{0,80}|[ \\\\':,;\\[\\]%{}=@]{0,20}") {
            let printable: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let graph = token(&option_value(&text), "[],;");
            prop_assert_eq!(token(&graph, ":"), printable);
        }
    }

    #[test]
    fn long_texts_are_shortened_by_characters() {
        assert_eq!(shorten("ÄÖÜ", 3), "ÄÖÜ");
        assert_eq!(shorten("ÄÖÜß", 3), "ÄÖ…");
    }
}
