//! Clients and machines at their worst, under the eyes of viewers who must not notice: the gateway as it is shipped,
//! with a scripted ffmpeg.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(
    clippy::allow_attributes,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "figures are for people"
)]

#[path = "overload/clock.rs"]
mod clock;
#[path = "overload/floods.rs"]
mod floods;
#[path = "overload/frames.rs"]
mod frames;
#[path = "overload/smuggling.rs"]
mod smuggling;
#[path = "overload/squeeze.rs"]
mod squeeze;
#[path = "overload/starts.rs"]
mod starts;
#[path = "overload/support.rs"]
mod support;
