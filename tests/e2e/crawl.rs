//! A player that wants everything: it follows a rendition part by part, fetches whatever is listed as soon as it is,
//! and lets the checker see every version of the playlist.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;

use crate::client::Client;
use crate::playlist::{Checker, Playlist, Segment};

/// What a crawl of one rendition has seen.
pub(crate) struct Crawl {
    client: Client,
    /// `/live/{channel}/{rendition}/`
    pub(crate) base: String,
    pub(crate) checker: Checker,
    /// By URI as it is listed.
    pub(crate) bodies: HashMap<String, Bytes>,
    /// Seconds by which the end of the playlist lies behind the wall clock, version by version.
    pub(crate) behind: Vec<f64>,
    /// The slowest answer to a request for something that was listed.
    pub(crate) slowest: Duration,
    /// How many segments were fetched again after they had left the playlist.
    pub(crate) after_removal: usize,
    /// How many segments were compared with their parts.
    pub(crate) compared: usize,
}

/// The paths of all Media Playlists that a Multivariant Playlist names, but those of key frames alone: they say less.
pub(crate) async fn renditions(client: &Client, channel: &str) -> Vec<String> {
    let answer = client.get(&format!("/live/{channel}/index.m3u8")).await;
    let in_tags = answer.text().lines().filter_map(|line| {
        let (tag, rest) = line.split_once("URI=\"")?;
        if tag.starts_with("#EXT-X-I-FRAME-STREAM-INF:") {
            return None;
        }
        rest.split_once('"').map(|(uri, _)| uri)
    });
    let in_lines = answer.text().lines().filter(|line| !line.starts_with('#'));
    let base = |uri: &str| format!("/live/{channel}/{}/", uri.trim_end_matches("/index.m3u8"));
    in_lines.chain(in_tags).map(base).collect()
}

/// Crawls all renditions of a channel side by side.
pub(crate) async fn crawl(client: &Client, channel: &str, time: Duration) -> Vec<Crawl> {
    let until = Instant::now() + time;
    let mut running = Vec::new();
    for base in renditions(client, channel).await {
        let crawl = Crawl::new(client.clone(), base);
        running.push(tokio::spawn(crawl.run(until)));
    }
    let mut crawls = Vec::new();
    for crawl in running {
        crawls.push(crawl.await.unwrap());
    }
    crawls
}

impl Crawl {
    pub(crate) fn new(client: Client, base: String) -> Self {
        Self {
            client,
            base,
            checker: Checker::default(),
            bodies: HashMap::new(),
            behind: Vec::new(),
            slowest: Duration::ZERO,
            after_removal: 0,
            compared: 0,
        }
    }

    /// Reads versions until the time is up.
    pub(crate) async fn run(mut self, until: Instant) -> Self {
        let mut query = String::new();
        while Instant::now() < until {
            let path = format!("{}index.m3u8{query}", self.base);
            let answer = self.client.get(&path).await;
            assert_eq!(answer.status, 200, "{path}: {:?}", answer.body);
            let now = Timestamp::now();
            let playlist = self.checker.see(answer.text()).clone();
            self.behind
                .extend(edge(&playlist).map(|end| (now - end).total(jiff::Unit::Second).unwrap()));
            self.fetch_listed(&playlist).await;
            self.fetch_removed(&playlist).await;
            // The part that comes next; an index past the end means the first of the next segment.
            let parts = playlist.open.parts.len();
            query = format!("?_HLS_msn={}&_HLS_part={parts}", playlist.next_msn());
        }
        self
    }

    async fn fetch_listed(&mut self, playlist: &Playlist) {
        let open = [&playlist.open];
        for segment in playlist.segments.iter().chain(open) {
            for part in &segment.parts {
                self.fetch(&part.uri).await;
            }
            let map = segment.map.clone().unwrap_or_default();
            self.fetch(&map).await;
            if !segment.uri.is_empty() && !segment.gap && self.fetch(&segment.uri).await {
                self.compare(segment);
            }
        }
    }

    /// Fetches what was not fetched before; `true` if it was not.
    async fn fetch(&mut self, uri: &str) -> bool {
        if uri.is_empty() || self.bodies.contains_key(uri) {
            return false;
        }
        let answer = self.client.get(&format!("{}{uri}", self.base)).await;
        assert_eq!(
            answer.status, 200,
            "{uri} is listed [6.2.1]: {:?}",
            answer.body
        );
        self.slowest = self.slowest.max(answer.took);
        self.bodies.insert(uri.to_owned(), answer.body);
        true
    }

    /// The parts of a segment, as they came over HTTP, are the segment, as it came over HTTP [3.2].
    fn compare(&mut self, segment: &Segment) {
        let mut whole = Vec::new();
        let stem = segment.uri.trim_end_matches(".m4s");
        for index in 0.. {
            match self.bodies.get(&format!("{stem}.{index}.m4s")) {
                Some(part) => whole.extend_from_slice(part),
                None => break,
            }
        }
        if !segment.parts.is_empty() {
            assert_eq!(whole, self.bodies[&segment.uri], "{} [3.2]", segment.uri);
            self.compared += 1;
        }
    }

    /// Segments are still there, and still the same, after they left the playlist [6.2.2].
    async fn fetch_removed(&mut self, playlist: &Playlist) {
        let left = playlist.media_sequence.checked_sub(6);
        let old = self.checker.segments().find(|s| Some(s.msn) == left);
        let Some(uri) = old.map(|s| s.uri.clone()) else {
            return;
        };
        let again = self.client.get(&format!("{}{uri}", self.base)).await;
        assert_eq!(
            again.status, 200,
            "{uri} left the playlist, but not long ago [6.2.2]"
        );
        assert_eq!(
            again.body, self.bodies[&uri],
            "{uri} names its bytes for ever"
        );
        self.after_removal += 1;
    }

    /// The name of the rendition.
    pub(crate) fn name(&self) -> &str {
        self.base.trim_end_matches('/').rsplit('/').next().unwrap()
    }

    /// All segments that were seen, with their bytes.
    pub(crate) fn segments(&self) -> impl Iterator<Item = (&Segment, &Bytes)> {
        let listed = self.checker.segments().filter(|segment| !segment.gap);
        listed.map(|segment| (segment, &self.bodies[&segment.uri]))
    }

    /// The Media Sequence Numbers with an EXT-X-DISCONTINUITY.
    pub(crate) fn discontinuities(&self) -> Vec<u64> {
        let segments = self.checker.segments().chain([&self.checker.last().open]);
        let broken = segments.filter(|segment| segment.discontinuity);
        broken.map(|segment| segment.msn).collect()
    }

    /// By how much the end of the playlist was behind the wall clock, as a rule.
    pub(crate) fn usually_behind(&self) -> f64 {
        let mut sorted = self.behind.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }
}

/// Renditions are in step: what two of them have both listed is numbered, cut and broken alike [6.2.4].
pub(crate) fn check_in_step(crawls: &[Crawl]) {
    let facts = |crawl: &Crawl| -> BTreeMap<u64, (bool, Timestamp)> {
        let fact = |s: &Segment| (s.msn, (s.discontinuity, s.program_date_time.unwrap()));
        crawl.checker.segments().map(fact).collect()
    };
    let leader = facts(&crawls[0]);
    for crawl in &crawls[1..] {
        for (msn, (broken, date)) in facts(crawl) {
            let Some((leads_broken, leads)) = leader.get(&msn) else {
                continue;
            };
            assert_eq!(broken, *leads_broken, "{} at {msn}", crawl.name());
            let apart = (date - *leads).total(jiff::Unit::Second).unwrap().abs();
            assert!(apart < 0.05, "{} is {apart} s off at {msn}", crawl.name());
        }
    }
}

/// The wall clock at the end of a playlist.
fn edge(playlist: &Playlist) -> Option<Timestamp> {
    let (from, duration) = match (&playlist.open, playlist.segments.last()) {
        (open, _) if !open.parts.is_empty() => {
            let sum: f64 = open.parts.iter().map(|part| part.duration).sum();
            (open.program_date_time?, sum)
        }
        (_, last) => (last?.program_date_time?, last?.duration),
    };
    Some(from + jiff::SignedDuration::from_secs_f64(duration))
}
