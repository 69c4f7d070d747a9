//! Viewers who behave and viewers who do not. Each crowd has a loopback address of its own: the limits per address are
//! not what is tested here.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::client::Client;
use crate::playlist::Playlist;

/// Who leaves at once.
const FLOOD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 7);

/// Who reads slowly.
const SLOW: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

async fn request(gateway: &str, from: Ipv4Addr, path: &str, agent: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind((from, 0).into()).unwrap();
    let address: SocketAddr = gateway.parse().unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: tv\r\nUser-Agent: {agent}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Forty viewers ask for a channel at once, for what is there and for what is not there yet, and leave without reading.
pub(crate) async fn flood(gateway: &str, channel: &str) {
    let mut streams = Vec::new();
    for number in 0..40 {
        let path = match number % 4 {
            0 => format!("/live/{channel}/index.m3u8"),
            1 => format!("/live/{channel}/v/index.m3u8"),
            2 => format!("/live/{channel}/stream.ts"),
            _ => format!("/live/{channel}/audio/index.m3u8?_HLS_skip=YES"),
        };
        streams.push(request(gateway, FLOOD, &path, &format!("flood {number}")).await);
    }
    drop(streams);
}

/// Twenty readers take a byte a second of the endless stream, until the token is cancelled.
pub(crate) async fn read_slowly(gateway: String, channel: String, end: CancellationToken) {
    let mut streams = Vec::new();
    for number in 0..20 {
        let path = format!("/live/{channel}/stream.ts");
        streams.push(request(&gateway, SLOW, &path, &format!("slow {number}")).await);
    }
    let reading = async {
        loop {
            for stream in &mut streams {
                // Whom the gateway has given up finds the end here.
                let _ = stream.read_u8().await;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    end.run_until_cancelled(reading).await;
}

/// What a viewer fetches of a healthy channel, over and over; how many requests that was, and which of them failed.
pub(crate) async fn view(
    client: Client,
    channel: String,
    end: CancellationToken,
) -> (usize, Vec<String>) {
    let (mut requests, mut failures) = (0, Vec::new());
    while !end.is_cancelled() {
        for rendition in ["v", "audio"] {
            let base = format!("/live/{channel}/{rendition}");
            let list = client.get(&format!("{base}/index.m3u8")).await;
            requests += 1;
            if list.status != 200 {
                failures.push(format!("{base}: {} {:?}", list.status, list.body));
                continue;
            }
            let playlist = Playlist::read(list.text());
            for segment in playlist.segments.iter().rev().take(2) {
                for uri in [Some(segment.uri.as_str()), segment.map.as_deref()] {
                    let path = format!("{base}/{}", uri.unwrap());
                    let answer = client.get(&path).await;
                    requests += 1;
                    if answer.status != 200 {
                        failures.push(format!("{path}: {}", answer.status));
                    }
                }
            }
        }
        let pause = tokio::time::sleep(Duration::from_millis(200));
        end.run_until_cancelled(pause).await;
    }
    (requests, failures)
}
