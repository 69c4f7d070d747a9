//! Guides as they are, as they should be, and as somebody wants them to hurt.

use proptest::prelude::*;

use super::*;

fn wanted() -> Wanted {
    let at = |text: &str| text.parse().unwrap();
    Wanted {
        channels: ["a", "b & c"].map(String::from).into(),
        window: at("2026-11-20T00:00:00Z")..at("2026-12-01T00:00:00Z"),
    }
}

fn guide(text: &str) -> Result<Guide, ReadError> {
    read(io::BufReader::new(text.as_bytes()), &wanted())
}

fn error(text: &str) -> String {
    guide(text).unwrap_err().to_string()
}

#[test]
fn what_is_wanted_is_kept() {
    let text = r#"<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE tv SYSTEM "xmltv.dtd">
        <tv><channel id="a"><display-name>A</display-name></channel>
        <programme start="20261121100000 +0100" stop="20261121110000 +0100" channel="a">
          <title lang="de">Tag &amp; <![CDATA[<Nacht>]]> &#228;</title><title lang="en">Day</title>
          <sub-title>One</sub-title><desc>  long
          text </desc><category>News</category><category>Live</category>
          <icon src="http://h/i.png?a=1&amp;b=2"/><episode-num system="xmltv_ns">0.1.</episode-num><new/>
        </programme>
        <programme start="202611211100" channel="b &amp; c"><title>No end</title></programme>
        <programme start="20261121130000 +0000" channel="b &amp; c"><title>Last</title></programme>
        <programme start="20261121100000" stop="20261121110000" channel="z"><title>Other</title></programme>
        <programme start="20261119100000" stop="20261119110000" channel="a"><title>Old</title></programme>
        <programme start="20261221100000" stop="20261221110000" channel="a"><title>Far</title></programme>
        </tv>"#;
    let guide = guide(text).unwrap();
    assert_eq!(guide.count(), 3);
    let a = &guide.programmes("a").unwrap()[0];
    assert_eq!(&*a.title, "Tag & <Nacht> ä");
    assert_eq!(a.language.as_deref(), Some("de"));
    assert_eq!(a.start.to_string(), "2026-11-21T09:00:00Z");
    assert_eq!(a.description.as_deref(), Some("long text"));
    assert_eq!(a.icon.as_deref(), Some("http://h/i.png?a=1&b=2"));
    assert_eq!(
        (a.categories.len(), a.episodes.len(), a.is_new),
        (2, 1, true)
    );
    let b = guide.programmes("b & c").unwrap();
    assert_eq!(b[0].stop, b[1].start, "until the next one");
    assert_eq!(b[1].stop.to_string(), "2026-11-21T14:00:00Z");
}

#[test]
fn a_broken_guide_is_no_guide() {
    let programme =
        r#"<programme start="20261121100000" stop="20261121110000" channel="a"><title>T</title>"#;
    assert!(error("").contains("not XMLTV"));
    assert!(error("<html></html>").contains("not XMLTV"));
    assert!(error("404 not found").contains("not XMLTV"));
    assert!(error(&format!("<tv>{programme}")).contains("ends in the middle"));
    assert!(error(&format!("<tv>{programme}</tv>")).contains("cannot be read at byte"));
    assert!(error("<tv><a b=").contains("cannot be read"));
    assert!(error(&format!("<tv>{}", "<a>".repeat(100))).contains("too deep"));
    let long = format!("<tv><a b=\"{}\"/></tv>", "x".repeat(9 << 20));
    assert!(error(&long).contains("too long"), "{}", error(&long));
    assert!(read(&b"<tv><a>\xff</a></tv>"[..], &wanted()).is_err());
}

#[test]
fn entities_are_not_expanded() {
    let text = r#"<!DOCTYPE tv [<!ENTITY l "lol"><!ENTITY m "&l;&l;&l;"><!ENTITY x SYSTEM "file:///etc/passwd">]>
        <tv><programme start="20261121100000" stop="20261121110000" channel="a"><title>&m; &x; A&B</title>
        </programme></tv>"#;
    let guide = guide(text).unwrap();
    assert_eq!(&*guide.programmes("a").unwrap()[0].title, "&m; &x; A&B");
}

#[test]
fn what_is_kept_has_bounds() {
    let programmes: String = (0..3_000)
        .map(|n| format!(r#"<programme start="20261121{:02}{:02}{:02}" stop="20261122000000" channel="a"><title>{}</title></programme>"#, n / 3600, n / 60 % 60, n % 60, "t".repeat(1000)))
        .collect();
    let guide = guide(&format!("<tv>{programmes}</tv>")).unwrap();
    let all = guide.programmes("a").unwrap();
    assert_eq!(all.len(), MAX_OF_CHANNEL);
    assert_eq!(all[0].title.len(), MAX_TITLE);
}

#[test]
fn times_are_read_in_each_of_their_spellings() {
    for (text, expected) in [
        ("20261121060000 +0000", "2026-11-21T06:00:00Z"),
        ("20261121060000 -0530", "2026-11-21T11:30:00Z"),
        ("20261121060000 +01:00", "2026-11-21T05:00:00Z"),
        ("20261121060000+0100", "2026-11-21T05:00:00Z"),
        ("202611210600 UTC", "2026-11-21T06:00:00Z"),
        ("20261121", "2026-11-21T00:00:00Z"),
    ] {
        assert_eq!(time(text).unwrap().to_string(), expected, "{text}");
    }
    for wrong in [
        "",
        "2026",
        "20261321000000",
        "20261121060000 CEST",
        "20261121060000 +1",
        "x",
        "99999999999999 +9999",
    ] {
        assert_eq!(time(wrong), None, "{wrong}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_taken_or_refused(text in "(<tv>|</tv>|<programme start=\"2026112110\" channel=\"a\">|</programme>|<title>|</title>|&|;|<!\\[CDATA\\[|\\]\\]>|[<>/a= \"\u{0}]){0,30}") {
        let _ = guide(&text);
        let _ = time(&text);
    }
}
