//! How ffmpeg is told to open a source.

use super::Capabilities;
use crate::config::{SourceKind, SourceSpec};
use crate::egress::names;

/// Without a limit ffmpeg never notices a source that stalls. The gateway notices sooner by the media's timestamps;
/// this ends what it could not see. In microseconds.
const STALL_TIMEOUT: &str = "10000000";

/// What the second look at a source may read that showed no picture at the first: the longest that broadcasters and
/// cameras leave between two key frames. In bytes and microseconds.
const PATIENT_PROBE: (&str, &str) = ("32000000", "15000000");

/// What an http server may send: containers of media, and playlists whose URLs the gateway sees.
const FORMATS: &str = "hls,dash,mpegts,mpegtsraw,mov,matroska,flv,live_flv,aac,mp3,ac3,eac3,ogg,mpeg,mpegvideo,\
                       avi,asf,h264,hevc,m4v,av1,ivf,obu,wav,flac,loas,mpjpeg,mjpeg,webvtt,mxf,nsv,wtv,rm";

/// The words up to the last `-i`; none for what ffmpeg makes itself. Also how a source is probed.
pub fn arguments(source: &SourceSpec, capabilities: &Capabilities) -> Vec<String> {
    match &source.kind {
        SourceKind::TestCard | SourceKind::Slate { .. } => Vec::new(),
        SourceKind::File { path } => file(&path.to_string_lossy(), capabilities),
        SourceKind::Live { url } => live(url, capabilities),
    }
}

/// The same for a source of which the first look saw pictures but no key frame, and so did not learn their size.
pub fn patient(source: &SourceSpec, capabilities: &Capabilities) -> Vec<String> {
    let mut words = arguments(source, capabilities);
    let (size, duration) = PATIENT_PROBE;
    let more = ["-probesize", size, "-analyzeduration", duration];
    let input = words.iter().rposition(|word| word == "-i");
    // Of an option that is given twice the last one counts.
    let at = input.unwrap_or(words.len());
    words.splice(at..at, more.map(str::to_owned));
    words
}

/// `file:` in front: a path may begin with `-` or contain `:`. Only files: a playlist on the disk must not open the
/// network.
fn file(path: &str, capabilities: &Capabilities) -> Vec<String> {
    let mut words = Words::new(capabilities);
    words.optional("protocol_whitelist", "file,crypto,data");
    words.push("-i", &format!("file:{path}"));
    words.into_inner()
}

/// No `-fflags nobuffer`: it throws away the group of pictures that a server sends at once (1.5 s instead of 0.2 s).
fn live(url: &str, capabilities: &Capabilities) -> Vec<String> {
    let mut words = Words::new(capabilities);
    let scheme = url.split("://").next().unwrap_or_default();
    let scheme = scheme.to_ascii_lowercase();
    // What a source may lead ffmpeg to: never a file of this machine, whatever its playlists say.
    words.optional("protocol_whitelist", whitelist(&scheme));
    match scheme.as_str() {
        "http" | "https" => http(&mut words, url),
        "rtsp" | "rtsps" => rtsp(&mut words),
        "rtmp" | "rtmps" => words.optional("rw_timeout", STALL_TIMEOUT),
        // srt, udp and rtp call it `timeout`.
        "srt" | "udp" => words.optional("timeout", STALL_TIMEOUT),
        _ => {}
    }
    probing(&mut words, is_hls(url));
    match scheme.as_str() {
        // URL, user agent and headers are secrets: the gateway's way out knows them, and nobody's list of processes.
        "http" | "https" => words.push("-i", &names::entry(url)),
        _ => words.push("-i", url),
    }
    words.into_inner()
}

fn http(words: &mut Words<'_>, url: &str) {
    words.optional("rw_timeout", STALL_TIMEOUT);
    // Not what opens other files by name: `concat`, `sdp`, `imf`.
    words.optional("format_whitelist", FORMATS);
    if is_hls(url) {
        // Played at the pace of the clock, the newest segment alone would end before the next one is listed.
        words.optional("live_start_index", "-2");
    } else {
        // Goes on where a file was interrupted. Not `-reconnect_streamed`: joining a live stream again elsewhere is a
        // discontinuity, and those belong to the gateway.
        words.optional("reconnect", "1");
    }
}

/// TCP: over UDP a burst of a camera's key frame loses packets, and ffmpeg shows them as grey.
fn rtsp(words: &mut Words<'_>) {
    words.optional("rtsp_transport", "tcp");
    // Up to 4.4 `-timeout` meant something else for RTSP (it made ffmpeg a server), and this was its name.
    match words.capabilities.knows("stimeout") {
        true => words.optional("stimeout", STALL_TIMEOUT),
        false => words.optional("timeout", STALL_TIMEOUT),
    }
}

/// The default probing takes about 5 s on live MPEG-TS. Less than this finds the pictures but not the sound.
fn probing(words: &mut Words<'_>, is_hls: bool) {
    let (size, duration) = match is_hls {
        true => ("2000000", "2000000"),
        false => ("500000", "1000000"),
    };
    words.push("-probesize", size);
    words.push("-analyzeduration", duration);
}

fn whitelist(scheme: &str) -> &'static str {
    match scheme {
        // Plain, to the gateway: it speaks TLS, and whatever else a playlist names is not opened.
        "http" | "https" => "http,tcp,crypto",
        "rtsp" | "rtsps" => "rtsp,rtsps,rtp,srtp,udp,tcp,tls",
        "rtmp" | "rtmps" => "rtmp,rtmps,rtmpt,rtmpts,ffrtmphttp,http,https,tcp,tls",
        "srt" => "srt",
        "rtp" => "rtp,srtp,udp",
        _ => "udp",
    }
}

/// Whether media comes in whole segments, each at once, and not as it happens.
pub(super) fn comes_in_segments(source: &SourceSpec) -> bool {
    matches!(&source.kind, SourceKind::Live { url } if is_hls(url))
}

/// By its name, as ffmpeg's own servers and players do.
fn is_hls(url: &str) -> bool {
    let address = url.split(['?', '#']).next().unwrap_or(url);
    address.to_ascii_lowercase().ends_with(".m3u8")
}

/// Words of a command line.
struct Words<'a> {
    capabilities: &'a Capabilities,
    words: Vec<String>,
}

// === impl Words ===

impl<'a> Words<'a> {
    fn new(capabilities: &'a Capabilities) -> Self {
        Self {
            capabilities,
            words: Vec::new(),
        }
    }

    fn push(&mut self, option: &str, value: &str) {
        self.words.extend([option.to_owned(), value.to_owned()]);
    }

    /// Only if this ffmpeg knows the option: an unknown one ends it.
    fn optional(&mut self, option: &str, value: &str) {
        if self.capabilities.knows(option) {
            self.push(&format!("-{option}"), value);
        }
    }

    fn into_inner(self) -> Vec<String> {
        self.words
    }
}
