//! One `[[channel]]`: from what was written to a [`ChannelSpec`].

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::ops::Range;
use std::path::Path;

use toml::Spanned;

use crate::base::ChannelId;

use super::access;
use super::access_spec::ChannelAccess;
use super::address::logo;
use super::file::{ChannelTable, Field, SourceValue};
use super::iptv;
use super::ladder;
use super::model::{ChannelSpec, LadderSpec, RungVideo, SourceSpec};
use super::report::{Refusal, Report};
use super::request;
use super::source;
use super::timing::{self, Timing};
use super::value::{plain_text, within};

/// What a channel takes from its surroundings.
pub(super) struct Inherited<'a> {
    pub(super) timing: Timing,
    pub(super) ladder: LadderSpec,
    pub(super) access: ChannelAccess,
    /// Where relative paths start.
    pub(super) folder: &'a Path,
}

/// The channel, or `None` and at least one problem.
pub(super) fn read(
    table: &ChannelTable<'_>,
    inherited: &Inherited<'_>,
    report: &mut Report<'_>,
) -> Option<ChannelSpec> {
    let id = read_id(table, report);
    let name = take(&table.name, report, |text| plain_text("name", text));
    let group = take(&table.group, report, |text| plain_text("group", text));
    let logo = take(&table.logo, report, |text| logo(text));
    let number = take(&table.number, report, |number| channel_number(*number));
    let tvg_id = take(&table.tvg_id, report, |text| iptv::tvg_id(text));
    let guide = take(&table.guide, report, |text| {
        iptv::source("guide", text, inherited.folder)
    });
    let sources = read_sources(table, inherited.folder, report);
    let timing = Timing::read(&table.options, &inherited.timing, report);
    let ladder = match table.options.ladder.given() {
        Some(written) => ladder::read(written.get_ref(), written.span(), report),
        None => Some(inherited.ladder.clone()),
    };
    if let Some(ladder) = &ladder {
        check_detectors(table, &timing, ladder, report);
    }
    let access = access::of_channel(&table.options.access, inherited.access, report);
    let id = id?;
    Some(ChannelSpec {
        name: name.unwrap_or_else(|| id.to_string()),
        id,
        logo,
        number,
        group,
        tvg_id,
        guide,
        sources: sources?,
        ladder: ladder?,
        grace_period: timing.grace_period.value,
        start_timeout: timing.start_timeout.value,
        slate_after: timing.slate_after(),
        hold_down: timing.hold_down.value,
        lost_when: timing.lost_when,
        segment_duration: timing.segment_duration.value,
        part_duration: timing.part_duration.value,
        window: timing.window.value,
        access,
    })
}

/// The meaning of a field that may be left out; a wrong one is reported and counts as left out.
pub(super) fn take<T, U>(
    field: &Field<T>,
    report: &mut Report<'_>,
    read: impl FnOnce(&T) -> Result<U, Refusal>,
) -> Option<U> {
    let written = field.given()?;
    report.accept(written.span(), read(written.get_ref()))
}

fn read_id(table: &ChannelTable<'_>, report: &mut Report<'_>) -> Option<ChannelId> {
    if table.id.is_absent() {
        report
            .add(table.at.clone(), "the channel has no `id`")
            .help("write `id = \"news\"`: it stands in the channel's URLs");
    }
    take(&table.id, report, |text| {
        ChannelId::new(text).map_err(|reason| ladder::not_an_id("the `id`", text, reason))
    })
}

fn channel_number(number: i64) -> Result<u32, Refusal> {
    within("number", number, 1..=i64::from(u32::MAX), |n| n.to_string()).and_then(|number| {
        u32::try_from(number)
            .map_err(|_| Refusal::new("`number` is too large", "write a smaller one"))
    })
}

fn read_sources(
    table: &ChannelTable<'_>,
    folder: &Path,
    report: &mut Report<'_>,
) -> Option<Vec<SourceSpec>> {
    match (&table.source, &table.sources) {
        (Field::Absent, Field::Absent) => {
            report
                .add(table.at.clone(), "the channel has no source")
                .help("write `source = \"…\"`: a file, a URL, `testcard:` or `slate:TEXT`");
            None
        }
        (Field::Given(source), Field::Given(sources)) => {
            let [first, second] = in_order(source.span(), sources.span());
            report
                .add(second, "the channel has both `source` and `sources`")
                .also(first, "the other one")
                .help("write all of them into `sources`, best first, and remove `source`");
            None
        }
        (Field::Given(source), _) => {
            read_source(source.get_ref(), folder, report).map(|one| vec![one])
        }
        (_, Field::Given(sources)) => read_list(sources, folder, report),
        _ => None,
    }
}

/// A picture that is passed on as it is was never a picture here: nobody can say whether it is black.
fn check_detectors(
    table: &ChannelTable<'_>,
    timing: &Timing,
    ladder: &LadderSpec,
    report: &mut Report<'_>,
) {
    let LadderSpec::Rungs(rungs) = ladder else {
        return;
    };
    let wants_pictures = timing.lost_when.black.or(timing.lost_when.frozen).is_some();
    let decodes = rungs.iter().any(|rung| rung.video != RungVideo::Copy);
    if !wants_pictures || decodes {
        return;
    }
    let (lost_when, ladder) = (&table.options.lost_when, &table.options.ladder);
    let spans = [
        lost_when.given().map(Spanned::span),
        ladder.given().map(Spanned::span),
    ];
    let mut spans = spans.into_iter().flatten();
    let at = spans.next().unwrap_or_else(|| table.at.clone());
    let fault = report.add(
        at,
        "black and frozen pictures cannot be seen: this channel's ladder only copies",
    );
    if let Some(ladder) = spans.next() {
        fault.also(ladder, "no rung is decoded");
    }
    fault.help(
        "leave `black` and `frozen` out of this channel's `lost_when` (`{}` looks at nothing), or add a rung with a height",
    );
}

fn in_order(a: Range<usize>, b: Range<usize>) -> [Range<usize>; 2] {
    if a.start < b.start { [a, b] } else { [b, a] }
}

fn read_list(
    sources: &Spanned<Vec<SourceValue<'_>>>,
    folder: &Path,
    report: &mut Report<'_>,
) -> Option<Vec<SourceSpec>> {
    if sources.get_ref().is_empty() {
        report
            .add(sources.span(), "`sources` is empty")
            .help("write at least one: a file, a URL, `testcard:` or `slate:TEXT`");
    }
    // Every source is read, so that every problem is found.
    let read: Vec<_> = sources
        .get_ref()
        .iter()
        .map(|source| read_source(source, folder, report))
        .collect();
    read.into_iter().collect()
}

fn read_source(
    written: &SourceValue<'_>,
    folder: &Path,
    report: &mut Report<'_>,
) -> Option<SourceSpec> {
    if written.url.is_absent() {
        report
            .add(written.at.clone(), "the source has no `url`")
            .help("write `{ url = \"…\", name = \"…\" }`; `url` can be a file or `testcard:`, too");
    }
    let kind = take(&written.url, report, |url| source::parse(url, folder));
    let name = take(&written.name, report, |name| plain_text("name", name));
    let timeout = timing::source_timeout(&written.timeout, report);
    let request = request::read(written, kind.as_ref(), report);
    Some(SourceSpec {
        name,
        kind: kind?,
        timeout,
        user_agent: request.user_agent,
        headers: request.headers,
    })
}
