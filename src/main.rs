//! The gateway's binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        Some(first) if first == headgate::encoder::launch::COMMAND => {
            headgate::encoder::launch::run(arguments)
        }
        _ => ExitCode::from(2),
    }
}
