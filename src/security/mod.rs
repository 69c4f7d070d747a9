//! Who may see or do what: pure decisions from what somebody says and what they ask for.
//!
//! Belongs here: comparing tokens and the verdicts about them. Does not belong here: where tokens are read from, HTTP,
//! and what is answered to who may not.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod operators;
