//! Certificates and what is spoken over them: loaded from files or ordered from an ACME server, exchanged while
//! connections go on.
//!
//! Belongs here: what makes a pair of certificate and key good, which pair is in force, handshakes, orders. Does not
//! belong here: who listens, what is said over a connection, when a file may have changed.
//!
//! One [`Certificates`] is shared by all handshakes. Putting another pair in force is one exchange of a pointer: a
//! handshake takes the pair that is in force when it begins, and connections that are open keep theirs.

mod accept;
mod acme;
mod certificates;
mod client;
mod folder;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod pair;
mod validity;

pub use accept::{Acceptor, Spoken, Stream};
pub use acme::{Pace, keep};
pub use certificates::{Certificates, Refused, Standing};
pub use pair::{Pair, PairError};
pub use validity::Validity;
