//! A ladder: which rungs can stand on it, and in which order.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::HashMap;
use std::ops::{Range, RangeInclusive};

use crate::base::{InvalidId, RenditionName};

use super::file::{Field, LadderValue, RungTable};
use super::model::{LadderSpec, Rung, RungVideo};
use super::report::{Refusal, Report, quoted};
use super::value::{bitrate, show_bitrate, within};

/// More rungs than any player or processor has use for.
const MAX_RUNGS: usize = 16;
const HEIGHTS: RangeInclusive<i64> = 64..=4320;
const BITRATES: RangeInclusive<u64> = 50_000..=100_000_000;
/// Names that stand in URLs of a channel for something else, now or later.
const RESERVED: [&str; 9] = [
    "audio",
    "dash",
    "iframe",
    "index",
    "manifest",
    "stream",
    "subtitles",
    "thumbnail",
    "ts",
];

/// Reads a ladder; what is wrong with it is reported.
pub(super) fn read(
    value: &LadderValue<'_>,
    at: Range<usize>,
    report: &mut Report<'_>,
) -> Option<LadderSpec> {
    match value {
        LadderValue::Named("auto") => Some(LadderSpec::Auto),
        LadderValue::Named(other) => {
            report
                .add(at, format!("there is no ladder {}", quoted(other)))
                .help("write `\"auto\"`, or a list of rungs");
            None
        }
        LadderValue::Rungs(rungs) => {
            if rungs.is_empty() {
                report
                    .add(at, "the ladder has no rung")
                    .help("add a rung, or write `\"auto\"`");
            } else if rungs.len() > MAX_RUNGS {
                report
                    .add(at, format!("the ladder has {} rungs", rungs.len()))
                    .help(format!(
                        "write at most {MAX_RUNGS}: each is encoded all the time"
                    ));
            }
            check_names(rungs, report);
            check_copies(rungs, report);
            let read: Vec<_> = rungs.iter().map(|rung| read_rung(rung, report)).collect();
            check_order(rungs, &read, report);
            read.into_iter()
                .collect::<Option<Vec<_>>>()
                .map(LadderSpec::Rungs)
        }
    }
}

/// A rung, or `None` and at least one problem.
fn read_rung(rung: &RungTable<'_>, report: &mut Report<'_>) -> Option<Rung> {
    if rung.name.is_absent() {
        report
            .add(rung.at.clone(), "the rung has no name")
            .help("write `name = \"720p\"`");
    }
    let name = rung.name.given();
    let name = name.and_then(|name| report.accept(name.span(), rendition_name(name.get_ref())));
    let is_copy = rung.copy.given().is_some_and(|copy| *copy.get_ref());
    let video = if is_copy {
        read_copy(rung, report)
    } else {
        read_encode(rung, report)
    };
    Some(Rung {
        name: name?,
        video: video?,
    })
}

fn rendition_name(text: &str) -> Result<RenditionName, Refusal> {
    if RESERVED.iter().any(|name| name.eq_ignore_ascii_case(text)) {
        return Err(Refusal::new(
            format!("{} has another meaning in URLs", quoted(text)),
            "choose another name, for example `\"720p\"`",
        ));
    }
    RenditionName::new(text).map_err(|reason| not_an_id("the rung's name", text, reason))
}

/// Why a text cannot stand in URLs; says what could.
pub(super) fn not_an_id(what: &str, text: &str, reason: InvalidId) -> Refusal {
    let rule = "write 1 to 64 ASCII letters, digits, `-` and `_`: it stands in URLs";
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    let likely: String = text.trim().chars().take(64).map(safe).collect();
    let help = match likely.trim_matches('-') {
        "" => rule.to_owned(),
        likely => format!("{rule}; for example `\"{likely}\"`"),
    };
    let message = match reason {
        InvalidId::Character(c) => format!("{what} contains {}", super::value::name_char(c)),
        InvalidId::Empty => format!("{what} is empty"),
        InvalidId::TooLong(length) => format!("{what} has {length} characters"),
    };
    Refusal::new(message, help)
}

fn read_copy(rung: &RungTable<'_>, report: &mut Report<'_>) -> Option<RungVideo> {
    let height = rung.height.given().map(|field| ("height", field.span()));
    let bitrate = rung
        .video_bitrate
        .given()
        .map(|field| ("video_bitrate", field.span()));
    for (key, span) in [height, bitrate].into_iter().flatten() {
        report
            .add(span, format!("a copied rung has no `{key}` of its own"))
            .help(format!("remove `{key}`, or remove `copy = true`"));
    }
    Some(RungVideo::Copy)
}

fn read_encode(rung: &RungTable<'_>, report: &mut Report<'_>) -> Option<RungVideo> {
    if matches!(rung.copy, Field::Wrong) {
        // It is not known what the rung needs.
        return None;
    }
    let missing = [
        ("height", rung.height.is_absent(), "height = 720"),
        (
            "video_bitrate",
            rung.video_bitrate.is_absent(),
            "video_bitrate = \"2500k\"",
        ),
    ];
    for (key, is_absent, example) in missing {
        if is_absent {
            report
                .add(rung.at.clone(), format!("the rung has no `{key}`"))
                .help(format!(
                    "write for example `{example}`, or `copy = true` to take the source as it is"
                ));
        }
    }
    let height = rung.height.given();
    let height = height.and_then(|height| report.accept(height.span(), lines(*height.get_ref())));
    let bits = rung.video_bitrate.given().and_then(|written| {
        let read = bitrate(written.get_ref())
            .and_then(|bits| within("video_bitrate", bits, BITRATES, show_bitrate));
        report.accept(written.span(), read)
    });
    Some(RungVideo::Encode {
        height: height?,
        bitrate: bits?,
    })
}

fn lines(height: i64) -> Result<u32, Refusal> {
    let height = within("height", height, HEIGHTS, |lines| lines.to_string())?;
    if height % 2 != 0 {
        return Err(Refusal::new(
            format!("`height` is odd: {height}"),
            format!(
                "write {} or {}: video has half as many lines of colour",
                height - 1,
                height + 1
            ),
        ));
    }
    u32::try_from(height).map_err(|_| Refusal::new("`height` is too large", "write at most 4320"))
}

fn check_names(rungs: &[RungTable<'_>], report: &mut Report<'_>) {
    let mut seen: HashMap<String, Range<usize>> = HashMap::new();
    for name in rungs.iter().filter_map(|rung| rung.name.given()) {
        // Caches and file systems may not tell `HD` from `hd`.
        match seen.get(&name.get_ref().to_ascii_lowercase()) {
            Some(first) => {
                report
                    .add(
                        name.span(),
                        format!("the rung's name {} is taken", quoted(name.get_ref())),
                    )
                    .also(first.clone(), "first used here")
                    .help("give each rung of a ladder a name of its own");
            }
            None => {
                seen.insert(name.get_ref().to_ascii_lowercase(), name.span());
            }
        }
    }
}

fn check_copies(rungs: &[RungTable<'_>], report: &mut Report<'_>) {
    let mut copies = rungs
        .iter()
        .filter_map(|rung| rung.copy.given())
        .filter(|copy| *copy.get_ref());
    let Some(first) = copies.next() else { return };
    for copy in copies {
        report
            .add(copy.span(), "a second rung copies the source")
            .also(first.span(), "the first one")
            .help("keep one: both would be the same");
    }
}

/// Best first: the height never goes up, and of two rungs of one height the first has the higher bitrate.
fn check_order(rungs: &[RungTable<'_>], read: &[Option<Rung>], report: &mut Report<'_>) {
    let encoded = rungs
        .iter()
        .zip(read)
        .filter_map(|(written, rung)| match rung.as_ref()?.video {
            RungVideo::Encode { height, bitrate } => Some((written, height, bitrate)),
            RungVideo::Copy => None,
        });
    let encoded: Vec<_> = encoded.collect();
    for pair in encoded.windows(2) {
        let [(_, above, above_bits), (written, height, bits)] = pair else {
            continue;
        };
        if height > above {
            report
                .add(
                    span_of(&written.height, written),
                    format!("a rung of {height} lines stands below one of {above}"),
                )
                .help("write the best rung first");
        } else if height == above && bits >= above_bits {
            report
                .add(
                    span_of(&written.video_bitrate, written),
                    format!(
                        "of two rungs of {height} lines, the second has {} and the first {}",
                        show_bitrate(*bits),
                        show_bitrate(*above_bits)
                    ),
                )
                .help("write the best rung first, and each better than the next");
        }
    }
}

fn span_of<T>(field: &Field<T>, rung: &RungTable<'_>) -> Range<usize> {
    field
        .given()
        .map_or_else(|| rung.at.clone(), toml::Spanned::span)
}
