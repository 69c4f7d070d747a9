//! The filter graphs: decode once, split, scale each rung; the sound beside it.

use std::time::Duration;

use super::card::Card;
use super::detectors;
use super::facts::{FrameRate, SourceFacts};
use super::{Capabilities, pacing};
use crate::config::{LostWhen, Rung, RungVideo, SourceKind};

/// What the graphs are made from.
#[derive(Debug)]
pub(super) struct Graph<'a> {
    pub(super) name: &'a str,
    pub(super) source: &'a SourceKind,
    pub(super) facts: &'a SourceFacts,
    pub(super) capabilities: &'a Capabilities,
    pub(super) rungs: &'a [Rung],
    pub(super) frame_rate: FrameRate,
    /// Zero: not paced here.
    pub(super) lead: Duration,
    /// A rung is copied: pictures keep the source's timestamps.
    pub(super) follow_source: bool,
    /// What is looked for in the media.
    pub(super) lost_when: &'a LostWhen,
}

// === impl Graph ===

impl Graph<'_> {
    /// From the source to `[v0]`, `[v1]` … ; `None` if nothing is encoded.
    pub(super) fn video(&self) -> Option<String> {
        let scaled: Vec<(usize, u32)> = (0..)
            .zip(self.rungs)
            .filter_map(|(id, rung)| match rung.video {
                RungVideo::Encode { height, .. } => Some((id, height)),
                RungVideo::Copy => None,
            })
            .collect();
        if scaled.is_empty() {
            return None;
        }
        let branches: String = scaled.iter().map(|(id, _)| format!("[s{id}]")).collect();
        let mut graph = format!("{},split={}{branches}", self.pictures(), scaled.len());
        // Where the fewest pixels are to be looked at.
        let smallest = scaled.iter().min_by_key(|(_, height)| *height);
        let smallest = smallest.map(|(id, _)| *id);
        for (id, height) in scaled {
            let mut chain = vec![scale(height)];
            chain.extend(self.video_detectors().filter(|_| smallest == Some(id)));
            graph.push_str(&format!(";[s{id}]{}[v{id}]", chain.join(",")));
        }
        Some(graph)
    }

    /// From the source to `[a]`; `None` if there is no sound.
    pub(super) fn audio(&self) -> Option<String> {
        let audio = self.facts.audio.as_ref()?;
        if let Some(card) = self.card() {
            return Some(format!("{}[a]", card.audio()));
        }
        // Gaps become silence, as at the end of a loop whose sound is shorter than its pictures: an encoder that
        // joins what it gets would let the sound run ahead of the pictures for ever. What starts late starts late.
        // Timestamps of files are exact; those of live sources tremble, and each correction is a click.
        let tolerance = match self.source {
            SourceKind::File { .. } => 0.02,
            _ => 0.1,
        };
        let mut chain = vec![format!(
            "[0:a:{}]aresample=async=1:min_hard_comp={tolerance}:first_pts=0",
            audio.position
        )];
        chain.push("aformat=sample_rates=48000:channel_layouts=stereo".into());
        if !self.lead.is_zero() {
            chain.push(pacing::audio(self.lead));
        }
        // Behind what waits for the clock: what is heard is what viewers hear.
        chain.extend(self.audio_detectors());
        Some(format!("{}[a]", chain.join(",")))
    }

    /// The pictures that all rungs are made from.
    fn pictures(&self) -> String {
        if let Some(card) = self.card() {
            return card.video(self.capabilities);
        }
        let mut chain = Vec::new();
        if self
            .facts
            .video
            .as_ref()
            .is_some_and(|video| video.interlaced)
        {
            // Combs would be scaled into a pattern that cannot be undone. Whole pictures pass untouched.
            chain.push("yadif=deint=interlaced".to_owned());
        }
        if !self.follow_source {
            // An explicit rate: a guessed one can be thousands of frames a second when probing is cut short.
            chain.push(format!("fps={}", self.frame_rate));
        }
        if !self.lead.is_zero() {
            let rate = self.frame_rate;
            let back = format!("settb={}/{}", rate.denominator, rate.numerator);
            chain.extend([pacing::video(self.lead), back]);
        }
        if chain.is_empty() {
            chain.push("null".into());
        }
        format!("[0:v:{}]{}", self.facts.position(), chain.join(","))
    }

    /// `None`, too, for what ffmpeg makes itself: a slate stands still, and is silent.
    fn video_detectors(&self) -> Option<String> {
        let is_wanted = self.card().is_none() && self.capabilities.detectors;
        detectors::video(self.lost_when).filter(|_| is_wanted)
    }

    fn audio_detectors(&self) -> Option<String> {
        detectors::audio(self.lost_when).filter(|_| self.capabilities.detectors)
    }

    fn card(&self) -> Option<Card<'_>> {
        let notice = match self.source {
            SourceKind::TestCard => None,
            SourceKind::Slate { text } => Some(text.as_str()),
            SourceKind::File { .. } | SourceKind::Live { .. } => return None,
        };
        Some(Card {
            name: self.name,
            notice,
            lead: self.lead,
        })
    }
}

/// The width follows from the shape that is *shown*, even, so that sources with oblong pixels keep it; the pixels
/// that leave are square.
fn scale(height: u32) -> String {
    format!("scale=w='2*round(oh*dar/2)':h={height},setsar=1")
}
