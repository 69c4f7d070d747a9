//! What `[limits]` says: what one client, and all of them, may take, and when nothing new is started.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::DeValue;

use super::channel::take;
use super::file::Field;
use super::keys::TableKind;
use super::model::{EdgeLimits, LimitsSpec, StartLimits};
use super::reader::Reader;
use super::report::{Refusal, Report, quoted};
use super::value::{duration, show_duration, within};
use super::wanted::Wanted;

const KIB: i64 = 1024;
const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// The least and the most that media of all channels may take, bytes.
const SEGMENT_MEMORY: (u64, u64) = (16 * MIB, 4096 * GIB);

#[derive(Default)]
pub(super) struct LimitsTable<'a> {
    header_timeout: Field<&'a str>,
    body_timeout: Field<&'a str>,
    idle_timeout: Field<&'a str>,
    write_timeout: Field<&'a str>,
    answer_timeout: Field<&'a str>,
    max_header_bytes: Field<i64>,
    max_headers: Field<i64>,
    max_body_bytes: Field<i64>,
    http2_streams: Field<i64>,
    reserved_descriptors: Field<i64>,
    max_starting: Field<i64>,
    max_segment_memory: Field<&'a str>,
    shed_memory: Field<i64>,
    shed_cpu: Field<i64>,
}

// === impl LimitsTable ===

impl<'a> LimitsTable<'a> {
    /// The table of the file, or an empty one.
    pub(super) fn in_file(root: &Reader<'a, '_>, report: &mut Report<'_>) -> Self {
        let field = root.get("limits", Wanted::Table, report, DeValue::as_table);
        let Some(table) = field.given() else {
            return Self::default();
        };
        let table = Reader::new(TableKind::Limits, table.get_ref(), report);
        Self {
            header_timeout: table.duration("header_timeout", report),
            body_timeout: table.duration("body_timeout", report),
            idle_timeout: table.duration("idle_timeout", report),
            write_timeout: table.duration("write_timeout", report),
            answer_timeout: table.duration("answer_timeout", report),
            max_header_bytes: table.number("max_header_bytes", report),
            max_headers: table.number("max_headers", report),
            max_body_bytes: table.number("max_body_bytes", report),
            http2_streams: table.number("http2_streams", report),
            reserved_descriptors: table.number("reserved_descriptors", report),
            max_starting: table.number("max_starting", report),
            max_segment_memory: table.text("max_segment_memory", report),
            shed_memory: table.number("shed_memory", report),
            shed_cpu: table.number("shed_cpu", report),
        }
    }

    /// What it means, with defaults where it says nothing.
    pub(super) fn meaning(&self, report: &mut Report<'_>) -> LimitsSpec {
        LimitsSpec {
            edge: self.edge(report),
            starts: self.starts(report),
        }
    }

    fn edge(&self, report: &mut Report<'_>) -> EdgeLimits {
        let mut edge = EdgeLimits::default();
        let times = [
            (
                "header_timeout",
                &self.header_timeout,
                &mut edge.header_timeout,
                300,
            ),
            (
                "body_timeout",
                &self.body_timeout,
                &mut edge.body_timeout,
                300,
            ),
            (
                "idle_timeout",
                &self.idle_timeout,
                &mut edge.idle_timeout,
                3600,
            ),
            (
                "write_timeout",
                &self.write_timeout,
                &mut edge.write_timeout,
                600,
            ),
            (
                "answer_timeout",
                &self.answer_timeout,
                &mut edge.answer_timeout,
                3600,
            ),
        ];
        for (key, field, time, most) in times {
            let range = Duration::from_millis(100)..=Duration::from_secs(most);
            let written = take(field, report, |text| {
                within(key, duration(text)?, range, show_duration)
            });
            *time = written.unwrap_or(*time);
        }
        // The HTTP parser takes no less than 8 KiB and no more than a hundred fields.
        let header_bytes = 8 * KIB..=1024 * KIB;
        let body_bytes = KIB..=64 * 1024 * KIB;
        let numbers = [
            (
                "max_header_bytes",
                &self.max_header_bytes,
                &mut edge.max_header_bytes,
                header_bytes,
            ),
            (
                "max_headers",
                &self.max_headers,
                &mut edge.max_headers,
                8..=100,
            ),
            (
                "max_body_bytes",
                &self.max_body_bytes,
                &mut edge.max_body_bytes,
                body_bytes,
            ),
            (
                "http2_streams",
                &self.http2_streams,
                &mut edge.http2_streams,
                8..=10_000,
            ),
            (
                "reserved_descriptors",
                &self.reserved_descriptors,
                &mut edge.reserved_descriptors,
                0..=100_000,
            ),
        ];
        for (key, field, number, range) in numbers {
            *number = count(key, field, range, report).unwrap_or(*number);
        }
        edge
    }

    fn starts(&self, report: &mut Report<'_>) -> StartLimits {
        let built_in = StartLimits::default();
        let share = |key, field, built_in, report: &mut Report<'_>| {
            count(key, field, 1..=100, report).map_or(built_in, |percent: usize| {
                u8::try_from(percent).unwrap_or(built_in)
            })
        };
        StartLimits {
            max_starting: count("max_starting", &self.max_starting, 1..=10_000, report),
            max_segment_memory: take(&self.max_segment_memory, report, |text| size(text)),
            shed_memory: share(
                "shed_memory",
                &self.shed_memory,
                built_in.shed_memory,
                report,
            ),
            shed_cpu: share("shed_cpu", &self.shed_cpu, built_in.shed_cpu, report),
        }
    }
}

fn count(
    key: &str,
    field: &Field<i64>,
    range: RangeInclusive<i64>,
    report: &mut Report<'_>,
) -> Option<usize> {
    take(field, report, |number| {
        let number = within(key, *number, range, |n| n.to_string())?;
        usize::try_from(number)
            .map_err(|_| Refusal::new(format!("`{key}` is too large"), "write a smaller number"))
    })
}

/// `"512M"`, `"2G"`, `"1.5G"`: bytes in powers of 1024.
fn size(text: &str) -> Result<u64, Refusal> {
    let help = "write megabytes as `\"512M\"`, or gigabytes as `\"2G\"`";
    let not_one = || Refusal::new(format!("{} is not a size", quoted(text)), help);
    let trimmed = text.trim();
    let digits = trimmed.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match trimmed.get(digits.len()..) {
        Some("M" | "MB" | "MiB") => MIB,
        Some("G" | "GB" | "GiB") => GIB,
        _ => return Err(not_one()),
    };
    let (whole, fraction) = digits.trim_end().split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if fraction.len() > 3 || !is_number(fraction) {
        return Err(not_one());
    }
    let whole: u64 = whole.trim_end().parse().map_err(|_| not_one())?;
    let thousandths: u64 = format!("{fraction:0<3}").parse().map_err(|_| not_one())?;
    let bytes = whole
        .checked_mul(unit)
        .and_then(|bytes| bytes.checked_add(thousandths * unit / 1000))
        .ok_or_else(not_one)?;
    let show = |bytes: u64| format!("{}M", bytes / MIB);
    let (least, most) = SEGMENT_MEMORY;
    within("max_segment_memory", bytes, least..=most, show)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit() {
        for (text, bytes) in [
            ("512M", 512 * MIB),
            ("2G", 2 * GIB),
            ("1.5G", 1536 * MIB),
            ("16 MiB", 16 * MIB),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for wrong in [
            "512", "2T", "G", "-1G", "1.2345G", "1,5G", "", "1M", "9999999G", "1e3M",
        ] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
