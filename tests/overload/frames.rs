//! HTTP/2 as no client speaks it: resets, continuations, pings and settings without end, windows that stay shut.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::mpsc;

use crate::floods::start;
use crate::support::{Audience, Gateway, PATIENCE, newest_segment, percentile};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// What is done to the gateway, over and over.
type Attack = fn(round: u32, path: &str) -> Vec<u8>;

const ATTACKS: [(&str, Attack); 6] = [
    ("rapid reset", |round, path| {
        let streams = (0..100).map(|number| round * 200 + number * 2 + 1);
        streams
            .flat_map(|stream| {
                let mut frames = get(stream, path);
                frames.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
                frames
            })
            .collect()
    }),
    ("reset one by one", |round, _| {
        let stream = round * 2 + 1;
        // Something that waits, so that it is taken back before it is answered.
        let mut frames = get(stream, "/live/one/v/index.m3u8?_HLS_msn=4000000000");
        frames.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
        frames
    }),
    ("CONTINUATION flood", |round, path| {
        let block = header_block(path);
        match round {
            0 => frame(HEADERS, END_STREAM, 1, &block),
            // A field that is not indexed, again and again.
            _ => frame(
                CONTINUATION,
                0,
                1,
                b"\x00\x01a\x01b".repeat(1000).as_slice(),
            ),
        }
    }),
    ("empty CONTINUATION flood", |round, path| match round {
        0 => frame(HEADERS, END_STREAM, 1, &header_block(path)),
        _ => frame(CONTINUATION, 0, 1, &[]).repeat(100),
    }),
    ("PING flood", |round, path| match round {
        0 => get(1, path),
        _ => frame(PING, 0, 0, &[7; 8]).repeat(1000),
    }),
    ("SETTINGS flood", |round, path| match round {
        0 => get(1, path),
        _ => frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]).repeat(1000),
    }),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_frames_end_their_connection_and_nothing_else() {
    let gateway = start();
    let audience = Audience::of(&gateway, "one", 10).await;
    let before = gateway.memory();
    for (name, attack) in ATTACKS {
        let mut running = Vec::new();
        for _ in 0..5 {
            running.push(tokio::spawn(flood(gateway.connect().await, attack)));
        }
        let mut sent = 0;
        for one in running {
            let bytes = tokio::time::timeout(PATIENCE, one).await;
            sent += bytes.unwrap_or_else(|_| panic!("{name} is borne")).unwrap();
        }
        println!("{name}: closed after {} kB each", sent / 5 / 1000);
    }
    let grown = gateway.memory().saturating_sub(before);
    assert!(grown < 100 << 20, "{grown}");
    let took = audience.leave().await;
    println!(
        "{} good requests, p99 {:?}",
        took.len(),
        percentile(&took, 99)
    );
}

/// Sends until the other side has closed. How many bytes that took.
async fn flood(stream: TcpStream, attack: Attack) -> usize {
    let (mut reader, mut writer) = stream.into_split();
    let (closed, mut is_closed) = mpsc::channel::<()>(1);
    tokio::spawn(async move {
        let mut ignored = vec![0; 1 << 16];
        while matches!(reader.read(&mut ignored).await, Ok(count) if count > 0) {}
        drop(closed);
    });
    let mut sent = 0;
    let mut hello = PREFACE.to_vec();
    hello.extend(frame(SETTINGS, 0, 0, &[]));
    hello.extend(frame(SETTINGS, ACK, 0, &[]));
    let _ = writer.write_all(&hello).await;
    for round in 0_u32.. {
        let frames = attack(round, "/live/one/v/index.m3u8");
        sent += frames.len();
        let write = writer.write_all(&frames);
        let written = tokio::select! {
            written = tokio::time::timeout(Duration::from_secs(1), write) => written,
            _ = is_closed.recv() => break,
        };
        // It may have stopped to read before it closes.
        if matches!(written, Ok(Err(_))) {
            break;
        }
    }
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_that_stays_shut_or_opens_a_crack_is_a_slow_reader() {
    let gateway = start();
    let audience = Audience::of(&gateway, "one", 5).await;
    gateway
        .until("a segment", async || {
            let list = gateway.get("/live/one/v/index.m3u8").await;
            String::from_utf8_lossy(list.body()).contains("\n#EXTINF")
        })
        .await;
    let segment = newest_segment(&gateway).await;
    for crack in [0_u32, 80] {
        let stream = gateway.connect().await;
        let (mut reader, mut writer) = stream.into_split();
        let mut hello = PREFACE.to_vec();
        // No answer may begin: SETTINGS_INITIAL_WINDOW_SIZE is 0.
        hello.extend(frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]));
        (0..50).for_each(|number| hello.extend(get(number * 2 + 1, &segment)));
        writer.write_all(&hello).await.unwrap();
        let open = tokio::time::timeout(PATIENCE, async {
            let mut turns = tokio::time::interval(Duration::from_millis(500));
            loop {
                tokio::select! {
                    answer = next_frame(&mut reader) => match answer {
                        None => return,
                        // Alive and well, as far as pings tell.
                        Some((PING, 0, payload)) => {
                            let _ = writer.write_all(&frame(PING, ACK, 0, &payload)).await;
                        }
                        Some(_) => {}
                    },
                    _ = turns.tick() => if crack > 0 {
                        let _ = writer.write_all(&frame(8, 0, 1, &crack.to_be_bytes())).await;
                    },
                }
            }
        });
        assert!(open.await.is_ok(), "a window of {crack} is borne");
    }
    let closed = closed_for(&gateway, "write").await + closed_for(&gateway, "answer").await;
    assert!(closed >= 2.0, "{closed}");
    assert!(!audience.leave().await.is_empty());
}

async fn closed_for(gateway: &Gateway, deadline: &str) -> f64 {
    let name = format!("headgate_http_overdue_connections_total{{deadline=\"{deadline}\"}}");
    gateway.sample(&name).await
}

/// Type, flags and payload; nothing after the end.
async fn next_frame(reader: &mut OwnedReadHalf) -> Option<(u8, u8, Vec<u8>)> {
    let mut head = [0; 9];
    reader.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    reader.read_exact(&mut payload).await.ok()?;
    Some((head[3], head[4], payload))
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn get(stream: u32, path: &str) -> Vec<u8> {
    frame(
        HEADERS,
        END_STREAM | END_HEADERS,
        stream,
        &header_block(path),
    )
}

/// `:method GET`, `:scheme http`, `:authority a`, `:path`, by the static table of HPACK and without Huffman.
fn header_block(path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x86, 0x01, 1, b'a', 0x04];
    assert!(path.len() < 127);
    block.push(u8::try_from(path.len()).unwrap());
    block.extend(path.as_bytes());
    block
}
