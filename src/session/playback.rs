//! What viewers told about their playback, summed up for operators.

use std::time::{Duration, Instant};

use serde::Serialize;
use utoipa::ToSchema;

use super::cmcd::Cmcd;

/// What one viewer told so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Playback {
    session: Option<Box<str>>,
    reports: u64,
    rebuffers: u64,
    bitrate: Option<u32>,
    buffer: Option<u32>,
    throughput: Option<u32>,
    latency: Option<u32>,
    rate: Option<f32>,
    /// Since its first report, which said that it starts.
    starting_since: Option<Instant>,
    startup: Option<Duration>,
}

/// What all viewers of a channel told since the session began, whoever has left.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) reports: u64,
    pub(super) rebuffers: u64,
}

/// What a viewer's player told about its playback (CMCD). It is the player's word.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PlaybackReport {
    /// The identifier that the player made up for this playback.
    pub session: Option<String>,
    /// Requests that told something.
    pub reports: u64,
    /// How often the buffer ran dry.
    pub rebuffers: u64,
    /// Of what it plays, bits a second.
    pub bitrate: Option<u64>,
    /// Media in its buffer, seconds.
    pub buffer: Option<f64>,
    /// As measured by the player, bits a second.
    pub throughput: Option<u64>,
    /// Behind the live edge, seconds.
    pub latency: Option<f64>,
    /// 1 is real time, 0 is a pause.
    pub rate: Option<f32>,
    /// From its first request to the first one that was not urgent any more, seconds.
    pub startup: Option<f64>,
}

/// What the players of a session told about their playback (CMCD), of those that tell. It is their word.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct AudienceReport {
    /// How many addresses they watch from, whoever tells something or not.
    pub addresses: usize,
    /// Viewers that tell something.
    pub reporting: usize,
    /// Requests that told something since the session began.
    pub reports: u64,
    /// How often a buffer ran dry since the session began.
    pub rebuffers: u64,
    /// Viewers that watch now and had a buffer run dry.
    pub rebuffered: usize,
    /// The mean of those that watch now, bits a second.
    pub bitrate: Option<u64>,
    /// The mean of those that watch now, seconds.
    pub buffer: Option<f64>,
    /// The least of those that watch now, seconds.
    pub least_buffer: Option<f64>,
    /// The mean of those that watch now, bits a second.
    pub throughput: Option<u64>,
    /// The mean of those that watch now, seconds.
    pub latency: Option<f64>,
    /// The mean of those that watch now, seconds.
    pub startup: Option<f64>,
}

// === impl Playback ===

impl Playback {
    /// Takes in one report; what it leaves out stays as it was.
    pub(super) fn note(&mut self, told: &Cmcd, now: Instant) {
        if self.reports == 0 && told.startup {
            self.starting_since = Some(now);
        }
        if let (Some(since), false) = (self.starting_since, told.startup) {
            self.startup = Some(now.saturating_duration_since(since));
            self.starting_since = None;
        }
        self.reports += 1;
        self.rebuffers += u64::from(told.starved);
        if told.session.is_some() && self.session != told.session {
            self.session.clone_from(&told.session);
        }
        self.bitrate = told.bitrate.or(self.bitrate);
        self.buffer = told.buffer.or(self.buffer);
        self.throughput = told.throughput.or(self.throughput);
        self.latency = told.latency.or(self.latency);
        self.rate = told.rate.or(self.rate);
    }

    pub(super) fn report(&self) -> PlaybackReport {
        PlaybackReport {
            session: self.session.as_deref().map(str::to_owned),
            reports: self.reports,
            rebuffers: self.rebuffers,
            bitrate: self.bitrate.map(bits),
            buffer: self.buffer.map(seconds),
            throughput: self.throughput.map(bits),
            latency: self.latency.map(seconds),
            rate: self.rate,
            startup: self.startup.map(|startup| startup.as_secs_f64()),
        }
    }
}

// === impl AudienceReport ===

impl AudienceReport {
    /// Of the viewers that watch now from so many addresses.
    pub(super) fn of(addresses: usize, totals: Totals, told: &[PlaybackReport]) -> Self {
        let buffers = || told.iter().filter_map(|told| told.buffer);
        let rates = |rate: fn(&PlaybackReport) -> Option<u64>| {
            mean(told.iter().filter_map(rate).map(|bits| bits as f64)).map(|mean| mean as u64)
        };
        Self {
            addresses,
            reporting: told.len(),
            reports: totals.reports,
            rebuffers: totals.rebuffers,
            rebuffered: told.iter().filter(|told| told.rebuffers > 0).count(),
            bitrate: rates(|told| told.bitrate),
            buffer: mean(buffers()),
            least_buffer: buffers().min_by(f64::total_cmp),
            throughput: rates(|told| told.throughput),
            latency: mean(told.iter().filter_map(|told| told.latency)),
            startup: mean(told.iter().filter_map(|told| told.startup)),
        }
    }
}

fn bits(kilobits: u32) -> u64 {
    u64::from(kilobits) * 1000
}

fn seconds(milliseconds: u32) -> f64 {
    f64::from(milliseconds) / 1000.0
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0_u32, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(query: &str) -> Cmcd {
        Cmcd::from_headers([query]).unwrap()
    }

    #[test]
    fn reports_add_up() {
        let (mut playback, now) = (Playback::default(), Instant::now());
        playback.note(&told("su,br=800,sid=\"a\""), now);
        playback.note(&told("su,br=800,bl=100"), now + Duration::from_millis(900));
        playback.note(
            &told("bl=4000,mtp=9000,ltc=2500"),
            now + Duration::from_millis(1500),
        );
        playback.note(&told("bs,su,bl=0"), now + Duration::from_secs(9));
        playback.note(&told("bl=2000"), now + Duration::from_secs(10));
        let report = playback.report();
        assert_eq!((report.reports, report.rebuffers), (5, 1));
        assert_eq!(report.session.as_deref(), Some("a"));
        assert_eq!(
            (report.bitrate, report.throughput),
            (Some(800_000), Some(9_000_000))
        );
        assert_eq!((report.buffer, report.latency), (Some(2.0), Some(2.5)));
        assert_eq!(report.startup, Some(1.5), "a recovery is no start");
    }

    #[test]
    fn means_are_of_those_that_tell() {
        let of = |text: &str| {
            let mut playback = Playback::default();
            playback.note(&told(text), Instant::now());
            playback.report()
        };
        let all = [of("bl=1000,br=1000"), of("bl=3000,bs"), of("mtp=5000")];
        let totals = Totals {
            reports: 9,
            rebuffers: 4,
        };
        let audience = AudienceReport::of(2, totals, &all);
        assert_eq!(
            (audience.addresses, audience.reporting, audience.rebuffered),
            (2, 3, 1)
        );
        assert_eq!((audience.reports, audience.rebuffers), (9, 4));
        assert_eq!(
            (audience.buffer, audience.least_buffer),
            (Some(2.0), Some(1.0))
        );
        assert_eq!(
            (audience.bitrate, audience.latency),
            (Some(1_000_000), None)
        );
    }
}
