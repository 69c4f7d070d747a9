//! Text that was rendered once and is shared by every viewer.

use std::io::Write;
use std::sync::OnceLock;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// A playlist as it is sent: plain, compressed, and its entity tag. Cloning shares the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// UTF-8 text.
    pub plain: Bytes,
    /// The same text, gzip.
    pub gzip: Bytes,
    /// A weak entity tag with its quotes, ASCII: the same for all encodings.
    pub etag: Bytes,
    /// Made when the first client asks for it.
    zstd: OnceLock<Bytes>,
}

/// Level 3, the usual one: more takes twice the time for a few bytes.
const ZSTD_LEVEL: i32 = 3;

// === impl Rendered ===

impl Rendered {
    /// Compresses `text` once, for all.
    pub fn new(text: String, etag: String) -> Self {
        // Level 4: a playlist of 3 kB takes a tenth of a millisecond and shrinks to a sixth; 9 gains a percent.
        let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::new(4));
        let gzip = encoder
            .write_all(text.as_bytes())
            .and_then(|()| encoder.finish())
            .expect("writing into memory should never fail");
        Self {
            plain: text.into(),
            gzip: gzip.into(),
            etag: etag.into(),
            zstd: OnceLock::new(),
        }
    }

    /// The same text, zstd: compressed once, when the first client asks for it.
    pub fn zstd(&self) -> Bytes {
        let make = || {
            zstd::bulk::compress(&self.plain, ZSTD_LEVEL)
                .expect("writing into memory should never fail")
                .into()
        };
        self.zstd.get_or_init(make).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_encodings_are_of_the_same_text_and_made_once() {
        let text = "#EXTM3U\n".repeat(200);
        let rendered = Rendered::new(text.clone(), "W/\"1\"".to_owned());
        assert!(rendered.zstd.get().is_none(), "nobody has asked");
        let packed = rendered.zstd();
        assert!(packed.len() < text.len() / 4);
        assert_eq!(
            zstd::bulk::decompress(&packed, 1 << 16).unwrap(),
            text.as_bytes()
        );
        assert_eq!(
            rendered.zstd().as_ptr(),
            packed.as_ptr(),
            "shared, not made again"
        );
        let mut plain = String::new();
        let mut gzip = flate2::read::GzDecoder::new(&rendered.gzip[..]);
        std::io::Read::read_to_string(&mut gzip, &mut plain).unwrap();
        assert_eq!(plain, text);
    }
}
