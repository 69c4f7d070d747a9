//! A bare hyper server: the files of a folder, read once into memory, over HTTP/1.1. Nothing else.
//!
//! `make bench` holds the gateway against it: what it costs more than this is the gateway's own.
//! Usage: `bare_hyper ADDRESS FOLDER`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, body::Incoming, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Bodies by request path.
type Files = Arc<HashMap<String, Bytes>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: bare_hyper ADDRESS FOLDER".into());
    };
    let files = read_folder(&folder)?;
    let listener = TcpListener::bind(&address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let files = files.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, files.clone()));
            let connection = hyper::server::conn::http1::Builder::new();
            // A client that goes away is the end of a connection, not an error.
            let _ = connection
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn read_folder(folder: &str) -> std::io::Result<Files> {
    let mut files = HashMap::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("/{}", entry.file_name().to_string_lossy());
        files.insert(name, Bytes::from(std::fs::read(entry.path())?));
    }
    Ok(Arc::new(files))
}

async fn answer(
    request: Request<Incoming>,
    files: Files,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::default());
    match files.get(request.uri().path()) {
        Some(body) => {
            let kind = header::HeaderValue::from_static("application/octet-stream");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            *response.body_mut() = Full::new(body.clone());
        }
        None => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    Ok(response)
}
