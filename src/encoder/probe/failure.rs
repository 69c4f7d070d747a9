//! Why a source could not be opened, for people.

use std::time::Duration;

use crate::encoder::finish::Finished;
use crate::encoder::process::SpawnError;

/// Why nothing is known about a source. Labels and texts hold no credentials.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProbeError {
    /// ffmpeg did not start.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// It did not deliver in time.
    #[error(
        "{source_label} did not deliver within {:.1} s{said}; check that its server sends, or raise start_timeout",
        after.as_secs_f64()
    )]
    TimedOut {
        /// The source.
        source_label: String,
        /// How long was waited.
        after: Duration,
        /// ffmpeg's last words in brackets, if it had any.
        said: String,
    },
    /// No such file, or 404.
    #[error("{source_label} was not found: check the path or the address")]
    NotFound {
        /// The source.
        source_label: String,
    },
    /// The host's name does not resolve.
    #[error(
        "the host of {source_label} is not known: check its name, and that this machine can resolve it"
    )]
    UnknownHost {
        /// The source.
        source_label: String,
    },
    /// Nobody listens there, or no way leads there.
    #[error(
        "{source_label} refused the connection: check that the server runs and that the port is right"
    )]
    Refused {
        /// The source.
        source_label: String,
    },
    /// It wants other credentials, or the file may not be read.
    #[error("{source_label} denied access: check user, password, token or file permissions")]
    Denied {
        /// The source.
        source_label: String,
    },
    /// Its address, or one that it leads to, is not one to fetch from.
    #[error("{source_label}: {said}")]
    Forbidden {
        /// The source.
        source_label: String,
        /// The address, what it is, and the line that allows it.
        said: String,
    },
    /// It delivers something else.
    #[error("{source_label} is not media that ffmpeg can read")]
    NotMedia {
        /// The source.
        source_label: String,
    },
    /// It has no pictures.
    #[error("{source_label} has no video; Headgate does not play sound alone yet")]
    NoVideo {
        /// The source.
        source_label: String,
    },
    /// It has pictures, and none that a player could begin with.
    #[error(
        "{source_label} has video, but no key frame came within {:.1} s: let its encoder send one every few seconds",
        after.as_secs_f64()
    )]
    NoKeyFrame {
        /// The source.
        source_label: String,
        /// How long was waited.
        after: Duration,
    },
    /// Something else, in ffmpeg's words.
    #[error("{source_label} cannot be opened: {said}")]
    Other {
        /// The source.
        source_label: String,
        /// ffmpeg's last words.
        said: String,
    },
}

/// Makes the error from the source's label.
type Meaning = fn(String) -> ProbeError;

/// How ffmpeg quotes the status of an answer.
const HTTP_ERROR: &str = "HTTP error ";

/// How the gateway's way out begins its refusal of an address.
const FORBIDDEN: &str = "nothing is fetched from ";

/// What ffmpeg writes, and what it means.
const MEANINGS: [(&str, Meaning); 17] = [
    ("Failed to resolve hostname", unknown_host),
    ("Name or service not known", unknown_host),
    ("No such file or directory", not_found),
    ("404 Not Found", not_found),
    ("410 Gone", not_found),
    ("451 Not found", not_found),
    ("Connection refused", refused),
    ("No route to host", refused),
    ("Network is unreachable", refused),
    ("401 Unauthorized", denied),
    ("403 Forbidden", denied),
    ("authorization failed", denied),
    ("Permission denied", denied),
    ("Operation not permitted", denied),
    ("Invalid data found", not_media),
    ("moov atom not found", not_media),
    ("Is a directory", not_media),
];

/// What a run means that found nothing.
pub(super) fn explain(source_label: String, finished: &Finished) -> ProbeError {
    let said = |text: &str| finished.lines.iter().any(|line| line.contains(text));
    if finished.status.is_none() || said("Connection timed out") || said("Operation timed out") {
        let after = finished.took;
        let said = finished.lines.last().map(|line| format!(" ({line})"));
        return ProbeError::TimedOut {
            source_label,
            after,
            said: said.unwrap_or_default(),
        };
    }
    if let Some(said) = finished.lines.iter().find_map(|line| forbidden(line)) {
        return ProbeError::Forbidden { source_label, said };
    }
    if let Some((_, meaning)) = MEANINGS.iter().find(|(text, _)| said(text)) {
        return meaning(source_label);
    }
    // What a server, or the gateway in its place, has said tells more than what ffmpeg makes of it.
    let answer = finished.lines.iter().find_map(|line| {
        let at = line.find(HTTP_ERROR)?;
        Some(line[at..].to_owned())
    });
    let said = answer.or_else(|| finished.lines.last().cloned());
    let said = said.unwrap_or_else(|| "ffmpeg did not say why".into());
    ProbeError::Other { source_label, said }
}

/// What the gateway's way out said to ffmpeg, without what ffmpeg has put before it.
fn forbidden(line: &str) -> Option<String> {
    let at = line.find(FORBIDDEN)?;
    Some(line[at..].to_owned())
}

fn unknown_host(source_label: String) -> ProbeError {
    ProbeError::UnknownHost { source_label }
}

fn not_found(source_label: String) -> ProbeError {
    ProbeError::NotFound { source_label }
}

fn refused(source_label: String) -> ProbeError {
    ProbeError::Refused { source_label }
}

fn denied(source_label: String) -> ProbeError {
    ProbeError::Denied { source_label }
}

fn not_media(source_label: String) -> ProbeError {
    ProbeError::NotMedia { source_label }
}
