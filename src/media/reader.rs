//! The incremental reader: a state machine over the boxes at the top of a stream.
//!
//! It holds at most one box: a metadata box of [`METADATA_LIMIT`] or a mdat of [`BOX_LIMIT`] bytes, plus what was
//! pushed since the last [`FragmentReader::poll`] that wanted more.
//! A mdat leaves as a slice of the buffer it arrived in; its bytes are copied once, by `push`.

use bytes::{Buf, Bytes, BytesMut};
use mp4_atom::Trex;

use super::boxes::{BOX_LIMIT, BoxHeader, BoxView, METADATA_LIMIT};
use super::error::MediaError;
use super::fragment::{Fragment, MediaEvent, MediaInitializationSection};
use super::init::read_init;
use super::moof::{FragmentHeader, read_moof};

/// An incremental reader of one fragmented MP4 stream of one track.
///
/// Any split of the bytes gives the same events. Poll until `None` after each push: that bounds the memory.
#[derive(Debug, Default)]
pub struct FragmentReader {
    buffer: BytesMut,
    /// Bytes of the stream before the buffer.
    offset: u64,
    /// Bytes still to come of a box that nobody reads.
    skip: u64,
    ftyp: Option<Bytes>,
    track: Option<Track>,
    pending: Option<FragmentHeader>,
    failed: Option<MediaError>,
}

#[derive(Debug)]
struct Track {
    init: MediaInitializationSection,
    trex: Trex,
}

enum Step {
    Event(MediaEvent),
    Next,
    Starved,
}

// === impl FragmentReader ===

impl FragmentReader {
    /// A reader at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream. After an error they are dropped.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next event, `None` when more bytes are needed.
    ///
    /// # Errors
    /// What is wrong with the stream, and where. The stream is lost then: each further call gives the same error.
    pub fn poll(&mut self) -> Result<Option<MediaEvent>, MediaError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        loop {
            match self.step() {
                Ok(Step::Event(event)) => return Ok(Some(event)),
                Ok(Step::Next) => {}
                Ok(Step::Starved) => return Ok(None),
                Err(error) => {
                    self.buffer = BytesMut::new();
                    self.failed = Some(error.clone());
                    return Err(error);
                }
            }
        }
    }

    fn step(&mut self) -> Result<Step, MediaError> {
        if !self.skip_rest() {
            return Ok(Step::Starved);
        }
        let Some(header) = BoxHeader::parse(&self.buffer, self.offset)? else {
            return Ok(Step::Starved);
        };
        match &header.at.box_type.0 {
            b"ftyp" => self.ftyp(&header),
            b"moov" => self.moov(&header),
            b"moof" => self.moof(&header),
            b"mdat" => self.mdat(&header),
            // styp, sidx, prft, emsg, free, mfra and what is not known yet: nothing that a fragment needs.
            _ => {
                self.skip = header.size;
                Ok(Step::Next)
            }
        }
    }

    fn ftyp(&mut self, header: &BoxHeader) -> Result<Step, MediaError> {
        header.limit(METADATA_LIMIT)?;
        let Some(raw) = self.take(header) else {
            return Ok(Step::Starved);
        };
        self.ftyp = Some(raw);
        Ok(Step::Next)
    }

    fn moov(&mut self, header: &BoxHeader) -> Result<Step, MediaError> {
        header.limit(METADATA_LIMIT)?;
        self.refuse_while_pending(header)?;
        if self.ftyp.is_none() {
            return Err(MediaError::BeforeFtyp { at: header.at });
        }
        let Some(raw) = self.take(header) else {
            return Ok(Step::Starved);
        };
        let ftyp = self.ftyp.as_ref().expect("ftyp should have been checked");
        let (init, trex) = read_init(ftyp, &BoxView::new(header, &raw))?;
        let known = self.track.as_ref().is_some_and(|track| track.init == init);
        self.track = Some(Track {
            init: init.clone(),
            trex,
        });
        if known {
            return Ok(Step::Next);
        }
        Ok(Step::Event(MediaEvent::Init(init)))
    }

    fn moof(&mut self, header: &BoxHeader) -> Result<Step, MediaError> {
        header.limit(METADATA_LIMIT)?;
        self.refuse_while_pending(header)?;
        if self.track.is_none() {
            return Err(MediaError::BeforeMoov { at: header.at });
        }
        let Some(raw) = self.take(header) else {
            return Ok(Step::Starved);
        };
        let track = self.track.as_ref().expect("track should have been checked");
        let fragment = read_moof(&BoxView::new(header, &raw), &track.trex)?;
        self.pending = Some(fragment);
        Ok(Step::Next)
    }

    fn mdat(&mut self, header: &BoxHeader) -> Result<Step, MediaError> {
        let Some(pending) = &self.pending else {
            return Err(match self.track {
                None => MediaError::BeforeMoov { at: header.at },
                Some(_) => MediaError::OrphanMediaData { at: header.at },
            });
        };
        // Known from the header alone: a bad fragment is refused before its bytes are waited for.
        check_media_data(header, pending)?;
        let Some(mut data) = self.take(header) else {
            return Ok(Step::Starved);
        };
        data.advance(header.header_len as usize);
        let pending = self
            .pending
            .take()
            .expect("pending should have been checked");
        Ok(Step::Event(MediaEvent::Fragment(Fragment {
            base_decode_time: pending.base_decode_time,
            samples: pending.samples,
            data,
        })))
    }

    fn refuse_while_pending(&self, header: &BoxHeader) -> Result<(), MediaError> {
        match self.pending {
            Some(_) => Err(MediaError::NoMediaData { at: header.at }),
            None => Ok(()),
        }
    }

    /// The whole box, once it is all there.
    fn take(&mut self, header: &BoxHeader) -> Option<Bytes> {
        debug_assert!(header.size <= BOX_LIMIT, "the header should be checked");
        let size = header.size as usize;
        if self.buffer.len() < size {
            return None;
        }
        self.offset += header.size;
        Some(self.buffer.split_to(size).freeze())
    }

    /// Drops what has come of a skipped box; false while some of it is missing.
    fn skip_rest(&mut self) -> bool {
        let here = self.skip.min(self.buffer.len() as u64);
        self.buffer.advance(here as usize);
        self.offset += here;
        self.skip -= here;
        self.skip == 0
    }
}

fn check_media_data(header: &BoxHeader, pending: &FragmentHeader) -> Result<(), MediaError> {
    let expected = header.at.offset + header.header_len;
    if pending.data_start != i128::from(expected) {
        return Err(MediaError::DataOffset {
            at: header.at,
            expected,
            found: pending.data_start,
        });
    }
    let found = header.size - header.header_len;
    if pending.data_len != found {
        return Err(MediaError::DataSize {
            at: header.at,
            expected: pending.data_len,
            found,
        });
    }
    Ok(())
}

/// The one fragment of a Partial Segment that [`super::write_fragment`] wrote, and the track that it belongs to.
///
/// # Errors
/// What is wrong with it, if it comes from elsewhere.
pub fn read_fragment(
    init: &MediaInitializationSection,
    part: &[u8],
) -> Result<Option<Fragment>, MediaError> {
    let mut reader = FragmentReader::new();
    reader.push(&init.bytes);
    reader.push(part);
    while let Some(event) = reader.poll()? {
        if let MediaEvent::Fragment(fragment) = event {
            return Ok(Some(fragment));
        }
    }
    Ok(None)
}
