//! Requests for media that do not exist yet. Thousands wait at a time, so what waits is small: the request's header
//! and the buffer that it was read into are gone by then.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http::Response;
use http::request::Parts;

use super::body::Body;
use super::media::{self, MediaPath, Wishes};
use crate::hls::{DeliveryDirectives, MediaName};
use crate::session::{Cmcd, Session, Viewer};

/// A request that waits. Owns all that its answer needs.
#[derive(Debug)]
pub(crate) struct Wait {
    session: Arc<Session>,
    wanted: Wanted,
}

/// What it waits for.
#[derive(Debug)]
enum Wanted {
    /// The channel starts.
    Multivariant(Wishes<'static>),
    /// A Media Playlist that holds what the directives ask for.
    Playlist {
        directives: DeliveryDirectives,
        rendition: Box<str>,
        viewer: Asker,
        wishes: Wishes<'static>,
    },
    /// A Partial Segment that was announced.
    Part {
        head: Box<Parts>,
        rendition: Box<str>,
        epoch: u64,
        name: MediaName,
        viewer: Asker,
    },
}

/// A [`Viewer`] that borrows nothing.
#[derive(Debug)]
pub(super) struct Asker {
    address: IpAddr,
    agent: Box<str>,
    at: Instant,
    cmcd: Option<Box<Cmcd>>,
}

// === impl Wait ===

impl Wait {
    pub(super) fn multivariant(session: Arc<Session>, wishes: Wishes<'static>) -> Self {
        let wanted = Wanted::Multivariant(wishes);
        Self { session, wanted }
    }

    pub(super) fn playlist(
        session: Arc<Session>,
        directives: DeliveryDirectives,
        rendition: &str,
        viewer: Viewer<'_>,
        wishes: Wishes<'static>,
    ) -> Self {
        let wanted = Wanted::Playlist {
            directives,
            rendition: rendition.into(),
            viewer: Asker::from(viewer),
            wishes,
        };
        Self { session, wanted }
    }

    pub(super) fn part(
        session: Arc<Session>,
        head: Box<Parts>,
        path: MediaPath<'_>,
        viewer: Viewer<'_>,
    ) -> Self {
        let wanted = Wanted::Part {
            head,
            rendition: path.rendition.into(),
            epoch: path.epoch,
            name: path.name,
            viewer: Asker::from(viewer),
        };
        Self { session, wanted }
    }

    /// The answer as soon as what it needs is there, or why it does not come.
    pub(crate) async fn answer(self) -> Response<Body> {
        let session = &*self.session;
        let refused = |error, blocks| media::failure(error, session.target_duration(), blocks);
        match self.wanted {
            Wanted::Multivariant(wishes) => match session.multivariant().await {
                Ok(rendered) => media::multivariant(session, &wishes, &rendered),
                Err(error) => refused(error, false),
            },
            Wanted::Playlist {
                directives,
                rendition,
                viewer,
                wishes,
            } => match session
                .media_playlist(&rendition, directives, viewer.as_viewer())
                .await
            {
                Ok(rendered) => media::media_playlist(session, &directives, &wishes, &rendered),
                Err(error) => refused(error, directives.blocks()),
            },
            Wanted::Part {
                head,
                rendition,
                epoch,
                name,
                viewer,
            } => match session
                .media(&rendition, epoch, name, viewer.as_viewer())
                .await
            {
                Ok(found) => media::media_resource(session, &head, &rendition, found),
                Err(error) => refused(error, false),
            },
        }
    }
}

// === impl Asker ===

impl Asker {
    pub(super) fn as_viewer(&self) -> Viewer<'_> {
        Viewer {
            address: self.address,
            agent: &self.agent,
            at: self.at,
            cmcd: self.cmcd.as_deref(),
        }
    }
}

impl From<Viewer<'_>> for Asker {
    fn from(viewer: Viewer<'_>) -> Self {
        Self {
            address: viewer.address,
            agent: viewer.agent.into(),
            at: viewer.at,
            cmcd: viewer.cmcd.cloned().map(Box::new),
        }
    }
}
