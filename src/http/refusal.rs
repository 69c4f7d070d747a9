//! What a client is told for whom there is no room: 503 with the reason, without its request being read.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::cache::CachePolicy;
use super::error::Failure;
use super::limits::NoRoom;

/// How many clients are told at a time; others are just closed.
const POLITE: usize = 64;

/// How long a client may take to read why.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Those that are being told.
#[derive(Debug)]
pub(super) struct Refusals(Arc<Semaphore>);

// === impl Refusals ===

impl Default for Refusals {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(POLITE)))
    }
}

impl Refusals {
    /// Tells a client why, beside everything else. What is told takes a descriptor for so long: where those are short,
    /// it is said without waiting for the client to read it.
    pub(super) fn explain(&self, stream: TcpStream, reason: NoRoom, tasks: &TaskTracker) {
        if reason == NoRoom::Descriptors {
            // As much as goes out at once, which is all of it on a fresh connection.
            let _ = stream.try_write(&refusal(reason));
            drain(&stream);
            return;
        }
        if let Ok(permit) = self.0.clone().try_acquire_owned() {
            tasks.spawn(async move {
                let _ = tokio::time::timeout(TIMEOUT, tell(stream, reason)).await;
                drop(permit);
            });
        }
    }
}

/// Takes the request, if it is here: closing with unread bytes would reset the connection, and the client would not see
/// the answer.
fn drain(stream: &TcpStream) {
    let mut ignored = [0; 4096];
    while matches!(stream.try_read(&mut ignored), Ok(count) if count > 0) {}
}

/// Answers without reading the request, then reads what comes until the client closes, for the same reason.
async fn tell(mut stream: TcpStream, reason: NoRoom) -> io::Result<()> {
    stream.write_all(&refusal(reason)).await?;
    stream.shutdown().await?;
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

fn refusal(reason: NoRoom) -> Vec<u8> {
    let failure = Failure {
        retry_after: Some(Duration::from_secs(5)),
        ..Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            reason.code(),
            reason.to_string(),
        )
    };
    let answer = failure.into_answer(CachePolicy::NoStore);
    let mut text = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n".to_vec();
    for (name, value) in answer.headers() {
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(format!("content-length: {}\r\n\r\n", answer.body().len()).as_bytes());
    text.extend_from_slice(answer.body());
    text
}
