//! Which URL needs what.

use super::*;

fn need(method: &Method, path: &str, open: &[OpenPath]) -> Need {
    Need::of(Route::decode(method, path), method, path, open)
}

#[test]
fn every_path_has_its_need() {
    let (get, post) = (Method::GET, Method::POST);
    for path in [
        "/live/a/index.m3u8",
        "/live/a/v/index.m3u8",
        "/live/a/v/iframes.m3u8",
        "/live/a/v/e1/init.1.mp4",
        "/live/a/v/e1/2.m4s",
        "/live/a/ts/index.m3u8",
        "/live/a/ts/v/index.m3u8",
        "/live/a/ts/v/e1/2.ts",
        "/live/a/stream.ts",
        "/live/a/manifest.mpd",
        "/live/a/thumbnail.jpg",
        "/live/time",
        "/live/joe/secret/7.ts",
        "/auto/v7",
        "/channels.m3u",
        "/guide.xml",
        "/player_api.php",
        "/lineup.json",
        "/healthz",
        "/../x",
    ] {
        for method in [&get, &post, &Method::OPTIONS] {
            assert_eq!(need(method, path, &[]), Need::Nothing, "{method} {path}");
        }
    }
    for path in ["/", "/assets/x.js", "/anything", "/api", "/api/"] {
        assert_eq!(need(&get, path, &[]), Need::Place, "{path}");
    }
    for path in [
        "/api/v1/channels",
        "/api/v1/openapi.json",
        "/api/x",
        "/debug",
        "/debug/sessions",
        "/metrics",
        "/readyz",
    ] {
        for method in [&get, &Method::HEAD, &Method::OPTIONS] {
            assert_eq!(
                need(method, path, &[]),
                Need::Token(Role::Read),
                "{method} {path}"
            );
        }
        for method in [
            &post,
            &Method::PUT,
            &Method::PATCH,
            &Method::DELETE,
            &Method::TRACE,
        ] {
            assert_eq!(
                need(method, path, &[]),
                Need::Token(Role::Operate),
                "{method} {path}"
            );
        }
    }
}

#[test]
fn what_is_opened_is_read_without_a_token_and_nothing_else_is() {
    let open = [OpenPath::Metrics, OpenPath::Ready];
    assert_eq!(need(&Method::GET, "/metrics", &open), Need::Place);
    assert_eq!(need(&Method::GET, "/readyz", &open[1..]), Need::Place);
    assert_eq!(
        need(&Method::GET, "/metrics", &open[1..]),
        Need::Token(Role::Read)
    );
    assert_eq!(
        need(&Method::POST, "/metrics", &open),
        Need::Token(Role::Operate)
    );
    assert_eq!(
        need(&Method::GET, "/api/v1/audit", &open),
        Need::Token(Role::Read)
    );
}
