//! Where in a request a token is, who may see what, and how the answer carries the token on.
//!
//! Playlists are rendered once for everybody, so a token is never written into one that changes. In a path
//! (`/t/{token}/live/…`) every relative URI carries it by itself. In a query it stands behind the playlists' own URLs,
//! and segments keep the same URLs for everybody: that is for who lets caches share them (`segments = "open"`), and only
//! the Multivariant Playlist, which is asked for once, is written for who asks. A request that came in the other way
//! is sent to the right one.

mod refusal;
mod shown;

use std::net::IpAddr;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode, header};

use super::State;
use super::base_url::public_url;
use super::body::Body;
use super::cache::CachePolicy;
use super::ending::Ending;
use super::playback::told;
use super::proxies::Client;
use super::route::Route;
use crate::access::{Admission, Denial, Question, Stay, Verdict, Visit};
use crate::iptv::Lineup;

pub(crate) use refusal::refusal;
use shown::{PARAMETER, Place};
pub(crate) use shown::{Shown, is_token, shown, with_token};

/// What a request is for, as far as tokens care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight {
    /// Names playlists by URIs: a Multivariant Playlist.
    Index,
    /// Names media by URIs: a playlist or manifest.
    Playlist,
    Segment,
    Stream,
    /// A picture, which names nothing.
    Picture,
}

/// What becomes of a request before it is answered.
pub(crate) enum Entry {
    /// Everybody may see it.
    Open,
    /// It may be answered, and the answer is changed on its way out.
    Pass(Box<Pass>),
    /// It has its answer.
    Done(Box<Response<Body>>),
    /// Somebody has to be asked first.
    Ask(Question),
}

/// What an answer to somebody who may see it needs.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    /// Not for caches that others share.
    is_private: bool,
    /// To be written behind the URIs of playlists.
    token: Option<Box<str>>,
    /// A stream, and how it ends.
    admission: Option<Admission>,
}

/// Where a request comes from, for who is asked behind the router.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    /// Who holds the connection.
    pub(crate) client: Client,
    /// For whom it asks.
    pub(crate) peer: IpAddr,
    pub(crate) at: Instant,
}

/// Takes the token off the path, and asks for plain text where the answer will be written for who asks.
pub(crate) fn prepare(state: &State, head: &mut Parts) {
    if shown::is_in_path(head) {
        shown::take_from_path(head);
    }
    if !state.gate.is_on() || !state.gate.segments_are_open() {
        return;
    }
    let target = head
        .uri
        .path_and_query()
        .map_or("", |target| target.as_str());
    let is_index = matches!(
        Route::decode(&head.method, target),
        Route::Multivariant { .. } | Route::TsMultivariant { .. }
    );
    if is_index && shown(head).is_some() {
        head.headers.remove(header::ACCEPT_ENCODING);
    }
}

/// The answer when nobody could be asked.
pub(crate) fn unanswered(head: &Parts) -> Response<Body> {
    let channel = head.uri.path().split('/').nth(2).unwrap_or_default();
    refusal(channel, &Denial::Unanswered)
}

/// Decides about a request.
pub(crate) fn enter(state: &State, head: &Parts, route: Route<'_>, caller: Caller) -> Entry {
    let Some((channel, sight)) = sight(state, route) else {
        return Entry::Open;
    };
    let is_open = state.gate.segments_are_open();
    if sight == Sight::Segment && is_open {
        return Entry::Open;
    }
    let shown = shown(head);
    let cmcd = told(head);
    let agent = head.headers.get(header::USER_AGENT);
    let agent = agent.and_then(|agent| agent.to_str().ok()).unwrap_or("");
    let playback = cmcd.as_ref().and_then(|told| told.session.as_deref());
    let visit = Visit {
        channel: &channel,
        token: shown.map(|shown| shown.token),
        address: caller.peer,
        agent: playback.unwrap_or(agent),
        stay: stay(sight, head),
        at: caller.at,
        now: now(),
    };
    let admission = match state.gate.decide(&visit) {
        Verdict::Admitted(admission) => admission,
        Verdict::Refused(denial) => return Entry::Done(Box::new(refusal(&channel, &denial))),
        Verdict::Unknown(question) => return Entry::Ask(question),
    };
    if !admission.is_guarded {
        return match admission.seated {
            Some(_) => Entry::Pass(Box::new(Pass {
                admission: Some(admission),
                ..Pass::default()
            })),
            None => Entry::Open,
        };
    }
    if let Some(elsewhere) = shown.and_then(|shown| elsewhere(state, head, (shown, sight), is_open))
    {
        return Entry::Done(Box::new(elsewhere));
    }
    let in_query = shown.filter(|shown| shown.place == Place::Query && is_token(shown.token));
    Entry::Pass(Box::new(Pass {
        is_private: true,
        token: in_query
            .filter(|_| is_open && sight == Sight::Index)
            .map(|shown| shown.token.into()),
        admission: (sight == Sight::Stream).then_some(admission),
    }))
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// Which channel, and what of it.
fn sight(state: &State, route: Route<'_>) -> Option<(Box<str>, Sight)> {
    let (channel, sight) = match route {
        Route::Multivariant { channel } | Route::TsMultivariant { channel } => {
            (channel, Sight::Index)
        }
        Route::MediaPlaylist { channel, .. }
        | Route::TsPlaylist { channel, .. }
        | Route::KeyFramePlaylist { channel, .. }
        | Route::Manifest { channel } => (channel, Sight::Playlist),
        Route::Media { channel, .. } | Route::TsSegment { channel, .. } => {
            (channel, Sight::Segment)
        }
        Route::TsStream { channel } => (channel, Sight::Stream),
        Route::Thumbnail { channel } => (channel, Sight::Picture),
        Route::Tuner { number } => {
            let lineup = Lineup::new(&state.sessions.channels());
            let entry = lineup.by_number(number)?;
            return Some((entry.spec.id.as_str().into(), Sight::Stream));
        }
        _ => return None,
    };
    Some((channel.into(), sight))
}

fn stay(sight: Sight, head: &Parts) -> Stay {
    match sight {
        _ if head.method == http::Method::HEAD => Stay::Look,
        Sight::Index | Sight::Playlist => Stay::Playlist,
        Sight::Stream => Stay::Stream,
        Sight::Segment | Sight::Picture => Stay::Look,
    }
}

/// Sends a player to where its token is carried on.
fn elsewhere(
    state: &State,
    head: &Parts,
    (shown, sight): (Shown<'_>, Sight),
    is_open: bool,
) -> Option<Response<Body>> {
    let names_others = matches!(sight, Sight::Index | Sight::Playlist);
    if !names_others || !is_token(shown.token) {
        return None;
    }
    let base = public_url(state).unwrap_or_default();
    let path = head.uri.path();
    let pairs = head.uri.query().unwrap_or_default().split('&');
    let mut others: Vec<&str> = pairs
        .filter(|pair| !pair.is_empty() && !pair.starts_with(PARAMETER))
        .collect();
    let own = format!("{PARAMETER}{}", shown.token);
    let base = match shown.place {
        Place::Query if !is_open => with_token(&base, shown.token),
        Place::Path if is_open && sight == Sight::Index => {
            others.push(&own);
            base
        }
        _ => return None,
    };
    let query = match others.is_empty() {
        true => String::new(),
        false => format!("?{}", others.join("&")),
    };
    let location = HeaderValue::try_from(format!("{base}{path}{query}")).ok()?;
    let mut response = Response::new(Body::bytes(Bytes::new()));
    *response.status_mut() = StatusCode::FOUND;
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    headers.insert(header::CACHE_CONTROL, CachePolicy::NoStore.header());
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    Some(response)
}

// === impl Pass ===

impl Pass {
    /// The answer on its way out.
    pub(crate) fn dress(self, mut response: Response<Body>) -> Response<Body> {
        if self.is_private
            && let Some(policy) = response.headers().get(header::CACHE_CONTROL)
            && let Some(age) = policy
                .to_str()
                .ok()
                .and_then(|text| text.strip_prefix("public"))
            && let Ok(policy) = HeaderValue::try_from(format!("private{age}"))
        {
            response.headers_mut().insert(header::CACHE_CONTROL, policy);
        }
        if let Some(token) = &self.token
            && response.status() == StatusCode::OK
        {
            response.body_mut().map_bytes(|text| signed(&text, token));
        }
        match self.admission {
            Some(admission) if response.status().is_success() => {
                response.map(|body| Ending::of(body, admission, now()))
            }
            _ => response,
        }
    }
}

/// A Multivariant Playlist whose URIs carry the token. Names of renditions hold no dot, so that what ends in `.m3u8` is
/// one of its URIs.
fn signed(text: &Bytes, token: &str) -> Bytes {
    let text = String::from_utf8_lossy(text);
    let mut lines = String::with_capacity(text.len() + 8 * (token.len() + 16));
    for line in text.lines() {
        let is_uri = !line.starts_with('#') && !line.is_empty();
        match line.strip_suffix(".m3u8") {
            Some(_) if is_uri => lines.push_str(&format!("{line}?{PARAMETER}{token}")),
            _ => lines.push_str(&line.replace(".m3u8\"", &format!(".m3u8?{PARAMETER}{token}\""))),
        }
        lines.push('\n');
    }
    lines.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_uri_of_a_playlist_carries_the_token_and_nothing_else_changes() {
        let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"Audio\",URI=\"audio/index.m3u8\"\n\
                    #EXT-X-STREAM-INF:BANDWIDTH=1\nv/index.m3u8\n\
                    #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"v/iframes.m3u8\"\n";
        let expected = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"Audio\",URI=\"audio/index.m3u8?token=t\"\n\
                    #EXT-X-STREAM-INF:BANDWIDTH=1\nv/index.m3u8?token=t\n\
                    #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"v/iframes.m3u8?token=t\"\n";
        assert_eq!(signed(&Bytes::from(text), "t"), expected);
    }
}
