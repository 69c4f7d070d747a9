//! Bits a second, as they were really needed.

use crate::base::MediaTime;

/// The most bytes that the boxes around a key frame of its own have.
const KEY_FRAME_OVERHEAD: usize = 160;

/// What a rendition has really needed.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Rates {
    /// The largest rate of a segment, bits a second.
    pub(super) peak: u64,
    /// The largest rate of the key frames alone, one a segment.
    pub(super) key_frames_peak: u64,
    bytes: u64,
    seconds: f64,
}

// === impl Rates ===

impl Rates {
    /// A Media Segment of so many bytes, the first of which are its key frame.
    pub(super) fn add(&mut self, bytes: usize, key_frame: usize, duration: MediaTime) {
        let seconds = duration.as_secs_f64();
        let key_frame = (key_frame + KEY_FRAME_OVERHEAD) as f64 * 8.0;
        // Few segments are shorter than a second, and none is shorter for long.
        let rate = (key_frame / seconds.max(1.0)).ceil() as u64;
        self.key_frames_peak = self.key_frames_peak.max(rate);
        self.bytes += bytes as u64;
        self.seconds += seconds;
        // 4.4.6.2: the peak is taken over at least half a Target Duration; shorter remnants do not count.
        if seconds >= 0.5 {
            self.peak = self.peak.max((bytes as f64 * 8.0 / seconds).ceil() as u64);
        }
    }

    /// The average of everything so far, bits a second, once there is enough to speak of an average.
    pub(super) fn average(&self) -> Option<u64> {
        (self.seconds >= 6.0).then(|| (self.bytes as f64 * 8.0 / self.seconds).ceil() as u64)
    }
}
