//! The guide as it is sent: rendered and compressed once for everybody.

use std::hash::{DefaultHasher, Hasher};
use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use tokio::sync::Mutex;

use super::Standing;
use crate::iptv::xmltv;

/// Placeholders begin at full hours.
const HOUR: i64 = 3600;

/// An XMLTV document.
#[derive(Debug)]
pub struct Document {
    /// As text.
    pub plain: Bytes,
    /// Compressed.
    pub gzip: Bytes,
    /// An entity tag, with its quotes.
    pub etag: String,
    /// Since when it says what it says.
    pub modified: Timestamp,
}

/// The document that was asked for last.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    current: Mutex<Option<(Key, Arc<Document>)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    version: u64,
    hour: i64,
}

// === impl Shelf ===

impl Shelf {
    /// The document of now; who comes while it is rendered waits for the same one.
    pub(super) async fn document(&self, standing: Arc<Standing>, now: Timestamp) -> Arc<Document> {
        let key = Key {
            version: standing.version(),
            hour: now.as_second().div_euclid(HOUR),
        };
        let mut current = self.current.lock().await;
        if let Some((known, document)) = &*current
            && *known == key
        {
            return document.clone();
        }
        let rendering = tokio::task::spawn_blocking(move || {
            let programmes = |entry: &crate::iptv::LineupEntry| standing.programmes(&entry.spec);
            Document::new(xmltv::render(&standing.lineup, programmes, now), now)
        });
        let document = match rendering.await {
            Ok(document) => Arc::new(document),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        *current = Some((key, document.clone()));
        document
    }
}

// === impl Document ===

impl Document {
    fn new(text: String, now: Timestamp) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(text.as_bytes());
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
        let gzip = encoder
            .write_all(text.as_bytes())
            .and_then(|()| encoder.finish())
            .expect("writing to memory should not fail");
        Self {
            etag: format!("W/\"{:016x}\"", hasher.finish()),
            plain: text.into(),
            gzip: gzip.into(),
            modified: now,
        }
    }
}
