//! MPEG-TS by the real encoder: read back packet by packet, and played by players that know nothing of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::gateway::{Gateway, PATIENCE, ffmpeg};
use crate::playlist::Playlist;
use crate::truth::CARD;
use crate::ts_analysers;
use crate::ts_reader::{self, Stream};

/// Connections that one address may have here: all viewers are on this machine.
const MANY: &str = "max_connections_per_address = 1000\n";

const SLOW: usize = 100;

/// An open stream without an end, as HTTP/1.0 has it: the bytes and nothing else.
async fn open(gateway: &Gateway, path: &str, receive: Option<u32>) -> TcpStream {
    let address = gateway.address.parse().unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    if let Some(size) = receive {
        socket.set_recv_buffer_size(size).unwrap();
    }
    let mut stream = socket.connect(address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.0\r\nhost: {}\r\nuser-agent: reader\r\n\r\n",
        gateway.address
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = tokio::time::timeout(PATIENCE, stream.read_u8()).await;
        head.push(byte.expect("a head in time").unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.0 200"), "{head}");
    assert!(head.contains("content-type: video/mp2t\r\n"), "{head}");
    stream
}

/// Reads whole packets until something is true of them.
async fn read_until(stream: &mut TcpStream, read: &mut Stream, done: impl Fn(&Stream) -> bool) {
    let mut rest = Vec::new();
    while !done(read) {
        let mut bytes = vec![0; 64 * 1024];
        let count = tokio::time::timeout(PATIENCE, stream.read(&mut bytes)).await;
        let count = count.expect("packets in time").unwrap();
        assert!(count > 0, "the stream has ended");
        rest.extend_from_slice(&bytes[..count]);
        let whole = rest.len() / ts_reader::PACKET * ts_reader::PACKET;
        read.push(&rest[..whole]);
        rest.drain(..whole);
    }
    assert!(rest.is_empty() || !done(&Stream::default()));
}

async fn playlist(gateway: &Gateway, path: &str) -> Playlist {
    Playlist::read(gateway.client().get(path).await.text())
}

#[tokio::test]
async fn segments_have_the_boundaries_of_the_fragments_and_keep_their_promises() {
    let gateway = Gateway::start(CARD);
    let client = gateway.client();
    let multivariant = client.get("/live/card/ts/index.m3u8").await;
    let m3u8_rs::MasterPlaylist { variants, .. } =
        m3u8_rs::parse_master_playlist_res(&multivariant.body).unwrap();
    assert_eq!(variants.len(), 2);
    let mut seen: BTreeMap<String, (BTreeMap<u64, f64>, Vec<u8>)> = BTreeMap::new();
    let until = Instant::now() + Duration::from_secs(15);
    while Instant::now() < until {
        for variant in &variants {
            let name = variant.uri.strip_suffix("/index.m3u8").unwrap();
            let transport = playlist(&gateway, &format!("/live/card/ts/{name}/index.m3u8")).await;
            let fragments = playlist(&gateway, &format!("/live/card/{name}/index.m3u8")).await;
            let (rates, joined) = seen.entry(name.into()).or_default();
            for segment in &transport.segments {
                let twin = fragments
                    .segments
                    .iter()
                    .find(|twin| twin.msn == segment.msn);
                if let Some(twin) = twin {
                    assert_eq!(twin.duration, segment.duration);
                    assert_eq!(twin.program_date_time, segment.program_date_time);
                }
                if rates.contains_key(&segment.msn) {
                    continue;
                }
                let path = format!("/live/card/ts/{name}/{}", segment.uri);
                let answer = client.get(&path).await;
                assert_eq!(
                    (answer.status.as_u16(), answer.header("content-type")),
                    (200, "video/mp2t")
                );
                assert!(answer.header("cache-control").ends_with("immutable"));
                let stream = ts_reader::read(&answer.body);
                assert!(stream.video()[0].random_access);
                let rate = answer.body.len() as f64 * 8.0 / segment.duration;
                rates.insert(
                    segment.msn,
                    if segment.duration >= 1.0 { rate } else { 0.0 },
                );
                joined.extend_from_slice(&answer.body);
            }
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    for variant in &variants {
        let name = variant.uri.strip_suffix("/index.m3u8").unwrap();
        let (rates, joined) = &seen[name];
        let peak = rates.values().copied().fold(0.0, f64::max);
        println!(
            "{name}: {} segments, peak {peak:.0} of {}",
            rates.len(),
            variant.bandwidth
        );
        assert!(
            peak <= variant.bandwidth as f64,
            "{peak} of {}",
            variant.bandwidth
        );
        let stream = ts_reader::read(joined);
        assert!(stream.jumps.is_empty(), "one row of packets");
        assert!(stream.longest_clock_gap <= 0.1);
        let file = gateway.folder.path().join(format!("{name}.ts"));
        std::fs::write(&file, joined).unwrap();
        let said = decode(&file.display().to_string(), None).await;
        assert_eq!(said, "", "{name}");
        let found = ts_analysers::demux(&file);
        assert_eq!(found.lost, [] as [&str; 0], "{name}");
        let (counted, gap) = (found.counted, found.longest_clock_gap());
        assert!(counted > 1_000 && gap <= 0.1, "{name}: {counted}, {gap} s");
    }
}

#[tokio::test]
async fn a_stream_goes_on_when_the_encoder_is_killed() {
    let gateway = Gateway::start(CARD);
    let mut stream = open(&gateway, "/live/card/stream.ts?rendition=lo", None).await;
    let mut read = Stream::default();
    read_until(&mut stream, &mut read, |read| read.video().len() > 120).await;
    assert!(read.jumps.is_empty());
    for pid in gateway.encoders() {
        kill_process(
            Pid::from_raw(pid.try_into().unwrap()).unwrap(),
            Signal::KILL,
        )
        .unwrap();
    }
    read_until(&mut stream, &mut read, |read| !read.jumps.is_empty()).await;
    let before = read.video().len();
    read_until(&mut stream, &mut read, |read| {
        read.video().len() > before + 90
    })
    .await;
    assert!(read.longest_clock_gap <= 0.1, "{}", read.longest_clock_gap);
}

#[tokio::test]
async fn ffmpeg_plays_both_without_a_warning() {
    let gateway = Gateway::start(CARD);
    for path in ["/live/card/ts/index.m3u8", "/live/card/stream.ts"] {
        let said = decode(&gateway.url(path), Some("8")).await;
        assert_eq!(said, "", "{path}");
    }
    let file = gateway.folder.path().join("stream.ts");
    let mut stream = open(&gateway, "/live/card/stream.ts", None).await;
    let mut read = Vec::new();
    let reading = async { while stream.read_buf(&mut read).await.unwrap() > 0 {} };
    let _ = tokio::time::timeout(Duration::from_secs(6), reading).await;
    read.truncate(read.len() / ts_reader::PACKET * ts_reader::PACKET);
    std::fs::write(&file, &read).unwrap();
    let (streams, said) = ts_analysers::probe(&ffmpeg("ffprobe"), &file);
    assert_eq!(said, "");
    assert_eq!(streams.len(), 2);
    for packets in streams.values() {
        assert!(packets.len() > 100, "{} packets", packets.len());
        assert!(packets.windows(2).all(|pair| pair[0].dts < pair[1].dts));
        assert!(packets.iter().all(|packet| packet.pts >= packet.dts));
        let damaged = |packet: &ts_analysers::Packet| packet.flags.contains('C');
        assert!(!packets.iter().any(damaged), "{packets:?}");
    }
}

/// What ffmpeg has to say of it.
async fn decode(url: &str, seconds: Option<&str>) -> String {
    let mut command = tokio::process::Command::new(ffmpeg("ffmpeg"));
    command.args(["-nostdin", "-hide_banner", "-v", "warning", "-i", url]);
    if let Some(seconds) = seconds {
        command.args(["-t", seconds]);
    }
    let output = command.args(["-f", "null", "-"]).output();
    let output = tokio::time::timeout(PATIENCE, output).await;
    let output = output.expect("ffmpeg ends in time").unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn a_hundred_viewers_of_both_kinds_have_one_encoder_and_slow_readers_cost_little() {
    let gateway = Gateway::start(&format!("{MANY}{CARD}"));
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let mut stream = open(&gateway, "/live/card/stream.ts", None).await;
        readers.spawn(async move {
            let mut read = Stream::default();
            read_until(&mut stream, &mut read, |read| read.video().len() > 450).await;
            assert!(read.jumps.is_empty(), "nobody was moved");
        });
    }
    for number in 0..50 {
        let client = gateway.client().named(&format!("player {number}"));
        readers.spawn(async move {
            let until = Instant::now() + Duration::from_secs(15);
            while Instant::now() < until {
                let text = client.get("/live/card/hi/index.m3u8").await;
                let playlist = Playlist::read(text.text());
                let newest = playlist.segments.last().unwrap();
                let answer = client.get(&format!("/live/card/hi/{}", newest.uri)).await;
                assert_eq!(answer.status, 200);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
    }
    let before = resident(&gateway);
    let mut slow = Vec::new();
    for _ in 0..SLOW {
        slow.push(open(&gateway, "/live/card/stream.ts", Some(4096)).await);
    }
    let dawdling = tokio::spawn(async move {
        let mut bytes = [0; 2_000];
        loop {
            for stream in &mut slow {
                let _ = stream.try_read(&mut bytes);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let mut largest = before;
    while let Some(done) = tokio::time::timeout(PATIENCE, readers.join_next())
        .await
        .unwrap()
    {
        done.unwrap();
        largest = largest.max(resident(&gateway));
    }
    assert_eq!(gateway.encoders().len(), 1, "one encoder for all");
    let moved = || async {
        gateway.session().await["ts_readers_moved"]
            .as_u64()
            .unwrap()
    };
    let since = Instant::now();
    while moved().await == 0 {
        assert!(since.elapsed() < PATIENCE, "slow readers should be moved");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    largest = largest.max(resident(&gateway));
    dawdling.abort();
    let report = gateway.session().await;
    println!("{} bytes more; {report}", largest - before);
    assert!(
        largest - before < 100 << 20,
        "{} bytes more",
        largest - before
    );
    let segments = report["renditions"][0]["window"]["last_msn"]
        .as_u64()
        .unwrap();
    assert!(
        report["ts_segments_remuxed"].as_u64().unwrap() < segments,
        "{report}"
    );
}

/// Memory of the gateway, bytes.
fn resident(gateway: &Gateway) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1024
}
