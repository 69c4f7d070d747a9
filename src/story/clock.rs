//! Times and quantities as people say them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What time it is.
pub(super) struct Clock(Timestamp);

// === impl Clock ===

impl Clock {
    pub(super) fn new(now: Timestamp) -> Self {
        Self(now)
    }

    /// `4.2 s ago`.
    pub(super) fn ago(&self, at: Timestamp) -> String {
        format!("{} ago", duration(self.0.duration_since(at).as_secs_f64()))
    }

    /// `in 4.2 s`.
    pub(super) fn ahead(&self, at: Timestamp) -> String {
        format!("in {}", duration(at.duration_since(self.0).as_secs_f64()))
    }

    /// `14:02:11`, with its day if that is not today. In UTC.
    pub(super) fn wall(&self, at: Timestamp) -> String {
        let (at, now) = (at.to_zoned(TimeZone::UTC), self.0.to_zoned(TimeZone::UTC));
        let format = if at.date() == now.date() {
            "%H:%M:%S"
        } else {
            "%Y-%m-%d %H:%M:%S"
        };
        at.strftime(format).to_string()
    }

    pub(super) fn today(&self) -> String {
        let now = self.0.to_zoned(TimeZone::UTC);
        now.strftime("%Y-%m-%d %H:%M:%S").to_string()
    }
}

/// `4.2 s`, `3 min 7 s`, `2 h 5 min`; never less than nothing.
pub(super) fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..60 => format!("{whole} s"),
        60..3_600 => two(whole, 60, "min", 1, "s"),
        _ => two(whole, 3_600, "h", 60, "min"),
    }
}

fn two(whole: u64, unit: u64, name: &str, small: u64, small_name: &str) -> String {
    match whole % unit / small {
        0 => format!("{} {name}", whole / unit),
        rest => format!("{} {name} {rest} {small_name}", whole / unit),
    }
}

/// `84 MB`.
pub(super) fn bytes(count: u64) -> String {
    let (mut size, mut units) = (count as f64, ["B", "kB", "MB", "GB", "TB"].into_iter());
    let mut unit = units.next().unwrap_or_default();
    while size >= 1_000.0 {
        let Some(next) = units.next() else { break };
        (size, unit) = (size / 1_000.0, next);
    }
    let digits = usize::from(size < 10.0 && unit != "B");
    format!("{size:.digits$} {unit}")
}

/// `1 viewer`, `3 viewers`.
pub(super) fn count(number: u64, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {one}{plural}")
}

/// A sentence begins large and ends with a stop.
pub(super) fn sentence(text: &str) -> String {
    let text = text.trim().trim_end_matches(':');
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    let stop = if text.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{}{}{stop}", first.unwrap_or_default(), letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_exact_as_people_need_them() {
        for (seconds, text) in [
            (-1.0, "0.0 s"),
            (0.25, "0.2 s"),
            (9.4, "9.4 s"),
            (9.96, "10 s"),
            (59.4, "59 s"),
            (59.9, "1 min"),
            (187.0, "3 min 7 s"),
            (3_600.0, "1 h"),
            (7_500.0, "2 h 5 min"),
        ] {
            assert_eq!(duration(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn quantities_have_units() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_500), "1.5 kB");
        assert_eq!(bytes(84_000_000), "84 MB");
        assert_eq!(count(1, "viewer"), "1 viewer");
        assert_eq!(count(0, "viewer"), "0 viewers");
    }
}
