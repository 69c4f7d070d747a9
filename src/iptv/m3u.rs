//! The channel list as an M3U playlist with the attributes that front ends know.
//!
//! The format has no escapes. A name stands behind the comma as it is; in an attribute, where a quote would end the
//! value, it is left out. Whatever could end a line never gets here: the configuration refuses it.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::borrow::Cow;
use std::fmt::Write as _;

use super::lineup::{Lineup, LineupEntry};

/// The media type of such a list.
pub const MEDIA_TYPE: &str = "audio/x-mpegurl";

/// Which stream of a channel the list points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// HLS: many qualities, low latency.
    #[default]
    Hls,
    /// HLS with segments of MPEG-TS, for players that know no other.
    HlsTs,
    /// One endless MPEG-TS.
    Ts,
}

/// How a list is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// What stands before paths; no slash at the end.
    pub base: &'a str,
    /// Which stream.
    pub format: Format,
    /// Only channels of this group.
    pub group: Option<&'a str>,
    /// How names are written.
    pub names: Names,
}

/// How names are written behind the comma.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Names {
    /// As they are.
    #[default]
    Exact,
    /// For [`Names::for_agent`].
    WithoutSigns,
}

// === impl Format ===

impl Format {
    /// As queries name it.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "hls" | "m3u8" => Some(Self::Hls),
            "hls-ts" => Some(Self::HlsTs),
            "ts" | "mpegts" => Some(Self::Ts),
            _ => None,
        }
    }

    /// The path of a channel's stream.
    pub fn path(self, channel: &str) -> String {
        match self {
            Self::Hls => format!("/live/{channel}/index.m3u8"),
            Self::HlsTs => format!("/live/{channel}/ts/index.m3u8"),
            Self::Ts => format!("/live/{channel}/stream.ts"),
        }
    }
}

// === impl Names ===

impl Names {
    /// What a client, by its User-Agent, takes for the name.
    ///
    /// Jellyfin (`M3uParser.cs`) and Emby take what stands behind the *last* comma, read attributes anywhere in the line
    /// and take a number before a space for the channel's number.
    pub fn for_agent(agent: &str) -> Self {
        let cuts = ["Jellyfin", "Emby"]
            .iter()
            .any(|name| agent.starts_with(name));
        match cuts {
            true => Self::WithoutSigns,
            false => Self::Exact,
        }
    }

    fn write(self, name: &str) -> Cow<'_, str> {
        if self == Self::Exact {
            return Cow::Borrowed(name);
        }
        // Signs that look the same to people.
        let mut written = name.replace(',', "\u{201a}").replace('"', "\u{201d}");
        let number = written.find(' ').filter(|space| {
            let word = written[..*space].trim_end_matches('.');
            !word.is_empty() && word.parse::<f64>().is_ok()
        });
        if let Some(space) = number {
            written.replace_range(space..=space, "\u{a0}");
        }
        Cow::Owned(written)
    }
}

/// The list.
pub fn render(lineup: &Lineup, options: Options<'_>) -> String {
    let guide = format!("{}/guide.xml", options.base);
    let mut text = format!("#EXTM3U url-tvg=\"{guide}\" x-tvg-url=\"{guide}\"\n");
    for entry in lineup.entries() {
        let is_wanted = |group: &str| entry.spec.group.as_deref() == Some(group);
        if options.group.is_none_or(is_wanted) {
            let url = format!(
                "{}{}",
                options.base,
                options.format.path(entry.spec.id.as_str())
            );
            write_entry(&mut text, entry, &url, options.format, options.names);
        }
    }
    text
}

/// The list of a user of the Xtream Codes API: the same with their own URLs.
pub fn render_for_user(
    lineup: &Lineup,
    base: &str,
    user: &str,
    password: &str,
    format: Format,
) -> String {
    let guide = format!("{base}/xmltv.php?username={user}&password={password}");
    let mut text = format!("#EXTM3U url-tvg=\"{guide}\" x-tvg-url=\"{guide}\"\n");
    let extension = match format {
        Format::Ts => "ts",
        Format::Hls | Format::HlsTs => "m3u8",
    };
    for entry in lineup.entries() {
        let id = entry.stream_id;
        let url = format!("{base}/live/{user}/{password}/{id}.{extension}");
        write_entry(&mut text, entry, &url, format, Names::Exact);
    }
    text
}

fn write_entry(text: &mut String, entry: &LineupEntry, url: &str, format: Format, names: Names) {
    let spec = &entry.spec;
    let number = entry.number.to_string();
    text.push_str("#EXTINF:-1");
    attribute(text, "tvg-id", spec.tvg_id());
    if !spec.name.contains('"') {
        attribute(text, "tvg-name", &spec.name);
    }
    attribute(text, "tvg-chno", &number);
    if let Some(logo) = &spec.logo {
        attribute(text, "tvg-logo", logo);
    }
    if let Some(group) = &spec.group {
        attribute(text, "group-title", group);
    }
    // Channels DVR asks for these two.
    attribute(text, "channel-id", spec.id.as_str());
    attribute(text, "channel-number", &number);
    let name = names.write(&spec.name);
    // Writing to a text cannot fail.
    let _ = writeln!(text, ",{name}");
    if format == Format::Ts {
        text.push_str("#KODIPROP:mimetype=video/mp2t\n");
    }
    text.push_str(url);
    text.push('\n');
}

/// ` key="value"`. A quote in it, which would end it, becomes an apostrophe.
fn attribute(text: &mut String, key: &str, value: &str) {
    let value = value.replace('"', "'");
    let _ = write!(text, " {key}=\"{value}\"");
}

#[cfg(test)]
mod tests {
    use super::super::lineup::tests::lineup;
    use super::*;

    const CHANNELS: &str = r#"
        [[channel]]
        id = "news"
        name = "News 24"
        logo = "https://example.org/n.png"
        number = 7
        group = "News"
        tvg_id = "news.example"
        source = "testcard:"
        [[channel]]
        id = "odd"
        name = '24 Hours, "live" <b>'
        group = 'A "b"'
        source = "testcard:"
    "#;

    fn options(format: Format) -> Options<'static> {
        Options {
            base: "http://tv:80",
            format,
            ..Options::default()
        }
    }

    #[test]
    fn a_list_has_what_front_ends_read() {
        let text = render(&lineup(CHANNELS), options(Format::Hls));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn each_format_has_its_urls() {
        for (format, path) in [
            ("hls", "/live/news/index.m3u8"),
            ("hls-ts", "/live/news/ts/index.m3u8"),
            ("ts", "/live/news/stream.ts"),
        ] {
            let text = render(&lineup(CHANNELS), options(Format::parse(format).unwrap()));
            assert!(text.contains(&format!("\nhttp://tv:80{path}\n")), "{text}");
        }
        assert_eq!(Format::parse("avi"), None);
    }

    #[test]
    fn a_group_can_be_had_alone() {
        let options = Options {
            group: Some("News"),
            ..options(Format::Hls)
        };
        assert_eq!(render(&lineup(CHANNELS), options).lines().count(), 3);
    }

    #[test]
    fn who_reads_behind_the_last_comma_gets_the_whole_name() {
        let names = Names::for_agent("Jellyfin-Server/10.10.3");
        let text = render(
            &lineup(CHANNELS),
            Options {
                names,
                ..options(Format::Hls)
            },
        );
        let line = text
            .lines()
            .find(|line| line.contains("channel-id=\"odd\""))
            .unwrap();
        let name = line.rsplit(',').next().unwrap();
        assert_eq!(name, "24\u{a0}Hours\u{201a} \u{201d}live\u{201d} <b>");
        assert_eq!(Names::for_agent("Kodi/21"), Names::Exact);
    }
}
