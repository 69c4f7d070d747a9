//! A short run of ffmpeg: to its end, or to its deadline.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::scrub::Scrubber;
use super::spawner::Newborn;
use super::stderr::StderrRing;

/// The most that is kept of the standard output of a short run; ffmpeg's full help has 1.4 MB.
const MAX_CAPTURE: u64 = 8 << 20;

/// The result of a short run of ffmpeg.
#[derive(Debug, Clone)]
pub struct Finished {
    /// `None` if it did not end in time and was killed.
    pub status: Option<ExitStatus>,
    /// The first [8 MiB](MAX_CAPTURE) of standard output.
    pub stdout: Vec<u8>,
    /// The last lines of standard error, credentials masked, control characters removed.
    pub lines: Vec<String>,
    /// From the start to the end.
    pub took: Duration,
}

/// Waits for a short run, and for its output.
pub(super) async fn finish(
    mut newborn: Newborn,
    scrubber: Scrubber,
    started: Instant,
    deadline: Duration,
    input: Bytes,
) -> Finished {
    let ring = StderrRing::new(scrubber);
    let cut = CancellationToken::new();
    let stdin = newborn.child.stdin.take();
    let stdout = newborn.child.stdout.take();
    let stderr = newborn.child.stderr.take();
    let work = async {
        let errors = async {
            if let Some(stream) = stderr {
                ring.clone().drain(stream, cut.clone()).await;
            }
        };
        let (stdout, (), ()) = tokio::join!(capture(stdout), errors, supply(stdin, input));
        (newborn.child.wait().await.ok(), stdout)
    };
    let (status, stdout) = tokio::time::timeout(deadline, work)
        .await
        .unwrap_or_default();
    if status.is_none() {
        // A failure means that it is gone already.
        let _ = newborn.child.kill().await;
    }
    Finished {
        status,
        stdout,
        lines: ring.lines(),
        took: started.elapsed(),
    }
}

/// Writes all, and then the end. A child that does not want all of it is no failure of ours.
async fn supply(stream: Option<impl AsyncWrite + Unpin>, input: Bytes) {
    if let Some(mut stream) = stream {
        let _ = stream.write_all(&input).await;
    }
}

/// Reads all, keeps the start.
async fn capture(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    if let Some(mut stream) = stream {
        let mut head = (&mut stream).take(MAX_CAPTURE);
        // What was read before an error is the answer.
        let _ = head.read_to_end(&mut kept).await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    }
    kept
}
