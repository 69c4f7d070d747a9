//! The accept loop: it rests while accepting fails, says so once, and says when it works again.
//!
//! Without descriptors a connection stays in the kernel's queue and accepting fails again at once: a loop that does not
//! rest spins, and one that tells each failure fills the disk.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::entrance::Entrance;
use super::server::Server;

/// The first and the longest pause after accepting failed.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// What failed since accepting worked last.
#[derive(Debug, Default)]
struct Outage {
    since: Option<Instant>,
    failures: u64,
}

/// Accepts connections until `stop` is cancelled.
pub(super) async fn until(stop: CancellationToken, entrance: Entrance, server: &Arc<Server>) {
    let mut outage = Outage::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = entrance.listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                outage.ended();
                server.admit(stream, peer, &entrance);
            }
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                server.state.counters.accept_failed();
                let pause = outage.failed(&error);
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
    }
}

// === impl Outage ===

impl Outage {
    /// For how long to rest.
    fn failed(&mut self, error: &io::Error) -> Duration {
        if self.since.is_none() {
            self.since = Some(Instant::now());
            tracing::warn!(%error, "connections cannot be accepted; tried again until it works");
        }
        let doublings = u32::try_from(self.failures.min(16)).unwrap_or(16);
        self.failures += 1;
        (PAUSE.0 * 2_u32.pow(doublings)).min(PAUSE.1)
    }

    fn ended(&mut self) {
        let Some(since) = self.since.take() else {
            return;
        };
        let (failures, seconds) = (self.failures, since.elapsed().as_secs_f64());
        self.failures = 0;
        tracing::info!(failures, seconds, "connections are accepted again");
    }
}

/// Whether accepting failed for a reason of one client, who is gone.
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_rested_through_and_starts_anew_after_its_end() {
        let mut outage = Outage::default();
        let error = io::Error::from_raw_os_error(24);
        let pauses: Vec<u128> = (0..9).map(|_| outage.failed(&error).as_millis()).collect();
        assert_eq!(pauses, [20, 40, 80, 160, 320, 640, 1000, 1000, 1000]);
        (0..100).for_each(|_| assert_eq!(outage.failed(&error), PAUSE.1));
        outage.ended();
        assert_eq!(outage.failed(&error), PAUSE.0);
    }
}
