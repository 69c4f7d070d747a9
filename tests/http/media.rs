//! Media routes without a channel.

use http::Method;

use crate::support::{Gateway, error_code};

#[tokio::test]
async fn an_unknown_channel_is_404_for_pages_of_any_origin() {
    let gateway = Gateway::start().await;
    for target in [
        "/live/nothing/index.m3u8",
        "/live/nothing/720p/index.m3u8",
        "/live/nothing/720p/index.m3u8?_HLS_msn=18446744073709551615",
        "/live/nothing/720p/e1/1.m4s",
        "/live/nothing/720p/e1/1.0.m4s",
        "/live/nothing/720p/e1/init.0.mp4",
        "/live/nothing/ts/index.m3u8",
        "/live/nothing/ts/720p/index.m3u8",
        "/live/nothing/ts/720p/e1/1.ts",
        "/live/nothing/stream.ts",
        "/live/nothing/stream.ts?rendition=720p",
    ] {
        let answer = gateway.get(target).await;
        assert_eq!(answer.status(), 404, "{target}");
        assert_eq!(error_code(&answer), "unknown_channel");
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
        assert_eq!(answer.headers()["cache-control"], "public, max-age=1");
        let credentials = "access-control-allow-credentials";
        assert!(!answer.headers().contains_key(credentials));
    }
}

#[tokio::test]
async fn head_is_like_get_without_the_body() {
    let gateway = Gateway::start().await;
    for target in [
        "/live/nothing/index.m3u8",
        "/live/nothing/720p/e1/1.m4s",
        "/live/nothing/ts/index.m3u8",
        "/live/nothing/stream.ts",
    ] {
        let answer = gateway.request(Method::HEAD, target, &[]).await;
        assert_eq!(answer.status(), 404, "{target}");
        assert_eq!(answer.headers()["content-type"], "application/json");
        assert!(answer.body().is_empty());
    }
}

#[tokio::test]
async fn browsers_of_other_origins_may_ask() {
    let gateway = Gateway::start().await;
    let fields = [
        ("origin", "https://player.example"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "range"),
    ];
    let target = "/live/news/720p/e1/1.m4s";
    let answer = gateway.request(Method::OPTIONS, target, &fields).await;
    assert_eq!(answer.status(), 204);
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    let methods = answer.headers()["access-control-allow-methods"]
        .to_str()
        .unwrap();
    assert_eq!(methods, "GET, HEAD, OPTIONS");
    let allowed = answer.headers()["access-control-allow-headers"]
        .to_str()
        .unwrap();
    assert!(allowed.contains("range"));
}

#[tokio::test]
async fn other_methods_are_405_with_the_right_ones() {
    let gateway = Gateway::start().await;
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = gateway.request(method, "/live/news/index.m3u8", &[]).await;
        assert_eq!(answer.status(), 405);
        assert_eq!(answer.headers()["allow"], "GET, HEAD, OPTIONS");
        assert_eq!(error_code(&answer), "method_not_allowed");
    }
}

#[tokio::test]
async fn path_tricks_find_nothing() {
    let gateway = Gateway::start().await;
    for path in [
        "/live/../../etc/passwd",
        "/live/%2e%2e/%2e%2e/etc/passwd",
        "/live/..%2f..%2fetc/passwd",
        "/live/news\\..\\index.m3u8",
        "//live/news/index.m3u8",
        "/live//index.m3u8",
        "/live/news/720p/e01/1.m4s",
        "/live/news/ts/720p/e1/1.m4s",
        "/live/news/ts/e1/1.ts",
        "/live/news/ts/720p/e1/1.ts/",
        "/live/news/ts/../stream.ts",
        "/live/news/720p/stream.ts",
        "/live/news/720p/e1/99999999999999999999.m4s",
        "/live/news/720p/e1/-1.m4s",
        "/live/news%00/index.m3u8",
        "/assets/../Cargo.toml",
        "/assets/..%2fCargo.toml",
        "/assets//etc/passwd",
        "/etc/passwd",
        "/.git/config",
        "*",
        "/live/n\u{e9}ws/index.m3u8",
        "/live/n\0ws/index.m3u8",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let answer = gateway.raw(request.as_bytes()).await;
        let status = answer.split(' ').nth(1).unwrap_or("");
        assert!(matches!(status, "400" | "404"), "{path:?}: {answer}");
        assert!(!answer.contains("root:"), "{path:?}: {answer}");
    }
}

#[tokio::test]
async fn a_long_target_is_414_and_a_body_413() {
    let gateway = Gateway::start().await;
    let target = format!("/live/news/index.m3u8?{}", "x".repeat(4096));
    let answer = gateway.get(&target).await;
    assert_eq!(answer.status(), 414);
    assert_eq!(error_code(&answer), "uri_too_long");
    let answer = gateway
        .send(Method::GET, "/live/news/index.m3u8", vec![0])
        .await;
    assert_eq!(answer.status(), 413);
    let nowhere = "/api/v1/channels/%C2%84/start";
    let answer = gateway.send(Method::POST, nowhere, vec![0]).await;
    assert_eq!(answer.status(), 400, "what is wrong with it is its path");
}

#[tokio::test]
async fn http2_without_asking_first() {
    let gateway = Gateway::start().await;
    let targets = ["/live/nothing/index.m3u8"; 300];
    for answer in gateway.http2(&targets).await {
        assert_eq!(answer.version(), http::Version::HTTP_2);
        assert_eq!(answer.status(), 404);
        assert_eq!(error_code(&answer), "unknown_channel");
    }
}

#[tokio::test]
async fn the_stream_says_what_it_is_before_it_starts_anything() {
    let gateway = Gateway::start().await;
    let stream = "/live/testcard/stream.ts";
    let answer = gateway.request(Method::HEAD, stream, &[]).await;
    assert_eq!((answer.status().as_u16(), answer.body().len()), (200, 0));
    let fields = [
        ("content-type", "video/mp2t"),
        ("cache-control", "no-store"),
        ("accept-ranges", "none"),
        ("access-control-allow-origin", "*"),
    ];
    for (name, value) in fields {
        assert_eq!(answer.headers()[name], value);
    }
    let sessions = gateway.get("/debug/sessions").await;
    assert_eq!(sessions.body().trim_ascii(), b"[]", "nothing was started");
    for query in ["rendition=", "rendition=a&rendition=b"] {
        let answer = gateway.get(&format!("{stream}?{query}")).await;
        assert_eq!(answer.status(), 400, "{query}");
        assert_eq!(error_code(&answer), "bad_request");
    }
    // It cannot start here, and says so instead of an empty stream.
    for target in [stream, "/live/testcard/ts/index.m3u8"] {
        let answer = gateway.get(target).await;
        assert_eq!(answer.status(), 503, "{target}");
        assert!(answer.headers().contains_key("retry-after"), "{target}");
    }
}
