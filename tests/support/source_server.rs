//! A source as operators have them: an HTTP server that sends a live transport stream or HLS at the pace of the clock,
//! until the test breaks it. One server is one source; it runs on a thread of its own.
//!
//! Include it with `#[path = "support/source_server.rs"] mod source_server;`, and `transport` beside it.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses a part of what stands here"
)]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep_until;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::transport::{CLOCK, Recording};

/// Seconds of an HLS segment where nothing else is asked for; a recording has whole ones.
const SEGMENT: u64 = 2;

/// What goes wrong.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Every request is answered with this status, and who reads is cut off.
    Status(u16),
    /// Nobody listens any more.
    Refused,
    /// Each answer ends after this, as if it were complete.
    Eof(Duration),
    /// Each connection is reset after this.
    Reset(Duration),
    /// Connections stay open and no byte comes.
    Stall,
    /// One byte a second.
    Drip,
    /// As many bytes as ever, and all of them nonsense.
    Garbage,
    /// Frames come, and their timestamps stand still.
    Frozen,
    /// Timestamps run a hundred times too fast.
    Hundredfold,
    /// Timestamps jump by so many seconds.
    Jump(i64),
    /// The stream goes on with other contents.
    Other(Arc<Recording>),
    /// HLS: the playlist stands still.
    OldPlaylist,
    /// HLS: segments that are listed are not there.
    NoSegments,
}

/// What goes wrong since when.
#[derive(Debug, Clone)]
struct Now {
    fault: Fault,
    since: Instant,
}

/// See the module. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct SourceServer {
    address: SocketAddr,
    now: watch::Sender<Now>,
    requests: Arc<AtomicUsize>,
    _end: DropGuard,
}

/// What a connection needs to know.
#[derive(Debug, Clone)]
struct Broadcast {
    recording: Arc<Recording>,
    began: Instant,
    /// What stands in the stream at its beginning, in ticks.
    base: u64,
    /// Who joins gets a key frame first.
    joins_at_key: bool,
    now: watch::Receiver<Now>,
    requests: Arc<AtomicUsize>,
}

// === impl SourceServer ===

impl SourceServer {
    /// A healthy source.
    pub(crate) fn good() -> Self {
        Self::start(Recording::good(), 0, true)
    }

    /// A healthy source whose timestamps wrap around so many seconds from now.
    pub(crate) fn wraps_in(seconds: u64) -> Self {
        let base = crate::transport::WRAP - (seconds + 1) * CLOCK;
        Self::start(Recording::good(), base, true)
    }

    /// A source that sends this recording. One that does not join at a key frame lets who comes wait for the next one.
    pub(crate) fn start(recording: Arc<Recording>, base: u64, joins_at_key: bool) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let began = Instant::now();
        let (sender, now) = watch::channel(Now {
            fault: Fault::None,
            since: began,
        });
        let broadcast = Broadcast {
            recording,
            began,
            base,
            joins_at_key,
            now,
            requests: Arc::default(),
        };
        let (end, requests) = (CancellationToken::new(), broadcast.requests.clone());
        let ended = end.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(ended.run_until_cancelled(accept(listener, broadcast)));
        });
        Self {
            address,
            now: sender,
            requests,
            _end: end.drop_guard(),
        }
    }

    /// From now on this goes wrong, with connections that are open too.
    pub(crate) fn set(&self, fault: Fault) {
        let since = Instant::now();
        self.now.send_replace(Now { fault, since });
    }

    /// The continuous transport stream.
    pub(crate) fn stream(&self) -> String {
        format!("http://{}/live.ts", self.address)
    }

    /// The same as HLS.
    pub(crate) fn playlist(&self) -> String {
        format!("http://{}/live.m3u8", self.address)
    }

    /// The same in segments of so many seconds.
    pub(crate) fn playlist_of(&self, seconds: u64) -> String {
        format!("http://{}/{seconds}/live.m3u8", self.address)
    }

    /// How many requests there were.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

/// Accepts connections while somebody listens.
async fn accept(listener: std::net::TcpListener, broadcast: Broadcast) {
    let mut now = broadcast.now.clone();
    let address = listener.local_addr().unwrap();
    let mut listener = Some(TcpListener::from_std(listener).unwrap());
    loop {
        let refuses = matches!(now.borrow_and_update().fault, Fault::Refused);
        match (&listener, refuses) {
            (Some(_), true) => listener = None,
            (None, false) => listener = Some(TcpListener::bind(address).await.unwrap()),
            _ => {}
        }
        tokio::select! {
            accepted = next(listener.as_ref()) => {
                tokio::spawn(serve(accepted, broadcast.clone()));
            }
            changed = now.changed() => if changed.is_err() { return },
        }
    }
}

async fn next(listener: Option<&TcpListener>) -> TcpStream {
    match listener {
        Some(listener) => listener.accept().await.unwrap().0,
        None => std::future::pending().await,
    }
}

/// One request; a client that goes away is no error.
async fn serve(mut socket: TcpStream, mut broadcast: Broadcast) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match socket.read_u8().await {
            Ok(byte) if request.len() < 16_384 => request.push(byte),
            _ => return,
        }
    }
    broadcast.requests.fetch_add(1, Ordering::Relaxed);
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.split(' ').nth(1).unwrap_or("/").to_owned();
    let _ = broadcast.answer(&mut socket, &path).await;
}

// === impl Broadcast ===

impl Broadcast {
    fn fault(&self) -> Now {
        self.now.borrow().clone()
    }

    /// Ticks from the beginning of the broadcast to a time.
    fn ticks(&self, at: Instant) -> u64 {
        (at.saturating_duration_since(self.began).as_secs_f64() * CLOCK as f64) as u64
    }

    async fn answer(&mut self, socket: &mut TcpStream, path: &str) -> io::Result<()> {
        // What changes from here on is a change.
        let fault = self.now.borrow_and_update().fault.clone();
        match fault {
            Fault::Status(status) => return answer(socket, status, "text/plain", b"no").await,
            Fault::Stall => self.wait_for_better(socket).await,
            _ => {}
        }
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let seconds = folder.trim_start_matches('/').parse().unwrap_or(SEGMENT);
        let number = name
            .strip_prefix("segment")
            .and_then(|rest| rest.strip_suffix(".ts"));
        match (name, number.and_then(|number| number.parse().ok())) {
            ("live.ts", _) => self.stream(socket).await,
            ("live.m3u8", _) => {
                let text = self.playlist(seconds);
                answer(
                    socket,
                    200,
                    "application/vnd.apple.mpegurl",
                    text.as_bytes(),
                )
                .await
            }
            (_, Some(number)) if !matches!(self.fault().fault, Fault::NoSegments) => {
                let body = self.segment(number, seconds);
                answer(socket, 200, "video/mp2t", &body).await
            }
            _ => answer(socket, 404, "text/plain", b"no").await,
        }
    }

    /// The last whole segments.
    fn playlist(&self, seconds: u64) -> String {
        let now = self.fault();
        let at = match now.fault {
            Fault::OldPlaylist => now.since,
            _ => Instant::now(),
        };
        // As if there had been some before the test began.
        let end = self.ticks(at) / (seconds * CLOCK) + 4;
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:{seconds}\n#EXT-X-MEDIA-SEQUENCE:{}\n",
            end - 4
        );
        for number in end - 4..end {
            text += &format!("#EXTINF:{seconds}.0,\nsegment{number}.ts\n");
        }
        text
    }

    fn segment(&self, number: u64, seconds: u64) -> Vec<u8> {
        let now = self.fault();
        let recording = self.contents(&now);
        let mut cursor = recording.seek(number * seconds * CLOCK, true);
        let mut body = Vec::new();
        while recording.time(cursor) < (number + 1) * seconds * CLOCK {
            body.extend(recording.write(cursor, |time| self.stamp(&now, time)));
            cursor = recording.next(cursor);
        }
        if matches!(now.fault, Fault::Garbage) {
            scramble(&mut body);
        }
        body
    }

    fn contents(&self, now: &Now) -> Arc<Recording> {
        match &now.fault {
            Fault::Other(other) => other.clone(),
            _ => self.recording.clone(),
        }
    }

    /// What stands in the stream for a time of the broadcast.
    fn stamp(&self, now: &Now, time: u64) -> u64 {
        // A fault begins with the frames that come after it.
        let since = self.ticks(now.since);
        let time = match now.fault {
            Fault::Frozen => time.min(since),
            Fault::Hundredfold => since.min(time) + time.saturating_sub(since) * 100,
            Fault::Jump(seconds) => {
                let jump = seconds.rem_euclid((crate::transport::WRAP / CLOCK) as i64);
                time + jump.unsigned_abs() * CLOCK
            }
            _ => time,
        };
        self.base + time
    }

    /// Sends frames as they are due, until the fault ends it.
    async fn stream(&mut self, socket: &mut TcpStream) -> io::Result<()> {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nConnection: close\r\n\r\n";
        socket.write_all(head.as_bytes()).await?;
        let joined = Instant::now();
        let mut recording = self.contents(&self.fault());
        let mut cursor = recording.seek(self.ticks(joined), self.joins_at_key);
        loop {
            let now = self.now.borrow_and_update().clone();
            let contents = self.contents(&now);
            if !Arc::ptr_eq(&contents, &recording) {
                recording = contents;
                cursor = recording.seek(self.ticks(Instant::now()), true);
            }
            let lasted = joined.max(now.since).elapsed();
            match now.fault {
                Fault::Status(_) | Fault::Refused => return socket.shutdown().await,
                Fault::Eof(after) if lasted >= after => return socket.shutdown().await,
                Fault::Reset(after) if lasted >= after => return socket.set_zero_linger(),
                Fault::Stall => {
                    self.wait_for_better(socket).await;
                    continue;
                }
                Fault::Drip => {
                    socket.write_all(&[0x47]).await?;
                    self.pause(Instant::now() + Duration::from_secs(1)).await;
                    continue;
                }
                _ => {}
            }
            let due =
                self.began + Duration::from_secs_f64(recording.time(cursor) as f64 / CLOCK as f64);
            if self.pause(due).await {
                continue;
            }
            let mut bytes = recording.write(cursor, |time| self.stamp(&now, time));
            if matches!(now.fault, Fault::Garbage) {
                scramble(&mut bytes);
            }
            socket.write_all(&bytes).await?;
            cursor = recording.next(cursor);
        }
    }

    /// Waits; `true` when the fault changed before the time had come.
    async fn pause(&mut self, until: Instant) -> bool {
        tokio::select! {
            biased;
            changed = self.now.changed() => changed.is_ok(),
            () = sleep_until(until.into()) => false,
        }
    }

    /// Holds a connection without a word until something changes or the client gives up.
    async fn wait_for_better(&mut self, socket: &mut TcpStream) {
        let mut buffer = [0; 64];
        tokio::select! {
            _ = self.now.changed() => {}
            _ = socket.read(&mut buffer) => {}
        }
    }
}

async fn answer(socket: &mut TcpStream, status: u16, kind: &str, body: &[u8]) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Answer\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(body).await?;
    socket.shutdown().await
}

/// Nothing of it makes sense any more, in the same way every time.
fn scramble(bytes: &mut [u8]) {
    let mut state = 0x9e37_79b9_u32;
    for byte in bytes {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        *byte = state as u8;
    }
}
