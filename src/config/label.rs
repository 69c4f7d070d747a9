//! How a source is called without giving its credentials away.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;

use super::address::check_authority;
use super::model::{SourceKind, SourceSpec};
use super::source::PROTOCOLS;

/// What a label may show of a path: nobody's password is one of these.
const EXTENSIONS: [&str; 12] = [
    "m3u8", "ts", "m2ts", "mp4", "mkv", "mpd", "flv", "webm", "mov", "aac", "mp3", "sdp",
];

// === impl SourceSpec ===

impl SourceSpec {
    /// How people call the source: its name, or what [`SourceKind::label`] shows. Never credentials.
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.kind.label())
    }
}

// === impl SourceKind ===

impl SourceKind {
    /// What it is, for people: `testcard:`, `slate:Back soon`, a file's name, or a URL's scheme, host and usual
    /// extension. User names, passwords, paths and queries are left out, since any of them may open the source.
    pub fn label(&self) -> String {
        match self {
            Self::TestCard => "testcard:".to_owned(),
            Self::Slate { text } => format!("slate:{text}"),
            Self::File { path } => match path.file_name() {
                Some(name) => name.to_string_lossy().into_owned(),
                None => "file".to_owned(),
            },
            Self::Live { url } => mask_url(url).unwrap_or_else(|| "live source".to_owned()),
        }
    }
}

/// Text that may not be a URL gives `None`: then nothing of it is fit to be shown.
pub(super) fn mask_url(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    PROTOCOLS.contains(&scheme).then_some(())?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    check_authority(host).ok()?;
    // `http://joe:12/3@host/`: a slash in a password makes its beginning look like the host.
    if user.is_empty() && host.contains(':') && tail.contains('@') {
        return Some(format!("{scheme}://…"));
    }
    let path = &tail[..tail.find(['?', '#']).unwrap_or(tail.len())];
    let extension = path
        .rsplit('/')
        .next()
        .and_then(|name| name.rsplit_once('.'))
        .and_then(|(_, extension)| EXTENSIONS.into_iter().find(|known| *known == extension));
    Some(match (extension, tail) {
        (Some(extension), _) => format!("{scheme}://{host}/….{extension}"),
        (None, "" | "/") => format!("{scheme}://{host}"),
        (None, _) => format!("{scheme}://{host}/…"),
    })
}

/// Written by hand: a `Debug` that shows the URL ends up in a log.
impl fmt::Debug for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TestCard => f.write_str("TestCard"),
            Self::Slate { text } => f.debug_struct("Slate").field("text", text).finish(),
            Self::File { path } => f.debug_struct("File").field("path", path).finish(),
            Self::Live { .. } => f.debug_struct("Live").field("url", &self.label()).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::config::source::parse;

    fn live_spec(url: String) -> SourceSpec {
        SourceSpec::new(SourceKind::Live { url })
    }

    #[test]
    fn labels_say_what_it_is() {
        for (text, label) in [
            ("testcard:", "testcard:"),
            ("slate:Back soon", "slate:Back soon"),
            ("media/loop.mp4", "loop.mp4"),
            ("file:/srv/12:30.mp4", "12:30.mp4"),
            (
                "https://tv.example/a/live.m3u8?token=x",
                "https://tv.example/….m3u8",
            ),
            (
                "HTTP://joe:pw@tv.example:8080/joe/pw/17.ts",
                "http://tv.example:8080/….ts",
            ),
            ("rtmp://tv.example/app/key", "rtmp://tv.example/…"),
            ("udp://@239.0.0.1:1234", "udp://239.0.0.1:1234"),
            (
                "srt://[2001:db8::1]:9000?passphrase=x",
                "srt://[2001:db8::1]:9000/…",
            ),
        ] {
            let kind = parse(text, Path::new("/etc/headgate")).unwrap();
            assert_eq!(kind.label(), label);
            assert_eq!(
                SourceSpec {
                    name: Some("mine".into()),
                    ..SourceSpec::new(kind)
                }
                .label(),
                "mine"
            );
        }
    }

    #[test]
    fn a_secret_anywhere_is_not_shown() {
        for url in [
            "http://SECRET@h/1.ts",
            "http://joe:SECRET@h/1.ts",
            "http://SECRET:pw@h:80/live.m3u8",
            "http://h/SECRET/pw/1.ts",
            "http://h:8080/live/joe/SECRET/1.ts",
            "http://h/joe/SECRET.m3u8",
            "http://h/joe/1.SECRET",
            "http://h/SECRET",
            "http://h/1.ts?token=SECRET",
            "http://h?SECRET",
            "http://h/#SECRET",
            "http://joe:12/SECRET@h/1.ts",
            "http://joe:SECRET/12@h/1.ts",
            "srt://h:1?passphrase=SECRET&streamid=SECRET",
            "rtmp://h/app/SECRET",
            "rtsp://joe:a@SECRET@h/1",
            "odd:SECRET@h",
            "SECRET",
        ] {
            let spec = live_spec(url.replace("SECRET", "s3cr3t"));
            let shown = format!("{} {:?} {:?}", spec.label(), spec, spec.kind);
            assert!(!shown.contains("s3cr3t"), "{shown}");
        }
    }

    proptest! {
        #[test]
        fn a_label_never_shows_a_password(password in "[A-Z]{6}", path in "[a-z/.?]{0,20}") {
            let url = format!("http://joe:{password}@h/{path}{password}/{password}.ts?{password}");
            prop_assert!(!live_spec(url).label().contains(&password));
        }
    }
}
