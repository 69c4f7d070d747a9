//! What a channel's configuration promises to players before there is media.

use std::time::Duration;

use crate::config::{ChannelSpec, LadderSpec, RungVideo};

/// How long a viewer that asks for nothing still counts: three Target Durations, how far a player stays behind the live
/// edge.
pub(super) fn hold(spec: &ChannelSpec) -> Duration {
    target_duration(spec) * 3
}

/// As the packager will promise it: a copied source cuts where it has key frames, and makes the promise wider.
pub(super) fn target_duration(spec: &ChannelSpec) -> Duration {
    let aim = spec.segment_duration.as_secs() + u64::from(spec.segment_duration.subsec_nanos() > 0);
    let copies = match &spec.ladder {
        LadderSpec::Rungs(rungs) => rungs.iter().any(|rung| rung.video == RungVideo::Copy),
        LadderSpec::Auto => false,
    };
    Duration::from_secs(aim.max(1) * if copies { 3 } else { 1 })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::handle::Session;
    use super::super::run::Floor;
    use super::*;
    use crate::config::Config;
    use crate::hls::{PackagerConfig, Timeline};

    fn spec(more: &str) -> Arc<ChannelSpec> {
        let text = format!("[[channel]]\nid = \"a\"\n{more}\n");
        let config = Config::parse(&text, "channels.toml".as_ref()).unwrap();
        config.channels[0].clone()
    }

    #[test]
    fn lifetimes_are_those_that_the_packager_promises() {
        let copied = "source = \"udp://a:1\"\nladder = [{ name = \"s\", copy = true }]";
        for (more, irregular_key_frames) in [
            ("source = \"testcard:\"", false),
            (
                "source = \"testcard:\"\nsegment_duration = \"1500ms\"",
                false,
            ),
            (copied, true),
            (
                "source = \"udp://a:1\"\nladder = [{ name = \"s\", copy = true }]\nwindow = \"12s\"",
                true,
            ),
        ] {
            let spec = spec(more);
            let config = PackagerConfig {
                segment_duration: spec.segment_duration,
                part_duration: spec.part_duration,
                window: spec.window,
                irregular_key_frames,
                lead: Duration::ZERO,
                renditions: Vec::new(),
                timeline: Timeline {
                    epoch: 1,
                    first_msn: 1,
                    first_discontinuity: 1,
                },
            };
            let session = Session::new(
                spec.clone(),
                Floor::new(spec.id.clone(), Default::default()),
            );
            assert_eq!(
                session.target_duration().as_secs(),
                config.target_duration(),
                "{more}"
            );
            assert_eq!(session.retention(), config.retention(), "{more}");
        }
    }
}
