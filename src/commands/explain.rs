//! `headgate explain CHANNEL`: asks the running gateway about a channel and tells its story.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::base::ChannelId;
use crate::config::Secret;
use crate::story::{self, Channel};

/// How long a gateway has to answer.
const DEADLINE: Duration = Duration::from_secs(5);

/// The longest answer that is read: a bounded history of a channel is far below.
const MAX_ANSWER: u64 = 8 << 20;

/// An answer of HTTP.
#[derive(Debug)]
struct Answer {
    status: u16,
    body: Vec<u8>,
}

/// The story of a channel, as the gateway at `url` (`http://HOST:PORT`) tells it to who has this token.
///
/// # Errors
/// A sentence for people: there is no gateway, it has no such channel, or it does not answer as Headgate does.
pub async fn explain(
    url: &str,
    channel: &str,
    token: Option<&Secret>,
    now: impl Fn() -> Timestamp,
) -> Result<String, String> {
    if ChannelId::new(channel).is_err() {
        return Err(format!("{channel:?} cannot be the id of a channel"));
    }
    let authority = authority(url).ok_or_else(|| {
        format!("{url:?} is not the address of a gateway: write http://HOST:PORT")
    })?;
    let path = format!("/api/v1/channels/{channel}");
    let answer = tokio::time::timeout(DEADLINE, get(authority, &path, token)).await;
    let answer = answer
        .map_err(|_| {
            let seconds = DEADLINE.as_secs();
            format!("the gateway at {authority} did not answer within {seconds} s")
        })?
        .map_err(|error| {
            format!("no gateway answers at {authority}: {error}; is it running? (--url says where it is)")
        })?;
    match answer.status {
        200 => {}
        401 => return Err(wants_token(authority, token.is_some())),
        404 if answer.code().as_deref() == Some("unknown_channel") => {
            return Err(format!(
                "the gateway at {authority} has no channel {channel:?}"
            ));
        }
        404 => {
            return Err(format!(
                "the gateway at {authority} does not serve operators there; --url says where it does"
            ));
        }
        status => return Err(format!("the gateway at {authority} answered {status}")),
    }
    let channel: Channel = serde_json::from_slice(&answer.body)
        .map_err(|error| format!("what {authority} answered is not a channel: {error}"))?;
    Ok(story::tell(&channel, now()))
}

/// Where a gateway that listens there is reached from the same machine.
pub fn url_of(listen: SocketAddr) -> String {
    let address = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        address => address,
    };
    format!("http://{}", SocketAddr::new(address, listen.port()))
}

/// `HOST:PORT`, which is all of a gateway's address.
fn authority(url: &str) -> Option<&str> {
    let authority = url.strip_prefix("http://")?.trim_end_matches('/');
    let (host, port) = authority.rsplit_once(':')?;
    let is_host = !host.is_empty() && !host.contains(['/', '@', '?', '#', ' ']);
    (is_host && port.parse::<u16>().is_ok()).then_some(authority)
}

fn wants_token(authority: &str, has_one: bool) -> String {
    let what = if has_one { "another" } else { "an" };
    format!(
        "the gateway at {authority} wants {what} operators' token: --token-file FILE, or HEADGATE_OPERATORS_TOKEN"
    )
}

async fn get(authority: &str, path: &str, token: Option<&Secret>) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(authority).await?;
    let said = token.map_or(String::new(), |token| {
        format!("authorization: Bearer {}\r\n", token.expose())
    });
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {authority}\r\naccept: application/json\r\n{said}connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer).await?;
    read(&answer).ok_or_else(|| std::io::Error::other("what answers there does not speak HTTP"))
}

// === impl Answer ===

impl Answer {
    /// The code of an error.
    fn code(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        Some(body["error"]["code"].as_str()?.to_owned())
    }
}

/// Takes apart an answer whose end is the end of the connection.
fn read(answer: &[u8]) -> Option<Answer> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let mut words = head.lines().next()?.split_ascii_whitespace();
    words
        .next()
        .filter(|version| version.starts_with("HTTP/1."))?;
    Some(Answer {
        status: words.next()?.parse().ok()?,
        body: answer[end + 4..].to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_is_reached_where_it_listens() {
        for (listen, url) in [
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:80", "http://[::1]:80"),
            ("192.0.2.7:8080", "http://192.0.2.7:8080"),
        ] {
            assert_eq!(url_of(listen.parse().unwrap()), url);
            assert!(authority(url).is_some(), "{url}");
        }
    }

    #[test]
    fn addresses_that_are_none_are_refused() {
        assert_eq!(authority("http://localhost:80/"), Some("localhost:80"));
        for wrong in [
            "https://localhost:80",
            "localhost:80",
            "http://localhost",
            "http://:80",
            "http://a/b:80",
            "http://joe@localhost:80",
            "http://localhost:http",
        ] {
            assert_eq!(authority(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn answers_are_taken_apart() {
        let answer = read(b"HTTP/1.1 404 Not Found\r\na: b\r\n\r\n{}").unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (404, &b"{}"[..]));
        assert!(read(b"HTTP/1.1 200 OK\r\na: b").is_none());
        assert!(read(b"SSH-2.0-OpenSSH\r\n\r\n").is_none());
    }
}
