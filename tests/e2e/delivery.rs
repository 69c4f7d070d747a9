//! What HTTP adds to playlists and media: blocking, deltas, encodings, tags, ranges.

use std::io::Read;
use std::time::Duration;

use http::Method;

use crate::client::Client;
use crate::gateway::Gateway;
use crate::playlist::{Playlist, apply_delta};
use crate::truth::CARD;

const LIST: &str = "/live/card/hi/index.m3u8";

#[tokio::test]
async fn requests_are_answered_as_the_standards_say() {
    let short =
        "[defaults]\nsegment_duration = \"1s\"\npart_duration = \"250ms\"\nwindow = \"20s\"\n";
    let gateway = Gateway::start(&format!("{short}{CARD}"));
    let client = gateway.client();
    assert_eq!(client.get("/live/card/index.m3u8").await.status, 200);
    let first = Playlist::read(client.get(LIST).await.text());
    hinted_parts_come(&client).await;
    blocked_reloads_come_with_the_next_part(&client).await;
    what_is_too_far_is_refused_and_what_is_old_is_not(&client, &first).await;
    encodings_and_tags_agree(&client).await;
    segments_have_ranges_and_heads(&client).await;
    deltas_are_the_whole(&client, first).await;
}

/// The hinted URI blocks, delivers, and is the part that is listed then [6.2.6].
async fn hinted_parts_come(client: &Client) {
    for _ in 0..6 {
        let playlist = Playlist::read(client.get(LIST).await.text());
        let hint = playlist.hint.unwrap();
        let part = client.get(&format!("/live/card/hi/{hint}")).await;
        assert_eq!(part.status, 200, "{hint}");
        let after = Playlist::read(client.get(LIST).await.text());
        let parts: Vec<_> = after
            .segments
            .iter()
            .chain([&after.open])
            .flat_map(|s| &s.parts)
            .collect();
        assert!(
            parts.iter().any(|part| part.uri == hint),
            "{hint} is not what came"
        );
        let again = client.get(&format!("/live/card/hi/{hint}")).await;
        assert_eq!(again.body, part.body);
    }
}

async fn blocked_reloads_come_with_the_next_part(client: &Client) {
    for _ in 0..6 {
        let before = Playlist::read(client.get(LIST).await.text());
        let (msn, parts) = (before.next_msn(), before.open.parts.len());
        let answer = client
            .get(&format!("{LIST}?_HLS_msn={msn}&_HLS_part={parts}"))
            .await;
        let after = Playlist::read(answer.text());
        let edge = |list: &Playlist| (list.next_msn(), list.open.parts.len());
        assert!(
            edge(&after) > edge(&before),
            "answered before there was anything new [6.2.5.2]"
        );
        // Not later than the part after it: whoever is too slow to see a part alone sees two.
        let came = (after.next_msn() - msn) as usize * 4 + after.open.parts.len();
        assert!(came <= parts + 2, "{came} parts on, {parts} before");
        assert!(
            answer.header("cache-control").contains("s-maxage=6"),
            "[B.1]"
        );
    }
    let before = Playlist::read(client.get(LIST).await.text());
    let whole = client
        .get(&format!("{LIST}?_HLS_msn={}", before.next_msn()))
        .await;
    assert_eq!(
        Playlist::read(whole.text()).next_msn(),
        before.next_msn() + 1
    );
}

async fn what_is_too_far_is_refused_and_what_is_old_is_not(client: &Client, first: &Playlist) {
    let now = Playlist::read(client.get(LIST).await.text());
    let next = now.next_msn();
    for query in [
        format!("_HLS_msn={}", next + 3),
        format!("_HLS_msn={next}&_HLS_part=40"),
        format!("_HLS_msn={}", u64::MAX),
        "_HLS_msn=18446744073709551616".to_owned(),
        "_HLS_msn=x".to_owned(),
        "_HLS_part=0".to_owned(),
    ] {
        let answer = client.get(&format!("{LIST}?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(
            answer.took < Duration::from_secs(2),
            "{query} is refused at once"
        );
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(body["error"]["code"].is_string(), "{query}: {body}");
    }
    for query in [
        "_HLS_msn=0".to_owned(),
        format!("_HLS_msn={}", first.media_sequence),
        format!("_HLS_msn={}&_HLS_part=0", next - 1),
        "_HLS_later=1&other=2".to_owned(),
    ] {
        let answer = client.get(&format!("{LIST}?{query}")).await;
        assert!(Playlist::read(answer.text()).next_msn() >= next, "{query}");
    }
    let unknown = format!("e{}/{}.0.m4s", 1, next);
    for path in [
        unknown,
        format!("e{0}/{1}.m4s", first.media_sequence, next + 9),
    ] {
        assert_eq!(
            client.get(&format!("/live/card/hi/{path}")).await.status,
            404,
            "{path}"
        );
    }
}

async fn encodings_and_tags_agree(client: &Client) {
    for path in [LIST, "/live/card/index.m3u8"] {
        // Two versions may lie between two requests: those of the same tag are compared.
        let (plain, zipped) = loop {
            let zipped = client
                .request(Method::GET, path, &[("accept-encoding", "gzip")])
                .await;
            let plain = client.get(path).await;
            if plain.header("etag") == zipped.header("etag") {
                break (plain, zipped);
            }
        };
        assert_eq!(zipped.header("content-encoding"), "gzip");
        assert_eq!(plain.header("content-encoding"), "");
        let mut text = String::new();
        let mut reader = flate2::read::GzDecoder::new(zipped.body.as_ref());
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, plain.text());
        assert!(zipped.body.len() < plain.body.len());
        for answer in [&plain, &zipped] {
            assert_eq!(
                answer.header("content-type"),
                "application/vnd.apple.mpegurl",
                "[4]"
            );
            assert_eq!(answer.header("vary"), "accept-encoding");
            assert_eq!(answer.header("access-control-allow-origin"), "*");
        }
    }
    let path = "/live/card/index.m3u8";
    let answer = client.get(path).await;
    let known = client
        .request(
            Method::GET,
            path,
            &[("if-none-match", answer.header("etag"))],
        )
        .await;
    let now = client.get(path).await;
    if answer.header("etag") == now.header("etag") {
        assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
    }
    let head = client.request(Method::HEAD, LIST, &[]).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
}

async fn segments_have_ranges_and_heads(client: &Client) {
    let playlist = Playlist::read(client.get(LIST).await.text());
    let path = format!("/live/card/hi/{}", playlist.segments.last().unwrap().uri);
    let whole = client.get(&path).await;
    assert_eq!(whole.header("content-type"), "video/mp4");
    assert!(whole.header("cache-control").contains("immutable"));
    let length = whole.body.len();
    for (range, expected) in [
        ("bytes=0-99", 0..100),
        ("bytes=100-", 100..length),
        ("bytes=-50", length - 50..length),
    ] {
        let part = client
            .request(Method::GET, &path, &[("range", range)])
            .await;
        assert_eq!(part.status, 206, "{range}");
        assert_eq!(part.body, whole.body.slice(expected.clone()), "{range}");
        let stated = format!("bytes {}-{}/{length}", expected.start, expected.end - 1);
        assert_eq!(part.header("content-range"), stated);
    }
    let beyond = format!("bytes={length}-");
    assert_eq!(
        client
            .request(Method::GET, &path, &[("range", &beyond)])
            .await
            .status,
        416
    );
    let known = client
        .request(
            Method::GET,
            &path,
            &[("if-none-match", whole.header("etag"))],
        )
        .await;
    assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
    let head = client.request(Method::HEAD, &path, &[]).await;
    assert_eq!(head.header("content-length"), length.to_string());
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("etag"), whole.header("etag"));
}

/// A client that goes on with deltas alone has what a client of whole playlists has [6.2.5.1].
async fn deltas_are_the_whole(client: &Client, first: Playlist) {
    let mut mine = first;
    let mut skipped = 0;
    for _ in 0..40 {
        let (msn, part) = (mine.next_msn(), mine.open.parts.len());
        let query = format!("_HLS_msn={msn}&_HLS_part={part}");
        let delta = client.get(&format!("{LIST}?_HLS_skip=YES&{query}")).await;
        let delta = Playlist::read(delta.text());
        delta.check();
        skipped = skipped.max(delta.skipped);
        let segments = apply_delta(&mine, &delta);
        let whole = Playlist::read(client.get(&format!("{LIST}?{query}")).await.text());
        if (whole.next_msn(), whole.open.parts.len()) == (delta.next_msn(), delta.open.parts.len())
        {
            let names = |s: &crate::playlist::Segment| {
                (s.msn, s.uri.clone(), s.discontinuity, s.program_date_time)
            };
            assert!(
                segments
                    .iter()
                    .map(names)
                    .eq(whole.segments.iter().map(names))
            );
        }
        mine = Playlist {
            segments,
            skipped: 0,
            ..delta
        };
    }
    assert!(skipped > 3, "nothing was ever skipped");
}
