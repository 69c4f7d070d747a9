//! What must hold for the words of ffmpeg, which repeats those of its sources; see `crate::fuzzing`.

use super::detect::{DetectorParser, Symptom};
use super::probe::facts_of;
use super::progress::ProgressParser;
use super::scrub::Scrubber;
use super::stderr::StderrRing;
use crate::fuzzing::{pieces, text};

/// What ffmpeg writes to standard output: any split gives the same figures and findings, and figures are finite.
pub(crate) fn progress(input: &[u8]) {
    let Some((length, output)) = pieces(input) else {
        return;
    };
    let (mut whole, mut split) = (ProgressParser::default(), ProgressParser::default());
    let expected = whole.push(output);
    let told = output.chunks(length).filter_map(|piece| split.push(piece));
    assert_eq!(told.last(), expected);
    assert!(expected.is_none_or(|told| told.speed.is_finite() && told.fps.is_finite()));
    let (mut whole, mut split) = (DetectorParser::default(), DetectorParser::default());
    whole.push(output);
    output.chunks(length).for_each(|piece| split.push(piece));
    for symptom in Symptom::ALL {
        assert_eq!(whole.sees(symptom), split.sees(symptom));
    }
    // What is to be told is told in the end, however often it came and went.
    let mut left = 2 * Symptom::ALL.len();
    while let Some((symptom, _)) = whole.news() {
        whole.told(symptom);
        left = left.checked_sub(1).expect("two words are enough for each");
    }
}

/// What ffmpeg writes to standard error: lines are bounded and without control characters, and facts are read from
/// them. The first line is the password of the source, which no line shows.
pub(crate) fn words(input: &[u8]) {
    let (password, output) = match input.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (&[][..], input),
    };
    let password = text(password).filter(|password| is_a_password(password));
    let url = password.map(|password| format!("http://viewer:{password}@192.0.2.1/live/x.ts"));
    let ring = StderrRing::new(Scrubber::new(url.as_deref()));
    ring.push(output);
    if let Some(url) = &url {
        ring.push(format!("{url}: Input/output error\n").as_bytes());
    }
    let lines = ring.lines();
    let _ = facts_of(&lines);
    for line in &lines {
        assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
        if let Some(password) = password {
            assert!(!line.contains(password), "{line:?} shows {password:?}");
        }
    }
}

/// Long and odd enough not to be a word of ours by chance.
fn is_a_password(text: &str) -> bool {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b"-_.~!$&+=".contains(&b);
    (8..64).contains(&text.len())
        && text.bytes().all(fine)
        && text.bytes().any(|b| b.is_ascii_digit())
}
