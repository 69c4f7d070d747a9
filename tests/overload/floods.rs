//! Thousands of clients that are slow on purpose: each is closed by its deadline, and costs next to nothing until then.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::support::{
    Audience, CHANNELS, Gateway, PATIENCE, Start, affordable, newest_segment, percentile,
};

/// Short deadlines, and room for all from one address.
pub(crate) const LIMITS: &str = r#"
max_connections = 12000
max_connections_per_address = 12000

[limits]
header_timeout = "2s"
body_timeout = "2s"
idle_timeout = "4s"
write_timeout = "3s"
answer_timeout = "6s"
"#;

/// What a busy machine adds to a deadline.
const SLACK: Duration = Duration::from_secs(25);

const MEBIBYTE: u64 = 1 << 20;

pub(crate) fn start() -> Gateway {
    Start {
        server: LIMITS,
        channels: CHANNELS,
        scenario: "burst 3",
        ..Start::default()
    }
    .start()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slowloris_is_closed_by_its_deadline_and_good_viewers_do_not_notice() {
    let count = affordable(2_000);
    let gateway = start();
    let audience = Audience::of(&gateway, "one", 20).await;
    let before = gateway.memory();
    let mut attack = JoinSet::new();
    for number in 0..count {
        let stream = gateway.connect().await;
        let (first, rest) = match number % 4 {
            0 => ("", "GET / HTTP/1.1\r\nhost: a\r\n"),
            1 => ("GET /live/one/index.m3u8 HTTP/1.1\r\n", "x-slow: very\r\n"),
            2 => (
                "POST /api/v1/config/reload HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 9999\r\n\r\n",
                " ",
            ),
            _ => (
                "POST /api/v1/config/reload HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n",
                "1\r\n \r\n",
            ),
        };
        attack.spawn(drip(stream, first, rest));
    }
    let peak = gateway.memory();
    let longest = ended(attack, count).await;
    let took = audience.leave().await;
    println!(
        "{count} slowloris sockets: all closed, the last after {:.1} s; {} good requests, p99 {:?}; memory +{:.1} MiB",
        longest.as_secs_f64(),
        took.len(),
        percentile(&took, 99),
        peak.saturating_sub(before) as f64 / MEBIBYTE as f64
    );
    assert!(longest < SLACK, "{longest:?}");
    assert!(peak < before + 100 * MEBIBYTE, "{before} {peak}");
}

/// Says a little, and then a byte at a time. How long that was borne.
async fn drip(mut stream: TcpStream, first: &str, rest: &str) -> Duration {
    let since = Instant::now();
    let _ = stream.write_all(first.as_bytes()).await;
    for byte in rest.bytes().cycle() {
        if stream.write_all(&[byte]).await.is_err() || is_closed(&mut stream).await {
            break;
        }
        assert!(since.elapsed() < PATIENCE, "it is still open: {first}");
    }
    since.elapsed()
}

/// Whether the other side has gone, looked at for most of a second.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 512];
    let until = tokio::time::Instant::now() + Duration::from_millis(700);
    loop {
        match tokio::time::timeout_at(until, stream.read(&mut buffer)).await {
            Err(_) => return false,
            Ok(Ok(count)) if count > 0 => {} // Why it is refused.
            Ok(_) => return true,
        }
    }
}

/// The longest that any of them was borne.
async fn ended(mut attack: JoinSet<Duration>, count: usize) -> Duration {
    let mut longest = Duration::ZERO;
    let mut closed = 0;
    while let Some(borne) = attack.join_next().await {
        longest = longest.max(borne.unwrap());
        closed += 1;
    }
    assert_eq!(closed, count);
    longest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_readers_are_closed_by_their_deadline_and_good_viewers_do_not_notice() {
    let count = affordable(5_000);
    let gateway = start();
    let audience = Audience::of(&gateway, "one", 20).await;
    gateway
        .until("a segment", async || {
            let list = gateway.get("/live/one/v/index.m3u8").await;
            String::from_utf8_lossy(list.body()).contains("\n#EXTINF")
        })
        .await;
    let segment = newest_segment(&gateway).await;
    // More than any buffer on the way takes.
    let asks = format!("GET {segment} HTTP/1.1\r\nhost: a\r\n\r\n").repeat(40);
    let before = gateway.memory();
    let mut attack = JoinSet::new();
    for _ in 0..count {
        let stream = gateway.connect_narrow().await;
        attack.spawn(sip(stream, asks.clone()));
    }
    let mut peak = gateway.memory();
    let mut longest = Duration::ZERO;
    while let Some(borne) = attack.join_next().await {
        longest = longest.max(borne.unwrap());
        peak = peak.max(gateway.memory());
    }
    let took = audience.leave().await;
    println!(
        "{count} slow readers: all closed, the last after {:.1} s; {} good requests, p99 {:?}; memory +{:.1} MiB",
        longest.as_secs_f64(),
        took.len(),
        percentile(&took, 99),
        peak.saturating_sub(before) as f64 / MEBIBYTE as f64
    );
    assert!(longest < SLACK * 2, "{longest:?}");
    assert!(peak < before + 100 * MEBIBYTE, "{before} {peak}");
}

/// Asks for much and takes a kilobyte a second. How long that was borne.
async fn sip(mut stream: TcpStream, asks: String) -> Duration {
    let since = Instant::now();
    stream.write_all(asks.as_bytes()).await.unwrap();
    let mut buffer = [0; 512];
    // An end in the middle of answers is a reset: nothing that is still on its way is waited for.
    while matches!(stream.read(&mut buffer).await, Ok(count) if count > 0) {
        assert!(since.elapsed() < PATIENCE, "it is still open");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    since.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_header_fields_are_refused_and_cost_nothing() {
    let gateway = start();
    let audience = Audience::of(&gateway, "one", 10).await;
    let before = gateway.memory();
    let large = format!("x: {}\r\n", "y".repeat(1 << 20));
    let many = "x: y\r\n".repeat(2_000);
    let endless = format!("x{}", "y".repeat(1 << 20));
    let mut attack = JoinSet::new();
    for number in 0..300 {
        let fields = [&large, &many, &endless][number % 3].clone();
        let mut stream = gateway.connect().await;
        attack.spawn(async move {
            let request = format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}");
            let _ = stream.write_all(request.as_bytes()).await;
            let mut answer = Vec::new();
            let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
            assert!(read.is_ok(), "it is still open");
            let answer = String::from_utf8_lossy(&answer).into_owned();
            // What was unread may have reset the connection before the answer was seen.
            assert!(
                answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
                "{answer}"
            );
            !answer.is_empty()
        });
    }
    let seen: Vec<bool> = attack.join_all().await;
    assert!(seen.contains(&true), "nobody was told why");
    assert!(gateway.memory() < before + 100 * MEBIBYTE);
    assert!(!audience.leave().await.is_empty());
}
