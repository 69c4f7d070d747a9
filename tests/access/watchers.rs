//! How many may watch, and somebody else who says who.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering::SeqCst};

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::gateway::{Gateway, channel};
use crate::{access, file, grant, sign};

async fn status(gateway: &Gateway, url: &str, agent: &str) -> (u16, String) {
    let answer = gateway
        .ask(Method::GET, url, &[("user-agent", agent)])
        .await;
    let text = String::from_utf8_lossy(answer.body()).into_owned();
    if answer.status() == 429 {
        assert!(answer.headers().contains_key("retry-after"));
        assert_eq!(answer.headers()["cache-control"], "no-store");
    }
    (answer.status().as_u16(), text)
}

#[tokio::test]
async fn one_token_has_so_many_viewers() {
    let gateway = Gateway::start(&file(&access("max_viewers_per_token = 2"))).await;
    let (mine, other) = (sign(&grant("news")), sign(&grant("*")));
    let url = |token: &str| format!("/t/{token}/live/news/index.m3u8");
    assert_eq!(status(&gateway, &url(&mine), "one").await.0, 200);
    assert_eq!(status(&gateway, &url(&mine), "two").await.0, 200);
    let (code, text) = status(&gateway, &url(&mine), "three").await;
    assert_eq!(code, 429);
    assert!(
        text.contains("\"limit\":\"token\"") && text.contains("too_many_viewers"),
        "{text}"
    );
    assert_eq!(
        status(&gateway, &url(&mine), "one").await.0,
        200,
        "who watches goes on"
    );
    assert_eq!(status(&gateway, &url(&other), "three").await.0, 200);
    gateway.stop().await;
}

#[tokio::test]
async fn an_address_and_a_channel_have_so_many_viewers_also_without_tokens() {
    let text = format!(
        "[access]\nmax_viewers_per_address = 3\n{}{}",
        channel("a", "max_viewers = 2"),
        channel("b", "")
    );
    let gateway = Gateway::start(&text).await;
    let a = "/live/a/index.m3u8";
    assert_eq!(status(&gateway, a, "one").await.0, 200);
    assert_eq!(status(&gateway, a, "two").await.0, 200);
    let (code, text) = status(&gateway, a, "three").await;
    assert!(
        code == 429 && text.contains("\"limit\":\"channel\""),
        "{code}: {text}"
    );
    let b = "/live/b/index.m3u8";
    assert_eq!(status(&gateway, b, "one").await.0, 200);
    let (code, text) = status(&gateway, b, "two").await;
    assert!(
        code == 429 && text.contains("\"limit\":\"address\""),
        "{code}: {text}"
    );
    gateway.stop().await;
}

/// A server that says what it is told to say, and remembers what it was asked.
struct Judge {
    url: String,
    says: Arc<AtomicU16>,
    asked: Arc<Mutex<Vec<Value>>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Judge {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://joe:hunter2@{}/who", listener.local_addr().unwrap());
        let (says, asked) = (
            Arc::new(AtomicU16::new(200)),
            Arc::<Mutex<Vec<Value>>>::default(),
        );
        let (code, list) = (says.clone(), asked.clone());
        let serving = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (code, list) = (code.clone(), list.clone());
                let answer = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    let (code, list) = (code.clone(), list.clone());
                    async move {
                        assert!(request.headers().contains_key("authorization"));
                        let body = request.into_body().collect().await.unwrap().to_bytes();
                        list.lock().push(serde_json::from_slice(&body).unwrap());
                        let mut response = Response::new(Full::new(Bytes::new()));
                        *response.status_mut() = StatusCode::from_u16(code.load(SeqCst)).unwrap();
                        Ok::<_, std::convert::Infallible>(response)
                    }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), answer);
                tokio::spawn(connection);
            }
        });
        Self {
            url,
            says,
            asked,
            serving,
        }
    }
}

/// Only this server decides.
fn checked(judge: &Judge, more: &str) -> String {
    file(&format!(
        "[access.check]\nurl = \"{}\"\ntimeout = \"5s\"\ndeny_for = \"1s\"\n{more}\n",
        judge.url
    ))
}

#[tokio::test]
async fn somebody_else_says_who_may_watch_and_is_not_asked_twice() {
    let judge = Judge::start().await;
    let gateway = Gateway::start(&checked(&judge, "")).await;
    let url = "/t/anything.at-all/live/news/index.m3u8";
    for _ in 0..3 {
        assert_eq!(status(&gateway, url, "tv").await.0, 200);
    }
    let asked = judge.asked.lock().clone();
    assert_eq!(asked.len(), 1, "the answer is remembered: {asked:?}");
    assert_eq!(asked[0]["channel"], "news");
    assert_eq!(asked[0]["token"], "anything.at-all");
    assert_eq!(asked[0]["address"], "127.0.0.1");
    assert_eq!(asked[0]["agent"], "tv");
    judge.says.store(403, SeqCst);
    assert_eq!(
        status(&gateway, url, "tv").await.0,
        200,
        "a yes is remembered"
    );
    let (code, text) = status(&gateway, "/live/sport/index.m3u8", "tv").await;
    assert!(
        code == 403 && text.contains("access_denied"),
        "{code}: {text}"
    );
    judge.says.store(204, SeqCst);
    gateway
        .until("a no is forgotten", async || {
            status(&gateway, "/live/sport/index.m3u8", "tv").await.0 == 200
        })
        .await;
    assert_eq!(status(&gateway, "/live/open/index.m3u8", "tv").await.0, 200);
    judge.serving.abort();
    gateway.stop().await;
}

#[tokio::test]
async fn no_answer_is_a_no_unless_the_operator_wants_otherwise() {
    for (more, expected) in [("", 503), ("on_error = \"allow\"", 200)] {
        let judge = Judge::start().await;
        judge.says.store(500, SeqCst);
        let gateway = Gateway::start(&checked(&judge, more)).await;
        let (code, text) = status(&gateway, "/live/news/index.m3u8", "tv").await;
        assert_eq!(code, expected, "{text}");
        judge.serving.abort();
        gateway.stop().await;
    }
}

#[tokio::test]
async fn a_token_and_somebody_else_both_have_to_agree() {
    let judge = Judge::start().await;
    let text =
        checked(&judge, "").replace("[access.check]", &format!("{}[access.check]", access("")));
    let gateway = Gateway::start(&text).await;
    let good = format!("/t/{}/live/news/index.m3u8", sign(&grant("news")));
    let (code, _) = status(&gateway, "/t/anything/live/news/index.m3u8", "tv").await;
    assert_eq!(code, 403);
    assert!(
        judge.asked.lock().is_empty(),
        "nobody is asked about strangers"
    );
    judge.says.store(401, SeqCst);
    assert_eq!(status(&gateway, &good, "tv").await.0, 403);
    judge.says.store(200, SeqCst);
    gateway
        .until("a no is forgotten", async || {
            status(&gateway, &good, "tv").await.0 == 200
        })
        .await;
    judge.serving.abort();
    gateway.stop().await;
}
