//! The way out: ffmpeg reads http(s) sources through the gateway, and from nowhere else.
//!
//! ffmpeg follows what a stranger's server writes: redirects, playlists, keys. So it gets no address of its own to
//! talk to but one port on this machine, where the gateway listens as an HTTP proxy. Each encoder has a credential of
//! its own in its environment, where other users cannot read it, and is told to open a URL that says nothing. The
//! gateway answers with a redirect to the source, resolves every host once, judges every address, adds the source's
//! secrets where they belong, and hands on the bodies as they come.
//!
//! Why a proxy, and not a rewriting of all URLs: what ffmpeg makes of relative references, `//host/`, templates of
//! DASH and redirects stays what it would be without the gateway, and a URL that nobody has rewritten comes here all
//! the same. Only `https` is veiled, because ffmpeg would want a tunnel for it; see [`names`].
//!
//! Invariants: a connection goes to an address that [`address::Policy`] has allowed a moment before; a credential dies
//! with its [`Lease`]; secrets of a source are said to its own origin only.

pub mod address;
mod body;
mod connect;
mod counters;
mod icy;
mod lease;
mod listener;
mod manifest;
pub mod names;
mod passage;
mod relay;

pub use connect::{Client, Door, NoConnection, Resolve, Resolving, SystemResolver};
pub use counters::{Counted, Counters};
pub use icy::Icy;
pub use lease::{Barred, Egress, Lease};
