//! Encoders that are killed at moments that nobody chose, while somebody reads every version of every playlist.

use std::fmt::Write;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::task::LocalSet;
use tokio_util::sync::CancellationToken;

use crate::checker::{heard, watch};
use crate::gateway::{Gateway, PATIENCE};

/// Short segments: much happens between two kills.
const SETTINGS: &str = r#"
[defaults]
segment_duration = "1s"
part_duration = "500ms"
window = "8s"
ladder = [{ name = "v", height = 180, video_bitrate = "200k" }]
"#;

/// Who is killed how often, and after which pauses.
struct Plan {
    channels: usize,
    kills: usize,
    /// Milliseconds: the shortest, and how much longer it may be.
    pause: (u64, u64),
}

/// A gateway gives an encoder up that is lost five times in a minute, and that budget is part of what is tested: so
/// many channels share the hundred kills that none of them uses it up.
#[tokio::test]
async fn a_hundred_kills_are_a_hundred_recoveries() {
    let plan = Plan {
        channels: 20,
        kills: 5,
        pause: (15_500, 2_000),
    };
    let folder = tempfile::tempdir().unwrap();
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_headgate"));
    let fake = binary.parent().unwrap().join("examples/fake_ffmpeg");
    std::os::unix::fs::symlink(fake, folder.path().join("ffmpeg")).unwrap();
    std::fs::write(folder.path().join("ffmpeg.scenario"), "burst 0.5").unwrap();
    LocalSet::new().run_until(run(&plan, folder, false)).await;
}

#[tokio::test]
async fn ten_kills_of_the_real_ffmpeg_are_ten_recoveries() {
    let plan = Plan {
        channels: 5,
        kills: 2,
        pause: (5_000, 4_000),
    };
    let folder = tempfile::tempdir().unwrap();
    LocalSet::new().run_until(run(&plan, folder, true)).await;
}

async fn run(plan: &Plan, folder: tempfile::TempDir, decodes: bool) {
    let mut text = SETTINGS.to_owned();
    for channel in 0..plan.channels {
        let _ = write!(text, "\n[[channel]]\nid = \"k{channel}\"\nsource = \"testcard:\"\n");
    }
    let gateway = Rc::new(Gateway::beside(&text, folder));
    let mut running = Vec::new();
    for channel in 0..plan.channels {
        let victim = Victim {
            channel: format!("k{channel}"),
            gateway: gateway.clone(),
            chance: 0x5eed + channel as u64 * 7_919,
            decodes,
        };
        let (kills, pause) = (plan.kills, plan.pause);
        running.push(tokio::task::spawn_local(victim.suffer(kills, pause)));
    }
    let (mut times, mut refusals) = (Vec::new(), 0);
    for victim in running {
        let (took, refused) = victim.await.unwrap();
        times.extend(took);
        refusals += refused;
    }
    times.sort();
    assert_eq!(times.len(), plan.channels * plan.kills);
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64();
    println!(
        "{} kills: recovery p50 {:.2} s, p95 {:.2} s, max {:.2} s; {refusals} playlists refused meanwhile",
        times.len(),
        at(50),
        at(95),
        at(100)
    );
    assert!(at(95) < 5.0, "{times:?}");
}

/// A channel whose encoder is killed again and again.
struct Victim {
    channel: String,
    gateway: Rc<Gateway>,
    chance: u64,
    decodes: bool,
}

// === impl Victim ===

impl Victim {
    /// From each kill to the first media of the next encoder, and how many playlists were refused.
    async fn suffer(mut self, kills: usize, pause: (u64, u64)) -> (Vec<Duration>, usize) {
        let path = format!("/live/{}/index.m3u8", self.channel);
        let since = Instant::now();
        while self.gateway.client().get(&path).await.status != 200 {
            assert!(since.elapsed() < PATIENCE, "{} does not start", self.channel);
        }
        let end = CancellationToken::new();
        let client = self.gateway.client();
        let watching = watch(&client, &self.channel, &["v", "audio"], &end);
        let (mut killed, mut before) = (Vec::new(), 0);
        for _ in 0..kills {
            let pause = pause.0 + self.random() % pause.1;
            tokio::time::sleep(Duration::from_millis(pause)).await;
            before = self.kill(before).await;
            killed.push(Instant::now());
        }
        // As long as a pause: what the last kill did is seen to its end.
        let last = *killed.last().unwrap();
        while self.pid().await.is_none_or(|pid| pid == before) || last.elapsed().as_secs() < 6 {
            assert!(last.elapsed() < PATIENCE, "{} does not recover", self.channel);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        end.cancel();
        let witnesses = heard(watching).await;
        let mut took = Vec::new();
        for witness in &witnesses {
            let breaks: Vec<Instant> = witness.breaks.values().copied().collect();
            assert_eq!(breaks.len(), kills, "{}: one for each kill", witness.name());
            assert_eq!(witness.timelines(), 1, "{}", witness.name());
            assert!(witness.segments() > kills, "{}", witness.name());
            // Before and after each kill there was something to see.
            took = killed
                .iter()
                .zip(&breaks)
                .map(|(killed, back)| back.saturating_duration_since(*killed))
                .collect();
            if self.decodes {
                witness.decode(self.gateway.folder.path());
            }
        }
        let breaks = witnesses.iter().map(crate::checker::Witness::discontinuities);
        let breaks: Vec<_> = breaks.collect();
        assert_eq!(breaks[0], breaks[1], "{}: in step", self.channel);
        let session = self.gateway.session_of(&self.channel).await;
        assert_eq!(session["error_count"], kills, "{session:#}");
        let refusals = witnesses.iter().map(|witness| witness.refusals.len()).sum();
        (took, refusals)
    }

    async fn pid(&self) -> Option<u64> {
        self.gateway.session_of(&self.channel).await["encoder"]["pid"].as_u64()
    }

    /// Kills the encoder that runs, once it is another than the one before.
    async fn kill(&self, before: u64) -> u64 {
        let since = Instant::now();
        loop {
            if let Some(pid) = self.pid().await.filter(|pid| *pid != before) {
                let child = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
                kill_process(child, Signal::KILL).unwrap();
                return pid;
            }
            assert!(since.elapsed() < PATIENCE, "{} has no encoder", self.channel);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The same numbers in every run.
    fn random(&mut self) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance
    }
}
