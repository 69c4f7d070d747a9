//! The few steps between the gateway and ffmpeg, in a process of their own: `headgate __launch --parent PID -- PROGRAM …`.
//!
//! What must happen between fork and exec would need unsafe code in the gateway, which has many threads. Here there
//! is one thread and no danger: tie the process's life to the gateway's, then become ffmpeg.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// The first argument of the gateway's binary that leads here.
pub const COMMAND: &str = "__launch";

/// What the kernel's out-of-memory killer adds to the badness of an encoder (-1000 to 1000): an encoder is replaced in
/// a second, the gateway holds every channel.
#[cfg(target_os = "linux")]
const OOM_SCORE_ADJUSTMENT: &str = "300";

/// The shell's exit code for a command that could not be executed.
const CANNOT_EXECUTE: u8 = 126;

/// The arguments that make the gateway's binary run `program` in its own place.
pub(super) fn arguments(program: &std::path::Path) -> Vec<OsString> {
    let parent = std::process::id().to_string();
    vec![
        COMMAND.into(),
        "--parent".into(),
        parent.into(),
        "--".into(),
        program.into(),
    ]
}

/// Becomes the program that the arguments (those after `__launch`) name; returns only if that failed.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let reason = match prepare(arguments) {
        Ok(mut command) => {
            let error = command.exec();
            format!("cannot run {:?}: {error}", command.get_program())
        }
        Err(reason) => reason,
    };
    // Nobody to tell if standard error is gone too.
    let _ = writeln!(io::stderr(), "headgate {COMMAND}: {reason}");
    ExitCode::from(CANNOT_EXECUTE)
}

fn prepare(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut arguments = arguments.into_iter();
    let usage = || "usage: --parent PID -- PROGRAM [ARGUMENTS]".to_owned();
    let mut word = || arguments.next().ok_or_else(usage);
    if word()? != "--parent" {
        return Err(usage());
    }
    let parent: i32 = word()?
        .to_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(usage)?;
    if word()? != "--" {
        return Err(usage());
    }
    let program = word()?;
    die_with(parent)?;
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
}

/// Ties this process's life to the gateway's.
#[cfg(target_os = "linux")]
fn die_with(parent: i32) -> Result<(), String> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};

    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| format!("cannot tie this process to the gateway: {error}"))?;
    // The gateway may have died before the line above: then nobody will ever send the signal.
    if getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(parent) {
        return Err("the gateway is gone".into());
    }
    // Refused in some containers; it is a courtesy, not a promise.
    let _ = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE_ADJUSTMENT);
    Ok(())
}

/// Other systems have no such tie; there ffmpeg ends when it writes to a pipe that nobody reads.
#[cfg(not(target_os = "linux"))]
fn die_with(_parent: i32) -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(words: &[&str]) -> String {
        prepare(words.iter().map(OsString::from)).expect_err("should be refused")
    }

    #[test]
    fn wrong_calls_are_refused() {
        for words in [
            &[][..],
            &["--parent"],
            &["--parent", "x", "--", "p"],
            &["--parent", "1", "p"],
            &["--parent", "1", "--"],
        ] {
            assert!(refusal(words).starts_with("usage"), "{words:?}");
        }
    }
}
