//! Who has a token watches, however it is given.

use http::Method;

use crate::client::{play, redirect};
use crate::gateway::Gateway;
use crate::{access, file, grant, now, sign};

/// The URIs of a playlist, whole.
fn uris(text: &str, of: &str) -> Vec<String> {
    let folder = of.split('?').next().unwrap().rsplit_once('/').unwrap().0;
    let lines = text.lines().filter(|line| !line.is_empty());
    let uris = lines.filter_map(|line| match line.starts_with('#') {
        true => line
            .split_once("URI=\"")
            .map(|(_, rest)| rest.split('"').next().unwrap()),
        false => Some(line),
    });
    uris.map(|uri| format!("{folder}/{uri}")).collect()
}

#[tokio::test]
async fn relative_uris_carry_a_token_of_the_path() {
    let gateway = Gateway::start(&file(&access(""))).await;
    let token = sign(&grant("news"));
    let bytes = play(&gateway, &format!("/t/{token}/live/news/index.m3u8")).await;
    assert!(bytes.windows(4).any(|word| word == b"moof"));
    // The playlists are those of everybody: nothing in them is about who asks.
    let other = sign(&grant("*"));
    let (mine, theirs) = (
        gateway
            .text(&format!("/t/{token}/live/news/index.m3u8"))
            .await,
        gateway
            .text(&format!("/t/{other}/live/news/index.m3u8"))
            .await,
    );
    assert_eq!(mine, theirs);
    let answer = gateway
        .get(&format!("/t/{token}/live/news/index.m3u8"))
        .await;
    let policy = answer.headers()["cache-control"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(policy.starts_with("private, max-age="), "{policy}");
    for path in ["ts/index.m3u8", "manifest.mpd"] {
        gateway.text(&format!("/t/{token}/live/news/{path}")).await;
    }
    // Public channels are as they were, with a token and without.
    play(&gateway, "/live/open/index.m3u8").await;
    play(&gateway, &format!("/t/{token}/live/open/index.m3u8")).await;
    let answer = gateway.get("/live/open/index.m3u8").await;
    let policy = answer.headers()["cache-control"].to_str().unwrap();
    assert!(policy.starts_with("public, max-age="), "{policy}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_token_of_the_query_goes_into_the_path() {
    let gateway = Gateway::start(&file(&access(""))).await;
    let token = sign(&grant("news"));
    for (asked, expected) in [
        (
            format!("/live/news/index.m3u8?token={token}"),
            format!("/t/{token}/live/news/index.m3u8"),
        ),
        (
            format!("/live/news/v/index.m3u8?a=1&token={token}&_HLS_msn=3"),
            format!("/t/{token}/live/news/v/index.m3u8?a=1&_HLS_msn=3"),
        ),
        (
            format!("/live/news/manifest.mpd?token={token}"),
            format!("/t/{token}/live/news/manifest.mpd"),
        ),
    ] {
        assert_eq!(redirect(&gateway, &asked).await, expected);
    }
    play(
        &gateway,
        &redirect(&gateway, &format!("/live/news/index.m3u8?token={token}")).await,
    )
    .await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_header_is_enough_for_who_can_send_it() {
    let gateway = Gateway::start(&file(&access(""))).await;
    let field = format!("Bearer {}", sign(&grant("news")));
    let ask = |path: &'static str| {
        let (gateway, field) = (&gateway, &field);
        async move {
            gateway
                .ask(Method::GET, path, &[("authorization", field)])
                .await
        }
    };
    assert_eq!(ask("/live/news/index.m3u8").await.status(), 200);
    assert_eq!(ask("/live/sport/index.m3u8").await.status(), 403);
    let preflight = gateway
        .ask(Method::OPTIONS, "/live/news/index.m3u8", &[])
        .await;
    let allowed = preflight.headers()["access-control-allow-headers"]
        .to_str()
        .unwrap();
    assert!(allowed.contains("authorization"), "{allowed}");
    gateway.stop().await;
}

#[tokio::test]
async fn open_segments_have_the_same_url_for_everybody() {
    let gateway = Gateway::start(&file(&access("segments = \"open\""))).await;
    let token = sign(&grant("news"));
    let url = format!("/live/news/index.m3u8?token={token}");
    // Who came by the path is sent to the query.
    let from = format!("/t/{token}/live/news/index.m3u8");
    assert_eq!(redirect(&gateway, &from).await, url);
    let fields = [("accept-encoding", "gzip, zstd")];
    let index = gateway.ask(Method::GET, &url, &fields).await;
    assert!(!index.headers().contains_key("content-encoding"));
    let index = String::from_utf8(index.body().to_vec()).unwrap();
    let playlists = uris(&index, &url);
    assert!(playlists.len() >= 2, "{index}");
    for playlist in &playlists {
        assert!(playlist.ends_with(&format!("?token={token}")), "{index}");
        gateway.text(playlist).await;
        let bare = playlist.split('?').next().unwrap();
        assert_eq!(gateway.get(bare).await.status(), 401, "{bare}");
    }
    let playlist = &playlists[0];
    gateway
        .until("a segment is there", async || {
            gateway.text(playlist).await.contains("#EXTINF")
        })
        .await;
    let text = gateway.text(playlist).await;
    assert!(
        !text.contains("token"),
        "it is the playlist of everybody: {text}"
    );
    let media = uris(&text, playlist);
    let segment = media.iter().find(|uri| uri.contains("/e")).unwrap();
    let answer = gateway.get(segment).await;
    assert_eq!(answer.status(), 200, "{segment}");
    let policy = answer.headers()["cache-control"].to_str().unwrap();
    assert!(policy.starts_with("public"), "{policy}");
    for guarded in [
        "thumbnail.jpg",
        "stream.ts",
        "manifest.mpd",
        "ts/index.m3u8",
    ] {
        let answer = gateway.get(&format!("/live/news/{guarded}")).await;
        assert_eq!(answer.status(), 401, "{guarded}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn who_loses_access_is_refused_at_the_next_playlist_and_a_stream_ends() {
    let gateway = Gateway::start(&file(&access(""))).await;
    let mut short = grant("news");
    play(
        &gateway,
        &format!("/t/{}/live/news/index.m3u8", sign(&short)),
    )
    .await;
    short.expires = now() + 3;
    let token = sign(&short);
    let playlist = format!("/t/{token}/live/news/v/index.m3u8");
    assert_eq!(gateway.get(&playlist).await.status(), 200);
    // It goes on for as long as the channel does, or until the token ends; the helper gives up before the channel.
    let stream = gateway
        .get(&format!("/live/news/stream.ts?token={token}"))
        .await;
    assert_eq!(stream.status(), 200);
    assert!(stream.body().len() > 188, "it has begun");
    assert!(now() >= short.expires, "it went on until then");
    let answer = gateway.get(&playlist).await;
    let text = String::from_utf8_lossy(answer.body()).into_owned();
    assert_eq!(answer.status(), 403);
    assert!(text.contains("\"reason\":\"expired\""), "{text}");
    gateway.stop().await;
}
