//! Certificates from a real ACME server: Let's Encrypt's own for tests (`pebble`), with a DNS that leads everywhere to
//! this machine.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::client::{config, connect, get, shown};
use crate::gateway::{DEADLINE, Gateway, channel, folder_with_fake};
use crate::made::{Made, pair};

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An ACME server and its DNS.
struct Pebble {
    directory: SocketAddr,
    management: SocketAddr,
    own: Made,
    _dns: Running,
    _server: Running,
}

/// Ports that are free now. They are given back, so another program could take one: it has not happened yet.
fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

fn start(program: &str, arguments: &[&str], log: &Path) -> Running {
    let log = std::fs::File::create(log).unwrap();
    let child = Command::new(program)
        .args(arguments)
        .env("PEBBLE_VA_NOSLEEP", "1")
        // Pebble refuses nonces by chance, without a seed: three refusals in a row end an order, which is tried again
        // after a minute only.
        .env("PEBBLE_WFE_NONCEREJECT", "0")
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn();
    Running(child.unwrap_or_else(|error| {
        panic!("{program}: {error}; `scripts/test.sh` installs it (Debian: apt-get install pebble)")
    }))
}

impl Pebble {
    /// One that looks for proofs on this port of 127.0.0.1, whatever the name.
    async fn start(folder: &Path, tls_port: u16) -> Self {
        let [directory, management, dns, dns_management] = free_ports();
        let at = |port: u16| format!("127.0.0.1:{port}");
        let own = pair();
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        std::fs::write(path("pebble.crt"), &own.cert).unwrap();
        std::fs::write(path("pebble.key"), &own.key).unwrap();
        let settings = serde_json::json!({"pebble": {
            "listenAddress": at(directory),
            "managementListenAddress": at(management),
            "certificate": path("pebble.crt"),
            "privateKey": path("pebble.key"),
            "httpPort": 1,
            "tlsPort": tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
        }});
        std::fs::write(path("pebble.json"), settings.to_string()).unwrap();
        let dns_arguments = [
            "-dns01",
            &at(dns),
            "-management",
            &at(dns_management),
            "-defaultIPv4",
            "127.0.0.1",
            "-defaultIPv6",
            "",
            "-http01",
            "",
            "-https01",
            "",
            "-tlsalpn01",
            "",
        ];
        let log = |name: &str| folder.join(name);
        let server_arguments = [
            "-config",
            &path("pebble.json"),
            "-dnsserver",
            &at(dns),
            "-strict",
        ];
        let dns = start("pebble-challtestsrv", &dns_arguments, &log("dns.log"));
        let server = start("pebble", &server_arguments, &log("pebble.log"));
        let this = Self {
            directory: at(directory).parse().unwrap(),
            management: at(management).parse().unwrap(),
            own,
            _dns: dns,
            _server: server,
        };
        this.is_up().await;
        this
    }

    /// A gateway that finds nobody would wait a minute before its second attempt.
    async fn is_up(&self) {
        let began = Instant::now();
        while tokio::net::TcpStream::connect(self.directory)
            .await
            .is_err()
        {
            assert!(began.elapsed() < DEADLINE, "pebble does not come up");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What its certificates are checked against.
    async fn root(&self) -> CertificateDer<'static> {
        let config = config(&[&self.own.der], &["http/1.1"]);
        let stream = connect(self.management, "localhost", &config)
            .await
            .unwrap();
        let answer = get(stream, "/roots/0").await.unwrap();
        CertificateDer::from_pem_slice(answer.body()).unwrap()
    }
}

/// A gateway that orders for two names, in a folder that may be that of one before.
async fn gateway(folder: tempfile::TempDir, pebble: &Pebble, tls_port: u16) -> Gateway {
    let path = folder.path().join("channels.toml");
    let text = format!(
        "[server]\ncage = \"off\"\n[server.tls]\nlisten = \"127.0.0.1:{tls_port}\"\n\
         [server.acme]\ndomains = [\"tv.example.org\", \"live.example.org\"]\n\
         contact = \"admin@example.org\"\ndirectory = \"https://localhost:{}/dir\"\n\
         ca = \"pebble.crt\"\nfolder = \"kept\"\n{}",
        pebble.directory.port(),
        channel("a", ""),
    );
    std::fs::write(&path, text).unwrap();
    Gateway::start_in(folder, path).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_ordered_served_and_kept() {
    let [tls_port] = free_ports();
    let folder = folder_with_fake();
    let pebble = Pebble::start(folder.path(), tls_port).await;
    let gateway = self::gateway(folder, &pebble, tls_port).await;
    let address = gateway.secure.unwrap();
    let ready = async || {
        let warnings = gateway.json("/readyz").await["warnings"].to_string();
        assert!(!warnings.contains("of a certificate failed"), "{warnings}");
        warnings == "[]"
    };
    gateway.until_async("there is a certificate", ready).await;
    let trusting = config(&[&pebble.root().await], &["http/1.1"]);
    let mut seen = Vec::new();
    for name in ["tv.example.org", "live.example.org"] {
        let stream = connect(address, name, &trusting).await.unwrap();
        seen.push(shown(&stream));
        assert_eq!(get(stream, "/healthz").await.unwrap().status(), 200);
    }
    assert_eq!(seen[0], seen[1]);
    assert!(
        connect(address, "other.example.org", &trusting)
            .await
            .is_err()
    );
    let tls = &gateway.json("/api/v1/config").await["server"]["tls"];
    assert_eq!(tls["domains"][1], "live.example.org");
    assert!(
        tls["not_after"].is_string() && tls["last_error"].is_null(),
        "{tls}"
    );

    // The same again after a restart, also when nobody issues anything.
    let kept = tempfile::tempdir().unwrap();
    for name in [
        "fullchain.pem",
        "privkey.pem",
        "certificate.json",
        "account.json",
    ] {
        std::fs::create_dir_all(kept.path().join("kept")).unwrap();
        let from = gateway.folder.path().join("kept").join(name);
        std::fs::copy(from, kept.path().join("kept").join(name)).unwrap();
    }
    std::fs::copy(
        gateway.folder.path().join("pebble.crt"),
        kept.path().join("pebble.crt"),
    )
    .unwrap();
    let fake = std::fs::read_link(gateway.folder.path().join("ffmpeg")).unwrap();
    std::os::unix::fs::symlink(fake, kept.path().join("ffmpeg")).unwrap();
    std::fs::write(kept.path().join("ffmpeg.scenario"), "").unwrap();
    gateway.stop().await;
    let [other_port] = free_ports();
    let again = self::gateway(kept, &pebble, other_port).await;
    again
        .until_async("the kept one is shown", async || {
            let stream = connect(again.secure.unwrap(), "tv.example.org", &trusting).await;
            stream.is_ok_and(|stream| shown(&stream) == seen[0])
        })
        .await;
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_finds_no_proof_is_quoted() {
    let [tls_port, elsewhere] = free_ports();
    let folder = folder_with_fake();
    let pebble = Pebble::start(folder.path(), elsewhere).await;
    let gateway = self::gateway(folder, &pebble, tls_port).await;
    gateway
        .until_async("it is told", async || {
            let warnings = gateway.json("/readyz").await["warnings"].to_string();
            warnings.contains("did not find the proof") && warnings.contains("tv.example.org")
        })
        .await;
    let trusting = config(&[&pebble.own.der], &[]);
    let refused = connect(gateway.secure.unwrap(), "tv.example.org", &trusting).await;
    assert!(refused.is_err(), "there is no certificate");
    gateway.stop().await;
}
