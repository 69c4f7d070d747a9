//! A scripted stand-in for ffmpeg.
//!
//! It understands which `pipe:N` of its command line carries what, and plays recorded pictures and sound to them on a
//! schedule. What goes wrong is written in a scenario: in the environment variable `HEADGATE_FAKE`, or in the
//! file that is named like this program with `.scenario` appended (tests link the program into a folder of their own,
//! so that each has its scenario). One directive a line or between semicolons; times are seconds of media:
//!
//! | directive | does |
//! |---|---|
//! | `rate R` | R seconds of media a second; 0 is as fast as it is read (default 1) |
//! | `burst S` | the first S seconds come at once (default 3) |
//! | `startup S` | waits before the first byte |
//! | `exit CODE after S` | ends |
//! | `signal NUMBER after S` | dies by a signal |
//! | `stall after S` / `stall ID after S` | writes no more, to all outputs or to one, and lives on |
//! | `garbage ID after S` | writes nonsense to one output |
//! | `freeze after S` | timestamps stand still |
//! | `jump SECONDS after S` | timestamps jump forward |
//! | `ignore-term` | TERM does nothing |
//! | `grandchild S` / `escaped-grandchild S` | a child holds the pipes for S seconds, in or outside of the group |
//! | `flood MEGABYTES` | writes that much to standard error before the first byte of media |
//! | `print LINE after S` | writes a line to standard output, as detectors do |
//! | `stderr TEXT` | writes a line to standard error |
//! | `refuse TEXT` | a probe (`-i` without outputs) fails with this line |
//! | `silent-source` | a probe finds no sound |
//! | `cannot-encode` | the smoke test of capabilities fails |
//! | `of WORD: DIRECTIVE` | only if the command line names this, for example one of several sources |
//!
//! Each time it plays it adds a line with its process to `ffmpeg.log` beside the scenario; the line ends with
//! `overlaps` if another one of the same folder still lives, which a lock tells that only death gives back.
//!
//! Called as `fake_ffmpeg __parent LAUNCHER FFMPEG` it is a gateway in small: it starts one encoder, prints its process
//! and holds it until it is killed.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the command line"
)]

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use headgate::base::{RenditionId, RenditionName};
use headgate::encoder::{
    Argument, EncoderEvent, EncoderPlan, Launcher, PlannedRendition, RenditionKind,
};
use headgate::media::{Fragment, FragmentReader, MediaEvent, Sample, write_fragment};
use tokio::signal::unix::{SignalKind, signal};

const VIDEO: &[u8] = include_bytes!("../fixtures/fake/video.mp4");
const AUDIO: &[u8] = include_bytes!("../fixtures/fake/audio.mp4");

/// The first argument that makes this program a grandchild.
const HOLD: &str = "__hold";

/// The first argument that makes this program the parent of an encoder.
const PARENT: &str = "__parent";

/// Frames a second of the recorded pictures.
const FRAME_RATE: u64 = 30;

/// Where timelines begin, as with `-output_ts_offset 10`.
const START: u64 = 10;

/// What goes wrong, and when.
#[derive(Debug, Clone)]
struct Scenario {
    rate: f64,
    burst: f64,
    startup: f64,
    exit: Option<(u8, f64)>,
    signal: Option<(i32, f64)>,
    stall: Vec<(Option<usize>, f64)>,
    garbage: Vec<(usize, f64)>,
    freeze: Option<f64>,
    jump: Option<(f64, f64)>,
    ignore_term: bool,
    grandchild: Option<(f64, bool)>,
    flood: u64,
    stderr: Vec<String>,
    print: Vec<(String, f64)>,
    refuse: Option<String>,
    silent_source: bool,
    cannot_encode: bool,
}

/// What the command line asks for.
#[derive(Debug)]
struct Job {
    outputs: Vec<(u32, Kind)>,
    segment: f64,
    /// Seconds, for the smoke test of capabilities.
    duration: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Video,
    Audio,
}

/// A recorded stream.
struct Recording {
    init: Bytes,
    timescale: u64,
    fragments: Vec<Fragment>,
}

/// One output in progress.
struct Output {
    id: usize,
    file: File,
    kind: Kind,
    recording: Recording,
    /// How many frames were written.
    count: u64,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    if words.get(1).is_some_and(|word| word == HOLD) {
        std::thread::sleep(seconds(number(&words[2])));
        return ExitCode::SUCCESS;
    }
    if words.get(1).is_some_and(|word| word == PARENT) {
        return be_a_parent(words[2].as_str().into(), words[3].as_str().into());
    }
    let scenario = Scenario::load(&words);
    if answer(&words[1..]) {
        return ExitCode::SUCCESS;
    }
    let job = Job::of(&words[1..]);
    // The smoke test of capabilities is not what a scenario is about.
    let scenario = match job.duration {
        Some(_) if scenario.cannot_encode => return ExitCode::FAILURE,
        Some(_) => Scenario::healthy(),
        None => scenario,
    };
    if job.outputs.is_empty() {
        return describe_input(&words[1..], &scenario);
    }
    watch_signals(scenario.ignore_term);
    // Neither is the smoke test a life.
    let _life = job.duration.is_none().then(|| sign_in(&words[0]));
    prepare(&scenario);
    // A reader that is gone ends ffmpeg too.
    match play(&job, &scenario) {
        Ok(code) => ExitCode::from(code),
        Err(_) => ExitCode::from(1),
    }
}

// === impl Scenario ===

impl Scenario {
    fn load(words: &[String]) -> Self {
        let file = std::fs::read_to_string(format!("{}.scenario", words[0]));
        let text = std::env::var("HEADGATE_FAKE").or(file).unwrap_or_default();
        let mut scenario = Self::healthy();
        for directive in text.split([';', '\n']).map(str::trim) {
            let directive = match directive.strip_prefix("of ") {
                None => Some(directive),
                Some(only) => only.split_once(": ").and_then(|(word, directive)| {
                    let is_meant = words[1..].iter().any(|text| text.contains(word));
                    is_meant.then_some(directive)
                }),
            };
            if let Some(directive) =
                directive.filter(|text| !text.is_empty() && !text.starts_with('#'))
            {
                scenario.obey(directive);
            }
        }
        scenario
    }

    fn healthy() -> Self {
        Self {
            rate: 1.0,
            burst: 3.0,
            startup: 0.0,
            exit: None,
            signal: None,
            stall: Vec::new(),
            garbage: Vec::new(),
            freeze: None,
            jump: None,
            ignore_term: false,
            grandchild: None,
            flood: 0,
            stderr: Vec::new(),
            print: Vec::new(),
            refuse: None,
            silent_source: false,
            cannot_encode: false,
        }
    }

    fn obey(&mut self, directive: &str) {
        let words: Vec<&str> = directive.split_whitespace().collect();
        match words[..] {
            ["rate", rate] => self.rate = number(rate),
            ["burst", burst] => self.burst = number(burst),
            ["startup", wait] => self.startup = number(wait),
            ["exit", code, "after", at] => self.exit = Some((number(code) as u8, number(at))),
            ["signal", which, "after", at] => {
                self.signal = Some((number(which) as i32, number(at)));
            }
            ["stall", "after", at] => self.stall.push((None, number(at))),
            ["stall", id, "after", at] => {
                self.stall.push((Some(number(id) as usize), number(at)));
            }
            ["garbage", id, "after", at] => self.garbage.push((number(id) as usize, number(at))),
            ["freeze", "after", at] => self.freeze = Some(number(at)),
            ["jump", by, "after", at] => self.jump = Some((number(by), number(at))),
            ["ignore-term"] => self.ignore_term = true,
            ["grandchild", time] => self.grandchild = Some((number(time), false)),
            ["escaped-grandchild", time] => self.grandchild = Some((number(time), true)),
            ["flood", megabytes] => self.flood = number(megabytes) as u64,
            ["stderr", ..] => self.stderr.push(directive["stderr".len()..].trim().into()),
            ["refuse", ..] => self.refuse = Some(directive["refuse".len()..].trim().into()),
            ["print", line, "after", at] => self.print.push((line.into(), number(at))),
            ["cannot-encode"] => self.cannot_encode = true,
            ["silent-source"] => self.silent_source = true,
            _ => panic!("unknown directive {directive:?}"),
        }
    }

    fn stalls(&self, output: usize, at: f64) -> bool {
        let mut stalls = self.stall.iter();
        stalls.any(|(id, from)| id.is_none_or(|id| id == output) && at >= *from)
    }

    /// The timestamp that is written in place of the true one.
    fn timestamp(&self, at: f64) -> f64 {
        let at = self.freeze.map_or(at, |from| at.min(from));
        match self.jump {
            Some((by, from)) if at >= from => at + by,
            _ => at,
        }
    }
}

// === impl Job ===

impl Job {
    fn of(words: &[String]) -> Self {
        let mut job = Self {
            outputs: Vec::new(),
            segment: 2.0,
            duration: None,
        };
        let mut kind = Kind::Video;
        for (before, word) in words.iter().zip(words.iter().skip(1)) {
            match before.as_str() {
                "-c:a" => kind = Kind::Audio,
                "-c:v" => kind = Kind::Video,
                "-filter_complex" if word.contains("duration=0.2") => job.duration = Some(0.2),
                "-progress" => continue,
                _ => {}
            }
            if let Some(time) = word.strip_prefix("expr:gte(t,n_forced*") {
                job.segment = number(time.split(['-', ')']).next().unwrap_or("2"));
            }
            if let Some(pipe) = word.strip_prefix("pipe:") {
                job.outputs.push((number(pipe) as u32, kind));
            }
        }
        job
    }
}

// === impl Recording ===

impl Recording {
    fn of(kind: Kind) -> Self {
        let mut reader = FragmentReader::new();
        reader.push(match kind {
            Kind::Video => VIDEO,
            Kind::Audio => AUDIO,
        });
        let mut recording = Self {
            init: Bytes::new(),
            timescale: 1,
            fragments: Vec::new(),
        };
        while let Some(event) = reader.poll().expect("the recording should be sound") {
            match event {
                MediaEvent::Init(init) => {
                    recording.timescale = init.timescale.into();
                    recording.init = init.bytes;
                }
                MediaEvent::Fragment(fragment) => recording.fragments.push(fragment),
            }
        }
        recording
    }
}

// === impl Output ===

impl Output {
    fn open(id: usize, descriptor: u32, kind: Kind) -> io::Result<Self> {
        let path = format!("/dev/fd/{descriptor}");
        Ok(Self {
            id,
            file: OpenOptions::new().write(true).open(path)?,
            kind,
            recording: Recording::of(kind),
            count: 0,
        })
    }

    /// Seconds of media a frame.
    fn step(&self) -> f64 {
        match self.kind {
            Kind::Video => 1.0 / FRAME_RATE as f64,
            Kind::Audio => 1024.0 / 48_000.0,
        }
    }

    /// Where the next frame stands, in seconds of media.
    fn position(&self) -> f64 {
        self.count as f64 * self.step()
    }

    fn write_next(&mut self, scenario: &Scenario, segment: f64) -> io::Result<()> {
        let at = self.position();
        let index = self.index(segment);
        self.count += 1;
        if scenario
            .garbage
            .iter()
            .any(|(id, from)| *id == self.id && at >= *from)
        {
            return self.file.write_all(&[0xa5; 1000]);
        }
        if scenario.stalls(self.id, at) {
            return Ok(());
        }
        let recorded = &self.recording.fragments[index];
        let samples: Vec<Sample> = recorded.samples.clone();
        let time = (scenario.timestamp(at) * self.recording.timescale as f64).round() as u64;
        let time = time + START * self.recording.timescale;
        let bytes = write_fragment(
            1,
            self.count as u32,
            time,
            &samples,
            std::slice::from_ref(&recorded.data),
        );
        self.file.write_all(&bytes)
    }

    /// Which recorded frame comes next: pictures begin again with their key frame at every segment.
    fn index(&self, segment: f64) -> usize {
        let length = self.recording.fragments.len() as u64;
        let index = match self.kind {
            Kind::Video => {
                let frames = (segment * FRAME_RATE as f64).round().max(1.0) as u64;
                (self.count % frames).min(length - 1)
            }
            // The first fragments of a recording are the encoder's priming.
            Kind::Audio => 2 + self.count % (length - 4),
        };
        index as usize
    }
}

/// Plays until something happens; the exit code.
fn play(job: &Job, scenario: &Scenario) -> io::Result<u8> {
    let opened = job.outputs.iter().enumerate();
    let mut outputs = opened
        .map(|(id, (descriptor, kind))| Output::open(id, *descriptor, *kind))
        .collect::<io::Result<Vec<_>>>()?;
    for output in &mut outputs {
        let init = output.recording.init.clone();
        output.file.write_all(&init)?;
    }
    let started = Instant::now();
    let mut reported = 0.0;
    let mut printed = vec![false; scenario.print.len()];
    loop {
        let earliest = outputs
            .iter()
            .map(Output::position)
            .fold(f64::INFINITY, f64::min);
        if let Some(code) = ended(job, scenario, earliest) {
            return Ok(code);
        }
        pace(scenario, started, earliest);
        for ((line, at), printed) in scenario.print.iter().zip(&mut printed) {
            if earliest >= *at && !std::mem::replace(printed, true) {
                println!("{line}");
            }
        }
        for output in &mut outputs {
            while output.position() <= earliest {
                output.write_next(scenario, job.segment)?;
            }
        }
        if earliest >= reported && !scenario.stalls(usize::MAX, earliest) {
            report(earliest)?;
            reported += 0.5;
        }
    }
}

fn ended(job: &Job, scenario: &Scenario, at: f64) -> Option<u8> {
    if let Some((which, _)) = scenario.signal.filter(|(_, from)| at >= *from) {
        let signal = rustix::process::Signal::from_named_raw(which).expect("a signal's number");
        // The first SEGV meets the runtime's own handler, which steps aside for the next.
        loop {
            rustix::process::kill_process(rustix::process::getpid(), signal).expect("should die");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    let finished = job.duration.is_some_and(|duration| at >= duration);
    let exit = scenario.exit.filter(|(_, from)| at >= *from);
    exit.map(|(code, _)| code).or(finished.then_some(0))
}

/// Waits until media at this position is due.
fn pace(scenario: &Scenario, started: Instant, at: f64) {
    if scenario.rate > 0.0 {
        let due = started + seconds((at - scenario.burst).max(0.0) / scenario.rate);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    } else if scenario.stalls(usize::MAX, at) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn report(at: f64) -> io::Result<()> {
    let frame = (at * FRAME_RATE as f64) as u64;
    let mut out = io::stdout();
    writeln!(
        out,
        "frame={frame}\nfps=30.00\ndup_frames=0\ndrop_frames=0\nspeed=1.00x"
    )?;
    writeln!(out, "progress=continue")?;
    out.flush()
}

/// Leaves word of this life; the file is to be held until the end.
fn sign_in(program: &str) -> Option<File> {
    use rustix::fs::{FlockOperation, flock};

    let open = |what: &str| {
        let path = format!("{program}.{what}");
        OpenOptions::new().create(true).append(true).open(path).ok()
    };
    let (mut log, life) = (open("log")?, open("life")?);
    let alone = flock(&life, FlockOperation::NonBlockingLockExclusive).is_ok();
    let note = if alone { "" } else { " overlaps" };
    // One write: several may write at once.
    let line = format!("{}{note}\n", std::process::id());
    log.write_all(line.as_bytes()).ok()?;
    Some(life)
}

/// What happens before the first byte.
fn prepare(scenario: &Scenario) {
    for line in &scenario.stderr {
        eprintln!("{line}");
    }
    if let Some((time, escapes)) = scenario.grandchild {
        let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
        command.args([HOLD, &time.to_string()]).stdin(Stdio::null());
        if escapes {
            command.process_group(0);
        }
        // Nobody waits for it: that is the point.
        drop(command.spawn().expect("the grandchild should start"));
    }
    let chunk = [b'x'; 1 << 16];
    for block in 0..scenario.flood * 16 {
        let _ = io::stderr().write_all(&chunk);
        if block % 3 == 0 {
            let _ = io::stderr().write_all(b"\n");
        }
    }
    std::thread::sleep(seconds(scenario.startup));
}

/// TERM ends with 255, as with ffmpeg, also while a write waits for a reader.
fn watch_signals(ignore: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime for signals");
    let mut terminations =
        runtime.block_on(async { signal(SignalKind::terminate()).expect("a handler for TERM") });
    std::thread::spawn(move || {
        runtime.block_on(async {
            while terminations.recv().await.is_some() {
                if !ignore {
                    std::process::exit(255);
                }
            }
        });
    });
}

/// Questions about capabilities; true if it was one.
fn answer(words: &[String]) -> bool {
    let has = |word: &str| words.iter().any(|w| w == word);
    if has("-version") {
        println!("ffmpeg version 0-fake Copyright (c) nobody");
    } else if has("-h") {
        println!("  -stats_period time  set the period\n  -rw_timeout <int64> ED. timeout");
        println!("  -protocol_whitelist <string> .D. list\n  -fps_mode  set mode");
    } else if has("-filters") {
        println!("Filters:\n T.C drawtext          V->V       Draw text");
    } else if has("-protocols") {
        println!("Supported file protocols:\nInput:\n  file\n  http\nOutput:\n  file");
    } else {
        let is_trial = words.windows(2).any(|pair| pair == ["-f", "null"]);
        if is_trial && words.iter().any(|word| word.contains("silencedetect")) {
            println!(
                "lavfi.black_start=0\nlavfi.freezedetect.freeze_start=0\nlavfi.silence_start=0"
            );
        }
        return is_trial;
    }
    true
}

/// `-i URL` without outputs: what the source is, and exit code 1 as with ffmpeg.
fn describe_input(words: &[String], scenario: &Scenario) -> ExitCode {
    let input = words.iter().skip_while(|word| *word != "-i").nth(1);
    let input = input.map_or("nothing", String::as_str);
    match &scenario.refuse {
        Some(reason) => eprintln!("{input}: {reason}"),
        None => {
            eprintln!("Input #0, mpegts, from '{input}':");
            eprintln!("  Duration: N/A, start: 1.400000, bitrate: N/A");
            eprintln!(
                "  Stream #0:0[0x100]: Video: h264 (High), yuv420p(progressive), 1280x720 [SAR 1:1 DAR 16:9], 30 fps, 30 tbr, 90k tbn"
            );
            if !scenario.silent_source {
                eprintln!(
                    "  Stream #0:1[0x101]: Audio: aac (LC), 48000 Hz, stereo, fltp, 128 kb/s"
                );
            }
            eprintln!("At least one output file must be specified");
        }
    }
    ExitCode::from(1)
}

/// Holds one encoder of pictures and sound, and reads what it sends.
fn be_a_parent(launcher: PathBuf, ffmpeg: PathBuf) -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let launcher = Launcher::new(launcher, ffmpeg);
        let graph = "testsrc2=size=160x90:rate=30,realtime[v]";
        let mut arguments = [
            "-nostdin",
            "-filter_complex",
            graph,
            "-map",
            "[v]",
            "-c:v",
            "libx264",
        ]
        .map(|word| Argument::Text(word.into()))
        .to_vec();
        let flags = ["-f", "mp4", "-movflags", "+cmaf+frag_every_frame"];
        arguments.extend(flags.map(|word| Argument::Text(word.into())));
        arguments.push(Argument::Output(RenditionId(0)));
        let plan = EncoderPlan {
            arguments,
            renditions: vec![PlannedRendition {
                name: RenditionName::new("video").expect("a name"),
                kind: RenditionKind::Video,
                peak_bitrate: 1,
                average_bitrate: 1,
                is_copied: false,
            }],
            lead: Duration::ZERO,
            source_label: "test".into(),
            access: headgate::cage::Access::default(),
            irregular_key_frames: false,
        };
        let mut encoder = launcher
            .spawn(&plan)
            .await
            .expect("the encoder should start");
        let mut told = false;
        while let Some(event) = encoder.events.recv().await {
            if matches!(event, EncoderEvent::Fragment(..)) && !told {
                println!("{}", encoder.pid);
                told = true;
            }
        }
    });
    ExitCode::SUCCESS
}

fn number(word: &str) -> f64 {
    word.parse()
        .unwrap_or_else(|_| panic!("{word:?} should be a number"))
}

fn seconds(time: f64) -> Duration {
    Duration::from_secs_f64(time)
}
