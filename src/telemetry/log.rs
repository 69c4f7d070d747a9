//! Log lines on standard error, for people or for machines.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// What is logged if nobody says anything else.
const DEFAULT_FILTER: &str = "info";

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Why logging cannot start.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The filter is not one.
    #[error(
        "the log filter {filter:?} is not valid: {source}; write for example info or headgate=debug"
    )]
    Filter {
        /// What was written.
        filter: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// There is a subscriber already.
    #[error("logging was started twice: {0}")]
    Twice(#[from] TryInitError),
}

/// Sends log lines of this process to standard error.
///
/// `filter` is in the syntax of `RUST_LOG`; `None` or an empty text logs from `info` upwards. Colours are used on a
/// terminal only.
///
/// # Errors
/// If the filter cannot be read, or logging has been started before.
pub fn init(format: LogFormat, filter: Option<&str>) -> Result<(), InitError> {
    let filter = parse(filter)?;
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(is_terminal && format == LogFormat::Text);
    match format {
        LogFormat::Text => lines.finish().try_init()?,
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init()?,
    }
    Ok(())
}

fn parse(filter: Option<&str>) -> Result<EnvFilter, InitError> {
    let filter = filter.map(str::trim).filter(|text| !text.is_empty());
    let filter = filter.unwrap_or(DEFAULT_FILTER);
    EnvFilter::builder()
        .parse(filter)
        .map_err(|source| InitError::Filter {
            filter: filter.into(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_filter_is_info_and_a_wrong_one_is_explained() {
        assert_eq!(parse(None).unwrap().to_string(), "info");
        assert_eq!(parse(Some(" ")).unwrap().to_string(), "info");
        assert_eq!(
            parse(Some("headgate=debug")).unwrap().to_string(),
            "headgate=debug"
        );
        let error = parse(Some("headgate=loud")).unwrap_err().to_string();
        assert!(error.contains("headgate=loud"), "{error}");
    }
}
