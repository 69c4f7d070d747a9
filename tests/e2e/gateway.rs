//! The shipped binary as a child of the test, with a configuration of the test's own.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses a part of what stands here"
)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use crate::client::Client;

/// Who may use the machine now.
static MACHINE: Mutex<()> = Mutex::new(());

/// For everything that has no deadline of its own: a machine that is far too busy, not a measurement.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running gateway; dropping it kills it, and the kernel its encoders.
pub(crate) struct Gateway {
    child: Child,
    pub(crate) address: String,
    pub(crate) folder: tempfile::TempDir,
    log: Arc<Mutex<Vec<String>>>,
    _machine: Option<MutexGuard<'static, ()>>,
}

impl Gateway {
    /// Starts a gateway with these channels on a port of the system's choice.
    pub(crate) fn start(channels: &str) -> Self {
        Self::with_files(channels, |_| {})
    }

    /// As `start`, with files that are made before.
    pub(crate) fn with_files(channels: &str, make: impl FnOnce(&Path)) -> Self {
        let machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        make(folder.path());
        let own = std::env::var_os("FFMPEG").map(PathBuf::from);
        let mut gateway = Self::spawn(channels, folder, own.as_deref());
        gateway._machine = Some(machine);
        gateway
    }

    /// As `start`, beside whatever else uses the machine, in a folder that may hold an ffmpeg of its own.
    pub(crate) fn beside(channels: &str, folder: tempfile::TempDir) -> Self {
        let own = folder.path().join("ffmpeg");
        let own = Some(own).filter(|own| own.exists());
        let own = own.or_else(|| std::env::var_os("FFMPEG").map(PathBuf::from));
        Self::spawn(channels, folder, own.as_deref())
    }

    fn spawn(channels: &str, folder: tempfile::TempDir, ffmpeg: Option<&Path>) -> Self {
        let config = folder.path().join("channels.toml");
        std::fs::write(&config, Self::text(channels, folder.path())).unwrap();
        let (child, address, log) = Self::launch(&config, ffmpeg);
        Self {
            child,
            address,
            folder,
            log,
            _machine: None,
        }
    }

    /// A whole configuration with these channels, for a gateway in this folder.
    pub(crate) fn text(channels: &str, folder: &Path) -> String {
        let server = "[server]\nlisten = \"127.0.0.1:0\"\nstate = \"headgate.state\"\n\
                      allow_private = [\"127.0.0.0/8\"]";
        // The scripted ffmpeg reads its script, which no cage permits.
        let is_scripted = folder.join("ffmpeg.scenario").exists();
        let cage = if is_scripted { "cage = \"off\"" } else { "" };
        format!("{server}\n{cage}\n{channels}")
    }

    /// Kills it without a word, and starts another one on the same configuration, at another address.
    pub(crate) fn replace(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let own = Some(self.folder.path().join("ffmpeg")).filter(|own| own.exists());
        let config = self.folder.path().join("channels.toml");
        (self.child, self.address, self.log) = Self::launch(&config, own.as_deref());
    }

    fn launch(config: &Path, ffmpeg: Option<&Path>) -> (Child, String, Arc<Mutex<Vec<String>>>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_headgate"));
        if let Some(ffmpeg) = ffmpeg {
            command.env("FFMPEG", ffmpeg);
        }
        let mut child = command
            .arg("--config")
            .arg(config)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let address = follow(&mut child, &log).recv_timeout(PATIENCE);
        let address = address.unwrap_or_else(|_| panic!("no address: {:?}", log.lock().unwrap()));
        (child, address, log)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.address)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The processes that the gateway has started and that still run; zombies count.
    pub(crate) fn children(&self) -> Vec<u32> {
        children_of(self.child.id())
    }

    /// Those of them that encode a channel. When it starts, the gateway asks ffmpeg what it can do, and lets it encode
    /// a fifth of a second as a trial.
    pub(crate) fn encoders(&self) -> Vec<u32> {
        let encodes = |pid: &u32| {
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).into_owned();
            words.contains("-progress") && !words.contains("duration=0.2[")
        };
        self.children().into_iter().filter(encodes).collect()
    }

    /// The session of the only channel, as `/debug/sessions` shows it.
    pub(crate) async fn session(&self) -> serde_json::Value {
        let answer = self.client().get("/debug/sessions").await;
        let all: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        all[0].clone()
    }

    /// The session of a channel, as `/debug/sessions` shows it; null if there is none.
    pub(crate) async fn session_of(&self, channel: &str) -> serde_json::Value {
        let answer = self.client().get("/debug/sessions").await;
        let all: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let mut all = all.as_array().unwrap().iter();
        let found = all.find(|session| session["channel"] == channel);
        found.cloned().unwrap_or_default()
    }

    /// Waits until there is no child, and says for how long.
    pub(crate) async fn childless(&self) -> Duration {
        let since = std::time::Instant::now();
        while !self.children().is_empty() {
            assert!(
                since.elapsed() < PATIENCE,
                "children: {:?}",
                self.children()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        since.elapsed()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            eprintln!("the gateway's log:\n{}", log.join("\n"));
        }
    }
}

/// Reads the log to its end; the address comes out as soon as it stands there.
fn follow(child: &mut Child, log: &Arc<Mutex<Vec<String>>>) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let log = log.clone();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if let Some((_, rest)) = line.split_once("listening address=") {
                let address = rest.split_whitespace().next().unwrap_or_default();
                let _ = sender.send(address.to_owned());
            }
            log.lock().unwrap().push(line);
        }
    });
    receiver
}

/// By `/proc/*/stat`: the fourth field is the parent, behind a name in parentheses.
fn children_of(parent: u32) -> Vec<u32> {
    let numbers = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        after_name.split(' ').nth(1) == Some(&parent.to_string())
    };
    pids.filter(is_child).collect()
}

/// The real ffmpeg, or one of its companions.
pub(crate) fn ffmpeg(name: &str) -> PathBuf {
    let own = std::env::var_os("FFMPEG").map(PathBuf::from);
    match own
        .map(|path| path.with_file_name(name))
        .filter(|p| p.exists())
    {
        Some(path) => path,
        None => program(name),
    }
}

/// A program of the system. A test that cannot run is a test that failed.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("{name} is not installed: run `make test`, which installs it"))
}

/// Runs ffmpeg to make a file, outside of what is tested.
pub(crate) fn make(arguments: &str, file: &Path) {
    let status = Command::new(ffmpeg("ffmpeg"))
        .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-y"])
        .args(arguments.split_whitespace())
        .arg(file)
        .status()
        .unwrap();
    assert!(status.success(), "ffmpeg should make {}", file.display());
}
