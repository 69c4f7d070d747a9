//! What Linux says about memory and processors: of the control group (version 2) where it sets a limit, as in
//! containers, and of the whole machine otherwise. Elsewhere nothing is known.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Memory, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) total: u64,
    /// What could be had without taking it from somebody.
    available: u64,
}

/// What was counted at the last look.
#[derive(Debug, Default)]
pub(super) struct Processors {
    machine: Option<(u64, u64)>,
    group: Option<(Instant, u64)>,
}

// === impl Memory ===

impl Memory {
    /// Percent in use.
    pub(super) fn used(self) -> f64 {
        match self.total {
            0 => 0.0,
            total => 100.0 - self.available.min(total) as f64 * 100.0 / total as f64,
        }
    }
}

/// The tightest of the machine and of the groups that the process is in. `root` is `/`, or what a test made.
pub(super) fn memory(root: &Path) -> Option<Memory> {
    let of_groups = groups(root).into_iter().filter_map(|group| {
        let total = number(&group.join("memory.max"))?;
        let current = number(&group.join("memory.current"))?;
        // Files that were read and may be forgotten.
        let cached = field(&read(&group.join("memory.stat"))?, "inactive_file").unwrap_or(0);
        let used = current.saturating_sub(cached);
        Some(Memory {
            total,
            available: total.saturating_sub(used),
        })
    });
    let of_machine = read(&root.join("proc/meminfo")).and_then(|text| {
        let bytes = |name| Some(field(&text, name)? * 1024);
        Some(Memory {
            total: bytes("MemTotal:")?,
            available: bytes("MemAvailable:")?,
        })
    });
    of_groups
        .chain(of_machine)
        .min_by_key(|memory| memory.available)
}

// === impl Processors ===

impl Processors {
    /// Percent in use since the last look: the most of what the machine and the groups say.
    pub(super) fn look(&mut self, root: &Path) -> Option<f64> {
        let of_machine = self.machine(root);
        let of_group = self.group(root, Instant::now());
        match (of_machine, of_group) {
            (Some(machine), Some(group)) => Some(machine.max(group)),
            (one, other) => one.or(other),
        }
    }

    fn machine(&mut self, root: &Path) -> Option<f64> {
        let text = read(&root.join("proc/stat"))?;
        let line = text.lines().next()?.strip_prefix("cpu ")?;
        // user nice system idle iowait irq softirq steal; what comes behind is contained in them.
        let ticks: Vec<u64> = line
            .split_whitespace()
            .take(8)
            .map_while(|word| word.parse().ok())
            .collect();
        let idle = ticks.get(3)? + ticks.get(4)?;
        let all: u64 = ticks.iter().sum();
        let (all_before, idle_before) = self.machine.replace((all, idle))?;
        let (all, idle) = (
            all.checked_sub(all_before)?,
            idle.saturating_sub(idle_before),
        );
        (all > 0).then(|| 100.0 - idle.min(all) as f64 * 100.0 / all as f64)
    }

    /// Against the quota of the tightest group.
    fn group(&mut self, root: &Path, now: Instant) -> Option<f64> {
        let quota = |group: &PathBuf| {
            let text = read(&group.join("cpu.max"))?;
            let (quota, period) = text.trim().split_once(' ')?;
            Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?)
        };
        let groups = groups(root).into_iter();
        let limited = groups.filter_map(|group| Some((quota(&group)?, group)));
        let (processors, group) = limited.min_by(|a, b| a.0.total_cmp(&b.0))?;
        let used = field(&read(&group.join("cpu.stat"))?, "usage_usec")?;
        let (then, before) = self.group.replace((now, used))?;
        let elapsed = now.duration_since(then).as_secs_f64() * processors;
        let used = used.checked_sub(before)? as f64 / 1e6;
        (elapsed > 0.0).then(|| (used * 100.0 / elapsed).min(100.0))
    }
}

/// The control groups of version 2 that the process is in, the innermost first.
fn groups(root: &Path) -> Vec<PathBuf> {
    let text = read(&root.join("proc/self/cgroup")).unwrap_or_default();
    let own = text.lines().find_map(|line| line.strip_prefix("0::/"));
    let Some(own) = own.filter(|own| !own.contains("..")) else {
        return Vec::new();
    };
    let top = root.join("sys/fs/cgroup");
    let innermost = top.join(own);
    innermost
        .ancestors()
        .take_while(|folder| folder.starts_with(&top))
        .map(Path::to_owned)
        .collect()
}

fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// `None` also for `max`, which is no limit.
fn number(path: &Path) -> Option<u64> {
    read(path)?.trim().parse().ok()
}

/// The number behind a name at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let rest = line
            .strip_prefix(name)?
            .strip_prefix(|c: char| c.is_whitespace())?;
        rest.split_whitespace().next()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Path, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    const MACHINE: [(&str, &str); 2] = [
        (
            "proc/meminfo",
            "MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    400 kB\n",
        ),
        ("proc/self/cgroup", "4:memory:/x\n0::/a/b\n"),
    ];

    #[test]
    fn the_tightest_memory_counts() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert_eq!(memory(root), None);
        put(root, &MACHINE);
        assert!((memory(root).unwrap().used() - 60.0).abs() < 1e-9);
        put(
            root,
            &[
                ("sys/fs/cgroup/a/b/memory.max", "max\n"),
                ("sys/fs/cgroup/a/b/memory.current", "7\n"),
                ("sys/fs/cgroup/a/memory.max", "100000\n"),
                ("sys/fs/cgroup/a/memory.current", "95000\n"),
                (
                    "sys/fs/cgroup/a/memory.stat",
                    "anon 1\ninactive_file 5000\n",
                ),
            ],
        );
        let tight = memory(root).unwrap();
        assert_eq!((tight.total, tight.available), (100_000, 10_000));
        assert!((tight.used() - 90.0).abs() < 1e-9);
    }

    #[test]
    fn processors_are_compared_with_the_last_look() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let mut processors = Processors::default();
        assert_eq!(processors.look(root), None);
        put(
            root,
            &[("proc/stat", "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1\n")],
        );
        assert_eq!(processors.look(root), None, "there is nothing before");
        put(
            root,
            &[("proc/stat", "cpu  160 0 115 720 105 0 0 0 9 9\ncpu0 1\n")],
        );
        assert!((processors.look(root).unwrap() - 75.0).abs() < 1e-9);
    }

    #[test]
    fn a_quota_of_a_group_is_what_its_use_is_measured_by() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        put(root, &MACHINE);
        let group = |used: &str| {
            put(
                root,
                &[
                    ("sys/fs/cgroup/a/b/cpu.max", "50000 100000\n"),
                    ("sys/fs/cgroup/cpu.max", "max 100000\n"),
                    (
                        "sys/fs/cgroup/a/b/cpu.stat",
                        &format!("usage_usec {used}\nuser_usec 1\n"),
                    ),
                ],
            );
        };
        let (mut processors, start) = (Processors::default(), Instant::now());
        group("1000000");
        assert_eq!(processors.group(root, start), None);
        group("1400000");
        let later = start + std::time::Duration::from_secs(1);
        let used = processors.group(root, later).unwrap();
        assert!((used - 80.0).abs() < 1e-9, "{used}");
    }

    #[test]
    fn this_machine_says_something() {
        let used = memory(Path::new("/")).unwrap().used();
        assert!((0.0..=100.0).contains(&used), "{used}");
    }
}
