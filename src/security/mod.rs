//! Who may see or do what: pure decisions from a token, what is asked for, an address and the time.
//!
//! Belongs here: formats of tokens, signatures, comparing secrets, and what a token allows. Does not belong here: where in
//! a request a token is, how keys get here, who else is asked, how many watch, and what is answered to who may not.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod grant;
pub mod jwk;
pub mod jwt;
pub mod operators;
pub mod token;

pub use grant::{Asked, Grant, Refusal, Scope};
pub use jwk::{Algorithm, KeySet};
pub use jwt::JwtPolicy;
pub use token::{Keyring, SigningKey};
