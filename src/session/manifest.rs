//! Manifests that are rendered when somebody asks: MPEG-DASH, and the playlists of key frames. Most channels never need
//! them, so nothing is done for them when media come; what was rendered is shared until there are other media.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::error::ServeError;
use super::handle::Session;
use super::publish::{Live, Publication, WaitError};
use super::run::wall_clock;
use super::viewers::Viewer;
use crate::dash::{self, Track, Version};
use crate::hls::{Readiness, Rendered, Snapshot, quirks};

/// The last text that was asked for, and what it was made of.
#[derive(Debug)]
pub(super) struct OnDemand<V>(Mutex<Held<V>>);

#[derive(Debug)]
struct Held<V> {
    /// How many texts there have been.
    count: u64,
    newest: Option<(V, Arc<Rendered>)>,
}

// === impl OnDemand ===

impl<V> Default for OnDemand<V> {
    fn default() -> Self {
        let (count, newest) = (0, None);
        Self(Mutex::new(Held { count, newest }))
    }
}

impl<V: PartialEq> OnDemand<V> {
    /// The text of this version. `render` gets a number that no other text of this place has, and is called by one
    /// asker at a time: the others take what that one made.
    fn get(
        &self,
        version: V,
        render: impl FnOnce(u64) -> Option<Rendered>,
    ) -> Option<Arc<Rendered>> {
        let mut held = self.0.lock();
        if let Some((known, rendered)) = &held.newest
            && *known == version
        {
            return Some(rendered.clone());
        }
        held.count += 1;
        let rendered = Arc::new(render(held.count)?);
        held.newest = Some((version, rendered.clone()));
        Some(rendered)
    }
}

// === impl Live ===

impl Live {
    /// The MPEG-DASH manifest of now; `None` while there is not enough of a rendition, and after the end.
    fn dash(&self) -> Option<Arc<Rendered>> {
        let renditions = self.renditions();
        let snapshots: Vec<Arc<Snapshot>> = renditions
            .iter()
            .map(Publication::latest)
            .collect::<Option<_>>()?;
        let tracks: Vec<Track<'_>> = renditions
            .iter()
            .zip(&snapshots)
            .map(|(rendition, snapshot)| Track {
                name: rendition.name.as_str(),
                snapshot,
            })
            .collect();
        self.dash.get(Version::of(&tracks), |number| {
            let text = dash::manifest(&tracks, wall_clock())?;
            let etag = format!("W/\"e{}-d{number}\"", self.epoch);
            Some(Rendered::new(text, etag))
        })
    }
}

// === impl Publication ===

impl Publication {
    /// The playlist of key frames of now.
    fn key_frame_playlist(&self) -> Option<Arc<Rendered>> {
        let snapshot = self.latest()?;
        let newest = snapshot.segments().last()?.msn;
        self.key_frames
            .get(newest, |_| snapshot.key_frame_playlist())
    }
}

// === impl Session ===

impl Session {
    /// The MPEG-DASH manifest; waits for a channel that starts.
    ///
    /// # Errors
    /// [`ServeError::Unavailable`] when the channel does not deliver: never an old manifest.
    pub async fn dash_manifest(&self, viewer: Viewer<'_>) -> Result<Arc<Rendered>, ServeError> {
        let live = self.live().await?;
        for publication in live.renditions() {
            self.wait_for(publication, viewer, dash::is_ready).await?;
        }
        self.refuse_stale(&live, Instant::now())?;
        live.dash()
            .ok_or_else(|| self.unavailable("it has just ended"))
    }

    /// The playlist of a rendition's key frames; waits for a channel that starts.
    ///
    /// # Errors
    /// As for a Media Playlist; a rendition of sound has none.
    pub async fn key_frame_playlist(
        &self,
        rendition: &str,
        viewer: Viewer<'_>,
    ) -> Result<Arc<Rendered>, ServeError> {
        let live = self.live().await?;
        let publication = self.rendition(&live, rendition)?;
        let begun = |snapshot: &Snapshot| !quirks::is_too_early(snapshot);
        self.wait_for(publication, viewer, begun).await?;
        self.refuse_stale(&live, Instant::now())?;
        let playlist = publication.key_frame_playlist();
        playlist.ok_or_else(|| {
            ServeError::NotFound(format!(
                "a playlist of key frames of {}/{rendition}",
                self.id
            ))
        })
    }

    /// Waits until there is enough of a rendition that starts.
    async fn wait_for(
        &self,
        publication: &Publication,
        viewer: Viewer<'_>,
        is_enough: impl Fn(&Snapshot) -> bool,
    ) -> Result<(), ServeError> {
        let ready = |snapshot: &Snapshot| match is_enough(snapshot) {
            true => Readiness::Ready,
            false => Readiness::Wait,
        };
        match self.wait(publication, viewer, ready).await {
            Ok(_) => Ok(()),
            Err(WaitError::Ended) => Err(self.unavailable("it has just ended")),
            Err(_) => Err(self.unavailable("its first media do not come")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_rendered_once_for_each_version() {
        let place = OnDemand::<u64>::default();
        let render = |number: u64| Some(Rendered::new(format!("text {number}"), String::new()));
        let first = place.get(1, render).unwrap();
        let again = place.get(1, |_| panic!("it is there")).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(place.get(2, render).unwrap().plain, "text 2");
        assert!(place.get(3, |_| None).is_none());
        assert_eq!(place.get(3, render).unwrap().plain, "text 4");
    }
}
