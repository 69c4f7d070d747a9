//! The past, one line for each thing that happened.

use super::answer::{Happened, Session};
use super::clock::{Clock, duration, sentence};

/// Oldest first, with the time and how long ago that was.
pub(super) fn history(session: &Session, clock: &Clock) -> String {
    if session.history.is_empty() {
        return String::new();
    }
    let mut lines = vec!["What happened (times are UTC)".to_owned()];
    let agos: Vec<String> = session
        .history
        .iter()
        .map(|one| clock.ago(one.at))
        .collect();
    let width = agos.iter().map(String::len).max().unwrap_or_default();
    let mut trouble: Option<&str> = None;
    for (one, ago) in session.history.iter().zip(&agos) {
        let wall = clock.wall(one.at);
        let mut what = sentence(&words(one, trouble));
        if let Some(last) = one.last_at.filter(|_| one.times > 1) {
            what += &format!(" ({} times, the last one {})", one.times, clock.ago(last));
        }
        lines.push(format!("  {wall}  {ago:>width$}  {what}"));
        let indent = wall.len() + width + 6;
        let said = one.lines.iter();
        lines.extend(said.map(|line| format!("{:indent$}| {line}", "")));
        if one.kind == "source_lost" {
            trouble = Some(&one.what);
        }
    }
    lines.join("\n")
}

/// `trouble` is what was told of a source before: it need not be told again.
fn words(one: &Happened, trouble: Option<&str>) -> String {
    match (one.kind.as_str(), &one.source, one.pid) {
        ("encoder_started", Some(source), Some(pid)) => {
            format!("encoder {pid} started for {source}")
        }
        ("encoder_ended", _, Some(pid)) => {
            let ran_for = one
                .ran_for
                .map(|ran_for| format!(" after {}", duration(ran_for)));
            format!("encoder {pid} ended{}", ran_for.unwrap_or_default())
        }
        ("source_lost", Some(source), _) => format!("the source {source} was lost: {}", one.what),
        ("state", ..) => {
            let known = trouble.and_then(|trouble| one.what.strip_suffix(trouble));
            known
                .unwrap_or(&one.what)
                .trim_end_matches([':', ' '])
                .to_owned()
        }
        _ => one.what.clone(),
    }
}
