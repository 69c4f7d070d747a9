//! What happened to a session and how often: bounded, and for people.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::report::DelayReport;

/// How much of the past a session remembers.
const ENTRIES: usize = 64;

/// How many lines of ffmpeg an entry keeps: the last ones say why.
const LINES: usize = 4;

/// The upper bounds of the delays that are counted, in seconds.
pub(super) const DELAY_BOUNDS: [f64; 8] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0];

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    State,
    EncoderStarted,
    EncoderEnded,
    SourceLost,
    SourceSwitched,
    SourceHealthy,
    Configuration,
}

/// Why an encoder had to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Its process ended by itself.
    Ended,
    /// It delivered nothing new in time.
    Silent,
    /// What it delivered could not be used.
    Broken,
    /// It did not keep up with the clock.
    Slow,
    /// It could not be started, or the source was refused.
    Refused,
    /// An operator wanted it.
    Operator,
    /// The configuration has changed.
    Configuration,
    /// A better source took over.
    Return,
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) at: Instant,
    pub(super) kind: Kind,
    pub(super) what: String,
    pub(super) source: Option<String>,
    pub(super) pid: Option<u32>,
    /// For how long the encoder ran.
    pub(super) ran_for: Option<Duration>,
    /// Its last words, masked.
    pub(super) lines: Vec<String>,
    /// How often it happened in a row, and when last.
    pub(super) times: u64,
    pub(super) last_at: Instant,
}

/// See the module. It outlives runs.
#[derive(Debug, Default)]
pub(super) struct Past {
    entries: VecDeque<Entry>,
    pub(super) counts: Counts,
}

/// Of a channel, since the gateway began.
#[derive(Debug, Default, Clone)]
pub(super) struct Counts {
    pub(super) source_switches: u64,
    pub(super) source_losses: u64,
    pub(super) slates_shown: u64,
    restarts: [u64; Cause::ALL.len()],
}

/// How late media was published. Written with each part, so it takes no lock.
#[derive(Debug, Default)]
pub(super) struct Delays {
    counts: [AtomicU64; DELAY_BOUNDS.len() + 1],
    sum_us: AtomicU64,
}

// === impl Kind ===

impl Kind {
    pub(super) const ALL: [Self; 7] = [
        Self::State,
        Self::EncoderStarted,
        Self::EncoderEnded,
        Self::SourceLost,
        Self::SourceSwitched,
        Self::SourceHealthy,
        Self::Configuration,
    ];

    /// As the API spells it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::EncoderStarted => "encoder_started",
            Self::EncoderEnded => "encoder_ended",
            Self::SourceLost => "source_lost",
            Self::SourceSwitched => "source_switched",
            Self::SourceHealthy => "source_healthy",
            Self::Configuration => "configuration",
        }
    }
}

// === impl Cause ===

impl Cause {
    pub(super) const ALL: [Self; 8] = [
        Self::Ended,
        Self::Silent,
        Self::Broken,
        Self::Slow,
        Self::Refused,
        Self::Operator,
        Self::Configuration,
        Self::Return,
    ];

    /// As the API and the metrics spell it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Silent => "silent",
            Self::Broken => "broken",
            Self::Slow => "slow",
            Self::Refused => "refused",
            Self::Operator => "operator",
            Self::Configuration => "configuration",
            Self::Return => "better_source",
        }
    }
}

// === impl Entry ===

impl Entry {
    pub(super) fn new(at: Instant, kind: Kind, what: impl Into<String>) -> Self {
        Self {
            at,
            kind,
            what: what.into(),
            source: None,
            pid: None,
            ran_for: None,
            lines: Vec::new(),
            times: 1,
            last_at: at,
        }
    }

    /// Only numbers differ, if anything does: one more of the same.
    fn repeats(&self, other: &Self) -> bool {
        let is_word = |letter: &char| !letter.is_ascii_digit();
        self.kind == other.kind
            && matches!(self.kind, Kind::State | Kind::SourceLost)
            && self.source == other.source
            && self
                .what
                .chars()
                .filter(is_word)
                .eq(other.what.chars().filter(is_word))
    }

    pub(super) fn of_source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(super) fn of_process(mut self, pid: u32) -> Self {
        self.pid = Some(pid);
        self
    }

    pub(super) fn with_lines(mut self, lines: &[String]) -> Self {
        self.lines = lines[lines.len().saturating_sub(LINES)..].to_vec();
        self
    }
}

// === impl Past ===

impl Past {
    /// Remembers what happened, and forgets what is too long ago. One more of the same is only counted: a source that
    /// is tried every second must not fill the history with its losses.
    pub(super) fn note(&mut self, entry: Entry) {
        // A loss and the state that follows from it take turns.
        let mut latest = self.entries.iter_mut().rev().take(2);
        if let Some(same) = latest.find(|one| one.repeats(&entry)) {
            same.times += 1;
            same.last_at = entry.at;
            same.what = entry.what;
            return;
        }
        if self.entries.len() == ENTRIES {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// Oldest first.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }
}

// === impl Counts ===

impl Counts {
    pub(super) fn restarted(&mut self, cause: Cause) {
        self.restarts[cause as usize] += 1;
    }

    /// Each cause that there can be, and how often it was one.
    pub(super) fn restarts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let causes = Cause::ALL.into_iter().map(Cause::as_str);
        causes.zip(self.restarts)
    }
}

// === impl Delays ===

impl Delays {
    /// Media was published so long after its time.
    pub(super) fn observe(&self, delay: Duration) {
        let seconds = delay.as_secs_f64();
        let bucket = DELAY_BOUNDS.iter().position(|bound| seconds <= *bound);
        self.counts[bucket.unwrap_or(DELAY_BOUNDS.len())].fetch_add(1, Relaxed);
        let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.sum_us.fetch_add(micros, Relaxed);
    }

    pub(super) fn report(&self) -> DelayReport {
        let bounds = DELAY_BOUNDS.into_iter().chain([f64::INFINITY]);
        let counts = self.counts.iter().map(|count| count.load(Relaxed));
        DelayReport {
            buckets: bounds.zip(counts).collect(),
            sum: self.sum_us.load(Relaxed) as f64 / 1e6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_is_bounded_and_the_newest_stays() {
        let (mut past, now) = (Past::default(), Instant::now());
        for number in 0..ENTRIES + 3 {
            past.note(Entry::new(now, Kind::EncoderStarted, number.to_string()));
        }
        let whats: Vec<_> = past.entries().map(|entry| entry.what.clone()).collect();
        assert_eq!(whats.len(), ENTRIES);
        assert_eq!(whats.first().map(String::as_str), Some("3"));
        assert_eq!(whats.last().map(String::as_str), Some("66"));
    }

    #[test]
    fn the_same_again_is_counted_and_not_told_again() {
        let (mut past, now) = (Past::default(), Instant::now());
        let second = Duration::from_secs(1);
        for number in 0..4 {
            let at = now + second * number;
            let lost = Entry::new(at, Kind::SourceLost, "refused").of_source("studio");
            past.note(lost);
            let state = format!("no source: {number} losses");
            past.note(Entry::new(at, Kind::State, state));
        }
        past.note(Entry::new(now, Kind::SourceLost, "refused").of_source("backup"));
        past.note(Entry::new(now, Kind::EncoderStarted, "started"));
        past.note(Entry::new(now, Kind::SourceLost, "refused").of_source("studio"));
        let told: Vec<_> = past
            .entries()
            .map(|one| (one.what.as_str(), one.times))
            .collect();
        let wanted = [
            ("refused", 4),
            ("no source: 3 losses", 4),
            ("refused", 1),
            ("started", 1),
            ("refused", 1),
        ];
        assert_eq!(told, wanted);
        assert_eq!(past.entries().next().unwrap().last_at, now + second * 3);
    }

    #[test]
    fn causes_stand_in_the_order_of_their_counts() {
        for (index, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, index);
        }
        let mut counts = Counts::default();
        counts.restarted(Cause::Return);
        let counted: Vec<_> = counts.restarts().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [("better_source", 1)]);
    }

    #[test]
    fn a_delay_falls_into_the_first_bucket_that_holds_it() {
        let delays = Delays::default();
        for millis in [0, 50, 51, 700, 9_000] {
            delays.observe(Duration::from_millis(millis));
        }
        let report = delays.report();
        let counted: Vec<u64> = report.buckets.iter().map(|(_, count)| *count).collect();
        assert_eq!(counted, [2, 1, 0, 0, 1, 0, 0, 0, 1]);
        assert!((report.sum - 9.801).abs() < 1e-9, "{}", report.sum);
    }

    #[test]
    fn the_last_lines_are_the_ones_that_are_kept() {
        let lines: Vec<String> = (0..9).map(|line| line.to_string()).collect();
        let entry = Entry::new(Instant::now(), Kind::EncoderEnded, "it ended").with_lines(&lines);
        assert_eq!(entry.lines, ["5", "6", "7", "8"]);
    }
}
