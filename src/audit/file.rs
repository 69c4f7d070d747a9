//! The file: one JSON object a line, appended by a task of its own.
//!
//! It is opened for each line, because changes are rare: a file that was moved away is begun anew, and a disk that has
//! room again is written to again, without anybody telling the gateway.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Record;

/// Lines that wait at most; a disk that hangs costs lines, and no memory.
const QUEUE: usize = 1024;

/// What became of lines.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) written: AtomicU64,
    pub(super) lost: AtomicU64,
    /// Why the last line is not in the file.
    pub(super) trouble: Mutex<Option<String>>,
}

/// Takes lines for the file.
#[derive(Debug)]
pub(super) struct Writer {
    /// Gone when nothing is to be written any more.
    lines: Mutex<Option<mpsc::Sender<String>>>,
    task: Mutex<Option<JoinHandle<()>>>,
    counts: Arc<Counts>,
}

/// The file, and whether its last line is whole.
struct Log {
    path: PathBuf,
    is_torn: bool,
}

// === impl Writer ===

impl Writer {
    /// Begins with the first line.
    pub(super) fn new(path: PathBuf, counts: Arc<Counts>) -> Self {
        let (sender, lines) = mpsc::channel(QUEUE);
        let task = tokio::spawn(write_all(path, lines, counts.clone()));
        Self {
            lines: Mutex::new(Some(sender)),
            task: Mutex::new(Some(task)),
            counts,
        }
    }

    pub(super) fn write(&self, record: &Record) {
        let line = serde_json::to_string(record).map(|line| line + "\n");
        let sent = match (&*self.lines.lock(), line) {
            (Some(lines), Ok(line)) => lines.try_send(line).is_ok(),
            _ => false,
        };
        if !sent {
            self.counts.lost.fetch_add(1, Relaxed);
        }
    }

    pub(super) async fn drain(&self) {
        drop(self.lines.lock().take());
        let task = self.task.lock().take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the audit log's task has failed");
        }
    }
}

async fn write_all(path: PathBuf, mut lines: mpsc::Receiver<String>, counts: Arc<Counts>) {
    let mut log = Log {
        path,
        is_torn: false,
    };
    while let Some(line) = lines.recv().await {
        let writing = tokio::task::spawn_blocking(move || {
            let written = log.append(&line);
            (log, written)
        });
        let written = match writing.await {
            Ok((same, written)) => {
                log = same;
                written
            }
            Err(error) => {
                tracing::error!(%error, "the audit log is written no more");
                return;
            }
        };
        note(&counts, &log.path, written.err());
    }
}

/// Counts a line, and says once when lines begin to be lost, and when they are written again.
fn note(counts: &Counts, path: &Path, error: Option<io::Error>) {
    let path = path.display();
    let mut trouble = counts.trouble.lock();
    match error {
        Some(error) => {
            counts.lost.fetch_add(1, Relaxed);
            let why = format!("the audit log {path} cannot be written: {error}");
            if trouble.is_none() {
                tracing::error!("{why}; what operators do is still in this log and in the API");
            }
            *trouble = Some(why);
        }
        None => {
            counts.written.fetch_add(1, Relaxed);
            if trouble.take().is_some() {
                let lost = counts.lost.load(Relaxed);
                tracing::warn!(lost, "the audit log {path} is written again");
            }
        }
    }
}

// === impl Log ===

impl Log {
    /// Writes a line whole, or leaves a mark that the next one has to begin on a line of its own.
    fn append(&mut self, line: &str) -> io::Result<()> {
        let mut file = open(&self.path)?;
        if self.is_torn {
            file.write_all(b"\n")?;
            self.is_torn = false;
        }
        let before = file.metadata()?.len();
        file.write_all(line.as_bytes()).inspect_err(|_| {
            self.is_torn = file.metadata().is_ok_and(|now| now.len() != before);
        })
    }
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<std::fs::File> {
    OpenOptions::new().append(true).create(true).open(path)
}
