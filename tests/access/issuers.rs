//! Tokens that somebody else makes, with keys that are fetched.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::json;
use tokio::net::TcpListener;

use crate::gateway::Gateway;
use crate::{file, now};

fn pair(number: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[number; 32]).unwrap()
}

/// A set with the public keys of these numbers.
fn set(numbers: &[u8]) -> String {
    let keys = numbers.iter().map(|number| {
        let x = URL_SAFE_NO_PAD.encode(pair(*number).public_key().as_ref());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": number.to_string(), "x": x})
    });
    json!({"keys": keys.collect::<Vec<_>>()}).to_string()
}

fn token(number: u8) -> String {
    let header = json!({"alg": "EdDSA", "kid": number.to_string()});
    let claims = json!({"iss": "https://id.example", "exp": now() + 3600, "channels": ["news"]});
    let encode = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = pair(number).sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

fn with_jwks(jwks: &str) -> String {
    file(&format!(
        "[access.jwt]\nalgorithms = [\"EdDSA\"]\nissuer = \"https://id.example\"\njwks = \"{jwks}\"\n"
    ))
}

async fn status(gateway: &Gateway, number: u8) -> u16 {
    let url = format!("/t/{}/live/news/index.m3u8", token(number));
    gateway.get(&url).await.status().as_u16()
}

/// Serves what is in the text.
async fn serve(set: Arc<Mutex<String>>) -> (String, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let set = set.clone();
            let answer = service_fn(move |_| {
                let text = set.lock().clone();
                async move {
                    Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from(text))))
                }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), answer);
            tokio::spawn(connection);
        }
    });
    (url, serving)
}

#[tokio::test]
async fn keys_are_fetched_and_a_new_one_is_looked_for() {
    let keys = Arc::new(Mutex::new(set(&[1])));
    let (url, serving) = serve(keys.clone()).await;
    let gateway = Gateway::start(&with_jwks(&url)).await;
    // The very first request waits for the keys.
    assert_eq!(status(&gateway, 1).await, 200);
    assert_eq!(status(&gateway, 2).await, 403);
    *keys.lock() = set(&[1, 2]);
    gateway
        .until("the new key is found", async || {
            status(&gateway, 2).await == 200
        })
        .await;
    // A broken answer, or another configuration, changes nothing of the keys that are known.
    *keys.lock() = "<html>".into();
    let text = std::fs::read_to_string(gateway.path("channels.toml")).unwrap();
    std::fs::write(
        gateway.path("channels.toml"),
        format!("{text}\nname = \"x\"\n"),
    )
    .unwrap();
    gateway
        .until("it is read again", async || {
            gateway.text("/api/v1/channels").await.contains("\"x\"")
        })
        .await;
    assert_eq!(status(&gateway, 1).await, 200);
    assert_eq!(status(&gateway, 2).await, 200);
    serving.abort();
    gateway.stop().await;
}

#[tokio::test]
async fn keys_may_be_in_a_file() {
    let gateway = Gateway::with_files(&with_jwks("keys.json"), |folder| {
        std::fs::write(folder.join("keys.json"), set(&[1])).unwrap();
    })
    .await;
    assert_eq!(status(&gateway, 1).await, 200);
    assert_eq!(status(&gateway, 2).await, 403);
    gateway.stop().await;
}
