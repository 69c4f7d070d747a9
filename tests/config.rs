//! The room `config` from outside: a corpus of bad files with the exact words for each, good files with their meaning,
//! and the shipped `channels.toml`. `UPDATE_GOLDENS=1 cargo test --test config` writes the words anew.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use headgate::config::{
    CertificateSpec, Config, ConfigError, LadderSpec, LimitsSpec, LostWhen, MAX_FILE_SIZE,
    OpenPath, OperatorsAt, Role, RungVideo, SourceKind, TokenSecret, check,
};
use headgate::events::Filter;
use proptest::prelude::*;

fn corpus(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/config")
        .join(folder)
}

/// The files of a folder with this extension, sorted.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/etc/headgate/channels.toml"))
}

/// A good channel, to which a test adds what it is about.
fn with_channel(more: &str) -> String {
    format!("[[channel]]\nid = \"news\"\nsource = \"testcard:\"\n{more}\n")
}

// === bad files ===

#[test]
fn every_bad_file_is_explained() {
    let update = std::env::var_os("UPDATE_GOLDENS").is_some();
    let bad = files(&corpus("bad"), "toml");
    assert!(bad.len() >= 100, "the corpus is gone");
    let mut wrong = Vec::new();
    for path in &bad {
        let text = fs::read_to_string(path).unwrap();
        let name = path.file_name().unwrap();
        let error = match Config::parse(&text, Path::new(name)) {
            Ok(_) => panic!("{} is accepted", path.display()),
            Err(error) => error,
        };
        assert!(!error.problems().is_empty(), "{}", path.display());
        let said = format!("{error}\n");
        assert!(
            !said.contains("hunter2"),
            "{} shows a password:\n{said}",
            path.display()
        );
        assert!(
            !format!("{error:?}").contains("hunter2"),
            "{}",
            path.display()
        );
        let golden = path.with_extension("txt");
        if update {
            fs::write(&golden, &said).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != said {
            wrong.push(format!("{}:\n{said}", golden.display()));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!(
        files(&corpus("bad"), "txt").len(),
        bad.len(),
        "a golden has lost its file"
    );
}

#[test]
fn every_problem_says_where_and_what_to_write() {
    for path in files(&corpus("bad"), "toml") {
        let text = fs::read_to_string(&path).unwrap();
        let error = parse(&text).unwrap_err();
        let mut last = (0, 0);
        for problem in error.problems() {
            assert!(
                problem.help.is_some(),
                "{}: {}",
                path.display(),
                problem.message
            );
            assert!(problem.line >= 1 && problem.column >= 1);
            assert!(
                problem.line <= text.matches('\n').count() + 1,
                "{}",
                path.display()
            );
            assert!(
                (problem.line, problem.column) >= last,
                "{} is not sorted",
                path.display()
            );
            last = (problem.line, problem.column);
            let place = format!("channels.toml:{}:{}\n", problem.line, problem.column);
            assert!(
                error.to_string().contains(&place),
                "{}: {error}",
                path.display()
            );
        }
    }
}

#[test]
fn a_place_counts_characters() {
    let error =
        parse("[[channel]]\nid = 'a'\nsource = { name = '新闻😀', url = 'pipe:0' }\n").unwrap_err();
    let problem = &error.problems()[0];
    assert_eq!((problem.line, problem.column), (3, 32));
}

#[test]
fn credentials_are_hidden_wherever_the_problem_is() {
    for line in [
        "source = 'http://joe:SECRET@h/x y'",
        "source = 'http://h/SECRET/pw/x y'",
        "source = 'http://h/x?SECRET y'",
        "source = { name = '', url = 'http://joe:SECRET@h/1.ts' }",
        "sorce = 'http://joe:SECRET@h/1.ts'",
        "source = 'ftp://joe:SECRET@h/1.ts'",
        "source = 'rtsp:joe:SECRET@h/1.ts'",
        "source = \"http:\\u002F\\u002Fjoe:SECRET@h/x y\"",
        "source = \"\"\"http://joe:\\\n  SECRET@h/1.ts\"\"\"\nsources = []",
        "sources = ['pipe:0', \"\"\"http://joe:\\\n  SECRET@h/1.ts\"\"\", 7]",
        "sources = ['pipe:0', \"\"\"http://joe:\n  SECRET@h/1.ts\"\"\", 7]",
        "source = http://joe:SECRET@h/1.ts",
        "source = 'http://joe:SECRET@h/1.ts",
        "'http://joe:SECRET@h/1.ts' = 1",
        "logo = 'http://joe:SECRET@h/1.png'",
        "source = { url = 'http://h/', headers = { A = 'SECRET', 'B b' = 'SECRET' } }",
        "source = { url = 'http://h/', headers = { A = 'SECRET', B = 7 } }",
        "source = { url = 'http://h/', headers = { A = 'SECRET', 'X: SECRET' = 1 } }",
        "source = { url = 'http://h/', headers = { A = SECRET } }",
        "source = { url = 'http://h/', headers = { A = 'SECRET, B = 'x' } }",
        "source = { url = 'http://h/', user_agent = 'SECRET\u{e9}' }",
        "source = { url = 'a.mp4', headers = { A = 'SECRET' } }",
        "source = { url = 'http://h/', Authorization = 'SECRET' }",
        "headers = { A = 'SECRET' }",
        "[[webhook]]\nurl = 'h/SECRET'",
        "[[webhook]]\nurl = 'https://h/SECRET x'",
        "[[webhook]]\nurl = https://h/SECRET",
        "[[webhook]]\nsecret = 'SECRET'",
        "[[webhook]]\nsecrets = 'whsec_SECRET'",
        "[[webhook]]\nsecret = whsec_SECRET",
    ] {
        let text = format!(
            "[[channel]]\nid = 'a'\n{}\n",
            line.replace("SECRET", "s3cr3t")
        );
        let error = parse(&text).unwrap_err();
        let said = format!("{error} {error:?} {}", error.to_styled_string());
        assert!(!said.contains("s3cr3t"), "{line}:\n{error}");
        let json = serde_json::to_string(error.problems()).unwrap();
        assert!(!json.contains("s3cr3t"), "{line}:\n{json}");
    }
}

#[test]
fn a_flood_of_problems_is_cut() {
    let text = with_channel("x = 1\n").repeat(3000);
    let error = parse(&text).unwrap_err();
    assert_eq!(error.problems().len(), 1000);
    assert!(
        error
            .to_string()
            .ends_with("problems; the first 1000 are shown")
    );
}

#[test]
fn a_very_long_line_is_named_and_not_shown() {
    let error = parse(&with_channel(&format!("name = \"{}\"", "x".repeat(10_000)))).unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("channels.toml:4:8") && said.len() < 500,
        "{said}"
    );
}

#[test]
fn colours_are_for_terminals_only() {
    let error = parse("").unwrap_err();
    assert!(!error.to_string().contains('\u{1b}'));
    assert!(error.to_styled_string().contains('\u{1b}'));
}

// === files ===

#[test]
fn files_that_are_no_text_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("channels.toml");
    let said = |path: &Path| {
        let error = Config::load(path).unwrap_err();
        assert!(error.problems().is_empty());
        assert_eq!(error.to_string(), error.to_styled_string());
        error
            .to_string()
            .replace(&folder.path().display().to_string(), "")
    };
    assert!(said(&path).starts_with("error: there is no configuration at /channels.toml\n"));
    assert!(said(folder.path()).starts_with("error: cannot read the configuration"));
    fs::write(&path, b"# \xc3\xa9\n# \xc3\xa9 \xff\n").unwrap();
    assert!(
        said(&path).contains(" --> /channels.toml:2:5\n"),
        "{}",
        said(&path)
    );
    let file = fs::File::create(&path).unwrap();
    file.set_len(MAX_FILE_SIZE + 1).unwrap();
    assert!(said(&path).contains("larger than 16 MiB"));
}

#[test]
fn check_counts_and_warns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("channels.toml");
    let said = || {
        check(&path)
            .unwrap()
            .replace(&folder.path().display().to_string(), "")
    };
    fs::write(&path, with_channel("")).unwrap();
    assert_eq!(said(), "/channels.toml: 1 channel, no problem");
    let more = "[[channel]]\nid = 'b'\nsource = 'gone.mp4'\n[[channel]]\nid = 'c'\nsources = ['slate:x', 'here.mp4']\n";
    fs::write(&path, with_channel(more)).unwrap();
    fs::write(folder.path().join("here.mp4"), "").unwrap();
    assert_eq!(
        said(),
        "/channels.toml: 3 channels, 2 warnings\n\
         warning: channel `b`: there is no file /gone.mp4 now\n\
         warning: channel `c`: `slate:x` never fails, so the sources behind it are never used"
    );
    fs::write(&path, "").unwrap();
    assert_eq!(check(&path).unwrap_err().problems().len(), 1);
}

// === good files ===

fn good(name: &str) -> Config {
    let text = fs::read_to_string(corpus("good").join(name)).unwrap();
    parse(&text).unwrap_or_else(|error| panic!("{name}:\n{error}"))
}

#[test]
fn what_is_not_written_has_a_default() {
    let config = good("minimal.toml");
    let server = &config.server;
    assert_eq!(server.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(server.ffmpeg, None);
    let limits = (
        server.max_connections,
        server.max_connections_per_address,
        server.max_sessions,
    );
    assert_eq!(limits, (10_000, 1024, 100));
    assert_eq!(server.limits, LimitsSpec::default());
    let [channel] = &config.channels[..] else {
        panic!("{config:?}")
    };
    assert_eq!((channel.id.as_str(), channel.name.as_str()), ("a", "a"));
    assert_eq!(
        (&channel.logo, channel.number, &channel.group),
        (&None, None, &None)
    );
    assert_eq!(channel.sources[0].kind, SourceKind::TestCard);
    assert_eq!(channel.ladder, LadderSpec::Auto);
    assert_eq!(channel.grace_period, Duration::from_secs(30));
    assert_eq!(channel.start_timeout, Duration::from_secs(10));
    assert_eq!(channel.slate_after, None);
    assert_eq!(channel.hold_down, Duration::from_secs(30));
    assert_eq!(channel.lost_when, LostWhen::default());
    assert_eq!((&server.state, &config.webhooks[..]), (&None, &[][..]));
    let source = &channel.sources[0];
    assert_eq!((source.timeout, &source.user_agent), (None, &None));
    assert!(source.headers.is_empty());
    assert_eq!(channel.segment_duration, Duration::from_secs(2));
    assert_eq!(channel.part_duration, Duration::from_millis(500));
    assert_eq!(channel.window, Duration::from_secs(30));
}

#[test]
fn the_example_of_the_contract_means_what_it_says() {
    let config = good("contract.toml");
    let news = &config.channels[1];
    assert_eq!(news.name, "News 24");
    assert_eq!(news.logo.as_deref(), Some("https://example.org/news.png"));
    assert_eq!(
        (news.number, news.group.as_deref()),
        (Some(7), Some("News"))
    );
    let labels: Vec<String> = news.sources.iter().map(|source| source.label()).collect();
    assert_eq!(
        labels,
        ["https://example.org/….m3u8", "multicast", "slate:Back soon"]
    );
    let LadderSpec::Rungs(rungs) = &news.ladder else {
        panic!("{news:?}")
    };
    let rungs: Vec<_> = rungs
        .iter()
        .map(|rung| (rung.name.as_str(), &rung.video))
        .collect();
    let encode = |height, bitrate| RungVideo::Encode { height, bitrate };
    assert_eq!(
        rungs,
        [
            ("1080p", &encode(1080, 4_500_000)),
            ("720p", &encode(720, 2_500_000)),
            ("source", &RungVideo::Copy)
        ]
    );
}

#[test]
fn the_edges_of_every_range_are_inside() {
    let config = good("limits.toml");
    let server = &config.server;
    assert_eq!(server.listen, "[::]:0".parse().unwrap());
    assert_eq!(
        server.ffmpeg.as_deref(),
        Some(Path::new("/etc/headgate/tools/ffmpeg"))
    );
    // The default for one address does not exceed what is allowed in all.
    assert_eq!(
        (server.max_connections, server.max_connections_per_address),
        (10, 10)
    );
    let (edge, starts) = (&server.limits.edge, &server.limits.starts);
    assert_eq!(edge.header_timeout, Duration::from_millis(100));
    assert_eq!(edge.answer_timeout, Duration::from_secs(3600));
    assert_eq!((edge.max_header_bytes, edge.max_headers), (8192, 100));
    assert_eq!((edge.http2_streams, edge.reserved_descriptors), (10_000, 0));
    assert_eq!(
        (starts.max_starting, starts.max_segment_memory),
        (Some(1), Some(16 << 20))
    );
    assert_eq!((starts.shed_memory, starts.shed_cpu), (100, 1));
    let [inherits, overrides, rungs] = &config.channels[..] else {
        panic!("{config:?}")
    };
    assert_eq!(inherits.name, "\"Quoted\" & <b>Ünïcode</b> 新闻");
    assert_eq!(
        (inherits.segment_duration, inherits.window),
        (Duration::from_secs(1), Duration::from_secs(6))
    );
    assert_eq!(inherits.grace_period, Duration::ZERO);
    assert!(matches!(&inherits.ladder, LadderSpec::Rungs(rungs) if rungs.len() == 1));
    assert_eq!(
        (overrides.segment_duration, overrides.part_duration),
        (Duration::from_secs(10), Duration::from_secs(5))
    );
    assert_eq!(
        (overrides.number, &overrides.ladder),
        (Some(u32::MAX), &LadderSpec::Auto)
    );
    assert_eq!(overrides.sources[0].label(), "The card");
    assert!(matches!(&rungs.ladder, LadderSpec::Rungs(rungs) if rungs.len() == 4));
    let file = |path: &str| SourceKind::File { path: path.into() };
    let kinds: Vec<&SourceKind> = inherits.sources.iter().map(|source| &source.kind).collect();
    assert_eq!(*kinds[0], file("/etc/headgate/media/a.mp4"));
    assert_eq!(*kinds[1], file("/etc/headgate/12:30.mp4"));
    assert_eq!(*kinds[2], file("/srv/b.mp4"));
    assert_eq!(*kinds[3], file("/etc/headgate/./testcard"));
    assert!(
        matches!(kinds[4], SourceKind::Live { url } if url == "https://joe:hunter2@example.org/live.m3u8?a=1&b=%20")
    );
    assert!(matches!(kinds[9], SourceKind::Live { url } if url == "rtmps://h/app/key"));
    assert_eq!(
        *kinds[13],
        SourceKind::Slate {
            text: "Back soon".into()
        }
    );
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn sources_are_asked_as_the_file_says() {
    let config = good("limits.toml");
    let source = &config.channels[0].sources[12];
    assert_eq!(source.timeout, Some(Duration::from_millis(500)));
    let user_agent = source.user_agent.as_ref().map(|agent| agent.expose());
    assert_eq!(user_agent, Some("TV/1.0 (x)"));
    let headers: Vec<_> = source
        .headers
        .iter()
        .map(|header| (header.name.as_str(), header.value.expose()))
        .collect();
    assert_eq!(
        headers,
        [("X-Key", "hunter2"), ("authorization", "Bearer hunter2")]
    );
}

#[test]
fn operators_are_known_by_what_the_file_says() {
    let config = good("operators.toml");
    let operators = &config.operators;
    assert_eq!(operators.at(&config.server), OperatorsAt::Own);
    assert_eq!(
        operators.address(&config.server).to_string(),
        "10.0.0.7:8081"
    );
    assert_eq!(
        config.operators_hosts(),
        ["tower.example", "tv.example.org"]
    );
    assert_eq!(operators.open, [OpenPath::Metrics]);
    let audit_log = Path::new("/etc/headgate/audit.jsonl");
    assert_eq!(operators.audit_log.as_deref(), Some(audit_log));
    let [alice, bob, carol] = &operators.tokens[..] else {
        panic!("{operators:?}")
    };
    assert_eq!((alice.name.as_str(), alice.role), ("alice", Role::Operate));
    assert_eq!(bob.role, Role::Read, "who says nothing may look");
    assert_eq!(
        bob.secret,
        TokenSecret::File("/etc/headgate/bob.token".into())
    );
    assert!(matches!(carol.secret, TokenSecret::Sha256(hash) if hash[..2] == [0x9f, 0x86]));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn a_channel_says_when_a_source_is_lost_and_taken_back() {
    let config = good("limits.toml");
    assert_eq!(
        config.server.state.as_deref(),
        Some(Path::new("/etc/headgate/var/headgate.state"))
    );
    let [inherits, overrides, rungs] = &config.channels[..] else {
        panic!("{config:?}")
    };
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(inherits.slate_after, Some(Duration::ZERO));
    assert_eq!(overrides.slate_after, None);
    assert_eq!(inherits.hold_down, Duration::ZERO);
    assert_eq!(overrides.hold_down, Duration::from_secs(3600));
    let lost = |black, frozen, silent| LostWhen {
        black,
        frozen,
        silent,
    };
    assert_eq!(inherits.lost_when, lost(seconds(1), None, seconds(3600)));
    // A table of the channel's own stands for itself.
    assert_eq!(overrides.lost_when, lost(None, seconds(90), None));
    assert_eq!(rungs.lost_when, LostWhen::default());
}

#[test]
fn webhooks_say_where_and_what() {
    let config = good("limits.toml");
    let [all, some] = &config.webhooks[..] else {
        panic!("{config:?}")
    };
    assert_eq!(all.label(), "http://127.0.0.1:9000");
    assert_eq!(all.key.bytes().len(), 24);
    assert_eq!(some.label(), "https://[::1]/…");
    assert_eq!(some.key.bytes(), Vec::from_iter(0..64));
    let rungs = &config.channels[2].id;
    for (hook, event, channel, wanted) in [
        (all, "config.applied", None, true),
        (all, "viewers.first", Some(rungs), true),
        (some, "viewers.first", Some(rungs), true),
        (some, "source.lost", Some(rungs), false),
        (some, "viewers.first", Some(&config.channels[0].id), false),
    ] {
        let filter = Filter {
            kinds: hook.events.clone(),
            channels: hook.channels.clone(),
        };
        assert_eq!(
            filter.chooses(event, channel),
            wanted,
            "{event} {channel:?}"
        );
    }
}

#[test]
fn relative_paths_start_at_the_file() {
    let text = "[server]\nffmpeg = 'ffmpeg7'\n[[channel]]\nid = 'a'\nsource = 'media/a.mp4'\n";
    for (origin, expected) in [
        ("channels.toml", "media/a.mp4"),
        ("conf/channels.toml", "conf/media/a.mp4"),
    ] {
        let config = Config::parse(text, Path::new(origin)).unwrap();
        assert_eq!(
            config.channels[0].sources[0].kind,
            SourceKind::File {
                path: expected.into()
            }
        );
        assert_eq!(config.server.ffmpeg.as_deref(), Some(Path::new("ffmpeg7")));
    }
}

#[test]
fn a_byte_order_mark_is_no_problem() {
    assert!(parse(&format!("\u{feff}{}", with_channel(""))).is_ok());
}

#[test]
fn ten_thousand_channels_are_read_in_order() {
    let text: String = (0..10_000)
        .map(|n| {
            format!(
                "[[channel]]\nid = \"c{n}\"\nnumber = {}\nsource = \"http://h/{n}.ts\"\n",
                n + 1
            )
        })
        .collect();
    let config = parse(&text).unwrap();
    assert_eq!(config.channels.len(), 10_000);
    for (n, channel) in config.channels.iter().enumerate() {
        assert_eq!(channel.id.as_str(), format!("c{n}"));
        assert_eq!(
            channel.sources[0].kind,
            SourceKind::Live {
                url: format!("http://h/{n}.ts")
            }
        );
    }
    let twice = format!("{text}[[channel]]\nid = \"c17\"\nsource = \"testcard:\"\n");
    let error = parse(&twice).unwrap_err();
    assert_eq!(
        (error.problems().len(), error.problems()[0].line),
        (1, 40_002)
    );
}

// === the shipped file ===

fn shipped() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("channels.toml")).unwrap()
}

#[test]
fn the_shipped_file_plays_without_a_network() {
    let config = Config::parse(&shipped(), Path::new("channels.toml")).unwrap();
    let channels: Vec<_> = config
        .channels
        .iter()
        .map(|channel| {
            (
                channel.id.as_str(),
                channel.name.as_str(),
                &channel.sources[0].kind,
            )
        })
        .collect();
    let file = SourceKind::File {
        path: "media/loop.mp4".into(),
    };
    assert_eq!(
        channels,
        [
            ("testcard", "Test card", &SourceKind::TestCard),
            ("loop", "Loop", &file)
        ]
    );
    assert!(config.channels[1].number.is_some() && config.channels[1].group.is_some());
    // What it writes down as the built-in defaults are those.
    let channel = good("minimal.toml").channels[0].clone();
    let mut same = (*config.channels[0]).clone();
    (same.id, same.name) = (channel.id.clone(), channel.name.clone());
    assert_eq!(same, *channel);
}

/// Prose has one blank behind its `#`, and examples have none, or several where they are indented.
fn with_examples(text: &str) -> String {
    let uncomment = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') || rest.starts_with("  ") => rest.to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(|line| uncomment(line) + "\n").collect()
}

#[test]
fn certificates_are_files_or_are_ordered() {
    let tls = |text: &str| {
        let config = parse(&format!("{text}\n{}", with_channel(""))).unwrap();
        config.server.tls.unwrap()
    };
    let spec = tls("[server.tls]\ncert = \"a.pem\"\nkey = \"/keys/b.pem\"");
    assert_eq!(
        (spec.listen.to_string().as_str(), spec.redirect),
        ("127.0.0.1:8443", false)
    );
    let files = CertificateSpec::Files {
        cert: "/etc/headgate/a.pem".into(),
        key: "/keys/b.pem".into(),
    };
    assert_eq!(spec.certificate, files);
    let ordered = "[server.acme]\ndomains = [\"TV.example.org\"]\ncontact = \"a@b.org\"";
    for listen in ["", "[server.tls]\nlisten = \"127.0.0.1:8443\"\n"] {
        let spec = tls(&format!("{listen}{ordered}"));
        let CertificateSpec::Acme(acme) = spec.certificate else {
            panic!("it is ordered")
        };
        assert_eq!(acme.domains, ["tv.example.org"]);
        assert_eq!(acme.contact.as_deref(), Some("mailto:a@b.org"));
        assert_eq!(acme.folder, Path::new("/etc/headgate/acme"));
        assert!(
            acme.directory
                .starts_with("https://acme-v02.api.letsencrypt.org/")
        );
        assert_eq!(acme.ca, None);
    }
    assert_eq!(parse(&with_channel("")).unwrap().server.tls, None);
}

#[test]
fn the_examples_of_the_shipped_file_are_right() {
    let config = parse(&with_examples(&shipped())).unwrap_or_else(|error| panic!("{error}"));
    assert!(config.channels.len() >= 14);
    assert!(config.server.ffmpeg.is_some());
    assert!(config.server.tls.is_some_and(|tls| tls.redirect));
    assert_eq!(config.server.trusted_proxies.len(), 2);
    let sources = config.channels.iter().flat_map(|channel| &channel.sources);
    let mut labels: Vec<String> = sources.map(|source| format!("{:?}", source.kind)).collect();
    labels.sort();
    let all = labels.join("\n");
    for kind in [
        "TestCard", "Slate", "File", "http://", "https://", "rtsp://", "srt://", "rtmp://",
        "udp://", "rtp://",
    ] {
        assert!(all.contains(kind), "there is no example of {kind}:\n{all}");
    }
    let ladders: Vec<_> = config
        .channels
        .iter()
        .map(|channel| &channel.ladder)
        .collect();
    let copies = |ladder: &LadderSpec| matches!(ladder, LadderSpec::Rungs(rungs) if rungs.iter().any(|rung| rung.video == RungVideo::Copy));
    assert!(ladders.iter().any(|ladder| copies(ladder)));
}

// === any text ===

/// Lines that are nearly right, in any order and with anything in them.
fn nearly_toml() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("[[channel]]".to_owned()),
        Just("[server]".to_owned()),
        Just("[defaults]".to_owned()),
        Just("source = 'testcard:'".to_owned()),
        "id = '[a-c]'",
        "(id|name|logo|source|sources|group|listen|ffmpeg|window|ladder|grace_period|number) = \\PC{0,20}",
        "(id|name|logo|source|group|listen|ffmpeg|window|ladder|segment_duration) = \"[ -!#-\\[\\]-~é新😀]{0,20}\"",
        "(number|max_sessions|max_connections|window|source|ladder|copy) = (-?[0-9]{1,25}|0x[0-9a-f]{1,5}|true|1\\.5|\\[\\]|\\{\\}|1979-05-27)",
        "sources = \\[('[a-z:/@.]{0,12}'|[0-9]|\\{ (url|name|x) = '[a-z:]{0,9}' \\})\\]",
        "ladder = \\[\\{ (name|height|video_bitrate|copy) = ('[0-9a-zM]{0,6}'|[0-9]{1,4}|true) \\}, \\{ name = 'x', height = [0-9]{1,4}, video_bitrate = '[0-9]{1,3}[kM]' \\}\\]",
        "\\PC{0,30}",
    ];
    proptest::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn any_text_is_read_or_explained(text in prop_oneof![nearly_toml(), any::<String>()]) {
        match parse(&text) {
            Ok(config) => prop_assert!(!config.channels.is_empty()),
            Err(error) => {
                prop_assert!(!error.problems().is_empty());
                prop_assert!(error.to_string().contains("problem"));
            }
        }
    }

    #[test]
    fn a_good_channel_survives_any_name(name in "[^\\x00-\\x1f\\x7f\"\\\\ ]{1,40}") {
        let text = with_channel(&format!("name = \"{name}\""));
        if let Ok(config) = parse(&text) {
            prop_assert_eq!(&config.channels[0].name, &name);
        } else {
            prop_assert!(!name.is_ascii(), "{}", name);
        }
    }
}
