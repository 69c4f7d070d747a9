//! Operators' access: what a request needs, who asks, and whether they may.
//!
//! Decided once, before the router, for each [`Route`]: a new one does not compile until somebody has said here who may
//! have it. A listener for viewers has none of what is an operator's; on others a token is needed where there are
//! tokens. There are no cookies, so no page of another origin can act as somebody: a token is sent by who holds it.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::request::Parts;
use http::{Method, StatusCode, header};
use jiff::Timestamp;
use serde_json::json;

use super::error::Failure;
use super::guard;
use super::proxies::{Asked, Client};
use super::route::Route;
use crate::audit::{Audit, TurnedAway};
use crate::config::{OpenPath, Role};
use crate::security::operators::{Operator, Tokens, bearer};

/// Who asks where no token is needed.
const LOCAL: &str = "local";

/// Who is served at a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Viewers: nothing of operators is answered here.
    Viewers,
    /// Operators, and viewers too: the page plays.
    Operators {
        /// Only programs of this machine reach the listener.
        is_private: bool,
    },
}

/// What is decided by.
#[derive(Debug, Default)]
pub struct Rules {
    /// Who operators are; without any, whoever reaches a listener on this machine may do everything.
    pub tokens: Tokens,
    /// There should be tokens, be there any or not.
    pub needs_token: bool,
    /// Names by which they call the gateway, lower case, without ports.
    pub hosts: Vec<String>,
    /// What needs no token.
    pub open: Vec<OpenPath>,
}

/// The rules in force, and where is kept what operators do.
#[derive(Debug)]
pub struct Operators {
    rules: ArcSwap<Rules>,
    pub(crate) audit: Arc<Audit>,
}

/// An operator, as handlers find one among a request's extensions.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) address: IpAddr,
    /// Known by a token.
    pub(crate) has_token: bool,
}

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Anybody may have it, anywhere.
    Nothing,
    /// It is served where operators are; a token is not needed.
    Place,
    /// It is served where operators are, to who may do this.
    Token(Role),
}

// === impl Need ===

impl Need {
    pub(crate) fn of(route: Route<'_>, method: &Method, path: &str, open: &[OpenPath]) -> Self {
        let is_read = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        let token = Self::Token(if is_read { Role::Read } else { Role::Operate });
        match route {
            Route::Multivariant { .. }
            | Route::MediaPlaylist { .. }
            | Route::Media { .. }
            | Route::TsMultivariant { .. }
            | Route::TsPlaylist { .. }
            | Route::TsSegment { .. }
            | Route::TsStream { .. }
            | Route::KeyFramePlaylist { .. }
            | Route::Manifest { .. }
            | Route::Thumbnail { .. }
            | Route::Time
            | Route::Preflight
            | Route::Xtream { .. }
            | Route::Tuner { .. }
            | Route::Iptv
            | Route::Health
            | Route::Refused(_) => Self::Nothing,
            // The page asks for the token itself.
            Route::Web => Self::Place,
            Route::Api if matches!(path, "/api" | "/api/") => Self::Place,
            Route::Ready if is_read && open.contains(&OpenPath::Ready) => Self::Place,
            Route::Metrics if is_read && open.contains(&OpenPath::Metrics) => Self::Place,
            Route::Api | Route::Debug | Route::Ready | Route::Metrics => token,
        }
    }
}

// === impl Operators ===

impl Operators {
    /// Under these rules.
    pub fn new(rules: Rules, audit: Arc<Audit>) -> Arc<Self> {
        Arc::new(Self {
            rules: ArcSwap::from_pointee(rules),
            audit,
        })
    }

    /// From now on these rules hold.
    pub fn apply(&self, rules: Rules) {
        self.rules.store(Arc::new(rules));
    }

    /// Whether tokens are needed.
    pub(crate) fn has_tokens(&self) -> bool {
        self.rules.load().needs_token
    }

    /// Who asks, if it matters and they may; or why they may not.
    pub(crate) fn admit(
        &self,
        route: Route<'_>,
        head: &Parts,
        asked: &Asked,
        (client, address): (Client, IpAddr),
    ) -> Result<Option<Visitor>, Failure> {
        let rules = self.rules.load();
        let need = Need::of(route, &head.method, head.uri.path(), &rules.open);
        if need == Need::Nothing {
            return Ok(None);
        }
        let Audience::Operators { is_private } = client.audience else {
            return Err(self.turn_away(TurnedAway::Listener, elsewhere()));
        };
        let host = asked.host.as_deref();
        let host = host.or_else(|| guard::host(&head.uri, &head.headers));
        // Machines that ask whether the gateway is ready may call it by any name. And who has proved its name by a
        // certificate is not a name that somebody else made up.
        let is_named = matches!(route, Route::Api | Route::Debug | Route::Metrics);
        if is_named && !asked.is_secure {
            guard::check_host(host, &rules.hosts)
                .map_err(|failure| self.turn_away(TurnedAway::Host, failure))?;
        }
        let Need::Token(role) = need else {
            return Ok(None);
        };
        guard::check_origin(&head.method, host, &head.headers)
            .map_err(|failure| self.turn_away(TurnedAway::Origin, failure))?;
        // A proxy on this machine may ask for somebody who is elsewhere.
        if !rules.needs_token && is_private && address.is_loopback() {
            return Ok(Some(Visitor::local(address)));
        }
        let visitor = self.known(&rules, head, address)?;
        self.check_role(&visitor, role)?;
        Ok(Some(visitor))
    }

    fn known(&self, rules: &Rules, head: &Parts, address: IpAddr) -> Result<Visitor, Failure> {
        let mut fields = head.headers.get_all(header::AUTHORIZATION).iter();
        let token = match (fields.next(), fields.next()) {
            (Some(field), None) => field.to_str().ok().and_then(bearer),
            _ => None,
        };
        let Some(token) = token else {
            let message = match !rules.needs_token {
                true => {
                    "operators from other machines need a token, and none is configured (`[[operators.token]]`)"
                }
                false => "this needs an operator's token: send `Authorization: Bearer TOKEN`",
            };
            return Err(self.turn_away(TurnedAway::NoToken, unauthorized(message)));
        };
        match rules.tokens.owner(token) {
            Some(Operator { name, role }) => Ok(Visitor {
                name: name.clone(),
                role: *role,
                address,
                has_token: true,
            }),
            None => {
                tracing::warn!(%address, "somebody said a token that is no operator's");
                let message = "this token is no operator's";
                Err(self.turn_away(TurnedAway::WrongToken, unauthorized(message)))
            }
        }
    }

    fn check_role(&self, visitor: &Visitor, role: Role) -> Result<(), Failure> {
        if visitor.role >= role {
            return Ok(());
        }
        let name = &visitor.name;
        let message = format!("the token {name:?} may look and change nothing");
        let failure = Failure::forbidden(message)
            .with_details(json!({"operator": name, "role": visitor.role.as_str()}));
        Err(self.turn_away(TurnedAway::Role, failure))
    }

    fn turn_away(&self, why: TurnedAway, failure: Failure) -> Failure {
        self.audit.turned_away(why);
        failure
    }

    /// Keeps that somebody was not allowed to change something; nothing if nobody knows who it was.
    pub(crate) fn note_refusal(&self, head: &Parts, failure: &Failure, address: IpAddr) {
        let who = failure
            .details
            .get("operator")
            .and_then(|name| name.as_str());
        if let (Some(name), StatusCode::FORBIDDEN) = (who, failure.status) {
            let visitor = Visitor {
                name: name.to_owned(),
                role: Role::Read,
                address,
                has_token: true,
            };
            let change = visitor.change(head.method.as_str(), head.uri.path());
            let change = super::audit::ended(change, failure.status, failure.code);
            self.audit.keep(Timestamp::now(), change);
        }
    }
}

// === impl Visitor ===

impl Visitor {
    fn local(address: IpAddr) -> Self {
        Self {
            name: LOCAL.to_owned(),
            role: Role::Operate,
            address,
            has_token: false,
        }
    }
}

/// No word about where: who knows the gateway's file knows.
fn elsewhere() -> Failure {
    Failure::not_found("operators' pages are served at another address (`[operators]`)")
}

fn unauthorized(message: &str) -> Failure {
    Failure::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
}

#[cfg(test)]
#[path = "operators_tests.rs"]
mod tests;
