//! The encoder room with the real ffmpeg: what a plan promises is what comes out of the pipes.

mod encoder_support;

use std::collections::BTreeMap;

use encoder_support::{Collected, channel, plan, run_plan};
use headgate::base::RenditionId;
use headgate::config::SourceKind;

#[tokio::test]
async fn the_test_card_delivers_every_rendition_with_aligned_key_frames() {
    let plan = plan(&channel(SourceKind::TestCard)).await;
    assert_eq!(plan.renditions.len(), 4);
    let collected = run_plan(&plan, |c: &Collected| c.seconds_of_all() >= 5.0).await;
    let keys: BTreeMap<RenditionId, Vec<u64>> = collected.key_frames();
    let first = &keys[&RenditionId(0)];
    assert!(first.len() >= 3, "{keys:?}");
    for id in [1, 2].map(RenditionId) {
        let shared = first.len().min(keys[&id].len());
        assert_eq!(first[..shared], keys[&id][..shared], "rung {id:?}");
    }
    // Every second segment's key frame is exactly one segment later, in the track's ticks.
    let segment = u64::from(collected.timescale(RenditionId(0))) * 2;
    assert!(
        first.windows(2).all(|pair| pair[1] - pair[0] == segment),
        "{first:?}"
    );
}
