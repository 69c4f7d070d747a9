//! Tests of the routes.

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
        (
            "/live/news-24/ts/index.m3u8",
            Route::TsMultivariant { channel },
        ),
        (
            "/live/news-24/ts/720p/index.m3u8",
            Route::TsPlaylist { channel, rendition },
        ),
        (
            "/live/news-24/ts/720p/e1795237732/7.ts",
            Route::TsSegment {
                channel,
                rendition,
                epoch: 1_795_237_732,
                msn: 7,
            },
        ),
        (
            "/live/news-24/stream.ts?rendition=720p",
            Route::TsStream { channel },
        ),
        (
            "/live/news-24/720p/e1795237732/1795237733.iframe.m4s",
            media(MediaName::KeyFrame(1_795_237_733)),
        ),
        (
            "/live/news-24/720p/iframes.m3u8",
            Route::KeyFramePlaylist { channel, rendition },
        ),
        ("/live/news-24/manifest.mpd", Route::Manifest { channel }),
        ("/live/news-24/thumbnail.jpg", Route::Thumbnail { channel }),
        ("/live/time", Route::Time),
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
fn front_ends_have_their_urls() {
    for path in IPTV {
        assert_eq!(get(path), Route::Iptv);
    }
    assert_eq!(get("/auto/v7?duration=10"), Route::Tuner { number: 7 });
    assert_eq!(get("/tuner1/v7"), Route::Tuner { number: 7 });
    let stream = |hls| Route::Xtream {
        user: "ann",
        password: "p.w~1",
        id: 42,
        hls,
    };
    for (path, hls) in [
        ("/live/ann/p.w~1/42.ts", false),
        ("/live/ann/p.w~1/42.m3u8", true),
        ("/live/ann/p.w~1/42", false),
        ("/ann/p.w~1/42", false),
        ("/ann/p.w~1/42.m3u8", true),
    ] {
        assert_eq!(get(path), stream(hls), "{path}");
    }
    for path in [
        "/ann/p.w~1/x",
        "/ann/p.w~1/042",
        "/assets/a/1",
        "/auto/v7/",
        "/ann/pw/1.avi",
    ] {
        assert_eq!(get(path), Route::Web, "{path}");
    }
    for path in [
        "/live/ann/../1.ts",
        "/live/ann/p%20w/1.ts",
        "/live/ann//1.ts",
    ] {
        assert_eq!(get(path), Route::Refused(Refusal::BadPath), "{path}");
    }
    let posted = Route::decode(&Method::POST, "/ann/p.w~1/42");
    assert_eq!(posted, Route::Refused(Refusal::MethodNotAllowed));
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
            (format!("{base}/{msn}.iframe.m4s"), MediaName::KeyFrame(msn)),
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
                    MediaName::KeyFrame(msn) => format!("{msn}.iframe.m4s"),
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
