//! An independent reader of Media Playlists, and a checker that sees every version and asserts the standard's MUSTs.
//!
//! It shares no code with the product. Numbers in brackets are the rules of RFC 8216bis (draft 22).
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses a part of what stands here"
)]

use std::collections::{BTreeMap, HashMap};

/// A Media Playlist as it was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Playlist {
    pub(crate) version: u64,
    pub(crate) target_duration: u64,
    pub(crate) part_target: f64,
    pub(crate) server_control: HashMap<String, String>,
    pub(crate) media_sequence: u64,
    pub(crate) discontinuity_sequence: u64,
    pub(crate) independent_segments: bool,
    pub(crate) skipped: usize,
    pub(crate) segments: Vec<Segment>,
    /// The Partial Segments after the last Media Segment.
    pub(crate) open: Segment,
    pub(crate) hint: Option<String>,
    pub(crate) reports: Vec<HashMap<String, String>>,
}

/// A Media Segment, or what is there of one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Segment {
    pub(crate) msn: u64,
    pub(crate) uri: String,
    pub(crate) duration: f64,
    pub(crate) program_date_time: Option<jiff::Timestamp>,
    pub(crate) discontinuity: bool,
    pub(crate) map: Option<String>,
    pub(crate) gap: bool,
    pub(crate) parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub(crate) uri: String,
    pub(crate) duration: f64,
    pub(crate) independent: bool,
    pub(crate) gap: bool,
}

impl Playlist {
    /// Reads a playlist; panics with the line on anything that a strict reader must refuse.
    #[expect(clippy::too_many_lines, reason = "one arm for each tag")]
    pub(crate) fn read(text: &str) -> Self {
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("#EXTM3U"), "the first line [4.4.1.1]");
        assert!(
            text.ends_with('\n')
                && !text.contains('\r')
                && text.chars().all(|c| c == '\n' || !c.is_control())
        );
        let mut playlist = Self::default();
        let mut seen = HashMap::<String, u32>::new();
        let mut segment = Segment::default();
        let mut map = None;
        let mut inf = None;
        for line in lines {
            let (tag, value) = line.split_once(':').unwrap_or((line, ""));
            *seen.entry(tag.to_owned()).or_default() += 1;
            match tag {
                "#EXT-X-VERSION" => playlist.version = number(value),
                "#EXT-X-INDEPENDENT-SEGMENTS" => playlist.independent_segments = true,
                "#EXT-X-TARGETDURATION" => playlist.target_duration = number(value),
                "#EXT-X-PART-INF" => {
                    playlist.part_target = attributes(value)["PART-TARGET"].parse().expect(line)
                }
                "#EXT-X-SERVER-CONTROL" => playlist.server_control = attributes(value),
                "#EXT-X-MEDIA-SEQUENCE" => {
                    assert!(
                        playlist.segments.is_empty(),
                        "before the first segment [4.4.3.2]"
                    );
                    playlist.media_sequence = number(value);
                }
                "#EXT-X-DISCONTINUITY-SEQUENCE" => {
                    assert!(
                        playlist.segments.is_empty() && !segment.discontinuity,
                        "before any [4.4.3.3]"
                    );
                    playlist.discontinuity_sequence = number(value);
                }
                "#EXT-X-SKIP" => {
                    playlist.skipped = attributes(value)["SKIPPED-SEGMENTS"].parse().expect(line)
                }
                "#EXT-X-DISCONTINUITY" => {
                    assert!(
                        segment.parts.is_empty(),
                        "before the first part [4.4.4.9]: {line}"
                    );
                    segment.discontinuity = true;
                }
                "#EXT-X-MAP" => {
                    assert!(
                        segment.parts.is_empty(),
                        "before the first part [4.4.4.9]: {line}"
                    );
                    map = Some(attributes(value)["URI"].clone());
                }
                "#EXT-X-PROGRAM-DATE-TIME" => {
                    assert!(
                        segment.parts.is_empty(),
                        "before the first part [4.4.4.9]: {line}"
                    );
                    segment.program_date_time = Some(value.parse().expect(line));
                }
                "#EXT-X-GAP" => segment.gap = true,
                "#EXT-X-PART" => segment.parts.push(Part::read(value)),
                "#EXTINF" => {
                    inf = Some(
                        value
                            .split_once(',')
                            .expect("EXTINF ends with a comma")
                            .0
                            .parse()
                            .expect(line),
                    )
                }
                "#EXT-X-PRELOAD-HINT" => {
                    let attributes = attributes(value);
                    assert_eq!(attributes["TYPE"], "PART");
                    assert!(
                        playlist.hint.replace(attributes["URI"].clone()).is_none(),
                        "one hint a type [4.4.5.3]"
                    );
                }
                "#EXT-X-RENDITION-REPORT" => playlist.reports.push(attributes(value)),
                _ if line.starts_with('#') => panic!("an unknown line: {line}"),
                _ => {
                    segment.uri = line.into();
                    segment.duration = inf
                        .take()
                        .unwrap_or_else(|| panic!("no EXTINF before {line} [4.4.4.1]"));
                    segment.map.clone_from(&map);
                    segment.msn = playlist.media_sequence
                        + (playlist.skipped + playlist.segments.len()) as u64;
                    playlist.segments.push(std::mem::take(&mut segment));
                }
            }
        }
        segment.map = map;
        segment.msn = playlist.media_sequence + (playlist.skipped + playlist.segments.len()) as u64;
        playlist.open = segment;
        for (tag, count) in seen {
            let repeats = [
                "#EXTINF",
                "#EXT-X-PART",
                "#EXT-X-DISCONTINUITY",
                "#EXT-X-MAP",
                "#EXT-X-GAP",
            ];
            let may = repeats.contains(&tag.as_str())
                || tag.contains("REPORT")
                || tag.contains("DATE-TIME");
            assert!(
                may || count == 1 || !tag.starts_with('#'),
                "{tag} stands {count} times [4.4.2, 4.4.3]"
            );
        }
        playlist
    }

    /// The Media Sequence Number after the last whole segment.
    pub(crate) fn next_msn(&self) -> u64 {
        self.media_sequence + (self.skipped + self.segments.len()) as u64
    }

    fn duration(&self) -> f64 {
        self.segments.iter().map(|segment| segment.duration).sum()
    }

    /// What must hold for one playlist alone.
    pub(crate) fn check(&self) {
        let target = self.target_duration as f64;
        let control = |name: &str| self.server_control[name].parse::<f64>().expect(name);
        assert!(self.target_duration >= 1 && self.independent_segments);
        assert_eq!(self.server_control["CAN-BLOCK-RELOAD"], "YES");
        assert!(
            control("PART-HOLD-BACK") >= 3.0 * self.part_target - 1e-6,
            "[4.4.3.8]"
        );
        assert!(control("CAN-SKIP-UNTIL") >= 6.0 * target, "[4.4.3.8]");
        assert_eq!(self.version, if self.skipped > 0 { 9 } else { 6 }, "[8]");
        assert!(self.hint.is_some(), "a hint is always there [B.1]");
        for segment in &self.segments {
            assert!(
                segment.duration.round() <= target,
                "EXTINF {} > {target} [4.4.3.1]",
                segment.duration
            );
            assert!(
                segment.program_date_time.is_some(),
                "a date on every segment [B.1]"
            );
            self.check_parts(segment, true);
            if !segment.parts.is_empty() {
                let sum: f64 = segment.parts.iter().map(|part| part.duration).sum();
                assert!(
                    (sum - segment.duration).abs() < 1e-4,
                    "{sum} is not {} [3.2]",
                    segment.duration
                );
            }
        }
        self.check_parts(&self.open, false);
        self.check_horizon();
        if self.skipped == 0 {
            assert!(
                self.segments.iter().all(|segment| segment.map.is_some()),
                "a MAP before each [3.1.2]"
            );
        }
    }

    fn check_parts(&self, segment: &Segment, complete: bool) {
        for (index, part) in segment.parts.iter().enumerate() {
            let last = complete && index + 1 == segment.parts.len();
            assert!(
                part.duration <= self.part_target + 1e-6,
                "part of {} s [4.4.4.9]",
                part.duration
            );
            let long_enough = part.duration >= 0.85 * self.part_target - 1e-6;
            assert!(
                long_enough || last,
                "part {index} of {} has {} s [4.4.4.9]",
                segment.msn,
                part.duration
            );
            assert_eq!(
                part.gap, segment.gap,
                "part {index} of {} and its segment are missing, or neither is [4.4.4.9]",
                segment.msn
            );
            if index == 0 {
                assert!(
                    part.independent || part.gap,
                    "segment {} starts with a key frame",
                    segment.msn
                );
            }
        }
    }

    /// Parts are listed within three Target Durations of the end, and not farther [6.2.2].
    fn check_horizon(&self) {
        let mut from_end: f64 = self.open.parts.iter().map(|part| part.duration).sum();
        for segment in self.segments.iter().rev() {
            from_end += segment.duration;
            if segment.gap {
                continue;
            }
            let horizon = 3.0 * self.target_duration as f64;
            if (from_end - horizon).abs() < 0.001 {
                continue; // What is written is rounded: either is right.
            }
            assert_eq!(
                !segment.parts.is_empty(),
                from_end < horizon,
                "segment {} at {from_end} s from the end",
                segment.msn
            );
        }
    }
}

impl Part {
    fn read(value: &str) -> Self {
        let attributes = attributes(value);
        Self {
            uri: attributes["URI"].clone(),
            duration: attributes["DURATION"].parse().expect("DURATION"),
            independent: attributes
                .get("INDEPENDENT")
                .is_some_and(|value| value == "YES"),
            gap: attributes.get("GAP").is_some_and(|value| value == "YES"),
        }
    }
}

/// Sees every version of one rendition's playlist, in order.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    last: Option<Playlist>,
    segments: BTreeMap<u64, Segment>,
    parts: BTreeMap<(u64, usize), Part>,
    discontinuities: BTreeMap<u64, u64>,
}

impl Checker {
    /// Takes the next version. Everything that was said before must still be true [6.2.1].
    pub(crate) fn see(&mut self, text: &str) -> &Playlist {
        let playlist = Playlist::read(text);
        playlist.check();
        assert_eq!(playlist.skipped, 0, "the checker sees whole playlists");
        if let Some(last) = &self.last {
            assert_eq!(playlist.target_duration, last.target_duration, "[4.4.3.1]");
            assert_eq!(playlist.part_target, last.part_target, "[4.4.3.7]");
            assert_eq!(playlist.server_control, last.server_control);
            assert!(playlist.media_sequence >= last.media_sequence, "[6.2.2]");
            assert!(
                playlist.discontinuity_sequence >= last.discontinuity_sequence,
                "[6.2.2]"
            );
            assert!(
                playlist.next_msn() >= last.next_msn(),
                "segments were taken back"
            );
            if playlist.media_sequence > last.media_sequence {
                assert!(
                    playlist.duration() >= 3.0 * playlist.target_duration as f64 - 0.1,
                    "[6.2.2]"
                );
            }
        }
        self.check_discontinuities(&playlist);
        for segment in &playlist.segments {
            self.check_segment(segment);
        }
        self.remember_parts(&playlist.open);
        self.last.insert(playlist)
    }

    /// A segment has the same URI, duration, date and place in every version.
    fn check_segment(&mut self, segment: &Segment) {
        self.remember_parts(segment);
        let known = self
            .segments
            .entry(segment.msn)
            .or_insert_with(|| segment.clone());
        let strip = |segment: &Segment| Segment {
            parts: Vec::new(),
            ..segment.clone()
        };
        assert_eq!(
            strip(known),
            strip(segment),
            "a segment changed after it was listed [6.2.1]"
        );
    }

    fn remember_parts(&mut self, segment: &Segment) {
        for (index, part) in segment.parts.iter().enumerate() {
            let known = self
                .parts
                .entry((segment.msn, index))
                .or_insert_with(|| part.clone());
            assert_eq!(
                known, part,
                "part {}.{index} changed after it was listed [6.2.1]",
                segment.msn
            );
        }
    }

    /// Each segment keeps its Discontinuity Sequence Number, computed from every version anew.
    fn check_discontinuities(&mut self, playlist: &Playlist) {
        let mut number = playlist.discontinuity_sequence;
        for segment in &playlist.segments {
            number += u64::from(segment.discontinuity);
            let known = *self.discontinuities.entry(segment.msn).or_insert(number);
            assert_eq!(
                known, number,
                "segment {} moved to another discontinuity [6.2.2]",
                segment.msn
            );
        }
    }

    /// All segments that were ever listed.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.segments.values()
    }

    pub(crate) fn last(&self) -> &Playlist {
        self.last
            .as_ref()
            .expect("a playlist should have been seen")
    }
}

/// A Playlist Delta Update on top of what a client has gives the whole playlist [6.2.5.1].
pub(crate) fn apply_delta(old: &Playlist, delta: &Playlist) -> Vec<Segment> {
    let mut merged: Vec<Segment> = Vec::new();
    for msn in delta.media_sequence..delta.media_sequence + delta.skipped as u64 {
        let known = old.segments.iter().find(|segment| segment.msn == msn);
        merged.push(
            known
                .unwrap_or_else(|| panic!("segment {msn} was skipped and never known"))
                .clone(),
        );
    }
    merged.extend(delta.segments.iter().cloned());
    merged
}

fn number(value: &str) -> u64 {
    value
        .parse()
        .unwrap_or_else(|_| panic!("{value:?} is not a decimal integer"))
}

/// An attribute list: upper-case names, no spaces, none twice [4.2].
pub(crate) fn attributes(list: &str) -> HashMap<String, String> {
    let mut attributes = HashMap::new();
    let mut rest = list;
    while !rest.is_empty() {
        let (name, after) = rest
            .split_once('=')
            .unwrap_or_else(|| panic!("no '=' in {rest:?}"));
        assert!(
            name.bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-'),
            "{name:?} [4.2]"
        );
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => {
                let (value, after) = quoted
                    .split_once('"')
                    .unwrap_or_else(|| panic!("an open quote in {list:?}"));
                (value, after.strip_prefix(',').unwrap_or(after))
            }
            None => after.split_once(',').unwrap_or((after, "")),
        };
        assert!(
            attributes
                .insert(name.to_owned(), value.to_owned())
                .is_none(),
            "{name} twice in {list:?} [4.2]"
        );
        rest = after;
    }
    attributes
}
