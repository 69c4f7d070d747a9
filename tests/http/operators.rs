//! The API, health and metrics.

use std::sync::atomic::Ordering::SeqCst;

use http::Method;
use serde_json::{Value, json};

use crate::support::{Gateway, error_code};

const SESSION: &str = "/api/v1/sessions/01939f00-0000-7000-8000-000000000000";

#[tokio::test]
async fn lists_have_their_shape() {
    let gateway = Gateway::start().await;
    for (target, total) in [("/api/v1/channels", 1), ("/api/v1/sessions?limit=1000", 0)] {
        let answer = gateway.get(target).await;
        assert_eq!(answer.status(), 200, "{target}");
        assert_eq!(answer.headers()["content-type"], "application/json");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        let body: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(
            body["items"].as_array().map(Vec::len),
            Some(total),
            "{body}"
        );
        assert_eq!(
            (&body["total"], &body["next"]),
            (&json!(total), &Value::Null)
        );
    }
    let answer = gateway.get("/debug/sessions").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        serde_json::from_slice::<Value>(answer.body()).unwrap(),
        json!([])
    );
}

#[tokio::test]
async fn what_does_not_exist_is_404_in_the_one_shape() {
    let gateway = Gateway::start().await;
    let viewers = format!("{SESSION}/viewers");
    for (target, code) in [
        ("/api/v1/channels/nothing", "unknown_channel"),
        (SESSION, "unknown_session"),
        (&viewers, "unknown_session"),
        ("/api/v1/sessions/not-a-uuid", "unknown_session"),
        ("/api/v1/nothing", "not_found"),
        ("/api/nothing", "not_found"),
        ("/debug/nothing", "not_found"),
        ("/nothing", "not_found"),
    ] {
        let answer = gateway.get(target).await;
        assert_eq!(answer.status(), 404, "{target}");
        assert_eq!(error_code(&answer), code, "{target}");
    }
    let restart = format!("{SESSION}/restart");
    for (method, target) in [(Method::DELETE, SESSION), (Method::POST, &restart)] {
        let answer = gateway.request(method, target, &[]).await;
        assert_eq!(answer.status(), 404, "{target}");
        assert_eq!(error_code(&answer), "unknown_session");
    }
}

#[tokio::test]
async fn wrong_requests_are_explained() {
    let gateway = Gateway::start().await;
    for query in [
        "limit=0",
        "limit=x",
        "limit=1001",
        "cursor=x",
        "limit=1&limit=2",
    ] {
        let answer = gateway.get(&format!("/api/v1/channels?{query}")).await;
        assert_eq!(answer.status(), 400, "{query}");
        assert_eq!(error_code(&answer), "bad_request");
    }
    let answer = gateway.request(Method::PUT, SESSION, &[]).await;
    assert_eq!(answer.status(), 405);
    assert_eq!(error_code(&answer), "method_not_allowed");
    let allow = answer.headers()["allow"].to_str().unwrap();
    assert!(allow.contains("GET") && allow.contains("DELETE"), "{allow}");
    let large = vec![b' '; 256 * 1024 + 1];
    let answer = gateway
        .send(Method::POST, &format!("{SESSION}/restart"), large)
        .await;
    assert_eq!(answer.status(), 413);
    assert_eq!(error_code(&answer), "too_large");
}

#[tokio::test]
async fn reads_are_conditional() {
    let gateway = Gateway::start().await;
    for target in ["/api/v1/channels", "/debug/sessions"] {
        let first = gateway.get(target).await;
        let tag = first.headers()["etag"].to_str().unwrap();
        let known = [("if-none-match", tag)];
        for method in [Method::GET, Method::HEAD] {
            let again = gateway.request(method, target, &known).await;
            assert_eq!(again.status(), 304, "{target}");
            assert_eq!(again.headers()["etag"], tag);
            assert!(again.body().is_empty());
        }
        let other = gateway
            .request(Method::GET, target, &[("if-none-match", "\"x\"")])
            .await;
        assert_eq!(other.status(), 200);
        let head = gateway.request(Method::HEAD, target, &[]).await;
        assert_eq!(head.status(), 200);
        assert_eq!(head.headers()["etag"], tag);
        let length = head.headers()["content-length"].to_str().unwrap();
        assert_eq!(length, first.body().len().to_string());
        assert!(head.body().is_empty());
    }
}

#[tokio::test]
async fn pages_of_other_origins_get_nowhere() {
    let gateway = Gateway::start().await;
    let own = format!("http://{}", gateway.address);
    let restart = format!("{SESSION}/restart");
    for (method, target) in [(Method::DELETE, SESSION), (Method::POST, &restart)] {
        for fields in [
            [("origin", "https://evil.example")],
            [("origin", "null")],
            [("sec-fetch-site", "cross-site")],
        ] {
            let answer = gateway.request(method.clone(), target, &fields).await;
            assert_eq!(answer.status(), 403, "{fields:?}");
            assert_eq!(error_code(&answer), "forbidden");
        }
        let fields = [("origin", own.as_str()), ("sec-fetch-site", "same-origin")];
        let answer = gateway.request(method.clone(), target, &fields).await;
        assert_eq!(answer.status(), 404);
    }
    let fields = [("origin", "https://evil.example")];
    let answer = gateway
        .request(Method::GET, "/api/v1/sessions", &fields)
        .await;
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
    let answer = gateway.request(Method::OPTIONS, SESSION, &fields).await;
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
    assert!(
        !answer
            .headers()
            .contains_key("access-control-allow-methods")
    );
}

#[tokio::test]
async fn a_name_that_is_not_ours_is_misdirected() {
    let gateway = Gateway::start().await;
    for target in ["/api/v1/sessions", "/debug/sessions", "/metrics"] {
        let fields = [("host", "evil.example")];
        let answer = gateway.request(Method::GET, target, &fields).await;
        assert_eq!(answer.status(), 421, "{target}");
        assert_eq!(error_code(&answer), "wrong_host");
        let fields = [("host", "localhost:8080")];
        let answer = gateway.request(Method::GET, target, &fields).await;
        assert_eq!(answer.status(), 200, "{target}");
    }
}

#[tokio::test]
async fn alive_and_ready_are_two_things() {
    let gateway = Gateway::start().await;
    assert_eq!(gateway.get("/healthz").await.status(), 200);
    assert_eq!(gateway.get("/readyz").await.status(), 200);
    gateway.ready.is_draining.store(true, SeqCst);
    assert_eq!(gateway.get("/healthz").await.status(), 200);
    let answer = gateway.get("/readyz").await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(body["reasons"], json!(["the gateway is stopping"]));
}

#[tokio::test]
async fn a_panic_is_an_answer_and_is_counted() {
    let gateway = Gateway::start().await;
    assert_eq!(
        gateway.sample("headgate_http_panics_total").await,
        Some(0.0)
    );
    gateway.ready.panics.store(true, SeqCst);
    let answer = gateway.get("/readyz").await;
    assert_eq!(answer.status(), 500);
    assert_eq!(error_code(&answer), "internal");
    assert!(!String::from_utf8_lossy(answer.body()).contains("as the test"));
    assert_eq!(
        gateway.sample("headgate_http_panics_total").await,
        Some(1.0)
    );
}

#[tokio::test]
async fn metrics_count_what_was_answered() {
    let gateway = Gateway::start().await;
    gateway.get("/live/nothing/index.m3u8").await;
    gateway.get("/live/nothing/a/e1/1.2.m4s").await;
    let page = gateway.get("/metrics").await;
    assert_eq!(
        page.headers()["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert!(page.body().ends_with(b"# EOF\n"));
    for kind in ["multivariant", "part"] {
        let name = format!("headgate_http_requests_total{{kind=\"{kind}\",status=\"404\"}}");
        assert_eq!(gateway.sample(&name).await, Some(1.0), "{name}");
    }
    assert_eq!(
        gateway.sample("headgate_sessions{state=\"active\"}").await,
        Some(0.0)
    );
}
