//! Operators: from what the configuration says about them to the rules in force, and to where they are served.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::{error, info, warn};

use crate::audit::Audit;
use crate::config::{Config, OperatorsAt, TokenSecret, check_token};
use crate::events::Events;
use crate::http::{Operators, Rules};
use crate::security::operators::{Fingerprint, Operator, Tokens};

/// The longest file of a token that is read, in bytes.
const MAX_FILE: u64 = 4096;

/// Why a file holds no token.
#[derive(Debug, thiserror::Error)]
#[error(
    "the token in {path} cannot be read: {why}; write the token alone into it, for example with `openssl rand -hex 32 > {path}`"
)]
pub struct TokenFileError {
    path: PathBuf,
    why: String,
}

/// What keeps the rules as the configuration wants them.
#[derive(Debug)]
pub struct Access {
    /// For who answers requests.
    pub operators: Arc<Operators>,
    /// What operators have done.
    pub audit: Arc<Audit>,
    /// What files of tokens said last: one that cannot be read now locks nobody out.
    files: Mutex<HashMap<PathBuf, Fingerprint>>,
}

// === impl Access ===

impl Access {
    /// As the configuration says.
    ///
    /// # Errors
    /// A file holds no token.
    pub fn new(config: &Config, events: Arc<Events>) -> Result<Self, TokenFileError> {
        let audit = Audit::new(events, config.operators.audit_log.clone());
        let mut files = HashMap::new();
        for path in token_files(config) {
            files.insert(path.to_owned(), read(path)?);
        }
        let access = Self {
            operators: Operators::new(Rules::default(), audit.clone()),
            audit,
            files: Mutex::new(files),
        };
        access.put_in_force(config);
        Ok(access)
    }

    /// The same for another configuration; files of tokens are read again. Blocks.
    pub fn apply(&self, config: &Config) {
        for path in token_files(config) {
            match read(path) {
                Ok(found) => {
                    self.files.lock().insert(path.to_owned(), found);
                }
                Err(why) if self.files.lock().contains_key(path) => {
                    warn!("{why}; the one before stays in force");
                }
                Err(why) => error!("{why}; until then it is nobody's"),
            }
        }
        self.put_in_force(config);
    }

    fn put_in_force(&self, config: &Config) {
        let files = self.files.lock();
        let token = |spec: &crate::config::TokenSpec| {
            let fingerprint = match &spec.secret {
                TokenSecret::Value(secret) => Fingerprint::of(secret.expose()),
                TokenSecret::Sha256(hash) => Fingerprint::from(*hash),
                TokenSecret::File(path) => *files.get(path)?,
            };
            let operator = Operator {
                name: spec.name.clone(),
                role: spec.role,
            };
            Some((operator, fingerprint))
        };
        let specs = &config.operators.tokens;
        let rules = Rules {
            tokens: Tokens::new(specs.iter().filter_map(token).collect()),
            // Tokens that cannot be read are tokens that are needed.
            needs_token: !specs.is_empty(),
            hosts: config.operators_hosts(),
            open: config.operators.open.clone(),
        };
        drop(files);
        self.operators.apply(rules);
    }
}

fn token_files(config: &Config) -> impl Iterator<Item = &Path> {
    let tokens = config.operators.tokens.iter();
    tokens.filter_map(|spec| match &spec.secret {
        TokenSecret::File(path) => Some(path.as_path()),
        _ => None,
    })
}

/// The token of a file, without the line break at its end.
fn read(path: &Path) -> Result<Fingerprint, TokenFileError> {
    let text = || {
        use std::io::Read as _;
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
        let reading = file.take(MAX_FILE).read_to_string(&mut text);
        reading.map_err(|error| error.to_string())?;
        let token = text.trim();
        check_token(token).map(|()| Fingerprint::of(token))
    };
    text().map_err(|why| TokenFileError {
        path: path.to_owned(),
        why,
    })
}

/// Says where operators are served, and what to think of.
pub(super) fn announce(config: &Config, own: Option<std::net::SocketAddr>) {
    let (operators, server) = (&config.operators, &config.server);
    let at = operators.at(server);
    let address = own.unwrap_or_else(|| operators.address(server));
    let tokens = operators.tokens.len();
    match at {
        OperatorsAt::Everywhere => {}
        OperatorsAt::Own => {
            info!(%address, tokens, "operators (page, API, metrics) are served on a listener of their own")
        }
        OperatorsAt::Plain | OperatorsAt::Tls => {
            info!(%address, tokens, "operators (page, API, metrics) are served here, beside viewers");
        }
    }
    let is_clear = match at {
        OperatorsAt::Own => !operators.tls,
        OperatorsAt::Everywhere | OperatorsAt::Tls => false,
        OperatorsAt::Plain => true,
    };
    if is_clear && !address.ip().to_canonical().is_loopback() {
        warn!(
            %address,
            "operators' tokens travel in the clear to this address; `tls = true` in [operators], or a proxy with TLS, hides them"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use jiff::Timestamp;

    use super::*;

    const TOKEN: &str = "0123456789abcdef01234567";

    #[test]
    fn a_token_is_read_from_a_file_and_nothing_of_a_wrong_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        assert!(read(&path).is_err());
        fs::write(&path, format!("{TOKEN}\n")).unwrap();
        let operator = Operator {
            name: "a".into(),
            role: crate::config::Role::Read,
        };
        let tokens = Tokens::new(vec![(operator, read(&path).unwrap())]);
        assert!(tokens.owner(TOKEN).is_some());
        for wrong in ["hunter2\n", "", "hunter2hunter2hunter2hunter2 hunter2"] {
            fs::write(&path, wrong).unwrap();
            let why = read(&path).unwrap_err().to_string();
            assert!(why.contains("openssl") && !why.contains("hunter2"), "{why}");
        }
        fs::write(&path, [0xff; 40]).unwrap();
        assert!(read(&path).is_err());
    }

    #[test]
    fn a_file_that_is_gone_locks_nobody_out_and_lets_nobody_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, TOKEN).unwrap();
        let text = "[[operators.token]]\nname = 'a'\nfile = 'token'\n[[channel]]\nid = 'a'\nsource = 'testcard:'\n";
        let config = Config::parse(text, &folder.path().join("channels.toml")).unwrap();
        let events = Events::new(Timestamp::UNIX_EPOCH);
        let access = Access::new(&config, events.clone()).unwrap();
        fs::remove_file(&path).unwrap();
        access.apply(&config);
        assert_eq!(access.files.lock().len(), 1, "the one before stays");
        assert!(Access::new(&config, events).is_err(), "a start needs it");
    }
}
