//! Ranges of addresses, as `10.0.0.0/8`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of IP addresses: all that share so many leading bits. A single address is a range, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    /// Its first address.
    first: IpAddr,
    /// How many leading bits its addresses share.
    bits: u8,
}

/// Why a text is not a range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNetwork {
    /// What stands before the slash is no address.
    #[error("is not an address")]
    Address,
    /// What stands behind the slash is no number of bits that the address has.
    #[error("has a wrong number of bits behind the slash")]
    Bits,
    /// The address has bits beyond the shared ones: probably something else was meant.
    #[error("has an address inside of the range instead of its first one")]
    Inside {
        /// The range that the address lies in.
        meant: Network,
    },
}

// === impl Network ===

impl Network {
    /// Whether the address lies in the range. An IPv4 address in IPv6 clothes is an IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && start(address, self.bits) == self.first
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidNetwork::Address)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let is_number = |bits: &&str| !bits.is_empty() && bits.bytes().all(|b| b.is_ascii_digit());
        let bits = match bits {
            None => most,
            Some(bits) => Some(bits)
                .filter(is_number)
                .and_then(|bits| bits.parse().ok())
                .filter(|bits| *bits <= most)
                .ok_or(InvalidNetwork::Bits)?,
        };
        let meant = Self {
            first: start(address, bits),
            bits,
        };
        match meant.first == address {
            true => Ok(meant),
            false => Err(InvalidNetwork::Inside { meant }),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

/// The first address that shares these leading bits.
fn start(address: IpAddr, bits: u8) -> IpAddr {
    let bits = u32::from(bits);
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            Ipv4Addr::from_bits(v4.to_bits() & mask).into()
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            Ipv6Addr::from_bits(v6.to_bits() & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn ranges_hold_their_addresses() {
        for (range, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("0.0.0.0/0", "255.1.2.3", "::1"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::/0", "fe80::1", "1.2.3.4"),
            ("192.168.1.0/24", "::ffff:192.168.1.9", "192.168.2.0"),
        ] {
            let range = network(range);
            assert!(range.contains(inside.parse().unwrap()), "{range} {inside}");
            assert!(
                !range.contains(outside.parse().unwrap()),
                "{range} {outside}"
            );
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "x", "10.0.0", "tv.example/8", "/8", "10.0.0.0/8/8"] {
            let result: Result<Network, _> = text.parse();
            assert!(result.is_err(), "{text}");
        }
        for text in [
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "::/129",
            "::/x",
            "::/999",
        ] {
            assert_eq!(text.parse::<Network>(), Err(InvalidNetwork::Bits), "{text}");
        }
        let inside = "10.1.2.3/8".parse::<Network>().unwrap_err();
        let meant = network("10.0.0.0/8");
        assert_eq!(inside, InvalidNetwork::Inside { meant });
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(bits in 0_u8..=128, address: u128) {
            let first = start(IpAddr::V6(Ipv6Addr::from_bits(address)), bits);
            let shown = Network { first, bits }.to_string();
            prop_assert_eq!(network(&shown), Network { first, bits });
        }

        #[test]
        fn any_text_is_taken_or_refused(text in "\\PC{0,40}|[0-9a-f:./]{0,30}") {
            let _: Result<Network, _> = text.parse();
        }
    }
}
