//! The binary: reads the world (arguments, environment, signals), runs one command, says how it went.
//!
//! Exit codes: 0 fine, 1 failed at run time, 2 wrong usage or configuration.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use headgate::app::{App, Reloader, Surroundings, check_certificate};
use headgate::cli::{Cli, Command, Common};
use headgate::config::{self, Config, ConfigHolder, OperatorsSaid, Origin, Secret};
use headgate::encoder::{doctor, launch};
use headgate::{commands, telemetry};
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::error;

const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments
        .next()
        .is_some_and(|first| first == launch::COMMAND)
    {
        return launch::run(arguments); // Becomes ffmpeg: no runtime, no threads, no logging.
    }
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(dispatch(cli)),
        Err(error) => complain(
            FAILED,
            &format!("the asynchronous runtime cannot start: {error}"),
        ),
    }
}

async fn dispatch(cli: Cli) -> ExitCode {
    let common = cli.common;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(&common).await,
        Command::Check => check(&common),
        Command::Doctor => examine(&common).await,
        Command::Probe { source } => outcome(commands::probe(&surroundings(), &source).await),
        Command::Explain { channel, url } => explain(&common, &channel, url).await,
        Command::Token(arguments) => match load(&common) {
            Ok(config) => outcome(commands::token(&config, &arguments, Timestamp::now())),
            Err(code) => code,
        },
        Command::Import { playlist, output } => import(&playlist, output.as_deref()),
        Command::Healthcheck { url } => outcome(commands::healthcheck(&url).await),
        Command::Plan { channel } => match load(&common) {
            Ok(config) => outcome(commands::plan(&config, &surroundings(), &channel).await),
            Err(code) => code,
        },
    }
}

/// The file, and the files that it names for TLS.
fn check(common: &Common) -> ExitCode {
    let said = match operators_said(common) {
        Ok(said) => said,
        Err(why) => return complain(WRONG_USAGE, &why),
    };
    let summary = match config::check_under(&common.config, common.listen, &said) {
        Ok(summary) => summary,
        Err(error) => return complain(WRONG_USAGE, &error.to_string()),
    };
    let tls = Config::load_under(&common.config, common.listen, &said)
        .ok()
        .and_then(|config| config.server.tls);
    let pair = tls.map_or(Ok(()), |tls| check_certificate(&tls, Timestamp::now()));
    match pair {
        Ok(()) => say(&summary),
        Err(why) => complain(WRONG_USAGE, &format!("error: [server.tls]: {why}")),
    }
}

async fn serve(common: &Common) -> ExitCode {
    let filter = std::env::var("RUST_LOG").ok();
    if let Err(error) = telemetry::init(common.log_format.into(), filter.as_deref()) {
        return complain(WRONG_USAGE, &error.to_string());
    }
    let said = match operators_said(common) {
        Ok(said) => said,
        Err(why) => return complain(WRONG_USAGE, &why),
    };
    let origin = Origin {
        path: common.config.clone(),
        listen: common.listen,
        operators: said,
    };
    let holder = match ConfigHolder::load(origin, Timestamp::now()) {
        Ok(holder) => Arc::new(holder),
        Err(error) => return complain(WRONG_USAGE, &error.to_string()),
    };
    let stop = CancellationToken::new();
    let app = match App::build(holder, &surroundings(), stop.clone()).await {
        Ok(app) => app,
        Err(error) => return complain(FAILED, &error.to_string()),
    };
    if let Err(error) = obey_signals(stop, app.reloader().clone()) {
        return complain(FAILED, &format!("signals cannot be received: {error}"));
    }
    app.run().await;
    ExitCode::SUCCESS
}

/// HUP reads the configuration again. INT or TERM drains; a second one ends the process at once, and the kernel takes the encoders with it.
fn obey_signals(stop: CancellationToken, reloader: Arc<Reloader>) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {
                    reloader.look("a hang-up signal asked for it").await;
                    continue;
                }
            }
            if stop.is_cancelled() {
                error!("told twice to stop: stopping now");
                std::process::exit(i32::from(FAILED));
            }
            stop.cancel();
        }
    });
    Ok(())
}

async fn examine(common: &Common) -> ExitCode {
    // A host can be examined without a configuration.
    let config = Config::load(&common.config).ok();
    let listen = common
        .listen
        .or(config.as_ref().map(|config| config.server.listen));
    let surroundings = surroundings();
    let configured = config
        .as_ref()
        .and_then(|config| config.server.ffmpeg.as_deref());
    let ffmpeg = surroundings.find_ffmpeg(configured)();
    let listen = listen.unwrap_or(config::DEFAULT_LISTEN);
    let cage = config.map(|config| config.server.cage).unwrap_or_default();
    let report = doctor::examine(surroundings.launch_program, ffmpeg, listen, cage).await;
    let code = say(report.text.trim_end());
    if report.essentials_fine {
        code
    } else {
        ExitCode::from(FAILED)
    }
}

/// The configuration is needed only to know where the gateway is.
async fn explain(common: &Common, channel: &str, url: Option<String>) -> ExitCode {
    let token = match token(common) {
        Ok(token) => token,
        Err(why) => return complain(WRONG_USAGE, &why),
    };
    let url = match url {
        Some(url) => url,
        None => match load(common) {
            Ok(config) => commands::url_of(config.operators.address(&config.server)),
            Err(code) => return code,
        },
    };
    outcome(commands::explain(&url, channel, token.as_ref(), Timestamp::now).await)
}

/// What was not taken goes beside what was.
fn import(playlist: &Path, output: Option<&Path>) -> ExitCode {
    match commands::import::run(playlist, output) {
        Ok(report) => {
            let _ = write!(std::io::stderr(), "{}", report.notes);
            report
                .toml
                .map_or(ExitCode::SUCCESS, |toml| say(toml.trim_end()))
        }
        Err(error) => complain(FAILED, &error),
    }
}

fn load(common: &Common) -> Result<Config, ExitCode> {
    let said = operators_said(common).map_err(|why| complain(WRONG_USAGE, &why))?;
    let config = Config::load_under(&common.config, common.listen, &said);
    config.map_err(|error| complain(WRONG_USAGE, &error.to_string()))
}

/// What the command line and the environment say about operators.
fn operators_said(common: &Common) -> Result<OperatorsSaid, String> {
    Ok(OperatorsSaid {
        listen: common.operators_listen,
        token: token(common)?,
    })
}

/// The operators' token; an empty variable is none.
fn token(common: &Common) -> Result<Option<Secret>, String> {
    let said = common.token.clone();
    let token = match &common.token_file {
        None => said,
        Some(path) => {
            let text = std::fs::read_to_string(path);
            let text = text.map_err(|error| {
                format!("the token in {} cannot be read: {error}", path.display())
            })?;
            Some(Secret::new(text.trim()))
        }
    };
    Ok(token.filter(|token| !token.expose().is_empty()))
}

fn surroundings() -> Surroundings {
    // The running file itself, also when it was replaced on disk in the meantime.
    let own = Path::new("/proc/self/exe");
    let launch_program = match std::env::current_exe() {
        Ok(path) if !own.exists() => path,
        _ => own.to_owned(),
    };
    Surroundings {
        launch_program,
        ffmpeg: std::env::var_os("FFMPEG"),
        path: std::env::var_os("PATH"),
        state_folder: state_folder(),
        machine: machine(),
    }
}

/// What tells this machine from others, also after a restart.
fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).ok();
    let id = read("/etc/machine-id").filter(|id| !id.trim().is_empty());
    id.or_else(|| read("/etc/hostname")).unwrap_or_default()
}

/// What systemd gives a service, or what the user's programs share.
fn state_folder() -> Option<PathBuf> {
    let path = |name| std::env::var_os(name).map(PathBuf::from);
    let of_service = path("STATE_DIRECTORY");
    let of_user = || path("XDG_STATE_HOME").or_else(|| Some(path("HOME")?.join(".local/state")));
    of_service.or_else(|| Some(of_user()?.join("headgate")))
}

fn outcome(result: Result<String, String>) -> ExitCode {
    match result {
        Ok(text) => say(&text),
        Err(error) => complain(FAILED, &error),
    }
}

/// A closed standard output is not a failure of the command.
fn say(text: &str) -> ExitCode {
    let _ = writeln!(std::io::stdout(), "{text}");
    ExitCode::SUCCESS
}

fn complain(code: u8, text: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::from(code)
}
