//! What is kept of each change: in the API, among the events and in the file.

use http::Method;
use serde_json::{Value, json};

use crate::gateway::{ALICE, BOB, CHANNELS, Gateway, TOKENS};

fn newest(audit: &Value) -> &Value {
    &audit["items"][0]
}

/// Each operation that changes something, what it is called, and what it is answered here.
#[tokio::test]
async fn every_change_is_kept_with_who_what_and_how() {
    let gateway = Gateway::with_tokens().await;
    let session = gateway.session().await;
    let of = |rest: &str| format!("/api/v1/sessions/{session}{rest}");
    let changes = [
        (
            Method::POST,
            of("/source"),
            r#"{"source":"slate"}"#,
            "switch_source",
            202,
            "slate",
        ),
        (
            Method::POST,
            of("/source"),
            r#"{"source":"no such"}"#,
            "switch_source",
            400,
            "",
        ),
        (Method::POST, of("/restart"), "", "restart", 202, ""),
        (
            Method::POST,
            "/api/v1/channels/one/start".into(),
            r#"{"for":"7m"}"#,
            "start",
            202,
            "for 7m",
        ),
        (
            Method::POST,
            "/api/v1/channels/none/start".into(),
            r#"{"for":"7m"}"#,
            "start",
            404,
            "",
        ),
        (
            Method::POST,
            "/api/v1/config/reload".into(),
            "",
            "reload",
            200,
            "",
        ),
        (
            Method::DELETE,
            of("/viewers/0123456789abcdef"),
            "",
            "kick",
            404,
            "",
        ),
        (Method::DELETE, of(""), "", "stop", 204, ""),
    ];
    let mut told = Vec::new();
    for (method, path, body, action, status, detail) in &changes {
        let answer = match *method == Method::POST && !body.is_empty() {
            true => gateway.post(path, ALICE, body).await,
            false => gateway.ask(method.clone(), path, Some(ALICE)).await,
        };
        assert_eq!(
            answer.status().as_u16(),
            *status,
            "{path}: {:?}",
            answer.body()
        );
        let audit = gateway.json("/api/v1/audit?limit=1", BOB).await;
        let kept = newest(&audit);
        let outcome = if *status < 400 { "done" } else { "refused" };
        for (key, value) in [
            ("operator", json!("alice")),
            ("role", json!("operate")),
            ("address", json!("127.0.0.1")),
            ("action", json!(action)),
            ("method", json!(method.as_str())),
            ("path", json!(path)),
            ("status", json!(status)),
            ("outcome", json!(outcome)),
            ("detail", json!(detail)),
        ] {
            assert_eq!(kept[key], value, "{key} of {kept}");
        }
        if path.contains(&session) {
            assert_eq!(
                (&kept["session"], &kept["channel"]),
                (&json!(session), &json!("one"))
            );
        }
        assert!(kept["code"] != "" || *status < 400, "{kept}");
        told.push(kept.clone());
    }
    // Nothing that the description names is missing here.
    let document = gateway.json("/api/v1/openapi.json", BOB).await;
    for item in document["paths"].as_object().unwrap().values() {
        for method in ["post", "delete"] {
            let Some(operation) = item.get(method) else {
                continue;
            };
            let id = operation["operationId"].as_str().unwrap();
            let is_here = changes.iter().any(|change| change.3 == id);
            assert!(
                is_here || operation.get("security").is_none(),
                "{id} is not tried"
            );
        }
    }
    let done = gateway
        .metric("headgate_operator_changes_total{outcome=\"done\"}")
        .await;
    assert_eq!(done, 6.0, "five, and the start of the session");
    let folder = gateway.stop().await;
    let text = std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[1..], told, "the first is the start of the session");
    assert!(!text.contains("9d1c5a7e"), "{text}");
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
