//! What must hold for the header fields that anybody may write; see `crate::fuzzing`.

use std::net::IpAddr;

use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use super::base_url::is_host;
use super::operators::Audience;
use super::precondition::{
    Coding, RangeRequest, accepts_gzip, names_tag, parse_range, range_applies,
};
use super::proxies::{Client, Proxies};
use crate::fuzzing::text;

/// The trusted proxy, and the viewer that it sees.
const PROXY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
const SEEN: &str = "203.0.113.9";

/// Fields as a viewer writes them, one a line. A trusted proxy appends what it sees, in the same field or in another
/// one: who the viewer is does not depend on what the viewer wrote.
pub(crate) fn forwarded(input: &[u8]) {
    let networks = vec!["10.0.0.0/8".parse().expect("it is a network")];
    let proxies = Proxies::new(networks);
    let client = Client {
        address: PROXY,
        is_secure: false,
        is_proxy: true,
        audience: Audience::Viewers,
    };
    let seen: IpAddr = SEEN.parse().expect("it is an address");
    for (name, appended) in [
        ("x-forwarded-for", SEEN.to_owned()),
        ("forwarded", format!("for={SEEN};proto=https")),
        (
            "forwarded",
            format!("for=\"{SEEN}:4711\";host=\"tv.example\""),
        ),
    ] {
        let name = HeaderName::from_static(name);
        let lines = input.split(|byte| *byte == b'\n');
        let written: Vec<HeaderValue> = lines
            .filter_map(|line| HeaderValue::from_bytes(line).ok())
            .collect();
        let mut headers = HeaderMap::new();
        for value in &written {
            headers.append(name.clone(), value.clone());
        }
        let _ = proxies.viewer(client, &headers);
        let _ = proxies.asked(client, &headers);
        let stranger = Client {
            is_proxy: false,
            ..client
        };
        assert_eq!(proxies.asked(stranger, &headers).host, None);
        // As most proxies do it.
        let Some((last, before)) = written.split_last() else {
            continue;
        };
        let joined = [last.as_bytes(), b", ", appended.as_bytes()].concat();
        let mut headers = HeaderMap::new();
        for value in before {
            headers.append(name.clone(), value.clone());
        }
        // A field that is no text is not joined but refused by those proxies.
        if last.to_str().is_ok() {
            let joined = HeaderValue::from_bytes(&joined).expect("both were values");
            headers.append(name.clone(), joined);
            assert_eq!(proxies.viewer(client, &headers), seen, "{headers:?}");
        }
        // What proxies do not know they pass on.
        let mut headers = HeaderMap::new();
        for value in &written {
            headers.append("forwarded", value.clone());
        }
        headers.append("x-forwarded-for", HeaderValue::from_static(SEEN));
        assert_eq!(proxies.viewer(client, &headers), seen, "{headers:?}");
        // As others do it.
        let mut headers = HeaderMap::new();
        for value in &written {
            headers.append(name.clone(), value.clone());
        }
        headers.append(
            name,
            HeaderValue::from_str(&appended).expect("it is a value"),
        );
        assert_eq!(proxies.viewer(client, &headers), seen, "{headers:?}");
    }
}

/// Lines: a Range, an If-None-Match, an If-Range and an Accept-Encoding. What is sent is inside of what there is.
pub(crate) fn preconditions(input: &[u8]) {
    let mut lines = input.splitn(4, |byte| *byte == b'\n');
    let mut next = || lines.next().unwrap_or_default();
    let (range, names, condition, codings) = (next(), next(), next(), next());
    for length in [0, 1, 1000, usize::MAX] {
        if let RangeRequest::Part(part) = parse_range(Some(range), length) {
            assert!(part.start < part.end && part.end <= length, "{part:?}");
        }
    }
    let tag = b"\"17\"";
    if names_tag(names, tag) {
        let says = |what: &[u8]| names.windows(what.len()).any(|window| window == what);
        assert!(says(tag) || says(b"*"));
    }
    assert_eq!(range_applies(Some(condition), tag), condition == tag);
    assert!(!range_applies(Some(condition), b"W/\"17\""));
    if Coding::preferred(codings) == Coding::Gzip {
        assert!(accepts_gzip(codings));
    }
}

/// A host that is believed means the same in a URL, and nothing in a playlist or in XML.
pub(crate) fn host(input: &[u8]) {
    let Some(text) = text(input).filter(is_host) else {
        return;
    };
    assert!(!text.contains(['"', '<', '>', '&', '\'', ',', '/', '@']));
    let uri: Uri = format!("http://{text}/live/a/index.m3u8")
        .parse()
        .expect("a host should make a URL");
    assert_eq!(uri.authority().map(Authority::as_str), Some(text));
    assert_eq!(uri.path(), "/live/a/index.m3u8");
}
