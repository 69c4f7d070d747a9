//! The proxy itself: who may use it, what it says to whom, and that bodies pass as they come.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use headgate::egress::{Egress, Lease};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::server::{
    Names, PATIENCE, STRANGER, Script, Server, head, lease, ok, path, redirect, reply, source,
};

/// What ffmpeg makes of the variable in its environment.
fn credential(lease: &Lease) -> String {
    let [(name, url)] = lease.environment();
    assert_eq!(name, "http_proxy");
    let (user, address) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('@')
        .unwrap();
    assert_eq!(address, format!("127.0.0.1:{}", lease.port()));
    format!("Proxy-Authorization: Basic {}\r\n", STANDARD.encode(user))
}

/// Sends a request as ffmpeg does.
async fn send(port: u16, url: &str, fields: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!("GET {url} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{fields}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// A whole answer: head and body, which may be in chunks.
async fn ask(lease: &Lease, url: &str, fields: &str) -> (String, Vec<u8>) {
    let fields = format!("{}{fields}", credential(lease));
    let mut stream = send(lease.port(), url, &fields).await;
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    timeout(PATIENCE, reading).await.unwrap().unwrap();
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    (head, answer[end + 4..].to_vec())
}

async fn open(server: &Server) -> (Arc<Egress>, Arc<Lease>) {
    lease(
        &[STRANGER],
        Names::new(&[]),
        &source(&server.url("/live.ts")),
    )
    .await
}

#[tokio::test]
async fn nobody_without_a_credential_in_force_is_served() {
    let server = Server::start(STRANGER, Arc::new(|_| ok("video/mp2t", b"media"))).await;
    let (egress, first) = open(&server).await;
    let port = first.port();
    let url = server.url("/live.ts");
    let (head, body) = ask(&first, &url, "").await;
    assert!(
        head.starts_with("HTTP/1.1 200") && body == b"media",
        "{head}"
    );
    let known = credential(&first);
    drop(first);
    let wrong = STANDARD.encode("x:");
    for fields in [
        String::new(),
        format!("Proxy-Authorization: Basic {wrong}\r\n"),
        known,
    ] {
        let mut stream = send(port, &url, &fields).await;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 407"), "{answer}");
    }
    assert_eq!(server.heard().len(), 1);
    let counted = egress.counters().counted();
    assert_eq!(
        (counted.answered, counted.unknown, counted.bytes),
        (1, 3, 5)
    );
}

#[tokio::test]
async fn tunnels_and_uploads_are_not_made() {
    let server = Server::start(STRANGER, Arc::new(|_| ok("video/mp2t", b"media"))).await;
    let (_egress, lease) = open(&server).await;
    for (line, status) in [
        (format!("CONNECT {} HTTP/1.1", server.address), "405"),
        (format!("POST {} HTTP/1.1", server.url("/")), "405"),
        ("GET /x HTTP/1.1".to_owned(), "400"),
        (format!("GET https://{}/ HTTP/1.1", server.address), "400"),
        ("GET ftp://127.0.0.3/ HTTP/1.1".to_owned(), "400"),
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", lease.port()))
            .await
            .unwrap();
        let fields = credential(&lease);
        let request = format!("{line}\r\nHost: h\r\nConnection: close\r\n{fields}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let head = timeout(PATIENCE, head(&mut stream)).await.unwrap().unwrap();
        assert_eq!(head.split(' ').nth(1), Some(status), "{line}: {head}");
    }
    assert!(server.heard().is_empty());
}

#[tokio::test]
async fn secrets_are_said_at_home_only() {
    let home = Server::start(STRANGER, Arc::new(|_| ok("video/mp2t", b"home"))).await;
    let other = Server::start(STRANGER, Arc::new(|_| ok("video/mp2t", b"other"))).await;
    let url = format!(
        "http://joe:hunter2@{}/secret/live.ts?token=1#x",
        home.address
    );
    let text = format!(
        "[[channel]]\nid = \"a\"\nsources = [{{ url = \"{url}\", user_agent = \"hunter3\", \
         headers = {{ X-Key = \"hunter4\" }} }}]\n"
    );
    let config = headgate::config::Config::parse(&text, Path::new("channels.toml")).unwrap();
    let (_egress, lease) =
        lease(&[STRANGER], Names::new(&[]), &config.channels[0].sources[0]).await;
    let (first, _) = ask(&lease, "http://source.invalid:80/source.ts", "").await;
    let sent = home.url("/secret/live.ts?token=1");
    assert!(
        first.starts_with("HTTP/1.1 302") && first.contains(&sent),
        "{first}"
    );
    assert!(!first.contains("hunter"), "{first}");
    ask(&lease, &sent, "User-Agent: Lavf\r\n").await;
    ask(&lease, &other.url("/x"), "User-Agent: Lavf\r\n").await;
    let told = home.heard().concat();
    let joe = STANDARD.encode("joe:hunter2");
    for secret in ["hunter3", "hunter4", &joe] {
        assert!(told.contains(secret), "{told}");
        assert!(
            !other.heard().concat().contains(secret),
            "{:?}",
            other.heard()
        );
    }
    assert!(
        other.heard().concat().contains("Lavf"),
        "{:?}",
        other.heard()
    );
    for servers in [told, other.heard().concat()] {
        assert!(
            !servers.to_lowercase().contains("proxy-authorization"),
            "{servers}"
        );
    }
}

#[tokio::test]
async fn a_name_is_resolved_once_and_what_was_judged_is_connected_to() {
    let server = Server::start(STRANGER, Arc::new(|_| ok("video/mp2t", b"media"))).await;
    // Both ways round: the second answer is never used for the connection that the first one was judged for.
    let names = Names::new(&[
        ("turns.example", &[&[STRANGER], &["127.0.0.1"]]),
        ("both.example", &[&["127.0.0.1", STRANGER]]),
        ("none.example", &[&[]]),
    ]);
    let port = server.address.port();
    let turns = format!("http://turns.example:{port}/live.ts");
    let (egress, lease) = lease(&[STRANGER], names.clone(), &source(&turns)).await;
    let (first, _) = ask(&lease, &turns, "").await;
    assert!(first.starts_with("HTTP/1.1 200"), "{first}");
    assert_eq!(names.asked("turns.example"), 1);
    let both = format!("http://both.example:{port}/live.ts");
    let (open, _) = ask(&lease, &both, "").await;
    assert!(
        open.starts_with("HTTP/1.1 200"),
        "only the allowed address is used: {open}"
    );
    // Until the connection that is kept for the next request is gone, there is nothing to resolve.
    let (_egress, another) =
        crate::server::lease(&[STRANGER], names.clone(), &source(&turns)).await;
    let (second, _) = ask(&another, &turns, "").await;
    assert!(second.starts_with("HTTP/1.1 403"), "{second}");
    assert!(second.contains("127.0.0.1 (turns.example)"), "{second}");
    let none = format!("http://none.example:{port}/");
    let (unknown, _) = ask(&lease, &none, "").await;
    assert!(
        unknown.starts_with("HTTP/1.1 502 Failed to resolve hostname"),
        "{unknown}"
    );
    assert_eq!(egress.counters().counted().failed, 1);
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

const LIST: &[u8] = b"#EXTM3U\nhttps://cdn.example/1.ts\n";
const VEILED: &[u8] = b"#EXTM3U\nhttp://_https.cdn.example/1.ts\n";

/// Answers of all kinds, by their paths.
fn answers() -> Script {
    Arc::new(|head| match path(head) {
        "/range" => {
            assert!(head.to_lowercase().contains("range: bytes=3-"), "{head}");
            reply(
                "206 Partial Content",
                "content-range: bytes 3-6/7\r\n",
                b"dia!",
            )
        }
        "/packed.ts" => reply("200 OK", "content-encoding: gzip\r\n", &packed(LIST)),
        "/packed/media" => reply("200 OK", "content-encoding: gzip\r\n", &packed(b"Gmedia")),
        "/packed.m3u8" => reply("200 OK", "content-encoding: gzip\r\n", &packed(LIST)),
        "/whole.m3u8" => reply(
            "206 Partial Content",
            "content-range: bytes 0-32/33\r\n",
            LIST,
        ),
        "/chunks" => {
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nmedi\r\n1\r\na\r\n0\r\n\r\n"
                .to_vec()
        }
        "/icy" => {
            b"ICY 200 OK\r\nicy-metaint: 8192\r\ncontent-type: audio/mpeg\r\n\r\nmusic".to_vec()
        }
        "/old" => b"HTTP/1.0 200 OK\r\nbroken field\r\n\r\nold".to_vec(),
        "/moved" => redirect("https://cdn.example:8443/x"),
        "/near" => redirect("../x"),
        "/proxy" => reply(
            "407 Proxy Authentication Required",
            "proxy-authenticate: Basic\r\n",
            b"",
        ),
        "/empty" => reply("200 OK", "", b""),
        _ => reply("404 Not Found", "", b"gone"),
    })
}

#[tokio::test]
async fn answers_pass_as_they_are_but_for_what_ffmpeg_could_not_use() {
    let server = Server::start(STRANGER, answers()).await;
    let (_egress, lease) = open(&server).await;
    for (path, fields, status, in_head, body) in [
        (
            "/range",
            "Range: bytes=3-\r\n",
            "206",
            "content-range: bytes 3-6/7",
            &b"dia!"[..],
        ),
        ("/packed.ts", "", "200", "content-length: 39", VEILED),
        ("/packed/media", "", "200", "content-length: 6", b"Gmedia"),
        ("/packed.m3u8", "", "200", "content-length: 39", VEILED),
        (
            "/whole.m3u8",
            "Range: bytes=0-\r\n",
            "200",
            "content-length: 39",
            VEILED,
        ),
        (
            "/icy",
            "Icy-MetaData: 1\r\n",
            "200",
            "icy-metaint: 8192",
            b"5\r\nmusic\r\n0\r\n\r\n",
        ),
        ("/old", "", "200", "chunked", b"3\r\nold\r\n0\r\n\r\n"),
        (
            "/moved",
            "",
            "302",
            "location: http://_https.cdn.example:8443/x",
            b"",
        ),
        ("/near", "", "302", "location: ../x", b""),
        ("/proxy", "", "502", "", b""),
        ("/empty", "", "200", "content-length: 0", b""),
        ("/gone", "", "404", "Not Found", b"gone"),
    ] {
        let (head, got) = ask(&lease, &server.url(path), fields).await;
        assert_eq!(head.split(' ').nth(1), Some(status), "{path}: {head}");
        assert!(head.contains(in_head), "{path}: {head}");
        assert_eq!(
            String::from_utf8_lossy(&got),
            String::from_utf8_lossy(body),
            "{path}: {head}"
        );
    }
    let (head, body) = ask(&lease, &server.url("/chunks"), "").await;
    assert!(head.contains("chunked"), "{head}");
    assert!(String::from_utf8(body).unwrap().contains("medi"));
}

/// A server that sends a beginning at once, and the rest when it is told to.
async fn patient() -> (TcpListener, String) {
    let listener = TcpListener::bind((STRANGER, 0)).await.unwrap();
    let url = format!("http://{}/live.ts", listener.local_addr().unwrap());
    (listener, url)
}

const STREAM: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: video/mp2t\r\n\r\nG0123456789012345678901234567890";

#[tokio::test]
async fn a_stream_passes_as_it_comes_for_ten_hours_and_ends_with_its_lease() {
    let (listener, url) = patient().await;
    let (_egress, lease) = lease(&[STRANGER], Names::new(&[]), &source(&url)).await;
    let mut reader = send(lease.port(), &url, &credential(&lease)).await;
    let (mut server, _) = listener.accept().await.unwrap();
    head(&mut server).await.unwrap();
    server.write_all(STREAM).await.unwrap();
    let mut read = async |what: &str| {
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains(what) {
            seen.push(reader.read_u8().await.ok()?);
        }
        Some(seen)
    };
    // The beginning is there although there is no end.
    assert!(read("G01234").await.is_some());
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(36_000)).await;
    tokio::time::resume();
    server.write_all(b"ten hours later").await.unwrap();
    assert!(read("ten hours later").await.is_some());
    drop(lease);
    server.write_all(b"too late").await.unwrap();
    let cut = timeout(PATIENCE, read("too late")).await.unwrap();
    assert!(cut.is_none(), "{cut:?}");
}

#[tokio::test]
async fn a_playlist_without_an_end_is_given_up() {
    let script: Script = Arc::new(|_| {
        let mut list = b"#EXTM3U\n".to_vec();
        list.resize(9 << 20, b'#');
        ok("application/vnd.apple.mpegurl", &list)
    });
    let server = Server::start(STRANGER, script).await;
    let (_egress, lease) = open(&server).await;
    let (head, _) = ask(&lease, &server.url("/index.m3u8"), "").await;
    assert!(
        head.starts_with("HTTP/1.1 502 the playlist is larger than 8 MiB"),
        "{head}"
    );
}

/// Not a measurement that anything depends on: what the way out costs, printed.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_relayed_at_some_speed() {
    const BYTES: usize = 256 << 20;
    let (listener, url) = patient().await;
    tokio::spawn(async move {
        let (mut server, _) = listener.accept().await.unwrap();
        head(&mut server).await.unwrap();
        let fields = format!("HTTP/1.1 200 OK\r\ncontent-length: {BYTES}\r\n\r\n");
        server.write_all(fields.as_bytes()).await.unwrap();
        let piece = vec![b'G'; 1 << 20];
        for _ in 0..BYTES >> 20 {
            server.write_all(&piece).await.unwrap();
        }
    });
    let (egress, lease) = lease(&[STRANGER], Names::new(&[]), &source(&url)).await;
    let started = (Instant::now(), cpu());
    let mut reader = send(lease.port(), &url, &credential(&lease)).await;
    let mut buffer = vec![0; 1 << 20];
    let mut total = 0;
    while let Ok(count @ 1..) = reader.read(&mut buffer).await {
        total += count;
    }
    assert!(total > BYTES, "{total}");
    let counted = egress.counters().counted();
    assert_eq!((counted.bytes as usize, counted.open), (BYTES, 0));
    let megabits = BYTES as f64 * 8.0 / 1e6;
    let (wall, cpu) = (started.0.elapsed().as_secs_f64(), cpu() - started.1);
    println!(
        "relay: {:.0} Mbit/s; {:.3} ms of CPU for each Mbit, server and reader included",
        megabits / wall,
        cpu * 1e3 / megabits
    );
}

/// CPU seconds of this process so far.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let ticks = rest
        .split(' ')
        .skip(11)
        .take(2)
        .map(|text| text.parse::<f64>().unwrap());
    ticks.sum::<f64>() / 100.0
}
