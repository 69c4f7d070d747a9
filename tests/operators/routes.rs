//! Roles and routes: every kind of URL, asked at both listeners by everybody.

use std::mem::discriminant;

use headgate::http::Route;
use http::Method;
use serde_json::Value;

use crate::gateway::{ALICE, BOB, CHANNELS, Gateway, TOKENS, code, send};

/// Who may have a URL.
#[derive(Clone, Copy, PartialEq, Debug)]
enum For {
    /// At every listener, without a token of operators.
    Everybody,
    /// Where operators are served, without a token.
    Page,
    /// Where operators are served, with a token.
    Operators,
}

/// A URL of each kind that there is. The match below does not compile when there is one more.
const KINDS: [(&str, For); 22] = [
    ("/live/one/index.m3u8", For::Everybody),
    ("/live/one/v/index.m3u8", For::Everybody),
    ("/live/one/v/e1/1.m4s", For::Everybody),
    ("/live/one/ts/index.m3u8", For::Everybody),
    ("/live/one/ts/v/index.m3u8", For::Everybody),
    ("/live/one/ts/v/e1/1.ts", For::Everybody),
    ("/live/nothing/stream.ts", For::Everybody),
    ("/live/one/v/iframes.m3u8", For::Everybody),
    ("/live/one/manifest.mpd", For::Everybody),
    ("/live/one/thumbnail.jpg", For::Everybody),
    ("/live/time", For::Everybody),
    ("/live/joe/password/7.ts", For::Everybody),
    ("/auto/v7", For::Everybody),
    ("/channels.m3u", For::Everybody),
    ("/debug/sessions", For::Operators),
    ("/api/v1/channels", For::Operators),
    ("/healthz", For::Everybody),
    ("/readyz", For::Operators),
    ("/metrics", For::Operators),
    ("/", For::Page),
    ("/x%20y", For::Everybody),
    ("/api/", For::Page),
];

/// The place of a kind in the list of all of them.
fn number(route: Route<'_>) -> usize {
    match route {
        Route::Multivariant { .. } => 0,
        Route::MediaPlaylist { .. } => 1,
        Route::Media { .. } => 2,
        Route::TsMultivariant { .. } => 3,
        Route::TsPlaylist { .. } => 4,
        Route::TsSegment { .. } => 5,
        Route::TsStream { .. } => 6,
        Route::KeyFramePlaylist { .. } => 7,
        Route::Manifest { .. } => 8,
        Route::Thumbnail { .. } => 9,
        Route::Time => 10,
        Route::Xtream { .. } => 11,
        Route::Tuner { .. } => 12,
        Route::Iptv => 13,
        Route::Debug => 14,
        Route::Api => 15,
        Route::Health => 16,
        Route::Ready => 17,
        Route::Metrics => 18,
        Route::Web => 19,
        Route::Refused(_) => 20,
        // `OPTIONS` on media: asked below.
        Route::Preflight => 21,
    }
}

#[test]
fn no_kind_of_url_is_forgotten() {
    let kinds: Vec<_> = KINDS
        .iter()
        .map(|(path, _)| Route::decode(&Method::GET, path))
        .collect();
    for (index, kind) in kinds.iter().enumerate().take(21) {
        assert_eq!(number(*kind), index, "{:?}", KINDS[index]);
    }
    let preflight = Route::decode(&Method::OPTIONS, KINDS[0].0);
    assert_eq!(discriminant(&preflight), discriminant(&Route::Preflight));
}

#[tokio::test]
async fn every_kind_is_served_to_whom_it_is_for() {
    let gateway = Gateway::with_tokens().await;
    for (path, whose) in KINDS {
        // A stream that would be served goes on; HEAD is answered at once.
        let asked = |to, token: Option<&'static str>| async move {
            let said = token.map(|token| format!("Bearer {token}"));
            let fields: Vec<_> = said
                .iter()
                .map(|said| ("authorization", said.as_str()))
                .collect();
            send(to, Method::HEAD, path, &fields, "")
                .await
                .status()
                .as_u16()
        };
        let with_token = asked(gateway.operators, Some(BOB)).await;
        let without = asked(gateway.operators, None).await;
        let wrong = asked(gateway.operators, Some("nobodys-0123456789abcdef0123")).await;
        let at_viewers = asked(gateway.viewers, Some(ALICE)).await;
        match whose {
            For::Everybody => {
                assert_eq!(
                    (without, wrong, at_viewers),
                    (with_token, with_token, with_token),
                    "{path}"
                );
                assert_ne!(with_token, 401, "{path}");
            }
            For::Page => {
                assert_eq!(
                    (without, wrong, at_viewers),
                    (with_token, with_token, 404),
                    "{path}"
                );
            }
            For::Operators => {
                assert_eq!(
                    (with_token, without, wrong, at_viewers),
                    (200, 401, 401, 404),
                    "{path}"
                );
            }
        }
    }
    let preflight = send(gateway.viewers, Method::OPTIONS, KINDS[0].0, &[], "").await;
    assert_eq!(preflight.status(), 204);
    gateway.stop().await;
}

/// Everything that the description of the API knows: nothing is done for who may not.
#[tokio::test]
async fn every_operation_asks_for_its_role() {
    let gateway = Gateway::with_tokens().await;
    let document = gateway.json("/api/v1/openapi.json", BOB).await;
    assert_eq!(
        document["components"]["securitySchemes"]["token"]["scheme"],
        "bearer"
    );
    let mut changes = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let filled = path
            .replace("{viewer}", "0123456789abcdef")
            .replace("channels/{id}", "channels/one")
            .replace("{id}", "01939f00-0000-7000-8000-000000000000");
        for (name, operation) in item.as_object().unwrap() {
            let method: Method = name.to_uppercase().parse().unwrap();
            let is_for_operators = operation["security"].is_array();
            let without = gateway.ask(method.clone(), &filled, None).await;
            assert_eq!(without.status() == 401, is_for_operators, "{method} {path}");
            if !is_for_operators {
                continue;
            }
            assert_eq!(code(&without), "unauthorized", "{method} {path}");
            assert_eq!(
                without.headers()["www-authenticate"],
                "Bearer realm=\"headgate\""
            );
            assert_eq!(without.headers()["cache-control"], "no-store");
            let at_viewers = send(gateway.viewers, method.clone(), &filled, &[], "").await;
            assert_eq!(at_viewers.status(), 404, "{method} {path}");
            let reader = gateway.ask(method.clone(), &filled, Some(BOB)).await;
            match method == Method::GET {
                true => assert!(
                    ![401, 403, 421].contains(&reader.status().as_u16()),
                    "{path}"
                ),
                false => {
                    changes += 1;
                    assert_eq!(
                        (reader.status().as_u16(), code(&reader).as_str()),
                        (403, "forbidden"),
                        "{method} {path}"
                    );
                    let operator = gateway.ask(method.clone(), &filled, Some(ALICE)).await;
                    assert!(
                        ![401, 403].contains(&operator.status().as_u16()),
                        "{method} {path}"
                    );
                }
            }
        }
    }
    assert!(changes >= 6, "{changes}");
    gateway.stop().await;
}

#[tokio::test]
async fn without_a_word_about_operators_one_loopback_address_serves_everything() {
    let gateway = Gateway::start(CHANNELS).await;
    assert_eq!(gateway.viewers, gateway.operators);
    for (path, _) in KINDS {
        let answer = send(gateway.viewers, Method::HEAD, path, &[], "").await;
        assert_ne!(answer.status(), 401, "{path}");
    }
    let answer = gateway
        .ask(Method::POST, "/api/v1/config/reload", None)
        .await;
    assert_eq!(answer.status(), 200);
    let who = gateway.ask(Method::GET, "/api/v1/operator", None).await;
    let who: Value = serde_json::from_slice(who.body()).unwrap();
    assert_eq!(
        who,
        serde_json::json!({"name": "local", "role": "operate", "has_token": false})
    );
    gateway.stop().await;
}

#[tokio::test]
async fn machines_may_be_let_in_without_a_token() {
    let text = TOKENS.replace("audit_log", "open = [\"metrics\", \"readyz\"]\naudit_log");
    let gateway = Gateway::start(&format!("{text}{CHANNELS}")).await;
    for (path, status) in [
        ("/metrics", 200),
        ("/readyz", 200),
        ("/api/v1/audit", 401),
        ("/debug/sessions", 401),
    ] {
        let answer = gateway.ask(Method::GET, path, None).await;
        assert_eq!(answer.status(), status, "{path}");
        let elsewhere = send(gateway.viewers, Method::GET, path, &[], "").await;
        assert_eq!(elsewhere.status(), 404, "{path}");
    }
    gateway.stop().await;
}
