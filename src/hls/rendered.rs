//! Text that was rendered once and is shared by every viewer.

use bytes::Bytes;

/// A playlist as it is sent: plain, compressed, and its entity tag. Cloning shares the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// UTF-8 text.
    pub plain: Bytes,
    /// The same text, gzip.
    pub gzip: Bytes,
    /// A weak entity tag with its quotes, ASCII: the same for both encodings.
    pub etag: Bytes,
}
