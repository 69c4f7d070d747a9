//! One function for each tag of a Media Playlist, in the order of section 4.4. Each writes one line.

use std::fmt::Write;
use std::time::Duration;

use jiff::Timestamp;

use crate::base::MediaTime;

/// Writing into a `String` cannot fail.
macro_rules! line {
    ($out:expr, $($format:tt)+) => {
        writeln!($out, $($format)+).expect("writing into memory should never fail")
    };
}

/// What a Partial Segment is to a player.
#[derive(Debug, Clone, Copy)]
pub(super) enum PartKind {
    /// It starts with a key frame.
    Independent,
    /// It does not.
    Dependent,
    /// It is not there.
    Missing,
}

/// 4.4.1.1, 4.4.1.2: what every playlist starts with.
pub(super) fn header(out: &mut String, version: u8) {
    line!(out, "#EXTM3U\n#EXT-X-VERSION:{version}");
}

/// 4.4.2.1: every segment starts with a key frame.
pub(super) fn independent_segments(out: &mut String) {
    line!(out, "#EXT-X-INDEPENDENT-SEGMENTS");
}

/// 4.4.3.1
pub(super) fn target_duration(out: &mut String, seconds: u64) {
    line!(out, "#EXT-X-TARGETDURATION:{seconds}");
}

/// 4.4.3.2
pub(super) fn media_sequence(out: &mut String, msn: u64) {
    line!(out, "#EXT-X-MEDIA-SEQUENCE:{msn}");
}

/// 4.4.3.3. Always written: a client can only follow discontinuities that were counted from the beginning.
pub(super) fn discontinuity_sequence(out: &mut String, number: u64) {
    line!(out, "#EXT-X-DISCONTINUITY-SEQUENCE:{number}");
}

/// 4.4.3.6
pub(super) fn i_frames_only(out: &mut String) {
    line!(out, "#EXT-X-I-FRAMES-ONLY");
}

/// 4.4.3.7
pub(super) fn part_inf(out: &mut String, part_target: Duration) {
    line!(
        out,
        "#EXT-X-PART-INF:PART-TARGET={}",
        seconds(part_target.as_secs_f64())
    );
}

/// 4.4.3.8
pub(super) fn server_control(out: &mut String, part_hold_back: Duration, skip_until: Duration) {
    line!(
        out,
        "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL={},PART-HOLD-BACK={}",
        seconds(skip_until.as_secs_f64()),
        seconds(part_hold_back.as_secs_f64()),
    );
}

/// 4.4.4.1, with the URI line that belongs to it.
pub(super) fn inf(out: &mut String, duration: MediaTime, uri: impl std::fmt::Display) {
    line!(out, "#EXTINF:{},\n{uri}", seconds(duration.as_secs_f64()));
}

/// 4.4.4.3
pub(super) fn discontinuity(out: &mut String) {
    line!(out, "#EXT-X-DISCONTINUITY");
}

/// 4.4.4.5
pub(super) fn map(out: &mut String, uri: impl std::fmt::Display) {
    line!(out, "#EXT-X-MAP:URI=\"{uri}\"");
}

/// 4.4.4.6, to the millisecond, in UTC.
pub(super) fn program_date_time(out: &mut String, time: Timestamp) {
    line!(
        out,
        "#EXT-X-PROGRAM-DATE-TIME:{}",
        time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
    );
}

/// 4.4.4.7
pub(super) fn gap(out: &mut String) {
    line!(out, "#EXT-X-GAP");
}

/// 4.4.4.9
pub(super) fn part(
    out: &mut String,
    duration: MediaTime,
    what: PartKind,
    uri: impl std::fmt::Display,
) {
    let what = match what {
        PartKind::Independent => ",INDEPENDENT=YES",
        PartKind::Dependent => "",
        PartKind::Missing => ",GAP=YES",
    };
    line!(
        out,
        "#EXT-X-PART:DURATION={},URI=\"{uri}\"{what}",
        seconds(duration.as_secs_f64())
    );
}

/// 4.4.5.2
pub(super) fn skip(out: &mut String, segments: usize) {
    line!(out, "#EXT-X-SKIP:SKIPPED-SEGMENTS={segments}");
}

/// 4.4.5.3
pub(super) fn preload_hint(out: &mut String, uri: impl std::fmt::Display) {
    line!(out, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{uri}\"");
}

/// 4.4.5.4
pub(super) fn rendition_report(
    out: &mut String,
    uri: impl std::fmt::Display,
    last_msn: u64,
    last_part: Option<u32>,
) {
    match last_part {
        Some(part) => line!(
            out,
            "#EXT-X-RENDITION-REPORT:URI=\"{uri}\",LAST-MSN={last_msn},LAST-PART={part}"
        ),
        None => line!(
            out,
            "#EXT-X-RENDITION-REPORT:URI=\"{uri}\",LAST-MSN={last_msn}"
        ),
    }
}

/// A decimal-floating-point with microseconds, without zeros that say nothing.
fn seconds(value: f64) -> String {
    let mut text = format!("{value:.6}");
    let end = text.trim_end_matches('0').len();
    text.truncate(if text[..end].ends_with('.') {
        end + 1
    } else {
        end
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact_and_short() {
        for (value, expected) in [
            (2.0, "2.0"),
            (1.968_633_333, "1.968633"),
            (0.5, "0.5"),
            (0.525, "0.525"),
        ] {
            assert_eq!(seconds(value), expected);
        }
    }

    #[test]
    fn dates_carry_milliseconds_and_their_zone() {
        let mut out = String::new();
        program_date_time(&mut out, "2026-11-21T08:00:00.0424Z".parse().unwrap());
        assert_eq!(out, "#EXT-X-PROGRAM-DATE-TIME:2026-11-21T08:00:00.042Z\n");
    }
}
