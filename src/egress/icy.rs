//! A connection to a server that may answer as SHOUTcast did: `ICY 200 OK` instead of a version of HTTP.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

const ICY: &[u8] = b"ICY ";
const HTTP: &[u8] = b"HTTP/1.0 ";

/// See the module.
#[derive(Debug)]
pub struct Icy {
    stream: TcpStream,
    /// What was read of the first answer's first word; `None` once it is known.
    first: Option<Vec<u8>>,
    /// Known, and not yet handed on.
    ahead: Vec<u8>,
}

// === impl Icy ===

impl Icy {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            first: Some(Vec::new()),
            ahead: Vec::new(),
        }
    }

    /// For what speaks TLS: nothing of it is looked at.
    pub(super) fn opaque(stream: TcpStream) -> Self {
        Self {
            stream,
            first: None,
            ahead: Vec::new(),
        }
    }

    /// Reads until the first word is known.
    fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(first) = &mut self.first {
            let mut bytes = [0; ICY.len()];
            let mut buffer = ReadBuf::new(&mut bytes[..ICY.len() - first.len()]);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            let is_end = buffer.filled().is_empty();
            first.extend_from_slice(buffer.filled());
            if is_end || !ICY.starts_with(first) || first.len() == ICY.len() {
                self.ahead = match first == ICY {
                    true => HTTP.to_vec(),
                    false => std::mem::take(first),
                };
                self.first = None;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Icy {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_first(cx))?;
        if !self.ahead.is_empty() {
            let count = self.ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.ahead[..count]);
            self.ahead.drain(..count);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Icy {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl Connection for Icy {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}
