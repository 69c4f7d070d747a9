//! A wall clock that jumps by a day while viewers watch: their timers do not know it, and dates in playlists stay sane.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::support::{Audience, CHANNELS, Gateway, Start};

/// Moves `CLOCK_REALTIME` of a process by the seconds that stand in a file.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *at) {
  static int (*next)(clockid_t, struct timespec *);
  static volatile long long *offset;
  if (!next) {
    int file = open(getenv("CLOCK_OFFSET"), O_RDONLY | O_CLOEXEC);
    void *page = mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) offset = page;
    next = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  }
  int result = next(id, at);
  if (id == CLOCK_REALTIME && offset) at->tv_sec += *offset;
  return result;
}
"#;

const DAY: i64 = 86_400;

#[tokio::test]
async fn a_clock_that_jumps_by_a_day_harms_nobody() {
    let tools = tempfile::tempdir().unwrap();
    let shim = compile(tools.path());
    let clock = tools.path().join("offset");
    std::fs::write(&clock, 0_i64.to_ne_bytes()).unwrap();
    let gateway = Start {
        channels: CHANNELS,
        scenario: "burst 1",
        environment: vec![
            ("LD_PRELOAD", shim.display().to_string()),
            ("CLOCK_OFFSET", clock.display().to_string()),
        ],
        ..Start::default()
    }
    .start();
    let audience = Audience::of(&gateway, "one", 5).await;
    let before = gateway.session("one").await;
    for offset in [DAY, -DAY, 0] {
        move_clock(&clock, offset);
        goes_on(&gateway).await;
        // What starts under this clock has its dates, and plays.
        gateway.plays("two").await;
        let began = dates(&gateway, "two").await[0];
        let now = Timestamp::now() + SignedDuration::from_secs(offset);
        let apart = now.duration_since(began).abs();
        assert!(apart < SignedDuration::from_secs(120), "{offset}: {apart}");
        let id = gateway.session("two").await["id"]
            .as_str()
            .unwrap()
            .to_owned();
        stop(&gateway, &id).await;
    }
    let after = gateway.session("one").await;
    assert_eq!(after["error_count"], 0, "{after}");
    assert_eq!(after["encoder"]["pid"], before["encoder"]["pid"]);
    assert_eq!(after["id"], before["id"]);
    assert!(!audience.leave().await.is_empty());
}

/// Several segments come, one after the other, and their dates grow as if nothing had happened.
async fn goes_on(gateway: &Gateway) {
    let first = dates(gateway, "one").await;
    let newest = *first.last().unwrap();
    let since = Instant::now();
    gateway
        .until("new segments", async || {
            let dates = dates(gateway, "one").await;
            let steps = dates.windows(2).map(|pair| pair[1].duration_since(pair[0]));
            for step in steps {
                let is_sane = step > SignedDuration::ZERO && step < SignedDuration::from_secs(60);
                assert!(is_sane, "{step} between two segments");
            }
            *dates.last().unwrap() >= newest + SignedDuration::from_secs(4)
        })
        .await;
    assert!(
        since.elapsed() > Duration::from_secs(1),
        "the dates have jumped"
    );
}

/// EXT-X-PROGRAM-DATE-TIME of the playlist.
async fn dates(gateway: &Gateway, channel: &str) -> Vec<Timestamp> {
    let list = gateway.get(&format!("/live/{channel}/v/index.m3u8")).await;
    assert_eq!(list.status(), 200, "{:?}", list.body());
    let text = String::from_utf8_lossy(list.body()).into_owned();
    let dates = text
        .lines()
        .filter_map(|line| line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:"));
    dates.map(|date| date.parse().unwrap()).collect()
}

async fn stop(gateway: &Gateway, id: &str) {
    let request = format!(
        "DELETE /api/v1/sessions/{id} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
        gateway.address
    );
    let answer = gateway.raw(request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
    gateway
        .until("its end", async || {
            let session = gateway.session("two").await;
            session["state"].is_null() || session["state"] == "idle"
        })
        .await;
}

/// In place: the gateway looks at these bytes.
fn move_clock(file: &Path, seconds: i64) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
    file.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
}

fn compile(folder: &Path) -> PathBuf {
    let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
    std::fs::write(&source, SHIM).unwrap();
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status()
        .unwrap();
    assert!(
        made.success(),
        "the C compiler that links Rust programs is needed"
    );
    library
}
