//! Behind a real nginx, set up as `docs/reverse-proxy.md` says: the block there is what runs here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "each suite uses a part of it")]
#[path = "config_live/gateway.rs"]
mod gateway;

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gateway::{DEADLINE, Gateway, channel};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// nginx in front of a gateway; it ends with the test.
struct Nginx {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

/// What came back.
struct Answer {
    status: u16,
    /// Lower case.
    head: String,
    body: Vec<u8>,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first block of the page in this language.
fn documented(language: &str) -> String {
    let page = include_str!("../docs/reverse-proxy.md");
    let fence = format!("```{language}\n");
    let block = page.split_once(&fence).unwrap().1;
    block.split_once("```").unwrap().0.to_owned()
}

impl Nginx {
    async fn start(gateway: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let site = documented("nginx");
        assert!(site.contains("server 127.0.0.1:8080;") && site.contains("listen 80;"));
        let site = site
            .replace("127.0.0.1:8080", &gateway.to_string())
            .replace("listen 80;", &format!("listen {address};"));
        let at = |name: &str| folder.path().join(name).display().to_string();
        let mut paths = String::new();
        for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
            paths += &format!("{kind}_temp_path {};\n", at(kind));
        }
        let settings = format!(
            "daemon off; master_process off; pid {};\nerror_log {} warn;\nevents {{}}\n\
             http {{\naccess_log off;\n{paths}{site}\n}}\n",
            at("nginx.pid"),
            at("error.log"),
        );
        std::fs::write(at("nginx.conf"), settings).unwrap();
        let program = ["/usr/sbin/nginx", "/usr/local/bin/nginx"]
            .into_iter()
            .find(|path| std::path::Path::new(path).exists());
        let child = Command::new(program.unwrap_or("nginx"))
            .args([
                "-p",
                &at(""),
                "-c",
                &at("nginx.conf"),
                "-e",
                &at("error.log"),
            ])
            .stdin(Stdio::null())
            .spawn();
        let child =
            child.unwrap_or_else(|error| panic!("nginx: {error}; `scripts/test.sh` installs it"));
        let this = Self {
            child,
            address,
            _folder: folder,
        };
        let began = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            assert!(began.elapsed() < DEADLINE, "nginx does not come up");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        this
    }

    /// One request from this address of this machine, with these lines in its header.
    async fn ask(&self, from: &str, method: &str, path: &str, lines: &str) -> Answer {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
        let mut stream = socket.connect(self.address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: 0\r\n{lines}\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut all = Vec::new();
        let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut all));
        read.await.unwrap().unwrap();
        let end = all.windows(4).position(|run| run == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&all[..end]).to_lowercase();
        Answer {
            status: head[9..12].parse().unwrap(),
            body: body(&head, &all[end + 4..]),
            head,
        }
    }
}

/// A body without the chunks that it came in.
fn body(head: &str, mut raw: &[u8]) -> Vec<u8> {
    if !head.contains("transfer-encoding: chunked") {
        return raw.to_vec();
    }
    let mut whole = Vec::new();
    loop {
        let end = raw.windows(2).position(|run| run == b"\r\n").unwrap();
        let size = std::str::from_utf8(&raw[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&raw[end + 2..end + 2 + size]);
        raw = &raw[end + 4 + size..];
    }
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn says(&self, line: &str) -> bool {
        self.head.lines().any(|found| found == line)
    }
}

async fn start() -> (Gateway, Nginx) {
    let text = format!(
        "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n{}",
        channel("a", "")
    );
    let gateway = Gateway::start(&text).await;
    gateway.playing(&["a"]).await;
    let nginx = Nginx::start(gateway.address).await;
    (gateway, nginx)
}

/// The number after the newest whole segment.
fn next_segment(text: &str) -> usize {
    let first = text
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:"))
        .unwrap();
    let whole = text.lines().filter(|line| line.starts_with("#EXTINF:"));
    first.parse::<usize>().unwrap() + whole.count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_wait_and_parts_come_through_it() {
    let (gateway, nginx) = start().await;
    let get = async |path: &str, lines: &str| nginx.ask("127.0.0.2", "GET", path, lines).await;
    let playlist = get("/live/a/v/index.m3u8", "").await;
    assert_eq!(playlist.status, 200);
    assert!(playlist.says("vary: accept-encoding"), "{}", playlist.head);
    assert!(!playlist.head.contains("set-cookie"), "{}", playlist.head);
    let wanted = next_segment(playlist.text()) + 1;
    let path =
        format!("/live/a/v/index.m3u8?_HLS_msn={wanted}&_HLS_part=0&CMCD=sid%3D%22one%22%2Cbs");
    let reload = get(&path, "").await;
    assert_eq!(reload.status, 200);
    assert!(next_segment(reload.text()) >= wanted, "{}", reload.text());
    assert!(
        !reload.text().contains("CMCD"),
        "URLs are the same for everybody"
    );
    assert!(
        reload.head.contains("cache-control: public, max-age="),
        "{}",
        reload.head
    );

    // The part that is announced does not exist yet.
    let hint = reload.text().lines().find_map(|line| {
        let uri = line
            .strip_prefix("#EXT-X-PRELOAD-HINT:")?
            .split_once("URI=\"")?
            .1;
        Some(uri.split_once('"')?.0.to_owned())
    });
    let part = get(&format!("/live/a/v/{}", hint.unwrap()), "").await;
    assert_eq!(part.status, 200, "{}", part.head);
    assert!(
        !part.body.is_empty() && part.head.contains("immutable"),
        "{}",
        part.head
    );

    for (accepted, coding) in [("gzip", "gzip"), ("gzip, zstd", "zstd")] {
        let packed = get(
            "/live/a/v/index.m3u8",
            &format!("Accept-Encoding: {accepted}\r\n"),
        )
        .await;
        assert!(
            packed.says(&format!("content-encoding: {coding}")),
            "{}",
            packed.head
        );
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_are_who_they_are_and_not_who_they_say() {
    let (gateway, nginx) = start().await;
    let forged = "X-Forwarded-For: 203.0.113.9\r\nUser-Agent: forger\r\n";
    let direct = "X-Forwarded-For: 192.0.2.7\r\nUser-Agent: behind\r\n";
    let named =
        "User-Agent: named\r\nCMCD-Session: sid=\"x1\"\r\nCMCD-Request: bl=2500,mtp=9000\r\n";
    for (from, lines) in [
        ("127.0.0.2", forged),
        ("127.0.0.1", direct),
        ("127.0.0.3", named),
    ] {
        let answer = nginx.ask(from, "GET", "/live/a/v/index.m3u8", lines).await;
        assert_eq!(answer.status, 200);
    }
    let id = gateway.sessions.report_of_channel("a").unwrap().id;
    let list = gateway
        .json(&format!("/api/v1/sessions/{id}/viewers"))
        .await;
    let viewer = |agent: &str| {
        let items = list["items"].as_array().unwrap();
        let found = items.iter().find(|item| item["agent"] == agent);
        found
            .unwrap_or_else(|| panic!("no {agent} in {list}"))
            .clone()
    };
    // The proxy saw the forger itself.
    assert_eq!(viewer("forger")["address"], "127.0.0.2");
    // On the machine of the trusted proxy is another proxy, which is trusted too.
    assert_eq!(viewer("behind")["address"], "192.0.2.7");
    let named = viewer("named");
    assert_eq!(
        (named["address"].as_str(), named["same_address"].as_u64()),
        (Some("127.0.0.3"), Some(1))
    );
    assert_eq!(
        (&named["playback"]["session"], &named["playback"]["buffer"]),
        (&"x1".into(), &2.5.into())
    );
    let session = gateway.json(&format!("/api/v1/sessions/{id}")).await;
    let audience = &session["audience"];
    assert_eq!(
        (
            audience["reporting"].as_u64(),
            audience["throughput"].as_u64()
        ),
        (Some(1), Some(9_000_000))
    );
    let page = gateway.get("/metrics").await.1;
    let buffer = "headgate_viewer_buffer_seconds{channel=\"a\"} 2.5";
    assert!(page.lines().any(|line| line == buffer), "{page}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_may_operate_through_it_and_pages_of_others_may_not() {
    let (gateway, nginx) = start().await;
    let post = async |origin: String| {
        let lines = format!("Origin: {origin}\r\n");
        nginx
            .ask("127.0.0.2", "POST", "/api/v1/config/reload", &lines)
            .await
    };
    let own = post(format!("http://{}", nginx.address)).await;
    assert_eq!(own.status, 200, "{}", own.text());
    let other = post("http://evil.example".to_owned()).await;
    assert_eq!(other.status, 403, "{}", other.text());
    gateway.stop().await;
}
