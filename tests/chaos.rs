//! Everything at once: random faults against several channels of the gateway as it is shipped, under the eyes of viewers
//! who believe nothing, and one table of what became of it.
//!
//! A minute by default; `HEADGATE_CHAOS_MINUTES` and `HEADGATE_CHAOS_SEED` say otherwise (`scripts/chaos.sh`). The same
//! seed gives the same faults in the same order; when they come depends on how quickly the channels recover.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(
    clippy::allow_attributes,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "figures are for people"
)]

#[path = "support/checker.rs"]
mod checker;
#[expect(dead_code, reason = "this test uses a part of it")]
#[path = "e2e/client.rs"]
mod client;
#[path = "chaos/crowd.rs"]
mod crowd;
#[path = "e2e/gateway.rs"]
mod gateway;
#[path = "chaos/house.rs"]
mod house;
#[path = "support/playlist.rs"]
mod playlist;
#[path = "support/source_server.rs"]
mod source_server;
#[path = "chaos/strikes.rs"]
mod strikes;
#[path = "chaos/table.rs"]
mod table;
#[path = "support/transport.rs"]
mod transport;
#[path = "chaos/trouble.rs"]
mod trouble;

use std::time::Duration;

use tokio::task::LocalSet;

use house::House;
use table::Table;

fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    let text = std::env::var(name).ok();
    let parsed = text.map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")));
    parsed.unwrap_or(default)
}

#[tokio::test]
async fn nothing_breaks_that_was_not_struck_and_what_was_recovers() {
    let minutes: f64 = setting("HEADGATE_CHAOS_MINUTES", 1.0);
    let seed: u64 = setting("HEADGATE_CHAOS_SEED", 0x5eed);
    let rounds = (minutes / 2.0).ceil().max(2.0);
    let round = Duration::from_secs_f64(minutes * 60.0 / rounds);
    println!("{rounds} rounds of {round:?}, seed {seed}");
    // Most channels get the scripted ffmpeg: a machine has room for many of those. Some get the real one, whose
    // sources misbehave.
    let mut houses = [House::scripted(seed), House::real(seed + 1)];
    let [one, two] = &mut houses;
    let run = async {
        tokio::join!(
            one.run(rounds as usize, round),
            two.run(rounds as usize, round)
        );
    };
    LocalSet::new().run_until(run).await;
    let mut table = Table::default();
    houses.into_iter().for_each(|house| table.add(house.table));
    println!("\n{table}");
    table.check();
}
