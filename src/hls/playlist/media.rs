//! The Media Playlist of a rendition, whole and as a Playlist Delta Update.

use std::sync::Arc;
use std::time::Duration;

use super::tags::{self, PartKind};
use crate::hls::assembler::{Assembler, OpenSegment};
use crate::hls::config::PackagerConfig;
use crate::hls::name::{MediaName, Uri};
use crate::hls::rendered::Rendered;
use crate::hls::segment::{MediaSegment, PartialSegment};
use crate::hls::snapshot::Edge;

/// EXT-X-MAP in a playlist that is not of I-frames only needs version 6, EXT-X-SKIP needs 9 (section 8).
const VERSION: u8 = 6;
const DELTA_VERSION: u8 = 9;

/// What another rendition's playlist says of this one (4.4.5.4).
#[derive(Debug, Clone)]
pub(in crate::hls) struct Report {
    uri: String,
    last_msn: u64,
    last_part: Option<u32>,
}

/// One playlist about to be written.
struct Writer<'a> {
    config: &'a PackagerConfig,
    rendition: &'a Assembler,
    edge: Edge,
    out: String,
    /// The section that applies at this line.
    init_version: Option<u32>,
}

/// The playlist and its delta.
pub(in crate::hls) fn media(
    config: &PackagerConfig,
    rendition: &Assembler,
    edge: Edge,
    reports: &[Report],
) -> (Arc<Rendered>, Arc<Rendered>) {
    let etag = |suffix| {
        format!(
            "W/\"e{}.{}{suffix}\"",
            config.timeline.epoch, rendition.version
        )
    };
    let whole = Writer::new(config, rendition, edge).write(0, reports);
    let whole = Arc::new(Rendered::new(whole, etag("")));
    let skipped = skippable(config, rendition);
    let delta = match skipped {
        0 => whole.clone(),
        _ => Arc::new(Rendered::new(
            Writer::new(config, rendition, edge).write(skipped, reports),
            etag("d"),
        )),
    };
    (whole, delta)
}

/// What other playlists say of this rendition; `None` before it has media.
pub(in crate::hls) fn report(rendition: &Assembler) -> Option<Report> {
    let uri = format!("../{}/index.m3u8", rendition.config.name);
    let newest = rendition.window.listed().next_back();
    match (&rendition.open, newest) {
        (Some(open), _) if !open.parts.is_empty() => Some(Report {
            uri,
            last_msn: open.msn,
            last_part: Some(open.parts.len() as u32 - 1),
        }),
        (_, Some(segment)) => Some(Report {
            uri,
            last_msn: segment.msn,
            last_part: (segment.parts.len() as u32).checked_sub(1),
        }),
        _ => None,
    }
}

/// How many segments lie farther from the end of the last Media Segment than the Skip Boundary (6.2.5.1).
fn skippable(config: &PackagerConfig, rendition: &Assembler) -> usize {
    let mut from_end = Duration::ZERO;
    let kept = rendition.window.listed().rev().take_while(|segment| {
        let near = from_end < config.skip_until();
        from_end += segment.duration.to_duration();
        near
    });
    rendition.window.listed().len() - kept.count()
}

// === impl Writer ===

impl<'a> Writer<'a> {
    fn new(config: &'a PackagerConfig, rendition: &'a Assembler, edge: Edge) -> Self {
        Self {
            config,
            rendition,
            edge,
            out: String::with_capacity(4096),
            init_version: None,
        }
    }

    fn write(mut self, skipped: usize, reports: &[Report]) -> String {
        self.head(skipped);
        let parts_from = self.parts_from();
        for (index, segment) in self.rendition.window.listed().enumerate().skip(skipped) {
            self.segment(segment, index >= parts_from);
        }
        if let Some(open) = &self.rendition.open {
            self.open_segment(open);
        }
        self.hint();
        for report in reports {
            tags::rendition_report(
                &mut self.out,
                &report.uri,
                report.last_msn,
                report.last_part,
            );
        }
        self.out
    }

    fn head(&mut self, skipped: usize) {
        let (config, window, out) = (self.config, &self.rendition.window, &mut self.out);
        tags::header(out, if skipped > 0 { DELTA_VERSION } else { VERSION });
        tags::independent_segments(out);
        tags::target_duration(out, config.target_duration());
        tags::server_control(out, config.part_hold_back(), config.skip_until());
        tags::part_inf(out, config.part_target());
        tags::media_sequence(out, window.media_sequence().unwrap_or(self.edge.msn));
        tags::discontinuity_sequence(out, window.discontinuity_sequence());
        if skipped > 0 {
            tags::skip(out, skipped);
        }
    }

    /// The index of the first listed segment whose parts are still listed: within three Target Durations of the end.
    fn parts_from(&self) -> usize {
        let horizon = self.config.parts_horizon();
        let open = self.rendition.open.as_ref().map_or(Duration::ZERO, |open| {
            open.parts
                .iter()
                .map(|part| part.duration.to_duration())
                .sum()
        });
        let mut from_end = open;
        let near = self.rendition.window.listed().rev().take_while(|segment| {
            from_end += segment.duration.to_duration();
            from_end <= horizon
        });
        self.rendition.window.listed().len() - near.count()
    }

    fn segment(&mut self, segment: &MediaSegment, with_parts: bool) {
        if segment.discontinuity {
            tags::discontinuity(&mut self.out);
        }
        self.map(segment.init_version);
        tags::program_date_time(&mut self.out, segment.program_date_time);
        if with_parts {
            self.parts(segment.msn, &segment.parts, segment.gap);
        }
        if segment.gap {
            tags::gap(&mut self.out);
        }
        let uri = self.uri(MediaName::Segment(segment.msn));
        tags::inf(&mut self.out, segment.duration, uri);
    }

    fn open_segment(&mut self, open: &OpenSegment) {
        if open.parts.is_empty() {
            return; // Its tags stand before its first part (4.4.4.9).
        }
        if open.discontinuity {
            tags::discontinuity(&mut self.out);
        }
        self.map(self.rendition.init.as_ref().map_or(0, |init| init.version));
        tags::program_date_time(&mut self.out, open.program_date_time);
        self.parts(open.msn, &open.parts, false);
    }

    fn parts(&mut self, msn: u64, parts: &[PartialSegment], gap: bool) {
        for (part, partial) in parts.iter().enumerate() {
            let uri = self.uri(MediaName::Part(msn, part as u32));
            let what = match (gap, partial.independent) {
                (true, _) => PartKind::Missing,
                (false, true) => PartKind::Independent,
                (false, false) => PartKind::Dependent,
            };
            tags::part(&mut self.out, partial.duration, what, uri);
        }
    }

    fn map(&mut self, version: u32) {
        if self.init_version.replace(version) != Some(version) {
            let uri = self.uri(MediaName::Init(version));
            tags::map(&mut self.out, uri);
        }
    }

    /// The next part: of the growing segment, or the first of the next one when this one is as long as it gets.
    fn hint(&mut self) {
        let expected = self.expected_duration();
        let full = self.rendition.open.as_ref().is_some_and(|open| {
            let published = open
                .parts
                .iter()
                .map(|part| part.duration.to_duration())
                .sum::<Duration>();
            published + Duration::from_millis(1) >= expected
        });
        let (msn, part) = if full {
            (self.edge.msn + 1, 0)
        } else {
            (self.edge.msn, self.edge.parts)
        };
        let uri = self.uri(MediaName::Part(msn, part));
        tags::preload_hint(&mut self.out, uri);
    }

    /// How long the growing segment will probably be. A copied source has key frames when it has them, but nearly always
    /// as often as before.
    fn expected_duration(&self) -> Duration {
        if !self.config.irregular_key_frames {
            return self.config.aim(self.edge.msn);
        }
        let before = self.rendition.window.listed().next_back();
        let before = before.map_or(Duration::ZERO, |segment| segment.duration.to_duration());
        before.max(self.config.segment_duration)
    }

    fn uri(&self, name: MediaName) -> Uri {
        Uri {
            epoch: self.config.timeline.epoch,
            name,
        }
    }
}
