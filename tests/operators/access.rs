//! Names, origins and tokens: what gets nowhere, and what changes while the gateway runs.

use headgate::config::{OperatorsSaid, Secret};
use http::Method;

use crate::gateway::{ALICE, BOB, CHANNELS, Gateway, TOKENS, code, send};

const SESSIONS: &str = "/api/v1/sessions";
const RELOAD: &str = "/api/v1/config/reload";

#[tokio::test]
async fn a_name_that_was_made_to_lead_here_is_refused() {
    let named = TOKENS.replace("audit_log", "hosts = [\"Tower.Example\"]\naudit_log");
    let with_tokens = Gateway::start(&format!(
        "[server]\npublic_url = \"https://tv.example/x\"\n{named}{CHANNELS}"
    ))
    .await;
    let without = Gateway::start(CHANNELS).await;
    let alice = format!("Bearer {ALICE}");
    for gateway in [&with_tokens, &without] {
        for host in [
            "evil.example",
            "127.0.0.1.evil.example",
            "evil.example:8081",
            "tower.example.evil",
        ] {
            for (method, path) in [
                (Method::GET, SESSIONS),
                (Method::GET, "/metrics"),
                (Method::GET, "/debug/sessions"),
                (Method::POST, RELOAD),
            ] {
                let fields = [("host", host), ("authorization", alice.as_str())];
                let answer = send(gateway.operators, method, path, &fields, "").await;
                assert_eq!(
                    (answer.status().as_u16(), code(&answer).as_str()),
                    (421, "wrong_host"),
                    "{host} {path}"
                );
            }
        }
        for host in [
            "localhost",
            "tv.localhost:1",
            "127.0.0.1:8081",
            "[::1]",
            "192.168.1.9",
        ] {
            let fields = [("host", host), ("authorization", alice.as_str())];
            let answer = send(gateway.operators, Method::GET, SESSIONS, &fields, "").await;
            assert_eq!(answer.status(), 200, "{host}");
        }
    }
    for host in ["tower.example", "TOWER.example:8081", "tv.example"] {
        let fields = [("host", host), ("authorization", alice.as_str())];
        let answer = send(with_tokens.operators, Method::GET, SESSIONS, &fields, "").await;
        assert_eq!(answer.status(), 200, "{host}");
    }
    let refused = with_tokens
        .metric("headgate_operator_refusals_total{reason=\"host\"}")
        .await;
    assert_eq!(refused, 16.0);
    // Viewers and machines may call it as they like.
    for path in ["/healthz", "/channels.m3u"] {
        let answer = send(
            with_tokens.viewers,
            Method::GET,
            path,
            &[("host", "any.example")],
            "",
        )
        .await;
        assert_eq!(answer.status(), 200, "{path}");
    }
    with_tokens.stop().await;
    without.stop().await;
}

#[tokio::test]
async fn pages_of_other_origins_change_nothing_and_read_nothing() {
    let gateway = Gateway::start(CHANNELS).await;
    let own = format!("http://{}", gateway.operators);
    for fields in [
        [("origin", "https://evil.example"), ("x", "x")],
        [("origin", "null"), ("x", "x")],
        [("sec-fetch-site", "cross-site"), ("x", "x")],
        [("sec-fetch-site", "same-site"), ("origin", own.as_str())],
    ] {
        let answer = send(gateway.operators, Method::POST, RELOAD, &fields, "").await;
        assert_eq!(
            (answer.status().as_u16(), code(&answer).as_str()),
            (403, "forbidden"),
            "{fields:?}"
        );
        let answer = send(gateway.operators, Method::GET, SESSIONS, &fields, "").await;
        assert!(!answer.headers().contains_key("access-control-allow-origin"));
        assert_eq!(
            answer.headers()["cross-origin-resource-policy"],
            "same-origin"
        );
        assert!(!answer.headers().contains_key("set-cookie"));
    }
    let fields = [("origin", own.as_str()), ("sec-fetch-site", "same-origin")];
    let answer = send(gateway.operators, Method::POST, RELOAD, &fields, "").await;
    assert_eq!(answer.status(), 200);
    gateway.stop().await;
}

#[tokio::test]
async fn what_browsers_are_told_is_strict_for_operators_and_open_for_media() {
    let gateway = Gateway::with_tokens().await;
    for path in ["/", "/api/", SESSIONS] {
        let answer = gateway.ask(Method::GET, path, Some(BOB)).await;
        let field = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert!(
            field("content-security-policy").contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert_eq!(field("x-frame-options"), "DENY", "{path}");
        assert_eq!(field("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(field("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(
            field("cross-origin-resource-policy"),
            "same-origin",
            "{path}"
        );
        assert!(field("permissions-policy").contains("camera=()"), "{path}");
    }
    let media = send(
        gateway.viewers,
        Method::GET,
        "/live/one/index.m3u8",
        &[("origin", "https://a.example")],
        "",
    )
    .await;
    assert_eq!(media.headers()["access-control-allow-origin"], "*");
    assert!(!media.headers().contains_key("cross-origin-resource-policy"));
    gateway.stop().await;
}

#[tokio::test]
async fn a_proxy_on_this_machine_lets_nobody_in_from_elsewhere() {
    let text = format!("[server]\ntrusted_proxies = [\"127.0.0.1\"]\n{CHANNELS}");
    let gateway = Gateway::start(&text).await;
    for (viewer, status) in [("203.0.113.9", 401), ("127.0.0.1", 200)] {
        let fields = [
            ("x-forwarded-for", viewer),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "tv.example"),
        ];
        for path in [SESSIONS, "/metrics", "/debug/sessions", "/readyz"] {
            let answer = send(gateway.viewers, Method::GET, path, &fields, "").await;
            assert_eq!(answer.status(), status, "{viewer} {path}");
        }
        let answer = send(gateway.viewers, Method::GET, "/channels.m3u", &fields, "").await;
        assert_eq!(answer.status(), 200, "{viewer}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn wrong_ways_to_say_a_token_are_none() {
    let gateway = Gateway::with_tokens().await;
    let (good, basic, short) = (
        format!("Bearer {ALICE}"),
        format!("Basic {ALICE}"),
        format!("Bearer {}", &ALICE[1..]),
    );
    let in_query = format!("{SESSIONS}?token={ALICE}&access_token={ALICE}");
    for fields in [
        vec![("authorization", basic.as_str())],
        vec![("authorization", short.as_str())],
        vec![("authorization", ALICE)],
        vec![
            ("authorization", good.as_str()),
            ("authorization", good.as_str()),
        ],
        vec![("cookie", good.as_str())],
        vec![("x-api-key", ALICE)],
        vec![],
    ] {
        let answer = send(gateway.operators, Method::GET, SESSIONS, &fields, "").await;
        assert_eq!(answer.status(), 401, "{fields:?}");
        assert!(!String::from_utf8_lossy(answer.body()).contains("9d1c5a7e"));
    }
    assert_eq!(
        gateway.ask(Method::GET, &in_query, None).await.status(),
        401
    );
    let lower = format!("bearer {ALICE}");
    let answer = send(
        gateway.operators,
        Method::GET,
        SESSIONS,
        &[("authorization", &lower)],
        "",
    )
    .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        gateway
            .metric("headgate_operator_refusals_total{reason=\"wrong_token\"}")
            .await,
        1.0
    );
    gateway.stop().await;
}

#[tokio::test]
async fn tokens_change_while_the_gateway_runs() {
    let gateway = Gateway::with_tokens().await;
    let new = "carol-5f0e1d2c3b4a59687766554433";
    assert_eq!(
        gateway.ask(Method::GET, SESSIONS, Some(new)).await.status(),
        401
    );
    // Two tokens at a time: whoever has the old one is not refused before it is taken away.
    let both = format!(
        "{TOKENS}[[operators.token]]\nname = \"carol\"\nrole = \"operate\"\nsecret = \"{new}\"\n{CHANNELS}"
    );
    gateway.edit(&both).await;
    for token in [ALICE, BOB, new] {
        assert_eq!(
            gateway
                .ask(Method::GET, SESSIONS, Some(token))
                .await
                .status(),
            200,
            "{token}"
        );
    }
    // A file of a token is read again with the configuration, also when that is the same.
    std::fs::write(gateway.folder.path().join("bob.token"), format!("{BOB}2\n")).unwrap();
    assert_eq!(
        gateway
            .ask(Method::POST, RELOAD, Some(ALICE))
            .await
            .status(),
        200
    );
    assert_eq!(
        gateway.ask(Method::GET, SESSIONS, Some(BOB)).await.status(),
        401
    );
    assert_eq!(
        gateway
            .ask(Method::GET, SESSIONS, Some(&format!("{BOB}2")))
            .await
            .status(),
        200
    );
    let without_alice = both
        .replace("name = \"alice\"", "name = \"dave\"")
        .replace(ALICE, "dave-00112233445566778899aabb");
    gateway.edit(&without_alice).await;
    assert_eq!(
        gateway
            .ask(Method::GET, SESSIONS, Some(ALICE))
            .await
            .status(),
        401
    );
    assert_eq!(
        gateway.ask(Method::GET, SESSIONS, Some(new)).await.status(),
        200
    );
    // A wrong file changes nothing, and no token is shown anywhere.
    gateway.edit("[operators]\nlisten = 7\n").await;
    let config = gateway.ask(Method::GET, "/api/v1/config", Some(new)).await;
    assert_eq!(config.status(), 200);
    let text = String::from_utf8_lossy(config.body()).into_owned();
    assert!(
        text.contains("\"dave\"") && !text.contains("00112233445566778899aabb"),
        "{text}"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn the_environment_may_hold_the_token() {
    let said = OperatorsSaid {
        listen: "127.0.0.1:0".parse().ok(),
        token: Some(Secret::new(ALICE)),
    };
    let gateway = Gateway::start_under(CHANNELS, said).await.unwrap();
    assert_ne!(gateway.viewers, gateway.operators);
    let who = gateway.json("/api/v1/operator", ALICE).await;
    assert_eq!(
        (&who["name"], &who["role"]),
        (&"environment".into(), &"operate".into())
    );
    assert_eq!(gateway.ask(Method::GET, SESSIONS, None).await.status(), 401);
    gateway.stop().await;
}

#[tokio::test]
async fn a_gateway_without_the_token_that_it_needs_does_not_start() {
    let open = format!("[operators]\nlisten = \"0.0.0.0:0\"\n{CHANNELS}");
    let why = Gateway::start_under(&open, OperatorsSaid::default())
        .await
        .err()
        .unwrap();
    assert!(
        why.contains("[[operators.token]]") && why.contains("0.0.0.0:0"),
        "{why}"
    );
    let no_file = TOKENS.replace("bob.token", "nobody.token");
    let why = Gateway::start_under(&format!("{no_file}{CHANNELS}"), OperatorsSaid::default())
        .await
        .err()
        .unwrap();
    assert!(
        why.contains("nobody.token") && why.contains("openssl rand"),
        "{why}"
    );
}
