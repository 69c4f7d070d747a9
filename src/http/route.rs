//! Which URL a request is for: a pure decoding, one variant per URL of the public surface.
//!
//! Handlers match on [`Route`], so the compiler lists all URLs. Nothing here allocates, and nothing is decoded
//! twice: identifiers never need percent-encoding, so a path that has any is refused, and with it every disguise
//! of `..` and `/`.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use http::Method;

use crate::hls::MediaName;

/// The longest request target (path and query) that is looked at, in bytes.
pub const MAX_TARGET_LENGTH: usize = 4096;

/// The longest identifier, in bytes; the same bound as [`crate::base::ChannelId`].
const MAX_ID_LENGTH: usize = 64;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<'a> {
    /// `/live/{channel}/index.m3u8`
    Multivariant {
        /// In the alphabet of identifiers.
        channel: &'a str,
    },
    /// `/live/{channel}/{rendition}/index.m3u8`
    MediaPlaylist {
        /// In the alphabet of identifiers.
        channel: &'a str,
        /// In the alphabet of identifiers.
        rendition: &'a str,
    },
    /// `/live/{channel}/{rendition}/e{epoch}/…`
    Media {
        /// In the alphabet of identifiers.
        channel: &'a str,
        /// In the alphabet of identifiers.
        rendition: &'a str,
        /// The incarnation of the timeline that made the resource.
        epoch: u64,
        /// Which resource.
        name: MediaName,
    },
    /// `OPTIONS` on one of the three above: a browser asks whether it may.
    Preflight,
    /// `/debug/…`
    Debug,
    /// `/api/…`
    Api,
    /// `/healthz`
    Health,
    /// `/readyz`
    Ready,
    /// `/metrics`
    Metrics,
    /// `/` and the files of the web app.
    Web,
    /// None of them.
    Refused(Refusal),
}

/// Why a request is for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No URL of the gateway looks like this.
    NotFound,
    /// The path holds what no URL of the gateway holds: percent-encoding, `..`, empty segments, control characters.
    BadPath,
    /// Longer than [`MAX_TARGET_LENGTH`].
    TooLong,
    /// Media are read with GET and HEAD.
    MethodNotAllowed,
}

// === impl Route ===

impl<'a> Route<'a> {
    /// Decodes the method and the target (path and query, as in the request line) of a request.
    pub fn decode(method: &Method, target: &'a str) -> Self {
        if target.len() > MAX_TARGET_LENGTH {
            return Self::Refused(Refusal::TooLong);
        }
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        match path.strip_prefix("/live/") {
            Some(rest) => decode_live(method, path, rest),
            None => decode_other(path),
        }
    }
}

fn decode_live<'a>(method: &Method, path: &str, rest: &'a str) -> Route<'a> {
    let Some(route) = media_route(rest) else {
        return Route::Refused(refusal(path));
    };
    match *method {
        Method::GET | Method::HEAD => route,
        Method::OPTIONS => Route::Preflight,
        _ => Route::Refused(Refusal::MethodNotAllowed),
    }
}

fn media_route(rest: &str) -> Option<Route<'_>> {
    let (channel, rest) = identifier(rest)?;
    if rest == "index.m3u8" {
        return Some(Route::Multivariant { channel });
    }
    let (rendition, rest) = identifier(rest)?;
    if rest == "index.m3u8" {
        return Some(Route::MediaPlaylist { channel, rendition });
    }
    let (epoch, file) = rest.strip_prefix('e')?.split_once('/')?;
    Some(Route::Media {
        channel,
        rendition,
        epoch: decimal(epoch)?,
        name: media_name(file)?,
    })
}

/// `init.{version}.mp4`, `{msn}.m4s` or `{msn}.{part}.m4s`.
fn media_name(file: &str) -> Option<MediaName> {
    if let Some(version) = file.strip_prefix("init.") {
        return small(version.strip_suffix(".mp4")?).map(MediaName::Init);
    }
    let stem = file.strip_suffix(".m4s")?;
    match stem.split_once('.') {
        Some((msn, part)) => Some(MediaName::Part(decimal(msn)?, small(part)?)),
        None => decimal(stem).map(MediaName::Segment),
    }
}

/// Splits an identifier and its slash off the front.
fn identifier(text: &str) -> Option<(&str, &str)> {
    let end = text
        .bytes()
        .take(MAX_ID_LENGTH + 1)
        .position(|b| !(b.is_ascii_alphanumeric() || b == b'-' || b == b'_'))?;
    let (id, rest) = text.split_at(end);
    let rest = rest.strip_prefix('/')?;
    (!id.is_empty()).then_some((id, rest))
}

/// A decimal number in its only spelling: no sign, no leading zero. One URL, one resource, one cache entry.
fn decimal(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let canonical = match bytes {
        [] => false,
        [b'0', _, ..] => false,
        _ => bytes.iter().all(u8::is_ascii_digit),
    };
    if canonical { text.parse().ok() } else { None }
}

fn small(text: &str) -> Option<u32> {
    decimal(text).and_then(|number| u32::try_from(number).ok())
}

fn decode_other(path: &str) -> Route<'static> {
    if refusal(path) == Refusal::BadPath {
        return Route::Refused(Refusal::BadPath);
    }
    match path {
        "/healthz" => Route::Health,
        "/readyz" => Route::Ready,
        "/metrics" => Route::Metrics,
        "/live" => Route::Refused(Refusal::NotFound),
        _ if is_below(path, "/api") => Route::Api,
        _ if is_below(path, "/debug") => Route::Debug,
        _ => Route::Web,
    }
}

fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a path that matched nothing is merely unknown, or a trick.
fn refusal(path: &str) -> Refusal {
    let is_plain = |b: u8| (0x21..0x7f).contains(&b) && b != b'%' && b != b'\\';
    let is_trick = |segment: &str| segment.is_empty() || segment == "." || segment == "..";
    let Some(rest) = path.strip_prefix('/') else {
        return Refusal::BadPath;
    };
    let mut segments = rest.split('/');
    let last = segments.next_back().unwrap_or_default();
    if !path.bytes().all(is_plain) || segments.any(is_trick) || (!last.is_empty() && is_trick(last))
    {
        return Refusal::BadPath;
    }
    Refusal::NotFound
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn get(target: &str) -> Route<'_> {
        Route::decode(&Method::GET, target)
    }

    #[test]
    fn every_url_of_the_public_surface_has_its_route() {
        let channel = "news-24";
        let rendition = "720p";
        let media = |name| Route::Media {
            channel,
            rendition,
            epoch: 1_795_237_732,
            name,
        };
        let table = [
            ("/live/news-24/index.m3u8", Route::Multivariant { channel }),
            (
                "/live/news-24/720p/index.m3u8?_HLS_msn=7&_HLS_part=2",
                Route::MediaPlaylist { channel, rendition },
            ),
            (
                "/live/news-24/720p/e1795237732/init.0.mp4",
                media(MediaName::Init(0)),
            ),
            (
                "/live/news-24/720p/e1795237732/1795237733.m4s",
                media(MediaName::Segment(1_795_237_733)),
            ),
            (
                "/live/news-24/720p/e1795237732/1795237733.0.m4s",
                media(MediaName::Part(1_795_237_733, 0)),
            ),
            ("/debug/sessions", Route::Debug),
            ("/api/v1/channels/a/b?limit=2", Route::Api),
            ("/healthz", Route::Health),
            ("/readyz", Route::Ready),
            ("/metrics", Route::Metrics),
            ("/", Route::Web),
            ("/assets/app-1A2B.js", Route::Web),
        ];
        for (target, route) in table {
            assert_eq!(get(target), route, "{target}");
        }
    }

    #[test]
    fn numbers_have_one_spelling() {
        for file in [
            "01.m4s",
            "+1.m4s",
            "-1.m4s",
            "1.01.m4s",
            "1.+0.m4s",
            "1.2.3.m4s",
            "1..m4s",
            ".m4s",
            "1_000.m4s",
            "18446744073709551616.m4s",
            "1.4294967296.m4s",
            "init.mp4",
            "init..mp4",
            "init.00.mp4",
            "init.4294967296.mp4",
            "1.mp4",
            "1.m4s/",
        ] {
            let target = format!("/live/a/b/e1/{file}");
            assert_eq!(get(&target), Route::Refused(Refusal::NotFound), "{file}");
        }
        assert_eq!(
            get("/live/a/b/e18446744073709551615/18446744073709551615.4294967295.m4s"),
            Route::Media {
                channel: "a",
                rendition: "b",
                epoch: u64::MAX,
                name: MediaName::Part(u64::MAX, u32::MAX),
            }
        );
    }

    #[test]
    fn tricks_are_bad_paths() {
        for target in [
            "",
            "*",
            "live/a/index.m3u8",
            "//live/a/index.m3u8",
            "/live//index.m3u8",
            "/live/../etc/passwd",
            "/live/a/../index.m3u8",
            "/live/%2e%2e/index.m3u8",
            "/live/a%2findex.m3u8",
            "/live/a\\index.m3u8",
            "/live/a\0/index.m3u8",
            "/live/\u{e9}/index.m3u8",
            "/assets/./app.js",
            "/assets/..",
            "/api//v1",
            "/%61pi/v1/sessions",
        ] {
            assert_eq!(get(target), Route::Refused(Refusal::BadPath), "{target:?}");
        }
    }

    #[test]
    fn what_merely_does_not_exist_is_not_found() {
        let long = format!("/live/{}/index.m3u8", "x".repeat(MAX_ID_LENGTH + 1));
        for target in [
            "/live",
            "/live/",
            "/live/a",
            "/live/a/",
            "/live/a/index.m3u",
            "/live/a/b/c",
            "/live/a.b/index.m3u8",
            &long,
        ] {
            assert_eq!(get(target), Route::Refused(Refusal::NotFound), "{target:?}");
        }
    }

    #[test]
    fn methods_matter_on_media_only() {
        let target = "/live/a/index.m3u8";
        assert_eq!(
            Route::decode(&Method::HEAD, target),
            Route::Multivariant { channel: "a" }
        );
        assert_eq!(Route::decode(&Method::OPTIONS, target), Route::Preflight);
        for method in [
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::TRACE,
            Method::CONNECT,
        ] {
            assert_eq!(
                Route::decode(&method, target),
                Route::Refused(Refusal::MethodNotAllowed)
            );
            assert_eq!(
                Route::decode(&method, "/live/a/nothing"),
                Route::Refused(Refusal::NotFound)
            );
        }
        assert_eq!(
            Route::decode(&Method::DELETE, "/api/v1/sessions/x"),
            Route::Api
        );
    }

    #[test]
    fn long_targets_are_refused_by_their_whole_length() {
        let target = format!("/live/a/index.m3u8?{}", "x".repeat(MAX_TARGET_LENGTH));
        assert_eq!(get(&target), Route::Refused(Refusal::TooLong));
        assert_eq!(
            get(&target[..MAX_TARGET_LENGTH]),
            Route::Multivariant { channel: "a" }
        );
    }

    proptest! {
        #[test]
        fn any_text_decodes_without_panic(target in any::<String>()) {
            let _ = get(&target);
            let live = format!("/live/{target}");
            let _ = get(&live);
        }

        #[test]
        fn what_is_written_is_what_is_read(
            channel in "[A-Za-z0-9_-]{1,64}",
            rendition in "[A-Za-z0-9_-]{1,64}",
            epoch: u64,
            msn: u64,
            part: u32,
        ) {
            let base = format!("/live/{channel}/{rendition}/e{epoch}");
            for (target, name) in [
                (format!("{base}/init.{part}.mp4"), MediaName::Init(part)),
                (format!("{base}/{msn}.m4s"), MediaName::Segment(msn)),
                (format!("{base}/{msn}.{part}.m4s"), MediaName::Part(msn, part)),
            ] {
                prop_assert_eq!(
                    get(&target),
                    Route::Media { channel: &channel, rendition: &rendition, epoch, name }
                );
            }
        }

        #[test]
        fn one_resource_has_one_path(path in "/live/[a-c/.e0-9+%-]{0,24}(index\\.m3u8|\\.m4s|\\.mp4)") {
            let again = match get(&path) {
                Route::Multivariant { channel } => format!("/live/{channel}/index.m3u8"),
                Route::MediaPlaylist { channel, rendition } => {
                    format!("/live/{channel}/{rendition}/index.m3u8")
                }
                Route::Media { channel, rendition, epoch, name } => {
                    let file = match name {
                        MediaName::Init(version) => format!("init.{version}.mp4"),
                        MediaName::Segment(msn) => format!("{msn}.m4s"),
                        MediaName::Part(msn, part) => format!("{msn}.{part}.m4s"),
                    };
                    format!("/live/{channel}/{rendition}/e{epoch}/{file}")
                }
                _ => return Ok(()),
            };
            prop_assert_eq!(path, again);
        }

        #[test]
        fn accepted_paths_hold_no_trick(target in "[/a-z.%\\\\\u{0}?]{0,40}") {
            if !matches!(get(&target), Route::Refused(_)) {
                let path = target.split('?').next().unwrap_or_default();
                prop_assert!(path.starts_with('/'));
                prop_assert!(!path.contains(['%', '\\', '\0']));
                prop_assert!(!path.contains("//") && !path.split('/').any(|s| s == ".."));
            }
        }
    }
}
