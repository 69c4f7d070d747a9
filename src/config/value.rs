//! The small languages inside of quotes: durations, bitrates, texts.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::ops::RangeInclusive;
use std::time::Duration;

use super::report::{Refusal, quoted};

/// The longest name, group or slate, in characters.
pub(super) const MAX_TEXT: usize = 200;

/// A number as written: its digits before and after the point, and the letters behind it.
struct Quantity<'a> {
    whole: &'a str,
    fraction: &'a str,
    unit: &'a str,
    rest: &'a str,
}

// === impl Quantity ===

impl<'a> Quantity<'a> {
    /// `None` if the text does not begin with a digit.
    fn read(text: &'a str) -> Option<Self> {
        let (whole, rest) = split_while(text, |c| c.is_ascii_digit());
        if whole.is_empty() {
            return None;
        }
        let (fraction, rest) = match rest.strip_prefix('.') {
            Some(after) => split_while(after, |c| c.is_ascii_digit()),
            None => ("", rest),
        };
        let (unit, rest) = split_while(rest, char::is_alphabetic);
        Some(Self {
            whole,
            fraction,
            unit,
            rest,
        })
    }

    /// The number times `scale`, if that is a whole number that fits.
    fn scaled(&self, scale: u64) -> Option<u64> {
        let whole = self.whole.parse::<u64>().ok()?.checked_mul(scale)?;
        if self.fraction.is_empty() {
            return Some(whole);
        }
        let divisor = 10u64.checked_pow(u32::try_from(self.fraction.len()).ok()?)?;
        let part = self.fraction.parse::<u64>().ok()?.checked_mul(scale)?;
        (part % divisor == 0).then(|| whole.checked_add(part / divisor))?
    }
}

fn split_while(text: &str, test: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !test(c)).unwrap_or(text.len()))
}

/// `"250ms"`, `"2s"`, `"5m"`, `"1h"`, and several from the largest unit down: `"1m 30s"`. Exact to the millisecond.
pub(super) fn duration(text: &str) -> Result<Duration, Refusal> {
    let mut total = 0u64;
    let mut last_unit = u64::MAX;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(not_a_duration(text, "30s"));
    }
    while !rest.is_empty() {
        let quantity = Quantity::read(rest).ok_or_else(|| not_a_duration(text, "1m 30s"))?;
        let unit = match quantity.unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            other => return Err(unknown_unit(text, &quantity, other)),
        };
        if unit >= last_unit {
            return Err(Refusal::new(
                format!("{} does not go from the largest unit down", quoted(text)),
                "write each unit once, the largest first, for example `\"1m 30s\"`",
            ));
        }
        let millis = quantity
            .scaled(unit)
            .and_then(|millis| total.checked_add(millis));
        total = millis.ok_or_else(|| not_a_duration(text, "1s 500ms"))?;
        last_unit = unit;
        rest = quantity.rest.trim_start();
    }
    Ok(Duration::from_millis(total))
}

/// A duration as in the file, written somewhere else.
///
/// # Errors
/// What is wrong with it and what to write instead.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    duration(text).map_err(|refusal| format!("{}; {}", refusal.message, refusal.help))
}

fn not_a_duration(text: &str, example: &str) -> Refusal {
    Refusal::new(
        format!("{} is not a duration", quoted(text)),
        format!("write numbers with the units `h`, `m`, `s` or `ms`, for example `\"{example}\"`"),
    )
}

fn unknown_unit(text: &str, quantity: &Quantity<'_>, unit: &str) -> Refusal {
    if unit.is_empty() {
        let help = match (quantity.rest.trim_start(), quantity.whole) {
            ("", whole) => format!(
                "write `\"{}s\"` for seconds, or use `ms`, `m` or `h`",
                short(whole)
            ),
            _ => "write the unit right behind the number, for example `\"1m 30s\"`".to_owned(),
        };
        return Refusal::new(format!("{} lacks its unit", quoted(text)), help);
    }
    let lower = unit.to_lowercase();
    let meant = ["ms", "s", "m", "h"]
        .into_iter()
        .find(|known| lower == *known || lower.starts_with("mil") && *known == "ms")
        .or_else(|| {
            ["s", "m", "h"]
                .into_iter()
                .find(|known| lower.starts_with(known))
        });
    let help = match meant {
        Some(meant) => format!("did you mean `\"{}{meant}\"`?", short(quantity.whole)),
        None => "the units are `h`, `m`, `s` and `ms`".to_owned(),
    };
    Refusal::new(format!("{} is not a unit of time", quoted(unit)), help)
}

fn short(digits: &str) -> &str {
    &digits[..digits.len().min(20)]
}

/// A duration as it is written in the file.
pub(super) fn show_duration(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let parts = [
        (millis / 3_600_000, "h"),
        (millis / 60_000 % 60, "m"),
        (millis / 1_000 % 60, "s"),
        (millis % 1_000, "ms"),
    ];
    let shown: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if shown.is_empty() {
        "0s".to_owned()
    } else {
        shown.join(" ")
    }
}

/// `"2500k"` or `"4.5M"`, in bits a second.
pub(super) fn bitrate(text: &str) -> Result<u64, Refusal> {
    let not_one = || {
        Refusal::new(
            format!("{} is not a bitrate", quoted(text)),
            "write thousands of bits a second as `\"2500k\"`, or millions as `\"4.5M\"`",
        )
    };
    let quantity = Quantity::read(text).ok_or_else(not_one)?;
    let scale = match (quantity.unit, quantity.rest) {
        ("k" | "K", "") => 1_000,
        ("M", "") => 1_000_000,
        ("", "") => {
            let help = bitrate_help(quantity.whole.parse().unwrap_or(2500));
            return Err(Refusal::new(
                format!("{} lacks its unit", quoted(text)),
                help,
            ));
        }
        (unit, _) if unit.to_lowercase().starts_with(['k', 'm']) => {
            let unit = if unit.to_lowercase().starts_with('k') {
                "k"
            } else {
                "M"
            };
            let point = if quantity.fraction.is_empty() {
                ""
            } else {
                "."
            };
            let number = format!(
                "{}{point}{}",
                short(quantity.whole),
                short(quantity.fraction)
            );
            return Err(Refusal::new(
                format!("{} is not a bitrate", quoted(text)),
                format!("did you mean `\"{number}{unit}\"`?"),
            ));
        }
        _ => return Err(not_one()),
    };
    quantity.scaled(scale).ok_or_else(not_one)
}

/// What to write instead of a bare number, which may have been meant in bits or in kilobits.
pub(super) fn bitrate_help(number: i64) -> String {
    let kilobits = if number >= 50_000 {
        number / 1_000
    } else {
        number.max(50)
    };
    format!("did you mean `\"{kilobits}k\"`? (thousands of bits a second; `\"4.5M\"` is millions)")
}

/// A bitrate as it is written in the file.
pub(super) fn show_bitrate(bits: u64) -> String {
    match bits {
        _ if bits >= 1_000_000 && bits.is_multiple_of(100_000) => format!("{}M", bits as f64 / 1e6),
        _ => format!("{}k", bits as f64 / 1e3),
    }
}

/// The value if it lies in the range; `show` writes a value as in the file.
pub(super) fn within<T: Copy + PartialOrd>(
    key: &str,
    value: T,
    range: RangeInclusive<T>,
    show: impl Fn(T) -> String,
) -> Result<T, Refusal> {
    if range.contains(&value) {
        return Ok(value);
    }
    let side = if value < *range.start() {
        "small"
    } else {
        "large"
    };
    let (least, most) = (show(*range.start()), show(*range.end()));
    Err(Refusal::new(
        format!("`{key}` is too {side}: {}", show(value)),
        format!("write a value from {least} to {most}"),
    ))
}

/// Text for people, without blanks around it: not empty, not too long, no control characters.
pub(super) fn plain_text(key: &str, text: &str) -> Result<String, Refusal> {
    let text = text.trim_matches(' ');
    if let Some(c) = text.chars().find(|c| is_control(*c)) {
        return Err(Refusal::new(
            format!("`{key}` holds the control character U+{:04X}", u32::from(c)),
            "remove it: this text is shown to people and written into playlists, on one line",
        ));
    }
    if text.trim().is_empty() {
        return Err(Refusal::new(
            format!("`{key}` is empty"),
            format!("write some text, or remove `{key}`"),
        ));
    }
    let length = text.chars().count();
    if length > MAX_TEXT {
        return Err(Refusal::new(
            format!("`{key}` has {length} characters"),
            format!("write at most {MAX_TEXT}"),
        ));
    }
    Ok(text.to_owned())
}

/// Control characters, and what else ends a line or changes the direction of what follows.
pub(super) fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A character by its name in messages.
pub(super) fn name_char(c: char) -> String {
    match c {
        ' ' => "a space".to_owned(),
        _ if is_control(c) => format!("the control character U+{:04X}", u32::from(c)),
        _ => format!("`{c}`"),
    }
}

/// A character as it stands in a URL.
pub(super) fn percent(c: char) -> String {
    let mut bytes = [0; 4];
    let encoded = c.encode_utf8(&mut bytes).bytes();
    encoded.map(|byte| format!("%{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_sums_of_units() {
        for (text, millis) in [
            ("250ms", 250),
            ("2s", 2_000),
            ("0s", 0),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("1m 30s", 90_000),
            ("1m30s", 90_000),
            (" 1.5s ", 1_500),
            ("0.125s", 125),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            " ",
            "s",
            "-1s",
            "1.0001s",
            "30s 1m",
            "1s 1s",
            "99999999999999999999s",
            "1.s x",
            "1 s",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
        for (text, help) in [
            ("30", "`\"30s\"`"),
            ("30 s", "right behind"),
            ("5min", "`\"5m\"`"),
            ("2sec", "`\"2s\"`"),
            ("250millis", "`\"250ms\"`"),
            ("2S", "`\"2s\"`"),
            ("3d", "the units are"),
        ] {
            let refusal = duration(text).unwrap_err();
            assert!(refusal.help.contains(help), "{text}: {refusal:?}");
        }
    }

    #[test]
    fn bitrates_have_a_unit() {
        for (text, bits) in [("2500k", 2_500_000), ("4.5M", 4_500_000), ("64K", 64_000)] {
            assert_eq!(bitrate(text), Ok(bits), "{text}");
        }
        for (text, help) in [
            ("2500", "`\"2500k\"`"),
            ("2500000", "`\"2500k\"`"),
            ("2.5Mbps", "`\"2.5M\"`"),
            ("2500kbit/s", "`\"2500k\"`"),
            ("4m", "`\"4M\"`"),
            ("2 500k", "thousands"),
            ("fast", "thousands"),
            ("1.00001k", "thousands"),
            ("99999999999999999999M", "thousands"),
        ] {
            let refusal = bitrate(text).unwrap_err();
            assert!(refusal.help.contains(help), "{text}: {refusal:?}");
        }
    }

    #[test]
    fn values_are_shown_as_they_are_written() {
        for (millis, text) in [
            (0, "0s"),
            (90_000, "1m 30s"),
            (2_500, "2s 500ms"),
            (3_600_000, "1h"),
        ] {
            assert_eq!(show_duration(Duration::from_millis(millis)), text);
        }
        for (bits, text) in [
            (4_500_000, "4.5M"),
            (2_550_000, "2550k"),
            (50_000, "50k"),
            (100_000_000, "100M"),
        ] {
            assert_eq!(show_bitrate(bits), text);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_shown_is_read_back(millis in 0u64..100_000_000, tenths in 500u64..1_000_000) {
            let time = Duration::from_millis(millis);
            prop_assert_eq!(duration(&show_duration(time)), Ok(time));
            prop_assert_eq!(bitrate(&show_bitrate(tenths * 100)), Ok(tenths * 100));
        }

        #[test]
        fn any_text_is_taken_or_refused(text in "\\PC{0,40}|[0-9.kMmsh: ]{0,20}") {
            let _ = (duration(&text), bitrate(&text), plain_text("name", &text));
        }
    }
}
