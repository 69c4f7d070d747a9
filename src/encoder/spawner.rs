//! Where children are born: one thread that lives as long as the process.
//!
//! Linux sends the parent-death signal when the *thread* that spawned a child ends, and a runtime ends its threads as
//! it likes. And since every child is born on this one thread, pipes can be made inheritable for the moment of one
//! birth without another child getting them too.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{OnceLock, mpsc};

use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::launch;
use super::process::SpawnError;
use crate::cage::Order;

/// A child to be.
#[derive(Debug)]
pub(super) struct Birth {
    /// The gateway's own binary.
    pub(super) launch_program: PathBuf,
    /// What it becomes.
    pub(super) program: PathBuf,
    /// The words of the command line.
    pub(super) words: Vec<Word>,
    /// How many pipes it writes to, besides standard output and standard error.
    pub(super) outputs: usize,
    /// It reads its standard input.
    pub(super) reads: bool,
    /// What it finds in its environment besides the gateway's own.
    pub(super) environment: Vec<(&'static str, String)>,
    /// What it may do; `None` lets it do what the gateway may.
    pub(super) cage: Option<Order>,
    /// It is not to become the program: it says what the cage is worth.
    pub(super) examine: bool,
}

/// A word of the command line of a child to be.
#[derive(Debug)]
pub(super) enum Word {
    /// As it stands.
    Text(OsString),
    /// The URL of an output pipe, by its position.
    Output(usize),
}

/// A child, and the ends of its pipes that are to be read.
#[derive(Debug)]
pub(super) struct Newborn {
    pub(super) child: Child,
    pub(super) outputs: Vec<OwnedFd>,
}

type Job = Box<dyn FnOnce() + Send>;

// === impl Birth ===

impl Birth {
    /// Spawns the child; it will be waited for by the calling runtime.
    pub(super) async fn spawn(self) -> Result<Newborn, SpawnError> {
        let runtime = Handle::current();
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move || {
            let _runtime = runtime.enter();
            // If nobody waits for the answer any more, the child is killed by being dropped.
            let _ = answer.send(self.spawn_here());
        });
        jobs()?.send(job).map_err(|_| SpawnError::NoThread)?;
        answered.await.map_err(|_| SpawnError::NoThread)?
    }

    fn spawn_here(self) -> Result<Newborn, SpawnError> {
        check_program(&self.program)?;
        let (readers, writers) = pipes(self.outputs).map_err(no_pipes)?;
        for writer in &writers {
            rustix::io::fcntl_setfd(writer, rustix::io::FdFlags::empty())
                .map_err(|error| no_pipes(error.into()))?;
        }
        let child = self.command(&writers).spawn();
        // Only the child may hold the ends that are written to: otherwise their end would never be seen.
        drop(writers);
        let child = child.map_err(|error| SpawnError::Launch {
            program: self.launch_program,
            error: error.to_string(),
        })?;
        Ok(Newborn {
            child,
            outputs: readers,
        })
    }

    fn command(&self, writers: &[OwnedFd]) -> Command {
        let mut command = Command::new(&self.launch_program);
        command.args(launch::arguments(
            &self.program,
            self.cage.as_ref(),
            self.examine,
        ));
        for word in &self.words {
            match word {
                Word::Text(text) => command.arg(text),
                Word::Output(at) => command.arg(format!("pipe:{}", writers[*at].as_raw_fd())),
            };
        }
        command
            .env("AV_LOG_FORCE_NOCOLOR", "1")
            // Each would lead it past the gateway, an empty `no_proxy` too.
            .env_remove("http_proxy")
            .env_remove("no_proxy")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(if self.reads {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Signals from the terminal are for the gateway, which then ends its children in its own way; and the
            // whole family can be killed at once.
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

/// Says what is wrong in the words of the person who installed it: the launcher can only say it on standard error.
fn check_program(program: &Path) -> Result<(), SpawnError> {
    use rustix::fs::{Access, access};

    let refused = |error: io::Error| SpawnError::Program {
        program: program.to_owned(),
        error: error.to_string(),
    };
    access(program, Access::EXEC_OK).map_err(|error| refused(error.into()))?;
    if program.is_dir() {
        return Err(refused(io::ErrorKind::IsADirectory.into()));
    }
    Ok(())
}

fn no_pipes(error: io::Error) -> SpawnError {
    SpawnError::Pipes(error.to_string())
}

fn pipes(count: usize) -> io::Result<(Vec<OwnedFd>, Vec<OwnedFd>)> {
    let mut ends = (Vec::new(), Vec::new());
    for _ in 0..count {
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        ends.0.push(reader);
        ends.1.push(writer);
    }
    Ok(ends)
}

/// The way to the thread, which starts with the first child and never ends.
fn jobs() -> Result<&'static mpsc::Sender<Job>, SpawnError> {
    static JOBS: OnceLock<Option<mpsc::Sender<Job>>> = OnceLock::new();
    JOBS.get_or_init(|| {
        let (jobs, received) = mpsc::channel::<Job>();
        std::thread::Builder::new()
            .name("spawner".into())
            .spawn(move || {
                for job in received {
                    // If this thread ended, the kernel would kill every child.
                    let _ = catch_unwind(AssertUnwindSafe(job));
                }
            })
            .ok()
            .map(|_| jobs)
    })
    .as_ref()
    .ok_or(SpawnError::NoThread)
}
