//! Asks ffmpeg what a source is.
