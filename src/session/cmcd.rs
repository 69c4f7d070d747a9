//! What players tell about themselves with their requests: Common Media Client Data (CTA-5004, and the latency of its
//! second version). Everything of it is the word of a stranger: bounded, and good for figures only.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::borrow::Cow;

/// The longest query parameter or header field that is read, in bytes.
const MAX_LENGTH: usize = 2048;

/// The longest session identifier (section 3, `sid`), in bytes.
const MAX_SESSION: usize = 64;

/// What one request tells.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cmcd {
    /// `sid`: of one playback; visible ASCII.
    pub session: Option<Box<str>>,
    /// `br`: of what is asked for, kbit/s.
    pub bitrate: Option<u32>,
    /// `bl`: media in the buffer, milliseconds.
    pub buffer: Option<u32>,
    /// `mtp`: as measured by the player, kbit/s.
    pub throughput: Option<u32>,
    /// `ltc`: behind the live edge, milliseconds.
    pub latency: Option<u32>,
    /// `pr`: 1 is real time, 0 is a pause.
    pub rate: Option<f32>,
    /// `bs`: the buffer ran dry since the last request.
    pub starved: bool,
    /// `su`: this is needed urgently: at the start, after a seek, or after the buffer ran dry.
    pub startup: bool,
}

// === impl Cmcd ===

impl Cmcd {
    /// Reads the `CMCD` parameter of a query, if there is one that says something.
    pub fn from_query(query: &str) -> Option<Self> {
        let value = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("CMCD="))?;
        let mut told = Self::default();
        told.read(&decoded(value)?);
        told.has_content().then_some(told)
    }

    /// Reads the values of the header fields `CMCD-Session`, `CMCD-Object`, `CMCD-Request` and `CMCD-Status`, in any
    /// order, if they say something.
    pub fn from_headers<'h>(fields: impl IntoIterator<Item = &'h str>) -> Option<Self> {
        let mut told = Self::default();
        for field in fields {
            told.read(field);
        }
        told.has_content().then_some(told)
    }

    fn has_content(&self) -> bool {
        *self != Self::default()
    }

    /// Keys that are not known, and values that are none, are passed over. Of a key that is there twice the last
    /// counts.
    fn read(&mut self, list: &str) {
        if list.len() > MAX_LENGTH {
            return;
        }
        for item in items(list) {
            let (key, value) = match item.split_once('=') {
                Some((key, value)) => (key.trim(), Some(value.trim())),
                None => (item.trim(), None),
            };
            let number = || value.and_then(|value| value.parse::<u32>().ok());
            match key {
                "br" => self.bitrate = number(),
                "bl" => self.buffer = number(),
                "mtp" => self.throughput = number(),
                "ltc" => self.latency = number(),
                "pr" => self.rate = value.and_then(rate),
                "bs" => self.starved = flag(value),
                "su" => self.startup = flag(value),
                "sid" => self.session = value.and_then(session),
                _ => {}
            }
        }
    }
}

/// Splits at commas that are not in quotes.
fn items(list: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    list.split(move |c| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => return c == ',' && !quoted,
        }
        false
    })
}

/// A key alone is true.
fn flag(value: Option<&str>) -> bool {
    matches!(value, None | Some("true"))
}

fn rate(value: &str) -> Option<f32> {
    let rate: f32 = value.parse().ok()?;
    (0.0..=100.0).contains(&rate).then_some(rate)
}

fn session(value: &str) -> Option<Box<str>> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    let is_plain = inner
        .bytes()
        .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\');
    ((1..=MAX_SESSION).contains(&inner.len()) && is_plain).then(|| inner.into())
}

/// Undoes the percent-encoding; `None` if it is wrong or hides something that is no text.
fn decoded(value: &str) -> Option<Cow<'_, str>> {
    if value.len() > 3 * MAX_LENGTH {
        return None;
    }
    if !value.contains(['%', '+']) {
        return Some(Cow::Borrowed(value));
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SESSION: &str = "6e2fb550-c457-11e9-bb97-0800200c9a66";

    fn told() -> Cmcd {
        Cmcd {
            session: Some(SESSION.into()),
            bitrate: Some(3200),
            buffer: Some(21300),
            throughput: Some(25400),
            starved: true,
            ..Cmcd::default()
        }
    }

    #[test]
    fn a_query_is_read_among_others() {
        let encoded = "bl%3D21300%2Cbr%3D3200%2Cbs%2Cmtp%3D25400%2Csid%3D%226e2fb550-c457-11e9-bb97-0800200c9a66%22";
        for query in [
            format!("CMCD={encoded}"),
            format!("_HLS_msn=7&CMCD={encoded}&_HLS_part=1"),
            format!("CMCD=cid%3D%22a%2Cbr%3D1%22%2C{encoded}%2Cot%3Dv%2Ccom.example-x%3D1"),
            format!("CMCD={encoded}%2Csu%3Dfalse"),
        ] {
            assert_eq!(Cmcd::from_query(&query), Some(told()), "{query}");
        }
        for query in [
            "",
            "_HLS_msn=7",
            "CMCD=",
            "CMCD=cid%3D%22a%22",
            "XCMCD=bl%3D1",
            "CMCD=bl%3",
            "CMCD=%ff%fe",
        ] {
            assert_eq!(Cmcd::from_query(query), None, "{query}");
        }
    }

    #[test]
    fn header_fields_are_read_in_any_order() {
        let session = format!("sid=\"{SESSION}\", sf=h");
        let fields = ["bs", "mtp=25400,bl=21300", "br=3200,d=4004,ot=v", &session];
        assert_eq!(Cmcd::from_headers(fields), Some(told()));
        assert_eq!(Cmcd::from_headers([]), None);
    }

    #[test]
    fn nonsense_is_passed_over() {
        for list in [
            "br=-1",
            "br=1e9",
            "br=99999999999",
            "pr=nan",
            "pr=inf",
            "pr=-1",
            "sid=bare",
            "sid=\"\"",
            "sid=\"a b\"",
            "sid=\"a\\\"b\"",
            "bs=false",
            "bs=0",
            "BR=1",
            "br",
        ] {
            assert_eq!(Cmcd::from_headers([list]), None, "{list}");
        }
        let long = format!("sid=\"{}\"", "x".repeat(65));
        assert_eq!(Cmcd::from_headers([long.as_str()]), None);
        let large = format!("br=1,nor=\"{}\"", "x".repeat(MAX_LENGTH));
        assert_eq!(Cmcd::from_headers([large.as_str()]), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,80}|CMCD=[a-z0-9%,=\"\\\\]{0,80}") {
            let told = Cmcd::from_query(&text);
            let header = Cmcd::from_headers([text.as_str()]);
            for told in told.into_iter().chain(header) {
                let session = told.session.unwrap_or_default();
                prop_assert!(session.len() <= MAX_SESSION);
                prop_assert!(session.bytes().all(|b| b.is_ascii_graphic()));
            }
        }
    }
}
