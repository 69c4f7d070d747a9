//! What opens a source is nobody's business: a secret in each place where one can stand, and a look into everything
//! that the gateway says.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]
#![expect(
    clippy::print_stderr,
    reason = "the log of a gateway whose test has failed"
)]

#[path = "support/process.rs"]
mod process;

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use process::{Process, headgate, until};

/// Stands in every secret and nowhere else.
const MARK: &str = "zqx7";

const USER: &str = "zqx7user";
const PASSWORD: &str = "zqx7pass";

/// How a channel's source answers.
#[derive(Clone, Copy)]
enum Manner {
    /// With this status.
    Refuses(u16),
    /// With a few seconds of a transport stream, and then the end.
    Delivers,
}

/// A source that knows who asked for what, and a receiver of webhooks.
struct Loopback {
    address: SocketAddr,
    /// Every request's head and body.
    heard: Arc<Mutex<Vec<String>>>,
}

// === impl Loopback ===

impl Loopback {
    fn start(media: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let (hears, media) = (heard.clone(), Arc::new(media));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (hears, media) = (hears.clone(), media.clone());
                std::thread::spawn(move || answer(stream, &hears, &media));
            }
        });
        Self { address, heard }
    }

    fn heard(&self, beginning: &str) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let wanted = |text: &&String| text.starts_with(beginning);
        heard.iter().filter(wanted).cloned().collect()
    }
}

fn answer(mut stream: TcpStream, heard: &Mutex<Vec<String>>, media: &[u8]) {
    let Some(text) = request(&stream) else { return };
    let head = if text.starts_with("POST") {
        "HTTP/1.1 204 No Content\r\n\r\n".to_owned()
    } else if text.contains("/status401/") {
        "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned()
    } else if text.contains("/status404/") {
        "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned()
    } else {
        "HTTP/1.1 200 OK\r\ncontent-type: video/mp2t\r\nconnection: close\r\n\r\n".to_owned()
    };
    let delivers = head.contains("video/mp2t");
    heard.lock().unwrap().push(text);
    let _ = stream.write_all(head.as_bytes());
    if delivers {
        let _ = stream.write_all(media);
    }
}

fn request(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let (mut text, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader
            .read_line(&mut line)
            .ok()
            .filter(|count| *count > 0)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        text += &line;
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    text += &String::from_utf8_lossy(&body);
    Some(text)
}

/// A source with a secret everywhere.
fn source(address: SocketAddr, manner: Manner) -> String {
    let folder = match manner {
        Manner::Refuses(status) => format!("status{status}"),
        Manner::Delivers => "media".to_owned(),
    };
    format!(
        "{{ url = \"http://{USER}:{PASSWORD}@{address}/{folder}/zqx7path/live.ts?token=zqx7query&b=1\", \
         user_agent = \"zqx7agent\", headers = {{ X-Key = \"zqx7header\", Authorization = \"Bearer zqx7bearer\" }} }}"
    )
}

fn channels(address: SocketAddr) -> String {
    let mut text = format!(
        "[server]\nallow_private = [\"127.0.0.1\"]\n[defaults]\nsegment_duration = \"1s\"\nladder = [{{ name = \"v\", height = 180, video_bitrate = \"300k\" }}]\n\
         start_timeout = \"8s\"\n\
         [[webhook]]\nurl = \"http://{USER}:{PASSWORD}@{address}/zqx7hook?x=zqx7query\"\n\
         secret = \"whsec_{}\"\n",
        base64(b"zqx7 zqx7 zqx7 zqx7 zqx7 zqx7 zqx7")
    );
    for (id, manner) in [
        ("refused", Manner::Refuses(401)),
        ("missing", Manner::Refuses(404)),
        ("plays", Manner::Delivers),
    ] {
        let source = source(address, manner);
        writeln!(
            text,
            "[[channel]]\nid = \"{id}\"\nsources = [{source}, \"slate:Back soon\"]"
        )
        .unwrap();
    }
    text
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Five seconds of pictures and sound.
fn media(folder: &Path) -> Vec<u8> {
    let file: PathBuf = folder.join("media.ts");
    let ffmpeg = std::env::var_os("FFMPEG").unwrap_or_else(|| "ffmpeg".into());
    let arguments = "-nostdin -loglevel error -f lavfi -i testsrc2=size=320x180:rate=25:duration=5 \
                     -f lavfi -i sine=440:duration=5 -c:v libx264 -preset ultrafast -g 25 -c:a aac";
    let status = Command::new(ffmpeg)
        .args(arguments.split_whitespace())
        .arg(&file)
        .status()
        .unwrap();
    assert!(status.success());
    std::fs::read(file).unwrap()
}

/// Everything that may give a secret away, beyond the mark itself.
fn forbidden() -> Vec<String> {
    let pair = format!("{USER}:{PASSWORD}");
    vec![
        MARK.to_owned(),
        base64(pair.as_bytes()).trim_end_matches('=').to_owned(),
    ]
}

fn assert_silent(place: &str, text: &str) {
    assert!(!text.is_empty(), "{place} says nothing at all");
    let lower = text.to_lowercase();
    for secret in forbidden() {
        let around = lower.find(&secret.to_lowercase()).map(|at| {
            let before = lower[..at].chars().rev().take(120).collect::<Vec<_>>();
            let after = lower[at..].chars().take(60);
            before.into_iter().rev().chain(after).collect::<String>()
        });
        assert_eq!(around, None, "{place} gives {secret} away");
    }
}

/// Pages for operators, and answers for viewers of channels that do not play.
const PAGES: [&str; 10] = [
    "/debug/sessions",
    "/api/v1/channels",
    "/api/v1/channels/refused",
    "/api/v1/sessions",
    "/api/v1/config",
    "/metrics",
    "/readyz",
    "/live/refused/index.m3u8",
    "/live/missing/v/index.m3u8",
    "/live/missing/v/nothing.m4s",
];

fn assert_pages_silent(gateway: &Process) {
    for page in PAGES {
        assert_silent(page, &gateway.get(page).1);
    }
    for channel in ["refused", "missing", "plays"] {
        let told = gateway.explain(channel);
        assert!(told.status.success());
        assert_silent("explain", &String::from_utf8_lossy(&told.stdout));
    }
    let events = gateway.read("/api/v1/events?last_event_id=0", |so_far| {
        so_far.contains("source.lost") && so_far.contains("encoder.started")
    });
    assert_silent("the events", &events);
    let command = std::fs::read_to_string(format!("/proc/{}/cmdline", gateway.pid())).unwrap();
    assert_silent("the process list", &command);
}

/// The command lines of a process's children.
fn command_lines(parent: u32) -> String {
    let mut lines = String::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let fields = stat.rsplit_once(") ").map(|(_, rest)| rest.split(' '));
        if fields.and_then(|mut fields| fields.nth(1)) == Some(&parent.to_string()) {
            let line = std::fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
            lines.push_str(&line.replace('\0', " "));
            lines.push('\n');
        }
    }
    lines
}

#[test]
fn no_secret_of_a_source_is_said_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let loopback = Loopback::start(media(folder.path()));
    let file = folder.path().join("channels.toml");
    std::fs::write(&file, channels(loopback.address)).unwrap();
    let gateway = Process::start(folder.path(), None);

    let seen = RefCell::new(String::new());
    until("trouble with each source", || {
        seen.borrow_mut().push_str(&command_lines(gateway.pid()));
        let troubled = |channel: &str| {
            gateway.get(&format!("/live/{channel}/index.m3u8"));
            let session = gateway.session(channel);
            let lost = session["history"].to_string().contains("source_lost");
            lost && (channel != "plays" || session["first_part_ms"].is_u64())
        };
        ["refused", "missing", "plays"].into_iter().all(troubled)
    });
    let seen = seen.into_inner();
    assert!(
        seen.contains("http://source.invalid/"),
        "no encoder was seen: {seen}"
    );
    assert_silent("the process list of encoders", &seen);
    // The source has really been told who asks.
    let asked = loopback.heard("GET").concat();
    for secret in ["zqx7path", "zqx7query", "zqx7header", "zqx7agent"] {
        assert!(asked.contains(secret), "{secret} did not reach the source");
    }
    assert_pages_silent(&gateway);

    // A file that is wrong is quoted, in the log and to operators.
    let wrong =
        channels(loopback.address).replace("user_agent = \"zqx7agent\"", "timeout = \"never\"");
    std::fs::write(&file, wrong).unwrap();
    until("the file to be refused", || {
        gateway.get("/readyz").1.contains("refused")
    });
    assert_pages_silent(&gateway);
    let checked = headgate(["check".as_ref(), "--config".as_ref(), file.as_os_str()]);
    assert_eq!(checked.status.code(), Some(2));
    assert_silent("check", &String::from_utf8_lossy(&checked.stderr));

    until("webhooks", || !loopback.heard("POST").is_empty());
    for sent in loopback.heard("POST") {
        let (_, body) = sent.split_once("\r\n\r\n").unwrap();
        assert_silent("a webhook", body);
    }
    let log = gateway.log();
    assert!(
        log.contains("DEBUG") && log.contains("configuration is refused"),
        "{log}"
    );
    assert_silent("the log", &log);
}
