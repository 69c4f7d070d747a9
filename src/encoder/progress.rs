//! ffmpeg's heartbeat: the `key=value` lines of `-progress`, one report ended by `progress=…`.

/// One report of `-progress`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Progress {
    /// Frames encoded so far.
    pub frames: u64,
    /// Frames a second.
    pub fps: f64,
    /// Media time over wall time.
    pub speed: f64,
    /// Frames dropped so far.
    pub dropped: u64,
    /// Frames duplicated so far.
    pub duplicated: u64,
}

/// The longest line that is kept; the longest that ffmpeg writes has about 40 bytes.
const MAX_LINE: usize = 256;

/// Gathers lines into reports. Any split of the bytes gives the same reports; nonsense is skipped.
#[derive(Debug, Default)]
pub(super) struct ProgressParser {
    line: Vec<u8>,
    current: Progress,
}

// === impl ProgressParser ===

impl ProgressParser {
    /// Takes the next bytes; the last report that they complete, if any.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Option<Progress> {
        let mut finished = None;
        for &byte in bytes {
            if byte != b'\n' {
                if self.line.len() < MAX_LINE {
                    self.line.push(byte);
                }
                continue;
            }
            let line = std::mem::take(&mut self.line);
            if self.take_line(&String::from_utf8_lossy(&line)) {
                finished = Some(self.current);
            }
        }
        finished
    }

    /// True when the line ends a report. Values that are not known yet (`speed=N/A`) keep the last one.
    fn take_line(&mut self, line: &str) -> bool {
        let Some((key, value)) = line.split_once('=') else {
            return false;
        };
        let value = value.trim();
        match key.trim() {
            "frame" => set(&mut self.current.frames, value),
            "fps" => set_finite(&mut self.current.fps, value),
            "speed" => set_finite(&mut self.current.speed, value.trim_end_matches('x')),
            "drop_frames" => set(&mut self.current.dropped, value),
            "dup_frames" => set(&mut self.current.duplicated, value),
            "progress" => return true,
            _ => {}
        }
        false
    }
}

fn set(field: &mut u64, value: &str) {
    if let Ok(value) = value.parse() {
        *field = value;
    }
}

fn set_finite(field: &mut f64, value: &str) {
    match value.trim().parse::<f64>() {
        Ok(value) if value.is_finite() => *field = value,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REPORTS: &str = "frame=12\nfps=0.00\nbitrate=N/A\ndup_frames=0\ndrop_frames=0\nspeed=N/A\nprogress=continue\n\
        frame=42\nfps=29.97\nstream_0_0_q=20.0\ndup_frames=3\ndrop_frames=1\nspeed=1.02x\nprogress=end\n";

    #[test]
    fn the_last_report_wins() {
        let expected = Progress {
            frames: 42,
            fps: 29.97,
            speed: 1.02,
            dropped: 1,
            duplicated: 3,
        };
        assert_eq!(
            ProgressParser::default().push(REPORTS.as_bytes()),
            Some(expected)
        );
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_reports(cut in 0..REPORTS.len()) {
            let mut parser = ProgressParser::default();
            let first = parser.push(&REPORTS.as_bytes()[..cut]);
            let last = parser.push(&REPORTS.as_bytes()[cut..]).or(first);
            prop_assert_eq!(last.map(|report| report.frames), Some(42));
        }

        #[test]
        fn nonsense_is_harmless(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
            let mut parser = ProgressParser::default();
            let report = parser.push(&bytes);
            prop_assert!(parser.line.len() <= MAX_LINE);
            prop_assert!(report.is_none_or(|report| report.speed.is_finite() && report.fps.is_finite()));
        }
    }
}
