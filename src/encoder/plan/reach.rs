//! What an encoder may reach, by its source.

use crate::cage::access::{Access, Network};
use crate::config::SourceKind;

/// The least that this source can be read with.
pub fn access(source: &SourceKind) -> Access {
    match source {
        SourceKind::TestCard | SourceKind::Slate { .. } => Access::default(),
        SourceKind::File { path } => Access {
            files: vec![path.clone()],
            network: Network::Nothing,
        },
        SourceKind::Live { url } => Access {
            files: Vec::new(),
            network: network(url),
        },
    }
}

fn network(url: &str) -> Network {
    let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
    let usual = match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => return Network::Web,
        "srt" | "udp" | "rtp" => return Network::Datagrams,
        "rtsps" => 322,
        "rtmp" => 1935,
        "rtmps" => 443,
        _ => 554,
    };
    Network::Streams(port(rest).unwrap_or(usual))
}

/// Of what stands behind `://`.
fn port(rest: &str) -> Option<u16> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = rest[..end].rsplit('@').next()?;
    let (_, port) = authority.rsplit_once(':')?;
    port.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_reaches_what_it_needs() {
        let live = |url: &str| access(&SourceKind::Live { url: url.into() }).network;
        assert_eq!(access(&SourceKind::TestCard), Access::default());
        let slate = SourceKind::Slate { text: "x".into() };
        assert_eq!(access(&slate), Access::default());
        let path = std::path::PathBuf::from("a.mp4");
        let file = access(&SourceKind::File { path: path.clone() });
        assert_eq!((file.files, file.network), (vec![path], Network::Nothing));
        for (url, network) in [
            ("http://a/b.m3u8", Network::Web),
            ("HTTPS://a:8443/", Network::Web),
            ("rtsp://cam/1", Network::Streams(554)),
            ("rtsp://u:1@cam:8554/1", Network::Streams(8554)),
            ("rtsp://u:22@cam/1:9", Network::Streams(554)),
            ("rtsps://cam", Network::Streams(322)),
            ("rtsp://[::1]:99?x", Network::Streams(99)),
            ("rtsp://[2001:db8::2]/", Network::Streams(554)),
            ("rtmp://a/b", Network::Streams(1935)),
            ("rtmps://a/b", Network::Streams(443)),
            ("srt://a:1", Network::Datagrams),
            ("udp://239.0.0.1:1234", Network::Datagrams),
            ("rtp://a:1", Network::Datagrams),
        ] {
            assert_eq!(live(url), network, "{url}");
        }
    }
}
