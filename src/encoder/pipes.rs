//! From the pipes of a child to events.

use std::os::fd::OwnedFd;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::unix::pipe;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio_util::sync::CancellationToken;

use super::detect::DetectorParser;
use super::process::EncoderEvent;
use super::progress::ProgressParser;
use crate::base::RenditionId;
use crate::media::{FragmentReader, MediaError, MediaEvent, PictureCheck};

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

/// The stream of a rendition.
#[derive(Debug)]
struct Stream {
    reader: FragmentReader,
    /// It is copied from the source: somebody has to look at it.
    is_copied: bool,
    check: Option<PictureCheck>,
}

/// Reads the stream of a rendition to its end.
pub(super) async fn read_rendition(
    rendition: RenditionId,
    is_copied: bool,
    pipe: pipe::Receiver,
    sink: Sink,
) {
    let mut pipe = pipe;
    let mut stream = Some(Stream {
        reader: FragmentReader::new(),
        is_copied,
        check: None,
    });
    let mut buffer = vec![0; READ_SIZE];
    while let Some(count) = sink.read(&mut pipe, &mut buffer).await {
        // A broken stream is drained all the same: the other renditions come from the same process.
        let Some(healthy) = &mut stream else { continue };
        healthy.reader.push(&buffer[..count]);
        if !forward(rendition, healthy, &sink).await {
            stream = None;
        }
    }
}

/// Sends what the stream has; false when it is lost.
async fn forward(rendition: RenditionId, stream: &mut Stream, sink: &Sink) -> bool {
    loop {
        let event = match stream.poll() {
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

// === impl Stream ===

impl Stream {
    fn poll(&mut self) -> Result<Option<MediaEvent>, MediaError> {
        let event = self.reader.poll()?;
        match (&event, &mut self.check) {
            (Some(MediaEvent::Init(init)), check) if self.is_copied => {
                *check = PictureCheck::new(&init.codec);
            }
            (Some(MediaEvent::Fragment(fragment)), Some(check)) => check.look(fragment)?,
            _ => {}
        }
        Ok(event)
    }
}

/// Reads what comes on standard output to its end: the reports of `-progress`, and what detectors say between them.
///
/// A heartbeat that finds no room is dropped: the next one says more. What a detector says is said once, so it is kept
/// until there is room; reading goes on meanwhile.
pub(super) async fn read_reports(stream: impl AsyncRead + Unpin, sink: Sink) {
    let mut stream = stream;
    let mut progress = ProgressParser::default();
    let mut detectors = DetectorParser::default();
    let mut buffer = vec![0; 4 << 10];
    loop {
        let news = detectors.news();
        let read = tokio::select! {
            biased;
            room = sink.events.reserve(), if news.is_some() => {
                if let Some((symptom, present)) = news {
                    detectors.told(symptom);
                    // An owner that is gone needs no events.
                    let _ = room.map(|room| room.send(EncoderEvent::Detected { symptom, present }));
                }
                continue;
            }
            read = sink.read(&mut stream, &mut buffer) => read,
        };
        let Some(count) = read else { break };
        detectors.push(&buffer[..count]);
        if let Some(progress) = progress.push(&buffer[..count]) {
            let _ = sink.events.try_send(EncoderEvent::Progress(progress));
        }
    }
}

/// Makes the read end of a pipe known to the runtime.
pub(super) fn receiver(pipe: OwnedFd) -> std::io::Result<pipe::Receiver> {
    pipe::Receiver::from_owned_fd(pipe)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::super::detect::Symptom;
    use super::*;

    #[tokio::test]
    async fn a_flood_of_findings_never_waits_for_the_owner_and_the_last_word_is_kept() {
        let (events, mut received) = mpsc::channel(1);
        let sink = Sink {
            events,
            draining: CancellationToken::new(),
            cut: CancellationToken::new(),
        };
        let (mut child, stream) = tokio::io::duplex(4 << 10);
        let reader = tokio::spawn(read_reports(stream, sink));
        for _ in 0..50_000 {
            let lines = "lavfi.black_end=1\nspeed=1x\nprogress=continue\nlavfi.black_start=2\n";
            child.write_all(lines.as_bytes()).await.unwrap();
        }
        child.write_all(b"lavfi.silence_start=3\n").await.unwrap();
        // Nobody has listened so far, and all of it was read.
        let mut black = false;
        let mut events = 0;
        loop {
            events += 1;
            match received.recv().await {
                Some(EncoderEvent::Detected {
                    symptom: Symptom::Black,
                    present,
                }) => {
                    assert_ne!(black, present);
                    black = present;
                }
                Some(EncoderEvent::Detected { symptom, present }) => {
                    assert_eq!((symptom, present), (Symptom::Silent, true));
                    break;
                }
                Some(EncoderEvent::Progress(_)) => {}
                event => panic!("{event:?}"),
            }
        }
        assert!(black && events < 10, "{events}");
        drop(child);
        reader.await.unwrap();
    }
}
