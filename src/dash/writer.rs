//! The Media Presentation Description as text: one function for each element.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::latency::Latency;
use super::period::{Period, Row};
use super::timeline::{rescale, timescale};
use super::xml::Xml;
use super::{Track, UPDATE_PERIODS};
use crate::hls::Promise;
use crate::media::{AudioFormat, MediaFormat, MediaInitializationSection, VideoFormat};

/// Where a client learns the time of the clock that the Periods are measured by.
const TIME_URL: &str = "../time";

/// Where every timeline begins. Periods start at times of the clock, so they are seconds since then.
const AVAILABILITY_START: &str = "1970-01-01T00:00:00Z";

const PROFILES: &str =
    "urn:mpeg:dash:profile:isoff-live:2011,http://www.dashif.org/guidelines/low-latency-live-v5";

/// How far from real time a player may go to reach its latency.
const PLAYBACK_RATES: (&str, &str) = ("0.96", "1.04");

/// `PT2.5S`
struct Seconds(Duration);

/// Writes everything.
pub(super) fn write(
    promise: &Promise,
    latency: &Latency,
    periods: &[Period<'_>],
    published: Timestamp,
) -> String {
    let mut xml = Xml::new();
    let (shortest, longest) = UPDATE_PERIODS;
    let update = (promise.segment_duration / 2).clamp(shortest, longest);
    xml.tag("MPD")
        .with("xmlns", "urn:mpeg:dash:schema:mpd:2011")
        .with("profiles", PROFILES)
        .with("type", "dynamic")
        .with("availabilityStartTime", AVAILABILITY_START)
        .with("publishTime", date(published))
        .with("minimumUpdatePeriod", Seconds(update))
        .with("timeShiftBufferDepth", Seconds(promise.window))
        .with("suggestedPresentationDelay", Seconds(latency.target))
        .with("minBufferTime", Seconds(promise.segment_duration))
        .with("maxSegmentDuration", Seconds(promise.target_duration))
        .open();
    service_description(&mut xml, latency);
    for period in periods {
        write_period(&mut xml, promise, period);
    }
    xml.tag("UTCTiming")
        .with("schemeIdUri", "urn:mpeg:dash:utc:http-iso:2014")
        .with("value", TIME_URL)
        .empty();
    xml.finish()
}

fn service_description(xml: &mut Xml, latency: &Latency) {
    xml.tag("ServiceDescription").with("id", 0).open();
    xml.tag("Latency")
        .with("target", latency.target.as_millis())
        .with("min", latency.min.as_millis())
        .with("max", latency.max.as_millis())
        .with("referenceId", 0)
        .empty();
    xml.tag("PlaybackRate")
        .with("min", PLAYBACK_RATES.0)
        .with("max", PLAYBACK_RATES.1)
        .empty();
    xml.close();
}

fn write_period(xml: &mut Xml, promise: &Promise, period: &Period<'_>) {
    xml.tag("Period")
        .with("id", period.number)
        .with("start", Seconds(period.start()))
        .open();
    let (videos, audios): (Vec<&Row<'_>>, Vec<&Row<'_>>) =
        period.rows.iter().partition(|row| row.is_video());
    adaptation_set(xml, promise, period, &videos, 0);
    adaptation_set(xml, promise, period, &audios, 1);
    xml.close();
}

fn adaptation_set(
    xml: &mut Xml,
    promise: &Promise,
    period: &Period<'_>,
    rows: &[&Row<'_>],
    id: u32,
) {
    let Some(first) = rows.first() else { return };
    let kind = if first.is_video() { "video" } else { "audio" };
    xml.tag("AdaptationSet")
        .with("id", id)
        .with("contentType", kind)
        .with("mimeType", format_args!("{kind}/mp4"))
        .with("segmentAlignment", "true")
        .with("startWithSAP", 1)
        .open();
    producer_reference_time(xml, period, first.track);
    xml.tag("Role")
        .with("schemeIdUri", "urn:mpeg:dash:role:2011")
        .with("value", "main")
        .empty();
    for row in rows {
        representation(xml, promise, period, row);
    }
    xml.close();
}

/// Ties the presentation to the clock: this picture was made at that time.
fn producer_reference_time(xml: &mut Xml, period: &Period<'_>, track: Track<'_>) {
    xml.tag("ProducerReferenceTime")
        .with("id", 0)
        .with("type", "encoder")
        .with("wallClockTime", date(period.run.wall))
        .with(
            "presentationTime",
            rescale(period.run.media, timescale(track)),
        )
        .open();
    xml.tag("UTCTiming")
        .with("schemeIdUri", "urn:mpeg:dash:utc:http-iso:2014")
        .with("value", TIME_URL)
        .empty();
    xml.close();
}

fn representation(xml: &mut Xml, promise: &Promise, period: &Period<'_>, row: &Row<'_>) {
    let Some(section) = row.section() else { return };
    let (video, audio) = match &section.format {
        MediaFormat::Video(format) => (Some(format), None),
        MediaFormat::Audio(format) => (None, Some(format)),
    };
    let rate = row.track.snapshot.frame_rate.filter(|_| video.is_some());
    xml.tag("Representation")
        .with("id", row.track.name)
        .with("bandwidth", row.track.snapshot.peak_bitrate)
        .with("codecs", &section.codec)
        .with_some("width", video.map(|format: &VideoFormat| format.width))
        .with_some("height", video.map(|format| format.height))
        .with_some("frameRate", rate.map(frame_rate))
        .with_some(
            "audioSamplingRate",
            audio.map(|format: &AudioFormat| format.sample_rate),
        )
        .open();
    if let Some(format) = audio {
        xml.tag("AudioChannelConfiguration")
            .with(
                "schemeIdUri",
                "urn:mpeg:dash:23003:3:audio_channel_configuration:2011",
            )
            .with("value", format.channels)
            .empty();
    }
    segment_template(xml, promise, period, row);
    xml.close();
}

fn segment_template(xml: &mut Xml, promise: &Promise, period: &Period<'_>, row: &Row<'_>) {
    let (Some(first), Some(section)) = (row.entries.first(), row.section()) else {
        return;
    };
    let (name, epoch, version) = (row.track.name, promise.epoch, first.init_version);
    let tag = xml
        .tag("SegmentTemplate")
        .with("timescale", section.timescale)
        .with("presentationTimeOffset", period.offset(section.timescale))
        .with(
            "initialization",
            format_args!("{name}/e{epoch}/init.{version}.mp4"),
        )
        .with("media", format_args!("{name}/e{epoch}/$Number$.m4s"))
        .with("startNumber", first.msn);
    if promise.irregular_key_frames {
        tag.open();
    } else {
        // A segment may be asked for when its first part is there; the rest comes as it is made.
        let early = promise.segment_duration.saturating_sub(promise.part_target);
        tag.with("availabilityTimeOffset", format_args!("{}", Plain(early)))
            .with("availabilityTimeComplete", "false")
            .open();
    }
    segment_timeline(xml, row);
    xml.close();
}

/// Runs of segments of the same length take one line. A run begins with its time, so that nothing adds up to an error.
fn segment_timeline(xml: &mut Xml, row: &Row<'_>) {
    xml.tag("SegmentTimeline").open();
    let entries = &row.entries;
    let mut index = 0;
    while let Some(first) = entries.get(index) {
        let mut end = first.start + first.duration;
        let mut repeats = 0;
        while let Some(next) = entries.get(index + repeats + 1) {
            if next.start != end || next.duration != first.duration {
                break;
            }
            end += next.duration;
            repeats += 1;
        }
        xml.tag("S")
            .with("t", first.start)
            .with("d", first.duration)
            .with_some("r", (repeats > 0).then_some(repeats))
            .empty();
        index += repeats + 1;
    }
    xml.close();
}

// === impl Row ===

impl Row<'_> {
    /// The initialization section that its segments need: the same for the whole Period.
    fn section(&self) -> Option<&MediaInitializationSection> {
        let version = self.entries.first()?.init_version;
        let init = self.track.snapshot.init_version(version)?;
        Some(&init.section)
    }

    fn is_video(&self) -> bool {
        let format = self.section().map(|section| &section.format);
        matches!(format, Some(MediaFormat::Video(_)))
    }
}

/// Frames a second as the fraction that was meant: 30, 30000/1001, or thousandths.
fn frame_rate(rate: f64) -> String {
    let near = |value: f64| (value - value.round()).abs() < 0.005;
    if near(rate) {
        format!("{}", rate.round())
    } else if near(rate * 1.001) {
        format!("{}/1001", (rate * 1.001).round() * 1000.0)
    } else {
        format!("{}/1000", (rate * 1000.0).round())
    }
}

fn date(time: Timestamp) -> impl fmt::Display {
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
}

// === impl Seconds ===

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PT{}S", Plain(self.0))
    }
}

/// Seconds with microseconds, without zeros that say nothing.
struct Plain(Duration);

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0.as_secs(), self.0.subsec_micros());
        match micros {
            0 => write!(f, "{seconds}"),
            _ => write!(
                f,
                "{}",
                format!("{seconds}.{micros:06}").trim_end_matches('0')
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short_and_exact() {
        let table = [
            (2000, "PT2S"),
            (2500, "PT2.5S"),
            (50, "PT0.05S"),
            (0, "PT0S"),
        ];
        for (millis, text) in table {
            assert_eq!(Seconds(Duration::from_millis(millis)).to_string(), text);
        }
        let now = Duration::from_millis(1_795_284_000_120);
        assert_eq!(Seconds(now).to_string(), "PT1795284000.12S");
    }

    #[test]
    fn frame_rates_are_fractions() {
        for (rate, text) in [
            (25.0, "25"),
            (30_000.0 / 1001.0, "30000/1001"),
            (24_000.0 / 1001.0, "24000/1001"),
            (59.94, "60000/1001"),
            (12.5, "12500/1000"),
        ] {
            assert_eq!(frame_rate(rate), text);
        }
    }
}
