//! What an ffmpeg may do, and how the kernel is told so: it decodes what strangers send, so it gets no more than it needs.
//!
//! [`access`] says what a child may do (pure: a plan derives it from its source). [`Order`] carries that to the launcher
//! as words of a command line. There, in a process of one thread between fork and exec, [`enter()`] gives everything else
//! away: the user, limits, files and ports (Landlock), system calls (seccomp). What this host cannot take away is said
//! in a [`CageReport`], never left out.
//!
//! This room knows the kernel. It does not know ffmpeg's options, sources or sessions.

pub mod access;
mod enter;
mod examine;
mod order;
mod program;
pub mod report;

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod lists;
mod places;
#[cfg(target_os = "linux")]
mod user;

pub use access::{Access, Network};
pub use enter::{Entered, enter, environment};
pub use examine::examine;
pub use order::Order;
pub use report::{CageReport, Layer, Missing};
