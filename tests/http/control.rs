//! What operators do, over a gateway whose one channel cannot deliver: what is refused, and how.

use http::{Method, Response};
use serde_json::{Value, json};

use crate::support::{Gateway, error_code};

const NONE: &str = "/api/v1/sessions/01939f00-0000-7000-8000-000000000000";
const START: &str = "/api/v1/channels/testcard/start";
const JSON: (&str, &str) = ("content-type", "application/json");

fn body(answer: &Response<bytes::Bytes>) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

/// The session of the channel, which failed at once.
async fn session(gateway: &Gateway) -> String {
    gateway.post(START, &[JSON], r#"{"for":"10m"}"#).await;
    let all = body(&gateway.get("/api/v1/sessions").await);
    let id = all["items"][0]["id"].as_str().unwrap();
    format!("/api/v1/sessions/{id}")
}

#[tokio::test]
async fn a_channel_is_started_ahead() {
    let gateway = Gateway::start().await;
    let answer = gateway.post(START, &[JSON], r#"{"for":"10m"}"#).await;
    assert_eq!(answer.status(), 202);
    let hold = body(&answer);
    assert_eq!(hold["channel"], "testcard");
    let session = body(&gateway.get("/api/v1/channels/testcard").await)["session"].clone();
    assert_eq!(session["held_until"], hold["until"]);
    assert_eq!(session["viewers"], 0);
    // The later end counts.
    let shorter = gateway.post(START, &[JSON], r#"{"for":"1s"}"#).await;
    assert_eq!(shorter.status(), 202);
    let session = body(&gateway.get("/api/v1/channels/testcard").await)["session"].clone();
    assert_eq!(session["held_until"], hold["until"]);
}

#[tokio::test]
async fn wrong_wishes_are_explained() {
    let gateway = Gateway::start().await;
    let table = [
        (r#"{"for":"0s"}"#, "between 1s and 24h"),
        (r#"{"for":"25h"}"#, "between 1s and 24h"),
        (r#"{"for":"10"}"#, "lacks its unit"),
        (r#"{"for":10}"#, "string"),
        (r#"{"for":"1m","while":1}"#, "unknown field"),
        ("{}", "missing field"),
        ("{", "JSON"),
        ("", "JSON"),
    ];
    for (text, words) in table {
        let answer = gateway.post(START, &[JSON], text).await;
        assert_eq!(answer.status(), 400, "{text}");
        assert_eq!(error_code(&answer), "bad_request", "{text}");
        let message = body(&answer)["error"]["message"].to_string();
        assert!(message.contains(words), "{text}: {message}");
    }
    let answer = gateway.post(START, &[], r#"{"for":"10m"}"#).await;
    assert_eq!(
        (answer.status().as_u16(), &*error_code(&answer)),
        (415, "unsupported_media_type")
    );
    let large = format!("{{\"for\":\"{}\"}}", "1".repeat(256 * 1024));
    let answer = gateway.post(START, &[JSON], &large).await;
    assert_eq!(
        (answer.status().as_u16(), &*error_code(&answer)),
        (413, "too_large")
    );
    let target = "/api/v1/channels/nothing/start";
    let answer = gateway.post(target, &[JSON], r#"{"for":"10m"}"#).await;
    assert_eq!(
        (answer.status().as_u16(), &*error_code(&answer)),
        (404, "unknown_channel")
    );
}

#[tokio::test]
async fn what_is_not_there_is_404() {
    let gateway = Gateway::start().await;
    let session = session(&gateway).await;
    let table = [
        (Method::DELETE, NONE.to_owned(), "unknown_session"),
        (Method::POST, format!("{NONE}/restart"), "unknown_session"),
        (Method::POST, format!("{NONE}/source"), "unknown_session"),
        (Method::GET, format!("{NONE}/viewers"), "unknown_session"),
        (
            Method::DELETE,
            format!("{NONE}/viewers/0123456789abcdef"),
            "unknown_session",
        ),
        (
            Method::DELETE,
            format!("{NONE}/viewers/x"),
            "unknown_session",
        ),
        (
            Method::DELETE,
            format!("{session}/viewers/0123456789abcdef"),
            "unknown_viewer",
        ),
        (
            Method::DELETE,
            format!("{session}/viewers/x"),
            "unknown_viewer",
        ),
        (
            Method::DELETE,
            format!("{session}/viewers/0123456789ABCDEF"),
            "unknown_viewer",
        ),
    ];
    for (method, target, code) in table {
        let answer = gateway
            .call(method, &target, &[JSON], r#"{"source":"0"}"#)
            .await;
        assert_eq!(answer.status(), 404, "{target}");
        assert_eq!(error_code(&answer), code, "{target}");
    }
}

#[tokio::test]
async fn a_source_is_one_of_the_channel() {
    let gateway = Gateway::start().await;
    let target = format!("{}/source", session(&gateway).await);
    for text in [r#"{"source":"1"}"#, r#"{"source":"news"}"#] {
        let answer = gateway.post(&target, &[JSON], text).await;
        assert_eq!(
            (answer.status().as_u16(), &*error_code(&answer)),
            (400, "unknown_source")
        );
        let known = &body(&answer)["error"]["details"]["sources"];
        assert_eq!(
            known[0],
            json!({"position": 0, "label": "testcard:", "kind": "testcard"})
        );
    }
    for text in [r#"{"source":"0"}"#, r#"{"source":"testcard:"}"#] {
        let answer = gateway.post(&target, &[JSON], text).await;
        assert_eq!(answer.status(), 202);
        assert_eq!(body(&answer)["source"]["position"], 0);
    }
}

#[tokio::test]
async fn a_key_is_answered_once() {
    let gateway = Gateway::start().await;
    let key = |key| [JSON, ("idempotency-key", key)];
    let ask = async |fields: &[(&str, &str)], text| {
        let answer = gateway.post(START, fields, text).await;
        assert_eq!(answer.status(), 202);
        body(&answer)["until"].clone()
    };
    let first = ask(&key("a"), r#"{"for":"10m"}"#).await;
    let again = ask(&key("a"), r#"{"for":"10m"}"#).await;
    assert_eq!(again, first, "the first answer");
    let new = ask(&key("b"), r#"{"for":"20m"}"#).await;
    assert_ne!(new, first, "another request");
    let other = gateway.post(START, &key("a"), r#"{"for":"11m"}"#).await;
    assert_eq!(
        (other.status().as_u16(), &*error_code(&other)),
        (422, "key_reused")
    );
    // A failure may be tried again, corrected or not.
    for (text, status) in [("{", 400), ("{", 400)] {
        let answer = gateway.post(START, &key("c"), text).await;
        assert_eq!(answer.status(), status);
    }
    for wrong in ["", "a b", &"x".repeat(256)] {
        let answer = gateway.post(START, &key(wrong), r#"{"for":"10m"}"#).await;
        assert_eq!(
            (answer.status().as_u16(), &*error_code(&answer)),
            (400, "bad_request")
        );
    }
}
