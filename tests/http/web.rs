//! The web app's files, whether it was built or not.

use crate::support::{Gateway, error_code};

#[tokio::test]
async fn the_page_is_strict_or_says_how_to_build_it() {
    let gateway = Gateway::start().await;
    for target in ["/", "/api/"] {
        check_page(&gateway.get(target).await);
    }
    let moved = gateway.get("/api").await;
    assert_eq!(moved.status(), 308);
    assert_eq!(moved.headers()["location"], "/api/");
}

fn check_page(page: &http::Response<bytes::Bytes>) {
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    for rule in [
        "default-src 'none'",
        "script-src 'self';",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.headers()["referrer-policy"], "no-referrer");
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    if page.status() == 404 {
        assert!(String::from_utf8_lossy(page.body()).contains("make web"));
    } else {
        assert_eq!(page.status(), 200);
        assert_eq!(page.headers()["cache-control"], "no-cache");
        assert!(page.headers().contains_key("etag"));
    }
}

#[tokio::test]
async fn a_missing_file_is_404() {
    let gateway = Gateway::start().await;
    for target in ["/assets/nothing.js", "/assets/", "/assets/index.html"] {
        let answer = gateway.get(target).await;
        assert_eq!(answer.status(), 404, "{target}");
        assert_eq!(error_code(&answer), "not_found");
    }
}
