//! Files of people and of strangers: configurations, channel lists, guides, and the addresses in them.

use std::collections::HashSet;
use std::io::{BufReader, Cursor};
use std::path::Path;

use jiff::Timestamp;

use super::{pieces, text};
use crate::config::{Config, ConfigDiff, SourceKind, SourceSpec};
use crate::iptv::import::import;
use crate::iptv::playlist::Playlist;
use crate::iptv::xmltv_reader::{self, Wanted};
use crate::iptv::{Lineup, m3u, xmltv};

/// A text is a configuration, which is no change against itself and can be written in every list, or it is refused in
/// words.
pub(super) fn configuration(input: &[u8]) {
    let Some(text) = text(input) else {
        return;
    };
    match Config::parse(text, Path::new("/etc/headgate/channels.toml")) {
        Ok(config) => {
            assert_eq!(ConfigDiff::between(&config, &config), ConfigDiff::default());
            let _ = format!("{config:?}");
            write_lists(&config);
        }
        Err(error) => assert!(!error.to_string().trim().is_empty()),
    }
}

/// What comes out can be read by those who read such things.
fn write_lists(config: &Config) {
    let lineup = Lineup::new(&config.channels);
    let options = m3u::Options {
        base: "http://gateway:8080",
        ..m3u::Options::default()
    };
    let list = Playlist::read(&m3u::render(&lineup, options));
    assert_eq!(list.entries.len(), config.channels.len());
    assert!(list.skipped.is_empty(), "{:?}", list.skipped);
    let ids = config.channels.iter().map(|spec| spec.tvg_id().to_owned());
    let wanted = wanted(ids.collect());
    let guide = xmltv::render(&lineup, |_| None, wanted.window.start);
    xmltv_reader::read(guide.as_bytes(), &wanted).expect("the own guide should be readable");
}

/// Whatever a list holds, the file that is made of it is a good one, with as many channels as were told.
pub(super) fn playlist_import(input: &[u8]) {
    let Some(text) = text(input) else {
        return;
    };
    let imported = import(&Playlist::read(text));
    match Config::parse(&imported.toml, Path::new("/etc/headgate/channels.toml")) {
        Ok(config) => assert_eq!(config.channels.len(), imported.channels),
        Err(error) => assert_eq!(imported.channels, 0, "{error}\n{}", imported.toml),
    }
}

/// Any split of the bytes gives the same guide.
pub(super) fn guide(input: &[u8]) {
    let Some((length, document)) = pieces(input) else {
        return;
    };
    let wanted = wanted(["one", "two"].map(str::to_owned).into());
    let whole = xmltv_reader::read(document, &wanted);
    let split = BufReader::with_capacity(length, Cursor::new(document));
    let split = xmltv_reader::read(split, &wanted);
    assert_eq!(whole.is_ok(), split.is_ok(), "{whole:?} {split:?}");
    let (Ok(whole), Ok(split)) = (whole, split) else {
        return;
    };
    assert_eq!(whole, split);
    for channel in &wanted.channels {
        for programme in whole.programmes(channel).into_iter().flat_map(|all| &**all) {
            assert!(programme.start < programme.stop);
            assert!(programme.start < wanted.window.end && programme.stop > wanted.window.start);
        }
    }
}

fn wanted(channels: HashSet<String>) -> Wanted {
    let second = |second| Timestamp::from_second(second).expect("it is in range");
    Wanted {
        channels,
        window: second(1_700_000_000)..second(1_800_000_000),
    }
}

/// What people are shown of a source says neither who reads it nor with what password.
pub(super) fn source_url(input: &[u8]) {
    let Some(text) = text(input) else {
        return;
    };
    let Ok(spec) = SourceSpec::parse(text) else {
        return;
    };
    let label = spec.label();
    if let SourceKind::Live { url } = &spec.kind {
        assert!(
            !label.contains(['@', '?', '#', ' ']) && !label.contains(char::is_control),
            "{label:?} of {url:?}"
        );
        assert!(!format!("{spec:?}").contains('@'));
        // ffmpeg takes what begins with a dash for an option, and knows protocols that open files and programs.
        assert!(url.starts_with(|c: char| c.is_ascii_lowercase()));
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        let known = [
            "http", "https", "rtsp", "rtsps", "srt", "rtmp", "rtmps", "udp", "rtp",
        ];
        assert!(known.contains(&scheme), "{scheme}");
    }
}
