//! The shipped binary as a child of the test, which keeps everything that it says.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

/// For everything that has no deadline of its own: a machine that is far too busy, not a measurement.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running gateway; killed when the test is over, and its encoders with it.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: String,
    log: Arc<Mutex<String>>,
}

impl Process {
    /// Starts a gateway that reads `channels.toml` of the folder.
    pub(crate) fn start(folder: &Path, ffmpeg: Option<&Path>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_headgate"));
        if let Some(ffmpeg) = ffmpeg {
            command.env("FFMPEG", ffmpeg);
        }
        let mut child = command
            .current_dir(folder)
            .args(["--listen", "127.0.0.1:0"])
            .env("RUST_LOG", "debug")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let address = follow(&mut child, &log).recv_timeout(PATIENCE);
        let address = address.unwrap_or_else(|_| panic!("no address: {}", log.lock().unwrap()));
        Self {
            child,
            address,
            log,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The status and everything behind the head.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let answer = self.read(path, |_| false);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        (status.unwrap_or_default(), body.to_owned())
    }

    /// Reads an answer that may have no end, until there is enough of it.
    pub(crate) fn read(&self, path: &str, enough: impl Fn(&str) -> bool) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let address = &self.address;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        let (mut all, mut some) = (Vec::new(), [0; 16 * 1024]);
        loop {
            let count = stream.read(&mut some).unwrap_or(0);
            all.extend_from_slice(&some[..count]);
            let text = String::from_utf8_lossy(&all);
            if count == 0 || enough(&text) {
                return text.into_owned();
            }
        }
    }

    /// The only session, as operators see it.
    pub(crate) fn session(&self, channel: &str) -> serde_json::Value {
        let (_, body) = self.get(&format!("/api/v1/channels/{channel}"));
        let channel: serde_json::Value = serde_json::from_str(&body).unwrap();
        channel["session"].clone()
    }

    /// `headgate explain CHANNEL` of this gateway.
    pub(crate) fn explain(&self, channel: &str) -> Output {
        headgate([
            "explain",
            channel,
            "--url",
            &format!("http://{}", self.address),
        ])
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the gateway's log:\n{}", self.log());
        }
    }
}

/// Runs a command to its end.
pub(crate) fn headgate<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headgate"));
    command.args(arguments).output().unwrap()
}

/// Asks again and again until it is so.
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Reads the log to its end; the address comes out as soon as it stands there.
fn follow(child: &mut Child, log: &Arc<Mutex<String>>) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let log = log.clone();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if let Some((_, rest)) = line.split_once("listening address=") {
                let address = rest.split_whitespace().next().unwrap_or_default();
                let _ = sender.send(address.to_owned());
            }
            let mut log = log.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
        }
    });
    receiver
}
