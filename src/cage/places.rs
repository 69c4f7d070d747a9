//! Where a system keeps what ffmpeg needs to run: libraries, fonts, names of hosts, certificates.
//!
//! Each place is read only, and only what is there counts. Nothing under a home folder, nothing that can be written.

use super::access::Network;

/// For every child.
pub(super) const FOR_ALL: &[&str] = &[
    // Libraries.
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/local/lib",
    "/usr/local/lib64",
    "/nix/store",
    "/gnu/store",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/ld-musl-x86_64.path",
    "/etc/ld-musl-aarch64.path",
    // Fonts, and how they are found.
    "/etc/fonts",
    "/usr/share/fontconfig",
    "/usr/share/fonts",
    "/usr/share/xml/fontconfig",
    "/usr/local/share/fonts",
    "/var/cache/fontconfig",
    // The hour that a card shows.
    "/etc/localtime",
    "/usr/share/zoneinfo",
    "/usr/share/locale",
    // How many processors there are, and which.
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/dev/null",
    "/dev/random",
    "/dev/urandom",
    "/dev/zero",
];

/// For who looks up names.
const NAMES: &[&str] = &[
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
];

/// For who checks certificates. Not `/etc/ssl` as a whole: private keys are kept there too.
const CERTIFICATES: &[&str] = &[
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/etc/gnutls",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/usr/local/share/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/share/pki",
    "/usr/share/p11-kit",
    "/var/lib/ca-certificates",
];

/// What a child of this network may read besides [`FOR_ALL`].
pub(super) fn of(network: Network) -> impl Iterator<Item = &'static str> {
    let (names, certificates): (&[&str], &[&str]) = match network {
        Network::Nothing | Network::Proxy(_) => (&[], &[]),
        Network::Web | Network::Streams(_) => (NAMES, CERTIFICATES),
        Network::Datagrams => (NAMES, &[]),
    };
    names.iter().chain(certificates).copied()
}

/// What a child keeps of the gateway's environment: what its libraries ask for, and nothing of the gateway's own.
pub(super) fn is_harmless(variable: &str) -> bool {
    const NAMES: &[&str] = &[
        "LANG",
        "LANGUAGE",
        "LD_LIBRARY_PATH",
        "PATH",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TZ",
        "TZDIR",
    ];
    // Not `https_proxy` and the like: ffmpeg knows these two only.
    const PROXIES: &[&str] = &["http_proxy", "no_proxy"];
    const BEGINNINGS: &[&str] = &["AV_", "FONTCONFIG_", "LC_", "MALLOC_"];
    NAMES.contains(&variable)
        || PROXIES.contains(&variable)
        || BEGINNINGS
            .iter()
            .any(|beginning| variable.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_private_is_a_place() {
        let networks = [Network::Nothing, Network::Web, Network::Proxy(1)];
        let more = networks.into_iter().flat_map(of);
        for place in FOR_ALL.iter().copied().chain(more) {
            assert!(place.starts_with('/') && place != "/", "{place}");
            for private in [
                "/etc", "/etc/ssl", "/home", "/root", "/tmp", "/proc", "/run", "/dev", "/var",
            ] {
                assert_ne!(place, private);
            }
        }
        assert_eq!(
            of(Network::Proxy(1)).count(),
            0,
            "no names, no certificates"
        );
    }

    #[test]
    fn secrets_of_the_environment_stay_behind() {
        for name in ["PATH", "LC_ALL", "TZ", "AV_LOG_FORCE_NOCOLOR"] {
            assert!(is_harmless(name), "{name}");
        }
        for name in [
            "HEADGATE_TOKEN",
            "HOME",
            "AWS_SECRET_ACCESS_KEY",
            "PATHS",
            "HTTPS_PROXY",
        ] {
            assert!(!is_harmless(name), "{name}");
        }
    }
}
