//! What playlists say of time stays true, however long a channel runs and whatever its source's clock does: durations are
//! those of the media, dates those of the wall clock, in every rendition alike.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/hours.rs"]
mod hours;
#[path = "support/media.rs"]
mod media_support;

use hours::{Hours, ROUNDING, audio, video};
use jiff::SignedDuration;

const HOUR: f64 = 3600.0;
/// Dates are let alone while they are as near to the clock as this.
const TOLERANCE: f64 = 0.1;

const RATES: [(u32, u32); 4] = [(25, 1), (30_000, 1001), (24_000, 1001), (60_000, 1001)];

#[test]
fn hours_of_odd_frame_rates_and_sample_rates_add_up() {
    for (rate, sound) in RATES.into_iter().zip([48_000, 44_100, 48_000, 44_100]) {
        let mut hours = Hours::new(&[video(rate), video(rate), audio(sound)]);
        hours.run_until(2.0 * HOUR);
        hours.check_sums();
        assert!(hours.off.abs() <= ROUNDING, "{rate:?}: {} s", hours.off);
        assert!(hours.ledgers[0].discontinuities.is_empty());
    }
}

#[test]
fn times_beyond_33_and_32_bits_are_times_like_others() {
    let tracks = [video((25, 1)), audio(48_000)];
    // Where a transport stream's clock wraps around, and where the 32 bits of a track's clock end.
    let wrap = (1_u64 << 33) as f64 / 90_000.0;
    for edge in [
        wrap,
        (1_u64 << 32) as f64 / 12_800.0,
        (1_u64 << 32) as f64 / 48_000.0,
    ] {
        let mut hours = Hours::new(&tracks);
        hours.packager.discontinuity();
        hours.begin(edge - 60.0);
        hours.run_until(120.0);
        hours.check_sums();
        assert!(hours.off.abs() <= ROUNDING, "{} s", hours.off);
    }
}

#[test]
fn a_jump_of_ten_hours_is_one_discontinuity_and_no_jump_of_dates() {
    let mut hours = Hours::new(&[video((30_000, 1001)), audio(48_000)]);
    let mut times = [40_000.0, 76_000.0, 40_000.0, 4_000.0].into_iter();
    hours.run_until(600.0);
    for jumps in 1..=4 {
        hours.packager.discontinuity();
        // The next encoder has its first picture two seconds later.
        let gap = 2.0;
        hours.wall = hours.clock(hours.position(0) + gap);
        hours.begin(times.next().unwrap());
        hours.run_until(600.0);
        hours.check_sums();
        let of_leader = &hours.ledgers[0].discontinuities;
        assert_eq!(of_leader.len(), jumps);
        assert_eq!(*of_leader, hours.ledgers[1].discontinuities);
        assert!(hours.off.abs() <= 0.05, "{} s", hours.off);
    }
}

#[test]
fn dates_follow_the_clock_though_the_sources_clock_is_another() {
    // What quartz clocks differ by at the worst, and a day of it.
    for (ppm, hours_of_it) in [(100.0, 24.0), (-100.0, 6.0), (20.0, 6.0)] {
        let mut hours = Hours::new(&[video((25, 1)), audio(48_000)]);
        hours.rate = 1.0 + ppm / 1e6;
        hours.run_until(hours_of_it * HOUR);
        hours.check_sums();
        let drift = hours_of_it * HOUR * ppm / 1e6;
        assert!(
            hours.off.abs() <= TOLERANCE + 0.01,
            "{} s of {drift}",
            hours.off
        );
        assert!(hours.ledgers[0].discontinuities.is_empty());
    }
}

#[test]
fn a_clock_that_is_set_moves_no_date_before_the_next_discontinuity() {
    let mut hours = Hours::new(&[video((25, 1)), audio(48_000)]);
    hours.run_until(600.0);
    for step in [HOUR, -HOUR, 24.0 * HOUR] {
        let date = hours.ledgers[0].last.as_ref().unwrap().program_date_time;
        let sum = hours.ledgers[0].sum;
        hours.wall += SignedDuration::from_secs_f64(step);
        hours.run_until(hours.position(0) + 300.0);
        let last = hours.ledgers[0].last.as_ref().unwrap();
        let dates = last.program_date_time.duration_since(date).as_secs_f64();
        assert!(
            (dates - (hours.ledgers[0].sum - sum)).abs() < ROUNDING,
            "{dates} s"
        );
        hours.wall -= SignedDuration::from_secs_f64(step);
    }
    // The clock was set forward, and a new encoder starts: dates are right again.
    hours.packager.discontinuity();
    hours.wall = hours.clock(hours.position(0)) + SignedDuration::from_secs_f64(HOUR);
    hours.begin(10.0);
    hours.run_until(60.0);
    assert!(hours.off.abs() <= ROUNDING, "{} s", hours.off);
    // It was set back: dates are not given twice.
    hours.packager.discontinuity();
    hours.wall = hours.clock(hours.position(0)) - SignedDuration::from_secs_f64(HOUR);
    hours.begin(10.0);
    hours.run_until(60.0);
    assert!(hours.off > HOUR - 1.0, "{} s", hours.off);
}

#[test]
fn media_that_trembles_does_not_make_dates_tremble() {
    let mut hours = Hours::new(&[video((25, 1)), audio(48_000)]);
    let start = hours.wall;
    // A network that delivers up to 80 ms late, differently each time.
    for step in 0..720_u32 {
        let late = i64::from(step.wrapping_mul(2_654_435_761) % 80);
        hours.wall = start + SignedDuration::from_millis(late);
        hours.run_until(f64::from(step + 1) * 5.0);
    }
    hours.wall = start;
    hours.look();
    hours.check_sums();
    assert!(hours.off.abs() <= TOLERANCE, "{} s", hours.off);
}
