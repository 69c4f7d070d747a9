//! Somebody's channel list becomes `[[channel]]` tables.
//!
//! Every value passes the rule of its key, and the writer of TOML puts it into quotes: a name is a name, whatever it
//! looks like. What cannot be taken is told with its line, without repeating what may be a secret.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{HashMap, HashSet};

use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value, value};

use super::playlist::{Entry, Playlist};
use crate::config::foreign;

/// What came of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// A `channels.toml`.
    pub toml: String,
    /// How many channels are in it.
    pub channels: usize,
    /// What was not taken, or not as it was: the line in the list, from 1, and what.
    pub notes: Vec<(usize, String)>,
}

/// The longest id that is made of a name, in characters: short enough for a number behind it.
const MAX_SLUG: usize = 48;

/// The most headers of one source.
const MAX_HEADERS: usize = 32;

const HEADER: &str = "# Channels of an M3U list, written by `headgate import`.\n\n";

/// What may be there once only.
#[derive(Default)]
struct Seen {
    /// And how many have been made of each.
    ids: HashMap<String, u32>,
    numbers: HashSet<u32>,
}

/// A channel in the making.
struct Draft<'a> {
    entry: &'a Entry,
    notes: Vec<(usize, String)>,
}

/// Turns a list into a configuration.
pub fn import(list: &Playlist) -> Imported {
    let mut notes: Vec<(usize, String)> = list
        .skipped
        .iter()
        .map(|(line, why)| (*line, format!("left out: {why}")))
        .collect();
    let mut document = DocumentMut::new();
    if let Some(url) = &list.guide {
        match foreign::guide(url) {
            Ok(url) => document["guide"]["source"] = value(url),
            Err(why) => notes.push((1, format!("the guide is left out: {why}"))),
        }
        if let Some(table) = document
            .get_mut("guide")
            .and_then(Item::as_inline_table_mut)
        {
            document["guide"] = Item::Table(table.clone().into_table());
        }
    }
    let mut seen = Seen::default();
    let mut channels = ArrayOfTables::new();
    for entry in &list.entries {
        let mut draft = Draft {
            entry,
            notes: Vec::new(),
        };
        channels.extend(draft.channel(&mut seen));
        notes.append(&mut draft.notes);
    }
    let count = channels.len();
    if count > 0 {
        document.insert("channel", Item::ArrayOfTables(channels));
    }
    notes.sort_by_key(|(line, _)| *line);
    Imported {
        toml: format!("{HEADER}{document}"),
        channels: count,
        notes,
    }
}

// === impl Draft ===

impl Draft<'_> {
    fn channel(&mut self, seen: &mut Seen) -> Option<Table> {
        let source = match foreign::live_source(&encoded(&self.entry.url)) {
            Ok(url) => self.source(url),
            Err(why) => {
                self.note(format!("left out: {why}"));
                return None;
            }
        };
        let name = self.name();
        let mut table = Table::new();
        table["id"] = value(unique_id(&name, &mut seen.ids));
        table["name"] = value(name);
        let entry = self.entry;
        if let Some(number) = entry
            .attribute("tvg-chno")
            .or(entry.attribute("channel-number"))
        {
            match number.parse::<u32>().ok().filter(|number| *number > 0) {
                Some(number) if seen.numbers.insert(number) => {
                    table["number"] = value(i64::from(number));
                }
                Some(number) => {
                    self.note(format!("the number {number} is taken, so it is left out"))
                }
                None => self.note("the number is not a whole one, so it is left out".to_owned()),
            }
        }
        if let Some(group) = entry.attribute("group-title").or(entry.group.as_deref()) {
            let (group, is_whole) = foreign::shown_text(group);
            if !is_whole {
                self.note("the group was cut or cleaned".to_owned());
            }
            if !group.is_empty() {
                table["group"] = value(group);
            }
        }
        self.checked(&mut table, "logo", "tvg-logo", foreign::logo);
        self.checked(&mut table, "tvg_id", "tvg-id", foreign::tvg_id);
        table["source"] = source;
        Some(table)
    }

    fn checked(
        &mut self,
        table: &mut Table,
        key: &str,
        attribute: &str,
        check: fn(&str) -> Result<String, String>,
    ) {
        let Some(text) = self.entry.attribute(attribute) else {
            return;
        };
        match check(text) {
            Ok(text) => table[key] = value(text),
            Err(why) => self.note(format!("without its {attribute}: {why}")),
        }
    }

    /// The title, or what else names it.
    fn name(&mut self) -> String {
        let entry = self.entry;
        let others = ["tvg-name", "tvg-id"].map(|key| entry.attribute(key).unwrap_or(""));
        let all = [entry.title.as_str(), others[0], others[1]];
        for text in all {
            let (name, is_whole) = foreign::shown_text(text);
            if name.is_empty() {
                continue;
            }
            if !is_whole {
                self.note("the name was cut or cleaned".to_owned());
            }
            return name;
        }
        self.note("it has no name, so it is called after its line".to_owned());
        format!("Channel of line {}", entry.line)
    }

    /// A text, or a table if there are headers.
    fn source(&mut self, url: String) -> Item {
        let is_http = url.starts_with("http://") || url.starts_with("https://");
        let mut headers = InlineTable::new();
        let mut user_agent = None;
        let mut seen = HashSet::new();
        for (name, text) in &self.entry.headers {
            let is_agent = name.eq_ignore_ascii_case("user-agent");
            let text = text.trim();
            let verdict = match is_agent {
                _ if !is_http => Err("only http and https sources have them".to_owned()),
                true => foreign::user_agent(text),
                false => foreign::header(name, text),
            };
            let is_known = verdict.is_ok() && !seen.insert(name.to_ascii_lowercase());
            match verdict {
                // The first one counts.
                Ok(()) if is_known || headers.len() == MAX_HEADERS => {}
                Ok(()) if is_agent => user_agent = Some(text),
                Ok(()) => {
                    headers.insert(name, Value::from(text));
                }
                Err(why) => self.note(format!("without one of its headers: {why}")),
            }
        }
        if user_agent.is_none() && headers.is_empty() {
            return value(url);
        }
        let mut table = InlineTable::new();
        table.insert("url", url.into());
        if let Some(text) = user_agent {
            table.insert("user_agent", text.into());
        }
        if !headers.is_empty() {
            table.insert("headers", Value::InlineTable(headers));
        }
        value(table)
    }

    fn note(&mut self, what: String) {
        self.notes.push((self.entry.line, what));
    }
}

/// What a URL cannot hold but people write, percent-encoded.
fn encoded(url: &str) -> String {
    let mut encoded = String::with_capacity(url.len());
    for c in url.chars() {
        if c.is_control() || (c.is_ascii_graphic() && !"\"<>\\`".contains(c)) {
            encoded.push(c);
            continue;
        }
        let mut bytes = [0; 4];
        for byte in c.encode_utf8(&mut bytes).bytes() {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// An id made of a name: `News 24 (HD)` becomes `news-24-hd`, and `news-24-hd-2` if that is taken.
fn unique_id(name: &str, taken: &mut HashMap<String, u32>) -> String {
    let mut slug = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if slug.len() == MAX_SLUG {
            break;
        }
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    let slug = if slug.is_empty() { "channel" } else { slug };
    let mut id = slug.to_owned();
    // Goes on where it ended the last time: ten thousand channels may have one name.
    let mut count = taken.get(slug).copied().unwrap_or(0);
    while taken.contains_key(&id) {
        count += 1;
        id = format!("{slug}-{}", count + 1);
    }
    taken.insert(slug.to_owned(), count);
    taken.entry(id.clone()).or_insert(0);
    id
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn imported(text: &str) -> (Config, Imported) {
        let imported = import(&Playlist::read(text));
        let config = Config::parse(&imported.toml, Path::new("channels.toml"));
        (
            config.unwrap_or_else(|error| panic!("{error}\n{}", imported.toml)),
            imported,
        )
    }

    #[test]
    fn a_list_becomes_a_file_that_people_can_read() {
        let (config, imported) = imported(
            "#EXTM3U x-tvg-url=\"https://h/epg.xml.gz\"\n\
            #EXTINF:-1 tvg-id=\"n.1\" tvg-chno=\"7\" tvg-logo=\"http://h/l.png\" group-title=\"News\",News \"24\"\n\
            http://h/1.ts|User-Agent=TV%2F1.0&X-Key=k\n\
            #EXTINF:-1,News \"24\"\nrtsp://h/a b\n",
        );
        insta::assert_snapshot!(imported.toml);
        assert_eq!(imported.notes, []);
        assert_eq!(config.channels[1].id.as_str(), "news-24-2");
        assert!(config.guide.source.is_some());
    }

    #[test]
    fn what_cannot_be_taken_is_said_with_its_line() {
        let (config, imported) = imported(
            "#EXTINF:-1 tvg-chno=\"5.1\" tvg-logo=\"javascript:alert(1)\",A\u{202e}b\nhttp://h/1\n\
            #EXTINF:-1,B\n/etc/passwd\n#EXTINF:-1,C\nplugin://x\n#EXTINF:-1,\nudp://239.0.0.1:1|X-Key=k\n\
            #EXTINF:-1,D\nhttp://h/2|X-Key=a%0d%0ab\n",
        );
        let names: Vec<&str> = config.channels.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["A b", "Channel of line 8", "D"]);
        let lines: Vec<usize> = imported.notes.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 2, 2, 4, 6, 8, 8, 10], "{:?}", imported.notes);
        assert_eq!(imported.channels, 3);
    }

    #[test]
    fn ids_are_unique_whatever_the_names() {
        let mut taken = HashMap::new();
        let long = "x".repeat(300);
        let ids = [
            "",
            "שלום",
            "A  b!",
            "a-b",
            long.as_str(),
            long.as_str(),
            "a-b-2",
            "A b",
        ]
        .map(|name| unique_id(name, &mut taken));
        let x = "x".repeat(48);
        let expected = [
            "channel",
            "channel-2",
            "a-b",
            "a-b-2",
            &x,
            &format!("{x}-2"),
            "a-b-2-2",
            "a-b-3",
        ];
        assert_eq!(ids, expected);
    }
}
