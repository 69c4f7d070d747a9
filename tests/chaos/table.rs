//! What happened, in figures.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What is done to a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    EncoderKilled,
    EncoderStopped,
    SessionRestarted,
    SourceGone,
    SourceSilent,
    SourceNonsense,
    ConfigurationEdited,
    ConfigurationBroken,
    Flood,
    SlowReaders,
    GatewayKilled,
}

/// One kind of fault.
#[derive(Debug, Default, Clone, Copy)]
struct Row {
    injected: usize,
    recovered: usize,
    longest: Duration,
}

/// What was left behind when nobody watched any more.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Leaks {
    pub(crate) processes: usize,
    pub(crate) descriptors: i64,
    pub(crate) threads: i64,
    /// Requests that still wait, and connections that are still open.
    pub(crate) requests: usize,
    /// Resident bytes, before and after.
    pub(crate) memory: (u64, u64),
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: BTreeMap<Kind, Row>,
    /// The longest time without anything new in a playlist of a channel that was never struck, and of one that was.
    pub(crate) calm_gap: Duration,
    pub(crate) struck_gap: Duration,
    /// Requests of viewers to channels that were never struck, and those that were not answered with 200.
    pub(crate) calm_requests: usize,
    pub(crate) calm_failures: Vec<String>,
    pub(crate) playlists: usize,
    pub(crate) segments: usize,
    pub(crate) discontinuities: usize,
    pub(crate) refusals: usize,
    /// Listed segments that were gone because a channel was given up.
    pub(crate) given_up: usize,
    /// Discontinuities of channels that nobody struck: the machine gave their encoder no time.
    pub(crate) calm_breaks: usize,
    pub(crate) leaks: Vec<Leaks>,
}

// === impl Table ===

impl Table {
    pub(crate) fn injected(&mut self, kind: Kind) {
        self.rows.entry(kind).or_default().injected += 1;
    }

    pub(crate) fn recovered(&mut self, kind: Kind, after: Duration) {
        let row = self.rows.entry(kind).or_default();
        row.recovered += 1;
        row.longest = row.longest.max(after);
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (kind, other) in other.rows {
            let row = self.rows.entry(kind).or_default();
            row.injected += other.injected;
            row.recovered += other.recovered;
            row.longest = row.longest.max(other.longest);
        }
        self.calm_gap = self.calm_gap.max(other.calm_gap);
        self.struck_gap = self.struck_gap.max(other.struck_gap);
        self.calm_requests += other.calm_requests;
        self.calm_failures.extend(other.calm_failures);
        self.playlists += other.playlists;
        self.segments += other.segments;
        self.discontinuities += other.discontinuities;
        self.refusals += other.refusals;
        self.given_up += other.given_up;
        self.calm_breaks += other.calm_breaks;
        self.leaks.extend(other.leaks);
    }

    /// What must be so, on any machine.
    pub(crate) fn check(&self) {
        assert!(!self.rows.is_empty() && self.calm_requests > 0 && self.segments > 0);
        for (kind, row) in &self.rows {
            assert_eq!(row.injected, row.recovered, "{kind:?}");
        }
        assert_eq!(self.calm_failures, [] as [&str; 0]);
        assert!(!self.leaks.is_empty());
        for leaks in &self.leaks {
            assert_eq!((leaks.processes, leaks.requests), (0, 0), "{leaks:?}");
            assert!(leaks.descriptors <= 0 && leaks.threads <= 0, "{leaks:?}");
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| fault | injected | recovered | longest |")?;
        writeln!(f, "|---|---:|---:|---:|")?;
        let mut all = Row::default();
        for (kind, row) in &self.rows {
            let (injected, recovered) = (row.injected, row.recovered);
            let longest = row.longest.as_secs_f64();
            writeln!(f, "| {kind} | {injected} | {recovered} | {longest:.1} s |")?;
            all.injected += injected;
            all.recovered += recovered;
        }
        writeln!(f, "| all | {} | {} | |", all.injected, all.recovered)?;
        writeln!(f, "\n| what viewers saw | |\n|---|---:|")?;
        let mut line = |name: &str, value: String| writeln!(f, "| {name} | {value} |");
        let gap = |gap: Duration| format!("{:.1} s", gap.as_secs_f64());
        line("playlists read and checked", self.playlists.to_string())?;
        line("segments fetched and read", self.segments.to_string())?;
        line(
            "discontinuities, each in step",
            self.discontinuities.to_string(),
        )?;
        line(
            "playlists refused in words (struck channels)",
            self.refusals.to_string(),
        )?;
        line(
            "segments gone with a channel that was given up",
            self.given_up.to_string(),
        )?;
        line("worst gap on a struck channel", gap(self.struck_gap))?;
        line("worst gap on a healthy channel", gap(self.calm_gap))?;
        line(
            "discontinuities there, for want of processor time",
            self.calm_breaks.to_string(),
        )?;
        line(
            "requests to healthy channels",
            self.calm_requests.to_string(),
        )?;
        line("failed ones of those", self.calm_failures.len().to_string())?;
        writeln!(f, "\n| left behind, once nobody watched | |\n|---|---:|")?;
        let sum = |figure: fn(&Leaks) -> i64| self.leaks.iter().map(figure).sum::<i64>();
        let mut line = |name: &str, value: String| writeln!(f, "| {name} | {value} |");
        line("processes", sum(|l| l.processes as i64).to_string())?;
        line("descriptors", sum(|l| l.descriptors).to_string())?;
        line("threads", sum(|l| l.threads).to_string())?;
        line(
            "waiting requests and open connections",
            sum(|l| l.requests as i64).to_string(),
        )?;
        for leaks in &self.leaks {
            let [before, after] = [leaks.memory.0, leaks.memory.1].map(|bytes| bytes as f64 / 1e6);
            let growth = after - before;
            line(
                "memory",
                format!("{before:.1} → {after:.1} MB ({growth:+.1})"),
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EncoderKilled => "encoder killed (KILL)",
            Self::EncoderStopped => "encoder stopped (STOP)",
            Self::SessionRestarted => "encoder restarted by the API",
            Self::SourceGone => "source gone: refused, cut off, reset, an error, no segments",
            Self::SourceSilent => "source silent: stalled, dripping, frozen, an old playlist",
            Self::SourceNonsense => "source sends nonsense",
            Self::ConfigurationEdited => "configuration edited",
            Self::ConfigurationBroken => "configuration broken, then mended",
            Self::Flood => "flood of 40 viewers that leave at once",
            Self::SlowReaders => "20 readers at a byte a second",
            Self::GatewayKilled => "gateway killed (KILL) and started again",
        })
    }
}
