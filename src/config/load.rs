//! The one file of the room that touches the disk: reads `channels.toml`, and checks it for `headgate check`.

use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::Path;

use super::error::ConfigError;
use super::model::{ChannelSpec, Config, SourceKind};
use super::operators::OperatorsSaid;

/// The largest file that is read, in bytes.
pub const MAX_FILE_SIZE: u64 = 16 << 20;

// === impl Config ===

impl Config {
    /// Reads the file at `path`. Blocks; call it where that is allowed.
    ///
    /// # Errors
    /// Says what is wrong with the file, or with what it says.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(&read(path)?, path)
    }

    /// The same under what the command line and the environment say.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_under(
        path: &Path,
        listen: Option<SocketAddr>,
        operators: &OperatorsSaid,
    ) -> Result<Self, ConfigError> {
        Self::parse_under(&read(path)?, path, listen, operators)
    }
}

/// Reads the file at `path` and says in a few lines for people that it is good, with warnings about what may not be
/// meant, and about files that do not exist now. Ends without a line break.
///
/// # Errors
/// As [`Config::load`].
pub fn check(path: &Path) -> Result<String, ConfigError> {
    check_under(path, None, &OperatorsSaid::default())
}

/// The same under what the command line and the environment say.
///
/// # Errors
/// As [`Config::load`].
pub fn check_under(
    path: &Path,
    listen: Option<SocketAddr>,
    operators: &OperatorsSaid,
) -> Result<String, ConfigError> {
    let config = Config::load_under(path, listen, operators)?;
    let warnings: Vec<String> = config
        .channels
        .iter()
        .flat_map(|channel| warnings(channel))
        .collect();
    let count = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    let mut summary = format!(
        "{}: {}",
        path.display(),
        count(config.channels.len(), "channel")
    );
    if warnings.is_empty() {
        summary.push_str(", no problem");
    } else {
        summary.push_str(&format!(", {}", count(warnings.len(), "warning")));
    }
    for warning in warnings {
        summary.push_str(&format!("\nwarning: {warning}"));
    }
    Ok(summary)
}

/// What may not be meant, but does not keep the other channels from playing.
fn warnings(channel: &ChannelSpec) -> Vec<String> {
    let mut warnings = Vec::new();
    let id = &channel.id;
    for source in &channel.sources {
        if let SourceKind::File { path } = &source.kind
            && !path.is_file()
        {
            warnings.push(format!(
                "channel `{id}`: there is no file {} now",
                path.display()
            ));
        }
    }
    let never_fails =
        |kind: &SourceKind| matches!(kind, SourceKind::TestCard | SourceKind::Slate { .. });
    let first = channel
        .sources
        .iter()
        .position(|source| never_fails(&source.kind));
    if let Some(first) = first
        && first + 1 < channel.sources.len()
    {
        let label = channel.sources[first].label();
        warnings.push(format!(
            "channel `{id}`: `{label}` never fails, so the sources behind it are never used"
        ));
    }
    warnings
}

pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ConfigError::Missing {
            path: path.to_owned(),
        },
        _ => ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        },
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that is too large, also where there is no size to ask for.
    file.take(MAX_FILE_SIZE + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_SIZE {
        return Err(ConfigError::TooLarge {
            path: path.to_owned(),
        });
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let good = String::from_utf8_lossy(good);
        let line_start = good.rfind('\n').map_or(0, |at| at + 1);
        ConfigError::NotUtf8 {
            path: path.to_owned(),
            line: good.matches('\n').count() + 1,
            column: good[line_start..].chars().count() + 1,
        }
    })
}
