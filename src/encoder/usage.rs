//! What a running process costs, as the kernel counts it.

use std::time::Duration;

/// Processor time and memory of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// User and system time since its start.
    pub cpu_time: Duration,
    /// Resident memory, bytes.
    pub resident_bytes: u64,
}

/// `None` where the kernel does not tell, or when the process is gone.
#[cfg(target_os = "linux")]
pub fn usage(pid: u32) -> Option<Usage> {
    let stat = procfs::process::Process::new(i32::try_from(pid).ok()?)
        .ok()?
        .stat()
        .ok()?;
    let ticks = stat.utime + stat.stime;
    Some(Usage {
        cpu_time: Duration::from_secs_f64(ticks as f64 / procfs::ticks_per_second() as f64),
        resident_bytes: stat.rss * procfs::page_size(),
    })
}

/// Only Linux tells.
#[cfg(not(target_os = "linux"))]
pub fn usage(_pid: u32) -> Option<Usage> {
    None
}
