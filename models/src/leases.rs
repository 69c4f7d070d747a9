//! The last viewer leaves and a new one comes at that moment. A viewer of a running session sends no word: it notes its
//! lease and then looks at what the session shows. The task that stops shows it first and then looks for leases again.
//! In every order of these steps one of them sees the other (`Viewers::touch` and `media_playlist_now` of the product
//! against `Actor::perform` and `Actor::look_back`, on the kinds of locks that they use).

use loom::sync::{Arc, Mutex, RwLock};
use loom::thread;

#[derive(Clone, Copy, PartialEq)]
enum Status {
    Active,
    Stopping,
}

/// Requests of viewers who have left.
const BEFORE: u64 = 7;

/// A session that nobody watches and that is about to stop.
struct Session {
    /// Requests so far, with the leases.
    requests: Mutex<u64>,
    status: RwLock<Status>,
    /// Words to the task.
    words: Mutex<u64>,
}

/// What has become of a viewer's request.
#[derive(Debug, PartialEq)]
enum Answer {
    FromTheWindow,
    Waits,
}

impl Session {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            requests: Mutex::new(BEFORE),
            status: RwLock::new(Status::Active),
            words: Mutex::new(0),
        })
    }

    fn view(&self) -> Answer {
        *self.requests.lock().unwrap() += 1;
        if *self.status.read().unwrap() == Status::Active {
            return Answer::FromTheWindow;
        }
        *self.words.lock().unwrap() += 1;
        Answer::Waits
    }

    /// Whether the session goes on.
    fn stop(&self, looks_back: bool) -> bool {
        // Leases are looked for under the lock that counts requests.
        let seen = *self.requests.lock().unwrap();
        if seen > BEFORE {
            return true;
        }
        *self.status.write().unwrap() = Status::Stopping;
        let came = looks_back && *self.requests.lock().unwrap() != seen;
        came || *self.words.lock().unwrap() > 0
    }
}

fn one_leaves_and_one_comes(looks_back: bool) {
    loom::model(move || {
        let session = Session::new();
        let viewer = session.clone();
        let viewer = thread::spawn(move || viewer.view());
        let goes_on = session.stop(looks_back);
        let answer = viewer.join().unwrap();
        // Its word is read by the task sooner or later; who got an old playlist and sent none must have been seen.
        let is_known = goes_on || answer == Answer::Waits;
        assert!(is_known, "a viewer was left with a session that stops");
    });
}

#[test]
fn a_viewer_who_comes_while_the_last_one_leaves_is_seen() {
    one_leaves_and_one_comes(true);
}

#[test]
#[should_panic(expected = "a viewer was left with a session that stops")]
fn without_looking_back_one_is_left() {
    one_leaves_and_one_comes(false);
}
