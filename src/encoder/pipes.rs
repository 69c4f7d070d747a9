//! From the pipes of a child to events.

use std::os::fd::OwnedFd;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::unix::pipe;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio_util::sync::CancellationToken;

use super::process::EncoderEvent;
use super::progress::ProgressParser;
use crate::base::RenditionId;
use crate::media::{FragmentReader, MediaEvent};

/// How much is read at once; the capacity of a pipe.
const READ_SIZE: usize = 64 << 10;

/// Where events go, and what ends the readers.
#[derive(Debug, Clone)]
pub(super) struct Sink {
    pub(super) events: mpsc::Sender<EncoderEvent>,
    /// From here on nobody waits for the owner: what does not fit is dropped, the pipes are drained.
    pub(super) draining: CancellationToken,
    /// From here on nothing is read any more: the child is gone and somebody else holds its pipes.
    pub(super) cut: CancellationToken,
}

// === impl Sink ===

impl Sink {
    /// Hands an event to the owner and waits for room, unless nobody listens any more.
    async fn send(&self, event: EncoderEvent) {
        let event = match self.events.try_send(event) {
            Ok(()) | Err(TrySendError::Closed(_)) => return,
            Err(TrySendError::Full(event)) => event,
        };
        tokio::select! {
            biased;
            () = self.draining.cancelled() => {}
            // An owner that is gone needs no events.
            _ = self.events.send(event) => {}
        }
    }

    async fn read(&self, pipe: &mut (impl AsyncRead + Unpin), buffer: &mut [u8]) -> Option<usize> {
        tokio::select! {
            biased;
            () = self.cut.cancelled() => None,
            read = pipe.read(buffer) => read.ok().filter(|count| *count > 0),
        }
    }
}

/// Reads the stream of a rendition to its end.
pub(super) async fn read_rendition(rendition: RenditionId, pipe: pipe::Receiver, sink: Sink) {
    let mut pipe = pipe;
    let mut reader = Some(FragmentReader::new());
    let mut buffer = vec![0; READ_SIZE];
    while let Some(count) = sink.read(&mut pipe, &mut buffer).await {
        // A broken stream is drained all the same: the other renditions come from the same process.
        let Some(healthy) = &mut reader else { continue };
        healthy.push(&buffer[..count]);
        if !forward(rendition, healthy, &sink).await {
            reader = None;
        }
    }
}

/// Sends what the reader has; false when the stream is lost.
async fn forward(rendition: RenditionId, reader: &mut FragmentReader, sink: &Sink) -> bool {
    loop {
        let event = match reader.poll() {
            Ok(None) => return true,
            Ok(Some(MediaEvent::Init(init))) => EncoderEvent::Init(rendition, init),
            Ok(Some(MediaEvent::Fragment(fragment))) => EncoderEvent::Fragment(rendition, fragment),
            Err(error) => {
                sink.send(EncoderEvent::Broken(rendition, error)).await;
                return false;
            }
        };
        sink.send(event).await;
    }
}

/// Reads the reports of `-progress` to their end. A heartbeat that finds no room is dropped: the next one says more.
pub(super) async fn read_progress(stream: impl AsyncRead + Unpin, sink: Sink) {
    let mut stream = stream;
    let mut parser = ProgressParser::default();
    let mut buffer = vec![0; 4 << 10];
    while let Some(count) = sink.read(&mut stream, &mut buffer).await {
        if let Some(progress) = parser.push(&buffer[..count]) {
            let _ = sink.events.try_send(EncoderEvent::Progress(progress));
        }
    }
}

/// Makes the read end of a pipe known to the runtime.
pub(super) fn receiver(pipe: OwnedFd) -> std::io::Result<pipe::Receiver> {
    pipe::Receiver::from_owned_fd(pipe)
}
