//! A request that is sent twice, because its answer got lost, is done once: Idempotency-Key.

use std::collections::VecDeque;
use std::time::Duration;

use http::HeaderMap;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::error::Failure;
use super::listing::key_of;

/// How long a key is remembered.
const MEMORY: Duration = Duration::from_secs(600);

/// How many keys are remembered; the oldest is forgotten first.
const MAX_KEYS: usize = 1024;

/// The longest key, in bytes.
const MAX_KEY_LENGTH: usize = 255;

/// Which requests were done, by key, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Answers(Mutex<VecDeque<(Instant, u64)>>);

/// What makes a request of this path the same request; `None` if it carries no key.
pub(crate) fn request_key(headers: &HeaderMap, path: &str) -> Result<Option<u64>, Failure> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    match key.as_bytes() {
        key @ [_, ..] if key.len() <= MAX_KEY_LENGTH => Ok(Some(key_of((path, key)))),
        _ => {
            let message = format!("Idempotency-Key must have 1 to {MAX_KEY_LENGTH} characters");
            Err(Failure::bad_request(message))
        }
    }
}

// === impl Answers ===

impl Answers {
    /// Runs `act` unless it succeeded before under the same key; says whether it is done. A failure may be tried
    /// again.
    pub(crate) fn once(&self, key: Option<u64>, act: impl FnOnce() -> bool) -> bool {
        let Some(key) = key else {
            return act();
        };
        // The lock is held while acting, so that two copies of a request cannot both act.
        let mut done = self.0.lock();
        let now = Instant::now();
        while done
            .front()
            .is_some_and(|(at, _)| now.duration_since(*at) > MEMORY)
        {
            done.pop_front();
        }
        if done.iter().any(|(_, known)| *known == key) {
            return true;
        }
        let is_done = act();
        if is_done {
            if done.len() == MAX_KEYS {
                done.pop_front();
            }
            done.push_back((now, key));
        }
        is_done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_key_acts_once_until_it_is_forgotten() {
        let answers = Answers::default();
        let mut acts = 0;
        let mut act = |key, result| {
            answers.once(key, || {
                acts += 1;
                result
            })
        };
        assert!(!act(Some(1), false));
        assert!(act(Some(1), true));
        assert!(act(Some(1), true));
        assert!(act(Some(2), true));
        assert!(act(None, true));
        assert!(act(None, true));
        tokio::time::advance(MEMORY + Duration::from_secs(1)).await;
        assert!(act(Some(1), true));
        assert_eq!(acts, 6);
        assert_eq!(answers.0.lock().len(), 1);
    }

    #[tokio::test]
    async fn the_memory_is_bounded() {
        let answers = Answers::default();
        for key in 0..2 * MAX_KEYS as u64 {
            answers.once(Some(key), || true);
        }
        assert_eq!(answers.0.lock().len(), MAX_KEYS);
    }

    #[test]
    fn keys_belong_to_their_path() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("idempotency-key", value.parse().unwrap());
            headers
        };
        assert_eq!(request_key(&HeaderMap::new(), "a"), Ok(None));
        let key = |path| request_key(&with("x"), path).unwrap();
        assert_eq!(key("a"), key("a"));
        assert_ne!(key("a"), key("b"));
        assert!(request_key(&with(""), "a").is_err());
        assert!(request_key(&with(&"x".repeat(256)), "a").is_err());
    }
}
