//! The small values of a guide: attributes, entities, texts, times.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart};

/// An attribute with its references resolved; as written if they cannot be.
pub(super) fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = tag.attributes();
    let found = attributes.with_checks(false).flatten();
    let mut found = found.filter(|attribute| attribute.key.into_inner() == name);
    let attribute = found.next()?;
    let value = attribute.normalized_value(XmlVersion::Implicit1_0);
    Some(value.unwrap_or(attribute.value).into_owned())
}

/// `&amp;`, `&#228;`; what the document itself may have defined stays as written.
pub(super) fn resolve(entity: &BytesRef<'_>) -> String {
    if let Ok(Some(c)) = entity.resolve_char_ref() {
        return c.to_string();
    }
    let name = entity.xml10_content();
    match resolve_predefined_entity(&name) {
        Some(text) => text.to_owned(),
        None => format!("&{name};"),
    }
}

/// On one line, without blanks around it and control characters, at most so many characters.
pub(super) fn clean(text: &str, most: usize) -> Box<str> {
    let mut clean = String::with_capacity(text.len().min(most * 4));
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if !word.is_empty() {
            clean.push_str(if clean.is_empty() { "" } else { " " });
            clean.push_str(word);
        }
    }
    if let Some((end, _)) = clean.char_indices().nth(most) {
        clean.truncate(end);
    }
    clean.into()
}

/// `20261121060000 +0100`, as short as `20261121`; without a zone it is UTC.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, zone) = text.split_at(length);
    if !matches!(length, 8 | 10 | 12 | 14) {
        return None;
    }
    let part = |range: Range<usize>| {
        digits
            .get(range)
            .map_or(Some(0), |text| text.parse::<i8>().ok())
    };
    let year = digits[..4].parse::<i16>().ok()?;
    let date = DateTime::new(
        year,
        part(4..6)?,
        part(6..8)?,
        part(8..10)?,
        part(10..12)?,
        part(12..14)?,
        0,
    );
    offset(zone.trim())?.to_timestamp(date.ok()?).ok()
}

fn offset(zone: &str) -> Option<Offset> {
    if matches!(zone, "" | "Z" | "UTC" | "GMT") {
        return Some(Offset::UTC);
    }
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits.replace(':', "")),
        ("-", digits) => (-1, digits.replace(':', "")),
        _ => return None,
    };
    if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = (
        digits[..2].parse::<i32>().ok()?,
        digits[2..].parse::<i32>().ok()?,
    );
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}
