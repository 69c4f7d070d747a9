//! The real ffmpeg, and servers that want it to go where it should not.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use headgate::encoder::plan::input;
use headgate::encoder::{Capabilities, Launcher};
use rustix::fs::inotify;
use tokio::sync::OnceCell;

use crate::server::{
    Canary, Names, PATIENCE, STRANGER, Script, Server, ffmpeg, lease, ok, path, redirect, source,
};

/// Two seconds of pictures.
fn media() -> &'static [u8] {
    static MEDIA: OnceLock<Vec<u8>> = OnceLock::new();
    MEDIA.get_or_init(|| {
        let arguments = "-nostdin -loglevel error -f lavfi -i testsrc2=size=160x90:rate=25:duration=2 \
                         -c:v libx264 -preset ultrafast -g 25 -f mpegts pipe:1";
        let made = Command::new(ffmpeg()).args(arguments.split_whitespace()).output().unwrap();
        assert!(made.status.success());
        made.stdout
    })
}

fn launcher() -> Launcher {
    Launcher::new(env!("CARGO_BIN_EXE_headgate").into(), ffmpeg())
}

/// Asked once: the answer takes a second.
async fn capabilities() -> &'static Capabilities {
    static KNOWN: OnceCell<Capabilities> = OnceCell::const_new();
    let ask = async || Capabilities::probe(&launcher()).await.unwrap();
    KNOWN.get_or_init(ask).await
}

/// What switches off ffmpeg's own distrust of playlists, which not every version has.
async fn trusting() -> Vec<(&'static str, &'static str)> {
    static HELP: OnceCell<String> = OnceCell::const_new();
    let ask = async || {
        let words = ["-hide_banner", "-h", "demuxer=hls"].map(str::to_owned);
        let finished = launcher().run(&words, PATIENCE).await.unwrap();
        String::from_utf8(finished.stdout).unwrap()
    };
    let help = HELP.get_or_init(ask).await;
    let all = [
        ("-allowed_extensions", "ALL"),
        ("-allowed_segment_extensions", "ALL"),
        ("-extension_picky", "0"),
    ];
    let knows = |(option, _): &(&str, &str)| help.contains(option);
    all.into_iter().filter(knows).collect()
}

/// A file that must not be opened, and who would notice.
struct Bait {
    path: PathBuf,
    watch: rustix::fd::OwnedFd,
    _folder: tempfile::TempDir,
}

impl Bait {
    fn lay() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bait.ts");
        std::fs::write(&path, media()).unwrap();
        let watch = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
        inotify::add_watch(&watch, &path, inotify::WatchFlags::OPEN).unwrap();
        Self {
            path,
            watch,
            _folder: folder,
        }
    }

    fn was_opened(&self) -> bool {
        rustix::io::read(&self.watch, &mut [0_u8; 4096]).is_ok_and(|count| count > 0)
    }
}

/// Names of hosts that are none of the internet, and what they lead to.
fn names() -> Arc<Names> {
    Names::new(&[
        ("localhost", &[&["127.0.0.1", "::1"]]),
        ("metadata.google.internal", &[&["169.254.169.254"]]),
        ("evil.example", &[&["127.0.0.1"]]),
        ("mapped.example", &[&["::ffff:127.0.0.1"]]),
        // Numbers that the system's resolver takes for addresses.
        ("2130706433", &[&["127.0.0.1"]]),
        ("0x7f.1", &[&["127.0.0.1"]]),
        ("127.1", &[&["127.0.0.1"]]),
    ])
}

/// Everything that a playlist may name to get somewhere else.
fn tricks(port: u16, bait: &Path) -> Vec<String> {
    let hosts = [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::1]",
        "0.0.0.0",
        "[::]",
        "2130706433",
        "0x7f.1",
        "127.1",
        "evil.example",
        "mapped.example",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "metadata.google.internal",
        "10.0.0.1",
        "100.64.0.1",
    ];
    let mut all = Vec::new();
    for host in hosts {
        all.push(format!("http://{host}:{port}/latest/meta-data/x.ts"));
    }
    let bait = bait.display();
    for other in [
        format!("https://127.0.0.1:{port}/x.ts"),
        format!("HTTP://127.0.0.1:{port}/x.ts"),
        format!("//127.0.0.1:{port}/x.ts"),
        format!("http://_https.127.0.0.1:{port}/x.ts"),
        format!("tcp://127.0.0.1:{port}/x.ts"),
        format!("tls://127.0.0.1:{port}/x.ts"),
        format!("httpproxy://127.0.0.1:{port}/x.ts"),
        format!("rtmp://127.0.0.1:{port}/x.ts"),
        format!("gopher://127.0.0.1:{port}/x.ts"),
        format!("icecast://127.0.0.1:{port}/x.ts"),
        format!("async:http://127.0.0.1:{port}/x.ts"),
        format!("crypto+tcp://127.0.0.1:{port}/x.ts"),
        format!("file://{bait}"),
        format!("file:{bait}"),
        format!("{bait}"),
        format!("crypto:{bait}"),
        format!("crypto+file:{bait}"),
        format!("concat:{bait}|{bait}"),
        format!("concatf:{bait}"),
        format!("subfile,,start,0,end,0,,:{bait}"),
        format!("cache:{bait}"),
        format!("tee:{bait}"),
        "data:video/mp2t;base64,R0AREABC8CUAAcEAAP8B/wAB/IAUSBIBBkZG".to_owned(),
    ] {
        all.push(other);
    }
    all
}

/// A playlist that ends with what the stranger's own server has, so that it is known to have been read to its end.
fn playlist(entries: impl Iterator<Item = String>) -> String {
    let mut text = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n".to_owned();
    for entry in entries {
        write!(text, "{entry}").unwrap();
    }
    text.push_str("#EXT-X-KEY:METHOD=NONE\n#EXTINF:2,\n/good.ts\n#EXT-X-ENDLIST\n");
    text
}

/// The ways of naming something: what `/index.m3u8` says of all tricks.
fn vectors(tricks: &[String]) -> Vec<(&'static str, String)> {
    let numbered = tricks.iter().enumerate();
    let segments = tricks.iter().map(|url| format!("#EXTINF:2,\n{url}\n"));
    let keys = numbered.clone().map(|(n, url)| {
        format!("#EXT-X-KEY:METHOD=AES-128,URI=\"{url}\"\n#EXTINF:2,\n/enciphered{n}.ts\n")
    });
    let maps = numbered
        .clone()
        .map(|(n, url)| format!("#EXT-X-MAP:URI=\"{url}\"\n#EXTINF:2,\n/mapped{n}.ts\n"));
    let redirects = numbered
        .clone()
        .map(|(n, _)| format!("#EXTINF:2,\n/redirect/{n}.ts\n"));
    let mut variants = "#EXTM3U\n".to_owned();
    for url in tricks {
        writeln!(
            variants,
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"n\",URI=\"{url}\""
        )
        .unwrap();
        writeln!(variants, "#EXT-X-STREAM-INF:BANDWIDTH=1\n{url}").unwrap();
    }
    variants.push_str("#EXT-X-STREAM-INF:BANDWIDTH=2\n/last.m3u8\n");
    vec![
        ("segments", playlist(segments)),
        ("keys", playlist(keys)),
        ("maps", playlist(maps)),
        ("redirects", playlist(redirects)),
        ("variants", variants),
    ]
}

fn stranger(index: String, tricks: Vec<String>) -> Script {
    Arc::new(move |head| match path(head) {
        "/index.m3u8" => ok("application/vnd.apple.mpegurl", index.as_bytes()),
        "/last.m3u8" => {
            let text = playlist(std::iter::empty());
            ok("application/vnd.apple.mpegurl", text.as_bytes())
        }
        path => match path
            .strip_prefix("/redirect/")
            .and_then(|n| n.strip_suffix(".ts"))
        {
            Some(n) => redirect(&tricks[n.parse::<usize>().unwrap()]),
            None => ok("video/mp2t", media()),
        },
    })
}

/// Lets ffmpeg open a URL as an encoder would, with some words exchanged, and read it to its end. What it said, and how
/// many addresses it was refused.
async fn read(url: &str, allowed: &[&str], exchange: &[(&str, &str)]) -> (Vec<String>, u64) {
    let source = source(url);
    let (egress, lease) = lease(allowed, names(), &source).await;
    let mut words: Vec<String> = ["-nostdin", "-hide_banner"].map(str::to_owned).into();
    words.extend(input::arguments(&source, capabilities().await));
    for (option, value) in exchange {
        match words.iter().position(|word| word == option) {
            Some(at) => words[at + 1] = (*value).to_owned(),
            None => drop(words.splice(2..2, [*option, *value].map(str::to_owned))),
        }
    }
    words.extend(["-f", "null", "-"].map(str::to_owned));
    let finished = launcher()
        .through(Some(lease))
        .run(&words, PATIENCE)
        .await
        .unwrap();
    assert!(finished.status.is_some(), "{url}: {:?}", finished.lines);
    let refused = egress.counters().counted().refused;
    (finished.lines, refused.iter().sum())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_playlist_names_leads_inside() {
    let (canary, bait) = (Canary::start().await, Bait::lay());
    let tricks = tricks(canary.port, &bait.path);
    // A few at a time: ffmpeg gives a playlist up after too many failures.
    for group in tricks.chunks(6) {
        for (vector, index) in vectors(group) {
            let server = Server::start(STRANGER, stranger(index, group.to_vec())).await;
            for exchange in [Vec::new(), trusting().await] {
                let url = server.url("/index.m3u8");
                let (lines, refused) = read(&url, &[STRANGER], &exchange).await;
                assert_eq!(canary.connections(), 0, "{vector}: {lines:?}");
                assert!(!bait.was_opened(), "{vector}: {lines:?}");
                let must = group[0].starts_with("http:") && !exchange.is_empty();
                assert!(refused > 0 || !must, "{vector}: {lines:?}");
            }
            // It was read to its end, and not refused as a whole.
            let last = match vector {
                "segments" | "redirects" => "/good.ts".to_owned(),
                "keys" => format!("/enciphered{}.ts", group.len() - 1),
                _ => "/index.m3u8".to_owned(),
            };
            assert!(server.was_asked(&last), "{vector}: {:?}", server.heard());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_redirect_of_a_source_leads_inside() {
    let (canary, bait) = (Canary::start().await, Bait::lay());
    for trick in tricks(canary.port, &bait.path) {
        let location = trick.clone();
        let server = Server::start(STRANGER, Arc::new(move |_| redirect(&location))).await;
        for ending in ["live.ts", "index.m3u8"] {
            let (lines, _) = read(&server.url(&format!("/{ending}")), &[STRANGER], &[]).await;
            assert_eq!(canary.connections(), 0, "{trick}: {lines:?}");
            assert!(!bait.was_opened(), "{trick}: {lines:?}");
        }
        assert!(server.was_asked("/live.ts"), "{trick}");
    }
}

/// Texts that ffmpeg takes for lists of other files, whatever they are called.
#[tokio::test(flavor = "multi_thread")]
async fn other_lists_lead_nowhere() {
    let (canary, bait) = (Canary::start().await, Bait::lay());
    let (port, bait_path) = (canary.port, bait.path.display());
    for (kind, text) in [
        (
            "text/plain",
            format!("ffconcat version 1.0\nfile {bait_path}\n"),
        ),
        (
            "text/plain",
            format!("ffconcat version 1.0\nfile http://127.0.0.1:{port}/x.ts\n"),
        ),
        (
            "application/sdp",
            format!(
                "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 33\n"
            ),
        ),
        (
            "application/dash+xml",
            mpd(&format!("http://127.0.0.1:{port}/")),
        ),
        ("application/dash+xml", mpd(&format!("file://{bait_path}"))),
        (
            "application/dash+xml",
            mpd("http://169.254.169.254/latest/"),
        ),
    ] {
        let answer = text.clone();
        let script: Script = Arc::new(move |_| ok(kind, answer.as_bytes()));
        let server = Server::start(STRANGER, script).await;
        for ending in ["live.mpd", "live"] {
            let (lines, _) = read(&server.url(&format!("/{ending}")), &[STRANGER], &[]).await;
            assert_eq!(canary.connections(), 0, "{text}: {lines:?}");
            assert!(!bait.was_opened(), "{text}: {lines:?}");
        }
    }
}

fn mpd(base: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" \
         mediaPresentationDuration=\"PT4S\" profiles=\"urn:mpeg:dash:profile:isoff-on-demand:2011\"><Period>\
         <AdaptationSet mimeType=\"video/mp4\"><Representation id=\"1\" bandwidth=\"1\" width=\"16\" height=\"16\" \
         codecs=\"avc1.42c00d\"><BaseURL>{base}</BaseURL><SegmentList duration=\"2\"><Initialization \
         sourceURL=\"init.mp4\"/><SegmentURL media=\"1.m4s\"/></SegmentList></Representation></AdaptationSet>\
         </Period></MPD>"
    )
}

/// The controls: what is refused above is noticed when it is allowed.
#[tokio::test(flavor = "multi_thread")]
async fn the_traps_do_snap() {
    let (canary, bait) = (Canary::start().await, Bait::lay());
    let inside = format!("http://127.0.0.1:{}/x.ts", canary.port);
    let index = playlist([format!("#EXTINF:2,\n{inside}\n")].into_iter());
    let server = Server::start(STRANGER, stranger(index, Vec::new())).await;
    let (lines, _) = read(&server.url("/index.m3u8"), &[STRANGER, "127.0.0.1"], &[]).await;
    assert_ne!(canary.connections(), 0, "{lines:?}");

    let index = playlist([format!("#EXTINF:2,\nfile://{}\n", bait.path.display())].into_iter());
    let server = Server::start(STRANGER, stranger(index, Vec::new())).await;
    // Without the gateway, with a list of protocols as it is often recommended.
    let mut words: Vec<String> = ["-nostdin", "-protocol_whitelist", "file,http,tcp"]
        .map(str::to_owned)
        .into();
    for (option, value) in trusting().await {
        words.extend([option, value].map(str::to_owned));
    }
    words.extend(["-i".to_owned(), server.url("/index.m3u8")]);
    words.extend(["-f", "null", "-"].map(str::to_owned));
    let finished = launcher().run(&words, PATIENCE).await.unwrap();
    assert!(bait.was_opened(), "{:?}", finished.lines);
}

/// With `file` on the list of protocols the gateway still takes it out of playlists.
#[tokio::test(flavor = "multi_thread")]
async fn one_layer_less_still_opens_no_file() {
    let (canary, bait) = (Canary::start().await, Bait::lay());
    let tricks = tricks(canary.port, &bait.path);
    let is_file = |url: &String| url.contains("bait.ts");
    let files: Vec<String> = tricks.into_iter().filter(is_file).collect();
    let mut open = trusting().await;
    open.push((
        "-protocol_whitelist",
        "file,concat,subfile,cache,data,http,tcp,crypto",
    ));
    for group in files.chunks(5) {
        for (vector, index) in vectors(group) {
            let server = Server::start(STRANGER, stranger(index, group.to_vec())).await;
            let (lines, _) = read(&server.url("/index.m3u8"), &[STRANGER], &open).await;
            assert!(!bait.was_opened(), "{vector}: {lines:?}");
        }
    }
}

/// With the list of protocols taken away the address rule stands, because there is only one way out.
#[tokio::test(flavor = "multi_thread")]
async fn one_layer_less_still_reaches_no_server_over_http() {
    let (canary, bait) = (Canary::start().await, Bait::lay());
    let tricks = tricks(canary.port, &bait.path);
    // `httpproxy:` would be a way past the gateway, and is why that is on no list of ours.
    let is_http = |url: &String| url.starts_with("http:") || url.starts_with("https:");
    let http: Vec<String> = tricks.into_iter().filter(is_http).collect();
    for (vector, index) in vectors(&http) {
        let server = Server::start(STRANGER, stranger(index, http.clone())).await;
        let mut open = trusting().await;
        open.push((
            "-protocol_whitelist",
            "file,http,https,tls,httpproxy,tcp,crypto,data",
        ));
        let (lines, _) = read(&server.url("/index.m3u8"), &[STRANGER], &open).await;
        assert_eq!(canary.connections(), 0, "{vector}: {lines:?}");
        assert!(!bait.was_opened(), "{vector}: {lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_allowed_is_named_with_its_line() {
    let server = Server::start("127.0.0.1", Arc::new(|_| ok("video/mp2t", media()))).await;
    let source = source(&server.url("/live.ts"));
    for (allowed, word) in [
        (&[][..], "allow_private = [\"127.0.0.1\"]"),
        (&["127.0.0.1"], "h264"),
    ] {
        let (_egress, lease) = lease(allowed, names(), &source).await;
        let launcher = launcher().through(Some(lease));
        let capabilities = capabilities().await;
        let deadline = Duration::from_secs(30);
        let report =
            headgate::encoder::probe::probe(&launcher, &source, capabilities, deadline).await;
        let said = match report {
            Ok(report) => report.facts.video.unwrap().codec,
            Err(error) => error.to_string(),
        };
        assert!(said.contains(word), "{said}");
    }
}
