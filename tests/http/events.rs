//! The stream of events over real connections.

use std::sync::Arc;
use std::time::Duration;

use headgate::events::{EventKind, Events};
use headgate::http::Limits;
use http::Method;
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Gateway, error_code};

/// By when anything that a test waits for must have come.
const DEADLINE: Duration = Duration::from_secs(60);

fn emit(events: &Arc<Events>) {
    events.emit(Timestamp::UNIX_EPOCH, None, None, EventKind::FirstViewer);
}

/// A stream that is open.
struct Reader {
    stream: TcpStream,
    heard: String,
}

impl Reader {
    async fn open(gateway: &Gateway, query: &str, fields: &str) -> Self {
        let mut stream = gateway.connect().await;
        let request =
            format!("GET /api/v1/events{query} HTTP/1.1\r\nhost: localhost\r\n{fields}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let heard = String::new();
        let mut reader = Self { stream, heard };
        reader.until("\r\n\r\n").await;
        reader
    }

    /// Reads until this has been heard; fails if the stream ends before.
    async fn until(&mut self, text: &str) {
        let listen = async {
            while !self.heard.contains(text) {
                let mut buffer = [0; 4096];
                let count = self.stream.read(&mut buffer).await.unwrap();
                assert!(count > 0, "{text:?} is not in {:?}", self.heard);
                self.heard += std::str::from_utf8(&buffer[..count]).unwrap();
            }
        };
        tokio::time::timeout(DEADLINE, listen).await.unwrap();
    }

    /// Reads to the end.
    async fn end(mut self) -> String {
        let mut rest = String::new();
        let read = self.stream.read_to_string(&mut rest);
        tokio::time::timeout(DEADLINE, read).await.unwrap().unwrap();
        self.heard + &rest
    }
}

#[tokio::test]
async fn a_reader_hears_what_happens_and_the_drain_ends_it() {
    let gateway = Gateway::start().await;
    let mut reader = Reader::open(&gateway, "", "").await;
    assert!(reader.heard.starts_with("HTTP/1.1 200"), "{}", reader.heard);
    for field in [
        "content-type: text/event-stream\r\n",
        "cache-control: no-store\r\n",
        "x-content-type-options: nosniff\r\n",
    ] {
        assert!(reader.heard.contains(field), "{field} in {}", reader.heard);
    }
    assert!(!reader.heard.contains("etag"), "{}", reader.heard);
    reader.until("retry: 3000\n\n").await;
    emit(&gateway.events);
    reader
        .until("id: 1\nevent: viewers.first\ndata: {\"id\":1,")
        .await;
    emit(&gateway.events);
    gateway.stop.cancel();
    gateway.events.close();
    let all = reader.end().await;
    assert!(all.contains("id: 2\n"), "{all}");
    assert!(all.ends_with("0\r\n\r\n"), "a whole answer: {all}");
    gateway.served.await.unwrap();
}

#[tokio::test]
async fn a_reader_resumes_where_it_was() {
    let gateway = Gateway::start().await;
    for _ in 0..3 {
        emit(&gateway.events);
    }
    for (query, fields) in [
        ("", "last-event-id: 1\r\n"),
        ("?last_event_id=1", ""),
        ("?last_event_id=0", "last-event-id: 1\r\n"),
    ] {
        let mut reader = Reader::open(&gateway, query, fields).await;
        reader.until("id: 3\n").await;
        assert!(reader.heard.contains("id: 2\n"), "{}", reader.heard);
        assert!(!reader.heard.contains("id: 1\n"), "{}", reader.heard);
    }
}

#[tokio::test]
async fn what_cannot_be_understood_is_refused_with_its_reason() {
    let gateway = Gateway::start().await;
    for query in [
        "last_event_id=x",
        "types=nonsense",
        "channel=a.b",
        "unknown=1",
    ] {
        let answer = gateway.get(&format!("/api/v1/events?{query}")).await;
        assert_eq!(answer.status(), 400, "{query}");
        assert_eq!(error_code(&answer), "bad_request");
    }
    let answer = gateway.request(Method::POST, "/api/v1/events", &[]).await;
    assert_eq!(answer.status(), 405);
    let other = [("host", "evil.example")];
    let answer = gateway.request(Method::GET, "/api/v1/events", &other).await;
    assert_eq!(answer.status(), 421);
    let answer = gateway.request(Method::HEAD, "/api/v1/events", &[]).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.body().is_empty());
}

#[tokio::test]
async fn streams_are_bounded_and_the_place_of_one_that_leaves_is_free() {
    let gateway = Gateway::with_limits(Limits {
        max_connections_per_address: 1_000,
        ..Limits::default()
    })
    .await;
    let mut readers = Vec::new();
    for _ in 0..64 {
        readers.push(Reader::open(&gateway, "", "").await);
    }
    let refused = gateway.get("/api/v1/events").await;
    assert_eq!(refused.status(), 503);
    assert_eq!(error_code(&refused), "too_many_streams");
    assert!(refused.headers().contains_key("retry-after"));
    drop(readers.pop());
    let freed = async {
        // The server learns of it when it looks at the connection.
        while gateway
            .request(Method::HEAD, "/api/v1/events", &[])
            .await
            .status()
            != 200
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, freed).await.unwrap();
}

#[tokio::test]
async fn silence_is_not_idleness_and_a_reader_that_takes_nothing_is_ended() {
    let gateway = Gateway::with_limits(Limits {
        header_timeout: Duration::from_millis(100),
        idle_timeout: Duration::from_millis(100),
        write_timeout: Duration::from_millis(300),
        ..Limits::default()
    })
    .await;
    let mut patient = Reader::open(&gateway, "", "").await;
    patient.until("retry").await;
    let deaf = Reader::open(&gateway, "", "").await;
    let overdue = async {
        // More than all buffers between here and there.
        let error: String = "x".repeat(100_000);
        while gateway
            .sample("headgate_http_overdue_connections_total{deadline=\"write\"}")
            .await
            != Some(1.0)
        {
            let kind = EventKind::ConfigRefused {
                error: error.clone(),
            };
            gateway.events.emit(Timestamp::UNIX_EPOCH, None, None, kind);
            let mut taken = [0; 200_000];
            let _ = patient.stream.try_read(&mut taken);
        }
    };
    tokio::time::timeout(DEADLINE, overdue).await.unwrap();
    drop(deaf);
    // It has lived through many of its connection's idle deadlines, and still hears.
    emit(&gateway.events);
    let mut patient = patient;
    patient.heard.clear();
    let listen = async {
        let mut tail = Vec::new();
        while !String::from_utf8_lossy(&tail).contains("viewers.first") {
            let mut buffer = vec![0; 200_000];
            let count = patient.stream.read(&mut buffer).await.unwrap();
            assert!(count > 0, "the stream ended");
            let start = tail.len().saturating_sub(100);
            tail.drain(..start);
            tail.extend_from_slice(&buffer[..count]);
        }
    };
    tokio::time::timeout(DEADLINE, listen).await.unwrap();
}
