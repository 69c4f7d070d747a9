//! An HTTP client that knows nothing of the product: HTTP/1.1 with connections that are kept, or HTTP/2 without asking
//! first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::gateway::PATIENCE;

type Http1 = http1::SendRequest<Empty<Bytes>>;
type Http2 = http2::SendRequest<Empty<Bytes>>;

/// Clones share their connections.
#[derive(Clone)]
pub(crate) struct Client {
    address: Arc<str>,
    agent: Arc<str>,
    idle: Arc<Mutex<Vec<Http1>>>,
    http2: Option<Http2>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) took: Duration,
}

impl Client {
    pub(crate) fn new(address: &str) -> Self {
        Self {
            address: address.into(),
            agent: "e2e".into(),
            idle: Arc::default(),
            http2: None,
        }
    }

    /// The same over one HTTP/2 connection.
    pub(crate) async fn over_http2(mut self) -> Self {
        let io = TokioIo::new(TcpStream::connect(&*self.address).await.unwrap());
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        self.http2 = Some(sender);
        self
    }

    /// Another viewer, by the name of its player.
    pub(crate) fn named(mut self, agent: &str) -> Self {
        self.agent = agent.into();
        self
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, &[]).await
    }

    pub(crate) async fn request(
        &self,
        method: Method,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let since = Instant::now();
        let uri = match self.http2 {
            Some(_) => format!("http://{}{path}", self.address),
            None => path.to_owned(),
        };
        let mut request = Request::builder().method(method).uri(uri);
        if self.http2.is_none() {
            request = request.header("host", &*self.address);
        }
        request = request.header("user-agent", &*self.agent);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(Empty::new()).unwrap();
        let answer = tokio::time::timeout(PATIENCE, self.exchange(request)).await;
        let (head, body) = answer.unwrap_or_else(|_| panic!("no answer to {path}"));
        Answer {
            status: head.status,
            headers: head.headers,
            body,
            took: since.elapsed(),
        }
    }

    async fn exchange(&self, request: Request<Empty<Bytes>>) -> (http::response::Parts, Bytes) {
        if let Some(mut sender) = self.http2.clone() {
            return whole(sender.send_request(request).await.unwrap()).await;
        }
        let kept = self.idle.lock().await.pop();
        let mut sender = match kept.filter(|sender| !sender.is_closed()) {
            Some(sender) => sender,
            None => {
                let io = TokioIo::new(TcpStream::connect(&*self.address).await.unwrap());
                let (sender, connection) = http1::handshake(io).await.unwrap();
                tokio::spawn(connection);
                sender
            }
        };
        let answer = whole(sender.send_request(request).await.unwrap()).await;
        if sender.ready().await.is_ok() {
            self.idle.lock().await.push(sender);
        }
        answer
    }
}

impl Answer {
    /// The body of a 200 as text.
    pub(crate) fn text(&self) -> &str {
        assert_eq!(self.status, 200, "{:?}", self.body);
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }
}

async fn whole(response: http::Response<hyper::body::Incoming>) -> (http::response::Parts, Bytes) {
    let (head, body) = response.into_parts();
    (head, body.collect().await.unwrap().to_bytes())
}
