//! Which Media Segments a rendition lists, and which it only keeps for those who still fetch them (6.2.2).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::segment::MediaSegment;

/// A playlist never shrinks below this many segments by sliding (the authoring specification asks for six).
const MIN_LISTED: usize = 6;

/// The complete Media Segments of a rendition, oldest first: first those that left the playlist, then the listed.
#[derive(Debug)]
pub(super) struct Window {
    kept: VecDeque<Kept>,
    listed: VecDeque<Arc<MediaSegment>>,
    listed_duration: Duration,
    longest_listed: Duration,
    /// Media time that has passed through this window.
    position: Duration,
    size: Duration,
    discontinuity_sequence: u64,
}

/// A segment that left the playlist.
#[derive(Debug)]
struct Kept {
    segment: Arc<MediaSegment>,
    until: Duration,
}

// === impl Window ===

impl Window {
    /// An empty window that shows `size` of media.
    pub(super) fn new(size: Duration, discontinuity_sequence: u64) -> Self {
        Self {
            kept: VecDeque::new(),
            listed: VecDeque::new(),
            listed_duration: Duration::ZERO,
            longest_listed: Duration::ZERO,
            position: Duration::ZERO,
            size,
            discontinuity_sequence,
        }
    }

    /// Lists a segment at the end; what no longer fits leaves at the start.
    pub(super) fn push(&mut self, segment: Arc<MediaSegment>) {
        let duration = segment.duration.to_duration();
        self.position += duration;
        self.listed_duration += duration;
        self.longest_listed = self.longest_listed.max(self.listed_duration);
        self.listed.push_back(segment);
        while self.listed.len() > MIN_LISTED && self.listed_duration - self.oldest() >= self.size {
            self.slide();
        }
        while self
            .kept
            .front()
            .is_some_and(|kept| kept.until <= self.position)
        {
            self.kept.pop_front();
        }
    }

    /// EXT-X-MEDIA-SEQUENCE, or `None` while nothing is listed.
    pub(super) fn media_sequence(&self) -> Option<u64> {
        self.listed.front().map(|segment| segment.msn)
    }

    /// EXT-X-DISCONTINUITY-SEQUENCE.
    pub(super) fn discontinuity_sequence(&self) -> u64 {
        self.discontinuity_sequence
    }

    /// The listed segments, oldest first.
    pub(super) fn listed(
        &self,
    ) -> impl DoubleEndedIterator<Item = &Arc<MediaSegment>> + ExactSizeIterator {
        self.listed.iter()
    }

    /// All segments that can be fetched, oldest first, without a hole.
    pub(super) fn available(&self) -> impl Iterator<Item = &Arc<MediaSegment>> {
        self.kept
            .iter()
            .map(|kept| &kept.segment)
            .chain(&self.listed)
    }

    /// The duration of all listed segments.
    pub(super) fn listed_duration(&self) -> Duration {
        self.listed_duration
    }

    /// Bytes of media held.
    pub(super) fn bytes(&self) -> usize {
        self.available().map(|segment| segment.body.len()).sum()
    }

    fn oldest(&self) -> Duration {
        self.listed
            .front()
            .map(|segment| segment.duration.to_duration())
            .unwrap_or_default()
    }

    fn slide(&mut self) {
        let Some(segment) = self.listed.pop_front() else {
            return;
        };
        let duration = segment.duration.to_duration();
        self.listed_duration -= duration;
        // 6.2.2: removing a segment with its EXT-X-DISCONTINUITY raises the Discontinuity Sequence.
        self.discontinuity_sequence += u64::from(segment.discontinuity);
        let until = self.position + duration + self.longest_listed;
        self.kept.push_back(Kept { segment, until });
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jiff::Timestamp;

    use super::*;
    use crate::base::MediaTime;

    fn segment(msn: u64, seconds: u64, discontinuity: bool) -> Arc<MediaSegment> {
        Arc::new(MediaSegment {
            msn,
            duration: MediaTime::new(seconds, 1),
            program_date_time: Timestamp::UNIX_EPOCH,
            discontinuity,
            init_version: 0,
            gap: false,
            body: Bytes::from_static(&[0; 10]),
            parts: Vec::new(),
            etag: Bytes::new(),
            start: 0,
            run: crate::hls::RunStart {
                wall: Timestamp::UNIX_EPOCH,
                media: MediaTime::ZERO,
            },
            key_frame: None,
        })
    }

    #[test]
    fn a_window_grows_to_its_size_then_slides() {
        let mut window = Window::new(Duration::from_secs(20), 7);
        for msn in 0..30 {
            window.push(segment(msn, 2, msn == 3));
            let expected = usize::try_from(msn + 1).unwrap().min(10);
            assert_eq!(window.listed().len(), expected, "after segment {msn}");
        }
        assert_eq!(window.media_sequence(), Some(20));
        assert_eq!(window.listed_duration(), Duration::from_secs(20));
    }

    #[test]
    fn removed_segments_stay_for_their_own_and_the_longest_playlists_duration() {
        let mut window = Window::new(Duration::from_secs(12), 0);
        for msn in 0..40 {
            window.push(segment(msn, 2, false));
        }
        // Six listed; a segment leaves at position p and stays until p + 2 s + 14 s (seven were listed for a moment).
        assert_eq!(window.media_sequence(), Some(34));
        assert_eq!(
            window.available().next().map(|segment| segment.msn),
            Some(26)
        );
        let all: Vec<u64> = window.available().map(|segment| segment.msn).collect();
        assert!(
            all.windows(2).all(|pair| pair[1] == pair[0] + 1),
            "a hole in {all:?}"
        );
        assert_eq!(window.bytes(), all.len() * 10);
    }

    #[test]
    fn the_discontinuity_sequence_rises_when_the_tag_leaves() {
        let mut window = Window::new(Duration::from_secs(12), 5);
        for msn in 0..7 {
            window.push(segment(msn, 2, msn == 0 || msn == 1));
        }
        assert_eq!(window.discontinuity_sequence(), 6, "segment 0 has left");
        window.push(segment(7, 2, false));
        assert_eq!(window.discontinuity_sequence(), 7, "segment 1 has left");
        window.push(segment(8, 2, false));
        assert_eq!(window.discontinuity_sequence(), 7);
    }

    #[test]
    fn short_windows_still_list_six_segments() {
        let mut window = Window::new(Duration::from_secs(2), 0);
        for msn in 0..20 {
            window.push(segment(msn, 2, false));
        }
        assert_eq!(window.listed().len(), 6);
    }
}
