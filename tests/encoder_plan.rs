//! The command lines of every kind of source, as goldens: a change of one is a decision, and shows in review.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::time::Duration;

use headgate::base::{ChannelId, RenditionId, RenditionName};
use headgate::config::{
    ChannelSpec, Header, LadderSpec, LostWhen, Rung, RungVideo, Secret, SourceKind, SourceSpec,
};
use headgate::encoder::{
    Argument, AudioFacts, Capabilities, EncoderPlan, FrameRate, PlanError, SourceFacts,
    TextSupport, VideoFacts,
};

fn capabilities() -> Capabilities {
    let known = Capabilities::OPTIONS
        .into_iter()
        .filter(|o| *o != "stimeout");
    Capabilities {
        version: "ffmpeg version 5.1".into(),
        text: TextSupport::System,
        options: known.map(str::to_owned).collect(),
        protocols: Default::default(),
        filters: Default::default(),
        detectors: true,
    }
}

fn facts() -> SourceFacts {
    SourceFacts {
        container: "mpegts".into(),
        video: Some(VideoFacts {
            position: 0,
            codec: "h264".into(),
            width: 1280,
            height: 720,
            display_aspect: None,
            frame_rate: Some(FrameRate::new(25, 1)),
            interlaced: false,
            bitrate: None,
        }),
        audio: Some(AudioFacts {
            position: 0,
            codec: "aac".into(),
            sample_rate: 44_100,
            channels: "stereo".into(),
        }),
        duration: None,
        bitrate: None,
    }
}

fn live(url: &str) -> SourceKind {
    SourceKind::Live { url: url.into() }
}

fn channel(kind: SourceKind) -> ChannelSpec {
    ChannelSpec {
        id: ChannelId::new("test").unwrap(),
        name: "O'Neil: 100%, [live]; a\\b".into(),
        logo: None,
        number: None,
        group: None,
        tvg_id: None,
        guide: None,
        sources: vec![SourceSpec::new(kind)],
        ladder: LadderSpec::Rungs(vec![encoded("720p", 720), encoded("360p", 360)]),
        grace_period: Duration::from_secs(30),
        start_timeout: Duration::from_secs(10),
        slate_after: None,
        hold_down: Duration::from_secs(30),
        lost_when: LostWhen::default(),
        segment_duration: Duration::from_secs(2),
        part_duration: Duration::from_millis(500),
        window: Duration::from_secs(30),
        access: Default::default(),
    }
}

fn encoded(name: &str, height: u32) -> Rung {
    let bitrate = 2_500_000;
    Rung {
        name: RenditionName::new(name).unwrap(),
        video: RungVideo::Encode { height, bitrate },
    }
}

fn copied() -> Rung {
    Rung {
        name: RenditionName::new("source").unwrap(),
        video: RungVideo::Copy,
    }
}

fn plan(channel: &ChannelSpec, facts: &SourceFacts) -> Result<EncoderPlan, PlanError> {
    EncoderPlan::new(channel, &channel.sources[0], facts, &capabilities(), None)
}

/// A plan as people read it: an option and its value on a line.
fn golden(channel: &ChannelSpec, facts: &SourceFacts) -> String {
    let plan = plan(channel, facts).unwrap();
    let mut text = format!("source {}\nlead {:?}\n", plan.source_label, plan.lead);
    for (id, rendition) in plan.renditions.iter().enumerate() {
        text.push_str(&format!(
            "{id} {:?} {} peak {} average {}\n",
            rendition.kind, rendition.name, rendition.peak_bitrate, rendition.average_bitrate
        ));
    }
    for argument in &plan.arguments {
        match argument {
            Argument::Text(word) if word.starts_with('-') && word.len() > 2 => text.push('\n'),
            Argument::Text(word) if word == "-i" || word == "-g" || word == "-f" => text.push('\n'),
            _ => text.push(' '),
        }
        match argument {
            Argument::Text(word) => text.push_str(word),
            Argument::Output(RenditionId(id)) => text.push_str(&format!("<{id}>")),
        }
    }
    text
}

#[test]
fn command_lines() {
    let silent = SourceFacts {
        audio: None,
        ..facts()
    };
    let interlaced = SourceFacts {
        video: facts().video.map(|video| VideoFacts {
            interlaced: true,
            frame_rate: None,
            ..video
        }),
        ..facts()
    };
    let file = || SourceKind::File {
        path: "media/-odd: name.mp4".into(),
    };
    let slate = SourceKind::Slate {
        text: "Back soon, at 8:00".into(),
    };
    let http = live("http://tv.example/live/alice/hunter22/7.ts");
    let mut asked = channel(live("https://cdn.example/a.m3u8"));
    asked.sources[0].user_agent = Some(Secret::new("TV/1.0 (living room)"));
    asked.sources[0].headers = [("X-Key", "hunter22"), ("Authorization", "Bearer hunter22")]
        .map(|(name, value)| Header {
            name: name.into(),
            value: Secret::new(value),
        })
        .into();
    let cases = [
        ("http_headers", asked, facts()),
        ("testcard", channel(SourceKind::TestCard), facts()),
        ("slate", channel(slate), facts()),
        ("file", channel(file()), facts()),
        ("http_ts", channel(http), facts()),
        (
            "hls",
            channel(live("https://bob:pw@cdn.example/a.m3u8?token=abc123")),
            facts(),
        ),
        ("rtsp", channel(live("rtsp://cam.lan/1")), facts()),
        (
            "srt",
            channel(live("srt://encoder.lan:9000?passphrase=0123456789")),
            facts(),
        ),
        (
            "rtmp",
            channel(live("rtmp://encoder.lan/live/key")),
            facts(),
        ),
        (
            "udp_interlaced",
            channel(live("udp://239.0.0.1:1234")),
            interlaced,
        ),
        ("no_audio", channel(file()), silent),
    ];
    for (name, channel, facts) in cases {
        insta::assert_snapshot!(name, golden(&channel, &facts));
    }
}

#[test]
fn a_copied_rung_rules_the_others() {
    let mut channel = channel(SourceKind::File {
        path: "a.mp4".into(),
    });
    channel.ladder = LadderSpec::Rungs(vec![copied(), encoded("360p", 360)]);
    insta::assert_snapshot!("copy", golden(&channel, &facts()));
    channel.ladder = LadderSpec::Rungs(vec![copied()]);
    insta::assert_snapshot!("copy_only", golden(&channel, &facts()));
}

#[test]
fn detectors_look_at_the_smallest_picture_and_at_the_sound() {
    let all = LostWhen {
        black: Some(Duration::from_secs(10)),
        frozen: Some(Duration::from_secs(10)),
        silent: Some(Duration::from_secs(30)),
    };
    let mut looked_at = channel(live("udp://239.0.0.1:1234"));
    looked_at.lost_when = all;
    insta::assert_snapshot!("detectors", golden(&looked_at, &facts()));

    // How long is too long is not ffmpeg's to know: other times are the same command line.
    let mut longer = looked_at.clone();
    longer.lost_when.black = Some(Duration::from_secs(99));
    assert_eq!(golden(&longer, &facts()), golden(&looked_at, &facts()));

    looked_at.ladder = LadderSpec::Rungs(vec![copied(), encoded("360p", 360)]);
    assert!(
        golden(&looked_at, &facts())
            .contains("[s1]scale=w='2*round(oh*dar/2)':h=360,setsar=1,metadata=")
    );
    let only = |lost_when| ChannelSpec {
        lost_when,
        ..channel(live("udp://239.0.0.1:1234"))
    };
    let silent = golden(
        &only(LostWhen {
            black: None,
            frozen: None,
            ..all
        }),
        &facts(),
    );
    assert!(silent.contains("silencedetect") && !silent.contains(":h=360,setsar=1,metadata"));
    let black = golden(
        &only(LostWhen {
            frozen: None,
            silent: None,
            ..all
        }),
        &facts(),
    );
    assert!(
        black.contains("blackdetect")
            && !black.contains("freezedetect")
            && !black.contains("ametadata")
    );
}

#[test]
fn nothing_is_looked_for_where_nothing_can_be_found() {
    let all = LostWhen {
        black: Some(Duration::from_secs(10)),
        frozen: Some(Duration::from_secs(10)),
        silent: Some(Duration::from_secs(30)),
    };
    let slate = SourceKind::Slate {
        text: "Soon".into(),
    };
    for kind in [SourceKind::TestCard, slate.clone()] {
        let mut card = channel(kind);
        card.lost_when = all;
        assert!(!golden(&card, &facts()).contains("detect"));
    }
    let mut real = channel(live("udp://239.0.0.1:1234"));
    real.lost_when = all;
    let (source, slate) = (real.sources[0].clone(), SourceSpec::new(slate));
    let beside = EncoderPlan::in_place_of(&real, &slate, &facts(), &capabilities(), None).unwrap();
    let blind = Capabilities {
        detectors: false,
        ..capabilities()
    };
    let without = EncoderPlan::new(&real, &source, &facts(), &blind, None).unwrap();
    let looks =
        |argument: &Argument| matches!(argument, Argument::Text(t) if t.contains("detect="));
    assert!(!beside.arguments.iter().any(looks));
    assert!(!without.arguments.iter().any(looks));
    real.ladder = LadderSpec::Rungs(vec![copied()]);
    let copies = golden(&real, &facts());
    assert!(copies.contains("silencedetect") && !copies.contains("blackdetect"));
}

#[test]
fn what_cannot_be_made_is_refused_in_words() {
    let mut channel = channel(SourceKind::TestCard);
    channel.ladder = LadderSpec::Rungs(vec![copied()]);
    assert_eq!(
        plan(&channel, &facts()),
        Err(PlanError::NothingToCopy("source".into()))
    );
    channel.sources[0].kind = live("udp://239.0.0.1:1");
    assert_eq!(
        plan(&channel, &SourceFacts::default()),
        Err(PlanError::NoVideo)
    );
    let mpeg2 = SourceFacts {
        video: facts().video.map(|video| VideoFacts {
            codec: "mpeg2video".into(),
            ..video
        }),
        ..facts()
    };
    let error = plan(&channel, &mpeg2).unwrap_err().to_string();
    assert!(error.contains("mpeg2video"), "{error}");
}

#[test]
fn no_option_is_used_that_this_ffmpeg_does_not_know() {
    let bare = Capabilities {
        text: TextSupport::None,
        options: Default::default(),
        ..capabilities()
    };
    for url in [
        "http://a/b.ts",
        "http://a/b.m3u8",
        "rtsp://a/b",
        "srt://a:1",
        "rtmp://a/b",
        "udp://a:1",
    ] {
        let channel = channel(live(url));
        let plan = EncoderPlan::new(&channel, &channel.sources[0], &facts(), &bare, None).unwrap();
        for option in Capabilities::OPTIONS {
            let word = Argument::Text(format!("-{option}"));
            assert!(!plan.arguments.contains(&word), "{url}: {option}");
        }
    }
    let card = channel(SourceKind::TestCard);
    let plan = EncoderPlan::new(&card, &card.sources[0], &facts(), &bare, None).unwrap();
    let draws =
        |argument: &Argument| matches!(argument, Argument::Text(t) if t.contains("drawtext"));
    assert!(!plan.arguments.iter().any(draws));
}
