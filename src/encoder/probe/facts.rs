//! Reads the facts from what `ffmpeg -i` prints. Pure.

use std::time::Duration;

use crate::encoder::plan::{AudioFacts, FrameRate, SourceFacts, VideoFacts};

/// A stream as it was printed.
#[derive(Debug)]
struct Stream {
    /// Which programme of the source it belongs to, in the order of printing.
    program: usize,
    kind: StreamKind,
}

#[derive(Debug)]
enum StreamKind {
    Video(VideoFacts),
    Audio(AudioFacts),
}

/// The facts in ffmpeg's lines; without a container if it could not open the source.
///
/// Only lines with the indentation of ffmpeg's own are believed: titles in a source are foreign text and stand
/// further in.
pub(in crate::encoder) fn read(lines: &[String]) -> SourceFacts {
    let mut facts = SourceFacts::default();
    let mut streams: Vec<Stream> = Vec::new();
    let mut program = 0;
    for line in lines {
        if let Some(rest) = line.strip_prefix("Input #0, ") {
            facts.container = rest.split(", from ").next().unwrap_or_default().to_owned();
        } else if let Some(rest) = line.strip_prefix("  Duration: ") {
            facts.duration = rest.split(',').next().and_then(duration);
            facts.bitrate = after(rest, "bitrate: ").and_then(kilobits);
        } else if line.starts_with("  Program ") || line.starts_with("  No Program") {
            program += 1;
        } else if let Some(rest) = stream_text(line) {
            let kind = stream(rest, &streams);
            streams.extend(kind.map(|kind| Stream { program, kind }));
        } else if line.trim_start().starts_with("displaymatrix: rotation of") {
            rotate(streams.last_mut(), line);
        }
    }
    choose(&mut facts, &streams);
    facts
}

/// Whether there is video in the source and none of it has shown its size: that stands in key frames.
pub(super) fn hides_its_pictures(lines: &[String]) -> bool {
    let is_video =
        |line: &String| stream_text(line).is_some_and(|rest| rest.starts_with("Video: "));
    let is_cover = |line: &String| line.contains("(attached pic)");
    read(lines).video.is_none() && lines.iter().any(|line| is_video(line) && !is_cover(line))
}

/// Whether there is sound in the source and none of it has come yet.
pub(super) fn hides_its_sound(lines: &[String]) -> bool {
    let is_audio =
        |line: &String| stream_text(line).is_some_and(|rest| rest.starts_with("Audio: "));
    read(lines).audio.is_none() && lines.iter().any(is_audio)
}

/// The largest pictures, and the sound of the same programme.
fn choose(facts: &mut SourceFacts, streams: &[Stream]) {
    let mut best: Option<(&VideoFacts, usize)> = None;
    for stream in streams {
        if let StreamKind::Video(video) = &stream.kind
            && video.height > 0
            && best.is_none_or(|(known, _)| video.height > known.height)
        {
            best = Some((video, stream.program));
        }
    }
    facts.video = best.map(|(video, _)| video.clone());
    let program = best.map(|(_, program)| program);
    let sounds = streams.iter().filter_map(|stream| match &stream.kind {
        StreamKind::Audio(audio) => Some((stream.program, audio)),
        StreamKind::Video(_) => None,
    });
    let same = sounds.clone().find(|(of, _)| Some(*of) == program);
    facts.audio = same
        .or(sounds.clone().next())
        .map(|(_, audio)| audio.clone());
}

/// What follows `  Stream #0:1[0x101](und): `.
fn stream_text(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("  Stream #0:")?;
    rest.split_once(": ").map(|(_, rest)| rest)
}

fn stream(text: &str, before: &[Stream]) -> Option<StreamKind> {
    if let Some(rest) = text.strip_prefix("Video: ") {
        let position = before
            .iter()
            .filter(|s| matches!(s.kind, StreamKind::Video(_)))
            .count();
        return Some(StreamKind::Video(video(rest, position as u32)));
    }
    let rest = text.strip_prefix("Audio: ")?;
    let position = before
        .iter()
        .filter(|s| matches!(s.kind, StreamKind::Audio(_)))
        .count();
    audio(rest, position as u32).map(StreamKind::Audio)
}

/// Without a size if it is not known yet. Such a stream and a cover, which is one picture and not a film, still count
/// where streams are numbered.
fn video(text: &str, position: u32) -> VideoFacts {
    let fields = fields(text);
    let (width, height) = fields
        .iter()
        .find_map(|field| size(field))
        .unwrap_or((0, 0));
    let rate = ["fps", "tbr"]
        .iter()
        .find_map(|unit| with_unit(&fields, unit));
    let codec = word(text).to_owned();
    let is_film = width > 0 && !text.contains("(attached pic)");
    VideoFacts {
        position,
        codec,
        width,
        height: if is_film { height } else { 0 },
        display_aspect: display_aspect(text),
        frame_rate: rate.and_then(FrameRate::from_decimal),
        interlaced: text.contains("top first") || text.contains("bottom first"),
        bitrate: fields.iter().find_map(|field| kilobits(field)),
    }
}

fn audio(text: &str, position: u32) -> Option<AudioFacts> {
    let fields = fields(text);
    let rate = with_unit(&fields, "Hz")?;
    let at = fields.iter().position(|field| field.ends_with(" Hz"))?;
    Some(AudioFacts {
        position,
        codec: word(text).to_owned(),
        sample_rate: rate as u32,
        channels: fields.get(at + 1).copied().unwrap_or_default().to_owned(),
    })
}

/// The parts between commas that stand in no parentheses or brackets.
fn fields(text: &str) -> Vec<&str> {
    let mut fields = Vec::new();
    let (mut depth, mut start) = (0_i32, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ',' if depth <= 0 => {
                fields.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    fields.push(text[start..].trim());
    fields
}

fn with_unit(fields: &[&str], unit: &str) -> Option<f64> {
    fields.iter().find_map(|field| {
        let (value, rest) = field.split_once(' ')?;
        (word(rest) == unit).then(|| value.parse().ok()).flatten()
    })
}

/// `1280x720 [SAR 1:1 DAR 16:9]`.
fn size(field: &str) -> Option<(u32, u32)> {
    let (width, height) = word(field).split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?))
}

fn display_aspect(text: &str) -> Option<(u32, u32)> {
    let (width, height) = word(after(text, "DAR ")?).split_once(':')?;
    let height = height.trim_end_matches([']', ',']);
    let oblong = word(after(text, "SAR ")?) != "1:1";
    oblong.then_some((width.parse().ok()?, height.parse().ok()?))
}

/// `672 kb/s`, as bits a second.
fn kilobits(field: &str) -> Option<u64> {
    let (value, rest) = field.split_once(' ')?;
    let value: u64 = value.parse().ok()?;
    rest.starts_with("kb/s").then(|| value.saturating_mul(1000))
}

/// `00:00:05.30`.
fn duration(text: &str) -> Option<Duration> {
    let mut parts = text.trim().splitn(3, ':');
    let hours: f64 = parts.next()?.parse().ok()?;
    let minutes: f64 = parts.next()?.parse().ok()?;
    let seconds: f64 = parts.next()?.parse().ok()?;
    Duration::try_from_secs_f64(hours * 3600.0 + minutes * 60.0 + seconds).ok()
}

/// Pictures that are shown upright are as high as they are stored wide.
fn rotate(stream: Option<&mut Stream>, line: &str) {
    let Some(Stream {
        kind: StreamKind::Video(video),
        ..
    }) = stream
    else {
        return;
    };
    let angle = after(line, "rotation of ").and_then(|rest| word(rest).parse::<f64>().ok());
    if angle.is_some_and(|angle| (angle.abs() - 90.0).abs() < 1.0) {
        std::mem::swap(&mut video.width, &mut video.height);
    }
}

fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.split_once(mark).map(|(_, rest)| rest)
}

fn word(text: &str) -> &str {
    text.split([' ', ',']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts(text: &str) -> SourceFacts {
        read(&text.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_file() {
        let facts = facts(
            "Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'file:a.mp4':\n  Metadata:\n    title           : Stream #0:0: Video: fake, 1x1\n\
             \x20 Duration: 00:01:05.30, start: 0.000000, bitrate: 764 kb/s\n\
             \x20 Stream #0:0[0x1](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p(tv, bt709, progressive), 640x360 [SAR 1:1 DAR 16:9], 724 kb/s, 29.97 fps, 29.97 tbr, 30k tbn (default)\n\
             \x20 Stream #0:1[0x2](und): Audio: aac (LC) (mp4a / 0x6134706D), 44100 Hz, 5.1(side), fltp, 69 kb/s (default)\n\
             At least one output file must be specified",
        );
        let video = facts.video.unwrap();
        assert_eq!(facts.container, "mov,mp4,m4a,3gp,3g2,mj2");
        assert_eq!(facts.duration, Some(Duration::from_millis(65_300)));
        assert_eq!(facts.bitrate, Some(764_000));
        assert_eq!(
            (video.codec.as_str(), video.width, video.height),
            ("h264", 640, 360)
        );
        assert_eq!(video.frame_rate, Some(FrameRate::new(30_000, 1001)));
        assert_eq!((video.bitrate, video.display_aspect), (Some(724_000), None));
        let audio = facts.audio.unwrap();
        assert_eq!(
            (audio.sample_rate, audio.channels.as_str()),
            (44_100, "5.1(side)")
        );
    }

    #[test]
    fn broadcast() {
        let facts = facts(
            "Input #0, mpegts, from 'udp://239.0.0.1:1':\n  Duration: N/A, start: 1.400000, bitrate: N/A\n  Program 1 \n\
             \x20 Stream #0:0[0x100]: Video: mpeg2video (Main) ([2][0][0][0] / 0x0002), yuv420p(tv, top first), 720x576 [SAR 64:45 DAR 16:9], 25 fps, 25 tbr, 90k tbn\n\
             \x20 Stream #0:1[0x101](eng): Audio: mp2 ([3][0][0][0] / 0x0003), 48000 Hz, stereo, fltp, 192 kb/s",
        );
        let video = facts.video.unwrap();
        assert!(video.interlaced);
        assert_eq!(video.display_aspect, Some((16, 9)));
        assert_eq!(facts.duration, None);
        assert_eq!(facts.audio.unwrap().codec, "mp2");
    }

    #[test]
    fn sound_that_is_named_and_has_not_come() {
        let lines = |sound: &str| {
            let video =
                "  Stream #0:0[0x100]: Video: h264, yuv420p, 320x180, 25 fps, 25 tbr, 90k tbn";
            [video, sound].map(str::to_owned)
        };
        let named = lines("  Stream #0:1[0x101]: Audio: aac ([15][0][0][0] / 0x000F), 0 channels");
        assert!(hides_its_sound(&named) && read(&named).audio.is_none());
        let come = lines("  Stream #0:1[0x101]: Audio: aac (LC), 48000 Hz, mono, fltp, 69 kb/s");
        assert!(!hides_its_sound(&come));
        assert!(!hides_its_sound(&come[..1]), "there is none");
    }

    #[test]
    fn the_largest_pictures_and_their_sound_are_chosen() {
        let facts = facts(
            "Input #0, hls, from 'x':\n  Duration: N/A, start: 0, bitrate: N/A\n  Program 0 \n\
             \x20 Stream #0:0: Video: h264, yuv420p, 640x360, 25 fps, 25 tbr, 90k tbn\n  Stream #0:1: Audio: aac (LC), 48000 Hz, mono, fltp\n\
             \x20 Program 1 \n  Stream #0:2: Video: h264, yuv420p, 1920x1080, 25 fps, 25 tbr, 90k tbn\n  Stream #0:3: Audio: aac (LC), 48000 Hz, stereo, fltp",
        );
        let (video, audio) = (facts.video.unwrap(), facts.audio.unwrap());
        assert_eq!((video.height, video.position), (1080, 1));
        assert_eq!((audio.channels.as_str(), audio.position), ("stereo", 1));
    }

    #[test]
    fn a_cover_is_not_a_film_and_an_upright_phone_is_not_wide() {
        let cover = facts(
            "Input #0, mp3, from 'x':\n  Stream #0:0: Audio: mp3, 44100 Hz, stereo, fltp, 320 kb/s\n\
             \x20 Stream #0:1: Video: png, rgb24(pc), 600x600, 90k tbr, 90k tbn (attached pic)",
        );
        assert_eq!(cover.video, None);
        let upright = facts(
            "Input #0, mov, from 'x':\n  Stream #0:0: Video: hevc (Main), yuv420p, 1920x1080, 30 fps, 30 tbr\n\
             \x20   Side data:\n      displaymatrix: rotation of -90.00 degrees",
        );
        assert_eq!(
            upright.video.map(|video| (video.width, video.height)),
            Some((1080, 1920))
        );
    }

    #[test]
    fn pictures_without_a_size_hide_and_are_counted() {
        let late = "Input #0, mpegts, from 'x':\n  Program 1 \n\
             \x20 Stream #0:0[0x100]: Video: h264 ([27][0][0][0] / 0x001B), none, 25 fps, 25 tbr, 90k tbn\n\
             \x20 Stream #0:1[0x101]: Audio: aac (LC), 44100 Hz, mono, fltp, 71 kb/s";
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        assert!(hides_its_pictures(&lines(late)));
        assert_eq!(facts(late).video, None);
        let other = format!(
            "{late}\n  Stream #0:2: Video: h264, yuv420p, 640x360, 25 fps, 25 tbr, 90k tbn"
        );
        assert!(!hides_its_pictures(&lines(&other)));
        assert_eq!(facts(&other).video.map(|video| video.position), Some(1));
        let sound = "Input #0, mp3, from 'x':\n  Stream #0:0: Audio: mp3, 44100 Hz, stereo, fltp\n\
             \x20 Stream #0:1: Video: png, rgb24(pc), 600x600, 90k tbr, 90k tbn (attached pic)";
        assert!(!hides_its_pictures(&lines(sound)));
    }

    proptest! {
        #[test]
        fn any_text_is_harmless(text in "(Input #0, |  Duration: |  Stream #0:0: (Video|Audio): )?\\PC{0,120}") {
            let _ = facts(&text);
        }
    }
}
