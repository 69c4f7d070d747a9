//! The I-frame playlist of a rendition (4.4.3.6): one picture for each Media Segment, for scrubbing.
//!
//! Its resources are fragments of one sample, not byte ranges of the Media Segments: a range from a moof to the end of
//! its first sample would promise samples that are not in it, and only some players forgive that.

use super::tags;
use crate::hls::name::{MediaName, Uri};
use crate::hls::rendered::Rendered;
use crate::hls::segment::MediaSegment;
use crate::hls::snapshot::Snapshot;
use crate::media::MediaFormat;

/// EXT-X-MAP in a playlist of I-frames needs 5 (section 8); the other playlists need 6.
const VERSION: u8 = 6;

impl Snapshot {
    /// The playlist of the listed segments' key frames; `None` if the rendition has no pictures, or no segment yet.
    pub fn key_frame_playlist(&self) -> Option<Rendered> {
        if !matches!(self.init.as_ref()?.section.format, MediaFormat::Video(_)) {
            return None;
        }
        let listed: Vec<_> = self
            .segments()
            .iter()
            .filter(|segment| segment.msn >= self.media_sequence)
            .collect();
        let newest = listed.last()?.msn;
        let mut out = String::with_capacity(2048);
        tags::header(&mut out, VERSION);
        tags::target_duration(&mut out, self.promise.target_duration.as_secs());
        tags::media_sequence(&mut out, self.media_sequence);
        tags::discontinuity_sequence(&mut out, self.discontinuity_sequence);
        tags::i_frames_only(&mut out);
        let mut init_version = None;
        for segment in listed {
            self.key_frame(&mut out, segment, &mut init_version);
        }
        let etag = format!("W/\"e{}.{newest}i\"", self.promise.epoch);
        Some(Rendered::new(out, etag))
    }

    fn key_frame(&self, out: &mut String, segment: &MediaSegment, init_version: &mut Option<u32>) {
        let uri = |name| Uri {
            epoch: self.promise.epoch,
            name,
        };
        if segment.discontinuity {
            tags::discontinuity(out);
        }
        if init_version.replace(segment.init_version) != Some(segment.init_version) {
            tags::map(out, uri(MediaName::Init(segment.init_version)));
        }
        tags::program_date_time(out, segment.program_date_time);
        if segment.key_frame.is_none() {
            tags::gap(out);
        }
        tags::inf(out, segment.duration, uri(MediaName::KeyFrame(segment.msn)));
    }
}
