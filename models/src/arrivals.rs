//! A viewer who comes while the task of a session is about to end is known to that task or gets another one, and there
//! are never two.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use loom::thread;

use crate::door::{Arrival, Door};
use crate::sync::Mutex;

/// A session in small. Words that lie in the inbox are only counted.
struct House {
    door: Door<()>,
    inbox: Mutex<usize>,
    /// Viewers who are there.
    viewers: AtomicUsize,
    /// How many of them the task has seen at most.
    seen: AtomicUsize,
    tasks: AtomicUsize,
    order: Order,
}

#[derive(Clone, Copy, PartialEq)]
enum Order {
    /// As the product does it.
    Right,
    /// The task looks who is there before it says that it has heard of them.
    LooksFirst,
    /// The task ends without a look into its inbox at the door.
    DoesNotLookBack,
}

impl House {
    fn new(order: Order) -> Arc<Self> {
        Arc::new(Self {
            door: Door::new(),
            inbox: Mutex::new(0),
            viewers: AtomicUsize::new(0),
            seen: AtomicUsize::new(0),
            tasks: AtomicUsize::new(0),
            order,
        })
    }

    /// A viewer: is there, then knocks.
    fn come(this: &Arc<Self>) {
        this.viewers.fetch_add(1, SeqCst);
        let start = || {
            assert_eq!(this.tasks.fetch_add(1, SeqCst), 0, "two tasks");
            let house = this.clone();
            thread::spawn(move || house.live());
            Ok::<(), ()>(())
        };
        let arrival = this
            .door
            .arrive(|| Ok(()), |()| *this.inbox.lock() += 1, start);
        assert!(matches!(arrival, Ok(Arrival::Known | Arrival::Started)));
    }

    fn look(&self) {
        self.seen.fetch_max(self.viewers.load(SeqCst), SeqCst);
    }

    fn next_word(&self) -> bool {
        let mut inbox = self.inbox.lock();
        let is_there = *inbox > 0;
        *inbox -= usize::from(is_there);
        is_there
    }

    /// The task: acts on every word, and ends when there is none.
    fn live(&self) {
        self.look();
        loop {
            while self.next_word() {
                match self.order {
                    Order::LooksFirst => {
                        self.look();
                        self.door.heard();
                    }
                    _ => {
                        self.door.heard();
                        self.look();
                    }
                }
            }
            let mut word = false;
            let has_left = self.door.leave(|| {
                word = self.order != Order::DoesNotLookBack && self.next_word();
                if !word {
                    self.tasks.fetch_sub(1, SeqCst);
                }
                !word
            });
            if has_left {
                return;
            }
            self.door.heard();
            self.look();
        }
    }

    /// After all threads have ended.
    fn check(&self) {
        assert_eq!(
            self.seen.load(SeqCst),
            self.viewers.load(SeqCst),
            "a viewer was forgotten"
        );
        assert_eq!(self.tasks.load(SeqCst), 0, "a task was left");
    }
}

/// Drops last, when every thread that holds the house has ended.
struct Verdict(Arc<House>);

impl Drop for Verdict {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.0.check();
        }
    }
}

/// One viewer comes, then two at once: the second may find a word of the first on its way.
fn three_viewers(order: Order) {
    let mut explorer = loom::model::Builder::new();
    explorer.preemption_bound = Some(3);
    explorer.check(move || {
        let house = House::new(order);
        House::come(&house);
        let other = house.clone();
        let second = thread::spawn(move || House::come(&other));
        House::come(&house);
        second.join().expect("a viewer should not panic");
        // Tasks end by themselves: the last one to let go of the house is waited for.
        while Arc::strong_count(&house) > 1 {
            thread::yield_now();
        }
        drop(Verdict(house));
    });
}

#[test]
fn no_viewer_is_forgotten_and_no_task_is_doubled() {
    three_viewers(Order::Right);
}

#[test]
#[should_panic(expected = "a viewer was forgotten")]
fn to_look_before_hearing_forgets_one() {
    three_viewers(Order::LooksFirst);
}

#[test]
#[should_panic(expected = "a viewer was forgotten")]
fn to_end_without_looking_back_forgets_one() {
    three_viewers(Order::DoesNotLookBack);
}
