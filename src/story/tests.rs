//! Whole stories, as people read them.

use serde_json::{Value, json};

use super::*;

const NOW: &str = "2026-03-01T14:05:00Z";

fn story(channel: Value) -> String {
    let channel: Channel = serde_json::from_value(channel).unwrap();
    tell(&channel, NOW.parse().unwrap())
}

fn source(label: &str, kind: &str, role: &str) -> Value {
    json!({ "position": 0, "label": label, "kind": kind, "role": role, "hold_down": 30.0, "recent_losses": 0 })
}

fn with(mut value: Value, more: &Value) -> Value {
    for (key, new) in more.as_object().unwrap() {
        value[key] = new.clone();
    }
    value
}

fn session(state: &str, reason: &str, more: &Value) -> Value {
    let session = json!({
        "state": state, "reason": reason, "viewers": 2, "source": "primary", "bytes_sent": 84_000_000,
        "last_access": "2026-03-01T14:04:59.600Z", "memory_bytes": 12_400_000, "first_part_ms": 850,
    });
    with(session, more)
}

fn channel(session: &Value) -> Value {
    json!({ "id": "news", "name": "News 24", "grace_period": 30.0, "session": session })
}

#[test]
fn nobody_has_come_yet() {
    let mut idle = channel(&Value::Null);
    idle["sources"] = json!([
        { "position": 0, "label": "primary", "kind": "live" },
        { "position": 1, "label": "slate:Back soon", "kind": "slate" },
    ]);
    insta::assert_snapshot!(story(idle));
}

#[test]
fn the_second_source_plays_and_the_first_answers_again() {
    let more = json!({
        "source": "backup",
        "encoder": { "pid": 4711, "speed": 1.004, "fps": 25.0, "restarts": 1, "cpu": 0.314, "memory": 91_000_000 },
        "renditions": [
            { "name": "720p", "kind": "video", "resolution": "1280x720", "measured_bitrate": 2_480_000 },
            { "name": "audio", "kind": "audio", "measured_bitrate": 127_000 },
        ],
        "sources": [
            with(source("primary", "live", "waiting"), &json!({
                "answers_since": "2026-03-01T14:04:48Z", "last_error": "ffmpeg ended (exit status: 1): Connection refused",
                "last_error_at": "2026-03-01T14:02:10Z", "recent_losses": 1 })),
            source("backup", "live", "on_air"),
            source("slate:Back soon", "slate", "waiting"),
        ],
        "next": [
            { "at": "2026-03-01T14:05:03Z", "reason": "probe", "what": "primary is asked whether it is back" },
            { "at": "2026-03-01T14:05:18Z", "reason": "hold_down", "what": "primary takes over if it answers until then" },
        ],
        "history": [
            { "at": "2026-02-28T23:59:00Z", "kind": "state", "what": "starting: the first viewer came" },
            { "at": "2026-03-01T14:02:10.1Z", "kind": "encoder_ended", "what": "encoder 99 ended: Connection refused",
              "pid": 99, "ran_for": 42.12, "lines": ["[http] something", "Connection refused"] },
            { "at": "2026-03-01T14:02:10.2Z", "kind": "source_lost", "source": "primary",
              "what": "ffmpeg ended (exit status: 1): Connection refused" },
            { "at": "2026-03-01T14:02:10.2Z", "kind": "state", "what":
              "active: the encoder was lost, the next one starts: ffmpeg ended (exit status: 1): Connection refused" },
            { "at": "2026-03-01T14:02:10.3Z", "kind": "encoder_started", "what": "encoder 4711 started for backup",
              "source": "backup", "pid": 4711 },
            { "at": "2026-03-01T14:02:11Z", "kind": "source_lost", "source": "primary", "what": "Connection refused",
              "times": 7, "last_at": "2026-03-01T14:02:18Z" },
            { "at": "2026-03-01T14:02:12Z", "kind": "source_switched", "what": "viewers see backup instead of primary" },
        ],
    });
    insta::assert_snapshot!(story(channel(&session(
        "active",
        "a new encoder delivers",
        &more
    ))));
}

#[test]
fn the_slate_is_shown() {
    let more = json!({
        "slate_shown": true, "source": "slate:Back soon", "blocked_requests": 1,
        "sources": [
            with(source("primary", "live", "tried"), &json!({ "recent_losses": 5,
                "last_error": "the source delivered nothing in its time", "last_error_at": "2026-03-01T14:04:58Z",
                "rests_until": "2026-03-01T14:05:41Z" })),
            source("slate:Back soon", "slate", "on_air"),
        ],
        "next": [{ "at": "2026-03-01T14:05:01Z", "reason": "retry", "what": "primary is tried" }],
    });
    insta::assert_snapshot!(story(channel(&session(
        "active",
        "no source delivers: 5 encoders were lost within a minute: Connection refused",
        &more
    ))));
}

#[test]
fn it_has_failed() {
    let more = json!({
        "viewers": 0, "held_until": "2026-03-01T15:00:00Z", "first_part_ms": null,
        "sources": [source("primary", "live", "waiting")],
        "next": [{ "at": "2026-03-01T14:05:02Z", "reason": "rest", "what": "the next viewer may start it again" }],
    });
    insta::assert_snapshot!(story(channel(&session(
        "failed",
        "the source delivered nothing within 10 s",
        &more
    ))));
}

#[test]
fn an_answer_of_another_version_is_a_shorter_story() {
    let text =
        story(json!({ "id": "old", "session": { "state": "dreaming", "reason": "why not" } }));
    assert!(
        text.contains("Channel old at 2026-03-01 14:05:00 UTC"),
        "{text}"
    );
    assert!(text.contains("It is dreaming. Why not."), "{text}");
}
