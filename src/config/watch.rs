//! Says when the configuration's file may have changed. The one home of `notify`.
//!
//! It watches the folder, not the file: editors and orchestrators put another file in its place. What the system does
//! not tell (network file systems, containers, symlinks from elsewhere), a look at the file every second finds.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

/// Without a word for this long, whoever writes is done.
const QUIET: Duration = Duration::from_millis(200);

/// Who writes all the time is not waited for any longer than this.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often the file is looked at when nothing is heard of it.
const POLL: Duration = Duration::from_secs(1);

/// Watches one file.
#[derive(Debug)]
pub struct Watch {
    path: PathBuf,
    nudge: Arc<Notify>,
    poll: Interval,
    last: Option<Fingerprint>,
    /// Dropped, it tells nothing any more; why it does not where the system does not tell.
    watcher: Result<RecommendedWatcher, String>,
}

/// What tells two states of a file apart without reading it: symlinks are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fingerprint {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

// === impl Watch ===

impl Watch {
    /// Watches the file, which need not be there. Must be called within a runtime.
    pub fn new(path: &Path) -> Self {
        let nudge = Arc::new(Notify::new());
        let watcher = listen(path, nudge.clone());
        Self::with(path, nudge, watcher)
    }

    /// Like [`Watch::new`], by looks alone.
    pub fn polling(path: &Path) -> Self {
        let nobody = Err("nobody was asked".into());
        Self::with(path, Arc::new(Notify::new()), nobody)
    }

    fn with(path: &Path, nudge: Arc<Notify>, watcher: Result<RecommendedWatcher, String>) -> Self {
        let mut poll = interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            last: Fingerprint::of(path),
            path: path.to_owned(),
            nudge,
            poll,
            watcher,
        }
    }

    /// Why the system does not tell of changes, if that is so: they are seen within a second all the same.
    pub fn is_untold(&self) -> Option<&str> {
        self.watcher.as_ref().err().map(String::as_str)
    }

    /// Waits until the file may have changed and whoever writes is done. A change is lost if this is given up meanwhile.
    pub async fn changed(&mut self) {
        loop {
            tokio::select! {
                () = self.nudge.notified() => {
                    self.settle().await;
                    self.last = Fingerprint::of(&self.path);
                    return;
                }
                _ = self.poll.tick() => {
                    if Fingerprint::of(&self.path) != self.last {
                        self.settle().await;
                        self.last = Fingerprint::of(&self.path);
                        return;
                    }
                }
            }
        }
    }

    async fn settle(&self) {
        let end = Instant::now() + PATIENCE;
        loop {
            let quiet = Instant::now() + QUIET;
            tokio::select! {
                () = sleep_until(quiet.min(end)) => return,
                () = self.nudge.notified() => {}
            }
        }
    }
}

/// Asks the system to tell of changes in the file's folder; the reason where it does not.
fn listen(path: &Path, nudge: Arc<Notify>) -> Result<RecommendedWatcher, String> {
    let name = path.file_name().ok_or("it has no name")?.to_owned();
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let tell = move |result: notify::Result<notify::Event>| {
        let Ok(event) = result else {
            return nudge.notify_one(); // Something was lost: look.
        };
        // `..data` is what a ConfigMap swaps; an event without paths may be about anything.
        let is_ours = |path: &PathBuf| {
            path.file_name().is_none_or(|found| {
                found == name.as_os_str() || found.as_encoded_bytes().starts_with(b"..")
            })
        };
        let is_about_it = event.paths.is_empty() || event.paths.iter().any(is_ours);
        if is_change(event.kind) && is_about_it {
            nudge.notify_one();
        }
    };
    let watching = notify::recommended_watcher(tell).and_then(|mut watcher| {
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    watching.map_err(|error| error.to_string())
}

/// Reading is none: who reads because of it would never come to an end.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

// === impl Fingerprint ===

impl Fingerprint {
    /// `None` if there is no such file now.
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio::time::timeout;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    async fn told(watch: &mut Watch) {
        timeout(LONG, watch.changed())
            .await
            .expect("the change should be noticed");
    }

    /// Everything that can be done to a file, for both ways to notice it.
    async fn every_way(make: fn(&Path) -> Watch) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("channels.toml");
        let mut watch = make(&path);
        fs::write(&path, "1").unwrap();
        told(&mut watch).await;
        fs::write(&path, "2").unwrap();
        told(&mut watch).await;
        let new = folder.path().join("new");
        fs::write(&new, "3").unwrap();
        fs::rename(&new, &path).unwrap();
        told(&mut watch).await;
        fs::remove_file(&path).unwrap();
        told(&mut watch).await;
    }

    #[tokio::test]
    async fn every_way_to_change_a_file_is_noticed() {
        every_way(Watch::new).await;
    }

    #[tokio::test]
    async fn it_is_noticed_without_the_systems_help() {
        every_way(Watch::polling).await;
    }

    #[tokio::test]
    async fn a_swapped_folder_behind_a_symlink_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        for make in [Watch::new, Watch::polling] {
            let at = |name: &str| folder.path().join(name);
            for (name, text) in [("..1", "1"), ("..2", "2")] {
                fs::create_dir_all(at(name)).unwrap();
                fs::write(at(name).join("channels.toml"), text).unwrap();
            }
            let link = |target: &str, name: &str| {
                let _ = fs::remove_file(at("..new"));
                std::os::unix::fs::symlink(target, at("..new")).unwrap();
                fs::rename(at("..new"), at(name)).unwrap();
            };
            link("..1", "..data");
            link("..data/channels.toml", "channels.toml");
            let mut watch = make(&at("channels.toml"));
            link("..2", "..data");
            told(&mut watch).await;
            assert_eq!(fs::read_to_string(at("channels.toml")).unwrap(), "2");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn many_writes_are_one_change_and_endless_ones_are_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("channels.toml");
        let mut watch = Watch::polling(&path);
        let nudge = watch.nudge.clone();
        let writes = tokio::spawn(async move {
            loop {
                nudge.notify_one();
                tokio::time::sleep(QUIET / 4).await;
            }
        });
        let began = Instant::now();
        watch.changed().await;
        let waited = began.elapsed();
        assert!(
            waited >= QUIET * 2 && waited <= PATIENCE + QUIET,
            "{waited:?}"
        );
        writes.abort();
    }
}
