//! Hops, honest and forged.

use http::HeaderValue;
use proptest::prelude::*;

use super::*;
use crate::http::operators::Audience;

const PROXY: &str = "10.0.0.1";

fn proxies() -> Proxies {
    Proxies::new(vec!["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()])
}

fn client() -> Client {
    Client {
        address: PROXY.parse().unwrap(),
        is_secure: false,
        is_proxy: true,
        audience: Audience::Viewers,
    }
}

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn viewer(fields: &[(&'static str, &str)]) -> String {
    proxies().viewer(client(), &headers(fields)).to_string()
}

#[test]
fn the_first_hop_from_the_right_that_is_no_proxy_is_the_viewer() {
    const XFF: &str = "x-forwarded-for";
    for (value, expected) in [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("198.51.100.1, 192.0.2.7", "192.0.2.7"),
        ("198.51.100.1, 192.0.2.7, 10.3.0.1,10.2.0.1", "192.0.2.7"),
        ("10.9.0.1, 10.2.0.1", "10.9.0.1"),
        ("192.0.2.7, unknown", PROXY),
        ("192.0.2.7, unknown, 10.2.0.1", "10.2.0.1"),
        ("", PROXY),
        ("192.0.2.7,", PROXY),
    ] {
        assert_eq!(viewer(&[(XFF, value)]), expected, "{value}");
    }
    let two = [(XFF, "198.51.100.1"), (XFF, "192.0.2.7, 10.2.0.1")];
    assert_eq!(viewer(&two), "192.0.2.7");
    assert_eq!(viewer(&[]), PROXY);
}

#[test]
fn forwarded_counts_where_nothing_else_is_told() {
    for (value, expected) in [
        ("for=192.0.2.7", "192.0.2.7"),
        ("For=\"[2001:db8::7]:4711\";proto=https", "2001:db8::7"),
        (
            "for=198.51.100.1, for=\"192.0.2.7:80\";by=10.0.0.1",
            "192.0.2.7",
        ),
        (
            "for=\"192.0.2.7\";x=\"a,for=1.1.1.1;\\\"\", for=10.2.0.1",
            "192.0.2.7",
        ),
        ("for=192.0.2.7, for=_hidden, for=10.2.0.1", "10.2.0.1"),
        ("proto=https", PROXY),
        ("for=\"1\\92.0.2.7\"", "192.0.2.7"),
    ] {
        assert_eq!(viewer(&[("forwarded", value)]), expected, "{value}");
    }
}

#[test]
fn a_field_that_a_proxy_does_not_know_and_passes_on_is_not_believed() {
    let forged = (
        "forwarded",
        "for=198.51.100.1;host=evil.example;proto=https",
    );
    let fields = [forged, ("x-forwarded-for", "192.0.2.7")];
    assert_eq!(viewer(&fields), "192.0.2.7");
    assert_eq!(
        proxies().asked(client(), &headers(&fields)),
        Asked::default()
    );
}

#[test]
fn a_quote_that_nothing_closes_swallows_nothing() {
    for forged in ["for=\"x", "\"", "for=\"\\", "a=\"b\";c=\"", "for=\"a\\\""] {
        for appended in ["for=192.0.2.7", "for=\"192.0.2.7:4711\";host=\"a.example\""] {
            let value = format!("{forged}, {appended}");
            assert_eq!(viewer(&[("forwarded", &value)]), "192.0.2.7", "{value}");
        }
    }
}

#[test]
fn scheme_and_host_are_those_that_the_viewer_used() {
    let asked = |fields: &[(&'static str, &str)]| proxies().asked(client(), &headers(fields));
    let https = |host: &str| Asked {
        is_secure: true,
        host: Some(host.to_owned()),
    };
    let old = [
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.example, tv.example"),
    ];
    assert_eq!(asked(&old), https("tv.example"));
    let chain = "for=1.1.1.1;host=evil;proto=http, for=192.0.2.7;host=\"tv.example:443\";proto=https, for=10.2.0.1;host=inside;proto=http";
    assert_eq!(asked(&[("forwarded", chain)]), https("tv.example:443"));
    assert_eq!(asked(&[]), Asked::default());
}

#[test]
fn a_client_that_is_no_proxy_is_not_believed() {
    let stranger = Client {
        address: "192.0.2.1".parse().unwrap(),
        is_secure: true,
        is_proxy: false,
        audience: Audience::Viewers,
    };
    let fields = headers(&[("x-forwarded-proto", "http"), ("x-forwarded-host", "evil")]);
    let asked = proxies().asked(stranger, &fields);
    assert_eq!((asked.is_secure, asked.host), (true, None));
    assert!(!proxies().trust(stranger.address) && proxies().trust("::1".parse().unwrap()));
}

proptest! {
    #[test]
    fn what_a_viewer_writes_changes_nothing(forged in "[ -~]{0,60}") {
        // The trusted proxy appends what it has seen to whatever was there.
        let value = format!("{forged}, 192.0.2.7");
        prop_assert_eq!(viewer(&[("x-forwarded-for", &value)]), "192.0.2.7");
        let fields = [("forwarded", forged.as_str()), ("forwarded", "for=192.0.2.7")];
        prop_assert_eq!(viewer(&fields), "192.0.2.7");
        let joined = format!("{forged}, for=\"192.0.2.7:1\"");
        prop_assert_eq!(viewer(&[("forwarded", &joined)]), "192.0.2.7");
        let fields = [("forwarded", forged.as_str()), ("x-forwarded-for", "192.0.2.7")];
        prop_assert_eq!(viewer(&fields), "192.0.2.7");
    }

    #[test]
    fn any_header_is_read_without_panic(value in "[ -~]{0,80}") {
        let fields = headers(&[("forwarded", &value), ("x-forwarded-host", &value)]);
        let _ = (proxies().viewer(client(), &fields), proxies().asked(client(), &fields));
    }
}
