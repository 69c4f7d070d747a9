//! What the tests of the encoder room share: a channel, a collector of events, and a look at processes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use headgate::base::{ChannelId, RenditionId};
use headgate::config::{ChannelSpec, LadderSpec, LostWhen, SourceKind, SourceSpec};
use headgate::encoder::{Encoder, EncoderEvent, EncoderExit, Progress, Symptom};
use headgate::media::{Fragment, MediaInitializationSection};

/// By when anything that a test waits for must have come, also on a machine that is busy with other things.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Everything that an encoder sent.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub inits: BTreeMap<RenditionId, MediaInitializationSection>,
    pub fragments: BTreeMap<RenditionId, Vec<Fragment>>,
    pub progress: Vec<Progress>,
    pub detected: Vec<(Symptom, bool)>,
    pub broken: Vec<RenditionId>,
    pub exit: Option<EncoderExit>,
}

pub(crate) fn ffmpeg() -> PathBuf {
    let path = std::env::var_os("PATH");
    let env = std::env::var_os("FFMPEG");
    headgate::encoder::find_ffmpeg(None, env.as_deref(), path.as_deref(), ".tools".as_ref())
        .expect("these tests need ffmpeg")
}

pub(crate) fn channel(kind: SourceKind) -> ChannelSpec {
    ChannelSpec {
        id: ChannelId::new("test").unwrap(),
        name: "Test card".into(),
        logo: None,
        number: None,
        group: None,
        tvg_id: None,
        guide: None,
        sources: vec![SourceSpec::new(kind)],
        ladder: LadderSpec::Auto,
        grace_period: Duration::from_secs(30),
        start_timeout: Duration::from_secs(10),
        slate_after: None,
        hold_down: Duration::from_secs(30),
        lost_when: LostWhen::default(),
        segment_duration: Duration::from_secs(2),
        part_duration: Duration::from_millis(500),
        window: Duration::from_secs(30),
        access: Default::default(),
    }
}

/// Takes events until enough has come or the encoder is gone.
pub(crate) async fn collect(
    encoder: &mut Encoder,
    enough: impl Fn(&Collected) -> bool,
) -> Collected {
    let mut collected = Collected::default();
    let work = async {
        while !enough(&collected) {
            match encoder.events.recv().await {
                Some(event) => collected.take(event),
                None => break,
            }
        }
    };
    let in_time = tokio::time::timeout(DEADLINE, work).await.is_ok();
    assert!(in_time, "not enough in time: {:?}", encoder.last_lines());
    collected
}

impl Collected {
    pub(crate) fn take(&mut self, event: EncoderEvent) {
        match event {
            EncoderEvent::Init(id, init) => drop(self.inits.insert(id, init)),
            EncoderEvent::Fragment(id, fragment) => {
                self.fragments.entry(id).or_default().push(fragment)
            }
            EncoderEvent::Progress(progress) => self.progress.push(progress),
            EncoderEvent::Detected { symptom, present } => self.detected.push((symptom, present)),
            EncoderEvent::Broken(id, _) => self.broken.push(id),
            EncoderEvent::Exited(exit) => self.exit = Some(exit),
        }
    }

    pub(crate) fn timescale(&self, id: RenditionId) -> u32 {
        self.inits[&id].timescale
    }

    /// Decode times of key frames, in ticks.
    pub(crate) fn key_frames(&self) -> BTreeMap<RenditionId, Vec<u64>> {
        let keys = |fragments: &Vec<Fragment>| {
            let keys = fragments.iter().filter(|f| f.samples[0].is_sync);
            keys.map(|f| f.base_decode_time).collect()
        };
        self.fragments
            .iter()
            .map(|(id, fragments)| (*id, keys(fragments)))
            .collect()
    }

    /// Every fragment begins where the one before ended.
    pub(crate) fn assert_seamless(&self, id: RenditionId, name: &str) {
        for pair in self.fragments[&id].windows(2) {
            let duration: u64 = pair[0].samples.iter().map(|s| u64::from(s.duration)).sum();
            let end = pair[0].base_decode_time + duration;
            let seam = pair[1].base_decode_time as i64 - end as i64;
            assert!(seam.abs() <= 1, "{name} {id:?}: {seam} ticks at {end}");
        }
    }

    /// From the first decode time to the last, in seconds.
    pub(crate) fn seconds(&self, id: RenditionId) -> f64 {
        let Some(fragments) = self.fragments.get(&id) else {
            return 0.0;
        };
        let ticks = fragments[fragments.len() - 1].base_decode_time - fragments[0].base_decode_time;
        ticks as f64 / f64::from(self.timescale(id))
    }

    /// Seconds of the rendition that has least, of those that have begun.
    pub(crate) fn seconds_of_all(&self) -> f64 {
        let all = self.inits.keys().map(|id| self.seconds(*id));
        all.fold(f64::INFINITY, f64::min)
            .min(if self.inits.is_empty() {
                0.0
            } else {
                f64::INFINITY
            })
    }
}

/// The letter of a process's state (`Z` is a zombie), or nothing if there is no such process.
pub(crate) fn process_state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next())
}

/// Waits until a condition of the world holds that nobody announces.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let polling = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let in_time = tokio::time::timeout(DEADLINE, polling).await.is_ok();
    assert!(in_time, "{what} did not happen in time");
}
