//! The web app, embedded in the binary: one file is the product.
//!
//! Names below `assets/` carry the hash of their content and are kept for ever; the page is asked for again each
//! time. A debug build reads the files from `web/dist` each time, a release build compresses each of them once.

use std::sync::{Arc, LazyLock};
use std::{collections::HashMap, io::Write as _};

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rust_embed::RustEmbed;

use super::State;
use super::cache::CachePolicy;
use super::error::Failure;
use super::precondition::{accepts_gzip, names_tag};

#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Dist;

/// What the page may load, and from where. Logos come from anywhere; players build media out of blobs and parse in a
/// worker made of one; nothing is inline.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: http:; \
     media-src 'self' blob:; connect-src 'self'; worker-src 'self' blob:; manifest-src 'self'; \
     font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);

/// Shown instead of a page that was not built.
const NOT_BUILT: &str = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\
    <title>Headgate</title>\n<h1>The web app is not part of this build</h1>\n\
    <p>Run <code>make web</code> in the project's folder (it needs node and npm), then build again.</p>\n\
    <p>Channels play without it: <code>/live/{channel}/index.m3u8</code>.</p>\n</html>\n";

/// A file as it is sent.
#[derive(Debug, Clone)]
struct Asset {
    plain: Bytes,
    /// Compressed, if that makes it smaller.
    gzip: Option<Bytes>,
    etag: HeaderValue,
    kind: HeaderValue,
}

/// What was embedded, by path: made once, since it cannot change.
static EMBEDDED: LazyLock<HashMap<String, Asset>> = LazyLock::new(|| {
    let read = |path: std::borrow::Cow<'static, str>| {
        let asset = Asset::read(&path)?;
        Some((path.into_owned(), asset))
    };
    Dist::iter().filter_map(read).collect()
});

/// `/`, the page to try the API, and their files.
pub(crate) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/", get(page))
        .route("/api", get(|| async { Redirect::permanent("/api/") }))
        .route("/api/", get(page))
        .route("/assets/{*path}", get(asset))
}

async fn page(request: Request) -> Response {
    let file = match request.uri().path() {
        "/api/" => "api.html",
        _ => "index.html",
    };
    match find(file) {
        Some(asset) => asset.answer(request.headers(), CachePolicy::Revalidate),
        None => {
            let kind = HeaderValue::from_static("text/html; charset=utf-8");
            let headers = [
                (header::CONTENT_TYPE, kind),
                (header::CONTENT_SECURITY_POLICY, POLICY),
                (header::CACHE_CONTROL, CachePolicy::NoStore.header()),
            ];
            (StatusCode::NOT_FOUND, headers, NOT_BUILT).into_response()
        }
    }
}

async fn asset(request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    match find(path) {
        Some(asset) if is_hashed(path) => asset.answer(request.headers(), CachePolicy::HashedName),
        Some(asset) => asset.answer(request.headers(), CachePolicy::Revalidate),
        None => Failure::not_found("the web app has no such file").into_response(),
    }
}

fn find(path: &str) -> Option<Asset> {
    if cfg!(debug_assertions) {
        return Asset::read(path);
    }
    EMBEDDED.get(path).cloned()
}

/// `name-1A2B3C4D.js`: at least eight capital letters and digits before the extension, as the bundler writes them.
fn is_hashed(path: &str) -> bool {
    let Some((stem, _)) = path.rsplit_once('.') else {
        return false;
    };
    let hash = stem.rsplit_once('-').map_or("", |(_, hash)| hash);
    let is_hash = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    hash.len() >= 8 && hash.bytes().all(is_hash)
}

// === impl Asset ===

impl Asset {
    fn read(path: &str) -> Option<Self> {
        let file = Dist::get(path)?;
        let hash = file.metadata.sha256_hash();
        let hex: String = hash[..16].iter().map(|b| format!("{b:02x}")).collect();
        let etag = HeaderValue::try_from(format!("W/\"{hex}\"")).ok()?;
        let plain = Bytes::from(file.data.into_owned());
        let gzip = compress(&plain);
        let kind = content_type(path, file.metadata.mimetype());
        let kind = HeaderValue::try_from(kind).ok()?;
        Some(Self {
            plain,
            gzip,
            etag,
            kind,
        })
    }

    fn answer(self, request: &HeaderMap, policy: CachePolicy) -> Response {
        let asked = |name| request.get(name).map(HeaderValue::as_bytes);
        let is_known =
            asked(header::IF_NONE_MATCH).is_some_and(|tags| names_tag(tags, self.etag.as_bytes()));
        let takes_gzip = asked(header::ACCEPT_ENCODING).is_some_and(accepts_gzip);
        let mut response = Response::default();
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.etag);
        headers.insert(header::CACHE_CONTROL, policy.header());
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        headers.insert(header::CONTENT_TYPE, self.kind);
        let bytes = match self.gzip {
            Some(gzip) if takes_gzip => {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                gzip
            }
            _ => self.plain,
        };
        *response.body_mut() = bytes.into();
        response
    }
}

/// Text says its encoding; a manifest is no download.
fn content_type(path: &str, guessed: &str) -> String {
    if path.ends_with(".webmanifest") {
        return "application/manifest+json".into();
    }
    if guessed.starts_with("text/") {
        return format!("{guessed}; charset=utf-8");
    }
    guessed.into()
}

fn compress(plain: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(9));
    encoder.write_all(plain).ok()?;
    let gzip = encoder.finish().ok()?;
    (gzip.len() < plain.len()).then(|| gzip.into())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn asset() -> Asset {
        let plain = Bytes::from("let x = 1;\n".repeat(100));
        Asset {
            gzip: compress(&plain),
            plain,
            etag: HeaderValue::from_static("W/\"abc\""),
            kind: HeaderValue::from_static("text/javascript; charset=utf-8"),
        }
    }

    fn request(name: &'static str, value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        headers
    }

    async fn bytes(response: Response) -> Bytes {
        axum::body::to_bytes(response.into_body(), 1 << 20)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_file_is_compressed_for_who_takes_it() {
        let response = asset().answer(&request("accept-encoding", "gzip"), CachePolicy::HashedName);
        assert_eq!(response.headers()["content-encoding"], "gzip");
        assert_eq!(response.headers()["vary"], "accept-encoding");
        assert_eq!(
            response.headers()["cache-control"],
            "public, max-age=31536000, immutable"
        );
        let sent = bytes(response).await;
        let mut text = String::new();
        flate2::read::GzDecoder::new(&sent[..])
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text.as_bytes(), &asset().plain[..]);

        let response = asset().answer(&HeaderMap::new(), CachePolicy::Revalidate);
        assert!(!response.headers().contains_key("content-encoding"));
        assert_eq!(response.headers()["cache-control"], "no-cache");
        assert_eq!(bytes(response).await, asset().plain);
    }

    #[tokio::test]
    async fn a_known_file_is_not_sent_again() {
        let response = asset().answer(
            &request("if-none-match", "W/\"abc\""),
            CachePolicy::Revalidate,
        );
        assert_eq!(response.status(), 304);
        assert!(bytes(response).await.is_empty());
    }

    #[test]
    fn only_names_with_a_hash_are_kept_for_ever() {
        for path in ["assets/main-ERIPVJGX.js", "assets/favicon-3D73F4C5.svg"] {
            assert!(is_hashed(path), "{path}");
        }
        for path in [
            "assets/main.js",
            "assets/main-dev.js",
            "assets/a-B1.js",
            "assets/main-bootstrap.js",
            "x",
        ] {
            assert!(!is_hashed(path), "{path}");
        }
    }
}
