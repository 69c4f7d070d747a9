//! Which addresses the gateway fetches from on a stranger's word. Pure: an address and a list in, a verdict out.
//!
//! An IPv6 address can be the envelope of an IPv4 one, and a translator on the way opens it. So what is judged is
//! what an address leads to, in every form in which it can be written.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::base::Network;

/// What an address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// A host of the internet.
    Public,
    /// This machine.
    Loopback,
    /// A local network: RFC 1918, unique local, site-local.
    Private,
    /// Between a provider and its customers (RFC 6598).
    Shared,
    /// The same cable.
    LinkLocal,
    /// Documentation, benchmarks, future use: no host of the internet has one.
    Reserved,
    /// Where clouds give out the credentials of a machine.
    Metadata,
    /// No address; many systems take it for this machine.
    Unspecified,
    /// A group, or everybody.
    Multicast,
}

/// The classes, for tables of counters.
pub const CLASSES: [Class; 9] = [
    Class::Public,
    Class::Loopback,
    Class::Private,
    Class::Shared,
    Class::LinkLocal,
    Class::Reserved,
    Class::Metadata,
    Class::Unspecified,
    Class::Multicast,
];

/// What the owner of this machine allows beyond the internet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    allowed: Vec<Network>,
}

/// An address that nothing is fetched from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forbidden {
    /// As it was named.
    pub address: IpAddr,
    /// What it is, or what the worst of the addresses in it is.
    pub class: Class,
}

/// Addresses that give out credentials, each of one cloud or more.
const METADATA_V4: [Ipv4Addr; 6] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254),
];

// === impl Class ===

impl Class {
    /// In labels of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::Shared => "shared",
            Self::LinkLocal => "link_local",
            Self::Reserved => "reserved",
            Self::Metadata => "metadata",
            Self::Unspecified => "unspecified",
            Self::Multicast => "multicast",
        }
    }

    /// Whether `allow_private` may name it. No source of media has one of the others.
    pub fn can_be_allowed(self) -> bool {
        !matches!(self, Self::Metadata | Self::Unspecified | Self::Multicast)
    }
}

impl fmt::Display for Class {
    /// With its article.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "a public address",
            Self::Loopback => "this machine itself",
            Self::Private => "a private address",
            Self::Shared => "an address of the provider's own network",
            Self::LinkLocal => "a link-local address",
            Self::Reserved => "a reserved address",
            Self::Metadata => "a cloud's metadata address",
            Self::Unspecified => "no address of a host",
            Self::Multicast => "an address of many hosts",
        })
    }
}

// === impl Policy ===

impl Policy {
    /// The internet, and these ranges.
    pub fn new(allowed: Vec<Network>) -> Self {
        Self { allowed }
    }

    /// Whether something may be fetched from there.
    ///
    /// # Errors
    /// [`Forbidden`] when the address, or one that it is the envelope of, is not of the internet and not allowed.
    pub fn check(&self, address: IpAddr) -> Result<(), Forbidden> {
        let forbidden = |class| Forbidden { address, class };
        for leads_to in destinations(address) {
            let class = classify(leads_to);
            let is_named = || self.allowed.iter().any(|range| range.contains(leads_to));
            match class {
                Class::Public => {}
                class if class.can_be_allowed() && is_named() => {}
                class => return Err(forbidden(class)),
            }
        }
        Ok(())
    }
}

// === impl Forbidden ===

impl Forbidden {
    /// What to write into `allow_private`; `None` if nothing would help.
    pub fn range(&self) -> Option<IpAddr> {
        let named = destinations(self.address)
            .into_iter()
            .find(|leads_to| classify(*leads_to) == self.class);
        named.filter(|_| self.class.can_be_allowed())
    }
}

/// The addresses that a packet to this one may be for: itself, or what it is an envelope of.
fn destinations(address: IpAddr) -> Vec<IpAddr> {
    let v6 = match address.to_canonical() {
        IpAddr::V4(v4) => return vec![v4.into()],
        IpAddr::V6(v6) => v6,
    };
    let groups = v6.segments();
    let low = Ipv4Addr::from_bits(u32::from(groups[6]) << 16 | u32::from(groups[7]));
    match groups {
        // `::` and `::1` are what they are.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => vec![v6.into()],
        // "IPv4-compatible" (RFC 4291), IPv4-translated (RFC 2765), and the well-known prefix of NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
            vec![low.into()]
        }
        // 6to4 (RFC 3056).
        [0x2002, high, middle, ..] => {
            vec![Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(middle)).into()]
        }
        // Teredo (RFC 4380): its server, and the client with every bit turned.
        [0x2001, 0, high, middle, ..] => {
            let server = Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(middle));
            vec![server.into(), Ipv4Addr::from_bits(!low.to_bits()).into()]
        }
        // ISATAP (RFC 5214).
        [.., 0 | 0x0200, 0x5efe, _, _] => vec![v6.into(), low.into()],
        _ => vec![v6.into()],
    }
}

/// What an address that is no envelope is for.
fn classify(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(v4) => classify_v4(v4),
        IpAddr::V6(v6) => classify_v6(v6),
    }
}

fn classify_v4(address: Ipv4Addr) -> Class {
    match address.octets() {
        _ if METADATA_V4.contains(&address) => Class::Metadata,
        [0, ..] => Class::Unspecified,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Class::Private,
        [127, ..] => Class::Loopback,
        [100, 64..=127, ..] => Class::Shared,
        [169, 254, ..] => Class::LinkLocal,
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18 | 19, ..] => Class::Reserved,
        [198, 51, 100, _] | [203, 0, 113, _] => Class::Reserved,
        [224..=239, ..] | [255, 255, 255, 255] => Class::Multicast,
        [240..=255, ..] => Class::Reserved,
        _ => Class::Public,
    }
}

fn classify_v6(address: Ipv6Addr) -> Class {
    match address.segments() {
        _ if METADATA_V6.contains(&address) => Class::Metadata,
        [0, 0, 0, 0, 0, 0, 0, 0] => Class::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Class::Loopback,
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Class::Private,
        // A network's own translator (RFC 8215): where it leads only that network knows.
        [0x64, 0xff9b, 1, ..] => Class::Private,
        [0xfe80..=0xfebf, ..] => Class::LinkLocal,
        [0xff00..=0xffff, ..] => Class::Multicast,
        // Protocol assignments, documentation.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Class::Reserved,
        [0x2000..=0x3fff, ..] => Class::Public,
        _ => Class::Reserved,
    }
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
