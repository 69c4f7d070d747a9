//! The small commands: they ask one thing, and answer with text for people.

mod explain;
pub mod import;
mod token;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http::Uri;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::Surroundings;
use crate::base::Network;
use crate::config::{CageMode, Config, SourceKind, SourceSpec};
use crate::egress::Egress;
use crate::encoder::{Argument, Cage, Capabilities, Launcher, probe};

pub use explain::{explain, url_of};
pub use token::token;

/// How long a source has to say what it is.
const PROBE_DEADLINE: Duration = Duration::from_secs(20);

/// How long a gateway has to say that it is alive.
const HEALTH_DEADLINE: Duration = Duration::from_secs(3);

/// `headgate probe SOURCE`: what a source is, how long it took to know, and the ladder that it would get.
///
/// # Errors
/// A sentence for people.
pub async fn probe(surroundings: &Surroundings, source: &str) -> Result<String, String> {
    let source = SourceSpec::parse(source)?;
    let ffmpeg = surroundings.find_ffmpeg(None)().map_err(|error| error.to_string())?;
    // Whatever the source turns out to be, it is decoded; and a host without the means decodes it all the same.
    let cage = Cage::new(CageMode::Auto, None);
    let launcher = Launcher::new(surroundings.launch_program.clone(), ffmpeg).caged(cage);
    let capabilities = Capabilities::probe(&launcher)
        .await
        .map_err(|error| error.to_string())?;
    let egress = Egress::new(named_by_hand(&source).await);
    let lease = egress
        .lease(&source)
        .await
        .map_err(|error| error.to_string())?;
    let launcher = launcher.through(lease);
    let report = probe::probe(&launcher, &source, &capabilities, PROBE_DEADLINE).await;
    let report = report.map_err(|error| error.to_string())?;
    Ok(probe::describe(&source, &report).trim_end().to_owned())
}

/// The addresses of a source that somebody has typed: it is meant, wherever it is. What it leads to is not.
async fn named_by_hand(source: &SourceSpec) -> Vec<Network> {
    let SourceKind::Live { url } = &source.kind else {
        return Vec::new();
    };
    let host = url
        .parse::<Uri>()
        .ok()
        .and_then(|url| Some(url.host()?.to_owned()));
    let host = host.unwrap_or_default();
    let found = tokio::net::lookup_host((host.trim_matches(['[', ']']), 0)).await;
    let addresses = found.into_iter().flatten();
    addresses
        .filter_map(|address| address.ip().to_canonical().to_string().parse().ok())
        .collect()
}

/// `headgate __plan CHANNEL`: the encoder's arguments, one a line; the pipe of rendition N stands as `pipe:%N`.
///
/// # Errors
/// A sentence for people.
pub async fn plan(
    config: &Config,
    surroundings: &Surroundings,
    channel: &str,
) -> Result<String, String> {
    let spec = config
        .channels
        .iter()
        .find(|spec| spec.id.as_str() == channel);
    let spec = spec.ok_or_else(|| format!("there is no channel {channel:?}"))?;
    let encoders = surroundings.encoders(config, Egress::new(config.server.allow_private.clone()));
    let plan = encoders
        .plan(spec, &spec.sources[0])
        .await
        .map_err(|error| error.to_string())?;
    let line = |argument: &Argument| match argument {
        Argument::Text(text) => text.clone(),
        Argument::Output(id) => format!("pipe:%{}", id.0),
    };
    Ok(plan
        .arguments
        .iter()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n"))
}

/// `headgate healthcheck`: asks a gateway on an address of this machine, without a client library.
///
/// # Errors
/// A sentence for people.
pub async fn healthcheck(url: &str) -> Result<String, String> {
    let (address, path) =
        split(url).ok_or_else(|| format!("{url:?} is not http://ADDRESS:PORT/PATH"))?;
    let started = Instant::now();
    let answer = tokio::time::timeout(HEALTH_DEADLINE, ask(address, path)).await;
    let status = answer
        .map_err(|_| {
            format!(
                "{url} did not answer within {} s",
                HEALTH_DEADLINE.as_secs()
            )
        })?
        .map_err(|error| format!("{url} cannot be reached: {error}"))?;
    match status.split_ascii_whitespace().nth(1) {
        Some("200") => Ok(format!(
            "{url} is alive ({} ms)",
            started.elapsed().as_millis()
        )),
        _ => Err(format!("{url} answered {status:?}")),
    }
}

fn split(url: &str) -> Option<(SocketAddr, &str)> {
    let rest = url.strip_prefix("http://")?;
    let at = rest.find('/').unwrap_or(rest.len());
    let path = if at == rest.len() { "/" } else { &rest[at..] };
    Some((rest[..at].parse().ok()?, path))
}

async fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_addresses_are_taken_apart() {
        assert_eq!(
            split("http://127.0.0.1:80/healthz"),
            Some(("127.0.0.1:80".parse().unwrap(), "/healthz"))
        );
        assert_eq!(
            split("http://[::1]:80"),
            Some(("[::1]:80".parse().unwrap(), "/"))
        );
        assert_eq!(split("https://127.0.0.1:80/"), None);
        assert_eq!(split("http://localhost:80/"), None);
    }
}
