//! Every form in which a forbidden address can be written, and the ones that must stay open.

use proptest::prelude::*;

use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn policy(ranges: &[&str]) -> Policy {
    Policy::new(ranges.iter().map(|range| range.parse().unwrap()).collect())
}

/// The class of what is refused; public if it is not.
fn judged(text: &str) -> Class {
    match Policy::default().check(address(text)) {
        Ok(()) => Class::Public,
        Err(forbidden) => forbidden.class,
    }
}

/// `(IPv4, what it is)`; each is tried in every envelope, too.
const V4: [(&str, Class); 47] = [
    ("1.1.1.1", Class::Public),
    ("8.8.8.8", Class::Public),
    ("9.255.255.255", Class::Public),
    ("11.0.0.0", Class::Public),
    ("100.63.255.255", Class::Public),
    ("100.128.0.0", Class::Public),
    ("126.255.255.255", Class::Public),
    ("128.0.0.0", Class::Public),
    ("169.253.255.255", Class::Public),
    ("169.255.0.0", Class::Public),
    ("172.15.255.255", Class::Public),
    ("172.32.0.0", Class::Public),
    ("192.167.255.255", Class::Public),
    ("192.169.0.0", Class::Public),
    ("198.17.255.255", Class::Public),
    ("198.20.0.0", Class::Public),
    ("223.255.255.255", Class::Public),
    ("0.0.0.0", Class::Unspecified),
    ("0.1.2.3", Class::Unspecified),
    ("10.0.0.0", Class::Private),
    ("10.0.5.7", Class::Private),
    ("10.255.255.255", Class::Private),
    ("172.16.0.0", Class::Private),
    ("172.31.255.255", Class::Private),
    ("192.168.0.1", Class::Private),
    ("127.0.0.1", Class::Loopback),
    ("127.255.255.255", Class::Loopback),
    ("100.64.0.1", Class::Shared),
    ("100.127.255.255", Class::Shared),
    ("169.254.0.1", Class::LinkLocal),
    ("169.254.255.255", Class::LinkLocal),
    ("169.254.169.254", Class::Metadata),
    ("169.254.170.2", Class::Metadata),
    ("169.254.170.23", Class::Metadata),
    ("100.100.100.200", Class::Metadata),
    ("168.63.129.16", Class::Metadata),
    ("192.0.0.192", Class::Metadata),
    ("192.0.0.1", Class::Reserved),
    ("192.0.2.1", Class::Reserved),
    ("192.88.99.1", Class::Reserved),
    ("198.18.0.1", Class::Reserved),
    ("198.51.100.1", Class::Reserved),
    ("203.0.113.1", Class::Reserved),
    ("240.0.0.1", Class::Reserved),
    ("224.0.0.1", Class::Multicast),
    ("239.255.255.255", Class::Multicast),
    ("255.255.255.255", Class::Multicast),
];

const V6: [(&str, Class); 24] = [
    ("::", Class::Unspecified),
    ("::1", Class::Loopback),
    ("2606:4700::1111", Class::Public),
    ("2a00:1450:4001::200e", Class::Public),
    ("2001:4860:4860::8888", Class::Public),
    ("fc00::1", Class::Private),
    ("fdff:ffff::1", Class::Private),
    ("fec0::1", Class::Private),
    ("64:ff9b:1::808:808", Class::Private),
    ("fe80::1", Class::LinkLocal),
    ("febf::1", Class::LinkLocal),
    ("ff02::1", Class::Multicast),
    ("ff0e::1", Class::Multicast),
    ("fd00:ec2::254", Class::Metadata),
    ("fd00:ec2::23", Class::Metadata),
    ("fd20:ce::254", Class::Metadata),
    ("2001:db8::1", Class::Reserved),
    ("2001:20::1", Class::Reserved),
    ("3fff::1", Class::Reserved),
    ("100::1", Class::Reserved),
    ("4000::1", Class::Reserved),
    ("5f00::1", Class::Reserved),
    // Teredo of a public server: the client is 10.0.0.1, and then the server is.
    ("2001:0:808:808::f5ff:fffe", Class::Private),
    ("2001:0:a00:1::f7f7:f7f7", Class::Private),
];

/// Every IPv6 address that leads to an IPv4 one.
fn envelopes(v4: Ipv4Addr) -> Vec<Ipv6Addr> {
    let [high, low] = [(v4.to_bits() >> 16) as u16, v4.to_bits() as u16];
    let turned = [!high, !low];
    vec![
        v4.to_ipv6_mapped(),
        Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
        Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
        Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 0x1),
        Ipv6Addr::new(0x2001, 0, 0x808, 0x808, 0, 0, turned[0], turned[1]),
        Ipv6Addr::new(0x2001, 0, high, low, 0, 0, !0x808, !0x808),
        Ipv6Addr::new(0x2606, 0x4700, 0, 0, 0, 0x5efe, high, low),
        Ipv6Addr::new(0x2606, 0x4700, 0, 0, 0x200, 0x5efe, high, low),
    ]
}

#[test]
fn every_address_is_what_it_is() {
    for (text, class) in V4.into_iter().chain(V6) {
        assert_eq!(judged(text), class, "{text}");
    }
}

#[test]
fn an_envelope_is_what_is_in_it() {
    for (text, class) in V4 {
        let IpAddr::V4(v4) = address(text) else {
            panic!("{text} should be IPv4");
        };
        for envelope in envelopes(v4) {
            assert_eq!(judged(&envelope.to_string()), class, "{envelope} of {text}");
        }
    }
    // Without `::` and `::1`, which are addresses of their own.
    assert_eq!(judged("::7f00:1"), Class::Loopback);
    assert_eq!(judged("::a9fe:a9fe"), Class::Metadata);
    assert_eq!(judged("::8.8.8.8"), Class::Public);
}

#[test]
fn the_owner_allows_ranges_and_nothing_beside_them() {
    let lan = policy(&["10.0.5.0/24", "::1"]);
    for text in [
        "10.0.5.7",
        "::ffff:10.0.5.7",
        "64:ff9b::a00:507",
        "::1",
        "8.8.8.8",
    ] {
        assert_eq!(lan.check(address(text)), Ok(()), "{text}");
    }
    for text in [
        "10.0.6.7",
        "127.0.0.1",
        "::ffff:127.0.0.1",
        "192.168.0.1",
        "fd00::1",
    ] {
        assert!(lan.check(address(text)).is_err(), "{text}");
    }
}

#[test]
fn some_addresses_cannot_be_allowed() {
    let all = policy(&["0.0.0.0/0", "::/0"]);
    for (text, class) in V4.into_iter().chain(V6) {
        let verdict = all.check(address(text));
        assert_eq!(verdict.is_ok(), class.can_be_allowed(), "{text}");
    }
    for text in [
        "0.0.0.0",
        "169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "224.0.0.1",
        "::",
    ] {
        let forbidden = all.check(address(text)).unwrap_err();
        assert_eq!(forbidden.range(), None, "{text}");
    }
}

proptest! {
    #[test]
    fn a_private_address_is_refused_in_every_envelope(bits: u32) {
        let v4 = Ipv4Addr::from_bits(bits);
        let class = judged(&v4.to_string());
        for envelope in envelopes(v4) {
            prop_assert_eq!(judged(&envelope.to_string()), class, "{} of {}", envelope, v4);
        }
    }

    #[test]
    fn what_the_standard_library_calls_local_is_never_public(bits: u32) {
        let v4 = Ipv4Addr::from_bits(bits);
        let local = v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_multicast()
            || v4.is_broadcast() || v4.is_documentation() || v4.is_unspecified();
        prop_assert!(!(local && judged(&v4.to_string()) == Class::Public), "{}", v4);
    }

    #[test]
    fn the_advice_helps(bits: u128, v4: u32, which in 0_usize..9) {
        let all = envelopes(Ipv4Addr::from_bits(v4));
        let named = all.get(which).copied().unwrap_or(Ipv6Addr::from_bits(bits));
        if let Err(forbidden) = Policy::default().check(named.into()) {
            // A second address in the same envelope may need a second line.
            if let Some(range) = forbidden.range() {
                let allowed = policy(&[&range.to_string()]);
                let next = allowed.check(named.into());
                prop_assert_ne!(next.err().and_then(|next| next.range()), Some(range));
            }
        }
    }
}
