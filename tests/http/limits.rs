//! What one client may take, and how the server stops.

use std::time::Duration;

use headgate::http::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::Gateway;

const GET: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";

/// Sends a request on an open connection and waits for the end of its answer.
async fn ask(stream: &mut TcpStream) {
    stream.write_all(GET).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        let count = stream.read_buf(&mut answer).await.unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&answer));
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn too_many_or_too_large_headers_are_431() {
    let gateway = Gateway::start().await;
    let many = "x: y\r\n".repeat(65);
    let large = format!("x: {}\r\n", "y".repeat(17 * 1024));
    for fields in [many, large] {
        let request = format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n");
        let answer = gateway.raw(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
}

#[tokio::test]
async fn a_slow_header_ends_the_connection() {
    let gateway = Gateway::with_limits(Limits {
        header_timeout: Duration::from_millis(50),
        ..Limits::default()
    })
    .await;
    for start in [&b""[..], b"GET / HT", b"PRI * HTTP/2.0\r\n"] {
        assert_eq!(gateway.raw(start).await, "", "{start:?}");
    }
    let name = "headgate_http_overdue_connections_total{deadline=\"header\"}";
    assert_eq!(gateway.sample(name).await, Some(3.0));
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let gateway = Gateway::with_limits(Limits {
        idle_timeout: Duration::from_millis(50),
        ..Limits::default()
    })
    .await;
    let mut stream = gateway.connect().await;
    ask(&mut stream).await;
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_is_told() {
    let gateway = Gateway::with_limits(Limits {
        max_connections_per_address: 2,
        ..Limits::default()
    })
    .await;
    let mut first = gateway.connect().await;
    ask(&mut first).await;
    let mut second = gateway.connect().await;
    ask(&mut second).await;

    let refused = gateway.raw(GET).await;
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.contains("\r\nretry-after: 5\r\n"), "{refused}");
    assert!(refused.contains("\r\nconnection: close\r\n"), "{refused}");
    let body = refused.split("\r\n\r\n").nth(1).unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["error"]["code"], "too_many_connections");

    ask(&mut first).await;
    drop(first);
    // The server learns of the end of the first connection in its own time.
    loop {
        let mut third = gateway.connect().await;
        third.write_all(GET).await.unwrap();
        let mut status = [0; 12];
        third.read_exact(&mut status).await.unwrap();
        if &status == b"HTTP/1.1 200" {
            break;
        }
    }
}

#[tokio::test]
async fn stopping_closes_the_door_and_idle_connections_and_returns() {
    let gateway = Gateway::start().await;
    let mut idle = gateway.connect().await;
    ask(&mut idle).await;
    gateway.stop.cancel();
    assert_eq!(idle.read(&mut [0; 8]).await.unwrap(), 0);
    gateway.served.await.unwrap();
    assert!(TcpStream::connect(gateway.address).await.is_err());
}

#[tokio::test]
async fn stopping_waits_for_nobody_for_ever() {
    let gateway = Gateway::with_limits(Limits {
        drain_timeout: Duration::from_millis(50),
        ..Limits::default()
    })
    .await;
    // The header of its second request never ends, which is no reason to stay.
    let mut stuck = gateway.connect().await;
    ask(&mut stuck).await;
    stuck.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    gateway.stop.cancel();
    gateway.served.await.unwrap();
}
