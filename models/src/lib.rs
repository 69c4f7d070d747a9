//! What `src/session` must never do, whatever the order of its threads' steps: each model is run in every interleaving
//! that the memory model allows (loom). Each model also exists with its steps in a wrong order, and must then be caught:
//! a model that cannot fail proves nothing.
#![cfg(test)]

// The product's own file, on the checker's primitives.
mod arrivals;
#[path = "../../src/session/door.rs"]
mod door;
mod leases;

mod sync {
    pub(super) use loom::sync::atomic::{AtomicBool, Ordering};

    /// As the product's: a guard, not a result.
    #[derive(Debug)]
    pub(super) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(super) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(super) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().expect("nobody panics with it")
        }
    }
}
