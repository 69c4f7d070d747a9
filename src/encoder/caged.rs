//! Which cage the launched are put into, and what it is worth on this host.

use std::time::Duration;

use tokio::io::AsyncReadExt;

use super::process::{Launcher, SpawnError};
use crate::cage::{Access, CageReport, Missing, Network, Order};
use crate::config::CageMode;

/// By when the cage must have been tried: it takes milliseconds, on a busy machine more.
const DEADLINE: Duration = Duration::from_secs(10);

/// The most that is read of what was found.
const MAX_ANSWER: u64 = 64 * 1024;

/// Any port will do to see whether the others are shut.
const SOME_PORT: u16 = 1;

/// What the launched may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cage {
    /// Whether there is one.
    pub mode: CageMode,
    /// The port of the gateway's own way out, which stands in for the web.
    pub egress: Option<u16>,
    /// What it is worth here, as far as it is known: [`CageReport::status`].
    pub status: &'static str,
}

// === impl Cage ===

impl Cage {
    /// None.
    pub const OFF: Self = Self {
        mode: CageMode::Off,
        egress: None,
        status: "none",
    };

    /// One of which nobody knows what it is worth here.
    pub fn new(mode: CageMode, egress: Option<u16>) -> Self {
        let status = match mode {
            CageMode::Off => Self::OFF.status,
            CageMode::Auto | CageMode::Require => "unknown",
        };
        Self {
            mode,
            egress,
            status,
        }
    }

    /// What a child with this access is told; `None` leaves it what the gateway may.
    pub(super) fn order(self, access: &Access) -> Option<Order> {
        let strict = match self.mode {
            CageMode::Off => return None,
            CageMode::Auto => false,
            CageMode::Require => true,
        };
        Some(Order {
            access: access.clone().through(self.egress),
            strict,
            without: Vec::new(),
        })
    }
}

// === impl Launcher ===

impl Launcher {
    /// Lets a child enter the strictest cage and try its doors. The ffmpeg itself is not run.
    ///
    /// # Errors
    /// [`SpawnError`] when there is no process.
    pub async fn examine_cage(&self) -> Result<CageReport, SpawnError> {
        if self.cage().mode == CageMode::Off {
            return Ok(CageReport::None(
                "`cage = \"off\"`: ffmpeg has the rights of the gateway".into(),
            ));
        }
        let access = Access {
            files: Vec::new(),
            network: Network::Proxy(SOME_PORT),
        };
        let mut birth = self.birth(Vec::new(), 0, &access);
        birth.examine = true;
        // What is missing is to be heard, not refused.
        if let Some(order) = &mut birth.cage {
            order.strict = false;
        }
        let mut child = birth.spawn().await?.child;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let work = async {
            let (found, said) = tokio::join!(read(stdout), read(stderr));
            (child.wait().await.ok(), found, said)
        };
        let (status, found, said) = tokio::time::timeout(DEADLINE, work)
            .await
            .unwrap_or_default();
        if status.is_some_and(|status| status.success()) {
            return Ok(CageReport::of(
                found.lines().filter_map(Missing::parse).collect(),
            ));
        }
        let said = said
            .lines()
            .last()
            .unwrap_or("it did not answer")
            .to_owned();
        Ok(CageReport::None(format!(
            "the cage cannot be entered: {said}"
        )))
    }
}

async fn read(stream: Option<impl tokio::io::AsyncRead + Unpin>) -> String {
    let mut text = String::new();
    if let Some(stream) = stream {
        // What was read before an error is the answer.
        let _ = stream.take(MAX_ANSWER).read_to_string(&mut text).await;
    }
    text
}
