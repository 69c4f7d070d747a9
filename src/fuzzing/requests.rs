//! What anybody on the network may send: targets of requests, their parameters, and packets that search for tuners.

use http::Method;

use super::text;
use crate::hls::{DeliveryDirectives, MediaName};
use crate::http::Route;
use crate::http::route::MAX_TARGET_LENGTH;
use crate::iptv::hdhomerun::Device;
use crate::iptv::{discovery, ssdp};
use crate::session::Cmcd;

/// A path that names media is the only one that names it: written again, it is the same.
pub(super) fn route(input: &[u8]) {
    let Some(target) = text(input) else {
        return;
    };
    let route = Route::decode(&Method::GET, target);
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    if let Some(spelled) = spelled(&route) {
        assert_eq!(spelled, path);
        assert!(target.len() <= MAX_TARGET_LENGTH);
    }
    if !matches!(route, Route::Refused(_)) {
        let is_plain = |b: u8| b.is_ascii_graphic() && b != b'%' && b != b'\\';
        assert!(
            path.starts_with('/') && path.bytes().all(is_plain),
            "{path:?}"
        );
        assert!(!path.split('/').any(|segment| segment == ".."), "{path:?}");
    }
    let _ = Route::decode(&Method::POST, target);
    let _ = Route::decode(&Method::OPTIONS, target);
}

fn spelled(route: &Route<'_>) -> Option<String> {
    Some(match route {
        Route::Multivariant { channel } => format!("/live/{channel}/index.m3u8"),
        Route::MediaPlaylist { channel, rendition } => {
            format!("/live/{channel}/{rendition}/index.m3u8")
        }
        Route::Media {
            channel,
            rendition,
            epoch,
            name,
        } => format!("/live/{channel}/{rendition}/e{epoch}/{}", file(*name)),
        Route::TsMultivariant { channel } => format!("/live/{channel}/ts/index.m3u8"),
        Route::TsPlaylist { channel, rendition } => {
            format!("/live/{channel}/ts/{rendition}/index.m3u8")
        }
        Route::TsSegment {
            channel,
            rendition,
            epoch,
            msn,
        } => format!("/live/{channel}/ts/{rendition}/e{epoch}/{msn}.ts"),
        Route::TsStream { channel } => format!("/live/{channel}/stream.ts"),
        Route::KeyFramePlaylist { channel, rendition } => {
            format!("/live/{channel}/{rendition}/iframes.m3u8")
        }
        Route::Manifest { channel } => format!("/live/{channel}/manifest.mpd"),
        Route::Thumbnail { channel } => format!("/live/{channel}/thumbnail.jpg"),
        Route::Time => "/live/time".to_owned(),
        _ => return None,
    })
}

fn file(name: MediaName) -> String {
    match name {
        MediaName::Init(version) => format!("init.{version}.mp4"),
        MediaName::Segment(msn) => format!("{msn}.m4s"),
        MediaName::Part(msn, part) => format!("{msn}.{part}.m4s"),
        MediaName::KeyFrame(msn) => format!("{msn}.iframe.m4s"),
    }
}

/// What was understood says the same when it is written again.
pub(super) fn directives(input: &[u8]) {
    let Some(query) = text(input) else {
        return;
    };
    let Ok(directives) = DeliveryDirectives::parse(Some(query)) else {
        return;
    };
    let mut again = Vec::new();
    again.extend(directives.msn.map(|msn| format!("_HLS_msn={msn}")));
    again.extend(directives.part.map(|part| format!("_HLS_part={part}")));
    again.extend(directives.skip.then(|| "_HLS_skip=YES".to_owned()));
    let again = DeliveryDirectives::parse(Some(&again.join("&")));
    assert_eq!(again, Ok(directives));
}

/// What players tell about themselves stays within its bounds, in a query and in header fields.
pub(super) fn player_data(input: &[u8]) {
    let Some(text) = text(input) else {
        return;
    };
    let (query, fields) = text.split_once('\n').unwrap_or((text, ""));
    let told = [Cmcd::from_query(query), Cmcd::from_headers(fields.lines())];
    for told in told.into_iter().flatten() {
        let session = told.session.unwrap_or_default();
        assert!(session.len() <= 64 && session.bytes().all(|b| b.is_ascii_graphic()));
        assert!(told.rate.is_none_or(|rate| (0.0..=100.0).contains(&rate)));
    }
}

/// A search is answered with little, and no answer is a search: two gateways never talk to each other for ever.
pub(super) fn searches(input: &[u8]) {
    let device = Device {
        id: 0x1234_5678,
        name: "Headgate",
        tuners: 4,
        base: "http://192.0.2.1:8080",
    };
    if let Some(reply) = discovery::reply(input, &device) {
        assert!(reply.len() < 200);
        assert_eq!(discovery::reply(&reply, &device), None);
    }
    if let Some(search) = ssdp::search(input, &device) {
        let answers = search.answers(&device);
        assert!((1..=3).contains(&answers.len()));
        for answer in answers {
            assert!(answer.len() < 600, "{answer}");
            assert_eq!(ssdp::search(answer.as_bytes(), &device), None);
        }
    }
}
