//! A viewer that believes nothing. It reads every version of a rendition's playlist, fetches every segment as soon as
//! it is listed, reads it, and holds what it sees against what it saw before: over lost encoders, other sources and
//! times in which there is nothing.
//!
//! Include it with `#[path = "support/checker.rs"] mod checker;`, and `playlist`, `client` and `gateway` beside it.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses a part of what stands here"
)]

#[path = "samples.rs"]
mod samples;

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::client::{Answer, Client};
use crate::playlist::{Checker, Playlist, Segment};
use samples::read;

/// Two frames of a slow source: what dates may be off where something broke.
const SEAM: f64 = 0.08;

/// How many segments of a rendition are kept for a decoder.
const SAMPLES: usize = 6;

/// What one rendition looked like from outside.
pub(crate) struct Witness {
    client: Client,
    /// `/live/{channel}/{rendition}/`
    base: String,
    /// One for each timeline: where there is nothing in common with the playlist before, another one begins.
    timelines: Vec<Checker>,
    /// By URI: what it named.
    fetched: HashMap<String, u64>,
    inits: HashMap<String, Bytes>,
    media: BTreeMap<u64, Media>,
    pub(crate) refusals: Vec<Refusal>,
    /// When the first media behind a discontinuity was listed, by its Media Sequence Number.
    pub(crate) breaks: BTreeMap<u64, Instant>,
    /// Each version that had something new.
    pub(crate) versions: Vec<Instant>,
    samples: Vec<Vec<u8>>,
    after_removal: usize,
    /// The channel may be given up for good, and what it has listed with it.
    may_end: bool,
    /// What was listed and is gone with a timeline that was given up.
    pub(crate) given_up: usize,
}

/// A playlist that was not given.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) at: Instant,
    pub(crate) message: String,
}

/// What a segment holds.
#[derive(Debug, Clone)]
struct Media {
    listed: Segment,
    /// Decode time of the first sample, seconds.
    starts: f64,
    /// Sum of the samples, seconds.
    lasts: f64,
}

/// Watches all renditions of a channel until the token is cancelled.
pub(crate) fn watch(
    client: &Client,
    channel: &str,
    renditions: &[&str],
    end: &CancellationToken,
) -> Vec<(String, JoinHandle<Witness>)> {
    start(client, channel, renditions, (end, false))
}

/// The same for a channel that may lose so many encoders that it is given up: then its segments are gone at once.
pub(crate) fn watch_to_its_end(
    client: &Client,
    channel: &str,
    renditions: &[&str],
    end: &CancellationToken,
) -> Vec<(String, JoinHandle<Witness>)> {
    start(client, channel, renditions, (end, true))
}

fn start(
    client: &Client,
    channel: &str,
    renditions: &[&str],
    (end, may_end): (&CancellationToken, bool),
) -> Vec<(String, JoinHandle<Witness>)> {
    let start = |rendition: &&str| {
        let base = format!("/live/{channel}/{rendition}/");
        let mut witness = Witness::new(client.clone(), base.clone());
        witness.may_end = may_end;
        (base, tokio::spawn(witness.run(end.clone())))
    };
    renditions.iter().map(start).collect()
}

/// What they all saw. A rule that was broken fails the test here.
pub(crate) async fn heard(watching: Vec<(String, JoinHandle<Witness>)>) -> Vec<Witness> {
    let mut witnesses = Vec::new();
    for (base, witness) in watching {
        let said = |error: tokio::task::JoinError| match error.try_into_panic() {
            Ok(panic) => panic.downcast_ref::<String>().cloned().unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        let witness = witness.await.map_err(said);
        witnesses.push(witness.unwrap_or_else(|said| panic!("{base}: {said}")));
    }
    check_in_step(&witnesses);
    witnesses
}

// === impl Witness ===

impl Witness {
    fn new(client: Client, base: String) -> Self {
        Self {
            client,
            base,
            timelines: Vec::new(),
            fetched: HashMap::new(),
            inits: HashMap::new(),
            media: BTreeMap::new(),
            refusals: Vec::new(),
            breaks: BTreeMap::new(),
            versions: Vec::new(),
            samples: Vec::new(),
            after_removal: 0,
            may_end: false,
            given_up: 0,
        }
    }

    async fn run(mut self, end: CancellationToken) -> Self {
        let mut query = String::new();
        loop {
            let path = format!("{}index.m3u8{query}", self.base);
            let Some(answer) = end.run_until_cancelled(self.client.get(&path)).await else {
                return self;
            };
            query.clear();
            if answer.status == 200 {
                let playlist = self.see(answer.text());
                self.fetch_listed(&playlist).await;
                self.fetch_removed(&playlist).await;
                let parts = playlist.open.parts.len();
                query = format!("?_HLS_msn={}&_HLS_part={parts}", playlist.next_msn());
            } else {
                self.refused(&answer);
                let pause = tokio::time::sleep(Duration::from_millis(200));
                end.run_until_cancelled(pause).await;
            }
        }
    }

    /// A playlist is there or it is refused in words: with nothing else can a player deal.
    fn refused(&mut self, answer: &Answer) {
        assert_eq!(answer.status, 503, "{}: {:?}", self.base, answer.body);
        let pause = answer.header("retry-after").parse::<u64>();
        assert!(pause.is_ok_and(|pause| pause >= 1), "{:?}", answer.headers);
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let message = body["error"]["message"].as_str().unwrap_or_default();
        assert!(message.len() > 10, "{}: {body}", self.base);
        self.refusals.push(Refusal {
            at: Instant::now(),
            message: message.into(),
        });
    }

    fn see(&mut self, text: &str) -> Playlist {
        let new = Playlist::read(text);
        self.compare_readers(text, &new);
        match self.timelines.last().map(Checker::last) {
            Some(last) if new.media_sequence <= last.next_msn() => {}
            Some(last) => {
                // Numbers of a new timeline are above all old ones.
                assert!(
                    new.discontinuity_sequence >= last.discontinuity_sequence,
                    "{}: {} after {}",
                    self.base,
                    new.discontinuity_sequence,
                    last.discontinuity_sequence
                );
                self.timelines.push(Checker::default());
            }
            None => self.timelines.push(Checker::default()),
        }
        let playlist = self.timelines.last_mut().unwrap().see(text).clone();
        let now = Instant::now();
        self.versions.push(now);
        let open = [&playlist.open]
            .into_iter()
            .filter(|open| !open.parts.is_empty());
        for segment in playlist.segments.iter().chain(open) {
            if segment.discontinuity {
                self.breaks.entry(segment.msn).or_insert(now);
            }
        }
        playlist
    }

    /// Somebody else's reader finds the same in it.
    fn compare_readers(&self, text: &str, mine: &Playlist) {
        let other = m3u8_rs::parse_media_playlist_res(text.as_bytes());
        let other = other.unwrap_or_else(|error| panic!("{}: {error}", self.base));
        assert_eq!(other.media_sequence, mine.media_sequence, "{}", self.base);
        let theirs = other.segments.iter().map(|segment| segment.uri.as_str());
        let ours = mine.segments.iter().map(|segment| segment.uri.as_str());
        assert!(theirs.eq(ours), "{}: {text}", self.base);
    }

    async fn fetch_listed(&mut self, playlist: &Playlist) {
        for segment in &playlist.segments {
            if segment.gap || self.media.contains_key(&segment.msn) {
                continue;
            }
            let map = segment.map.clone().expect("a MAP before each [3.1.2]");
            if self.may_end && self.is_given_up(&segment.uri).await {
                self.given_up += 1;
                return;
            }
            if !self.inits.contains_key(&map) {
                let init = self.fetch(&map).await;
                self.inits.insert(map.clone(), init);
            }
            let body = self.fetch(&segment.uri).await;
            self.examine(segment, &self.inits[&map].clone(), &body);
        }
    }

    /// Whether it is gone because the timeline that listed it is: the next playlist is refused, or another timeline's.
    async fn is_given_up(&self, uri: &str) -> bool {
        if self.client.get(&format!("{}{uri}", self.base)).await.status == 200 {
            return false;
        }
        let answer = self.client.get(&format!("{}index.m3u8", self.base)).await;
        answer.status == 503 || (answer.status == 200 && !answer.text().contains(uri))
    }

    /// What is listed is there, and a URI names the same bytes for ever.
    async fn fetch(&mut self, uri: &str) -> Bytes {
        let answer = self.client.get(&format!("{}{uri}", self.base)).await;
        assert_eq!(answer.status, 200, "{}{uri} is, or was, listed", self.base);
        let mut hasher = DefaultHasher::new();
        answer.body.hash(&mut hasher);
        let hash = hasher.finish();
        let known = *self.fetched.entry(uri.into()).or_insert(hash);
        assert_eq!(known, hash, "{}{uri} names its bytes for ever", self.base);
        answer.body
    }

    /// A segment that has left the playlist is still there, and still the same [6.2.2].
    async fn fetch_removed(&mut self, playlist: &Playlist) {
        if self.may_end && self.given_up > 0 {
            return;
        }
        let left = playlist.media_sequence.saturating_sub(2);
        let same_timeline = self.timelines.last().unwrap().segments().next();
        let Some(media) = self.media.get(&left) else {
            return;
        };
        if same_timeline.is_some_and(|first| first.msn <= left) {
            let uri = media.listed.uri.clone();
            self.fetch(&uri).await;
            self.after_removal += 1;
        }
    }

    /// Reads a new segment, and compares it with what the playlist says of it and with the segment before.
    fn examine(&mut self, segment: &Segment, init: &Bytes, body: &Bytes) {
        let name = format!("{}{}", self.base, segment.uri);
        let (starts, lasts) = read(init, body, &name);
        let off = (lasts - segment.duration).abs();
        assert!(
            off < 0.05,
            "{name}: EXTINF {} of {lasts} s",
            segment.duration
        );
        let before = segment
            .msn
            .checked_sub(1)
            .and_then(|msn| self.media.get(&msn));
        if let Some(before) = before {
            let date = |segment: &Segment| segment.program_date_time.expect("a date on each");
            let step = seconds(date(segment) - date(&before.listed)) - before.listed.duration;
            if segment.discontinuity {
                let seam = if self.may_end { 3.0 * SEAM } else { SEAM };
                assert!(step > -seam, "{name}: its date overlaps by {} s", -step);
            } else {
                let gap = starts - before.starts - before.listed.duration;
                assert!(gap.abs() < 0.002, "{name}: a gap of {gap} s in the media");
                assert!(step.abs() < 0.002, "{name}: a gap of {step} s in the dates");
            }
        }
        let broken = before.is_none() || segment.discontinuity;
        if broken && self.samples.len() < SAMPLES {
            self.samples.push([init.as_ref(), body.as_ref()].concat());
        }
        let listed = segment.clone();
        let media = Media {
            listed,
            starts,
            lasts,
        };
        self.media.insert(segment.msn, media);
    }

    pub(crate) fn name(&self) -> &str {
        &self.base
    }

    /// The newest playlist.
    pub(crate) fn newest(&self) -> Option<&Playlist> {
        self.timelines.last().map(Checker::last)
    }

    /// How many segments were read.
    pub(crate) fn segments(&self) -> usize {
        self.media.len()
    }

    /// Segments with an EXT-X-DISCONTINUITY.
    pub(crate) fn discontinuities(&self) -> Vec<u64> {
        self.breaks.keys().copied().collect()
    }

    /// How many timelines there were.
    pub(crate) fn timelines(&self) -> usize {
        self.timelines.len()
    }

    /// By how much the newest media lags behind the wall clock at most, by its date.
    pub(crate) fn edge(&self) -> Option<Timestamp> {
        let last = self.media.values().next_back()?;
        let length = jiff::SignedDuration::from_secs_f64(last.listed.duration);
        Some(last.listed.program_date_time? + length)
    }

    /// When something new was listed first after a moment.
    pub(crate) fn news_after(&self, moment: Instant) -> Option<Instant> {
        self.versions.iter().copied().find(|at| *at > moment)
    }

    /// Lets ffmpeg decode a sample; it has nothing to complain of.
    pub(crate) async fn decode(&self, folder: &Path) {
        assert!(!self.samples.is_empty(), "{}: nothing was seen", self.base);
        for (index, sample) in self.samples.iter().enumerate() {
            let file = folder.join(format!("{}{index}.mp4", self.base.replace('/', "_")));
            std::fs::write(&file, sample).unwrap();
            let output = Command::new(crate::gateway::ffmpeg("ffmpeg"))
                .args(["-nostdin", "-v", "error", "-i"])
                .arg(&file)
                .args(["-f", "null", "-"])
                .output()
                .await
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: {said}", file.display());
            assert_eq!(said, "", "{}", file.display());
        }
    }
}

/// All renditions break at the same segments, and at the same time of day [6.2.4].
fn check_in_step(witnesses: &[Witness]) {
    for pair in witnesses.windows(2) {
        for (msn, media) in &pair[0].media {
            let Some(other) = pair[1].media.get(msn) else {
                continue;
            };
            let (one, two) = (&media.listed, &other.listed);
            let at = format!("{} and {} at {msn}", pair[0].base, pair[1].base);
            assert_eq!(one.discontinuity, two.discontinuity, "{at}");
            let apart = seconds(one.program_date_time.unwrap() - two.program_date_time.unwrap());
            assert!(apart.abs() < 0.05, "{at}: {apart} s apart");
        }
    }
}

fn seconds(span: jiff::Span) -> f64 {
    span.total(jiff::Unit::Second).unwrap()
}
