//! How media resources are named: the one place that knows the URIs of segments, parts and sections.

use std::fmt;

/// A media resource of a rendition, as its URI names it, relative to the rendition's playlist and without the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaName {
    /// `e{epoch}/init.{version}.mp4`
    Init(u32),
    /// `e{epoch}/{msn}.m4s`
    Segment(u64),
    /// `e{epoch}/{msn}.{part}.m4s`
    Part(u64, u32),
    /// `e{epoch}/{msn}.iframe.m4s`
    KeyFrame(u64),
}

/// The URI of a resource in a timeline.
#[derive(Debug, Clone, Copy)]
pub(super) struct Uri {
    pub(super) epoch: u64,
    pub(super) name: MediaName,
}

impl fmt::Display for MediaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Init(version) => write!(f, "initialization section {version}"),
            Self::Segment(msn) => write!(f, "segment {msn}"),
            Self::Part(msn, part) => write!(f, "part {msn}.{part}"),
            Self::KeyFrame(msn) => write!(f, "key frame of segment {msn}"),
        }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let epoch = self.epoch;
        match self.name {
            MediaName::Init(version) => write!(f, "e{epoch}/init.{version}.mp4"),
            MediaName::Segment(msn) => write!(f, "e{epoch}/{msn}.m4s"),
            MediaName::Part(msn, part) => write!(f, "e{epoch}/{msn}.{part}.m4s"),
            MediaName::KeyFrame(msn) => write!(f, "e{epoch}/{msn}.iframe.m4s"),
        }
    }
}
