//! The command line: what may be written, and nothing of what it does.

use std::net::SocketAddr;
use std::path::PathBuf;

use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::base::Network;
use crate::config::Secret;
use crate::telemetry::LogFormat;

/// A live HLS streaming gateway: one encode a channel, started by its first viewer, shared by all.
#[derive(Debug, Parser)]
#[command(name = "headgate", version, about, max_term_width = 100)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
    /// What to do; serves when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What every command takes.
#[derive(Debug, Args)]
pub struct Common {
    /// The configuration file.
    #[arg(
        short,
        long,
        global = true,
        value_name = "FILE",
        default_value = "channels.toml"
    )]
    pub config: PathBuf,
    /// Where to listen, in place of what the file says (for example 0.0.0.0:8080).
    #[arg(long, global = true, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Where to listen for operators, in place of what the file says (for example 127.0.0.1:8081).
    #[arg(
        long,
        global = true,
        value_name = "ADDR",
        env = "HEADGATE_OPERATORS_LISTEN"
    )]
    pub operators_listen: Option<SocketAddr>,
    /// A file with an operators' token: one that may do everything at the gateway that is started here, or the one that
    /// is shown to a running gateway.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "HEADGATE_OPERATORS_TOKEN_FILE"
    )]
    pub token_file: Option<PathBuf>,
    /// The token itself. Others on this machine may see arguments: the variable and the file are safer.
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        env = "HEADGATE_OPERATORS_TOKEN",
        hide_env_values = true,
        conflicts_with = "token_file"
    )]
    pub token: Option<Secret>,
    /// How log lines look on standard error.
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        value_enum,
        default_value = "text"
    )]
    pub log_format: LogFormatArgument,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormatArgument {
    /// For people.
    Text,
    /// One object a line, for programs.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the channels of the file (this is what happens when no command is given).
    Serve,
    /// Validate the file; exits with 2 when anything is wrong with it.
    Check,
    /// Say what this host can do: ffmpeg, encoders, limits, ports.
    Doctor,
    /// Say what a source is, and which ladder it would get.
    Probe {
        /// A URL, a file, or testcard:
        source: String,
    },
    /// Ask the running gateway about a channel: its state and why, its sources, what happened, what comes next.
    Explain {
        /// The channel's id.
        channel: String,
        /// Where the gateway is, if not where the configuration file says (for example http://127.0.0.1:8080).
        #[arg(long)]
        url: Option<String>,
    },
    /// Write channels from somebody's M3U list.
    Import {
        /// The list; - is standard input.
        playlist: PathBuf,
        /// The file to write, which must not exist; printed if nothing is said.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Ask a running gateway whether it is alive; exits with 1 when it is not.
    Healthcheck {
        /// The gateway's health address.
        #[arg(long, default_value = "http://127.0.0.1:8080/healthz")]
        url: String,
    },
    /// Make a token with which somebody may watch, and print the URL that carries it.
    Token(TokenArguments),
    /// Print the encoder's command line for a channel, one argument a line (for measurements).
    #[command(name = "__plan", hide = true)]
    Plan {
        /// The channel.
        channel: String,
    },
}

/// What a token grants.
#[derive(Debug, Args)]
pub struct TokenArguments {
    /// A channel's id, several between commas, or * for all.
    #[arg(long)]
    pub channel: String,
    /// How long it is valid (for example 90m, 24h).
    #[arg(long, default_value = "24h", value_parser = crate::config::parse_duration)]
    pub ttl: Duration,
    /// In how long it begins to be valid.
    #[arg(long, value_parser = crate::config::parse_duration)]
    pub after: Option<Duration>,
    /// Only from these addresses (for example 10.0.0.0/8).
    #[arg(long, value_name = "RANGE")]
    pub address: Option<Network>,
    /// Who it is for: tokens for the same name share their limit of viewers.
    #[arg(long = "for", value_name = "NAME")]
    pub name: Option<String>,
    /// The key to sign with, by its id; the first one if nothing is said.
    #[arg(long)]
    pub key: Option<String>,
    /// Print only the token.
    #[arg(long)]
    pub bare: bool,
}

// === impl LogFormatArgument ===

impl From<LogFormatArgument> for LogFormat {
    fn from(argument: LogFormatArgument) -> Self {
        match argument {
            LogFormatArgument::Text => Self::Text,
            LogFormatArgument::Json => Self::Json,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serving_is_the_default_and_options_may_stand_anywhere() {
        let cli = Cli::try_parse_from(["headgate", "-c", "x.toml"]).unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.common.config, PathBuf::from("x.toml"));
        let cli = Cli::try_parse_from(["headgate", "check", "-c", "y.toml"]).unwrap();
        assert!(matches!(cli.command, Some(Command::Check)));
        assert_eq!(cli.common.config, PathBuf::from("y.toml"));
    }
}
