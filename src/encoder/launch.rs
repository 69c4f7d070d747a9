//! The few steps between the gateway and ffmpeg, in a process of their own: `headgate __launch --parent PID -- PROGRAM …`.
//!
//! What must happen between fork and exec would need unsafe code in the gateway, which has many threads. Here there
//! is one thread and no danger: enter the cage, tie the process's life to the gateway's, then become ffmpeg.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::cage::{self, Order};

/// The first argument of the gateway's binary that leads here.
pub const COMMAND: &str = "__launch";

/// What the kernel's out-of-memory killer adds to the badness of an encoder (-1000 to 1000): an encoder is replaced in
/// a second, the gateway holds every channel.
#[cfg(target_os = "linux")]
const OOM_SCORE_ADJUSTMENT: &str = "300";

/// The shell's exit code for a command that could not be executed.
const CANNOT_EXECUTE: u8 = 126;

/// Says what the cage is worth instead of becoming the program.
const EXAMINE: &str = "--examine";

/// The words before the program's own, which make the gateway's binary run it in its own place.
pub(super) fn arguments(program: &Path, order: Option<&Order>, examine: bool) -> Vec<OsString> {
    let parent = std::process::id().to_string();
    let mut words: Vec<OsString> = vec![COMMAND.into(), "--parent".into(), parent.into()];
    words.extend(order.map(Order::words).unwrap_or_default());
    words.extend(examine.then(|| EXAMINE.into()));
    words.extend(["--".into(), program.into()]);
    words
}

/// Becomes the program that the arguments (those after `__launch`) name; returns only if that failed, or if it was
/// asked what the cage is worth: then it has said so, one missing layer a line.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let reason = match Call::read(arguments) {
        None => "usage: --parent PID [--cage …] -- PROGRAM [ARGUMENTS]".into(),
        Some(call) => match call.act() {
            Ok(code) => return code,
            Err(reason) => reason,
        },
    };
    // Nobody to tell if standard error is gone too.
    let _ = writeln!(io::stderr(), "headgate {COMMAND}: {reason}");
    ExitCode::from(CANNOT_EXECUTE)
}

/// What the launcher is asked to do.
#[derive(Debug)]
struct Call {
    parent: i32,
    order: Option<Order>,
    examine: bool,
    program: OsString,
    arguments: Vec<OsString>,
}

// === impl Call ===

impl Call {
    fn read(words: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let mut words = words.into_iter();
        let (mut parent, mut order, mut examine) = (None, None, false);
        loop {
            let word = words.next()?;
            match word.to_str()? {
                "--" => break,
                "--parent" => parent = Some(words.next()?.to_str()?.parse().ok()?),
                EXAMINE => examine = true,
                _ => Order::take(&mut order, &word, &mut || words.next())?,
            }
        }
        Some(Self {
            parent: parent?,
            order,
            examine,
            program: words.next()?,
            arguments: words.collect(),
        })
    }

    fn act(self) -> Result<ExitCode, String> {
        become_expendable();
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        match &self.order {
            None => die_with(self.parent)?,
            Some(order) => {
                let entered =
                    cage::enter(order, Path::new(&self.program), || die_with(self.parent))?;
                if self.examine {
                    return Ok(say(&cage::examine(order, entered.missing)));
                }
                command
                    .env_clear()
                    .envs(cage::environment(std::env::vars_os()));
            }
        }
        let error = command.exec();
        Err(format!("cannot run {:?}: {error}", command.get_program()))
    }
}

/// Whoever asked reads it, or is gone.
fn say(missing: &[cage::Missing]) -> ExitCode {
    let lines = missing.iter().map(|missing| missing.line() + "\n");
    let _ = io::stdout().write_all(lines.collect::<String>().as_bytes());
    ExitCode::SUCCESS
}

/// Refused in some containers; it is a courtesy, not a promise.
fn become_expendable() {
    #[cfg(target_os = "linux")]
    let _ = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE_ADJUSTMENT);
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

    #[test]
    fn wrong_calls_are_refused() {
        for words in [
            &[][..],
            &["--parent"],
            &["--parent", "x", "--", "p"],
            &["--parent", "1", "p"],
            &["--parent", "1", "--"],
            &["--parent", "1", "--cage", "all", "--", "p"],
            &["--cage", "nothing", "--", "p"],
        ] {
            let call = Call::read(words.iter().map(OsString::from));
            assert!(call.is_none(), "{words:?}");
        }
    }

    #[test]
    fn what_stands_behind_the_program_is_its_own() {
        let words = arguments(Path::new("p"), Some(&Order::default()), true);
        let own = ["--cage", "--", "web"].map(OsString::from);
        let words = words.into_iter().skip(1).chain(own.clone());
        let call = Call::read(words).unwrap();
        assert!(call.examine);
        assert_eq!(call.order, Some(Order::default()));
        assert_eq!((call.program, call.arguments), ("p".into(), own.to_vec()));
    }
}
