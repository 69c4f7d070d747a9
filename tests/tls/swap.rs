//! Another certificate while requests run, and files that are no pair.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use crate::client::{ask, config, connect, get, http2, shown};
use crate::gateway::{Gateway, replace};
use crate::made::{gateway, pair};

async fn warnings(gateway: &Gateway) -> String {
    gateway.json("/readyz").await["warnings"].to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_swapped_under_load_without_a_failed_request() {
    let (old, new) = (pair(), pair());
    let gateway = gateway(&old, "").await;
    let address = gateway.secure.unwrap();
    let config = config(&[&old.der, &new.der], &["h2", "http/1.1"]);
    let lasting = http2(connect(address, "localhost", &config).await.unwrap()).await;

    let (stop, count) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let mut load = tokio::task::JoinSet::new();
    let http1 = crate::client::config(&[&old.der, &new.der], &["http/1.1"]);
    for _ in 0..4 {
        let (stop, count, http1) = (stop.clone(), count.clone(), http1.clone());
        let lasting = lasting.clone();
        load.spawn(async move {
            while !stop.load(SeqCst) {
                let fresh = connect(address, "localhost", &http1).await.unwrap();
                assert_eq!(get(fresh, "/healthz").await.unwrap().status(), 200);
                assert_eq!(ask(&lasting, "/healthz").await.unwrap().status(), 200);
                count.fetch_add(1, SeqCst);
            }
        });
    }
    gateway
        .until("requests run", || count.load(SeqCst) > 20)
        .await;
    new.write(gateway.folder.path());
    gateway
        .until_async("the new certificate is shown", async || {
            let stream = connect(address, "localhost", &config).await.unwrap();
            shown(&stream) == new.der
        })
        .await;
    let then = count.load(SeqCst);
    gateway
        .until("requests go on", || count.load(SeqCst) > then + 20)
        .await;
    stop.store(true, SeqCst);
    while let Some(ended) = load.join_next().await {
        ended.unwrap();
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_bad_pair_leaves_the_one_before_in_force_and_is_told() {
    let (old, new) = (pair(), pair());
    let gateway = gateway(&old, "").await;
    let config = config(&[&old.der, &new.der], &[]);
    let address = gateway.secure.unwrap();
    let seen = async || shown(&connect(address, "localhost", &config).await.unwrap());
    assert_eq!(warnings(&gateway).await, "[]");

    // The key of another certificate: what is between two writes of somebody who is not careful, and stays so.
    replace(&gateway.folder.path().join("key.pem"), &new.key);
    gateway
        .until_async("it is told", async || {
            warnings(&gateway)
                .await
                .contains("is not that of the certificate")
        })
        .await;
    assert_eq!(seen().await, old.der);
    let view = gateway.json("/api/v1/config").await;
    let tls = &view["server"]["tls"];
    assert!(
        tls["last_error"].as_str().unwrap().contains("key.pem"),
        "{tls}"
    );
    assert!(tls["not_after"].is_string() && tls["domains"].as_array().unwrap().is_empty());
    let page = gateway.get("/metrics").await.1;
    assert!(
        page.contains("\nheadgate_tls_certificate_refused 1\n"),
        "{page}"
    );
    assert_eq!(gateway.get("/readyz").await.0, 200, "viewers are served");

    std::fs::remove_file(gateway.folder.path().join("cert.pem")).unwrap();
    gateway
        .until_async("it is told", async || {
            warnings(&gateway).await.contains("cannot be read")
        })
        .await;
    assert_eq!(seen().await, old.der);

    new.write(gateway.folder.path());
    gateway
        .until_async("it is mended", async || warnings(&gateway).await == "[]")
        .await;
    assert_eq!(seen().await, new.der);
    gateway.stop().await;
}
