//! ffmpeg's standard error: always drained, in flat memory, harmless to show.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::sync::CancellationToken;

use super::scrub::Scrubber;

/// What the ring keeps, in bytes of text.
const MAX_BYTES: usize = 64 << 10;
/// The longest line that is kept, in bytes.
const MAX_LINE: usize = 4 << 10;
/// What a line costs besides its text, so that a flood of empty lines stays flat too.
const LINE_COST: usize = 32;

/// How ffmpeg says that it could not decode a packet: up to version 6, and since.
const UNDECODED: [&str; 2] = [
    "Error while decoding stream",
    "Error submitting packet to decoder",
];

/// The last lines of a child's standard error. Cloning shares them.
#[derive(Debug, Clone)]
pub(super) struct StderrRing {
    lines: Arc<Mutex<Lines>>,
    /// Packets that could not be decoded so far.
    undecoded: Arc<AtomicU64>,
    scrubber: Arc<Scrubber>,
}

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<String>,
    bytes: usize,
}

/// Cuts a stream of bytes into lines of bounded length.
#[derive(Debug, Default)]
struct LineCutter {
    line: Vec<u8>,
    overflow: bool,
}

// === impl StderrRing ===

impl StderrRing {
    pub(super) fn new(scrubber: Scrubber) -> Self {
        Self {
            lines: Arc::default(),
            undecoded: Arc::default(),
            scrubber: Arc::new(scrubber),
        }
    }

    /// The lines, oldest first. Secrets are masked here and not on arrival: a flood must not cost a search a line.
    pub(super) fn lines(&self) -> Vec<String> {
        let kept: Vec<String> = self.lines.lock().kept.iter().cloned().collect();
        kept.iter().map(|line| self.scrubber.scrub(line)).collect()
    }

    /// How many packets could not be decoded so far, as far as ffmpeg has said so.
    pub(super) fn undecoded(&self) -> u64 {
        self.undecoded.load(Ordering::Relaxed)
    }

    /// Reads until the end of the stream or until `cut`; never waits for anything but the stream.
    pub(super) async fn drain(self, mut stream: impl AsyncRead + Unpin, cut: CancellationToken) {
        let mut cutter = LineCutter::default();
        let mut buffer = vec![0; 16 << 10];
        loop {
            let read = tokio::select! {
                biased;
                () = cut.cancelled() => break,
                read = stream.read(&mut buffer) => read,
            };
            match read {
                Ok(0) | Err(_) => break,
                Ok(count) => cutter.push(&buffer[..count], |line| self.keep(line)),
            }
        }
        cutter.finish(|line| self.keep(line));
    }

    /// Takes a whole stream that is at hand.
    #[cfg(any(test, fuzzing))]
    pub(super) fn push(&self, bytes: &[u8]) {
        let mut cutter = LineCutter::default();
        cutter.push(bytes, |line| self.keep(line));
        cutter.finish(|line| self.keep(line));
    }

    fn keep(&self, line: String) {
        self.count(&line);
        // Says nothing by itself, and would be shown as the last word of an ffmpeg that ended.
        if line.trim_start().starts_with("Last message repeated ") {
            return;
        }
        let mut lines = self.lines.lock();
        lines.bytes += line.len() + LINE_COST;
        lines.kept.push_back(line);
        while lines.bytes > MAX_BYTES {
            let Some(oldest) = lines.kept.pop_front() else {
                break;
            };
            lines.bytes -= oldest.len() + LINE_COST;
        }
    }
}

impl StderrRing {
    fn count(&self, line: &str) {
        let repeated = line.trim_start().strip_prefix("Last message repeated ");
        let is_error = |line: &str| UNDECODED.iter().any(|words| line.contains(words));
        let count = match repeated {
            Some(rest)
                if self
                    .lines
                    .lock()
                    .kept
                    .back()
                    .is_some_and(|last| is_error(last)) =>
            {
                rest.split(' ').next().and_then(|count| count.parse().ok())
            }
            Some(_) => None,
            None => is_error(line).then_some(1),
        };
        if let Some(count) = count {
            self.undecoded.fetch_add(count, Ordering::Relaxed);
        }
    }
}

// === impl LineCutter ===

impl LineCutter {
    /// A carriage return ends a line too: that is how ffmpeg overwrites its statistics.
    fn push(&mut self, bytes: &[u8], mut keep: impl FnMut(String)) {
        for &byte in bytes {
            if byte == b'\n' || byte == b'\r' {
                self.finish(&mut keep);
            } else if self.line.len() < MAX_LINE {
                self.line.push(byte);
            } else {
                self.overflow = true;
            }
        }
    }

    fn finish(&mut self, mut keep: impl FnMut(String)) {
        let line = clean(&self.line, self.overflow);
        self.line.clear();
        self.overflow = false;
        if !line.is_empty() {
            keep(line);
        }
    }
}

/// Text without control characters. A line that was cut ends at its last whole word: half a URL would hide its
/// password from the scrubber.
fn clean(line: &[u8], was_cut: bool) -> String {
    let text = String::from_utf8_lossy(line);
    let mut text: String = text.chars().filter(|c| !c.is_control()).collect();
    if was_cut {
        text.truncate(text.rfind(' ').unwrap_or(0));
        text.push_str(" …");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> StderrRing {
        StderrRing::new(Scrubber::new(["http://bob:pa55word@host/x"]))
    }

    #[tokio::test]
    async fn a_flood_stays_within_its_bounds() {
        let ring = ring();
        let flood = tokio::io::AsyncReadExt::take(tokio::io::repeat(b'x'), 10 << 20);
        ring.clone().drain(flood, CancellationToken::new()).await;
        let newlines = tokio::io::AsyncReadExt::take(tokio::io::repeat(b'\n'), 1 << 20);
        ring.clone().drain(newlines, CancellationToken::new()).await;
        let words = "word ".repeat(400_000);
        ring.clone()
            .drain(words.as_bytes(), CancellationToken::new())
            .await;
        let lines = ring.lines();
        assert!(
            lines.iter().all(|line| line.len() <= MAX_LINE + 8),
            "a line is too long"
        );
        assert!(lines.iter().map(String::len).sum::<usize>() <= MAX_BYTES);
        assert!(lines.last().is_some_and(|line| line.ends_with("word …")));
    }

    #[tokio::test]
    async fn that_a_line_was_repeated_is_no_last_word() {
        let ring = ring();
        let text: &[u8] = b"end of file\n    Last message repeated 2 times\n";
        ring.clone().drain(text, CancellationToken::new()).await;
        assert_eq!(ring.lines(), ["end of file"]);
    }

    #[tokio::test]
    async fn the_last_lines_are_kept_clean_and_masked() {
        let ring = ring();
        let mut text: String = (0..5000).map(|n| format!("line {n}\n")).collect();
        text.push_str("http://bob:pa55word@host/x: \u{1b}[31mrefused\u{7}\rlast\n    Last message repeated 2 times\n");
        ring.clone()
            .drain(text.as_bytes(), CancellationToken::new())
            .await;
        let lines = ring.lines();
        assert!(lines.len() < 5000);
        assert_eq!(
            lines[lines.len() - 3..],
            ["line 4999", "http://***@host/***: [31mrefused", "last"]
        );
    }

    #[test]
    fn packets_that_cannot_be_decoded_are_counted_also_when_they_are_summed_up() {
        let ring = StderrRing::new(Scrubber::new([]));
        for line in [
            "[h264 @ 0x1] something else",
            "    Last message repeated 90 times",
            "Error while decoding stream #0:0: Invalid data found when processing input",
            "    Last message repeated 24 times",
            "[vist#0:0/h264 @ 0x2] Error submitting packet to decoder: Invalid data",
        ] {
            ring.keep(line.into());
        }
        assert_eq!(ring.undecoded(), 26);
    }
}
