//! What the configuration says about operators, for operators: everything but the tokens.

use serde::Serialize;
use utoipa::ToSchema;

use crate::config::{Config, OpenPath, TokenSpec};

/// Where operators are served, and who they are.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OperatorsView {
    /// The address at which they are served from the next start on; that of viewers, if it is the same.
    listen: String,
    /// Whether a listener of their own speaks TLS.
    tls: bool,
    /// The names by which they may call the gateway.
    hosts: Vec<String>,
    /// What needs no token: `metrics`, `readyz`.
    open: Vec<&'static str>,
    /// The file that gets a line for each change.
    audit_log: Option<String>,
    tokens: Vec<TokenView>,
}

/// A token, without what is said.
#[derive(Debug, Serialize, ToSchema)]
struct TokenView {
    name: String,
    /// `read` or `operate`.
    role: &'static str,
}

// === impl OperatorsView ===

impl OperatorsView {
    pub(crate) fn new(config: &Config) -> Self {
        let operators = &config.operators;
        let open = operators.open.iter().map(|path| match path {
            OpenPath::Metrics => "metrics",
            OpenPath::Ready => "readyz",
        });
        Self {
            listen: operators.address(&config.server).to_string(),
            tls: operators.tls,
            hosts: config.operators_hosts(),
            open: open.collect(),
            audit_log: operators
                .audit_log
                .as_ref()
                .map(|path| path.display().to_string()),
            tokens: operators.tokens.iter().map(TokenView::new).collect(),
        }
    }
}

impl TokenView {
    fn new(spec: &TokenSpec) -> Self {
        Self {
            name: spec.name.clone(),
            role: spec.role.as_str(),
        }
    }
}
