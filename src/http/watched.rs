//! The bytes of a connection on their way, which leave marks in its [`Activity`].

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::activity::{Activity, STREAMS};
use super::unsent::Kernel;

/// A byte stream that can be ended at once: what the kernel has taken and not sent yet is thrown away with it.
pub(crate) trait Cut {
    /// Makes closing it do that.
    fn cut(&self);
}

/// A byte stream that leaves marks.
#[derive(Debug)]
pub(crate) struct Watched<I: Cut> {
    io: I,
    activity: Arc<Activity>,
}

// === impl Watched ===

impl<I: Cut> Watched<I> {
    pub(crate) fn new(io: I, activity: Arc<Activity>) -> Self {
        Self { io, activity }
    }

    #[cfg(test)]
    pub(crate) fn get_ref(&self) -> &I {
        &self.io
    }
}

impl<I: Cut + Kernel> Watched<I> {
    fn note_write(&self, result: &Poll<io::Result<usize>>) {
        match result {
            Poll::Ready(Ok(count)) => {
                if self.activity.bytes_written(*count) & STREAMS != 0 {
                    self.activity.stream_noticed();
                    self.io.bound_unsent();
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.activity.write_stalled(),
        }
    }
}

impl Cut for TcpStream {
    fn cut(&self) {
        if let Err(error) = self.set_zero_linger() {
            tracing::debug!(%error, "cannot set SO_LINGER");
        }
    }
}

impl<I: Cut> Drop for Watched<I> {
    fn drop(&mut self) {
        if self.activity.is_cut() {
            self.io.cut();
        }
    }
}

impl<I: AsyncRead + Cut + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.io).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.bytes_read(buf.filled().len() - before);
        }
        result
    }
}

impl<I: AsyncWrite + Cut + Kernel + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(cx, buf);
        self.note_write(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.note_write(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Whoever flushes has nothing left to write.
        self.activity.caught_up();
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
