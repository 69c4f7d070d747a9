//! Whom a request comes from when proxies stand in between (RFC 7239, and the X-Forwarded- fields of before).
//!
//! Only proxies that the configuration names are believed. Each one adds a hop at the right end, so that hops are read
//! from there: the first one that is no trusted proxy is the viewer, and what stands left of it is what the viewer
//! says about itself, which is nothing.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use http::header::{self, HeaderMap, HeaderName};

use super::operators::Audience;
use crate::base::Network;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// More hops than any viewer has; who writes more is read no further.
const MAX_HOPS: usize = 32;

/// Who holds the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    /// It speaks TLS with the gateway.
    pub(crate) is_secure: bool,
    /// What it says about whom it asks for is believed.
    pub(crate) is_proxy: bool,
    /// Who is served where it came in.
    pub(crate) audience: Audience,
}

/// Proxies that are believed.
#[derive(Debug, Default)]
pub(crate) struct Proxies(Vec<Network>);

/// By what URL the viewer asked, as far as a trusted proxy or the connection tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// https, and so nobody in between can have changed the name of the host.
    pub(crate) is_secure: bool,
    /// The host and maybe its port.
    pub(crate) host: Option<String>,
}

/// One hop, as the proxy behind it tells.
#[derive(Debug, Default, PartialEq, Eq)]
struct Hop<'a> {
    /// Nothing if the proxy does not tell.
    address: Option<IpAddr>,
    proto: Option<Cow<'a, str>>,
    host: Option<Cow<'a, str>>,
}

// === impl Proxies ===

impl Proxies {
    pub(crate) fn new(networks: Vec<Network>) -> Self {
        Self(networks)
    }

    /// Whether what comes from this address is believed.
    pub(crate) fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// The viewer's address behind a proxy.
    pub(crate) fn viewer(&self, client: Client, headers: &HeaderMap) -> IpAddr {
        self.walk(client.address, headers).0
    }

    /// By what URL the viewer asked.
    pub(crate) fn asked(&self, client: Client, headers: &HeaderMap) -> Asked {
        if !client.is_proxy {
            return Asked {
                is_secure: client.is_secure,
                host: None,
            };
        }
        let (_, hop) = self.walk(client.address, headers);
        let told = hop.unwrap_or_default();
        let last = |name| last_item(headers, &name).map(Cow::Borrowed);
        let proto = told.proto.or_else(|| last(X_FORWARDED_PROTO));
        let host = told.host.or_else(|| last(X_FORWARDED_HOST));
        Asked {
            is_secure: proto.map_or(client.is_secure, |p| p.eq_ignore_ascii_case("https")),
            host: host.map(Cow::into_owned),
        }
    }

    /// The first address that is no trusted proxy, and what was told with it.
    fn walk<'h>(&self, peer: IpAddr, headers: &'h HeaderMap) -> (IpAddr, Option<Hop<'h>>) {
        let mut nearest = peer;
        let mut told = None;
        for hop in hops(headers).take(MAX_HOPS) {
            let address = hop.address;
            told = Some(hop);
            match address {
                Some(address) => nearest = address.to_canonical(),
                // A proxy that hides whom it asks for is as far as anybody can see.
                None => break,
            }
            if !self.trust(nearest) {
                break;
            }
        }
        (nearest, told)
    }
}

/// All hops, the nearest first. `Forwarded` counts only where there is no `X-Forwarded-For`: nearly all proxies append to
/// the latter, and pass a `Forwarded` that a viewer made up on as it is.
fn hops<'h>(headers: &'h HeaderMap) -> Box<dyn Iterator<Item = Hop<'h>> + 'h> {
    if !headers.contains_key(X_FORWARDED_FOR) {
        return Box::new(items(headers, header::FORWARDED, quoted).map(forwarded));
    }
    // Nothing is quoted here: a quote of a viewer must not swallow what a proxy appends.
    let plain = |field: &'h str| field.split(',').map(str::trim).collect();
    Box::new(items(headers, X_FORWARDED_FOR, plain).map(|item| Hop {
        address: node(item),
        ..Hop::default()
    }))
}

fn quoted(field: &str) -> Vec<&str> {
    split(field, ',')
}

/// The items of a list over all fields of the name, the last one first.
fn items<'h>(
    headers: &'h HeaderMap,
    name: HeaderName,
    divide: impl Fn(&'h str) -> Vec<&'h str>,
) -> impl Iterator<Item = &'h str> {
    let fields: Vec<&str> = headers
        .get_all(name)
        .iter()
        // A field that is no text is one hop that tells nothing.
        .map(|field| field.to_str().unwrap_or(""))
        .collect();
    fields
        .into_iter()
        .rev()
        .flat_map(move |field| divide(field).into_iter().rev())
}

fn last_item<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let field = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    field.rsplit(',').next().map(str::trim)
}

/// Splits at a character that is not in quotes. A quote that nothing closes means nothing: a viewer's would swallow what
/// a proxy appends.
fn split(text: &str, at: char) -> Vec<&str> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (index, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if c == at && !quoted => {
                pieces.push(text[start..index].trim());
                start = index + c.len_utf8();
            }
            _ => {}
        }
    }
    if quoted {
        return text.split(at).map(str::trim).collect();
    }
    pieces.push(text[start..].trim());
    pieces
}

/// One element of `Forwarded`.
fn forwarded(element: &str) -> Hop<'_> {
    let mut hop = Hop::default();
    for pair in split(element, ';') {
        let Some((name, value)) = pair.split_once('=') else {
            continue;
        };
        let value = unquoted(value.trim());
        match name.trim().to_ascii_lowercase().as_str() {
            "for" => hop.address = node(&value),
            "proto" => hop.proto = Some(value),
            "host" => hop.host = Some(value),
            _ => {}
        }
    }
    hop
}

fn unquoted(value: &str) -> Cow<'_, str> {
    let inner = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match inner {
        Some(inner) if inner.contains('\\') => {
            let mut escaped = false;
            let kept = inner.chars().filter(|c| {
                escaped = *c == '\\' && !escaped;
                !escaped
            });
            Cow::Owned(kept.collect())
        }
        Some(inner) => Cow::Borrowed(inner),
        None => Cow::Borrowed(value),
    }
}

/// An address, with or without a port; `unknown` and made-up names are none.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    bare.unwrap_or(text)
        .parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

#[cfg(test)]
#[path = "proxies_tests.rs"]
mod tests;
