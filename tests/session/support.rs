//! A map of sessions over a scripted ffmpeg, and players that ask it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use headgate::config::Config;
use headgate::egress::Egress;
use headgate::events::Events;
use headgate::hls::DeliveryDirectives;
use headgate::session::{Encoders, Ledger, ServeError, SessionMap, SessionReport, Viewer};

use jiff::Timestamp;

use crate::playlist::Playlist;

/// By when anything that a test waits for must have come, also on a machine that is busy with other things.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) const CHANNEL: &str = "one";

/// A map of sessions and the folder of its ffmpeg.
pub(crate) struct House {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) map: Arc<SessionMap>,
    pub(crate) events: Arc<Events>,
}

pub(crate) fn viewer(number: u32) -> Viewer<'static> {
    Viewer {
        address: IpAddr::from(number.to_be_bytes()),
        agent: "player",
        at: std::time::Instant::now(),
        cmcd: None,
    }
}

fn headgate() -> PathBuf {
    env!("CARGO_BIN_EXE_headgate").into()
}

/// A folder with a scripted ffmpeg in it.
pub(crate) fn folder_with_fake(scenario: &str) -> tempfile::TempDir {
    let bin = headgate();
    let program = bin.parent().unwrap().join("examples/fake_ffmpeg");
    assert!(
        program.exists(),
        "run `cargo build --example fake_ffmpeg` first, as a plain `cargo test` does"
    );
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(program, folder.path().join("ffmpeg")).unwrap();
    std::fs::write(folder.path().join("ffmpeg.scenario"), scenario).unwrap();
    folder
}

/// A channel of short segments with one rung and sound; `more` is what differs.
pub(crate) fn channel(id: &str, more: &str) -> String {
    let mut text =
        format!("[[channel]]\nid = \"{id}\"\nsegment_duration = \"1s\"\nwindow = \"8s\"\n");
    let rung = r#"[{ name = "v", height = 360, video_bitrate = "800k" }]"#;
    for (key, value) in [
        ("ladder", rung),
        ("source", "\"testcard:\""),
        ("grace_period", "\"30s\""),
        ("start_timeout", "\"10s\""),
    ] {
        if !more.contains(key) {
            text += &format!("{key} = {value}\n");
        }
    }
    text + more + "\n"
}

// === impl House ===

impl House {
    pub(crate) fn new(scenario: &str, more: &str) -> Self {
        Self::with_file(scenario, &channel(CHANNEL, more))
    }

    pub(crate) fn with_file(scenario: &str, file: &str) -> Self {
        let folder = folder_with_fake(scenario);
        let config = Config::parse(file, &folder.path().join("channels.toml")).unwrap();
        let ffmpeg = folder.path().join("ffmpeg");
        let find = Box::new(move || Ok(ffmpeg.clone()));
        let events = Events::new(Timestamp::UNIX_EPOCH);
        let encoders = Arc::new(Encoders::new(
            headgate(),
            find,
            Egress::new(vec!["127.0.0.0/8".parse().unwrap()]),
        ));
        let map = SessionMap::new(&config, encoders, events.clone(), Ledger::in_memory());
        Self {
            folder,
            map,
            events,
        }
    }

    /// What the next ffmpeg will do.
    pub(crate) fn script(&self, scenario: &str) {
        let new = self.folder.path().join("new");
        std::fs::write(&new, scenario).unwrap();
        std::fs::rename(new, self.folder.path().join("ffmpeg.scenario")).unwrap();
    }

    /// One line for every encoder that ever ran.
    pub(crate) fn lives(&self) -> Vec<String> {
        lives(self.folder.path())
    }

    pub(crate) fn assert_never_two(&self) {
        let lives = self.lives();
        assert!(
            !lives.iter().any(|life| life.ends_with("overlaps")),
            "{lives:?}"
        );
    }

    /// As a player does it: a Media Playlist of the pictures.
    pub(crate) async fn ask(
        &self,
        number: u32,
        directives: DeliveryDirectives,
    ) -> Result<Playlist, ServeError> {
        self.ask_for("v", number, directives).await
    }

    pub(crate) async fn ask_for(
        &self,
        rendition: &str,
        number: u32,
        directives: DeliveryDirectives,
    ) -> Result<Playlist, ServeError> {
        let session = self.map.join(CHANNEL, viewer(number))?;
        let rendered = session
            .media_playlist(rendition, directives, viewer(number))
            .await?;
        let playlist = Playlist::read(std::str::from_utf8(&rendered.plain).unwrap());
        playlist.check();
        Ok(playlist)
    }

    pub(crate) async fn playlist(&self) -> Result<Playlist, ServeError> {
        self.ask(1, DeliveryDirectives::default()).await
    }

    pub(crate) fn report(&self) -> SessionReport {
        self.map
            .report_of_channel(CHANNEL)
            .expect("there should be a session")
    }

    pub(crate) fn state(&self) -> &'static str {
        self.map
            .report_of_channel(CHANNEL)
            .map_or("idle", |report| report.state)
    }

    pub(crate) async fn until_state(&self, state: &str) {
        until(state, || self.state() == state).await;
    }

    pub(crate) fn pid(&self) -> u32 {
        self.report().encoder.expect("an encoder should run").pid
    }

    /// Nothing runs and nothing is held.
    pub(crate) async fn assert_nothing_left(&self) {
        self.until_state("idle").await;
        let report = self.report();
        assert!(
            report.encoder.is_none() && report.renditions.is_empty(),
            "{report:?}"
        );
        assert_eq!((report.memory_bytes, report.blocked_requests), (0, 0));
        assert_eq!(living(self.folder.path()), Vec::<u32>::new());
    }
}

pub(crate) fn lives(folder: &Path) -> Vec<String> {
    let log = std::fs::read_to_string(folder.join("ffmpeg.log")).unwrap_or_default();
    log.lines().map(str::to_owned).collect()
}

/// The encoders of a folder that live.
pub(crate) fn living(folder: &Path) -> Vec<u32> {
    let pids = lives(folder).into_iter().filter_map(|life| {
        let pid = life.split(' ').next()?;
        pid.parse().ok()
    });
    let program = folder.join("ffmpeg");
    let is_ours = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).next() == Some(program.as_os_str().as_encoded_bytes())
    };
    pids.filter(is_ours).collect()
}

/// Waits until a condition of the world holds that nobody announces.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let polling = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let in_time = tokio::time::timeout(DEADLINE, polling).await.is_ok();
    assert!(in_time, "{what} did not happen in time");
}
