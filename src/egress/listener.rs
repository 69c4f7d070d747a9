//! Where ffmpeg comes in: an HTTP proxy on the loopback address that serves nobody without a credential.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::body::{self, Body};
use super::lease::Shared;
use super::relay;

/// Connections of all ffmpegs together.
const CONNECTIONS: usize = 2048;
/// The most bytes of a request of ffmpeg.
const MAX_HEAD: usize = 64 << 10;
/// How long a request may take to be there, and a connection may be idle.
const HEAD: Duration = Duration::from_secs(60);
/// How long to wait when no connection can be taken: descriptors are short, and come back.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// Serves until nobody holds the way out any more.
pub(super) async fn run(listener: TcpListener, shared: Arc<Shared>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let stop = shared.stop.clone();
    let accept = async {
        loop {
            // The semaphore is never closed.
            let slot = slots.clone().acquire_owned().await.ok();
            match listener.accept().await {
                Ok((stream, _)) => {
                    let serving = serve(stream, shared.clone());
                    tokio::spawn(async move {
                        serving.await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!("a connection of ffmpeg cannot be taken: {error}");
                    tokio::time::sleep(EXHAUSTED).await;
                }
            }
        }
    };
    tokio::select! {
        () = accept => {}
        () = stop.cancelled() => {}
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // It only makes it slower.
    let _ = stream.set_nodelay(true);
    let stop = shared.stop.clone();
    let service = service_fn(|request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(answer(&shared, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // ffmpeg hangs up whenever it likes.
        _ = connection => {}
        () = stop.cancelled() => {}
    }
}

async fn answer(shared: &Shared, request: Request<Incoming>) -> Response<Body> {
    let passage = token(request.headers()).and_then(|token| shared.passage(&token));
    match passage {
        Some(passage) => relay::relay(&passage, &shared.counters, request).await,
        None => {
            shared.counters.unknown();
            unknown()
        }
    }
}

/// ffmpeg does not say its credential before it is asked for it.
fn unknown() -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::PROXY_AUTHENTICATION_REQUIRED;
    let basic = HeaderValue::from_static("Basic realm=\"headgate\"");
    response
        .headers_mut()
        .insert(header::PROXY_AUTHENTICATE, basic);
    response
}

fn token(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::PROXY_AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let token = text.strip_suffix(':').unwrap_or(&text).to_owned();
    scheme.eq_ignore_ascii_case("basic").then_some(token)
}
