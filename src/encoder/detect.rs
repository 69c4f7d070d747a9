//! What ffmpeg's detectors say: `key=value` lines between those of `-progress`.
//!
//! A detector speaks when something begins and when it ends. Its filter graph may be built anew in between, as when
//! the size of the picture changes: then it has forgotten what it said, and the first line of the new graph says so.

use std::time::Duration;

use super::plan::detectors::{AUDIO, BEGIN, DETECTED_AFTER, VIDEO};

/// What a detector looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symptom {
    /// The picture is black.
    Black,
    /// The picture does not move.
    Frozen,
    /// Nothing is to be heard.
    Silent,
}

/// The longest line that is understood; the longest that a detector writes has about 50 bytes.
const MAX_LINE: usize = 256;

/// From bytes to what has to be told. Any split of the bytes ends in the same state; nonsense is skipped.
#[derive(Debug, Default)]
pub(super) struct DetectorParser {
    line: Vec<u8>,
    is_too_long: bool,
    findings: [Finding; Symptom::ALL.len()],
}

/// What is known of a symptom, and what the owner knows of it. However often it comes and goes while the owner does
/// not listen, two events are enough: that it went, and that it is back.
#[derive(Debug, Clone, Copy, Default)]
struct Finding {
    is: bool,
    told: bool,
    /// It was gone for a while since it was told.
    was_gone: bool,
}

// === impl Symptom ===

impl Symptom {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Black, Self::Frozen, Self::Silent];

    /// How long it has lasted when it is told.
    pub fn told_after(self) -> Duration {
        match self {
            Self::Black => Duration::ZERO,
            Self::Frozen | Self::Silent => DETECTED_AFTER,
        }
    }

    /// Its position in [`Self::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}

// === impl DetectorParser ===

impl DetectorParser {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                if !std::mem::take(&mut self.is_too_long) {
                    self.take_line(&line);
                }
            } else if self.line.len() < MAX_LINE {
                self.line.push(byte);
            } else {
                self.is_too_long = true;
            }
        }
    }

    /// Whether it is there.
    pub(super) fn sees(&self, symptom: Symptom) -> bool {
        self.findings[symptom.index()].is
    }

    /// What the owner should know next: whether this is there.
    pub(super) fn news(&self) -> Option<(Symptom, bool)> {
        let mut all = Symptom::ALL.into_iter();
        all.find_map(|symptom| {
            let finding = self.findings[symptom.index()];
            let changed = finding.is != finding.told || finding.was_gone;
            changed.then_some((symptom, !finding.told))
        })
    }

    /// The owner knows what [`Self::news`] said.
    pub(super) fn told(&mut self, symptom: Symptom) {
        let finding = &mut self.findings[symptom.index()];
        finding.told = !finding.told;
        finding.was_gone = false;
    }

    fn take_line(&mut self, line: &[u8]) {
        let Some((key, value)) = std::str::from_utf8(line)
            .ok()
            .and_then(|line| line.split_once('='))
        else {
            return;
        };
        match key {
            BEGIN if value == VIDEO => {
                self.set(Symptom::Black, false);
                self.set(Symptom::Frozen, false);
            }
            BEGIN if value == AUDIO => self.set(Symptom::Silent, false),
            "lavfi.black_start" => self.set(Symptom::Black, true),
            "lavfi.black_end" => self.set(Symptom::Black, false),
            "lavfi.freezedetect.freeze_start" => self.set(Symptom::Frozen, true),
            "lavfi.freezedetect.freeze_end" => self.set(Symptom::Frozen, false),
            "lavfi.silence_start" => self.set(Symptom::Silent, true),
            "lavfi.silence_end" => self.set(Symptom::Silent, false),
            _ => {}
        }
    }

    fn set(&mut self, symptom: Symptom, is: bool) {
        let finding = &mut self.findings[symptom.index()];
        finding.is = is;
        finding.was_gone |= finding.told && !is;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What an owner hears who always listens.
    fn heard(parser: &mut DetectorParser, text: &[u8]) -> Vec<(Symptom, bool)> {
        parser.push(text);
        let news = || {
            let news = parser.news()?;
            parser.told(news.0);
            Some(news)
        };
        std::iter::from_fn(news).collect()
    }

    #[test]
    fn what_begins_and_ends_is_told_once_between_reports() {
        let mut parser = DetectorParser::default();
        let begins = b"frame=12\nframe:0    pts:0       pts_time:0\nheadgate.begin=video\nlavfi.black_start=0\n";
        assert_eq!(heard(&mut parser, begins), [(Symptom::Black, true)]);
        assert_eq!(heard(&mut parser, b"speed=1x\nprogress=continue\n"), []);
        let freezes = b"lavfi.freezedetect.freeze_start=0\nlavfi.silence_start=1.2\n";
        assert_eq!(
            heard(&mut parser, freezes),
            [(Symptom::Frozen, true), (Symptom::Silent, true)]
        );
        let ends = b"lavfi.black_end=2\nlavfi.freezedetect.freeze_duration=2\nlavfi.freezedetect.freeze_end=2\n";
        assert_eq!(
            heard(&mut parser, ends),
            [(Symptom::Black, false), (Symptom::Frozen, false)]
        );
        assert_eq!(
            heard(&mut parser, b"lavfi.silence_end=4\nlavfi.silence_end=4\n"),
            [(Symptom::Silent, false)]
        );
    }

    #[test]
    fn what_went_and_came_back_unheard_is_told_as_both() {
        let mut parser = DetectorParser::default();
        heard(&mut parser, b"lavfi.black_start=0\n");
        let both =
            b"lavfi.black_end=1\nlavfi.black_start=2\nlavfi.black_end=3\nlavfi.black_start=4\n";
        assert_eq!(
            heard(&mut parser, both),
            [(Symptom::Black, false), (Symptom::Black, true)]
        );
        // Nobody needs to know what came and went.
        let nothing = b"lavfi.silence_start=1\nlavfi.silence_end=2\n";
        assert_eq!(heard(&mut parser, nothing), []);
    }

    #[test]
    fn a_graph_that_begins_anew_has_seen_nothing() {
        let mut parser = DetectorParser::default();
        heard(&mut parser, b"lavfi.black_start=0\nlavfi.silence_start=0\n");
        assert_eq!(
            heard(&mut parser, b"headgate.begin=video\n"),
            [(Symptom::Black, false)]
        );
        assert_eq!(
            heard(&mut parser, b"headgate.begin=audio\nheadgate.begin=tea\n"),
            [(Symptom::Silent, false)]
        );
    }

    #[test]
    fn a_line_without_end_is_not_understood_and_not_kept() {
        let mut parser = DetectorParser::default();
        let mut long = b"lavfi.black_start=".to_vec();
        long.resize(1 << 20, b'0');
        assert_eq!(heard(&mut parser, &long), []);
        assert_eq!(heard(&mut parser, b"\nlavfi.silence_start"), []);
        assert!(parser.line.capacity() <= 2 * MAX_LINE);
        assert_eq!(heard(&mut parser, b"=1\n"), [(Symptom::Silent, true)]);
    }

    /// Bytes that are lines of detectors more often than chance would have it.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(&b"lavfi.black_start=0\n"[..]).prop_map(<[u8]>::to_vec),
            Just(&b"lavfi.black_end=1\n"[..]).prop_map(<[u8]>::to_vec),
            Just(&b"lavfi.silence_start=1\n"[..]).prop_map(<[u8]>::to_vec),
            Just(&b"headgate.begin=video\n"[..]).prop_map(<[u8]>::to_vec),
            proptest::collection::vec(any::<u8>(), 0..300),
        ];
        proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_split_end_in_the_same_state(bytes in bytes(), cut in any::<prop::sample::Index>()) {
            let mut whole = DetectorParser::default();
            heard(&mut whole, &bytes);
            let mut split = DetectorParser::default();
            let at = cut.index(bytes.len() + 1);
            for half in [&bytes[..at], &bytes[at..]] {
                // An event contradicts the one before it, and what was heard last is what is.
                let mut known: Vec<bool> = split.findings.iter().map(|finding| finding.told).collect();
                for (symptom, present) in heard(&mut split, half) {
                    prop_assert_ne!(known[symptom.index()], present);
                    known[symptom.index()] = present;
                }
                for symptom in Symptom::ALL {
                    prop_assert_eq!(known[symptom.index()], split.findings[symptom.index()].is);
                }
            }
            prop_assert!(split.line.len() <= MAX_LINE);
            for symptom in Symptom::ALL {
                prop_assert_eq!(whole.findings[symptom.index()].is, split.findings[symptom.index()].is);
            }
        }
    }
}
