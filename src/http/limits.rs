//! What one client, and all of them, may take.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::config::{EdgeLimits, ServerConfig};

/// The limits of the edge. The defaults are those of production; tests shorten them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections in all.
    pub max_connections: usize,
    /// Connections from one address (a /64 counts as one in IPv6).
    pub max_connections_per_address: usize,
    /// From accept, or from the first byte of a later request, to the end of the request's header.
    pub header_timeout: Duration,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// From the end of a request's header to the end of its body.
    pub body_timeout: Duration,
    /// How long a connection may have no request.
    pub idle_timeout: Duration,
    /// How long a client may take no byte of what it asked for.
    pub write_timeout: Duration,
    /// How long a client may take for one whole answer; streams without an end are not meant.
    pub answer_timeout: Duration,
    /// How long requests may take to end when the gateway stops.
    pub drain_timeout: Duration,
    /// The size of a request's header, bytes.
    pub max_header_bytes: u32,
    /// The number of header fields.
    pub max_headers: usize,
    /// The size of a request's body where one is allowed, bytes.
    pub max_body_bytes: u64,
    /// Requests at a time on one HTTP/2 connection. Each rendition that is watched parks one or two blocking
    /// reloads, and a proxy in front carries many viewers over one connection, so this is wide.
    pub http2_streams: u32,
    /// File descriptors that no viewer gets: encoders and operators need some to be served at all.
    pub reserved_descriptors: u64,
}

/// Counts connections against the limits.
#[derive(Debug)]
pub(crate) struct Admission {
    max: usize,
    max_per_address: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One admitted connection; dropping it makes room.
#[derive(Debug)]
pub(crate) struct Admitted {
    admission: Arc<Admission>,
    /// Whose share it is; of a proxy, which asks for many, nobody's.
    address: Option<IpAddr>,
}

/// Why a connection is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoRoom {
    #[error("the gateway has as many connections as it may have; try again later")]
    InAll,
    #[error("too many connections from this address; close some, or use HTTP/2")]
    FromAddress,
    #[error(
        "the gateway has hardly any file descriptors left, and keeps those for channels; try again later"
    )]
    Descriptors,
}

/// The file descriptors of the process, of which viewers do not get the last ones.
#[derive(Debug)]
pub(crate) struct Descriptors {
    /// The kernel gives out the lowest number that is free, so one from here on says that those below are taken.
    first_reserved: u64,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_connections_per_address: 64,
            handshake_timeout: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(8),
            ..Self::from(&EdgeLimits::default())
        }
    }
}

impl From<&EdgeLimits> for Limits {
    fn from(edge: &EdgeLimits) -> Self {
        let whole = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            max_connections: 10_000,
            max_connections_per_address: 64,
            header_timeout: edge.header_timeout,
            handshake_timeout: Duration::from_secs(5),
            body_timeout: edge.body_timeout,
            idle_timeout: edge.idle_timeout,
            write_timeout: edge.write_timeout,
            answer_timeout: edge.answer_timeout,
            drain_timeout: Duration::from_secs(8),
            max_header_bytes: whole(edge.max_header_bytes),
            max_headers: edge.max_headers,
            max_body_bytes: edge.max_body_bytes as u64,
            http2_streams: whole(edge.http2_streams),
            reserved_descriptors: edge.reserved_descriptors as u64,
        }
    }
}

impl From<&ServerConfig> for Limits {
    /// The configured numbers; everything else as by default.
    fn from(config: &ServerConfig) -> Self {
        Self {
            max_connections: config.max_connections,
            max_connections_per_address: config.max_connections_per_address,
            ..Self::from(&config.limits.edge)
        }
    }
}

// === impl NoRoom ===

impl NoRoom {
    /// For programs; stable.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::InAll | Self::FromAddress => "too_many_connections",
            Self::Descriptors => "out_of_descriptors",
        }
    }
}

// === impl Descriptors ===

impl Descriptors {
    /// Keeps so many of those that the process may have; a quarter of them if they are few.
    pub(crate) fn new(reserved: u64) -> Self {
        let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let most = most.unwrap_or(u64::MAX);
        Self {
            first_reserved: most - reserved.min(most / 4),
        }
    }

    /// Whether enough are left with this one taken.
    pub(crate) fn leave_room(&self, accepted: &impl AsRawFd) -> bool {
        u64::try_from(accepted.as_raw_fd()).is_ok_and(|number| number < self.first_reserved)
    }
}

// === impl Admission ===

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            max: limits.max_connections,
            max_per_address: limits.max_connections_per_address,
            open: Mutex::default(),
        }
    }

    /// Counts a connection of a trusted proxy in, if there is room.
    pub(crate) fn admit_proxy(self: &Arc<Self>) -> Result<Admitted, NoRoom> {
        let mut open = self.open.lock();
        if open.all >= self.max {
            return Err(NoRoom::InAll);
        }
        open.all += 1;
        Ok(Admitted {
            admission: self.clone(),
            address: None,
        })
    }

    /// Counts a connection in, if there is room.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Admitted, NoRoom> {
        let address = network(address);
        let mut open = self.open.lock();
        if open.all >= self.max {
            return Err(NoRoom::InAll);
        }
        let from_address = open.by_address.entry(address).or_default();
        if *from_address >= self.max_per_address {
            return Err(NoRoom::FromAddress);
        }
        *from_address += 1;
        open.all += 1;
        Ok(Admitted {
            admission: self.clone(),
            address: Some(address),
        })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut open = self.admission.open.lock();
        open.all -= 1;
        let Some(address) = self.address else {
            return;
        };
        if let Some(count) = open.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&address);
            }
        }
    }
}

/// What counts as one address: a host in IPv4, a /64 in IPv6 (a single customer has all of it).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(all: usize, per_address: usize) -> Arc<Admission> {
        Arc::new(Admission::new(&Limits {
            max_connections: all,
            max_connections_per_address: per_address,
            ..Limits::default()
        }))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn room_is_counted_per_address_and_in_all() {
        let admission = admission(3, 2);
        let first = admission.admit(ip("10.0.0.1")).unwrap();
        let _second = admission.admit(ip("10.0.0.1")).unwrap();
        let refused = admission.admit(ip("10.0.0.1")).err();
        assert_eq!(refused, Some(NoRoom::FromAddress));
        let _third = admission.admit(ip("10.0.0.2")).unwrap();
        assert_eq!(admission.admit(ip("10.0.0.3")).err(), Some(NoRoom::InAll));
        drop(first);
        assert!(admission.admit(ip("10.0.0.1")).is_ok());
    }

    #[test]
    fn a_v6_network_is_one_address_and_a_mapped_v4_address_is_itself() {
        let admission = admission(9, 1);
        let _one = admission.admit(ip("2001:db8::1")).unwrap();
        assert!(admission.admit(ip("2001:db8::ffff:2")).is_err());
        assert!(admission.admit(ip("2001:db8:0:1::1")).is_ok());
        let _two = admission.admit(ip("::ffff:10.0.0.1")).unwrap();
        assert!(admission.admit(ip("10.0.0.1")).is_err());
        assert!(admission.admit(ip("10.0.0.2")).is_ok());
    }

    #[test]
    fn a_proxy_takes_nobodys_share() {
        let admission = admission(3, 1);
        let _proxied = [
            admission.admit_proxy().unwrap(),
            admission.admit_proxy().unwrap(),
        ];
        let own = admission.admit(ip("10.0.0.1")).unwrap();
        assert_eq!(admission.admit_proxy().err(), Some(NoRoom::InAll));
        drop(own);
        assert!(admission.admit_proxy().is_ok());
    }

    #[test]
    fn addresses_that_left_are_forgotten() {
        let admission = admission(9, 1);
        drop(admission.admit(ip("10.0.0.1")));
        assert!(admission.open.lock().by_address.is_empty());
        assert_eq!(admission.open.lock().all, 0);
    }
}
