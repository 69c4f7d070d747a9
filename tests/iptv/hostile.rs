//! Five thousand channels by somebody who means harm: imported, served, and read by others, they are text.

use std::collections::{BTreeMap, HashSet};
use std::process::Command;

use roxmltree::{Document, ParsingOptions};
use serde_json::Value;

use crate::client::read_list;
use crate::gateway::Gateway;

const ENTRIES: usize = 5_000;

/// A small generator with a seed (xorshift): the same list in each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most as u64) as usize
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

/// Pieces of names that break something somewhere.
const PIECES: [&str; 26] = [
    "\"",
    "'",
    "<script>alert(1)</script>",
    "\" onerror=\"alert(1)",
    "&amp;",
    "&",
    "]]>",
    "<![CDATA[",
    "|User-Agent=evil",
    "#EXTINF:-1,x",
    "\\",
    "\\n",
    "{{7*7}}",
    "${jndi:x}",
    "%s%n",
    "%00",
    "'''",
    "\"\"\"",
    "שלום עולם",
    "مرحبا",
    "日本語",
    "😀",
    "\u{200f}",
    ", and",
    "tvg-id=\"evil\"",
    " = [[channel]]",
];

/// A name of the list, on one line.
fn name(chance: &mut Chance, index: usize) -> String {
    let mut name = format!("Channel {index} ");
    for _ in 0..chance.below(5) {
        name.push_str(chance.one(&PIECES));
        name.push(' ');
    }
    match chance.below(50) {
        0 => name.push_str(&"long ".repeat(2_048)),
        1 => name.push_str("\u{202e}reversed\u{2066}"),
        2 => name.push_str("bell\u{7} and\ttab and\u{85}next"),
        _ => {}
    }
    name.trim().to_owned()
}

/// The list, and the titles in it.
fn list() -> (String, Vec<String>) {
    let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
    let mut text = String::from("\u{feff}#EXTM3U url-tvg=\"javascript:alert(1)\"\r\n");
    let mut names = Vec::new();
    for index in 0..ENTRIES {
        let name = name(&mut chance, index);
        let group = chance.one(&["News", "A \"b\" <i>", "x;y", "", "\u{202e}"]);
        let logo = chance.one(&[
            "http://h/l.png?a=1&b=2",
            "javascript:alert(1)",
            "data:,x",
            "http://h/\"x",
        ]);
        let number = chance.below(ENTRIES);
        let id = chance.one(&["a.b", "ü & <x>", "q\"q", ""]);
        text.push_str(&format!(
            "#EXTINF:-1 tvg-id=\"{id}\" tvg-chno=\"{number}\" tvg-logo=\"{logo}\" group-title=\"{group}\",{name}\r\n"
        ));
        match chance.below(8) {
            0 => text.push_str("#EXTVLCOPT:http-user-agent=TV \"1\"\r\n"),
            1 => text.push_str(
                "#KODIPROP:inputstream.adaptive.stream_headers=X-A=%22%0d%0aX-B: c&Y=z\r\n",
            ),
            2 => text.push_str("#EXTGRP:'''\n"),
            3 => text.push_str("garbage\u{0}\n"),
            _ => {}
        }
        let options = chance.one(&[
            "",
            "|User-Agent=A%20B&Referer=http://r/",
            "|User-Agent=",
            "|X=\"\"\"",
            "|||",
        ]);
        text.push_str(&format!("http://h/{index}?q='\"{options}\r\n"));
        names.push(name);
    }
    (text, names)
}

/// What of a name can stand in the file: on one line, nothing that nobody sees, two hundred characters.
fn shown(name: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let clean: String = name
        .chars()
        .map(|c| if hidden(c) { ' ' } else { c })
        .collect();
    let clean = clean.trim();
    match clean.chars().count() {
        0..=200 => clean.to_owned(),
        _ => format!(
            "{}…",
            clean.chars().take(199).collect::<String>().trim_end()
        ),
    }
}

/// The channels of a file, by their ids, as somebody else's reader of TOML finds them.
fn names_in_file(text: &str) -> BTreeMap<String, String> {
    let file: toml_edit::DocumentMut = text.parse().unwrap();
    let channels = file["channel"].as_array_of_tables().unwrap();
    let text = |table: &toml_edit::Table, key: &str| table[key].as_str().unwrap().to_owned();
    let pair = |table| (text(table, "id"), text(table, "name"));
    channels.iter().map(pair).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_hostile_names_are_the_same_text_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (
        folder.path().join("evil.m3u"),
        folder.path().join("channels.toml"),
    );
    let (text, titles) = list();
    std::fs::write(&input, text).unwrap();
    let headgate = |arguments: &[&std::ffi::OsStr]| {
        let done = Command::new(env!("CARGO_BIN_EXE_headgate"))
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{said}");
        said
    };
    let said = headgate(&[
        "import".as_ref(),
        input.as_ref(),
        "-o".as_ref(),
        output.as_ref(),
    ]);
    assert!(
        said.contains("without its tvg-logo"),
        "what is not taken is said"
    );
    headgate(&["check".as_ref(), "-c".as_ref(), output.as_ref()]);
    let file = std::fs::read_to_string(&output).unwrap();
    let names = names_in_file(&file);

    // Every entry with a URL that can be asked is there under its name.
    let imported: HashSet<&str> = names.values().map(String::as_str).collect();
    let missing: Vec<&String> = titles
        .iter()
        .filter(|title| !imported.contains(shown(title).as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "{} are missing: {:?}",
        missing.len(),
        &missing[..missing.len().min(3)]
    );
    assert_eq!(names.len(), ENTRIES);

    let users = "[[user]]\nname = \"ann\"\npassword = \"password1\"\n";
    let gateway = Gateway::start(&format!("{file}\n{users}")).await;
    assert_eq!(names_in_list(&gateway, "/channels.m3u").await, names, "M3U");
    assert_eq!(names_in_guide(&gateway, &names).await, (), "XMLTV");
    assert_eq!(names_in_api(&gateway).await, names, "JSON");
    let api = "/player_api.php?username=ann&password=password1&action=get_live_streams";
    let streams = gateway.json(api).await;
    let theirs: HashSet<&str> = texts(&streams, "name").collect();
    assert_eq!(theirs, imported, "Xtream");
    let lineup = gateway.json("/lineup.json").await;
    assert_eq!(
        texts(&lineup, "GuideName").collect::<HashSet<_>>(),
        imported,
        "HDHomeRun"
    );
    gateway.stop().await;
}

fn texts<'a>(list: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    let items = list.as_array().unwrap();
    assert_eq!(items.len(), ENTRIES);
    items.iter().map(move |item| item[key].as_str().unwrap())
}

async fn names_in_list(gateway: &Gateway, path: &str) -> BTreeMap<String, String> {
    let text = gateway.text(path).await;
    let (_, entries) = read_list(&text);
    let mut names = BTreeMap::new();
    for entry in entries {
        // A name with a quote cannot be an attribute; where it is one, it is the same.
        if let Some(name) = entry.attributes.get("tvg-name") {
            assert_eq!(*name, entry.name);
        }
        let id = entry.attributes["channel-id"].clone();
        assert_eq!(
            entry.url,
            format!("http://{}/live/{id}/index.m3u8", gateway.address)
        );
        names.insert(id, entry.name);
    }
    names
}

/// Channels may share what guides call them; each of those is there, by one of their names, and nothing else is.
async fn names_in_guide(gateway: &Gateway, names: &BTreeMap<String, String>) {
    let text = gateway.text("/guide.xml").await;
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    let xml = Document::parse_with_options(&text, options).unwrap();
    let known: HashSet<&str> = names.values().map(String::as_str).collect();
    let elements = [
        "tv",
        "channel",
        "display-name",
        "icon",
        "programme",
        "title",
        "desc",
    ];
    let mut channels = HashSet::new();
    for node in xml.descendants().filter(roxmltree::Node::is_element) {
        assert!(elements.contains(&node.tag_name().name()), "{node:?}");
        if node.has_tag_name("channel") {
            let name = node.first_element_child().unwrap().text().unwrap();
            assert!(known.contains(name), "{name}");
            assert!(channels.insert(node.attribute("id").unwrap()));
        }
        if node.has_tag_name("title") {
            assert!(known.contains(node.text().unwrap()), "{node:?}");
        }
    }
    // Those without a name of their own in guides are called by their ids.
    let own = names
        .keys()
        .filter(|id| channels.contains(id.as_str()))
        .count();
    assert!(own > ENTRIES / 4, "{own}");
    assert!(channels.contains("ü & <x>") && channels.contains("a.b"));
}

async fn names_in_api(gateway: &Gateway) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let mut path = "/api/v1/channels?limit=1000".to_owned();
    loop {
        let page = gateway.json(&path).await;
        for item in page["items"].as_array().unwrap() {
            let text = |key: &str| item[key].as_str().unwrap().to_owned();
            names.insert(text("id"), text("name"));
        }
        match page["next"].as_str() {
            Some(cursor) => path = format!("/api/v1/channels?limit=1000&cursor={cursor}"),
            None => return names,
        }
    }
}
