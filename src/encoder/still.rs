//! One key frame into one small picture, by an ffmpeg that lives for a moment.

use std::time::Duration;

use bytes::Bytes;

use super::find::FfmpegNotFound;
use super::process::{Launcher, SpawnError};

/// By when the picture must be there; ffmpeg needs a tenth of a second, on a busy machine ten times that.
const DEADLINE: Duration = Duration::from_secs(5);

/// The widest picture, in pixels: what a card on a page shows.
const WIDTH: u32 = 480;

/// What a JPEG begins and ends with.
const JPEG: (&[u8], &[u8]) = (&[0xFF, 0xD8, 0xFF], &[0xFF, 0xD9]);

/// A picture of [`WIDTH`] has some 30 kB; noise has 200 kB.
const MAX_PICTURE: usize = 1 << 20;

/// Why there is no picture.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StillError {
    /// There is no ffmpeg.
    #[error(transparent)]
    NoFfmpeg(#[from] FfmpegNotFound),
    /// It did not start.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// It was killed at the deadline.
    #[error("ffmpeg did not make a picture within {0:?}")]
    TooSlow(Duration),
    /// It did not make one.
    #[error("ffmpeg made no picture: {0}")]
    NotDecoded(String),
}

/// Decodes `media`, an initialization section and a fragment with a key frame, into a JPEG.
///
/// # Errors
/// [`StillError`]; in each case no process is left.
pub async fn decode(launcher: &Launcher, media: Bytes) -> Result<Bytes, StillError> {
    let finished = launcher.run_on(&arguments(), media, DEADLINE).await?;
    if finished.status.is_none() {
        return Err(StillError::TooSlow(DEADLINE));
    }
    let picture = finished.stdout;
    let is_jpeg = picture.starts_with(JPEG.0) && picture.ends_with(JPEG.1);
    if is_jpeg && picture.len() <= MAX_PICTURE {
        return Ok(picture.into());
    }
    let said = finished
        .lines
        .last()
        .map_or("it said nothing", String::as_str);
    Err(StillError::NotDecoded(said.to_owned()))
}

fn arguments() -> Vec<String> {
    // Square pixels, never larger than the source.
    let scale = format!("scale=w=trunc(iw*sar/2)*2:h=ih,setsar=1,scale=w=min({WIDTH}\\,iw):h=-2");
    let words = [
        "-nostdin",
        "-hide_banner",
        "-loglevel",
        "error",
        "-threads",
        "1",
        // The bytes come from the gateway; nothing else is to be opened, whatever they say.
        "-protocol_whitelist",
        "pipe",
        "-f",
        "mp4",
        "-i",
        "pipe:0",
        "-map",
        "0:v:0",
        "-frames:v",
        "1",
        "-vf",
        &scale,
        "-pix_fmt",
        "yuvj420p",
        "-c:v",
        "mjpeg",
        "-q:v",
        "5",
        "-threads",
        "1",
        "-fflags",
        "+bitexact",
        "-f",
        "mjpeg",
        "pipe:1",
    ];
    words.map(str::to_owned).into()
}
