//! The answers of the media routes, without a session: what is given in must come out by the rules of RFC 9110.

use http::Request;
use http_body_util::BodyExt;

use super::*;

const TARGET: Duration = Duration::from_secs(4);

fn parts(method: Method, fields: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri("/live/a/b/e1/1.m4s");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn rendered() -> Rendered {
    Rendered::new("#EXTM3U\n".into(), "W/\"7.2\"".into())
}

fn answer_playlist(fields: &[(&str, &str)]) -> Response<Body> {
    let request = parts(Method::GET, fields);
    playlist(
        &Wishes::of(&request.headers),
        &rendered(),
        CachePolicy::Playlist(TARGET),
    )
}

fn answer_media(method: Method, fields: &[(&str, &str)]) -> Response<Body> {
    let found = Resource {
        body: "0123456789".into(),
        etag: "\"s7\"".into(),
    };
    let policy = CachePolicy::Media(Duration::from_secs(36));
    resource(&parts(method, fields), found, VIDEO, policy)
}

async fn text(response: Response<Body>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn a_playlist_is_sent_plain_or_compressed() {
    let response = answer_playlist(&[]);
    assert_eq!(response.status(), 200);
    let headers = response.headers();
    assert_eq!(headers["content-type"], "application/vnd.apple.mpegurl");
    assert_eq!(headers["cache-control"], "public, max-age=2");
    assert_eq!(headers["etag"], "W/\"7.2\"");
    assert_eq!(headers["vary"], "accept-encoding");
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert!(!headers.contains_key("access-control-allow-credentials"));
    assert!(!headers.contains_key("content-encoding"));
    assert_eq!(text(response).await, "#EXTM3U\n");

    let response = answer_playlist(&[("accept-encoding", "br, gzip")]);
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert_eq!(response.headers()["vary"], "accept-encoding");
    assert_eq!(text(response).await, rendered().gzip);

    let response = answer_playlist(&[("accept-encoding", "gzip, deflate, br, zstd")]);
    assert_eq!(response.headers()["content-encoding"], "zstd");
    assert_eq!(response.headers()["vary"], "accept-encoding");
    assert_eq!(text(response).await, rendered().zstd());

    let response = answer_playlist(&[("accept-encoding", "gzip;q=0")]);
    assert!(!response.headers().contains_key("content-encoding"));
}

#[tokio::test]
async fn a_known_playlist_is_not_sent_again() {
    let response = answer_playlist(&[("if-none-match", "\"x\", W/\"7.2\"")]);
    assert_eq!(response.status(), 304);
    assert_eq!(response.headers()["etag"], "W/\"7.2\"");
    assert_eq!(response.headers()["vary"], "accept-encoding");
    assert_eq!(response.headers()["cache-control"], "public, max-age=2");
    assert!(text(response).await.is_empty());
    assert_eq!(
        answer_playlist(&[("if-none-match", "W/\"7.1\"")]).status(),
        200
    );
}

#[tokio::test]
async fn media_are_whole_and_never_compressed() {
    let response = answer_media(Method::GET, &[("accept-encoding", "gzip")]);
    assert_eq!(response.status(), 200);
    let headers = response.headers();
    assert_eq!(headers["content-type"], "video/mp4");
    assert_eq!(headers["cache-control"], "public, max-age=36, immutable");
    assert_eq!(headers["etag"], "\"s7\"");
    assert_eq!(headers["accept-ranges"], "bytes");
    assert!(!headers.contains_key("content-encoding"));
    assert!(!headers.contains_key("vary"));
    assert_eq!(text(response).await, "0123456789");
}

#[tokio::test]
async fn ranges_of_media() {
    let response = answer_media(Method::GET, &[("range", "bytes=2-4")]);
    assert_eq!(response.status(), 206);
    assert_eq!(response.headers()["content-range"], "bytes 2-4/10");
    assert_eq!(text(response).await, "234");

    let response = answer_media(Method::GET, &[("range", "bytes=-2")]);
    assert_eq!(response.headers()["content-range"], "bytes 8-9/10");
    assert_eq!(text(response).await, "89");

    let response = answer_media(Method::GET, &[("range", "bytes=10-")]);
    assert_eq!(response.status(), 416);
    assert_eq!(response.headers()["content-range"], "bytes */10");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(text(response).await.is_empty());

    for fields in [
        &[("range", "bytes=0-1,4-5")][..],
        &[("range", "bytes=0-1"), ("if-range", "\"other\"")],
    ] {
        let response = answer_media(Method::GET, fields);
        assert_eq!(response.status(), 200);
        assert!(!response.headers().contains_key("content-range"));
        assert_eq!(text(response).await, "0123456789");
    }
    let fields = [("range", "bytes=0-1"), ("if-range", "\"s7\"")];
    assert_eq!(answer_media(Method::GET, &fields).status(), 206);
    let fields = [("range", "bytes=0-1"), ("if-none-match", "\"s7\"")];
    assert_eq!(answer_media(Method::GET, &fields).status(), 304);
}

#[tokio::test]
async fn head_tells_the_length_and_ignores_ranges() {
    let response = answer_media(Method::HEAD, &[("range", "bytes=0-1")]);
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-length"], "10");
    assert!(text(response).await.is_empty());
}

#[test]
fn errors_of_a_blocking_reload_are_kept_longer() {
    let error = |blocking| {
        let error = ServeError::BadRequest("too far".into());
        failure(error, TARGET, blocking)
    };
    assert_eq!(error(true).headers()["cache-control"], "public, max-age=16");
    assert_eq!(error(false).headers()["cache-control"], "public, max-age=4");
    assert_eq!(error(false).headers()["access-control-allow-origin"], "*");
}

#[test]
fn long_user_agents_are_cut() {
    let long = "x".repeat(10_000);
    let head = parts(Method::GET, &[("user-agent", &long)]);
    let peer = [127, 0, 0, 1].into();
    let at = Instant::now();
    let head = &head;
    let request = MediaRequest { head, peer, at };
    assert_eq!(request.viewer(None).agent.len(), MAX_AGENT);
    let head = parts(Method::GET, &[("user-agent", "VLC/3.0")]);
    let at = Instant::now();
    let head = &head;
    let request = MediaRequest { head, peer, at };
    assert_eq!(request.viewer(None).agent, "VLC/3.0");
}
