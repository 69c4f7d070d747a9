//! A gateway as a child, started the way a test wants it, and viewers who want 200 and nothing else.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;

/// For everything that has no deadline of its own: a machine that is far too busy, not a measurement.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// One test at a time: they take all sockets that there are.
static MACHINE: Mutex<()> = Mutex::new(());

/// Two channels of the scripted ffmpeg.
pub(crate) const CHANNELS: &str = r#"
[defaults]
segment_duration = "1s"
part_duration = "500ms"
window = "8s"
ladder = [{ name = "v", height = 180, video_bitrate = "200k" }]

[[channel]]
id = "one"
source = "testcard:"

[[channel]]
id = "two"
source = "testcard:"
"#;

/// A running gateway; dropping it kills it, and the kernel its encoders.
pub(crate) struct Gateway {
    child: Child,
    pub(crate) address: String,
    pub(crate) folder: tempfile::TempDir,
    log: Arc<Mutex<Vec<String>>>,
    _machine: MutexGuard<'static, ()>,
}

/// How a gateway is started.
#[derive(Default)]
pub(crate) struct Start<'a> {
    /// More of `[server]`, and `[limits]`.
    pub(crate) server: &'a str,
    pub(crate) channels: &'a str,
    /// What the scripted ffmpeg does.
    pub(crate) scenario: &'a str,
    /// Words before the gateway's own: a shell that changes what it may.
    pub(crate) before: &'a [&'a str],
    pub(crate) environment: Vec<(&'a str, String)>,
}

impl Start<'_> {
    /// Starts a gateway on a port of the system's choice; `make` puts files into its folder before.
    pub(crate) fn with(self, make: impl FnOnce(&Path)) -> Gateway {
        let machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let binary = Path::new(env!("CARGO_BIN_EXE_headgate"));
        let fake = binary.parent().unwrap().join("examples/fake_ffmpeg");
        assert!(
            fake.exists(),
            "run `cargo build --example fake_ffmpeg` first"
        );
        std::os::unix::fs::symlink(fake, folder.path().join("ffmpeg")).unwrap();
        std::fs::write(folder.path().join("ffmpeg.scenario"), self.scenario).unwrap();
        make(folder.path());
        let config = folder.path().join("channels.toml");
        // The scripted ffmpeg reads its script, which no cage permits.
        let listen = "listen = \"127.0.0.1:0\"\nstate = \"headgate.state\"\ncage = \"off\"";
        let text = format!("[server]\n{listen}\n{}\n{}", self.server, self.channels);
        std::fs::write(&config, text).unwrap();
        let words: Vec<&str> = self.before.to_vec();
        let mut command = match words.split_first() {
            Some((program, words)) => {
                let mut command = Command::new(program);
                command.args(words).arg(binary);
                command
            }
            None => Command::new(binary),
        };
        let mut child = command
            .arg("--config")
            .arg(&config)
            .env("FFMPEG", folder.path().join("ffmpeg"))
            .envs(self.environment)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let address = follow(&mut child, &log).recv_timeout(PATIENCE);
        let address = address.unwrap_or_else(|_| panic!("no address: {:?}", log.lock().unwrap()));
        Gateway {
            child,
            address,
            folder,
            log,
            _machine: machine,
        }
    }

    pub(crate) fn start(self) -> Gateway {
        self.with(|_| {})
    }
}

impl Gateway {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lines of the log that hold this.
    pub(crate) fn said(&self, words: &str) -> usize {
        let log = self.log.lock().unwrap();
        log.iter().filter(|line| line.contains(words)).count()
    }

    /// Resident memory, bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.unwrap().split_whitespace().next().unwrap();
        kilobytes.parse::<u64>().unwrap() * 1024
    }

    /// Processor time that was used, in ticks of 10 ms.
    pub(crate) fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.unwrap()
    }

    /// A client that takes a little at a time.
    pub(crate) async fn connect_narrow(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        // As on a network: loopback's own packets of 64 KiB would let the kernel take megabytes for each client.
        let options = socket2::SockRef::from(&socket);
        options.set_tcp_mss(1448).unwrap();
        socket.connect(self.address.parse().unwrap()).await.unwrap()
    }

    /// One request on a connection of its own.
    pub(crate) async fn get(&self, path: &str) -> Response<Bytes> {
        Viewer::connect(&self.address).await.get(path).await
    }

    pub(crate) async fn json(&self, path: &str) -> serde_json::Value {
        serde_json::from_slice(self.get(path).await.body()).unwrap()
    }

    /// The value of a sample on the metrics page.
    pub(crate) async fn sample(&self, name: &str) -> f64 {
        let page = self.get("/metrics").await;
        let text = std::str::from_utf8(page.body()).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.map_or(0.0, |value| value.trim().parse().unwrap())
    }

    /// Sends these bytes and reads what comes until the server closes.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // The server may close while bytes of ours are unread: what it said before counts.
        let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer))
            .await
            .unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Waits until a channel plays.
    pub(crate) async fn plays(&self, channel: &str) {
        let path = format!("/live/{channel}/v/index.m3u8");
        let since = Instant::now();
        while self.get(&path).await.status() != 200 {
            assert!(since.elapsed() < PATIENCE, "{channel} does not start");
        }
    }

    /// The session of a channel.
    pub(crate) async fn session(&self, channel: &str) -> serde_json::Value {
        let all = self.json("/debug/sessions").await;
        let mut all = all.as_array().unwrap().iter();
        let found = all.find(|session| session["channel"] == channel);
        found.cloned().unwrap_or_default()
    }

    /// Polls until something is so.
    pub(crate) async fn until(&self, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
        let since = Instant::now();
        while !is_so().await {
            assert!(since.elapsed() < PATIENCE, "{what} did not come");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            eprintln!("the gateway's log:\n{}", log.join("\n"));
        }
    }
}

/// Reads the log to its end; the address comes out as soon as it stands there.
fn follow(child: &mut Child, log: &Arc<Mutex<Vec<String>>>) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let log = log.clone();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if let Some((_, rest)) = line.split_once("listening address=") {
                let address = rest.split_whitespace().next().unwrap_or_default();
                let _ = sender.send(address.to_owned());
            }
            log.lock().unwrap().push(line);
        }
    });
    receiver
}

/// A client with one connection that is kept.
pub(crate) struct Viewer {
    address: String,
    sender: http1::SendRequest<Empty<Bytes>>,
}

impl Viewer {
    pub(crate) async fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self {
            address: address.into(),
            sender,
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Response<Bytes> {
        self.try_get(path)
            .await
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// An error is a connection that was closed.
    pub(crate) async fn try_get(&mut self, path: &str) -> Result<Response<Bytes>, hyper::Error> {
        let request = Request::get(path).header("host", &self.address);
        let exchange = async {
            self.sender.ready().await?;
            let request = request.body(Empty::new()).unwrap();
            let (head, body) = self.sender.send_request(request).await?.into_parts();
            Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
        };
        let answer = tokio::time::timeout(PATIENCE, exchange).await;
        answer.unwrap_or_else(|_| panic!("no answer to {path}"))
    }
}

/// Viewers of a channel who go on until they are told to stop.
pub(crate) struct Audience {
    enough: Arc<AtomicBool>,
    viewers: Vec<JoinHandle<Vec<Duration>>>,
}

impl Audience {
    pub(crate) async fn of(gateway: &Gateway, channel: &'static str, count: usize) -> Self {
        gateway.plays(channel).await;
        let enough = Arc::new(AtomicBool::new(false));
        let mut viewers = Vec::new();
        for _ in 0..count {
            let viewer = Viewer::connect(&gateway.address).await;
            viewers.push(tokio::spawn(watch(viewer, channel, enough.clone())));
        }
        Self { enough, viewers }
    }

    /// How long each request took, sorted; all were answered with 200.
    pub(crate) async fn leave(self) -> Vec<Duration> {
        self.enough.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for viewer in self.viewers {
            all.extend(viewer.await.unwrap());
        }
        all.sort();
        all
    }
}

/// The playlist, and the newest segment that it names, four times a second.
async fn watch(mut viewer: Viewer, channel: &str, enough: Arc<AtomicBool>) -> Vec<Duration> {
    let mut took = Vec::new();
    while !enough.load(Ordering::Relaxed) {
        let base = format!("/live/{channel}/v");
        let since = Instant::now();
        let list = viewer.get(&format!("{base}/index.m3u8")).await;
        took.push(since.elapsed());
        assert_eq!(list.status(), 200, "{:?}", list.body());
        let text = std::str::from_utf8(list.body()).unwrap();
        if let Some(segment) = text.lines().rfind(|line| line.ends_with(".m4s")) {
            let answer = viewer.get(&format!("{base}/{segment}")).await;
            assert_eq!(answer.status(), 200, "{segment}");
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    took
}

/// The value below which so many percent lie.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

/// The newest whole segment of channel `one`.
pub(crate) async fn newest_segment(gateway: &Gateway) -> String {
    let list = gateway.get("/live/one/v/index.m3u8").await;
    let text = std::str::from_utf8(list.body()).unwrap().to_owned();
    let newest = text
        .lines()
        .rfind(|line| line.ends_with(".m4s") && !line.starts_with('#'));
    format!("/live/one/v/{}", newest.unwrap())
}

/// As many sockets as are wanted and this process can have.
pub(crate) fn affordable(wanted: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let before = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: before.maximum,
        ..before
    };
    let _ = setrlimit(Resource::Nofile, all);
    let most = getrlimit(Resource::Nofile).current.unwrap_or(1 << 20);
    wanted.min(usize::try_from(most).unwrap_or(wanted).saturating_sub(200))
}
