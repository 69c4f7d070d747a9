//! The filters that look at what is encoded anyway: black, frozen, silent.
//!
//! What they find, they write onto the frame; a filter behind them prints that to standard output, one write for each
//! line, between the reports of `-progress`. Nothing is decoded twice, and nothing is printed while nothing changes.

use std::time::Duration;

use crate::config::LostWhen;

/// What stands in front of the name of a chain that begins.
pub const BEGIN: &str = "headgate.begin";

/// The chain of the pictures, as it calls itself.
pub const VIDEO: &str = "video";

/// The chain of the sound, as it calls itself.
pub const AUDIO: &str = "audio";

/// How long a picture must stand still, or the sound be silent, before it is said. Short, because how long is too
/// long is decided elsewhere and may change while ffmpeg runs; not shorter, or each pause between words would be told.
pub const DETECTED_AFTER: Duration = Duration::from_millis(500);

/// A picture is black when 98 of 100 pixels are darker than a tenth of the range: noise and a logo in the corner are
/// still black, a night scene with a lamp is not.
const BLACK: &str = "blackdetect=pic_th=0.98:pix_th=0.1";

/// A picture stands still when it differs by less than -60 dB of the range, on average, from the first that stood
/// still. At -50 dB a face of which only the lips move counted as frozen; a picture that was encoded again with
/// key frames passes -60 dB a little later, when its encoder has come to rest. A good source that is left costs more.
const FROZEN: &str = "freezedetect=n=0.001";

/// Nothing is heard when no sample is above -60 dB of full scale: dead air, also behind a lossy codec, and no quiet
/// scene.
const SILENT: &str = "silencedetect=n=0.001";

/// What to add to a chain of pictures; `None` if nothing is looked for.
pub(super) fn video(lost_when: &LostWhen) -> Option<String> {
    let black = lost_when.black.map(|_| BLACK.to_owned());
    let frozen = lost_when.frozen.map(|_| lasting(FROZEN));
    let wanted: Vec<String> = black.into_iter().chain(frozen).collect();
    (!wanted.is_empty()).then(|| chain("metadata", VIDEO, &wanted))
}

/// What to add to a chain of sound; `None` if nothing is looked for.
pub(super) fn audio(lost_when: &LostWhen) -> Option<String> {
    let silent = lost_when.silent.map(|_| lasting(SILENT))?;
    Some(chain("ametadata", AUDIO, &[silent]))
}

/// Two graphs in which each detector has something to tell at once, to see whether an ffmpeg can do it.
pub fn trial() -> [String; 2] {
    let all = LostWhen {
        black: Some(Duration::ZERO),
        frozen: Some(Duration::ZERO),
        silent: Some(Duration::ZERO),
    };
    let (video, audio) = (video(&all), audio(&all));
    [
        format!(
            "color=color=black:size=64x64:rate=10:duration=1,{}[v]",
            video.unwrap_or_default()
        ),
        format!(
            "aevalsrc=0:sample_rate=48000:duration=1,{}[a]",
            audio.unwrap_or_default()
        ),
    ]
}

fn lasting(detector: &str) -> String {
    format!("{detector}:d={}", DETECTED_AFTER.as_secs_f64())
}

fn chain(metadata: &str, name: &str, detectors: &[String]) -> String {
    let detectors = detectors.join(",");
    format!(
        // What the source itself wrote onto its frames is foreign text.
        "{metadata}=mode=delete,\
         {metadata}=mode=add:key={BEGIN}:value={name}:enable='eq(n,0)',\
         {detectors},\
         {metadata}=mode=print:file=-:direct=1"
    )
}
