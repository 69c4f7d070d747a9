//! The end of a child: asked, forced, reaped, and told last of all.

use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::Child;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::pipes::Sink;
use super::process::{EncoderEvent, EncoderExit};
use super::stderr::StderrRing;

/// How long pipes may stay open after the child is gone before its group is killed, and how long after that before
/// they are cut. Only a grandchild can hold them: what the child wrote is read at once.
const PIPE_PATIENCE: Duration = Duration::from_millis(400);

/// What the owner wants. An owner that is gone wants an end at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Go on.
    Run,
    /// TERM now, KILL after this.
    Stop(Duration),
}

/// One child under supervision.
#[derive(Debug)]
pub(super) struct Supervisor {
    pub(super) child: Child,
    pub(super) group: Option<Pid>,
    pub(super) orders: watch::Receiver<Order>,
    pub(super) readers: JoinSet<()>,
    pub(super) sink: Sink,
    pub(super) stderr: StderrRing,
}

// === impl Supervisor ===

impl Supervisor {
    /// Until the child is reaped, its pipes are empty and the owner knows.
    pub(super) async fn run(mut self) {
        let status = self.wait().await;
        self.finish_readers().await;
        let exit = EncoderExit {
            status,
            last_lines: self.stderr.lines(),
        };
        // An owner that is gone needs no news.
        let _ = self.sink.events.send(EncoderEvent::Exited(exit)).await;
    }

    async fn wait(&mut self) -> ExitStatus {
        let mut deadline: Option<Instant> = None;
        let mut deaf = false;
        loop {
            tokio::select! {
                status = self.child.wait() => return reaped(status),
                order = self.orders.changed(), if !deaf => {
                    let order = order.map(|()| *self.orders.borrow_and_update());
                    deaf = order.is_err();
                    deadline = self.obey(order.ok()).or(deadline);
                }
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    deadline = None;
                    self.kill(Signal::KILL);
                }
            }
        }
    }

    /// The time of the KILL, if there is to be one.
    fn obey(&self, order: Option<Order>) -> Option<Instant> {
        match order {
            Some(Order::Run) => None,
            Some(Order::Stop(patience)) => {
                self.sink.draining.cancel();
                self.kill(Signal::TERM);
                Some(Instant::now() + patience)
            }
            None => {
                self.sink.draining.cancel();
                self.kill(Signal::KILL);
                None
            }
        }
    }

    /// To the whole group; one that is gone needs no signal. The number is ours while the child is not reaped, and
    /// after that while a grandchild is in the group, which is when [`Self::finish_readers`] needs it.
    fn kill(&self, signal: Signal) {
        let Some(group) = self.group else {
            return;
        };
        // On its way into a session of its own a child leads no group for a moment.
        if kill_process_group(group, signal).is_err() && self.child.id().is_some() {
            let _ = kill_process(group, signal);
        }
    }

    /// Lets the readers come to the end of their pipes; somebody who inherited one must not delay the news for long.
    async fn finish_readers(&mut self) {
        if timeout(PIPE_PATIENCE, ended(&mut self.readers))
            .await
            .is_ok()
        {
            return;
        }
        self.kill(Signal::KILL);
        if timeout(PIPE_PATIENCE, ended(&mut self.readers))
            .await
            .is_ok()
        {
            return;
        }
        self.sink.cut.cancel();
        // What is left waits for the owner, not for a pipe.
        ended(&mut self.readers).await;
    }
}

async fn ended(readers: &mut JoinSet<()>) {
    while readers.join_next().await.is_some() {}
}

/// Waiting fails only for a child that somebody else has reaped: that it is gone is certain, how is not.
fn reaped(status: std::io::Result<ExitStatus>) -> ExitStatus {
    use std::os::unix::process::ExitStatusExt;

    status.unwrap_or_else(|_| ExitStatus::from_raw(Signal::KILL.as_raw()))
}
