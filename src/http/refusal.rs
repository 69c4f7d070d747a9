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

/// The same where each of them takes one of the last descriptors.
const POLITE_IN_NEED: usize = 16;

/// How long a client may take to ask and to read why not.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Those that are being told.
#[derive(Debug)]
pub(super) struct Refusals {
    any: Arc<Semaphore>,
    in_need: Arc<Semaphore>,
}

// === impl Refusals ===

impl Default for Refusals {
    fn default() -> Self {
        Self {
            any: Arc::new(Semaphore::new(POLITE)),
            in_need: Arc::new(Semaphore::new(POLITE_IN_NEED)),
        }
    }
}

impl Refusals {
    /// Tells a client why, beside everything else.
    pub(super) fn explain(&self, stream: TcpStream, reason: NoRoom, tasks: &TaskTracker) {
        let places = match reason {
            NoRoom::Descriptors => &self.in_need,
            NoRoom::InAll | NoRoom::FromAddress => &self.any,
        };
        if let Ok(permit) = places.clone().try_acquire_owned() {
            tasks.spawn(async move {
                let _ = tokio::time::timeout(TIMEOUT, tell(stream, reason)).await;
                drop(permit);
            });
        }
    }
}

/// Answers when the client has begun to ask, for an answer to nothing is an error to many, and reads what comes until it
/// closes: closing with unread bytes would reset the connection, and it would not see the answer.
async fn tell(mut stream: TcpStream, reason: NoRoom) -> io::Result<()> {
    let mut ignored = [0; 1024];
    if stream.read(&mut ignored).await? == 0 {
        return Ok(());
    }
    stream.write_all(&refusal(reason)).await?;
    stream.shutdown().await?;
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
