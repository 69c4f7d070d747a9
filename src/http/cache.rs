//! How long caches may keep an answer: a policy per kind of resource, turned into a header here and nowhere else.
//!
//! The factors are those of draft-pantos-hls-rfc8216bis-22, appendix B.1: a blocking answer names its version in the
//! URL and may live long, another one is stale within half a target duration. `Age` is never sent: this is an origin.
//!
//! Only shared caches keep a blocking answer. A viewer's own cache has nobody else to give it to, and video.js asks for
//! the version that it has until there is another one: from its cache it would not learn of that.

use std::sync::LazyLock;
use std::time::Duration;

use http::HeaderValue;

/// What an answer is, as far as caches care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CachePolicy {
    /// A Multivariant Playlist of a channel with this target duration.
    Multivariant(Duration),
    /// A Media Playlist that was asked for without `_HLS_msn`.
    Playlist(Duration),
    /// A Media Playlist that was asked for by its version.
    BlockingPlaylist(Duration),
    /// A segment, part or initialization section: its URI names its bytes for ever; kept for as long as it is useful.
    Media(Duration),
    /// A picture that is made again after this.
    Picture(Duration),
    /// A client's mistake; `blocking` if the request named a version.
    ClientError {
        /// Of the channel.
        target_duration: Duration,
        /// The request named a version.
        blocking: bool,
    },
    /// Operators' data and failures of the server: never kept.
    NoStore,
    /// A document that is asked for again each time (with its entity tag).
    Revalidate,
    /// A file whose name has the hash of its content.
    HashedName,
}

/// The seconds for which a prepared header exists.
const PREPARED: u64 = 300;

static PUBLIC: LazyLock<Vec<HeaderValue>> = LazyLock::new(|| (0..PREPARED).map(public).collect());
static SHARED: LazyLock<Vec<HeaderValue>> = LazyLock::new(|| (0..PREPARED).map(shared).collect());
static IMMUTABLE: LazyLock<Vec<HeaderValue>> =
    LazyLock::new(|| (0..PREPARED).map(immutable).collect());

// === impl CachePolicy ===

impl CachePolicy {
    /// The value of Cache-Control.
    pub(crate) fn header(self) -> HeaderValue {
        match self {
            Self::Multivariant(target) => lookup(&PUBLIC, target, public),
            Self::Picture(age) => lookup(&PUBLIC, age, public),
            Self::Playlist(target) => lookup(&PUBLIC, target / 2, public),
            Self::BlockingPlaylist(target) => lookup(&SHARED, target * 6, shared),
            Self::Media(retention) => lookup(&IMMUTABLE, retention, immutable),
            Self::ClientError {
                target_duration,
                blocking,
            } => {
                let factor = if blocking { 4 } else { 1 };
                lookup(&PUBLIC, target_duration * factor, public)
            }
            Self::NoStore => HeaderValue::from_static("no-store"),
            Self::Revalidate => HeaderValue::from_static("no-cache"),
            Self::HashedName => HeaderValue::from_static("public, max-age=31536000, immutable"),
        }
    }
}

/// Whole seconds, at least one: none would send a thousand viewers through every cache at once.
fn lookup(
    prepared: &[HeaderValue],
    age: Duration,
    make: impl FnOnce(u64) -> HeaderValue,
) -> HeaderValue {
    let seconds = age.as_secs().max(1);
    usize::try_from(seconds)
        .ok()
        .and_then(|index| prepared.get(index))
        .cloned()
        .unwrap_or_else(|| make(seconds))
}

fn public(seconds: u64) -> HeaderValue {
    value(format!("public, max-age={seconds}"))
}

fn shared(seconds: u64) -> HeaderValue {
    value(format!("public, max-age=0, s-maxage={seconds}"))
}

fn immutable(seconds: u64) -> HeaderValue {
    value(format!("public, max-age={seconds}, immutable"))
}

fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("ASCII text should be a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_follow_the_target_duration() {
        let target = Duration::from_secs(4);
        let error = |blocking| CachePolicy::ClientError {
            target_duration: target,
            blocking,
        };
        let table = [
            (CachePolicy::Multivariant(target), "public, max-age=4"),
            (CachePolicy::Playlist(target), "public, max-age=2"),
            (
                CachePolicy::BlockingPlaylist(target),
                "public, max-age=0, s-maxage=24",
            ),
            (
                CachePolicy::Media(Duration::from_secs(66)),
                "public, max-age=66, immutable",
            ),
            (
                CachePolicy::Media(Duration::from_secs(86_400)),
                "public, max-age=86400, immutable",
            ),
            (error(true), "public, max-age=16"),
            (error(false), "public, max-age=4"),
            (
                CachePolicy::Picture(Duration::from_millis(4_900)),
                "public, max-age=4",
            ),
            (CachePolicy::NoStore, "no-store"),
            (
                CachePolicy::Playlist(Duration::from_secs(1)),
                "public, max-age=1",
            ),
        ];
        for (policy, header) in table {
            assert_eq!(policy.header(), header, "{policy:?}");
        }
    }
}
