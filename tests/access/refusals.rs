//! Who has no token, or not the right one, gets nothing: not a byte, not a running channel, and no secret.

use bytes::Bytes;
use headgate::security::{Scope, SigningKey};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::gateway::Gateway;
use crate::{SECRET, access, file, grant, now, sign};

/// Tokens that are changed somewhere; none of them may be accepted.
const MUTATIONS: usize = 10_000;

/// Everything that there is of a channel.
const PATHS: [&str; 12] = [
    "index.m3u8",
    "v/index.m3u8",
    "v/iframes.m3u8",
    "v/e1/init.0.mp4",
    "v/e1/1.m4s",
    "v/e1/1.0.m4s",
    "ts/index.m3u8",
    "ts/v/index.m3u8",
    "ts/v/e1/1.ts",
    "stream.ts",
    "manifest.mpd",
    "thumbnail.jpg",
];

#[tokio::test]
async fn nothing_of_a_channel_is_to_be_had_without_a_token() {
    let gateway = Gateway::start(&file(&access(""))).await;
    for path in PATHS {
        let url = format!("/live/news/{path}");
        for method in [Method::GET, Method::HEAD] {
            let answer = gateway.ask(method.clone(), &url, &[]).await;
            assert_eq!(answer.status(), 401, "{method} {url}");
            assert_eq!(answer.headers()["www-authenticate"], "Bearer");
            assert_eq!(answer.headers()["cache-control"], "no-store");
        }
        let other = format!("/t/{}/live/news/{path}", sign(&grant("sport")));
        assert_eq!(gateway.get(&other).await.status(), 403, "{path}");
    }
    assert_eq!(gateway.get("/auto/v1").await.status(), 401, "the tuner");
    let sessions = gateway.json("/api/v1/sessions").await;
    assert_eq!(sessions["total"], 0, "no channel was started: {sessions}");
    gateway.stop().await;
}

#[tokio::test]
async fn each_wrong_token_is_refused_with_its_reason() {
    let gateway = Gateway::start(&file(&access(""))).await;
    let good = grant("news");
    let with = |change: fn(&mut headgate::security::Grant)| {
        let mut grant = good.clone();
        change(&mut grant);
        sign(&grant)
    };
    let whole = sign(&good);
    let none = "eyJhbGciOiJub25lIn0.eyJjaGFubmVscyI6IioiLCJleHAiOjk5OTk5OTk5OTl9.";
    for (token, reason) in [
        (with(|grant| grant.expires = now()), "expired"),
        (with(|grant| grant.not_before = Some(now() + 600)), "early"),
        (
            with(|grant| grant.channels = Scope::parse("sport").unwrap()),
            "channel",
        ),
        (
            with(|grant| grant.network = "10.0.0.0/8".parse().ok()),
            "address",
        ),
        (SigningKey::new("2", SECRET).sign(&good), "unknown_key"),
        (SigningKey::new("1", "another").sign(&good), "signature"),
        (whole[..whole.len() - 2].to_owned(), "malformed"),
        (whole[..whole.len() - 3].to_owned(), "signature"),
        (none.to_owned(), "malformed"),
        ("x".to_owned(), "malformed"),
    ] {
        for url in [
            format!("/live/news/index.m3u8?token={token}"),
            format!("/t/{token}/live/news/index.m3u8"),
        ] {
            let answer = gateway.get(&url).await;
            let text = String::from_utf8_lossy(answer.body()).into_owned();
            assert_eq!(answer.status(), 403, "{reason}: {text}");
            assert!(
                text.contains(&format!("\"reason\":\"{reason}\"")),
                "{reason}: {text}"
            );
            assert!(!text.contains(&token) || token.len() < 5, "{text}");
        }
    }
    let local = with(|grant| grant.network = "127.0.0.0/8".parse().ok());
    gateway
        .text(&format!("/t/{local}/live/news/index.m3u8"))
        .await;
    gateway.stop().await;
}

/// Numbers that look like chance and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

fn mutate(token: &str, other: &str, dice: &mut Dice) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    let mut bytes = token.as_bytes().to_vec();
    let (at, letter) = (dice.roll(bytes.len()), ALPHABET[dice.roll(ALPHABET.len())]);
    match dice.roll(5) {
        0 => bytes[at] = letter,
        1 => bytes.insert(at, letter),
        2 => bytes.truncate(at.max(1)),
        3 => bytes.swap(at, dice.roll(token.len())),
        _ => drop(
            bytes
                .splice(at.., other.bytes().skip(at))
                .collect::<Vec<_>>(),
        ),
    }
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn of_ten_thousand_changed_tokens_none_is_accepted() {
    let gateway = Gateway::start(&file(&access(""))).await;
    let good = sign(&grant("news"));
    // Genuine, and for something else: pieces of it are spliced in.
    let other = sign(&grant("sport"));
    let io = TokioIo::new(TcpStream::connect(gateway.address).await.unwrap());
    let (mut sender, connection) = http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let (mut dice, mut refused) = (Dice(42), 0);
    for at in 0..MUTATIONS {
        let mut token = mutate(&good, &other, &mut dice);
        while token == good {
            token = mutate(&good, &other, &mut dice);
        }
        let url = match at % 2 {
            0 => format!("/live/news/thumbnail.jpg?token={token}"),
            _ => format!("/t/{token}/live/news/thumbnail.jpg"),
        };
        let request = Request::head(&url)
            .header("host", "localhost")
            .body(Empty::<Bytes>::new());
        sender.ready().await.unwrap();
        let answer = sender.send_request(request.unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        answer.into_body().collect().await.unwrap();
        // A path whose token is none is no path of the gateway.
        assert!(matches!(status, 403 | 400), "{status}: {url}");
        refused += usize::from(status == 403);
    }
    assert!(
        refused > MUTATIONS * 9 / 10,
        "the others were no tokens at all: {refused}"
    );
    let answer = gateway
        .get(&format!("/t/{good}/live/news/index.m3u8"))
        .await;
    assert_eq!(answer.status(), 200, "and the right one still counts");
    gateway.stop().await;
}

#[tokio::test]
async fn what_is_not_for_viewers_has_no_second_path() {
    let gateway = Gateway::start(&file(&access(""))).await;
    let token = sign(&grant("*"));
    for path in [
        "api/v1/config",
        "debug/sessions",
        "metrics",
        "healthz",
        "readyz",
    ] {
        let answer = gateway.get(&format!("/t/{token}/{path}")).await;
        assert_eq!(answer.status(), 404, "{path}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn secrets_are_nowhere_to_be_read() {
    let gateway = Gateway::start(&file(&access(""))).await;
    let token = sign(&grant("news"));
    gateway
        .text(&format!("/t/{token}/live/news/index.m3u8"))
        .await;
    gateway
        .get(&format!("/live/news/index.m3u8?token={token}x"))
        .await;
    for url in [
        "/api/v1/config",
        "/api/v1/channels",
        "/api/v1/sessions",
        "/debug/sessions",
        "/metrics",
        "/channels.m3u",
    ] {
        let text = gateway.text(url).await;
        assert!(!text.contains("hunter2"), "{url}: {text}");
        assert!(!text.contains("hg1."), "{url}: {text}");
    }
    gateway.stop().await;
}
