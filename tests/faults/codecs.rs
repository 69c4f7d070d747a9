//! A source whose codec changes while it plays, on the same elementary streams or on others. The decoder of before makes
//! nothing of it, or stray pictures whose timestamps run away. And sources that have a part of what they had.

use tokio::task::LocalSet;

use crate::source_server::Fault;
use crate::table::Event::Playing;
use crate::table::Verdict::{Followed, Lost, Reduced, Unharmed};
use crate::table::{hls, run, stream};
use crate::transport::Recording;

/// ffmpeg complains about every packet, or its parser finds none.
const OTHER: &[&str] = &["cannot be decoded", "no new media"];

/// It finds some, which is no better: whatever is noticed first.
const STRAY: &[&str] = &[
    "cannot be decoded",
    "no new media",
    "ahead of the clock",
    "ahead of the leading rendition",
];

#[tokio::test]
async fn a_codec_that_changes_is_noticed_and_followed() {
    let change = |name, recording, words| {
        let fault = Fault::Other(recording);
        stream(name, Playing(fault), Followed(words))
    };
    let rows = vec![
        change("H.264 to HEVC", Recording::hevc(), OTHER),
        change("H.264 to MPEG-2", Recording::mpeg2(), STRAY),
        change("the same with noise", Recording::mpeg2_noise(), STRAY),
        change("HEVC, other PIDs", Recording::hevc_elsewhere(), OTHER),
        change("AAC to AC-3", Recording::ac3(), OTHER),
        change("AAC to MP2", Recording::mp2(), OTHER),
        hls(
            "hls, to MPEG-2",
            Playing(Fault::Other(Recording::mpeg2())),
            Followed(STRAY),
        ),
    ];
    LocalSet::new().run_until(run(rows)).await;
}

#[tokio::test]
async fn sound_that_vanishes_is_noticed_though_the_pictures_go_on() {
    let row = stream(
        "sound vanishes",
        Playing(Fault::Other(Recording::without_sound())),
        Reduced(&["rendition audio has delivered no new media"]),
    );
    LocalSet::new().run_until(run(vec![row])).await;
}

/// Whole segments come at once, and there is nothing new for as long as they last.
#[tokio::test]
async fn segments_that_are_longer_than_a_channels_patience_are_played_at_the_pace_of_the_clock() {
    let rows = [4, 6, 10].map(|seconds| {
        let name = match seconds {
            4 => "hls, 4 s segments",
            6 => "hls, 6 s segments",
            _ => "hls, 10 s segments",
        };
        let mut row = hls(name, Playing(Fault::None), Unharmed);
        row.address = row.source.playlist_of(seconds);
        row
    });
    LocalSet::new().run_until(run(rows.into())).await;
}

/// Nothing is decoded here: somebody has to look at what is passed on.
#[tokio::test]
async fn a_copied_codec_that_changes_is_noticed_and_followed_if_players_know_it() {
    const OTHER: &[&str] = &[
        "not H.264 any more",
        "cannot be played from HLS",
        // Its timestamps make no sense either.
        "longer than a part",
    ];
    let rows = [
        ("copied, to HEVC", Recording::hevc(), Followed(OTHER)),
        ("copied, to MPEG-2", Recording::mpeg2(), Lost(OTHER)),
        (
            "copied, size",
            Recording::larger(),
            Followed(&["another format"]),
        ),
    ];
    let rows = rows.map(|(name, recording, verdict)| {
        let mut row = stream(name, Playing(Fault::Other(recording)), verdict);
        row.more = "ladder = [{ name = \"v\", copy = true }]";
        row
    });
    LocalSet::new().run_until(run(rows.into())).await;
}
