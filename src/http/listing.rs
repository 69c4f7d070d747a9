//! Lists in pages: `limit` and `cursor` in, `items`, `total` and `next` out.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::Failure;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

/// What the query of a list says.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// How many items at most; 100 if it is not said.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
    /// What `next` of the page before said.
    #[param(pattern = "^[0-9a-f]{1,16}-[0-9a-f]{1,16}$")]
    cursor: Option<String>,
}

/// A page of a list.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Listing<T> {
    items: Vec<T>,
    /// How many there are in all pages.
    total: usize,
    /// The cursor of the next page.
    next: Option<String>,
}

/// Where a page ended: the position after its last item, and which item that was, because lists change between
/// pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    position: usize,
    last: u64,
}

// === impl ListQuery ===

impl ListQuery {
    /// The page that is asked for; `key` tells items apart for as long as they live, `show` makes what is sent.
    pub(crate) fn page<S, T>(
        &self,
        all: &[S],
        key: impl Fn(&S) -> u64,
        show: impl Fn(&S) -> T,
    ) -> Result<Listing<T>, Failure> {
        let limit = self.limit()?;
        let start = match &self.cursor {
            None => 0,
            Some(text) => Cursor::parse(text)?.resume(all, &key),
        };
        let end = start.saturating_add(limit).min(all.len());
        let next = (end < all.len() && end > start).then(|| {
            let last = key(&all[end - 1]);
            Cursor {
                position: end,
                last,
            }
            .to_text()
        });
        Ok(Listing {
            items: all[start..end].iter().map(show).collect(),
            total: all.len(),
            next,
        })
    }

    fn limit(&self) -> Result<usize, Failure> {
        let Some(text) = &self.limit else {
            return Ok(DEFAULT_LIMIT);
        };
        match text.parse() {
            // A number in its only spelling: `+5` and `05` are mistakes.
            Ok(limit @ 1..=MAX_LIMIT) if !text.starts_with(['+', '0']) => Ok(limit),
            _ => {
                let message = format!("limit must be a number from 1 to {MAX_LIMIT}, not {text:?}");
                Err(Failure::bad_request(message))
            }
        }
    }
}

// === impl Cursor ===

impl Cursor {
    fn to_text(self) -> String {
        format!("{:x}-{:016x}", self.position, self.last)
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        let read = || {
            let (position, last) = text.split_once('-')?;
            Some(Self {
                position: usize::from_str_radix(position, 16).ok()?,
                last: u64::from_str_radix(last, 16).ok()?,
            })
        };
        read().ok_or_else(|| {
            Failure::bad_request("cursor must be what `next` of the page before said")
        })
    }

    /// After the item that was the last, wherever it is now; if it is gone, where it was.
    fn resume<S>(self, all: &[S], key: impl Fn(&S) -> u64) -> usize {
        let found = all.iter().position(|item| key(item) == self.last);
        found.map_or(self.position, |at| at + 1).min(all.len())
    }
}

/// A key made of anything that stays the same.
pub(crate) fn key_of(identity: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    identity.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(limit: Option<&str>, cursor: Option<String>) -> ListQuery {
        ListQuery {
            limit: limit.map(Into::into),
            cursor,
        }
    }

    fn page(all: &[u32], limit: &str, cursor: Option<String>) -> Listing<u32> {
        let page = query(Some(limit), cursor).page(all, |n| key_of(*n), |n| *n);
        page.unwrap()
    }

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let all: Vec<u32> = (0..7).collect();
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let page = page(&all, "3", cursor);
            assert_eq!(page.total, 7);
            seen.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn a_list_that_changes_loses_nothing_that_stayed() {
        let first = page(&[1, 2, 3, 4, 5], "2", None);
        assert_eq!(first.items, [1, 2]);
        assert_eq!(page(&[2, 3, 4, 5], "2", first.next.clone()).items, [3, 4]);
        assert_eq!(page(&[0, 1, 2, 3], "2", first.next.clone()).items, [3]);
        assert_eq!(page(&[1, 3, 4, 5], "2", first.next.clone()).items, [4, 5]);
        assert_eq!(page(&[], "2", first.next).items, Vec::<u32>::new());
    }

    #[test]
    fn wrong_limits_and_cursors_are_refused() {
        for limit in ["0", "1001", "-1", "", "x"] {
            let page = query(Some(limit), None).page(&[1], |_| 0, |n| *n);
            assert_eq!(page.unwrap_err().status, 400, "{limit}");
        }
        for cursor in ["", "x", "1", "1-x", "g-0", "fffffffffffffffff-0"] {
            let page = query(None, Some(cursor.into())).page(&[1], |_| 0, |n| *n);
            assert_eq!(page.unwrap_err().status, 400, "{cursor}");
        }
        let far = query(None, Some("ffffffffffffffff-0".into()));
        let page = far.page(&[1], |_| 1, |n| *n).unwrap();
        assert_eq!(page.items, Vec::<u32>::new());
    }
}
