//! What is kept of each change: in the API, among the events and in the file.

use http::Method;
use serde_json::{Value, json};

use crate::gateway::{ALICE, BOB, CHANNELS, Gateway, TOKENS};

fn newest(audit: &Value) -> &Value {
    &audit["items"][0]
}

/// An operation that changes something.
struct Try {
    method: Method,
    path: String,
    body: &'static str,
    /// What it is called, what it is answered here, and what else is kept.
    action: &'static str,
    status: u16,
    detail: &'static str,
}

/// All operations that change something.
fn tries(session: &str) -> Vec<Try> {
    let of = |rest: &str| format!("/api/v1/sessions/{session}{rest}");
    let start = |id: &str| format!("/api/v1/channels/{id}/start");
    let post = |path, body, action, status, detail| Try {
        method: Method::POST,
        path,
        body,
        action,
        status,
        detail,
    };
    let delete = |path, action, status| Try {
        method: Method::DELETE,
        path,
        body: "",
        action,
        status,
        detail: "",
    };
    let (slate, unknown) = (r#"{"source":"slate"}"#, r#"{"source":"no such"}"#);
    let lasting = r#"{"for":"7m"}"#;
    vec![
        post(of("/source"), slate, "switch_source", 202, "slate"),
        post(of("/source"), unknown, "switch_source", 400, ""),
        post(of("/restart"), "", "restart", 202, ""),
        post(start("one"), lasting, "start", 202, "for 7m"),
        post(start("none"), lasting, "start", 404, ""),
        post("/api/v1/config/reload".into(), "", "reload", 200, ""),
        delete(of("/viewers/0123456789abcdef"), "kick", 404),
        delete(of(""), "stop", 204),
    ]
}

/// Does it, and reads what is kept of it.
async fn kept(gateway: &Gateway, one: &Try) -> Value {
    let Try { method, path, .. } = one;
    let answer = match one.body {
        "" => gateway.ask(method.clone(), path, Some(ALICE)).await,
        body => gateway.post(path, ALICE, body).await,
    };
    assert_eq!(answer.status().as_u16(), one.status, "{path}");
    let audit = gateway.json("/api/v1/audit?limit=1", BOB).await;
    newest(&audit).clone()
}

#[tokio::test]
async fn every_change_is_kept_with_who_what_and_how() {
    let gateway = Gateway::with_tokens().await;
    let session = gateway.session().await;
    let mut told = Vec::new();
    for one in tries(&session) {
        let kept = kept(&gateway, &one).await;
        let outcome = if one.status < 400 { "done" } else { "refused" };
        for (key, value) in [
            ("operator", json!("alice")),
            ("role", json!("operate")),
            ("address", json!("127.0.0.1")),
            ("action", json!(one.action)),
            ("method", json!(one.method.as_str())),
            ("path", json!(one.path)),
            ("status", json!(one.status)),
            ("outcome", json!(outcome)),
            ("detail", json!(one.detail)),
        ] {
            assert_eq!(kept[key], value, "{key} of {kept}");
        }
        if one.path.contains(&session) {
            let names = (&kept["session"], &kept["channel"]);
            assert_eq!(names, (&json!(session), &json!("one")));
        }
        assert!(kept["code"] != "" || one.status < 400, "{kept}");
        told.push(kept);
    }
    let done = gateway.metric("headgate_operator_changes_total{outcome=\"done\"}");
    assert_eq!(done.await, 6.0, "five, and the start of the session");
    let folder = gateway.stop().await;
    let text = std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[1..], told, "the first is the start of the session");
    assert!(!text.contains("9d1c5a7e"), "{text}");
}

/// Nothing that the description names is missing among what is tried.
#[tokio::test]
async fn no_change_is_forgotten() {
    let gateway = Gateway::with_tokens().await;
    let document = gateway.json("/api/v1/openapi.json", BOB).await;
    let tries = tries("x");
    for item in document["paths"].as_object().unwrap().values() {
        for method in ["post", "put", "patch", "delete"] {
            let Some(operation) = item.get(method) else {
                continue;
            };
            let id = operation["operationId"].as_str().unwrap();
            let is_tried = tries.iter().any(|one| one.action == id);
            assert!(is_tried || operation.get("security").is_none(), "{id}");
        }
    }
    gateway.stop().await;
}

#[tokio::test]
async fn who_may_only_look_and_tries_is_kept_too() {
    let gateway = Gateway::with_tokens().await;
    assert_eq!(
        gateway
            .ask(Method::POST, "/api/v1/config/reload", Some(BOB))
            .await
            .status(),
        403
    );
    // Nobody is known here, so nobody can fill the log.
    assert_eq!(
        gateway
            .ask(Method::POST, "/api/v1/config/reload", None)
            .await
            .status(),
        401
    );
    let audit = gateway.json("/api/v1/audit", BOB).await;
    assert_eq!(audit["total"], 1);
    let kept = newest(&audit);
    assert_eq!(
        (&kept["operator"], &kept["outcome"], &kept["code"]),
        (&json!("bob"), &json!("refused"), &json!("forbidden"))
    );
    assert_eq!(
        gateway
            .metric("headgate_operator_refusals_total{reason=\"role\"}")
            .await,
        1.0
    );
    assert_eq!(
        gateway
            .metric("headgate_operator_refusals_total{reason=\"no_token\"}")
            .await,
        1.0
    );
    gateway.stop().await;
}

#[tokio::test]
async fn a_change_that_is_sent_twice_is_told_twice_and_done_once() {
    let gateway = Gateway::with_tokens().await;
    let token = format!("Bearer {ALICE}");
    for _ in 0..2 {
        let fields = [
            ("authorization", token.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", "the-same"),
        ];
        let path = "/api/v1/channels/one/start";
        let answer = crate::gateway::send(
            gateway.operators,
            Method::POST,
            path,
            &fields,
            r#"{"for":"1m"}"#,
        )
        .await;
        assert_eq!(answer.status(), 202);
    }
    let audit = gateway.json("/api/v1/audit", BOB).await;
    assert_eq!(
        (&audit["total"], &newest(&audit)["action"]),
        (&json!(2), &json!("start"))
    );
    gateway.stop().await;
}

#[tokio::test]
async fn changes_are_events() {
    let gateway = Gateway::with_tokens().await;
    gateway
        .ask(Method::POST, "/api/v1/config/reload", Some(ALICE))
        .await;
    let path = "/api/v1/events?types=operator.acted&last_event_id=0";
    let said = format!("Bearer {ALICE}");
    let text = first_event(gateway.operators, path, &said).await;
    assert!(text.contains("event: operator.acted"), "{text}");
    assert!(
        text.contains(r#""operator":"alice","action":"reload""#),
        "{text}"
    );
    gateway.stop().await;
}

/// Reads a stream until an event is whole.
async fn first_event(to: std::net::SocketAddr, path: &str, token: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(to).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {to}\r\nauthorization: {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut all = String::new();
    while !all.contains("data: {") || !all.ends_with("\n\r\n") && !all.ends_with("\n\n\r\n") {
        let mut some = [0; 4096];
        let count = stream.read(&mut some).await.unwrap();
        assert!(count > 0, "{all}");
        all += &String::from_utf8_lossy(&some[..count]);
    }
    all
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_does_not_keep_operators_from_anything() {
    let text = TOKENS.replace("audit.jsonl", "/dev/full");
    let gateway = Gateway::start(&format!("{text}{CHANNELS}")).await;
    for _ in 0..3 {
        let answer = gateway
            .ask(Method::POST, "/api/v1/config/reload", Some(ALICE))
            .await;
        assert_eq!(answer.status(), 200);
    }
    while gateway.metric("headgate_audit_log_lost_lines_total").await < 3.0 {
        tokio::task::yield_now().await;
    }
    let audit = gateway.json("/api/v1/audit", BOB).await;
    assert_eq!(audit["total"], 3);
    let ready = gateway.json("/readyz", BOB).await;
    let warnings = ready["warnings"].to_string();
    assert!(warnings.contains("/dev/full"), "{warnings}");
    gateway.stop().await;
}
