//! How things stand, and what would change that.

use super::answer::{Channel, Session, Source};
use super::clock::{Clock, bytes, count, duration, sentence};

/// The state and its reason; who watches.
pub(super) fn state(channel: &Channel, clock: &Clock) -> String {
    let name = match channel.name.is_empty() || channel.name == channel.id {
        true => format!("Channel {}", channel.id),
        false => format!("Channel {} ({})", channel.id, channel.name),
    };
    let title = format!("{name} at {} UTC", clock.today());
    let Some(session) = &channel.session else {
        return format!(
            "{title}\nNothing runs: nobody has asked for it. The first viewer starts it."
        );
    };
    format!(
        "{title}\n{} {}",
        standing(session),
        audience(session, clock)
    )
    .trim_end()
    .to_owned()
}

fn standing(session: &Session) -> String {
    let reason = sentence(&session.reason);
    match session.state.as_str() {
        "idle" => format!("Nothing runs. {reason} The next viewer starts it."),
        "starting" => format!("It starts and has nothing to show yet. {reason}"),
        "active" if session.slate_shown => format!("Viewers see the slate. {reason}"),
        "active" => format!("It is on air from {}. {reason}", session.source),
        "stopping" => format!("It stops. {reason}"),
        "failed" => format!("It has failed. {reason}"),
        other => format!("It is {other}. {reason}"),
    }
}

fn audience(session: &Session, clock: &Clock) -> String {
    if session.state == "idle" {
        return String::new();
    }
    let watch = match session.viewers {
        0 => "Nobody watches".to_owned(),
        1 => "1 viewer watches".to_owned(),
        many => format!("{many} viewers watch"),
    };
    let sent = bytes(session.bytes_sent);
    let mut text = format!("{watch}; {sent} have been sent since the gateway began");
    if let Some(at) = session.last_access {
        text += &format!("; the last request came {}", clock.ago(at));
    }
    if session.blocked_requests > 0 {
        text += &format!("; {} for media", waiting(session.blocked_requests));
    }
    if let Some(until) = session.held_until {
        let until = clock.wall(until);
        text += &format!("; an operator keeps it running until {until}");
    }
    text + "."
}

fn waiting(requests: u64) -> String {
    let verb = if requests == 1 { "waits" } else { "wait" };
    format!("{} {verb}", count(requests, "request"))
}

/// Each source, best first, and what is known of it.
pub(super) fn sources(channel: &Channel, clock: &Clock) -> String {
    let mut text = "Sources, best first".to_owned();
    for (at, source) in known(channel).iter().enumerate() {
        let role = role(source);
        text += &format!("\n  {}. {}: {role}", at + 1, source.label);
        for fact in facts(source, clock) {
            text += &format!("\n       {}", sentence(&fact));
        }
    }
    text
}

/// What the session knows, or what is configured.
fn known(channel: &Channel) -> &[Source] {
    match &channel.session {
        Some(session) if !session.sources.is_empty() => &session.sources,
        _ => &channel.sources,
    }
}

fn role(source: &Source) -> &'static str {
    match (source.role.as_str(), source.kind.as_str()) {
        ("on_air", _) => "on air",
        ("tried", _) => "being tried, and has not delivered yet",
        ("standby", _) => "about to take over",
        (_, "slate") => "shown when no source delivers",
        ("waiting", _) if source.answers_since.is_some() => "answers, and waits for its turn",
        _ => "waiting",
    }
}

fn facts(source: &Source, clock: &Clock) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(since) = source.answers_since {
        facts.push(format!("it began to answer {}", clock.ago(since)));
    }
    if let Some(error) = &source.last_error {
        let when = source.last_error_at.map(|at| clock.ago(at));
        let when = when.unwrap_or_else(|| "at some time".into());
        facts.push(format!("its last trouble, {when}: {error}"));
    }
    if source.recent_losses > 0 {
        let times = count(source.recent_losses, "time");
        facts.push(format!("it was lost {times} within the last minute"));
    }
    if let Some(until) = source.rests_until {
        let ahead = clock.ahead(until);
        facts.push(format!(
            "that is too often: it is passed over and has its next chance {ahead}"
        ));
    }
    facts
}

/// The encoder and what it makes.
pub(super) fn encoder(session: &Session) -> String {
    let mut lines = Vec::new();
    if let Some(encoder) = &session.encoder {
        let mut parts = vec![format!("process {} runs", encoder.pid)];
        if let Some(speed) = encoder.speed {
            parts.push(format!("at {speed:.2} of real time"));
        }
        if let Some(fps) = encoder.fps.filter(|fps| *fps > 0.0) {
            parts.push(format!("with {fps:.0} frames a second"));
        }
        if let Some(cpu) = encoder.cpu {
            parts.push(format!("on {cpu:.2} cores"));
        }
        if let Some(memory) = encoder.memory {
            parts.push(format!("in {}", bytes(memory)));
        }
        lines.push(sentence(&parts.join(" ")));
        if encoder.restarts > 0 {
            let times = count(encoder.restarts, "time");
            lines.push(format!("It was replaced {times} in this session."));
        }
    }
    if let Some(slate) = session.slate.as_ref().filter(|_| session.slate_shown) {
        lines.push(format!(
            "What viewers see is the slate of process {}.",
            slate.pid
        ));
    }
    if !session.renditions.is_empty() {
        let names = session.renditions.iter().map(rendition);
        let names = names.collect::<Vec<_>>().join(", ");
        let held = bytes(session.memory_bytes);
        lines.push(format!("It makes {names}; {held} of media are held."));
    }
    if let Some(elapsed) = session.first_part_ms {
        let elapsed = duration(elapsed as f64 / 1000.0);
        lines.push(format!(
            "The first part came {elapsed} after the first request."
        ));
    }
    match lines.is_empty() {
        true => lines.join(""),
        false => format!("Encoder\n  {}", lines.join("\n  ")),
    }
}

fn rendition(rendition: &super::answer::Rendition) -> String {
    let rate = rendition.measured_bitrate.map(|rate| match rate {
        0..1_000_000 => format!("{} kbit/s", rate / 1_000),
        _ => format!("{:.1} Mbit/s", rate as f64 / 1e6),
    });
    let what = [rendition.resolution.clone(), rate];
    let what: Vec<String> = what.into_iter().flatten().collect();
    match what.is_empty() {
        true => rendition.name.clone(),
        false => format!("{} ({})", rendition.name, what.join(", ")),
    }
}

/// What is waited for, and the rules that hold.
pub(super) fn next(channel: &Channel, clock: &Clock) -> String {
    let Some(session) = &channel.session else {
        return String::new();
    };
    let waits = session.next.iter().map(|next| {
        let (wall, ahead) = (clock.wall(next.at), clock.ahead(next.at));
        format!("{wall}  {ahead}: {}.", next.what)
    });
    let mut lines: Vec<String> = waits.collect();
    lines.extend(rules(channel, session));
    match lines.is_empty() {
        true => String::new(),
        false => format!("What would change it\n  {}", lines.join("\n  ")),
    }
}

fn rules(channel: &Channel, session: &Session) -> Vec<String> {
    let mut rules = Vec::new();
    if session.state != "active" {
        return rules;
    }
    let row: Vec<&Source> = session
        .sources
        .iter()
        .filter(|source| source.kind != "slate")
        .collect();
    let on_air = row.iter().position(|source| source.role == "on_air");
    for better in row.iter().take(on_air.unwrap_or(0)) {
        if better.answers_since.is_none() && better.role == "waiting" {
            let hold_down = duration(better.hold_down);
            let label = &better.label;
            rules.push(format!("After {hold_down} of answers {label} takes over."));
        }
    }
    if let Some(at) = on_air {
        let has_slate = row.len() < session.sources.len();
        rules.push(match (row.get((at + 1) % row.len()), has_slate) {
            (Some(next), _) if row.len() > 1 => {
                format!("If {} is lost, {} is next.", row[at].label, next.label)
            }
            (_, true) => format!(
                "If {} is lost, it is tried again, and the slate is shown until it delivers.",
                row[at].label
            ),
            _ => format!("If {} is lost, it is tried again.", row[at].label),
        });
    }
    let grace = duration(channel.grace_period);
    rules.push(format!(
        "When the last viewer has left, it stops after {grace}."
    ));
    rules
}
