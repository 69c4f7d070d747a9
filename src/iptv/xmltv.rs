//! The guide as XMLTV (`xmltv.dtd`): all channels first, then their programmes.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::lineup::{Lineup, LineupEntry};
use super::programme::Programme;

/// The media type.
pub const MEDIA_TYPE: &str = "application/xml; charset=utf-8";

/// How far ahead a channel without a guide has programmes: Plex refuses one that has none.
const AHEAD: SignedDuration = SignedDuration::from_hours(48);

/// With more channels than this, placeholders are longer: the document would be mostly them.
const MANY: usize = 1000;

/// The document. `programmes` are those of a channel, if anything is known of it.
pub fn render(
    lineup: &Lineup,
    programmes: impl Fn(&LineupEntry) -> Option<Arc<[Programme]>>,
    now: Timestamp,
) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE tv SYSTEM \"xmltv.dtd\">\n\
         <tv generator-info-name=\"Headgate {version}\">\n"
    );
    // Channels may share what guides call them; there it stands once.
    let mut seen = HashSet::new();
    let entries: Vec<&LineupEntry> = lineup
        .entries()
        .iter()
        .filter(|entry| seen.insert(entry.spec.tvg_id()))
        .collect();
    for entry in &entries {
        write_channel(&mut text, entry);
    }
    let block = match entries.len() {
        0..=MANY => SignedDuration::from_hours(1),
        _ => SignedDuration::from_hours(4),
    };
    for entry in &entries {
        let known = programmes(entry).filter(|all| all.iter().any(|one| one.stop > now));
        match known {
            Some(all) => all
                .iter()
                .for_each(|one| write_programme(&mut text, entry.spec.tvg_id(), one)),
            None => write_placeholders(&mut text, entry, now, block),
        }
    }
    text.push_str("</tv>\n");
    text
}

/// Several names, because Plex and Emby look for numbers among them.
fn write_channel(text: &mut String, entry: &LineupEntry) {
    let (spec, number) = (&entry.spec, entry.number);
    text.push_str("  <channel id=\"");
    escape(text, spec.tvg_id());
    text.push_str("\">\n");
    element(text, "display-name", &spec.name);
    element(text, "display-name", &number.to_string());
    element(text, "display-name", &format!("{number} {}", spec.name));
    if let Some(logo) = &spec.logo {
        icon(text, logo);
    }
    text.push_str("  </channel>\n");
}

fn write_programme(text: &mut String, id: &str, programme: &Programme) {
    open_programme(text, id, programme.start, programme.stop);
    match &programme.language {
        Some(language) => {
            text.push_str("    <title lang=\"");
            escape(text, language);
            text.push_str("\">");
            escape(text, &programme.title);
            text.push_str("</title>\n");
        }
        None => element(text, "title", &programme.title),
    }
    if let Some(subtitle) = &programme.subtitle {
        element(text, "sub-title", subtitle);
    }
    if let Some(description) = &programme.description {
        element(text, "desc", description);
    }
    for category in &programme.categories {
        element(text, "category", category);
    }
    if let Some(url) = &programme.icon {
        icon(text, url);
    }
    for (system, number) in &programme.episodes {
        text.push_str("    <episode-num system=\"");
        escape(text, system);
        text.push_str("\">");
        escape(text, number);
        text.push_str("</episode-num>\n");
    }
    if programme.is_new {
        text.push_str("    <new/>\n");
    }
    text.push_str("  </programme>\n");
}

/// Hours in which the channel is on, for who shows nothing else.
fn write_placeholders(
    text: &mut String,
    entry: &LineupEntry,
    now: Timestamp,
    block: SignedDuration,
) {
    let length = block.as_secs();
    let begin = now.as_second() - now.as_second().rem_euclid(length) - length;
    let mut at = Timestamp::from_second(begin).unwrap_or(now);
    while at < now + AHEAD {
        let end = at + block;
        open_programme(text, entry.spec.tvg_id(), at, end);
        element(text, "title", &entry.spec.name);
        element(text, "desc", "Live");
        text.push_str("  </programme>\n");
        at = end;
    }
}

fn open_programme(text: &mut String, id: &str, start: Timestamp, stop: Timestamp) {
    text.push_str("  <programme start=\"");
    write_time(text, start);
    text.push_str("\" stop=\"");
    write_time(text, stop);
    text.push_str("\" channel=\"");
    escape(text, id);
    text.push_str("\">\n");
}

/// `YYYYMMDDhhmmss +0000`
fn write_time(text: &mut String, time: Timestamp) {
    let at = TimeZone::UTC.to_datetime(time);
    // Writing to a text cannot fail.
    let _ = write!(
        text,
        "{:04}{:02}{:02}{:02}{:02}{:02} +0000",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    );
}

fn element(text: &mut String, name: &str, content: &str) {
    let _ = write!(text, "    <{name}>");
    escape(text, content);
    let _ = writeln!(text, "</{name}>");
}

fn icon(text: &mut String, url: &str) {
    text.push_str("    <icon src=\"");
    escape(text, url);
    text.push_str("\"/>\n");
}

/// Text or the value of an attribute. Characters that XML 1.0 does not have are left out.
pub(super) fn escape(text: &mut String, content: &str) {
    for c in content.chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\t' | '\n' => text.push(c),
            '\u{fffe}' | '\u{ffff}' => {}
            _ if c.is_control() => {}
            _ => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lineup::tests::lineup;
    use super::super::programme::tests::hour;
    use super::*;

    const CHANNELS: &str = r#"
        [[channel]]
        id = "news"
        name = "News & <24>"
        logo = "https://example.org/n.png?a=1&b=2"
        number = 7
        tvg_id = "news.example"
        source = "testcard:"
        [[channel]]
        id = "news-hd"
        tvg_id = "news.example"
        source = "testcard:"
        [[channel]]
        id = "other"
        source = "testcard:"
    "#;

    #[test]
    fn a_guide_has_channels_and_programmes_in_the_order_of_the_dtd() {
        let programme = Programme {
            language: Some("en".into()),
            subtitle: Some("\"One\"".into()),
            description: Some("a\u{0}b & c".into()),
            categories: vec!["News".into()],
            icon: Some("http://h/i.png".into()),
            episodes: vec![("xmltv_ns".into(), "0.1.0/1".into())],
            is_new: true,
            ..hour("2026-11-21T10:00:00Z", "The <hour>")
        };
        let all: Arc<[Programme]> = vec![programme].into();
        let now = "2026-11-21T10:20:00Z".parse().unwrap();
        let known = |entry: &LineupEntry| (entry.spec.id.as_str() == "news").then(|| all.clone());
        let text = render(&lineup(CHANNELS), known, now);
        let (head, rest) = text
            .split_once("  <programme start=\"20261121090000 +0000\"")
            .unwrap();
        insta::assert_snapshot!(head);
        // From the hour before now until 48 hours ahead.
        assert_eq!(rest.matches("<programme ").count() + 1, 50, "{rest}");
        assert!(rest.contains("channel=\"other\"") && !rest.contains("news"));
    }

    #[test]
    fn a_guide_that_has_ended_is_no_guide() {
        let all: Arc<[Programme]> = vec![hour("2026-11-20T10:00:00Z", "old")].into();
        let now = "2026-11-21T10:20:00Z".parse().unwrap();
        let text = render(&lineup(CHANNELS), |_| Some(all.clone()), now);
        assert!(!text.contains("old"));
        assert!(text.contains("<title>News &amp; &lt;24&gt;</title>"));
    }
}
