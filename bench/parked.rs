//! Thousands of players that wait for the same Partial Segment: what they cost, and how soon they have it.
//!
//! Opens the connections first, then sends one blocking reload on each, all for the same part of the segment after
//! the current one, and notes when each answer begins. The clock starts with the earliest of all answers (one more
//! request waits for the hinted part itself, so that a slow first playlist does not hide): publication itself is at
//! most one loopback exchange earlier. Prints one line of JSON.
//! Usage: `parked ADDRESS PLAYLIST_PATH GATEWAY_PID COUNT ROUNDS`.

#![expect(clippy::print_stdout, reason = "its answer is its output")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

type Failure = Box<dyn Error + Send + Sync>;

/// Nothing that is asked here takes longer, unless the gateway is broken.
const PATIENCE: Duration = Duration::from_secs(20);
/// Connections that are being opened at the same time; more would overflow the listener's queue.
const OPENING: usize = 64;

#[derive(Clone)]
struct Target {
    address: String,
    playlist: String,
}

/// What the end of a playlist says is next.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Next {
    msn: u64,
    part: u32,
}

/// One kept-alive connection and what was read past the end of the last answer.
struct Client {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Client {
    async fn open(address: &str) -> Result<Self, Failure> {
        let stream = timeout(PATIENCE, TcpStream::connect(address)).await??;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            rest: Vec::new(),
        })
    }

    /// Sends a GET; answers when the first byte of a 200 came, and its body.
    async fn get(&mut self, path: &str) -> Result<(Instant, Vec<u8>), Failure> {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: bench\r\nUser-Agent: headgate-bench\r\n\r\n");
        self.stream.write_all(request.as_bytes()).await?;
        let mut first = None;
        loop {
            if let Some((head, length)) = whole_answer(&self.rest)? {
                let mut answer: Vec<u8> = self.rest.drain(..head + length).collect();
                let at = first.unwrap_or_else(Instant::now);
                return Ok((at, answer.split_off(head)));
            }
            let read = timeout(PATIENCE, self.stream.read_buf(&mut self.rest)).await??;
            first.get_or_insert_with(Instant::now);
            if read == 0 {
                return Err("the gateway closed a connection".into());
            }
        }
    }
}

/// Where the head of an answer ends and how long its body is, if all of it is there.
fn whole_answer(bytes: &[u8]) -> Result<Option<(usize, usize)>, Failure> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&bytes[..end])?.to_ascii_lowercase();
    if !head.starts_with("http/1.1 200") {
        return Err(format!("not a 200: {}", head.lines().next().unwrap_or_default()).into());
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length
        .ok_or("an answer without Content-Length")?
        .trim()
        .parse()?;
    Ok((bytes.len() >= end + 4 + length).then_some((end + 4, length)))
}

/// Reads `…/{msn}.{part}.m4s` from the EXT-X-PRELOAD-HINT of a playlist; the second value is the URI.
fn preload_hint(playlist: &str) -> Result<(Next, String), Failure> {
    let hint = playlist
        .lines()
        .find(|line| line.starts_with("#EXT-X-PRELOAD-HINT:"));
    let uri = hint.and_then(|line| line.split("URI=\"").nth(1)?.split('"').next());
    let uri = uri.ok_or("the playlist has no EXT-X-PRELOAD-HINT")?;
    let mut words = uri.rsplit('/').next().unwrap_or_default().split('.');
    let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
    match (number(), number()) {
        (Some(msn), Some(part)) => {
            let part = u32::try_from(part)?;
            Ok((Next { msn, part }, uri.to_owned()))
        }
        _ => Err(format!("a hint that is not MSN.PART.m4s: {uri}").into()),
    }
}

/// Resident memory of a process, KiB.
fn resident_kib(pid: &str) -> Result<u64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib.ok_or("no VmRSS")?.parse()?)
}

async fn open_all(target: &Target, count: usize) -> Result<Vec<Client>, Failure> {
    let gate = Arc::new(Semaphore::new(OPENING));
    let mut opening = JoinSet::new();
    for _ in 0..count {
        let (gate, address) = (gate.clone(), target.address.clone());
        opening.spawn(async move {
            let _turn = gate.acquire().await?;
            Client::open(&address).await
        });
    }
    let mut clients = Vec::with_capacity(count);
    while let Some(client) = opening.join_next().await {
        clients.push(client??);
    }
    Ok(clients)
}

/// One round: all clients wait for the first part of the segment after the hinted one.
async fn round(
    target: &Target,
    pid: &str,
    clients: Vec<Client>,
) -> Result<(Vec<Client>, u64, Vec<f64>), Failure> {
    let mut scout = Client::open(&target.address).await?;
    let (_, playlist) = scout.get(&target.playlist).await?;
    let (mut next, _) = preload_hint(&String::from_utf8(playlist)?)?;
    // After the first part of a segment there is time to send all requests before the next segment begins, and the
    // next segment is not yet too far off to be asked for.
    while next.part != 1 {
        let Next { msn, part } = next;
        let reload = format!("{}?_HLS_msn={msn}&_HLS_part={part}", target.playlist);
        let (_, playlist) = scout.get(&reload).await?;
        (next, _) = preload_hint(&String::from_utf8(playlist)?)?;
    }
    let reload = format!("{}?_HLS_msn={}&_HLS_part=0", target.playlist, next.msn + 1);

    let count = clients.len();
    let mut waiting = JoinSet::new();
    for mut client in clients {
        let reload = reload.clone();
        waiting.spawn(async move {
            let (at, _) = client.get(&reload).await?;
            Ok::<_, Failure>((client, at))
        });
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    let parked = resident_kib(pid)?;
    let sentinel = scout.get(&reload).await?.0;

    let (mut back, mut answered) = (Vec::with_capacity(count), Vec::with_capacity(count));
    while let Some(done) = waiting.join_next().await {
        let (client, at) = done??;
        back.push(client);
        answered.push(at);
    }
    let published = answered
        .iter()
        .copied()
        .min()
        .unwrap_or(sentinel)
        .min(sentinel);
    let mut late: Vec<f64> = answered
        .iter()
        .map(|at| at.duration_since(published).as_secs_f64() * 1000.0)
        .collect();
    late.sort_by(f64::total_cmp);
    Ok((back, parked, late))
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or(f64::NAN)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, playlist, pid, count, rounds] = &arguments[..] else {
        return Err("usage: parked ADDRESS PLAYLIST_PATH GATEWAY_PID COUNT ROUNDS".into());
    };
    let target = Target {
        address: address.clone(),
        playlist: playlist.clone(),
    };
    let count: usize = count.parse()?;

    let before = resident_kib(pid)?;
    let mut clients = open_all(&target, count).await?;
    let connected = resident_kib(pid)?;
    let mut results = Vec::new();
    for _ in 0..rounds.parse::<usize>()? {
        let (back, parked, late) = round(&target, pid, clients).await?;
        clients = back;
        results.push(json!({
            "rss_parked_kib": parked,
            "p50_ms": quantile(&late, 0.50),
            "p99_ms": quantile(&late, 0.99),
            "max_ms": quantile(&late, 1.0),
        }));
    }
    println!(
        "{}",
        json!({
            "count": count,
            "rss_before_kib": before,
            "rss_connected_kib": connected,
            "rounds": results,
        })
    );
    Ok(())
}
