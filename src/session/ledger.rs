//! What must not be given out again after the gateway was killed: Discontinuity Sequence Numbers that ran ahead of the
//! clock.
//!
//! Timelines are numbered from the clock, whose steps are coarse for discontinuities: a gateway that comes back within
//! minutes, or a channel that breaks often, would give the same numbers to other media. So they are written into a
//! small file before they are given out, some at a time. A gateway that cannot write it serves all the same.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::run::wall_clock;
use crate::base::ChannelId;
use crate::hls::{Numbers, Timeline};

/// Numbers that are set aside with one writing: a channel that breaks often is not written each time.
const SET_ASIDE: u64 = 4;

/// A file larger than this is none of ours, bytes.
const MAX_SIZE: u64 = 4 << 20;

/// A number above this is none of ours: numbers of JavaScript are exact up to here, and there must be some left.
const HIGHEST: u64 = 1 << 53;

/// See the module.
#[derive(Debug, Default)]
pub struct Ledger {
    file: Option<PathBuf>,
    /// The highest number of each channel that may have been given out.
    highest: Mutex<BTreeMap<String, u64>>,
    /// What is known is not in the file, because it could not be written.
    is_unwritten: AtomicBool,
}

/// The file.
#[derive(Debug, Serialize, Deserialize)]
struct Page {
    discontinuity_sequence: BTreeMap<String, u64>,
}

// === impl Ledger ===

impl Ledger {
    /// Numbers are kept for as long as the process lives.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// Numbers are kept in this file. One that cannot be read counts as empty, and is told of.
    pub fn at(file: PathBuf) -> Self {
        let highest = match read(&file) {
            Ok(page) => page.discontinuity_sequence,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                warn!(file = %file.display(), %error, "the numbers of the last run cannot be read; the clock is trusted instead");
                BTreeMap::new()
            }
        };
        Self {
            file: Some(file),
            highest: Mutex::new(highest),
            is_unwritten: AtomicBool::new(false),
        }
    }

    /// Numbers of a file that was read by somebody else.
    #[cfg(any(test, fuzzing))]
    pub(super) fn parse(bytes: &[u8]) -> io::Result<Self> {
        Ok(Self {
            highest: Mutex::new(parse(bytes)?.discontinuity_sequence),
            ..Self::default()
        })
    }

    /// What an earlier process may have given out.
    pub(super) fn floor(&self, channel: &ChannelId) -> Numbers {
        let highest = self.highest.lock().get(channel.as_str()).copied();
        Numbers {
            discontinuity: highest.unwrap_or_default(),
            ..Numbers::default()
        }
    }

    /// Called before a number is given out: writes it down if a new process would not begin above it by itself.
    pub(super) fn give_out(&self, channel: &ChannelId, discontinuity: u64) {
        let seed = seed_of_now();
        if discontinuity < seed {
            return;
        }
        let mut highest = self.highest.lock();
        let is_set_aside = highest
            .get(channel.as_str())
            .is_some_and(|known| *known >= discontinuity);
        if is_set_aside && !self.is_unwritten() {
            return;
        }
        // What the clock has caught up with need not be known any more.
        highest.retain(|_, known| *known >= seed);
        if !is_set_aside {
            highest.insert(channel.to_string(), discontinuity + SET_ASIDE);
        }
        if let Some(file) = &self.file {
            self.told(file, write(file, &highest));
        }
    }

    /// An outage of the disk is one line at its beginning and one at its end.
    fn told(&self, file: &Path, written: io::Result<()>) {
        let was_unwritten = self.is_unwritten.swap(written.is_err(), Ordering::Relaxed);
        let file = file.display();
        match (written, was_unwritten) {
            (Err(error), false) => {
                warn!(%file, %error, "sequence numbers cannot be written down: after a restart within minutes players of a channel that breaks often may have to load it again");
            }
            (Ok(()), true) => info!(%file, "sequence numbers are written down again"),
            _ => {}
        }
    }

    /// The file says less than it should.
    pub(super) fn is_unwritten(&self) -> bool {
        self.is_unwritten.load(Ordering::Relaxed)
    }
}

fn read(file: &Path) -> io::Result<Page> {
    if file.metadata()?.len() > MAX_SIZE {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is too large",
        ));
    }
    parse(&std::fs::read(file)?)
}

fn parse(bytes: &[u8]) -> io::Result<Page> {
    let page: Page = serde_json::from_slice(bytes)?;
    let mut numbers = page.discontinuity_sequence.values();
    if numbers.any(|number| *number > HIGHEST) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a number in it is higher than players can count",
        ));
    }
    Ok(page)
}

/// Whole or not at all: a reader never sees half of it.
fn write(file: &Path, highest: &BTreeMap<String, u64>) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let page = Page {
        discontinuity_sequence: highest.clone(),
    };
    let fresh = file.with_extension("new");
    std::fs::write(&fresh, serde_json::to_vec(&page)?)?;
    std::fs::rename(&fresh, file)
}

/// Where a timeline of a new process would begin.
fn seed_of_now() -> u64 {
    Timeline::above(Numbers::default(), wall_clock()).first_discontinuity
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("headgate-ledger-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        folder
    }

    fn channel(id: &str) -> ChannelId {
        ChannelId::new(id).unwrap()
    }

    #[test]
    fn what_the_clock_is_above_is_not_written() {
        let file = folder("quiet").join("numbers.json");
        let ledger = Ledger::at(file.clone());
        ledger.give_out(&channel("a"), seed_of_now() - 1);
        assert!(!file.exists());
        assert_eq!(ledger.floor(&channel("a")), Numbers::default());
    }

    #[test]
    fn a_new_process_begins_above_what_was_given_out() {
        let file = folder("killed").join("numbers.json");
        let given = seed_of_now() + 40;
        let ledger = Ledger::at(file.clone());
        (0..=40).for_each(|more| ledger.give_out(&channel("a"), given - 40 + more));
        drop(ledger);
        let successor = Ledger::at(file.clone());
        assert!(successor.floor(&channel("a")).discontinuity >= given);
        assert_eq!(successor.floor(&channel("b")), Numbers::default());
        let _ = std::fs::remove_dir_all(file.parent().unwrap());
    }

    #[test]
    fn few_writings_and_none_without_a_place() {
        let file = folder("few").join("numbers.json");
        let ledger = Ledger::at(file.clone());
        let given = seed_of_now();
        ledger.give_out(&channel("a"), given);
        std::fs::remove_file(&file).unwrap();
        ledger.give_out(&channel("a"), given + 1);
        assert!(!file.exists(), "it was set aside already");
        ledger.give_out(&channel("a"), given + SET_ASIDE + 1);
        assert!(file.exists());
        let nowhere = Ledger::at("/proc/nowhere/numbers.json".into());
        nowhere.give_out(&channel("a"), given);
        assert!(nowhere.floor(&channel("a")).discontinuity >= given);
        let _ = std::fs::remove_dir_all(file.parent().unwrap());
    }

    #[test]
    fn a_full_disk_is_written_to_again_when_there_is_room() {
        let folder = folder("full");
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("numbers.json");
        let fresh = folder.join("numbers.new");
        std::os::unix::fs::symlink("/dev/full", &fresh).unwrap();
        let ledger = Ledger::at(file.clone());
        let given = seed_of_now() + 40;
        ledger.give_out(&channel("a"), given);
        assert!(ledger.is_unwritten() && !file.exists());
        std::fs::remove_file(&fresh).unwrap();
        ledger.give_out(&channel("a"), given + 1);
        assert!(!ledger.is_unwritten());
        let successor = Ledger::at(file);
        assert!(successor.floor(&channel("a")).discontinuity > given);
        let _ = std::fs::remove_dir_all(folder);
    }

    #[test]
    fn a_file_of_somebody_else_is_no_reason_to_stop() {
        let file = folder("garbage").join("numbers.json");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let largest = format!("{{\"discontinuity_sequence\":{{\"a\":{}}}}}", u64::MAX);
        for text in ["no numbers", &largest] {
            std::fs::write(&file, text).unwrap();
            let ledger = Ledger::at(file.clone());
            assert_eq!(ledger.floor(&channel("a")), Numbers::default(), "{text}");
        }
        let _ = std::fs::remove_dir_all(file.parent().unwrap());
    }
}
