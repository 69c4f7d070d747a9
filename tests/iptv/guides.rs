//! Guides as servers and editors leave them: compressed, moved, broken, late.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::gateway::{Gateway, channel};

/// An XMLTV document in which a channel shows `title` now and something else in an hour.
pub(crate) fn guide(id: &str, title: &str) -> String {
    let now = Timestamp::now();
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let at = |minutes: i64| {
        let time = now + SignedDuration::from_mins(minutes);
        time.strftime("%Y%m%d%H%M%S +0000").to_string()
    };
    let programme = |start: i64, stop: i64, title: &str| {
        format!(
            "<programme start=\"{}\" stop=\"{}\" channel=\"{}\"><title lang=\"en\">{}</title></programme>\n",
            at(start),
            at(stop),
            escape(id),
            escape(title)
        )
    };
    let noise: String = (0..50)
        .map(|n| programme(-30, 30, &format!("noise {n}")).replace(&escape(id), "somebody.else"))
        .collect();
    let (current, next) = (programme(-30, 30, title), programme(30, 90, "Later"));
    format!("<?xml version=\"1.0\"?>\n<tv>{noise}{next}{current}</tv>\n")
}

/// Waits until each guide was read, or refused.
pub(crate) async fn until_read(gateway: &Gateway) {
    gateway
        .until("the guide is looked at", async || {
            let status = gateway.json("/api/v1/guides").await;
            let all = status["items"].as_array().unwrap();
            let done = |one: &Value| !one["read_at"].is_null() || !one["last_error"].is_null();
            !all.is_empty() && all.iter().all(done)
        })
        .await;
}

/// What is on, by the API.
async fn title(gateway: &Gateway) -> String {
    let channel = gateway.json("/api/v1/channels/news").await;
    channel["now"]["title"].as_str().unwrap_or("").to_owned()
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A server that sends everybody from `/old` to `/new`, and there gives this. What it heard comes back.
fn server(body: Vec<u8>) -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut buffer = [0; 4096];
            let length = stream.read(&mut buffer).unwrap_or(0);
            let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let head = match request.starts_with("GET /new ") {
                true => format!("HTTP/1.1 200 OK\r\ncontent-length: {}", body.len()),
                false => "HTTP/1.1 302 Found\r\nlocation: /new\r\ncontent-length: 0".to_owned(),
            };
            let _ = stream.write_all(format!("{head}\r\nconnection: close\r\n\r\n").as_bytes());
            if request.starts_with("GET /new ") {
                let _ = stream.write_all(&body);
            }
            let _ = sender.send(request);
        }
    });
    (address.to_string(), heard)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guide_comes_from_a_server_and_its_secrets_are_kept() {
    let (address, heard) = server(gzipped(&guide("news.example", "On air")));
    let text = format!(
        "[server]\nallow_private = [\"127.0.0.1\"]\n[guide]\nsource = \"http://joe:hunter2@{address}/old\"\n{}{}",
        channel("news", "tvg_id = \"news.example\""),
        channel("other", "")
    );
    let gateway = Gateway::start(&text).await;
    until_read(&gateway).await;
    assert_eq!(title(&gateway).await, "On air");
    let view = gateway.json("/api/v1/channels/news").await;
    assert_eq!(view["next"]["title"], "Later");
    let other = gateway.json("/api/v1/channels/other").await;
    assert!(other["now"].is_null());
    let status = gateway.json("/api/v1/guides").await;
    assert_eq!(status["items"][0]["programmes"], 2, "{status}");
    assert!(!status.to_string().contains("hunter2") && !status.to_string().contains("old"));
    for _ in 0..2 {
        let request = heard.recv().unwrap();
        assert!(
            request.to_lowercase().contains("authorization: basic"),
            "{request}"
        );
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_guide_leaves_the_one_before_in_force() {
    let text = format!("[guide]\nsource = \"epg.xml\"\n{}", channel("news", ""));
    let gateway = Gateway::with_files(&text, |folder| {
        std::fs::write(folder.join("epg.xml"), guide("news", "First")).unwrap();
    })
    .await;
    until_read(&gateway).await;
    assert_eq!(title(&gateway).await, "First");
    let path = gateway.path("epg.xml");
    let good = guide("news", "Second");
    std::fs::write(&path, &good[..good.len() - 30]).unwrap();
    gateway
        .until("the broken guide is reported", async || {
            let status = gateway.json("/api/v1/guides").await;
            !status["items"][0]["last_error"].is_null()
        })
        .await;
    assert_eq!(title(&gateway).await, "First");
    let ready = gateway.json("/readyz").await;
    assert!(
        ready["warnings"][0].as_str().unwrap().contains("epg.xml"),
        "{ready}"
    );
    std::fs::write(&path, gzipped(&good)).unwrap();
    gateway
        .until("the good guide is in force", async || {
            title(&gateway).await == "Second"
        })
        .await;
    let status = gateway.json("/api/v1/guides").await;
    assert!(status["items"][0]["last_error"].is_null(), "{status}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_is_said_and_the_list_still_works() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let own = format!("guide = \"http://{free}/hunter2.xml\"");
    let server = "[server]\nallow_private = [\"127.0.0.0/8\"]\n";
    let gateway = Gateway::start(&format!("{server}{}", channel("news", &own))).await;
    until_read(&gateway).await;
    let status = gateway.json("/api/v1/guides").await;
    let error = status["items"][0]["last_error"].as_str().unwrap();
    assert!(
        error.contains("cannot be asked") && !error.contains("hunter2"),
        "{error}"
    );
    assert!(
        gateway
            .text("/guide.xml")
            .await
            .contains("<title>news</title>")
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_is_compressed_and_known_again() {
    let gateway = Gateway::start(&channel("news", "")).await;
    let plain = gateway.get("/guide.xml").await;
    assert!(plain.headers().contains_key("last-modified"));
    let packed = gateway
        .ask(Method::GET, "/guide.xml", &[("accept-encoding", "gzip")])
        .await;
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    assert_eq!(packed.headers()["etag"], plain.headers()["etag"]);
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&packed.body()[..])
        .read_to_end(&mut text)
        .unwrap();
    assert_eq!(&text[..], &plain.body()[..]);
    let tag = plain.headers()["etag"].to_str().unwrap();
    let known = gateway
        .ask(Method::GET, "/guide.xml", &[("if-none-match", tag)])
        .await;
    assert_eq!((known.status().as_u16(), known.body().len()), (304, 0));
    gateway.stop().await;
}
