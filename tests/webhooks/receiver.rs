//! A receiver that answers as a test wants it, and remembers what it was sent.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use headgate::base::ChannelId;
use headgate::events::{EventKind, Events, Filter};
use headgate::telemetry::Registry;
use headgate::webhook::{Endpoint, Secret, Timing, Webhooks};
use http::request::Parts;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::net::TcpListener;

/// By when anything that a test waits for must have come, also on a machine that is busy with other things.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The bytes that both ends know.
pub(crate) const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

/// What a receiver does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Status(u16),
    /// With a header.
    With(u16, &'static str, String),
    /// 200 and bytes without an end.
    Endless,
    /// Nothing at all, for ever.
    Never,
}

/// What was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) head: Parts,
    pub(crate) body: Bytes,
}

#[derive(Debug, Default)]
struct Book {
    sent: Vec<Sent>,
    /// What comes next; then `rest`.
    answers: VecDeque<Answer>,
    rest: Option<Answer>,
    /// Bytes of endless answers that the other end took, or the sockets on the way.
    poured: Arc<AtomicUsize>,
}

/// What an answer carries.
#[derive(Debug)]
enum Content {
    Nothing,
    Endless(Arc<AtomicUsize>),
}

/// A receiver on a port of its own.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    book: Arc<Mutex<Book>>,
}

/// Webhooks, and the events that they tell.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) events: Arc<Events>,
    pub(crate) webhooks: Arc<Webhooks>,
}

// === impl Sent ===

impl Sent {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.head.headers[name].to_str().unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

// === impl Receiver ===

impl Receiver {
    /// These answers in their order, then `rest` for ever.
    pub(crate) async fn start(answers: &[Answer], rest: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let book = Arc::new(Mutex::new(Book {
            answers: answers.iter().cloned().collect(),
            rest: Some(rest),
            ..Book::default()
        }));
        let shared = book.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let book = shared.clone();
                let service = service_fn(move |request| answer(book.clone(), request));
                let io = TokioIo::new(stream);
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(io, service));
            }
        });
        Self { address, book }
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.book.lock().sent.clone()
    }

    pub(crate) fn answer_from_now_on(&self, answer: Answer) {
        self.book.lock().rest = Some(answer);
    }

    /// What was sent, when it is so much.
    pub(crate) async fn until_sent(&self, count: usize) -> Vec<Sent> {
        until("requests", || self.sent().len() >= count).await;
        self.sent()
    }

    pub(crate) fn endpoint(&self, filter: Filter) -> Endpoint {
        let url = format!(
            "http://user:hunter2@{}/hooks/hunter3?x=hunter4",
            self.address
        );
        Endpoint::new(&url, Secret::new(KEY), filter).unwrap()
    }

    /// Bytes of endless answers so far.
    pub(crate) fn poured(&self) -> usize {
        self.book.lock().poured.load(SeqCst)
    }

    /// The labels of its metrics.
    pub(crate) fn label(&self) -> String {
        format!("endpoint=\"{}\"", self.address)
    }
}

async fn answer(
    book: Arc<Mutex<Book>>,
    request: Request<Incoming>,
) -> Result<Response<Content>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let (answer, poured) = {
        let mut book = book.lock();
        book.sent.push(Sent { head, body });
        let rest = book.rest.clone().unwrap();
        let answer = book.answers.pop_front().unwrap_or(rest);
        (answer, book.poured.clone())
    };
    let response = |status: u16| Response::builder().status(status);
    Ok(match answer {
        Answer::Status(status) => response(status).body(Content::Nothing).unwrap(),
        Answer::With(status, name, value) => response(status)
            .header(name, value)
            .body(Content::Nothing)
            .unwrap(),
        Answer::Endless => response(200).body(Content::Endless(poured)).unwrap(),
        Answer::Never => std::future::pending().await,
    })
}

impl http_body::Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        static CHUNK: [u8; 64 * 1024] = [b'x'; 64 * 1024];
        Poll::Ready(match &*self {
            Self::Nothing => None,
            Self::Endless(poured) => {
                poured.fetch_add(CHUNK.len(), SeqCst);
                Some(Ok(Frame::data(Bytes::from_static(&CHUNK))))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Nothing)
    }
}

// === impl House ===

impl House {
    pub(crate) fn new() -> Self {
        Self::with_timing(Timing::default())
    }

    /// With pauses between attempts of milliseconds.
    pub(crate) fn fast() -> Self {
        Self::with_timing(Timing {
            speed: 1_000,
            ..Timing::default()
        })
    }

    pub(crate) fn with_timing(timing: Timing) -> Self {
        let events = Events::new(Timestamp::UNIX_EPOCH);
        let webhooks = Webhooks::new(events.clone(), timing);
        Self { events, webhooks }
    }

    pub(crate) fn emit(&self, channel: &str, kind: EventKind) {
        let channel = ChannelId::new(channel).ok();
        self.events.emit(Timestamp::UNIX_EPOCH, channel, None, kind);
    }

    /// The value of a sample; `labels` as they stand on the page.
    pub(crate) fn sample(&self, name: &str, labels: &str) -> Option<u64> {
        let page = self.page();
        let start = format!("{name}{{{labels}}} ");
        let line = page.lines().find_map(|line| line.strip_prefix(&start));
        line.map(|value| value.parse().unwrap())
    }

    pub(crate) fn page(&self) -> String {
        Registry::new(vec![Box::new(self.webhooks.clone())]).encode()
    }

    pub(crate) async fn until_sample(&self, name: &str, labels: &str, value: u64) {
        until(name, || self.sample(name, labels) == Some(value)).await;
    }
}

/// Polls until it is so.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let poll = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let in_time = tokio::time::timeout(DEADLINE, poll).await;
    assert!(in_time.is_ok(), "{what} did not come");
}
