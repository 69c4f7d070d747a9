//! Front ends, as far as they matter: how they read lists, and how they play.

use std::collections::HashMap;

use http::Method;

use crate::gateway::Gateway;

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) attributes: HashMap<String, String>,
    pub(crate) name: String,
    pub(crate) url: String,
}

/// The header's attributes and the entries, read as Kodi does: attributes end at their quotes, and the name begins
/// behind the first comma after them.
pub(crate) fn read_list(text: &str) -> (HashMap<String, String>, Vec<Entry>) {
    let mut lines = text.split('\n');
    let header = lines.next().unwrap();
    assert!(header.starts_with("#EXTM3U"), "{header}");
    let (header, _) = attributes(header.trim_start_matches("#EXTM3U"));
    let mut entries = Vec::new();
    let mut open = None;
    for line in lines.filter(|line| !line.is_empty()) {
        if let Some(info) = line.strip_prefix("#EXTINF:-1") {
            assert!(open.is_none(), "no URL before {line}");
            let (attributes, rest) = attributes(info);
            let name = rest.strip_prefix(',').unwrap_or_else(|| panic!("{line}"));
            open = Some((attributes, name.to_owned()));
        } else if !line.starts_with("#KODIPROP:") {
            let (attributes, name) = open.take().unwrap_or_else(|| panic!("a stray {line:?}"));
            let url = line.to_owned();
            entries.push(Entry {
                attributes,
                name,
                url,
            });
        }
    }
    assert!(open.is_none());
    (header, entries)
}

fn attributes(text: &str) -> (HashMap<String, String>, &str) {
    let mut found = HashMap::new();
    let mut rest = text;
    while let Some(after) = rest.strip_prefix(' ') {
        let (key, value) = after.split_once("=\"").unwrap();
        assert!(
            key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
            "{key}"
        );
        let (value, after) = value.split_once('"').unwrap();
        assert_eq!(
            found.insert(key.to_owned(), value.to_owned()),
            None,
            "{key} is there twice"
        );
        rest = after;
    }
    (found, rest)
}

/// The name that Jellyfin takes: behind the last comma, without a number before a space.
pub(crate) fn name_in_jellyfin(line: &str) -> &str {
    let name = line.rsplit(',').next().unwrap().trim();
    match name.split_once(' ') {
        Some((number, rest)) if number.trim_end_matches('.').parse::<f64>().is_ok() => rest,
        _ => name,
    }
}

/// Plays HLS as far as a segment: its bytes.
pub(crate) async fn play(gateway: &Gateway, url: &str) -> Vec<u8> {
    let head = gateway.ask(Method::HEAD, url, &[]).await;
    assert_eq!(head.status(), 200, "media servers ask with HEAD first");
    assert_eq!(
        head.headers()["content-type"],
        "application/vnd.apple.mpegurl"
    );
    let folder = |url: &str| url.rsplit_once('/').unwrap().0.to_owned();
    let uri = |text: &str| {
        let line = text
            .lines()
            .find(|line| !line.is_empty() && !line.starts_with('#'));
        line.map(str::to_owned)
    };
    let variants = gateway.text(url).await;
    let playlist = format!("{}/{}", folder(url), uri(&variants).unwrap());
    let mut segment = None;
    for _ in 0..20 {
        segment = uri(&gateway.text(&playlist).await);
        if segment.is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let segment = format!("{}/{}", folder(&playlist), segment.unwrap());
    let answer = gateway.get(&segment).await;
    assert_eq!(answer.status(), 200, "{segment}");
    answer.body().to_vec()
}

/// Where an answer sends the player.
pub(crate) async fn redirect(gateway: &Gateway, url: &str) -> String {
    let answer = gateway.get(url).await;
    assert_eq!(answer.status(), 302, "{url}: {:?}", answer.body());
    answer.headers()["location"].to_str().unwrap().to_owned()
}
