//! The description of the API against the API.

use std::collections::BTreeSet;

use http::Method;
use serde_json::Value;

use crate::support::{Gateway, error_code};

const METHODS: [Method; 5] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::PATCH,
];

async fn document(gateway: &Gateway) -> Value {
    let answer = gateway.get("/api/v1/openapi.json").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert!(answer.headers().contains_key("etag"));
    serde_json::from_slice(answer.body()).unwrap()
}

/// A path with something in place of its parameters.
fn filled(path: &str) -> String {
    path.replace("{viewer}", "0123456789abcdef")
        .replace("channels/{id}", "channels/testcard")
        .replace("{id}", "01939f00-0000-7000-8000-000000000000")
}

#[tokio::test]
async fn what_it_says_is_there_and_nothing_else() {
    let gateway = Gateway::start().await;
    let document = document(&gateway).await;
    let paths = document["paths"].as_object().unwrap();
    for (path, item) in paths {
        let described: BTreeSet<&str> = item.as_object().unwrap().keys().map(|k| &**k).collect();
        for method in METHODS {
            let name = method.as_str().to_lowercase();
            // The stream of events has an answer without an end.
            let method = match method {
                Method::GET => Method::HEAD,
                other => other,
            };
            let is_head = method == Method::HEAD;
            let answer = gateway.request(method, &filled(path), &[]).await;
            let is_there = answer.status() != 405;
            assert_eq!(is_there, described.contains(&*name), "{name} {path}");
            if answer.status() == 404 && !is_head {
                assert_ne!(error_code(&answer), "not_found", "{name} {path}");
            }
            if !is_there && !is_head {
                assert_eq!(error_code(&answer), "method_not_allowed");
                let allow = answer.headers()["allow"].to_str().unwrap();
                for method in &described {
                    assert!(allow.contains(&method.to_uppercase()), "{path}: {allow}");
                }
            }
        }
    }
    for path in [
        "/api/v1/channels",
        "/api/v1/channels/{id}/start",
        "/api/v1/sessions/{id}/viewers/{viewer}",
        "/debug/sessions",
        "/healthz",
        "/metrics",
    ] {
        assert!(paths.contains_key(path), "{path}");
    }
}

/// Routes are made where they are described; the web app's files are no operations.
#[test]
fn there_is_no_other_door() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    let mut doors = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let makes = [".route(\"", ".route(&", ".nest(", "_service("];
        if makes.iter().any(|call| text.contains(call)) {
            doors.insert(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    let expected = ["operations.rs", "web.rs"].map(String::from);
    assert_eq!(doors, BTreeSet::from(expected));
}

#[tokio::test]
async fn every_read_has_a_tag_and_a_head() {
    let gateway = Gateway::start().await;
    let document = document(&gateway).await;
    let mut read = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        if !item["get"].is_object() || path == "/api/v1/events" {
            continue;
        }
        let answer = gateway.get(&filled(path)).await;
        let head = gateway.request(Method::HEAD, &filled(path), &[]).await;
        assert_eq!(head.status(), answer.status(), "{path}");
        assert!(head.body().is_empty(), "{path}");
        if answer.status() == 200 {
            assert!(answer.headers().contains_key("etag"), "{path}");
            assert!(head.headers().contains_key("etag"), "{path}");
            read += 1;
        }
    }
    assert!(read >= 7, "{read}");
    let tag = gateway.get("/healthz").await.headers()["etag"].clone();
    let known = [("if-none-match", tag.to_str().unwrap())];
    let again = gateway.request(Method::GET, "/healthz", &known).await;
    assert_eq!(again.status(), 304);
}
