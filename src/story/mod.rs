//! What a gateway says about a channel, told as a story. Pure: the answer of the API and the time go in, text comes
//! out.
//!
//! Belongs here: words. What is true is decided by [`session`](crate::session), which this room does not know: it reads
//! what any client of the API reads.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod answer;
mod clock;
mod happened;
mod now;

#[cfg(test)]
mod tests;

use jiff::Timestamp;

pub use answer::{Channel, Encoder, Happened, Next, Rendition, Session, Source};
use clock::Clock;

/// The story of a channel, for people: many lines, the last one without an end.
pub fn tell(channel: &Channel, now: Timestamp) -> String {
    let clock = Clock::new(now);
    let mut paragraphs = vec![now::state(channel, &clock), now::sources(channel, &clock)];
    if let Some(session) = &channel.session {
        paragraphs.push(now::encoder(session));
        paragraphs.push(happened::history(session, &clock));
    }
    paragraphs.push(now::next(channel, &clock));
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs.join("\n\n")
}
