//! Who is let in, who is not, and what they are told.

use std::process::Command;
use std::sync::Arc;

use headgate::app::{App, Surroundings};
use headgate::config::{ConfigHolder, Origin};
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::client::{config, connect, get, shown};
use crate::made::{gateway, pair};

#[tokio::test]
async fn http_is_spoken_as_agreed_with_and_without_a_name() {
    let pair = pair();
    let gateway = gateway(&pair, "").await;
    let address = gateway.secure.unwrap();
    // An address is no name: nothing is sent for it.
    for name in ["localhost", "127.0.0.1"] {
        for (offered, agreed) in [
            (&["h2", "http/1.1"][..], Some(&b"h2"[..])),
            (&["http/1.1"], Some(b"http/1.1")),
            (&[], None),
        ] {
            let config = config(&[&pair.der], offered);
            let stream = connect(address, name, &config).await.unwrap();
            assert_eq!(shown(&stream), pair.der);
            assert_eq!(stream.get_ref().1.alpn_protocol(), agreed);
            if agreed != Some(b"h2") {
                let answer = get(stream, "/healthz").await.unwrap();
                assert_eq!(answer.status(), 200);
            }
        }
    }
    let other = config(&[&pair.der], &["smtp"]);
    assert!(connect(address, "localhost", &other).await.is_err());
    let stranger = config(&[&crate::made::pair().der], &[]);
    assert!(connect(address, "localhost", &stranger).await.is_err());
    gateway.stop().await;
}

#[tokio::test]
async fn who_says_nothing_keeps_nobody_waiting() {
    let pair = pair();
    let gateway = gateway(&pair, "").await;
    let address = gateway.secure.unwrap();
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    // One that begins and does not go on.
    let mut begun = TcpStream::connect(address).await.unwrap();
    begun
        .write_all(&[0x16, 0x03, 0x01, 0x02, 0x00])
        .await
        .unwrap();
    silent.push(begun);
    let config = config(&[&pair.der], &[]);
    let stream = connect(address, "localhost", &config).await.unwrap();
    assert_eq!(get(stream, "/healthz").await.unwrap().status(), 200);
    for mut stream in silent {
        let mut byte = [0; 64];
        let read = tokio::time::timeout(crate::gateway::DEADLINE, stream.read(&mut byte));
        assert!(matches!(read.await.unwrap(), Ok(0) | Err(_)));
    }
    let timeouts = "headgate_tls_handshake_failures_total{reason=\"timeout\"} 51";
    let page = gateway.get("/metrics").await.1;
    assert!(page.lines().any(|line| line == timeouts), "{page}");
    gateway.stop().await;
}

#[tokio::test]
async fn who_speaks_no_tls_is_turned_away() {
    let pair = pair();
    let gateway = gateway(&pair, "").await;
    let mut plain = TcpStream::connect(gateway.secure.unwrap()).await.unwrap();
    plain
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"));
    let page = gateway.get("/metrics").await.1;
    let errors = "headgate_tls_handshake_failures_total{reason=\"error\"} 1";
    assert!(page.lines().any(|line| line == errors), "{page}");
    let expiry = "headgate_tls_certificate_expiry_timestamp_seconds ";
    assert!(page.lines().any(|line| line.starts_with(expiry)), "{page}");
    gateway.stop().await;
}

#[tokio::test]
async fn the_plain_listener_shows_the_way_if_it_is_told_to() {
    let pair = pair();
    let gateway = gateway(&pair, "redirect = true").await;
    let port = gateway.secure.unwrap().port();
    let (status, _) = gateway.get("/live/a/index.m3u8?x=1").await;
    assert_eq!(status, 308);
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(gateway.get(path).await.0, 200, "{path}");
    }
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let request =
        "GET /live/a/index.m3u8?x=1 HTTP/1.1\r\nHost: tv.example:80\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let location = format!("\r\nlocation: https://tv.example:{port}/live/a/index.m3u8?x=1\r\n");
    assert!(answer.contains(&location), "{answer}");
    gateway.stop().await;
}

/// Neither the gateway nor `headgate check` takes files that are no pair, and both say why.
#[tokio::test]
async fn a_gateway_does_not_start_without_its_pair() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (pair(), pair());
    one.write(folder.path());
    std::fs::write(folder.path().join("key.pem"), &other.key).unwrap();
    let path = folder.path().join("channels.toml");
    let text = "[server.tls]\nlisten = \"127.0.0.1:0\"\ncert = \"cert.pem\"\nkey = \"key.pem\"\n\
                [[channel]]\nid = \"a\"\nsource = \"testcard:\"\n";
    std::fs::write(&path, text).unwrap();
    let words = "is not that of the certificate";

    let checked = Command::new(env!("CARGO_BIN_EXE_headgate"))
        .args(["check", "--config"])
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stderr);
    assert_eq!(checked.status.code(), Some(2), "{said}");
    assert!(said.contains(words), "{said}");

    let origin = Origin {
        path,
        listen: "127.0.0.1:0".parse().ok(),
        ..Origin::default()
    };
    let holder = ConfigHolder::load(origin, Timestamp::now()).unwrap();
    let surroundings = Surroundings {
        launch_program: "headgate".into(),
        ffmpeg: None,
        path: None,
        state_folder: None,
        machine: "test".into(),
    };
    let built = App::build(Arc::new(holder), &surroundings, CancellationToken::new()).await;
    assert!(built.unwrap_err().to_string().contains(words));
}
