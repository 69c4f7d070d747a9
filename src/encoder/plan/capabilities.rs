//! What an ffmpeg can do, as data: asked once by `encoder::capability`, believed by the plan.

use std::collections::BTreeSet;
use std::path::PathBuf;

/// What an ffmpeg can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// Its own words, for people; never decided on: distributions patch old versions with new options.
    pub version: String,
    /// Whether and how it writes text into pictures.
    pub text: TextSupport,
    /// Those of [`Capabilities::OPTIONS`] that it knows, without the dash.
    pub options: BTreeSet<String>,
    /// Protocols that it reads.
    pub protocols: BTreeSet<String>,
    /// Filters that it has.
    pub filters: BTreeSet<String>,
    /// Whether it says at once when a picture is black or frozen, and when nothing is to be heard.
    pub detectors: bool,
}

/// Whether and how an ffmpeg writes text into pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextSupport {
    /// It has no `drawtext`, or no font.
    None,
    /// It finds a font by itself.
    System,
    /// It needs to be told where a font is.
    Font(PathBuf),
}

// === impl Capabilities ===

impl Capabilities {
    /// The options that not every ffmpeg has and that plans use when they can: one unknown option ends ffmpeg.
    pub const OPTIONS: [&'static str; 10] = [
        "format_whitelist",
        "fps_mode",
        "live_start_index",
        "protocol_whitelist",
        "reconnect",
        "rtsp_transport",
        "rw_timeout",
        "stats_period",
        "stimeout",
        "timeout",
    ];

    /// Whether it knows this option of [`Capabilities::OPTIONS`].
    pub fn knows(&self, option: &str) -> bool {
        self.options.contains(option)
    }
}
