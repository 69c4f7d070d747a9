//! The interface that edges see (the bodies follow).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use super::{ServeError, SessionReport, ViewerReport};
use crate::config::ChannelSpec;
use crate::hls::{DeliveryDirectives, Rendered};

/// Who asks. There are no cookies: an address and an agent are one viewer.
#[derive(Debug, Clone, Copy)]
pub struct Viewer<'a> {
    /// Where the request comes from.
    pub address: IpAddr,
    /// The User-Agent, as sent.
    pub agent: &'a str,
}

/// A media resource of a rendition, as its URI names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaName {
    /// `e{epoch}/init.{version}.mp4`
    Init(u32),
    /// `e{epoch}/{msn}.m4s`
    Segment(u64),
    /// `e{epoch}/{msn}.{part}.m4s`
    Part(u64, u32),
}

/// A media resource: immutable.
#[derive(Debug, Clone)]
pub struct Resource {
    /// All of it.
    pub body: Bytes,
    /// A strong entity tag with its quotes, ASCII.
    pub etag: Bytes,
}

/// All channels and their sessions.
#[derive(Debug)]
pub struct SessionMap {}

/// One running channel, as readers see it.
#[derive(Debug)]
pub struct Session {}

impl SessionMap {
    /// All channels, in the order of the file.
    pub fn channels(&self) -> Vec<Arc<ChannelSpec>> {
        Vec::new()
    }

    /// One channel.
    pub fn channel(&self, _id: &str) -> Option<Arc<ChannelSpec>> {
        None
    }

    /// A viewer's playlist request: counts the viewer, renews the deadline, and starts the channel if it does not run.
    pub fn join(&self, channel: &str, _viewer: Viewer<'_>) -> Result<Arc<Session>, ServeError> {
        Err(ServeError::UnknownChannel(channel.into()))
    }

    /// A viewer's media request: renews the deadline of a session that runs, never starts one.
    pub fn running(&self, channel: &str, _viewer: Viewer<'_>) -> Result<Arc<Session>, ServeError> {
        Err(ServeError::UnknownChannel(channel.into()))
    }

    /// Every session, in the order of the channels.
    pub fn reports(&self) -> Vec<SessionReport> {
        Vec::new()
    }

    /// One session by its identifier.
    pub fn report(&self, _id: Uuid) -> Option<SessionReport> {
        None
    }

    /// The session of a channel, if it has one.
    pub fn report_of_channel(&self, _channel: &str) -> Option<SessionReport> {
        None
    }

    /// Who watches a session.
    pub fn viewers(&self, _id: Uuid) -> Option<Vec<ViewerReport>> {
        None
    }

    /// Stops a session now, whoever watches. `false` if there is none.
    pub fn stop(&self, _id: Uuid) -> bool {
        false
    }

    /// Restarts the encoder of a session. `false` if there is none.
    pub fn restart(&self, _id: Uuid) -> bool {
        false
    }

    /// Refuses new viewers, answers who waits, stops every session and waits until all encoders are gone.
    pub async fn drain(&self) {}
}

impl Session {
    /// The channel's Multivariant Playlist; waits for the first Partial Segments of a channel that starts.
    pub async fn multivariant(&self) -> Result<Rendered, ServeError> {
        Err(ServeError::NotFound("nothing".into()))
    }

    /// A Media Playlist; waits as the directives say.
    pub async fn media_playlist(
        &self,
        _rendition: &str,
        _directives: DeliveryDirectives,
        _viewer: Viewer<'_>,
    ) -> Result<Rendered, ServeError> {
        Err(ServeError::NotFound("nothing".into()))
    }

    /// A Media Segment, Partial Segment or initialization section; a hinted part is waited for.
    pub async fn media(
        &self,
        _rendition: &str,
        _epoch: u64,
        _name: MediaName,
    ) -> Result<Resource, ServeError> {
        Err(ServeError::NotFound("nothing".into()))
    }

    /// EXT-X-TARGETDURATION, the unit of cache lifetimes.
    pub fn target_duration(&self) -> Duration {
        Duration::from_secs(2)
    }

    /// For how long a media resource stays available at least.
    pub fn retention(&self) -> Duration {
        Duration::from_secs(60)
    }

    /// Counts bytes that were handed to a viewer.
    pub fn count_sent(&self, _bytes: usize) {}
}
