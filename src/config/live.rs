//! The configuration in force, and what became of the last attempt to put another one in its place.
//!
//! A file that is wrong, unreadable or gone changes nothing: the one before stays in force, and who asks is told why.

use std::hash::{DefaultHasher, Hasher};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use super::diff::ConfigDiff;
use super::error::{ConfigError, Problem};
use super::load;
use super::model::{Config, ServerConfig};
use super::operators::OperatorsSaid;
use super::operators_spec::OperatorsSpec;

/// Where a configuration comes from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The file.
    pub path: PathBuf,
    /// The address of the command line, which stands over that of the file.
    pub listen: Option<SocketAddr>,
    /// What the command line and the environment say about operators.
    pub operators: OperatorsSaid,
}

/// The configuration in force, for everybody who wants to look.
#[derive(Debug)]
pub struct ConfigHolder {
    origin: Option<Origin>,
    /// What the process was started with: some of it holds until it ends.
    started: (ServerConfig, OperatorsSpec),
    standing: ArcSwap<Standing>,
}

/// How things stand with the configuration.
#[derive(Debug, Clone)]
pub struct Standing {
    /// What is in force.
    pub config: Arc<Config>,
    /// The text that it was read from, as 16 hexadecimal digits; nothing if it came from no file.
    pub version: Option<String>,
    /// Since when it is in force.
    pub since: Timestamp,
    /// Why what the file says now is not in force, if that is so.
    pub refused: Option<Arc<Refused>>,
}

/// Why a configuration was not taken.
#[derive(Debug, Clone)]
pub struct Refused {
    /// When it was read.
    pub at: Timestamp,
    /// The text that was refused, like [`Standing::version`]; nothing if the file could not be read.
    pub version: Option<String>,
    /// One line for people, with the place of the first problem. Credentials are masked.
    pub summary: String,
    /// Everything, on several lines. Credentials are masked.
    pub text: String,
    /// Each problem with its place; none if the file could not be read.
    pub problems: Vec<Problem>,
}

/// What came of a look at the file.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The file says what is in force.
    Same,
    /// Another configuration is in force, and this is the way to it. Nothing has been told of it yet.
    Replaced(Arc<Config>, Box<ConfigDiff>),
    /// What the file says is wrong; the one before stays in force.
    Refused(Arc<Refused>),
    /// The same as at the last look, and it was wrong then.
    StillRefused(Arc<Refused>),
    /// The configuration did not come from a file.
    NoFile,
}

// === impl ConfigHolder ===

impl ConfigHolder {
    /// Reads a file; what it says is in force since `now`. Blocks.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load(origin: Origin, now: Timestamp) -> Result<Self, ConfigError> {
        let text = load::read(&origin.path)?;
        let config = parse(&text, &origin)?;
        Ok(Self::new(
            config,
            Some(origin),
            Some(version_of(&text)),
            now,
        ))
    }

    /// A configuration that came from no file and stays for ever.
    pub fn fixed(config: Config, now: Timestamp) -> Self {
        Self::new(config, None, None, now)
    }

    fn new(
        config: Config,
        origin: Option<Origin>,
        version: Option<String>,
        now: Timestamp,
    ) -> Self {
        Self {
            origin,
            started: (config.server.clone(), config.operators.clone()),
            standing: ArcSwap::from_pointee(Standing {
                config: Arc::new(config),
                version,
                since: now,
                refused: None,
            }),
        }
    }

    /// Where it comes from.
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// How things stand.
    pub fn standing(&self) -> Arc<Standing> {
        self.standing.load_full()
    }

    /// Keys of `[server]` and `[operators]` that say something else than what the process was started with, and hold
    /// from the next start on.
    pub fn needs_restart(&self) -> Vec<&'static str> {
        let standing = self.standing.load();
        let (server, operators) = &self.started;
        let of_operators = waiting_of_operators(operators, &standing.config.operators);
        let mut keys = waiting(server, &standing.config.server);
        keys.extend(of_operators);
        keys
    }

    /// Reads the file again and puts it in force if it is right. Blocks; call it where that is allowed, and one at a
    /// time.
    pub fn reload(&self, now: Timestamp) -> Outcome {
        let Some(origin) = &self.origin else {
            return Outcome::NoFile;
        };
        let before = self.standing();
        let text = match load::read(&origin.path) {
            Ok(text) => text,
            Err(error) => return self.refuse(&before, None, &error, now),
        };
        let version = version_of(&text);
        if before.version.as_ref() == Some(&version) && before.refused.is_none() {
            return Outcome::Same;
        }
        match parse(&text, origin) {
            Ok(config) => self.replace(&before, config, version, now),
            Err(error) => self.refuse(&before, Some(version), &error, now),
        }
    }

    fn replace(
        &self,
        before: &Standing,
        config: Config,
        version: String,
        now: Timestamp,
    ) -> Outcome {
        let diff = ConfigDiff::between(&before.config, &config);
        let config = match diff.is_empty() {
            true => before.config.clone(),
            false => Arc::new(config),
        };
        self.standing.store(Arc::new(Standing {
            config: config.clone(),
            version: Some(version),
            since: now,
            refused: None,
        }));
        Outcome::Replaced(config, Box::new(diff))
    }

    fn refuse(
        &self,
        before: &Standing,
        version: Option<String>,
        error: &ConfigError,
        now: Timestamp,
    ) -> Outcome {
        let refused = Refused {
            at: now,
            version,
            summary: error.summary(),
            text: error.to_string(),
            problems: error.problems().to_vec(),
        };
        if let Some(known) = &before.refused
            && (&known.version, &known.text) == (&refused.version, &refused.text)
        {
            return Outcome::StillRefused(known.clone());
        }
        let refused = Arc::new(refused);
        self.standing.store(Arc::new(Standing {
            refused: Some(refused.clone()),
            ..before.clone()
        }));
        Outcome::Refused(refused)
    }
}

fn parse(text: &str, origin: &Origin) -> Result<Config, ConfigError> {
    Config::parse_under(
        text,
        Path::new(&origin.path),
        origin.listen,
        &origin.operators,
    )
}

/// It need not resist attackers: who writes the file may write what they like.
fn version_of(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    format!("{:016x}", hasher.finish())
}

fn waiting(started: &ServerConfig, now: &ServerConfig) -> Vec<&'static str> {
    // Whole, so that a new field cannot be forgotten here.
    let ServerConfig {
        listen,
        public_url: _, // Holds at once.
        ffmpeg,
        max_connections,
        max_connections_per_address,
        max_sessions: _, // Holds at once.
        state,
        tls,
        allow_private: _, // Holds at once.
        trusted_proxies,
        limits,
        cage,
    } = now;
    let keys = [
        ("listen", started.listen != *listen),
        ("ffmpeg", started.ffmpeg != *ffmpeg),
        ("cage", started.cage != *cage),
        (
            "max_connections",
            started.max_connections != *max_connections,
        ),
        (
            "max_connections_per_address",
            started.max_connections_per_address != *max_connections_per_address,
        ),
        // What concerns starts holds at once, but for the number of places.
        (
            "limits",
            started.limits.edge != limits.edge
                || started.limits.starts.max_starting != limits.starts.max_starting,
        ),
        ("state", started.state != *state),
        ("tls", started.tls != *tls),
        (
            "trusted_proxies",
            started.trusted_proxies != *trusted_proxies,
        ),
    ];
    let differs = keys.into_iter().filter(|(_, differs)| *differs);
    differs.map(|(key, _)| key).collect()
}

fn waiting_of_operators(started: &OperatorsSpec, now: &OperatorsSpec) -> Vec<&'static str> {
    // Whole, so that a new field cannot be forgotten here.
    let OperatorsSpec {
        is_named,
        listen,
        tls,
        hosts: _,  // Hold at once.
        open: _,   // Holds at once.
        tokens: _, // Hold at once.
        audit_log,
    } = now;
    let moved = (started.is_named, started.listen) != (*is_named, *listen);
    let keys = [
        ("operators.listen", moved),
        ("operators.tls", started.tls != *tls),
        ("operators.audit_log", started.audit_log != *audit_log),
    ];
    let differs = keys.into_iter().filter(|(_, differs)| *differs);
    differs.map(|(key, _)| key).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const GOOD: &str = "[[channel]]\nid = 'a'\nsource = 'testcard:'\n";

    fn holder(folder: &tempfile::TempDir) -> (ConfigHolder, PathBuf) {
        let path = folder.path().join("channels.toml");
        fs::write(&path, GOOD).unwrap();
        let origin = Origin {
            path: path.clone(),
            listen: "127.0.0.1:0".parse().ok(),
            ..Origin::default()
        };
        let holder = ConfigHolder::load(origin, Timestamp::UNIX_EPOCH).unwrap();
        (holder, path)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn what_is_wrong_leaves_the_one_before_in_force_and_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let (holder, path) = holder(&folder);
        assert!(matches!(holder.reload(at(1)), Outcome::Same));
        let version = holder.standing().version.clone().unwrap();
        fs::write(&path, format!("{GOOD}x = 1\n")).unwrap();
        assert!(matches!(holder.reload(at(2)), Outcome::Refused(_)));
        assert!(matches!(holder.reload(at(3)), Outcome::StillRefused(_)));
        let standing = holder.standing();
        assert_eq!(standing.version.as_ref(), Some(&version));
        assert_eq!((standing.since, standing.config.channels.len()), (at(0), 1));
        let refused = standing.refused.clone().unwrap();
        assert_eq!((refused.at, refused.problems[0].line), (at(2), 4));
        assert!(
            refused.summary.contains("channels.toml:4:1: unknown key"),
            "{}",
            refused.summary
        );

        fs::remove_file(&path).unwrap();
        let Outcome::Refused(gone) = holder.reload(at(4)) else {
            panic!("it is gone")
        };
        assert!(
            gone.summary.contains("there is no configuration"),
            "{}",
            gone.summary
        );
        assert!(!gone.summary.contains('\n') && gone.problems.is_empty());

        // What is in force is there again: nothing has changed, and nothing is wrong any more.
        fs::write(&path, GOOD).unwrap();
        let Outcome::Replaced(_, diff) = holder.reload(at(5)) else {
            panic!("it is back")
        };
        assert!(diff.is_empty() && holder.standing().refused.is_none());
        assert!(matches!(holder.reload(at(6)), Outcome::Same));
    }

    #[test]
    fn what_holds_only_after_a_start_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (holder, path) = holder(&folder);
        fs::write(
            &path,
            format!("[server]\nlisten = '0.0.0.0:1'\nmax_sessions = 3\n{GOOD}"),
        )
        .unwrap();
        assert!(matches!(holder.reload(at(1)), Outcome::Replaced(..)));
        assert_eq!(
            holder.needs_restart(),
            [""; 0],
            "the command line's address stands"
        );
        let limits = "[server]\nmax_connections = 7\nstate = 's'\nffmpeg = 'x'\ncage = 'off'\ntrusted_proxies = ['::1']\n\
                      [server.tls]\ncert = 'c'\nkey = 'k'\n";
        fs::write(&path, format!("{limits}{GOOD}")).unwrap();
        holder.reload(at(2));
        let all = [
            "ffmpeg",
            "cage",
            "max_connections",
            "max_connections_per_address",
            "state",
            "tls",
            "trusted_proxies",
        ];
        assert_eq!(holder.needs_restart(), all);
        fs::write(&path, GOOD).unwrap();
        holder.reload(at(3));
        assert!(holder.needs_restart().is_empty());
    }
}
