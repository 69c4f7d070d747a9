//! What the hand-offs of a session are made of. `models/` puts those of its model checker in their place.

pub(super) use std::sync::atomic::{AtomicBool, Ordering};

pub(super) use parking_lot::Mutex;
