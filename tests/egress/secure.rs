//! Sources over https: the gateway speaks TLS, ffmpeg does not, and playlists may name either.

use std::process::{Command, Output};
use std::sync::{Arc, OnceLock};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::server::{ffmpeg, ok, path};

/// Four seconds of pictures.
fn media() -> &'static [u8] {
    static MEDIA: OnceLock<Vec<u8>> = OnceLock::new();
    MEDIA.get_or_init(|| {
        let arguments = "-nostdin -loglevel error -f lavfi -i testsrc2=size=160x90:rate=25:duration=4 \
                         -c:v libx264 -preset ultrafast -g 25 -f mpegts pipe:1";
        let made = Command::new(ffmpeg()).args(arguments.split_whitespace()).output().unwrap();
        assert!(made.status.success());
        made.stdout
    })
}

/// A server with a certificate for `localhost`, which it returns as PEM.
async fn server() -> (u16, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = tokio::io::AsyncReadExt::read_u8(&mut stream).await else {
                        return;
                    };
                    head.push(byte);
                }
                let answer = answer(&String::from_utf8(head).unwrap(), port);
                // Who asked may have gone.
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    (port, cert.pem())
}

/// A playlist whose segments are named by a whole URL.
fn answer(head: &str, port: u16) -> Vec<u8> {
    match path(head) {
        "/secret/index.m3u8" => {
            let list = format!(
                "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nhttps://localhost:{port}/1.ts\n#EXT-X-ENDLIST\n"
            );
            ok("application/vnd.apple.mpegurl", list.as_bytes())
        }
        _ => ok("video/mp2t", media()),
    }
}

fn probe(port: u16, authorities: &std::path::Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_headgate"))
        .args([
            "probe",
            &format!("https://localhost:{port}/secret/index.m3u8"),
        ])
        .env("FFMPEG", ffmpeg())
        .env("SSL_CERT_FILE", authorities)
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn https_is_spoken_for_ffmpeg_and_certificates_count() {
    let (port, certificate) = server().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authorities.pem");
    std::fs::write(&file, certificate).unwrap();
    let trusted = tokio::task::block_in_place(|| probe(port, &file));
    let said = String::from_utf8_lossy(&trusted.stdout).into_owned();
    assert!(
        said.contains("h264, 160x90"),
        "{said}{}",
        String::from_utf8_lossy(&trusted.stderr)
    );

    let other = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&file, other.cert.pem()).unwrap();
    let distrusted = tokio::task::block_in_place(|| probe(port, &file));
    let said = String::from_utf8_lossy(&distrusted.stderr).into_owned();
    assert!(
        !distrusted.status.success() && said.contains("certificate"),
        "{said}"
    );
    assert!(!said.contains("secret"), "{said}");
}
