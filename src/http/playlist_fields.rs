//! The header fields of an answer that is a playlist: made once, copied for each.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use super::cache::CachePolicy;
use super::media::{ACCEPT_ENCODING, PLAYLIST, start};

/// In their order; two of them get the values of the answer.
static FIELDS: LazyLock<HeaderMap> = LazyLock::new(|| {
    let (head, _) = start(PLAYLIST, CachePolicy::Revalidate).into_parts();
    let mut fields = head.headers;
    fields.insert(header::VARY, ACCEPT_ENCODING);
    fields.insert(header::ETAG, HeaderValue::from_static("\"\""));
    fields
});

/// The fields of this playlist. A walk over the few there are costs less than the hashes of two names.
pub(super) fn with(policy: CachePolicy, etag: &Bytes) -> HeaderMap {
    let mut fields = FIELDS.clone();
    for (name, value) in &mut fields {
        if name == header::CACHE_CONTROL {
            *value = policy.header();
        } else if name == header::ETAG
            && let Ok(etag) = HeaderValue::from_maybe_shared(etag.clone())
        {
            *value = etag;
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_its_own_values_and_those_of_all() {
        let fields = with(CachePolicy::NoStore, &Bytes::from_static(b"W/\"1.2\""));
        assert_eq!(fields[header::ETAG], "W/\"1.2\"");
        assert_eq!(fields[header::CACHE_CONTROL], "no-store");
        assert_eq!(fields[header::CONTENT_TYPE], PLAYLIST);
        assert_eq!(fields[header::VARY], "accept-encoding");
        assert_eq!(fields.len(), FIELDS.len());
    }
}
