//! Encoders that are killed while everybody watches.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::crawl::{Crawl, check_in_step, renditions};
use crate::gateway::{Gateway, PATIENCE};
use crate::truth::CARD;

const KILLS: usize = 3;

#[tokio::test]
async fn each_killed_encoder_is_one_discontinuity_and_nothing_else() {
    let gateway = Gateway::start(CARD);
    let client = gateway.client().over_http2().await;
    let until = Instant::now() + Duration::from_secs(30);
    // Several crawlers on each rendition: none of them may see anything but 200.
    let mut running = Vec::new();
    for base in renditions(&client, "card").await {
        for _ in 0..3 {
            let crawl = Crawl::new(client.clone(), base.clone());
            running.push(tokio::spawn(crawl.run(until)));
        }
    }
    let mut killed = Vec::new();
    for _ in 0..KILLS {
        tokio::time::sleep(Duration::from_secs(6)).await;
        killed.push(kill_encoder(&gateway, &killed).await);
    }
    let mut crawls = Vec::new();
    for crawl in running {
        crawls.push(crawl.await.unwrap());
    }
    check_in_step(&crawls);
    let expected = crawls[0].discontinuities();
    assert_eq!(expected.len(), KILLS, "{expected:?}");
    for crawl in &crawls {
        assert_eq!(crawl.discontinuities(), expected, "{}", crawl.name());
        assert!(
            crawl.checker.segments().all(|segment| !segment.gap),
            "{}",
            crawl.name()
        );
    }
    println!("wall clock lost at each kill: {:.3?} s", pauses(&crawls[0]));
    let session = gateway.session().await;
    assert_eq!(session["error_count"], KILLS, "{session}");
}

/// Seconds without media before each discontinuity, by the dates.
fn pauses(crawl: &Crawl) -> Vec<f64> {
    let segments: Vec<_> = crawl.checker.segments().collect();
    let broken = segments.windows(2).filter(|pair| pair[1].discontinuity);
    let pause = |pair: &[&crate::playlist::Segment]| {
        let step = pair[1].program_date_time.unwrap() - pair[0].program_date_time.unwrap();
        step.total(jiff::Unit::Second).unwrap() - pair[0].duration
    };
    broken.map(pause).collect()
}

/// Kills the encoder that runs, once it is another than those before.
async fn kill_encoder(gateway: &Gateway, before: &[u32]) -> u32 {
    let since = Instant::now();
    loop {
        let living = gateway.encoders();
        if let [pid] = living[..]
            && !before.contains(&pid)
        {
            let child = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
            kill_process(child, Signal::KILL).unwrap();
            return pid;
        }
        assert!(since.elapsed() < PATIENCE, "no new encoder: {living:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
