//! Keys are replaced while people watch: no valid token is ever refused, and one of a key that is gone always.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use bytes::Bytes;
use headgate::security::SigningKey;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpStream;

use crate::gateway::Gateway;
use crate::{file, grant};

/// People who ask as fast as they can.
const WATCHERS: usize = 8;
/// Keys after the first one.
const ROTATIONS: usize = 6;
/// Answers between two changes of the file.
const ANSWERS: usize = 300;

fn secret(number: usize) -> String {
    format!("{number:032}")
}

/// The file with these keys; the first one signs.
fn with_keys(numbers: &[usize]) -> String {
    let keys = numbers.iter().map(|number| {
        format!(
            "[[access.key]]\nid = \"{number}\"\nsecret = \"{}\"\n",
            secret(*number)
        )
    });
    file(&keys.collect::<String>())
}

fn token(number: usize) -> String {
    SigningKey::new(number.to_string(), secret(number)).sign(&grant("news"))
}

/// What watchers show now, and what they got.
struct Watch {
    token: Mutex<String>,
    answers: AtomicUsize,
    refused: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

async fn watcher(address: std::net::SocketAddr, watch: Arc<Watch>) {
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut sender, connection) = http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    while !watch.is_over.load(SeqCst) {
        let token = watch.token.lock().clone();
        let url = format!("/t/{token}/live/news/index.m3u8");
        let request = Request::head(&url)
            .header("host", "localhost")
            .body(Empty::<Bytes>::new());
        sender.ready().await.unwrap();
        let answer = sender.send_request(request.unwrap()).await.unwrap();
        if answer.status() != 200 {
            watch
                .refused
                .lock()
                .push(format!("{} {url}", answer.status()));
        }
        answer.into_body().collect().await.unwrap();
        watch.answers.fetch_add(1, SeqCst);
    }
}

async fn put_in_force(gateway: &Gateway, keys: &[usize]) {
    std::fs::write(gateway.path("channels.toml"), with_keys(keys)).unwrap();
    let answer = gateway
        .ask(Method::POST, "/api/v1/config/reload", &[])
        .await;
    assert_eq!(answer.status(), 200, "{:?}", answer.body());
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_under_load_refuses_no_valid_token() {
    let gateway = Gateway::start(&with_keys(&[0])).await;
    let watch = Arc::new(Watch {
        token: Mutex::new(token(0)),
        answers: AtomicUsize::new(0),
        refused: Mutex::default(),
        is_over: AtomicBool::new(false),
    });
    let watchers: Vec<_> = (0..WATCHERS)
        .map(|_| tokio::spawn(watcher(gateway.address, watch.clone())))
        .collect();
    let more = async |what: &str| {
        let before = watch.answers.load(SeqCst);
        let enough = async || watch.answers.load(SeqCst) >= before + ANSWERS;
        gateway.until(what, enough).await;
    };
    more("the first key counts").await;
    for new in 1..=ROTATIONS {
        let old = new - 1;
        put_in_force(&gateway, &[new, old]).await;
        more("both keys count").await;
        *watch.token.lock() = token(new);
        // Everybody has the new token when each has had another answer.
        more("the new key counts").await;
        put_in_force(&gateway, &[new]).await;
        let late = gateway
            .get(&format!("/t/{}/live/news/index.m3u8", token(old)))
            .await;
        assert_eq!(late.status(), 403, "the key is gone");
        more("the new key counts alone").await;
    }
    watch.is_over.store(true, SeqCst);
    for watcher in watchers {
        watcher.await.unwrap();
    }
    let (answers, refused) = (watch.answers.load(SeqCst), watch.refused.lock().clone());
    println!(
        "{answers} answers over {ROTATIONS} rotations, {} refused",
        refused.len()
    );
    assert!(refused.is_empty(), "{refused:?}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_key_in_a_file_of_its_own_is_read_again() {
    let text = file("[[access.key]]\nid = \"1\"\nsecret_file = \"access.key\"\n");
    let gateway = Gateway::with_files(&text, |folder| {
        std::fs::write(folder.join("access.key"), format!("{}\n", secret(1))).unwrap();
    })
    .await;
    let of = |number| SigningKey::new("1", secret(number)).sign(&grant("news"));
    let status = async |token: &str| {
        let url = format!("/t/{token}/live/news/thumbnail.jpg");
        gateway.ask(Method::HEAD, &url, &[]).await.status().as_u16()
    };
    assert_ne!(status(&of(1)).await, 403);
    assert_eq!(status(&of(2)).await, 403);
    std::fs::write(gateway.path("access.key"), secret(2)).unwrap();
    gateway
        .until("the file is read again", async || {
            status(&of(2)).await != 403
        })
        .await;
    assert_eq!(status(&of(1)).await, 403);
    gateway.stop().await;
}
