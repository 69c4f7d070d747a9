//! How URLs are called between ffmpeg and the gateway. Pure.
//!
//! ffmpeg speaks plain HTTP to the gateway only, so an `https` URL is shown to it as `http` with a label before the
//! host: `https://cdn.example/x` is `http://_https.cdn.example/x`. Everything else of a URL stays as it is, so relative
//! references, cookies and `..` mean the same as without the gateway. No host of the internet begins with `_`.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::net::Ipv6Addr;

use http::Uri;

/// Stands before the host of an https URL.
const SECURE: &str = "_https.";
/// Stands for an IPv6 address of an https URL: 32 hexadecimal digits follow.
const SECURE_V6: &str = "_https6-";

/// What ffmpeg is told to open: the gateway knows whose it is by the credential, and sends ffmpeg on.
pub const ENTRY_HOST: &str = "source.invalid";

/// Where a playlist leads that names something else than http; nothing is there.
pub const REFUSED_HOST: &str = "refused.invalid";

/// Endings by which ffmpeg tells what it reads. Others may be secrets.
const ENDINGS: [&str; 18] = [
    "m3u8", "m3u", "mpd", "ts", "m2ts", "mts", "mp4", "m4v", "mov", "mkv", "webm", "flv", "aac",
    "mp3", "ogg", "avi", "mpg", "mjpg",
];

/// A server, and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Over TLS.
    pub secure: bool,
    /// A name or an address, without brackets, in lower case.
    pub host: String,
    /// Its port.
    pub port: u16,
}

// === impl Origin ===

impl Origin {
    /// Of a URL as the internet knows it; `None` if it is not http(s).
    pub fn of(url: &Uri) -> Option<Self> {
        let secure = match url.scheme_str()? {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let host = url.host()?.trim_matches(['[', ']']).to_ascii_lowercase();
        let port = url.port_u16().unwrap_or(if secure { 443 } else { 80 });
        Some(Self { secure, host, port })
    }

    /// Whether what is meant for this one may be said to another: to itself, and to itself over TLS.
    pub fn trusts(&self, other: &Self) -> bool {
        let upgraded = other.secure && !self.secure && (self.port, other.port) == (80, 443);
        self == other || (self.host == other.host && upgraded)
    }
}

/// The URL that ffmpeg opens for a source: nothing of the source but its ending.
pub fn entry(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let ending = path
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.filter(|ending| ENDINGS.contains(&ending.as_str())) {
        Some(ending) => format!("http://{ENTRY_HOST}/source.{ending}"),
        None => format!("http://{ENTRY_HOST}/source"),
    }
}

/// An https URL as ffmpeg gets to see it; `None` if it is none and stays as it is.
pub fn veil(url: &str) -> Option<String> {
    let scheme = url.get(..8)?;
    if !scheme.eq_ignore_ascii_case("https://") {
        return None;
    }
    let rest = &url[8..];
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let at = authority.rfind('@').map_or(0, |at| at + 1);
    let (credentials, host) = authority.split_at(at);
    Some(match bracketed(host) {
        Some((address, port)) => {
            format!(
                "http://{credentials}{SECURE_V6}{:032x}{port}{path}",
                address.to_bits()
            )
        }
        None => format!("http://{credentials}{SECURE}{host}{path}"),
    })
}

/// The URL as the internet knows it, from what ffmpeg asks for; `None` if it is not one of plain http.
pub fn unveil(asked: &Uri) -> Option<Uri> {
    if asked.scheme_str()? != "http" {
        return None;
    }
    let host = asked.host()?;
    let path = asked.path_and_query().map_or("/", |path| path.as_str());
    // ffmpeg always writes the port, and believes that it is that of http.
    let port = asked.port_u16().unwrap_or(80);
    let secure_port = if port == 80 { 443 } else { port };
    let url = if let Some(digits) = host.strip_prefix(SECURE_V6) {
        let bits = (digits.len() == 32).then(|| u128::from_str_radix(digits, 16).ok());
        let address = Ipv6Addr::from_bits(bits??);
        format!("https://[{address}]:{secure_port}{path}")
    } else if let Some(host) = host.strip_prefix(SECURE) {
        format!("https://{host}:{secure_port}{path}")
    } else {
        format!("http://{host}:{port}{path}")
    };
    let url: Uri = url.parse().ok()?;
    url.host()
        .is_some_and(|host| !host.is_empty())
        .then_some(url)
}

/// `[address]` and the port behind it, with its colon.
fn bracketed(host: &str) -> Option<(Ipv6Addr, &str)> {
    let (address, port) = host.strip_prefix('[')?.split_once(']')?;
    Some((address.parse().ok()?, port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn back(veiled: &str) -> String {
        unveil(&veiled.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn https_wears_a_label() {
        for (url, veiled, meant) in [
            (
                "https://h/x?y=1",
                "http://_https.h/x?y=1",
                "https://h:443/x?y=1",
            ),
            (
                "https://h:8443/x",
                "http://_https.h:8443/x",
                "https://h:8443/x",
            ),
            (
                "HTTPS://10.0.0.1/",
                "http://_https.10.0.0.1/",
                "https://10.0.0.1:443/",
            ),
            (
                "https://[2001:db8::1]:1/x",
                "http://_https6-20010db8000000000000000000000001:1/x",
                "https://[2001:db8::1]:1/x",
            ),
        ] {
            assert_eq!(veil(url).unwrap(), veiled);
            assert_eq!(back(veiled), meant);
        }
        assert_eq!(veil("https://u:p@h/").unwrap(), "http://u:p@_https.h/");
        for plain in ["http://h/", "seg.ts", "//h/x", "https:", "file:///x", ""] {
            assert_eq!(veil(plain), None, "{plain}");
        }
    }

    #[test]
    fn what_is_not_http_is_not_asked_for() {
        assert_eq!(back("http://h:80/x"), "http://h:80/x");
        assert_eq!(back("http://[::1]:8/x"), "http://[::1]:8/x");
        for wrong in ["https://h/", "ftp://h/", "/x", "http://_https6-12/", "h:80"] {
            assert_eq!(unveil(&wrong.parse().unwrap()), None, "{wrong}");
        }
    }

    #[test]
    fn an_entry_tells_nothing_but_the_kind() {
        for (url, shown) in [
            (
                "https://u:p@h/a/b/live.M3U8?token=1",
                "http://source.invalid/source.m3u8",
            ),
            (
                "http://h/live/user/password/12.ts",
                "http://source.invalid/source.ts",
            ),
            ("http://h/secret.hunter2", "http://source.invalid/source"),
            ("http://h/", "http://source.invalid/source"),
            ("http://h/x?f=y.mpd", "http://source.invalid/source"),
        ] {
            assert_eq!(entry(url), shown);
        }
    }

    #[test]
    fn secrets_go_home_only() {
        let origin = |url: &str| Origin::of(&url.parse().unwrap()).unwrap();
        let home = origin("http://tv.example/x");
        for (url, trusted) in [
            ("http://TV.example:80/y", true),
            ("https://tv.example/y", true),
            ("http://tv.example:8080/y", false),
            ("https://tv.example:8443/y", false),
            ("http://tv.example.evil/", false),
            ("http://cdn.tv.example/", false),
        ] {
            assert_eq!(home.trusts(&origin(url)), trusted, "{url}");
        }
        assert!(!origin("https://h/").trusts(&origin("http://h/")));
    }

    proptest! {
        #[test]
        fn any_https_url_comes_back(host in "[a-z][a-z0-9.-]{0,20}", port in proptest::option::of(1_u16..), path in "/[a-z0-9/.?=&%-]{0,30}") {
            let port = port.filter(|port| *port != 80);
            let shown = port.map(|port| format!(":{port}")).unwrap_or_default();
            let url = format!("https://{host}{shown}{path}");
            let expected = format!("https://{host}:{}{path}", port.unwrap_or(443));
            prop_assert_eq!(back(&veil(&url).unwrap()), expected);
        }

        #[test]
        fn any_text_is_harmless(text in "\\PC{0,60}|https://[@:/\\[\\]a-f0-9]{0,30}") {
            let _ = (veil(&text), entry(&text));
            if let Ok(uri) = text.parse::<Uri>() {
                let _ = unveil(&uri);
            }
        }
    }
}
