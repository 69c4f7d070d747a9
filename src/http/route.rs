//! Which URL a request is for: a pure decoding, one variant per URL of the public surface.
//!
//! Handlers match on [`Route`], so the compiler lists all URLs. Nothing here allocates, and nothing is decoded
//! twice: identifiers never need percent-encoding, so a path that has any is refused, and with it every disguise
//! of `..` and `/`.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use http::Method;

use crate::hls::MediaName;
use crate::iptv::hdhomerun;

/// The longest request target (path and query) that is looked at, in bytes.
pub const MAX_TARGET_LENGTH: usize = 4096;

/// The longest identifier, in bytes; the same bound as [`crate::base::ChannelId`].
const MAX_ID_LENGTH: usize = 64;

/// The documents for IPTV front ends.
const IPTV: [&str; 12] = [
    "/capability",
    "/channels.m3u",
    "/device.xml",
    "/discover.json",
    "/get.php",
    "/guide.xml",
    "/lineup.json",
    "/lineup.post",
    "/lineup.xml",
    "/lineup_status.json",
    "/player_api.php",
    "/xmltv.php",
];

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
    /// `/live/{channel}/ts/index.m3u8`
    TsMultivariant {
        /// In the alphabet of identifiers.
        channel: &'a str,
    },
    /// `/live/{channel}/ts/{rendition}/index.m3u8`
    TsPlaylist {
        /// In the alphabet of identifiers.
        channel: &'a str,
        /// In the alphabet of identifiers.
        rendition: &'a str,
    },
    /// `/live/{channel}/ts/{rendition}/e{epoch}/{msn}.ts`
    TsSegment {
        /// In the alphabet of identifiers.
        channel: &'a str,
        /// In the alphabet of identifiers.
        rendition: &'a str,
        /// The incarnation of the timeline that made the segment.
        epoch: u64,
        /// Its Media Sequence Number.
        msn: u64,
    },
    /// `/live/{channel}/stream.ts`
    TsStream {
        /// In the alphabet of identifiers.
        channel: &'a str,
    },
    /// `/live/{channel}/{rendition}/iframes.m3u8`
    KeyFramePlaylist {
        /// In the alphabet of identifiers.
        channel: &'a str,
        /// In the alphabet of identifiers.
        rendition: &'a str,
    },
    /// `/live/{channel}/manifest.mpd`
    Manifest {
        /// In the alphabet of identifiers.
        channel: &'a str,
    },
    /// `/live/{channel}/thumbnail.jpg`
    Thumbnail {
        /// In the alphabet of identifiers.
        channel: &'a str,
    },
    /// `/live/time`: the clock that manifests are measured by.
    Time,
    /// `OPTIONS` on one of those above: a browser asks whether it may.
    Preflight,
    /// `/live/{user}/{password}/{id}.{ts|m3u8}` and `/{user}/{password}/{id}` of the Xtream Codes API.
    Xtream {
        /// As said.
        user: &'a str,
        /// As said.
        password: &'a str,
        /// A channel's number for programs.
        id: u32,
        /// `true` for HLS, `false` for MPEG-TS.
        hls: bool,
    },
    /// `/auto/v{number}` and `/tuner{n}/v{number}` of the network tuner.
    Tuner {
        /// A channel's number for people.
        number: u32,
    },
    /// Documents for IPTV front ends: `/channels.m3u`, `/guide.xml`, `/discover.json`, `/player_api.php`…
    Iptv,
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
            None => decode_other(method, path),
        }
    }
}

fn decode_live<'a>(method: &Method, path: &str, rest: &'a str) -> Route<'a> {
    let Some(route) = media_route(rest).or_else(|| xtream_route(rest)) else {
        return Route::Refused(refusal(path));
    };
    match *method {
        Method::GET | Method::HEAD => route,
        Method::OPTIONS => Route::Preflight,
        _ => Route::Refused(Refusal::MethodNotAllowed),
    }
}

fn media_route(rest: &str) -> Option<Route<'_>> {
    if rest == "time" {
        return Some(Route::Time);
    }
    let (channel, rest) = identifier(rest)?;
    match rest {
        "index.m3u8" => return Some(Route::Multivariant { channel }),
        "manifest.mpd" => return Some(Route::Manifest { channel }),
        "thumbnail.jpg" => return Some(Route::Thumbnail { channel }),
        "stream.ts" => return Some(Route::TsStream { channel }),
        _ => {}
    }
    // No rung has this name.
    if let Some(rest) = rest.strip_prefix("ts/") {
        return ts_route(channel, rest);
    }
    let (rendition, rest) = identifier(rest)?;
    match rest {
        "index.m3u8" => return Some(Route::MediaPlaylist { channel, rendition }),
        "iframes.m3u8" => return Some(Route::KeyFramePlaylist { channel, rendition }),
        _ => {}
    }
    let (epoch, file) = rest.strip_prefix('e')?.split_once('/')?;
    Some(Route::Media {
        channel,
        rendition,
        epoch: decimal(epoch)?,
        name: media_name(file)?,
    })
}

/// `{user}/{password}/{id}`, and `.ts` or `.m3u8`.
fn xtream_route(rest: &str) -> Option<Route<'_>> {
    let (user, rest) = rest.split_once('/')?;
    let (password, file) = rest.split_once('/')?;
    let (id, extension) = file.split_once('.').unwrap_or((file, "ts"));
    let is_word = |text: &str, most: usize| {
        let fine = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
        !matches!(text, "" | "." | "..") && text.len() <= most && text.bytes().all(fine)
    };
    // A password may be a token.
    let is_user = is_word(user, MAX_ID_LENGTH) && is_word(password, MAX_TARGET_LENGTH);
    if !is_user || !matches!(extension, "ts" | "m3u8") {
        return None;
    }
    Some(Route::Xtream {
        user,
        password,
        id: small(id)?,
        hls: extension == "m3u8",
    })
}

/// What lies below `/live/{channel}/ts/`.
fn ts_route<'a>(channel: &'a str, rest: &'a str) -> Option<Route<'a>> {
    if rest == "index.m3u8" {
        return Some(Route::TsMultivariant { channel });
    }
    let (rendition, rest) = identifier(rest)?;
    if rest == "index.m3u8" {
        return Some(Route::TsPlaylist { channel, rendition });
    }
    let (epoch, file) = rest.strip_prefix('e')?.split_once('/')?;
    Some(Route::TsSegment {
        channel,
        rendition,
        epoch: decimal(epoch)?,
        msn: decimal(file.strip_suffix(".ts")?)?,
    })
}

/// `init.{version}.mp4`, `{msn}.m4s`, `{msn}.{part}.m4s` or `{msn}.iframe.m4s`.
fn media_name(file: &str) -> Option<MediaName> {
    if let Some(version) = file.strip_prefix("init.") {
        return small(version.strip_suffix(".mp4")?).map(MediaName::Init);
    }
    let stem = file.strip_suffix(".m4s")?;
    match stem.split_once('.') {
        Some((msn, "iframe")) => decimal(msn).map(MediaName::KeyFrame),
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

fn decode_other<'a>(method: &Method, path: &'a str) -> Route<'a> {
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
        _ if IPTV.contains(&path) => Route::Iptv,
        _ if is_below(path, "/assets") => Route::Web,
        _ => stream(method, path).unwrap_or(Route::Web),
    }
}

/// A stream that stands outside of `/live`.
fn stream<'a>(method: &Method, path: &'a str) -> Option<Route<'a>> {
    let number = hdhomerun::tuned(path).map(|number| Route::Tuner { number });
    let route = number.or_else(|| xtream_route(path.strip_prefix('/')?))?;
    Some(match *method {
        Method::GET | Method::HEAD => route,
        Method::OPTIONS => Route::Preflight,
        _ => Route::Refused(Refusal::MethodNotAllowed),
    })
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
#[path = "route_tests.rs"]
mod tests;
