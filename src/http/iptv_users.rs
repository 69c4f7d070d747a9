//! Who uses the Xtream Codes API, and what a front end gets to see: a `[[user]]` of the configuration, or somebody
//! whose password is a token.

use std::net::{IpAddr, Ipv4Addr};

use http::StatusCode;
use http::request::Parts;

use super::State;
use super::access::{self, Peer, shown};
use super::base_url::base_url;
use super::error::Failure;
use crate::config::{ChannelSpec, Secret, UserSpec};
use crate::iptv::{Lineup, xtream};
use crate::security::{Grant, Scope};

/// For how long a user's stream may go on before it is asked for again, in seconds.
const STREAM: i64 = 24 * 3600;
/// The longest name of a user, in bytes.
const MAX_NAME: usize = 64;

/// Somebody who may use the API.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) user: UserSpec,
    /// The password is a token.
    has_token: bool,
    address: IpAddr,
}

// === impl Account ===

impl Account {
    /// Who has this name and password; `None` is nobody.
    pub(super) fn of(
        state: &State,
        (name, password): (&str, &str),
        address: IpAddr,
    ) -> Option<Self> {
        let config = state.config();
        let users = config.as_ref().map_or(&[][..], |config| &config.users);
        if let Some(user) = xtream::login(users, name, password) {
            let (user, has_token) = (user.clone(), false);
            return Some(Self {
                user,
                has_token,
                address,
            });
        }
        let is_plain =
            access::is_token(name) && name.len() <= MAX_NAME && access::is_token(password);
        if !is_plain || !state.gate.is_on() {
            return None;
        }
        state.gate.valid_until(password, address, access::now())?;
        let user = UserSpec {
            name: name.to_owned(),
            password: Secret::new(password),
        };
        Some(Self {
            user,
            has_token: true,
            address,
        })
    }

    /// The channels that it may see.
    pub(super) fn lineup(&self, state: &State) -> Lineup {
        let token = self.has_token.then(|| self.user.password.expose());
        let signs = !self.has_token && state.gate.signs();
        filtered(state, |spec| {
            signs
                || state
                    .gate
                    .shows(spec.id.as_str(), token, self.address, access::now())
        })
    }

    /// The path of a channel's stream, with what it takes to see it. A `[[user]]` gets a token of its own for that.
    pub(super) fn path(&self, state: &State, channel: &ChannelSpec, path: &str) -> String {
        if !state.gate.is_guarded(channel.id.as_str()) {
            return path.to_owned();
        }
        if self.has_token {
            return access::with_token("", self.user.password.expose()) + path;
        }
        let token = state.gate.sign(&Grant {
            channels: Scope::Only(vec![channel.id.clone()]),
            not_before: None,
            expires: access::now() + STREAM,
            network: None,
            name: Some(self.user.name.clone()),
        });
        match token {
            Some(token) => access::with_token("", &token) + path,
            // Without a key there is no token, and the channel says so itself.
            None => path.to_owned(),
        }
    }
}

/// Why somebody is nobody: the API is off, or this is no user of it.
pub(super) fn stranger(state: &State) -> Failure {
    let has_users = state
        .config()
        .is_some_and(|config| !config.users.is_empty());
    if has_users || state.gate.is_on() {
        let message = "the name or the password is wrong";
        return Failure::new(StatusCode::UNAUTHORIZED, "unauthorized", message);
    }
    let message = "there is no `[[user]]` in the configuration, so this API is switched off";
    Failure::new(StatusCode::NOT_FOUND, "no_users", message)
}

/// Where the client finds the gateway, with its token if it has shown one.
pub(super) fn own_base(state: &State, head: &Parts) -> String {
    let base = base_url(state, head);
    // What a header holds may be for something else than watching.
    let is_meant = |shown: &access::Shown<'_>| {
        access::is_token(shown.token) && (shown.is_in_url() || state.gate.knows(shown.token))
    };
    match shown(head).filter(is_meant) {
        Some(shown) if state.gate.is_on() => access::with_token(&base, shown.token),
        _ => base,
    }
}

/// The channels that a request may see.
pub(super) fn own_lineup(state: &State, head: &Parts) -> Lineup {
    let token = shown(head).map(|shown| shown.token);
    filtered(state, |spec| {
        state
            .gate
            .shows(spec.id.as_str(), token, address(head), access::now())
    })
}

/// Where a request comes from.
pub(super) fn address(head: &Parts) -> IpAddr {
    let peer = head.extensions.get::<Peer>();
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0)
}

fn filtered(state: &State, is_shown: impl Fn(&ChannelSpec) -> bool) -> Lineup {
    let lineup = Lineup::new(&state.sessions.channels());
    match state.gate.is_on() {
        true => lineup.only(is_shown),
        false => lineup,
    }
}
