//! What only the tests with the real ffmpeg need.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use headgate::base::RenditionId;
use headgate::config::ChannelSpec;
use headgate::encoder::{Capabilities, EncoderPlan, Launcher, SourceFacts};
use headgate::media::Fragment;

use crate::support::{Collected, collect, ffmpeg};

pub(crate) fn launcher() -> Launcher {
    Launcher::new(env!("CARGO_BIN_EXE_headgate").into(), ffmpeg())
}

pub(crate) async fn capabilities() -> Capabilities {
    Capabilities::probe(&launcher())
        .await
        .expect("ffmpeg should be able to encode")
}

/// The plan for a channel's first source, whose facts must be known without a probe.
pub(crate) async fn plan(channel: &ChannelSpec) -> EncoderPlan {
    let source = &channel.sources[0];
    let facts = SourceFacts::known(source).expect("only cards are known without a probe");
    EncoderPlan::new(channel, source, &facts, &capabilities().await, None).unwrap()
}

/// Runs a plan until enough has come, then stops it and waits for its end.
pub(crate) async fn run_plan(plan: &EncoderPlan, enough: impl Fn(&Collected) -> bool) -> Collected {
    let mut encoder = launcher().spawn(plan).await.unwrap();
    let mut collected = collect(&mut encoder, enough).await;
    encoder.stop(Duration::from_secs(5));
    let rest = collect(&mut encoder, |_| false).await;
    collected.exit = collected.exit.or(rest.exit);
    collected
}

impl Collected {
    /// When key frames are shown, in seconds from the first of them.
    pub(crate) fn key_frame_seconds(&self, id: RenditionId) -> Vec<f64> {
        let keys = self.fragments[&id].iter().filter(|f| f.samples[0].is_sync);
        let shown = |f: &Fragment| {
            let ticks = f.base_decode_time as f64 + f64::from(f.samples[0].composition_offset);
            ticks / f64::from(self.timescale(id))
        };
        keys.map(shown).collect()
    }

    /// The most bits a second that any stretch of this length needs, as it came out of the encoder.
    pub(crate) fn peak_bitrate(&self, id: RenditionId, seconds: f64) -> f64 {
        let scale = f64::from(self.timescale(id));
        let mut stretches: BTreeMap<u64, f64> = BTreeMap::new();
        for fragment in &self.fragments[&id] {
            let at = fragment.base_decode_time as f64 / scale / seconds;
            *stretches.entry(at as u64).or_default() += fragment.data.len() as f64 * 8.0;
        }
        stretches.into_values().fold(0.0, f64::max) / seconds
    }
}

/// Runs ffmpeg to make a file, outside of what is tested.
pub(crate) fn make(arguments: &str, file: &std::path::Path) {
    let status = Command::new(ffmpeg())
        .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-y"])
        .args(arguments.split_whitespace())
        .arg(file)
        .status()
        .unwrap();
    assert!(status.success(), "ffmpeg should make {}", file.display());
}
