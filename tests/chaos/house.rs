//! One gateway, its channels, what is done to it and who looks.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::checker::{Witness, heard, watch, watch_to_its_end};
use crate::crowd::view;
use crate::gateway::{Gateway, PATIENCE};
use crate::playlist::Playlist;
use crate::source_server::SourceServer;
use crate::strikes::{Chance, Striker};
use crate::table::{Kind, Leaks, Table};

const SETTINGS: &str = r#"
[defaults]
grace_period = "1s"
segment_duration = "4s"
part_duration = "500ms"
window = "24s"
ladder = [{ name = "v", height = 180, video_bitrate = "200k" }]
"#;

const RENDITIONS: [&str; 2] = ["v", "audio"];

pub(crate) struct Channel {
    pub(crate) id: &'static str,
    /// Nobody strikes it.
    is_calm: bool,
    source: Option<Rc<SourceServer>>,
    chance: Chance,
    /// The highest numbers that a viewer has seen: media and discontinuities.
    highest: (u64, u64),
}

/// See the module.
pub(crate) struct House {
    pub(crate) gateway: Gateway,
    pub(crate) channels: Vec<Channel>,
    /// The channels as the configuration has them.
    pub(crate) text: String,
    pub(crate) chance: Chance,
    pub(crate) table: Table,
}

/// What a gateway holds while nobody watches.
#[derive(Clone, Copy)]
struct Held {
    descriptors: i64,
    threads: i64,
    memory: u64,
}

// === impl House ===

impl House {
    /// Two channels that nobody strikes and two that are struck, with the scripted ffmpeg.
    pub(crate) fn scripted(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let binary = Path::new(env!("CARGO_BIN_EXE_headgate"));
        let fake = binary.parent().unwrap().join("examples/fake_ffmpeg");
        assert!(
            fake.exists(),
            "run `cargo build --example fake_ffmpeg` first, as a plain `cargo test` does"
        );
        std::os::unix::fs::symlink(fake, folder.path().join("ffmpeg")).unwrap();
        std::fs::write(folder.path().join("ffmpeg.scenario"), "burst 1").unwrap();
        let channels = [
            ("calm0", true),
            ("calm1", true),
            ("wild0", false),
            ("wild1", false),
        ];
        let channels = channels.map(|(id, is_calm)| (id, is_calm, None, "testcard:".to_owned()));
        Self::new(seed, folder, channels.into())
    }

    /// Two channels whose sources misbehave, with the real one.
    pub(crate) fn real(seed: u64) -> Self {
        let (stream, list) = (SourceServer::good(), SourceServer::good());
        let addresses = [stream.stream(), list.playlist_of(1)];
        let [first, second] = addresses;
        let channels = vec![
            ("stream", false, Some(Rc::new(stream)), first),
            ("list", false, Some(Rc::new(list)), second),
        ];
        Self::new(seed, tempfile::tempdir().unwrap(), channels)
    }

    fn new(
        seed: u64,
        folder: tempfile::TempDir,
        channels: Vec<(&'static str, bool, Option<Rc<SourceServer>>, String)>,
    ) -> Self {
        let mut text = SETTINGS.to_owned();
        for (id, _, _, source) in &channels {
            let _ = write!(
                text,
                "\n[[channel]]\nid = \"{id}\"\nsource = \"{source}\"\n"
            );
        }
        let channels = channels.into_iter().zip(1..);
        let channel = |((id, is_calm, source, _), number)| Channel {
            id,
            is_calm,
            source,
            chance: Chance::new(seed * 1000 + number),
            highest: (0, 0),
        };
        Self {
            gateway: Gateway::beside(&text, folder),
            channels: channels.map(channel).collect(),
            text,
            chance: Chance::new(seed * 1000),
            table: Table::default(),
        }
    }

    /// Round after round; the gateway is killed between them. In the last one it is looked at what stays behind.
    pub(crate) async fn run(&mut self, rounds: usize, length: Duration) {
        for _ in 1..rounds {
            self.warm_up().await;
            self.round(length).await;
            self.kill_gateway().await;
        }
        self.warm_up().await;
        let before = self.idle().await;
        self.warm_up().await;
        self.round(length).await;
        let after = self.idle().await;
        let requests = self.left_requests().await;
        self.table.leaks.push(Leaks {
            processes: self.gateway.children().len(),
            descriptors: after.descriptors - before.descriptors,
            threads: after.threads - before.threads,
            requests,
            memory: (before.memory, after.memory),
        });
    }

    /// Starts every channel; numbers are above all that viewers have seen before.
    async fn warm_up(&mut self) {
        for channel in &mut self.channels {
            let path = format!("/live/{}/v/index.m3u8", channel.id);
            let since = Instant::now();
            let text = loop {
                let answer = self.gateway.client().get(&path).await;
                if answer.status == 200 {
                    break answer.text().to_owned();
                }
                assert!(since.elapsed() < PATIENCE, "{} does not start", channel.id);
            };
            let playlist = Playlist::read(&text);
            let (msn, discontinuity) = channel.highest;
            assert!(
                playlist.media_sequence >= msn,
                "{}: {msn}, {text}",
                channel.id
            );
            assert!(
                playlist.discontinuity_sequence >= discontinuity,
                "{}: {discontinuity}, {text}",
                channel.id
            );
        }
    }

    async fn round(&mut self, length: Duration) {
        let until = Instant::now() + length;
        let end = CancellationToken::new();
        let shared = Rc::new(RefCell::new(std::mem::take(&mut self.table)));
        let mut watching = Vec::new();
        let mut viewing = Vec::new();
        let mut striking: HashMap<&str, JoinHandle<Chance>> = HashMap::new();
        for channel in &self.channels {
            let client = self.gateway.client();
            let look = if channel.is_calm {
                watch
            } else {
                watch_to_its_end
            };
            watching.push(look(&client, channel.id, &RENDITIONS, &end));
            if channel.is_calm {
                for number in 0..2 {
                    let client = client.clone().named(&format!("viewer {number}"));
                    let viewer = view(client, channel.id.into(), end.clone());
                    viewing.push(tokio::task::spawn_local(viewer));
                }
                continue;
            }
            let striker = Striker {
                channel: channel.id.into(),
                client: self.gateway.client(),
                source: channel.source.clone(),
                chance: channel.chance.clone(),
                table: shared.clone(),
            };
            striking.insert(channel.id, tokio::task::spawn_local(striker.run(until)));
        }
        self.trouble(&shared, until, &end).await;
        for channel in &mut self.channels {
            if let Some(striker) = striking.remove(channel.id) {
                channel.chance = striker.await.unwrap();
            }
        }
        tokio::time::sleep(until.saturating_duration_since(Instant::now())).await;
        end.cancel();
        self.table = shared.take();
        for viewer in viewing {
            let (requests, failures) = viewer.await.unwrap();
            self.table.calm_requests += requests;
            self.table.calm_failures.extend(failures);
        }
        for (number, watching) in watching.into_iter().enumerate() {
            let witnesses = heard(watching).await;
            self.note(number, &witnesses);
            self.check_calm(number).await;
        }
    }

    /// What the checkers of a channel saw. What they hold against each other has been held by now.
    fn note(&mut self, number: usize, witnesses: &[Witness]) {
        let channel = &mut self.channels[number];
        let table = &mut self.table;
        let breaks = witnesses[0].discontinuities();
        for witness in witnesses {
            let name = witness.name();
            let gaps = witness.versions.windows(2).map(|pair| pair[1] - pair[0]);
            let gap = gaps.max().unwrap_or_default();
            table.playlists += witness.versions.len();
            table.segments += witness.segments();
            table.discontinuities += witness.discontinuities().len();
            let newest = witness
                .newest()
                .unwrap_or_else(|| panic!("{name} was never seen"));
            channel.highest.0 = channel.highest.0.max(newest.media_sequence);
            channel.highest.1 = channel.highest.1.max(newest.discontinuity_sequence);
            if !channel.is_calm {
                table.struck_gap = table.struck_gap.max(gap);
                table.refusals += witness.refusals.len();
                table.given_up += witness.given_up;
                continue;
            }
            table.calm_gap = table.calm_gap.max(gap);
            table.calm_requests += witness.versions.len() + witness.segments();
            let refusals = witness
                .refusals
                .iter()
                .map(|refusal| refusal.message.clone());
            table.calm_failures.extend(refusals);
            table.calm_breaks += breaks.len();
            assert_eq!(witness.timelines(), 1, "{name} was not struck");
        }
    }

    /// Nothing was done to it: if its encoder was replaced all the same, then because the machine gave it no time.
    async fn check_calm(&self, number: usize) {
        let channel = &self.channels[number];
        if !channel.is_calm {
            return;
        }
        let session = self.gateway.session_of(channel.id).await;
        for restarts in session["counts"]["restarts"].as_array().unwrap() {
            let cause = restarts["cause"].as_str().unwrap();
            let is_of_the_machine = matches!(cause, "silent" | "slow");
            assert!(is_of_the_machine || restarts["count"] == 0, "{session:#}");
        }
    }

    async fn kill_gateway(&mut self) {
        self.table.injected(Kind::GatewayKilled);
        let orphans = self.gateway.children();
        assert!(!orphans.is_empty());
        let since = Instant::now();
        self.gateway.replace();
        let is_there = |pid: &&u32| Path::new(&format!("/proc/{pid}")).exists();
        while let Some(pid) = orphans.iter().find(is_there) {
            let left = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            assert!(since.elapsed() < PATIENCE, "left behind: {left}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.warm_up().await;
        self.table.recovered(Kind::GatewayKilled, since.elapsed());
    }

    /// Waits until nobody watches and nothing runs.
    async fn idle(&self) -> Held {
        self.gateway.childless().await;
        let idle = |_: u16, text: &str| !text.contains("\"state\":\"active\"");
        self.until("an end", "/debug/sessions", idle).await;
        let since = Instant::now();
        let mut held = self.held();
        // Connections of viewers who left end a moment later.
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = self.held();
            if now.descriptors >= held.descriptors || since.elapsed() > PATIENCE / 2 {
                return now;
            }
            held = now;
        }
    }

    fn held(&self) -> Held {
        let pid = self.gateway.pid();
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd"))
            .unwrap()
            .count();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let figure = |name: &str| -> u64 {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        Held {
            descriptors: descriptors as i64,
            threads: figure("Threads:") as i64,
            memory: figure("VmRSS:") * 1024,
        }
    }

    /// Requests that wait, and connections that are open besides the one that asks, once all others had time to end.
    async fn left_requests(&self) -> usize {
        let since = Instant::now();
        loop {
            let left = self.open_requests().await;
            if left == 0 || since.elapsed() > PATIENCE {
                return left;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn open_requests(&self) -> usize {
        let answer = self.gateway.client().get("/metrics").await;
        let text = answer.text();
        let figure = |name: &str| -> usize {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.map_or(0, |value| value.trim().parse().unwrap())
        };
        let open = figure("headgate_http_connections ");
        assert!(open >= 1, "{text}");
        let parked = text
            .lines()
            .filter(|line| line.starts_with("headgate_blocked_requests{"))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .filter(|waiting| *waiting > 0.0)
            .count();
        open - 1 + parked
    }
}
