//! Framing: where a box begins and ends, and walking the boxes inside one.
//!
//! Only known paths are walked (moov/trak/mdia/…) and only leaf boxes are handed to mp4-atom: its own decoder
//! descends into every known box anywhere, and boxes nested a hundred thousand deep would exhaust the stack.

use mp4_atom::Atom;

use super::error::{BoxPosition, BoxType, MediaError};

/// The most that any box may claim: a minute-long key frame could not be larger.
pub(super) const BOX_LIMIT: u64 = 64 << 20;
/// The most that ftyp, moov and moof may claim.
pub(super) const METADATA_LIMIT: u64 = 1 << 20;

/// What the first bytes of a box say.
#[derive(Debug, Clone, Copy)]
pub(super) struct BoxHeader {
    pub(super) at: BoxPosition,
    /// 8, or 16 with a 64-bit size.
    pub(super) header_len: u64,
    /// Of the whole box, header included.
    pub(super) size: u64,
}

/// A whole box in memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct BoxView<'a> {
    pub(super) at: BoxPosition,
    /// With the header.
    pub(super) raw: &'a [u8],
    /// Without it.
    pub(super) body: &'a [u8],
}

/// The boxes inside a box, in order. Ends after the first error.
#[derive(Debug, Clone)]
pub(super) struct Children<'a> {
    rest: &'a [u8],
    offset: u64,
}

// === impl BoxHeader ===

impl BoxHeader {
    /// Reads the header of the box that begins with `bytes`; `None` when more are needed.
    pub(super) fn parse(bytes: &[u8], offset: u64) -> Result<Option<Self>, MediaError> {
        let Some((compact, rest)) = bytes.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let Some((box_type, rest)) = rest.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let at = BoxPosition {
            box_type: BoxType(*box_type),
            offset,
        };
        let (header_len, size) = match u32::from_be_bytes(*compact) {
            0 => return Err(MediaError::OpenEnded { at }),
            1 => match rest.first_chunk::<8>() {
                Some(large) => (16, u64::from_be_bytes(*large)),
                None => return Ok(None),
            },
            size => (8, u64::from(size)),
        };
        if size < header_len {
            return Err(MediaError::TooSmall { at, size });
        }
        let header = Self {
            at,
            header_len,
            size,
        };
        header.limit(BOX_LIMIT)?;
        Ok(Some(header))
    }

    /// Refuses a box of more than `limit` bytes.
    pub(super) fn limit(&self, limit: u64) -> Result<(), MediaError> {
        if self.size > limit {
            return Err(MediaError::TooLarge {
                at: self.at,
                size: self.size,
                limit,
            });
        }
        Ok(())
    }
}

// === impl BoxView ===

impl<'a> BoxView<'a> {
    /// The box whose header was read from `raw`, which is the whole box.
    pub(super) fn new(header: &BoxHeader, raw: &'a [u8]) -> Self {
        Self {
            at: header.at,
            raw,
            body: &raw[header.header_len as usize..],
        }
    }

    /// The boxes inside, the first of which stands `skip` bytes into the body.
    pub(super) fn children(&self, skip: usize) -> Result<Children<'a>, MediaError> {
        let rest = self
            .body
            .get(skip..)
            .ok_or_else(|| self.unreadable("it ends within its own fields"))?;
        let offset = self.at.offset + (self.raw.len() - rest.len()) as u64;
        Ok(Children { rest, offset })
    }

    /// The one box of this type inside, if there is one.
    pub(super) fn child(
        &self,
        box_type: &[u8; 4],
        skip: usize,
    ) -> Result<Option<Self>, MediaError> {
        let mut found = None;
        for child in self.children(skip)? {
            let child = child?;
            if child.is(box_type) && found.replace(child).is_some() {
                return Err(MediaError::Duplicate { at: child.at });
            }
        }
        Ok(found)
    }

    /// The one box of this type inside, which must be there.
    pub(super) fn require(&self, box_type: &[u8; 4]) -> Result<Self, MediaError> {
        self.require_after(box_type, 0)
    }

    /// As [`Self::require`], with boxes that begin `skip` bytes into the body.
    pub(super) fn require_after(
        &self,
        box_type: &[u8; 4],
        skip: usize,
    ) -> Result<Self, MediaError> {
        self.child(box_type, skip)?.ok_or(MediaError::Missing {
            at: self.at,
            missing: BoxType(*box_type),
        })
    }

    pub(super) fn is(&self, box_type: &[u8; 4]) -> bool {
        self.at.box_type.0 == *box_type
    }

    /// Decodes a box that holds no others.
    pub(super) fn decode<T: Atom>(&self) -> Result<T, MediaError> {
        let mut rest = self.body;
        let atom = T::decode_body(&mut rest).map_err(|error| self.unreadable(error))?;
        match rest.len() {
            0 => Ok(atom),
            left => Err(self.unreadable(format!("{left} bytes are left over"))),
        }
    }

    pub(super) fn unreadable(&self, reason: impl ToString) -> MediaError {
        MediaError::Unreadable {
            at: self.at,
            reason: reason.to_string(),
        }
    }
}

// === impl Children ===

impl<'a> Children<'a> {
    fn read(&mut self) -> Result<Option<BoxView<'a>>, MediaError> {
        // Some writers end a container with a few zero bytes: less than a header is padding.
        let Some(header) = BoxHeader::parse(self.rest, self.offset)? else {
            return Ok(None);
        };
        let available = self.rest.len() as u64;
        if header.size > available {
            return Err(MediaError::Overrun {
                at: header.at,
                size: header.size,
                available,
            });
        }
        let (raw, rest) = self.rest.split_at(header.size as usize);
        self.rest = rest;
        self.offset += header.size;
        Ok(Some(BoxView::new(&header, raw)))
    }
}

impl<'a> Iterator for Children<'a> {
    type Item = Result<BoxView<'a>, MediaError>;

    fn next(&mut self) -> Option<Self::Item> {
        let child = self.read().transpose();
        if !matches!(child, Some(Ok(_))) {
            self.rest = &[];
        }
        child
    }
}
