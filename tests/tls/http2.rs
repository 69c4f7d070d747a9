//! HTTP/2 over TLS: many requests on one connection, and clients that waste it.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::{ask, config, connect, http2};
use crate::gateway::DEADLINE;
use crate::made::{gateway, pair};

const PLAYLIST: &str = "/live/a/v/index.m3u8";

/// The number after the newest whole segment of a playlist.
fn next_segment(text: &str) -> usize {
    let first = text
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:"))
        .unwrap();
    let segments = text.lines().filter(|line| line.starts_with("#EXTINF:"));
    first.parse::<usize>().unwrap() + segments.count()
}

#[tokio::test]
async fn a_hundred_parked_reloads_share_one_connection() {
    let pair = pair();
    let gateway = gateway(&pair, "").await;
    gateway.playing(&["a"]).await;
    let config = config(&[&pair.der], &["h2"]);
    let stream = connect(gateway.secure.unwrap(), "localhost", &config).await;
    let sender = http2(stream.unwrap()).await;
    let attempts = async {
        loop {
            let text = ask(&sender, PLAYLIST).await.unwrap().into_body();
            let wanted = next_segment(std::str::from_utf8(&text).unwrap()) + 1;
            let target = format!("{PLAYLIST}?_HLS_msn={wanted}&_HLS_part=0");
            let mut parked = tokio::task::JoinSet::new();
            for _ in 0..100 {
                let (sender, target) = (sender.clone(), target.clone());
                parked.spawn(async move { ask(&sender, &target).await.unwrap() });
            }
            let mut most = 0;
            while parked.len() == 100 && most < 100 {
                let report = gateway.sessions.report_of_channel("a").unwrap();
                most = most.max(report.blocked_requests);
                tokio::time::sleep(Duration::from_millis(1)).await;
                if most < 100 && parked.try_join_next().is_some() {
                    break;
                }
            }
            let answers = parked.join_all().await;
            for answer in &answers {
                assert_eq!(answer.status(), 200, "{:?}", answer.body());
            }
            // On a machine that is busy with other things a segment may come before all have asked.
            if most == 100 {
                break answers;
            }
        }
    };
    let answers = tokio::time::timeout(DEADLINE, attempts).await.unwrap();
    assert_eq!(answers.len(), 100);
    let same = |answer: &http::Response<bytes::Bytes>| answer.body() == answers[0].body();
    assert!(answers.iter().filter(|answer| same(answer)).count() > 50);
    let page = gateway.get("/metrics").await.1;
    let handshakes = "headgate_tls_handshakes_total 1";
    assert!(page.lines().any(|line| line == handshakes), "{page}");
    gateway.stop().await;
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Requests that are taken back at once cost the gateway work and the client nothing: the connection ends.
#[tokio::test]
async fn a_flood_of_resets_ends_its_connection_and_no_other() {
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    const GOAWAY: u8 = 7;
    // GET / over https of `localhost`, from the static table of HPACK where it is.
    let request = [&[0x82, 0x84, 0x87, 0x41, 9][..], b"localhost"].concat();
    let pair = pair();
    let gateway = gateway(&pair, "").await;
    let config = config(&[&pair.der], &["h2"]);
    let address = gateway.secure.unwrap();
    let honest = http2(connect(address, "localhost", &config).await.unwrap()).await;
    let mut rude = connect(address, "localhost", &config).await.unwrap();

    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    for stream in (1..20_001).step_by(2) {
        bytes.extend(frame(HEADERS, 0x5, stream, &request));
        bytes.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
    }
    let _ = rude.write_all(&bytes).await;
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(DEADLINE, rude.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "the connection is still open");
    let mut rest = &answer[..];
    let mut said_goodbye = false;
    while rest.len() >= 9 {
        let length = usize::from(rest[0]) << 16 | usize::from(rest[1]) << 8 | usize::from(rest[2]);
        said_goodbye |= rest[3] == GOAWAY;
        rest = rest.get(9 + length..).unwrap_or_default();
    }
    assert!(said_goodbye, "no GOAWAY among {} bytes", answer.len());
    assert_eq!(ask(&honest, "/healthz").await.unwrap().status(), 200);
    gateway.stop().await;
}
