//! What `[operators]` means: plain data.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::net::SocketAddr;
use std::path::PathBuf;

use super::secret::Secret;

/// The `[operators]` table. Its `at` tells what it comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorsSpec {
    /// Somebody has said something about operators, in the file or elsewhere.
    pub is_named: bool,
    /// Where to listen for them; `None` is chosen by what viewers have.
    pub listen: Option<SocketAddr>,
    /// A listener of their own speaks TLS, with the certificate of `[server.tls]`.
    pub tls: bool,
    /// Names by which they call the gateway, lower case, without ports.
    pub hosts: Vec<String>,
    /// What needs no token.
    pub open: Vec<OpenPath>,
    /// A file that gets a line for each change.
    pub audit_log: Option<PathBuf>,
    /// Who they are; without any, whoever reaches a listener on this machine may do everything.
    pub tokens: Vec<TokenSpec>,
}

/// Which listeners serve operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorsAt {
    /// All that viewers have.
    Everywhere,
    /// The plain one of `[server]`.
    Plain,
    /// That of `[server.tls]`.
    Tls,
    /// One that is theirs.
    Own,
}

/// What machines ask for that have no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenPath {
    /// `/metrics`
    Metrics,
    /// `/readyz`
    Ready,
}

/// What somebody may do; a later one includes what comes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look.
    Read,
    /// Change something.
    Operate,
}

/// One `[[operators.token]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSpec {
    /// Whose it is, for the audit log; unique.
    pub name: String,
    /// What its owner may do.
    pub role: Role,
    /// What its owner says.
    pub secret: TokenSecret,
}

/// How a token is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSecret {
    /// As it is.
    Value(Secret),
    /// In a file, which is read again with the configuration.
    File(PathBuf),
    /// By its SHA-256.
    Sha256([u8; 32]),
}

// === impl Role ===

impl Role {
    /// As the API and the log spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
        }
    }
}
