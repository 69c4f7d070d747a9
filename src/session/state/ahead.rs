//! Whether an encoder's media runs away from the clock: players would follow it, and listed media would be forgotten
//! before they come to it.
//!
//! Some servers send what they have kept of a live stream at once: a burst. After it, media comes as fast as time goes by.

use std::time::{Duration, Instant};

/// The most that may come in a burst at the start.
const MAX_BURST: Duration = Duration::from_secs(60);

/// The burst is over when for this long …
const CALM: Duration = Duration::from_secs(5);

/// … no more came than this beyond what it took.
const CALM_SURPLUS: Duration = Duration::from_millis(2500);

/// How much more than it takes may come after the burst …
const MAX_SURPLUS: Duration = Duration::from_secs(10);

/// … within this time, or twice as long. Clocks that differ a little part without end, and nobody is hurt by it.
const COUNTED_OVER: Duration = Duration::from_secs(30);

/// The media of one encoder against the clock.
#[derive(Debug, Default)]
pub struct Ahead {
    /// When media was seen first, and how much there was then.
    begun: Option<Mark>,
    /// Where the surplus is counted from.
    mark: Option<Mark>,
    /// The burst is over.
    is_calm: bool,
}

/// How much media there was at a time, from wherever it is counted.
type Mark = (Instant, Duration);

// === impl Ahead ===

impl Ahead {
    /// So much media has come so far. Says what is wrong.
    pub fn look(&mut self, now: Instant, media: Duration) -> Option<String> {
        let begun = *self.begun.get_or_insert((now, media));
        let mark = *self.mark.get_or_insert(begun);
        let of_now = |(at, before): Mark| {
            media
                .saturating_sub(before)
                .saturating_sub(now.saturating_duration_since(at))
        };
        let (surplus, limit) = match self.is_calm {
            true => (of_now(mark), MAX_SURPLUS),
            false => (of_now(begun), MAX_BURST),
        };
        if surplus > limit {
            return Some(format!(
                "the media runs {:.0} s ahead of the clock: the source's timestamps are wrong",
                surplus.as_secs_f64()
            ));
        }
        let counted_over = match self.is_calm {
            true => COUNTED_OVER,
            false => CALM,
        };
        if now.saturating_duration_since(mark.0) >= counted_over {
            self.is_calm |= of_now(mark) <= CALM_SURPLUS;
            self.mark = Some((now, media));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::table_tests::some_time;
    use super::*;

    /// Media comes for so long, looked at ten times a second: at each time, by its seconds, there is so much. What was
    /// said, and when.
    fn watch(seconds: u32, media: impl Fn(f64) -> f64) -> Option<(f64, String)> {
        let (mut ahead, start) = (Ahead::default(), some_time());
        (0..seconds * 10).find_map(|tenth| {
            let at = f64::from(tenth) / 10.0;
            let now = start + Duration::from_secs_f64(at);
            let said = ahead.look(now, Duration::from_secs_f64(media(at)));
            said.map(|said| (at, said))
        })
    }

    #[test]
    fn a_burst_at_the_start_is_fine() {
        let at_once = |burst: f64| watch(600, move |at| if at > 0.2 { at + burst } else { at });
        assert_eq!(at_once(30.0), None);
        assert_eq!(at_once(59.0), None);
        assert!(at_once(61.0).is_some());
        // What was kept for 30 s comes at twice the pace.
        assert_eq!(watch(600, |at| at + at.min(30.0)), None);
    }

    #[test]
    fn timestamps_that_run_too_fast_are_noticed_at_once_and_in_a_burst_a_little_later() {
        let fast = |from: f64| watch(60, move |at| at + (at - from).max(0.0) * 99.0);
        let (at, said) = fast(20.0).unwrap();
        assert!(at < 20.3, "{at}");
        assert!(said.contains("ahead of the clock"), "{said}");
        let (at, _) = fast(0.0).unwrap();
        assert!(at < 1.0, "{at}");
        // A decoder that reads another format makes something of the timestamps, too.
        let (at, _) = watch(600, |at| at * 1.4).unwrap();
        assert!((25.0..60.0).contains(&at), "{at}");
    }

    #[test]
    fn segments_that_come_at_once_and_pauses_that_are_made_up_for_are_fine() {
        for segment in [2.0, 6.0, 10.0] {
            let segments = |at: f64| ((at / segment).floor() + 1.0) * segment;
            assert_eq!(watch(600, segments), None, "{segment}");
        }
        let pause = |at: f64| {
            if (100.0..105.0).contains(&at) {
                100.0
            } else {
                at
            }
        };
        assert_eq!(watch(600, pause), None);
    }

    #[test]
    fn a_source_whose_clock_is_a_little_fast_may_play_for_ever() {
        // 100 ppm for 30 days: 260 s ahead.
        let (mut ahead, start) = (Ahead::default(), some_time());
        for seconds in 0..30 * 86_400 {
            let wall = Duration::from_secs(seconds);
            assert_eq!(ahead.look(start + wall, wall + wall / 10_000), None);
        }
    }
}
