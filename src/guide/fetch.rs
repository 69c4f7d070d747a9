//! Gets a guide from a file or a server, and reads it while it comes: nothing of it is kept but what is wanted.
//!
//! Sizes and times are bounded: a server may be slow, endless, or send a bomb.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use flate2::bufread::MultiGzDecoder;
use http::{Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::client::{USER_AGENT, explain, target as split};
use crate::config::GuideSource;
use crate::egress::Client;
use crate::iptv::Guide;
use crate::iptv::xmltv_reader::{self, Wanted};

/// How long a guide may take to come.
const TOTAL: Duration = Duration::from_secs(180);
/// The most bytes that are taken from a server or a file, and the most that they may become.
const MAX_BYTES: u64 = 256 << 20;
const MAX_PLAIN: u64 = 2 << 30;
/// How often a server may send the gateway elsewhere.
const MAX_REDIRECTS: usize = 5;
/// Pieces of a body that wait for the reader.
const QUEUE: usize = 8;

/// Reads the guide, or says for people why not. Nothing that is said quotes a URL.
pub(super) async fn read(
    client: &Client,
    from: &GuideSource,
    wanted: Wanted,
) -> Result<Guide, String> {
    match from {
        GuideSource::File(path) => {
            let path = path.clone();
            blocking(move || parse(open(&path)?, &wanted)).await
        }
        GuideSource::Url(url) => {
            let deadline = Instant::now() + TOTAL;
            let response = ask(client, url.expose(), deadline).await?;
            let (sender, receiver) = mpsc::channel(QUEUE);
            let feed = Feed {
                receiver,
                chunk: Bytes::new(),
            };
            let reading = blocking(move || parse(Box::new(feed), &wanted));
            // The reader may end before the body does: then nobody takes the rest.
            let (guide, ()) = tokio::join!(reading, pump(response.into_body(), sender, deadline));
            guide
        }
    }
}

async fn blocking(
    work: impl FnOnce() -> Result<Guide, String> + Send + 'static,
) -> Result<Guide, String> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(format!("reading it has failed: {error}")))
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, String> {
    match File::open(path) {
        Ok(file) => Ok(Box::new(BufReader::new(file))),
        Err(error) => Err(format!("the file cannot be opened: {error}")),
    }
}

fn parse(source: Box<dyn BufRead>, wanted: &Wanted) -> Result<Guide, String> {
    let unreadable = |error: io::Error| format!("it cannot be read: {error}");
    let mut source: Box<dyn BufRead> = Box::new(Bounded::new(source, MAX_BYTES));
    // A gzipped file may come in a gzipped answer.
    for _ in 0..2 {
        if source
            .fill_buf()
            .map_err(unreadable)?
            .starts_with(&[0x1F, 0x8B])
        {
            source = Box::new(BufReader::new(MultiGzDecoder::new(source)));
        }
    }
    xmltv_reader::read(Bounded::new(source, MAX_PLAIN), wanted).map_err(|error| error.to_string())
}

// === Over HTTP ===

/// The answer with the guide, redirects followed.
async fn ask(client: &Client, url: &str, deadline: Instant) -> Result<Response<Incoming>, String> {
    let asked = split(url).ok_or("its URL cannot be asked for")?;
    let (mut target, mut authorization) = asked;
    for _ in 0..=MAX_REDIRECTS {
        let mut request = Request::get(target.clone())
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::ACCEPT_ENCODING, "gzip");
        if let Some(authorization) = &authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request.body(Full::default());
        let request = request.map_err(|_| "its URL cannot be asked for".to_owned())?;
        let response = match timeout_at(deadline, client.request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(explain(&error)),
            Err(_) => return Err(format!("no answer within {} s", TOTAL.as_secs())),
        };
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        if !response.status().is_redirection() {
            return Err(format!("the server answers {}", response.status()));
        }
        let next = elsewhere(&target, &response)?;
        if next.authority() != target.authority() {
            authorization = None; // It was for the other server.
        }
        target = next;
    }
    Err(format!("more than {MAX_REDIRECTS} redirects"))
}

/// Where an answer sends the gateway: to another http(s) URL, but not from https to http.
fn elsewhere(target: &Uri, response: &Response<Incoming>) -> Result<Uri, String> {
    let location = response.headers().get(header::LOCATION);
    let location = location.and_then(|location| location.to_str().ok());
    let location = location.ok_or("a redirect does not say where to")?;
    let scheme = target.scheme_str().unwrap_or("http");
    let next = match location.strip_prefix('/') {
        Some(rest) if rest.starts_with('/') => format!("{scheme}:{location}"),
        Some(_) => {
            let authority = target
                .authority()
                .map_or("", |authority| authority.as_str());
            format!("{scheme}://{authority}{location}")
        }
        None => location.to_owned(),
    };
    let next: Uri = next.parse().map_err(|_| "a redirect names no URL")?;
    match (scheme, next.scheme_str()) {
        ("http", Some("http" | "https")) | ("https", Some("https")) => Ok(next),
        _ => Err("a redirect leads away from http or https".to_owned()),
    }
}

/// Hands the body over piece by piece, until its end, the deadline or the reader's end.
async fn pump(mut body: Incoming, sender: mpsc::Sender<io::Result<Bytes>>, deadline: Instant) {
    loop {
        let piece = match timeout_at(deadline, body.frame()).await {
            Ok(None) => return,
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => Ok(data),
                Err(_) => continue,
            },
            Ok(Some(Err(error))) => Err(io::Error::other(error)),
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "it comes too slowly",
            )),
        };
        let is_last = piece.is_err();
        if sender.send(piece).await.is_err() || is_last {
            return;
        }
    }
}

/// The other end of [`pump`], on a thread that may block.
struct Feed {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    chunk: Bytes,
}

// === impl Feed ===

impl Read for Feed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Feed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.chunk.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.chunk = piece?,
                None => break,
            }
        }
        Ok(&self.chunk)
    }

    fn consume(&mut self, amount: usize) {
        self.chunk.advance(amount);
    }
}

/// A reader that fails, rather than ends, after so many bytes.
struct Bounded<R> {
    inner: R,
    left: u64,
}

// === impl Bounded ===

impl<R> Bounded<R> {
    fn new(inner: R, left: u64) -> Self {
        Self { inner, left }
    }
}

impl<R: BufRead> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Bounded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Err(io::Error::other("it is far too large"));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.left = self.left.saturating_sub(amount as u64);
        self.inner.consume(amount);
    }
}
