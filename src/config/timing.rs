//! The durations of a channel: each in its limits, and fitting each other.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use super::channel::take;
use super::file::{Field, LostWhenTable, OptionsTable};
use super::model::LostWhen;
use super::report::{Refusal, Report};
use super::value::{duration, show_duration, within};

/// The fewest segments in a live playlist.
const MIN_SEGMENTS: u32 = 6;
const MAX_WINDOW: Duration = Duration::from_secs(600);

const GRACE_PERIOD: Limits = Limits("grace_period", 0, 3_600_000);
const START_TIMEOUT: Limits = Limits("start_timeout", 1_000, 300_000);
const SLATE_AFTER: Limits = Limits("slate_after", 0, 300_000);
const HOLD_DOWN: Limits = Limits("hold_down", 0, 3_600_000);
const SOURCE_TIMEOUT: Limits = Limits("timeout", 500, 300_000);
const SEGMENT_DURATION: Limits = Limits("segment_duration", 1_000, 10_000);
const PART_DURATION: Limits = Limits("part_duration", 100, 5_000);
const WINDOW: Limits = Limits("window", 6_000, 600_000);

/// What stands for a time that never comes, and how it is written.
const NEVER: Duration = Duration::MAX;
const NEVER_WORD: &str = "never";

/// How long nothing worth watching may be delivered: shorter ones are what films are made of.
const LOST_WHEN: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3_600);

/// A key with its smallest and largest value in milliseconds.
struct Limits(&'static str, u64, u64);

/// The durations of a channel, or those that it inherits.
#[derive(Debug, Clone)]
pub(super) struct Timing {
    pub(super) grace_period: Setting,
    pub(super) start_timeout: Setting,
    /// [`NEVER`] for no slate.
    slate_after: Setting,
    pub(super) hold_down: Setting,
    pub(super) lost_when: LostWhen,
    pub(super) segment_duration: Setting,
    pub(super) part_duration: Setting,
    pub(super) window: Setting,
}

/// A duration and where it comes from.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) value: Duration,
    /// Where it is written; `None` for what Headgate has built in.
    at: Option<Range<usize>>,
    /// Whether the table in question says it itself.
    is_own: bool,
}

// === impl Timing ===

impl Timing {
    /// What holds when nothing is written.
    pub(super) fn built_in() -> Self {
        let setting = |millis| Setting {
            value: Duration::from_millis(millis),
            at: None,
            is_own: false,
        };
        Self {
            grace_period: setting(30_000),
            start_timeout: setting(10_000),
            slate_after: Setting {
                value: NEVER,
                at: None,
                is_own: false,
            },
            hold_down: setting(30_000),
            lost_when: LostWhen::default(),
            segment_duration: setting(2_000),
            part_duration: setting(500),
            window: setting(30_000),
        }
    }

    /// What a table says, over what it inherits.
    pub(super) fn read(
        table: &OptionsTable<'_>,
        inherited: &Self,
        report: &mut Report<'_>,
    ) -> Self {
        let timing = Self {
            grace_period: inherited
                .grace_period
                .read(&GRACE_PERIOD, &table.grace_period, report),
            start_timeout: inherited.start_timeout.read(
                &START_TIMEOUT,
                &table.start_timeout,
                report,
            ),
            slate_after: inherited
                .slate_after
                .read_with(&table.slate_after, report, slate_after),
            hold_down: inherited
                .hold_down
                .read(&HOLD_DOWN, &table.hold_down, report),
            // Whole: a channel that says anything about it says everything.
            lost_when: match table.lost_when.given() {
                Some(written) => lost_when(written.get_ref(), report),
                None => inherited.lost_when,
            },
            segment_duration: inherited.segment_duration.read(
                &SEGMENT_DURATION,
                &table.segment_duration,
                report,
            ),
            part_duration: inherited.part_duration.read(
                &PART_DURATION,
                &table.part_duration,
                report,
            ),
            window: inherited.window.read(&WINDOW, &table.window, report),
        };
        timing.check_slate(report);
        timing.check_parts(report);
        timing.check_window(report);
        timing
    }

    /// When viewers of a starting channel see a slate; `None` for never.
    pub(super) fn slate_after(&self) -> Option<Duration> {
        Some(self.slate_after.value).filter(|after| *after != NEVER)
    }

    /// A slate comes while the source may still deliver.
    fn check_slate(&self, report: &mut Report<'_>) {
        let Some(after) = self.slate_after() else {
            return;
        };
        if after < self.start_timeout.value {
            return;
        }
        let (slate, start) = (self.slate_after.show(), self.start_timeout.show());
        conflict(
            [
                ("slate_after", &self.slate_after),
                ("start_timeout", &self.start_timeout),
            ],
            format!(
                "a slate after {slate} comes too late for a source that must deliver within {start}"
            ),
            format!(
                "write less than {} for `slate_after`, or `slate_after = \"{NEVER_WORD}\"`",
                show_duration(self.start_timeout.value)
            ),
            report,
        );
    }

    /// A segment holds at least two parts.
    fn check_parts(&self, report: &mut Report<'_>) {
        let most = self.segment_duration.value / 2;
        if self.part_duration.value <= most {
            return;
        }
        let (part, segment) = (self.part_duration.show(), self.segment_duration.show());
        let help = format!(
            "write `part_duration = \"{}\"` or less here, or longer segments",
            show_duration(most)
        );
        conflict(
            [
                ("part_duration", &self.part_duration),
                ("segment_duration", &self.segment_duration),
            ],
            format!("parts of {part} do not fit twice into segments of {segment}"),
            help,
            report,
        );
    }

    /// A playlist shows enough segments to start from and to catch up in.
    fn check_window(&self, report: &mut Report<'_>) {
        let least = self.segment_duration.value * MIN_SEGMENTS;
        if self.window.value >= least {
            return;
        }
        let (window, segment) = (self.window.show(), self.segment_duration.show());
        let help = format!(
            "write `window = \"{}\"` or more (at most {}) here, or shorter segments",
            show_duration(least),
            show_duration(MAX_WINDOW)
        );
        conflict(
            [
                ("window", &self.window),
                ("segment_duration", &self.segment_duration),
            ],
            format!("a window of {window} has no room for {MIN_SEGMENTS} segments of {segment}"),
            help,
            report,
        );
    }
}

/// Reports two settings that exclude each other, at what this table says itself; what it only inherits has been
/// reported where it is written.
fn conflict(pair: [(&str, &Setting); 2], message: String, help: String, report: &mut Report<'_>) {
    let [first, second] = if pair[0].1.is_own {
        pair
    } else {
        [pair[1], pair[0]]
    };
    let Some(at) = first.1.at.clone().filter(|_| first.1.is_own) else {
        return;
    };
    let fault = report.add(at, message).help(help);
    if let Some(other) = second.1.at.clone() {
        fault.also(other, format!("`{}` is set here", second.0));
    }
}

// === impl Setting ===

impl Setting {
    fn read(&self, limits: &Limits, field: &Field<&str>, report: &mut Report<'_>) -> Self {
        self.read_with(field, report, |text| limits.read(text))
    }

    fn read_with(
        &self,
        field: &Field<&str>,
        report: &mut Report<'_>,
        read: impl FnOnce(&str) -> Result<Duration, Refusal>,
    ) -> Self {
        let inherited = Self {
            is_own: false,
            ..self.clone()
        };
        let Some(written) = field.given() else {
            return inherited;
        };
        match report.accept(written.span(), read(written.get_ref())) {
            Some(value) => Self {
                value,
                at: Some(written.span()),
                is_own: true,
            },
            None => inherited,
        }
    }

    /// For messages; says so if nobody wrote it.
    fn show(&self) -> String {
        let value = show_duration(self.value);
        match self.at {
            Some(_) => value,
            None => format!("{value} (the default)"),
        }
    }
}

// === impl Limits ===

impl Limits {
    fn range(&self) -> RangeInclusive<Duration> {
        Duration::from_millis(self.1)..=Duration::from_millis(self.2)
    }

    fn read(&self, text: &str) -> Result<Duration, Refusal> {
        duration(text).and_then(|value| within(self.0, value, self.range(), show_duration))
    }
}

/// How long a source may take; `None` if that is not said, or wrong.
pub(super) fn source_timeout(field: &Field<&str>, report: &mut Report<'_>) -> Option<Duration> {
    take(field, report, |text| SOURCE_TIMEOUT.read(text))
}

fn slate_after(text: &str) -> Result<Duration, Refusal> {
    match text {
        NEVER_WORD => Ok(NEVER),
        _ => SLATE_AFTER.read(text),
    }
}

fn lost_when(table: &LostWhenTable<'_>, report: &mut Report<'_>) -> LostWhen {
    let mut read = |key: &str, field: &Field<&str>| {
        take(field, report, |text| {
            duration(text).and_then(|value| within(key, value, LOST_WHEN, show_duration))
        })
    };
    LostWhen {
        black: read("black", &table.black),
        frozen: read("frozen", &table.frozen),
        silent: read("silent", &table.silent),
    }
}
