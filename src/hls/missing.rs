//! Media that is not there, listed so that players see the time go by: EXT-X-GAP (4.4.4.7).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::assembler::Assembler;
use super::segment::{MediaSegment, PartialSegment, RunStart};
use crate::base::MediaTime;

// === impl Assembler ===

impl Assembler {
    /// Lists a segment of which all is missing, behind what is listed. Nothing may be open.
    pub(super) fn push_gap(&mut self, msn: u64, duration: Duration) {
        debug_assert!(self.open.is_none(), "the segment before should be closed");
        let Some(program_date_time) = self.ends_at() else {
            return;
        };
        let duration = MediaTime::from_duration(duration, self.timescale());
        self.window.push(Arc::new(MediaSegment {
            msn,
            duration,
            program_date_time,
            discontinuity: false,
            init_version: self.init.as_ref().map_or(0, |init| init.version),
            gap: true,
            body: Bytes::new(),
            parts: self.missing_parts(duration),
            etag: Bytes::new(),
            start: 0,
            // No run made it.
            run: RunStart {
                wall: program_date_time,
                media: MediaTime::ZERO,
            },
            key_frame: None,
        }));
        self.version += 1;
    }

    /// A player that follows parts must find some: it would ask for those of the segment before for ever.
    fn missing_parts(&self, duration: MediaTime) -> Vec<PartialSegment> {
        let aim = MediaTime::from_duration(self.part_aim, duration.timescale).ticks;
        let starts = (0..duration.ticks).step_by(usize::try_from(aim.max(1)).unwrap_or(1));
        let part = |start| PartialSegment {
            duration: MediaTime::new(aim.min(duration.ticks - start), duration.timescale),
            independent: false,
            body: Bytes::new(),
            etag: Bytes::new(),
        };
        starts.map(part).collect()
    }
}
