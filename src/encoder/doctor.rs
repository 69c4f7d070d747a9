//! What this host can do, for people: `headgate doctor`.

use std::fmt::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use super::caged::Cage;
use super::capability::CapabilityError;
use super::find::FfmpegNotFound;
use super::plan::{Capabilities, TextSupport};
use super::process::Launcher;
use crate::cage::CageReport;
use crate::config::CageMode;

/// A channel needs about eight descriptors, a viewer one.
const FEW_FILES: u64 = 4096;

/// By when an encoder must have encoded a few frames.
const DEADLINE: Duration = Duration::from_secs(15);

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoctorReport {
    /// One line a finding, for a terminal.
    pub text: String,
    /// Everything is there that channels cannot do without.
    pub essentials_fine: bool,
}

/// An encoder to try: its name, and the words that bring pictures to it.
struct Trial {
    encoder: &'static str,
    /// Before the input: the device.
    device: &'static [&'static str],
    /// At the end of the graph: the way to the device.
    upload: &'static str,
}

const TRIALS: [Trial; 5] = [
    Trial::software("libx264"),
    Trial::software("libx265"),
    Trial {
        encoder: "h264_vaapi",
        device: &["-vaapi_device", "/dev/dri/renderD128"],
        upload: ",format=nv12,hwupload",
    },
    Trial::software("h264_nvenc"),
    Trial {
        encoder: "h264_qsv",
        device: &["-init_hw_device", "qsv=hw", "-filter_hw_device", "hw"],
        upload: ",format=nv12,hwupload=extra_hw_frames=8",
    },
];

enum Verdict {
    Fine,
    Note,
    Bad,
}

/// Lines in the making.
#[derive(Default)]
struct Findings {
    text: String,
    bad: bool,
}

/// Looks at this host. `launch_program` is the gateway's own binary, `ffmpeg` what was found, `listen` where the
/// gateway would listen, `cage` whether ffmpeg is to be caged.
pub async fn examine(
    launch_program: PathBuf,
    ffmpeg: Result<PathBuf, FfmpegNotFound>,
    listen: SocketAddr,
    cage: CageMode,
) -> DoctorReport {
    let mut findings = Findings::default();
    match ffmpeg {
        Ok(ffmpeg) => {
            let launcher = Launcher::new(launch_program, ffmpeg).caged(Cage::new(cage, None));
            examine_cage(&mut findings, &launcher).await;
            examine_ffmpeg(&mut findings, &launcher).await;
        }
        Err(error) => findings.add(Verdict::Bad, "ffmpeg", &error.to_string()),
    }
    examine_host(&mut findings, listen);
    DoctorReport {
        essentials_fine: !findings.bad,
        text: findings.text,
    }
}

/// Enters the cage and tries its doors.
async fn examine_cage(findings: &mut Findings, launcher: &Launcher) {
    let report = match launcher.examine_cage().await {
        Ok(report) => report,
        Err(error) => CageReport::None(error.to_string()),
    };
    let verdict = match (&report, launcher.cage().mode) {
        (CageReport::Enforced, _) => Verdict::Fine,
        (_, CageMode::Require) => Verdict::Bad,
        (_, CageMode::Auto | CageMode::Off) => Verdict::Note,
    };
    findings.add(verdict, "cage", report.status());
    for missing in report.missing() {
        findings.add(Verdict::Note, "", &missing);
    }
}

async fn examine_ffmpeg(findings: &mut Findings, launcher: &Launcher) {
    let program = launcher.ffmpeg().display().to_string();
    match Capabilities::probe(launcher).await {
        Ok(capabilities) => {
            let found = format!("{program}: {}", capabilities.version);
            findings.add(Verdict::Fine, "ffmpeg", &found);
            findings.add(
                Verdict::Fine,
                "encode",
                "H.264 and AAC into fragmented MP4, really encoded",
            );
            examine_text(findings, &capabilities.text);
            examine_detectors(findings, capabilities.detectors);
        }
        Err(error @ CapabilityError::CannotEncode { .. }) => {
            findings.add(Verdict::Bad, "encode", &error.to_string());
        }
        Err(error) => return findings.add(Verdict::Bad, "ffmpeg", &error.to_string()),
    }
    for trial in &TRIALS {
        // Devices are outside of the cage, and plans do not use them.
        let free = launcher.clone().caged(Cage::OFF);
        let launcher = if trial.is_software() { launcher } else { &free };
        let (verdict, finding) = trial.run(launcher).await;
        findings.add(verdict, trial.encoder, &finding);
    }
}

fn examine_text(findings: &mut Findings, text: &TextSupport) {
    match text {
        TextSupport::System => findings.add(Verdict::Fine, "text", "drawtext works and finds a font"),
        TextSupport::Font(path) => {
            let finding = format!("drawtext works with {}", path.display());
            findings.add(Verdict::Fine, "text", &finding);
        }
        TextSupport::None => findings.add(
            Verdict::Note,
            "text",
            "no drawtext or no font: cards have no clock and no name (apt install fonts-dejavu-core)",
        ),
    }
}

fn examine_detectors(findings: &mut Findings, work: bool) {
    let (verdict, finding) = match work {
        true => (
            Verdict::Fine,
            "black, frozen and silent sources are noticed",
        ),
        false => (
            Verdict::Note,
            "black, frozen and silent sources are not noticed: `lost_when` does nothing (needs ffmpeg 4.4 or newer)",
        ),
    };
    findings.add(verdict, "detect", finding);
}

fn examine_host(findings: &mut Findings, listen: SocketAddr) {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let files = limit.current.unwrap_or(u64::MAX);
    let verdict = if files < FEW_FILES {
        Verdict::Note
    } else {
        Verdict::Fine
    };
    let finding = match limit.current {
        Some(files) => format!("{files} at once (ulimit -n)"),
        None => "no limit".into(),
    };
    findings.add(verdict, "open files", &finding);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    findings.add(Verdict::Fine, "cores", &cores.to_string());
    match TcpListener::bind(listen) {
        Ok(_) => findings.add(Verdict::Fine, "listen", &format!("{listen} is free")),
        Err(error) => {
            let finding =
                format!("{listen}: {error}; another program may have it, or set `server.listen`");
            findings.add(Verdict::Bad, "listen", &finding);
        }
    }
}

// === impl Trial ===

impl Trial {
    const fn software(encoder: &'static str) -> Self {
        Self {
            encoder,
            device: &[],
            upload: "",
        }
    }

    fn is_software(&self) -> bool {
        self.encoder.starts_with("lib")
    }

    /// Encodes a few frames for real. Only libx264 is essential, and that was tried before.
    async fn run(&self, launcher: &Launcher) -> (Verdict, String) {
        let graph = format!(
            "testsrc2=size=320x180:rate=30:duration=0.2{}[v]",
            self.upload
        );
        let words = ["-nostdin", "-hide_banner", "-loglevel", "error"].into_iter();
        let words = words.chain(self.device.iter().copied());
        let words = words.chain(["-filter_complex", &graph, "-map", "[v]"]);
        let words = words.chain(["-c:v", self.encoder, "-f", "null", "-"]);
        let words: Vec<String> = words.map(str::to_owned).collect();
        match launcher.run(&words, DEADLINE).await {
            Ok(finished) if finished.status.is_some_and(|status| status.success()) => {
                (Verdict::Fine, "encodes".into())
            }
            Ok(finished) => {
                let said = finished
                    .lines
                    .first()
                    .map_or("did not answer", String::as_str);
                (Verdict::Note, format!("does not encode: {said}"))
            }
            Err(error) => (Verdict::Note, error.to_string()),
        }
    }
}

// === impl Findings ===

impl Findings {
    fn add(&mut self, verdict: Verdict, subject: &str, finding: &str) {
        let mark = match verdict {
            Verdict::Fine => "ok  ",
            Verdict::Note => "note",
            Verdict::Bad => "BAD ",
        };
        self.bad |= matches!(verdict, Verdict::Bad);
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{mark}  {subject:<11} {finding}");
    }
}
