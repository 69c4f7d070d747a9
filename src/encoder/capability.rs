//! Asks an ffmpeg what it can do.
