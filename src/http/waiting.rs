//! Requests for media that do not exist yet. Thousands wait at a time, so what waits is small: the request's header
//! and the buffer that it was read into are gone by then.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http::Response;
use http::request::Parts;

use super::body::Body;
use super::growing;
use super::manifest;
use super::media::{self, MediaPath, Wishes};
use crate::hls::{DeliveryDirectives, MediaName};
use crate::session::{Cmcd, GrowingReader, Session, Sitting, Viewer};

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
    /// An MPEG-DASH manifest.
    Manifest {
        viewer: Asker,
        wishes: Wishes<'static>,
    },
    /// A playlist of key frames.
    KeyFrames {
        rendition: Box<str>,
        viewer: Asker,
        wishes: Wishes<'static>,
    },
    /// The first part of a segment that is being made.
    Growing {
        reader: Box<GrowingReader>,
        rendition: Box<str>,
    },
    /// A picture.
    Thumbnail { sitting: Sitting, head: Box<Parts> },
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

    pub(super) fn manifest(
        session: Arc<Session>,
        viewer: Viewer<'_>,
        wishes: Wishes<'static>,
    ) -> Self {
        let viewer = Asker::from(viewer);
        let wanted = Wanted::Manifest { viewer, wishes };
        Self { session, wanted }
    }

    pub(super) fn key_frames(
        session: Arc<Session>,
        rendition: &str,
        viewer: Viewer<'_>,
        wishes: Wishes<'static>,
    ) -> Self {
        let wanted = Wanted::KeyFrames {
            rendition: rendition.into(),
            viewer: Asker::from(viewer),
            wishes,
        };
        Self { session, wanted }
    }

    pub(super) fn growing(reader: GrowingReader, rendition: &str) -> Self {
        let session = reader.session().clone();
        let rendition = rendition.into();
        let reader = Box::new(reader);
        let wanted = Wanted::Growing { reader, rendition };
        Self { session, wanted }
    }

    pub(super) fn thumbnail(sitting: Sitting, head: Box<Parts>) -> Self {
        let session = sitting.session().clone();
        let wanted = Wanted::Thumbnail { sitting, head };
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
            Wanted::Manifest { viewer, wishes } => {
                match session.dash_manifest(viewer.as_viewer()).await {
                    Ok(rendered) => manifest::dash(session, &wishes, &rendered),
                    Err(error) => refused(error, false),
                }
            }
            Wanted::KeyFrames {
                rendition,
                viewer,
                wishes,
            } => match session
                .key_frame_playlist(&rendition, viewer.as_viewer())
                .await
            {
                Ok(rendered) => manifest::key_frames(session, &wishes, &rendered),
                Err(error) => refused(error, false),
            },
            Wanted::Growing {
                mut reader,
                rendition,
            } => match reader.next().await {
                Ok(Some(first)) => growing::answer(*reader, &rendition, first),
                Ok(None) | Err(_) => refused(reader.refusal(&rendition), false),
            },
            Wanted::Thumbnail { sitting, head } => match sitting.picture().await {
                Ok(picture) => manifest::thumbnail(&head, picture),
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
