//! How much of an answer waits in the kernel.
//!
//! Answers that have an end are left to the kernel: each is one write, however slow its reader. A stream without an end
//! is not. Of one that is read slowly, megabytes would wait there, and be old when they arrive. And as the kernel asks
//! for more only when a third of that is gone, a reader that takes ten kilobytes a second would look like one that takes
//! nothing, and be ended by the write deadline.

use tokio::net::TcpStream;

/// Bytes of a stream that may wait.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 * 1024;

/// What takes the bytes of a connection.
pub(crate) trait Kernel {
    /// Bounds what is taken of an answer before it can be sent.
    fn bound_unsent(&self);
}

impl Kernel for TcpStream {
    #[cfg(target_os = "linux")]
    fn bound_unsent(&self) {
        if let Err(error) = socket2::SockRef::from(self).set_tcp_notsent_lowat(UNSENT) {
            tracing::debug!(%error, "cannot set TCP_NOTSENT_LOWAT");
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn bound_unsent(&self) {}
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    use super::*;
    use crate::http::activity::{Activity, InFlight};
    use crate::http::watched::Watched;

    fn is_bounded(socket: &Watched<TcpStream>) -> bool {
        let socket = socket2::SockRef::from(socket.get_ref());
        socket.tcp_notsent_lowat().ok() == Some(UNSENT)
    }

    #[tokio::test]
    async fn only_streams_are_bounded() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let _client = TcpStream::connect(address).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let activity = Arc::new(Activity::new(Instant::now()));
        let mut watched = Watched::new(server, activity.clone());
        let mut request = InFlight::begin(activity, false);
        watched.write_all(b"an answer").await.unwrap();
        assert!(!is_bounded(&watched));
        request.stream();
        watched.write_all(b"the head of a stream").await.unwrap();
        assert!(is_bounded(&watched));
    }
}
