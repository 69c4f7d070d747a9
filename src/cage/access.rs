//! What a child may reach. Everything that is not named here is shut.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::path::PathBuf;

/// What a child may reach besides its program, fonts and the pipes that it is born with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// Files that it may read: its own source.
    pub files: Vec<PathBuf>,
    /// Whom it may talk to.
    pub network: Network,
}

/// Whom a child may talk to. It never listens for connections, and never uses sockets of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// Nobody.
    #[default]
    Nothing,
    /// Servers of the web, on any TCP port; UDP for asking names. What stands in for [`Self::Proxy`] without one.
    Web,
    /// This TCP port and nothing else, not even names: the gateway's own way out.
    Proxy(u16),
    /// Servers on this TCP port; UDP for asking names.
    Streams(u16),
    /// UDP both ways, and no TCP.
    Datagrams,
}

// === impl Access ===

impl Access {
    /// With the gateway's own way out in place of the whole web, if there is one.
    #[must_use]
    pub fn through(self, proxy: Option<u16>) -> Self {
        match (self.network, proxy) {
            (Network::Web, Some(port)) => Self {
                network: Network::Proxy(port),
                ..self
            },
            _ => self,
        }
    }
}

// === impl Network ===

impl Network {
    /// As one word of a command line; [`Self::parse`] reads it.
    pub fn word(self) -> String {
        match self {
            Self::Nothing => "nothing".into(),
            Self::Web => "web".into(),
            Self::Proxy(port) => format!("proxy:{port}"),
            Self::Streams(port) => format!("streams:{port}"),
            Self::Datagrams => "datagrams".into(),
        }
    }

    /// The reverse of [`Self::word`].
    pub fn parse(word: &str) -> Option<Self> {
        let port = |text: &str| text.parse().ok();
        match word.split_once(':') {
            None => match word {
                "nothing" => Some(Self::Nothing),
                "web" => Some(Self::Web),
                "datagrams" => Some(Self::Datagrams),
                _ => None,
            },
            Some(("proxy", text)) => port(text).map(Self::Proxy),
            Some(("streams", text)) => port(text).map(Self::Streams),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for network in [
            Network::Nothing,
            Network::Web,
            Network::Proxy(8080),
            Network::Streams(554),
            Network::Datagrams,
        ] {
            assert_eq!(Network::parse(&network.word()), Some(network));
        }
        for wrong in [
            "",
            "all",
            "proxy",
            "proxy:",
            "proxy:65536",
            "streams:x",
            "web:1",
        ] {
            assert_eq!(Network::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn only_the_web_goes_through_the_proxy() {
        let through = |network| {
            let access = Access {
                files: Vec::new(),
                network,
            };
            access.through(Some(9)).network
        };
        assert_eq!(through(Network::Web), Network::Proxy(9));
        assert_eq!(through(Network::Nothing), Network::Nothing);
        assert_eq!(through(Network::Streams(554)), Network::Streams(554));
        assert_eq!(through(Network::Datagrams), Network::Datagrams);
    }
}
