//! What is kept, and what a disk can do to it.

use std::fs;

use serde_json::Value;

use super::*;

fn change(status: u16) -> Change {
    Change {
        operator: "alice".into(),
        role: "operate",
        address: "192.0.2.7".parse().unwrap(),
        action: "restart".into(),
        method: "POST".into(),
        path: "/api/v1/sessions/x/restart".into(),
        detail: String::new(),
        status,
        code: "",
        outcome: Outcome::of(status),
        channel: None,
        session: None,
    }
}

fn audit(file: Option<PathBuf>) -> Arc<Audit> {
    Audit::new(Events::new(Timestamp::UNIX_EPOCH), file)
}

#[tokio::test]
async fn the_last_changes_are_kept_the_newest_first() {
    let audit = audit(None);
    for number in 0..MEMORY + 7 {
        audit.keep(Timestamp::UNIX_EPOCH, change([204, 404, 500][number % 3]));
    }
    let recent = audit.recent();
    let ids: Vec<u64> = recent.iter().map(|record| record.id).collect();
    let newest = MEMORY as u64 + 7;
    assert_eq!(ids.len(), MEMORY);
    assert!(ids.iter().copied().eq((8..=newest).rev()));
    assert_eq!(audit.totals().changes, [336, 336, 335]);
}

#[tokio::test]
async fn each_change_is_an_event() {
    let audit = audit(None);
    audit.keep(Timestamp::UNIX_EPOCH, change(202));
    let events = audit.events.recent();
    let json = serde_json::to_value(&*events[0]).unwrap();
    assert_eq!(json["type"], "operator.acted");
    assert_eq!(json["data"]["operator"], "alice");
    assert_eq!(json["data"]["outcome"], "done");
}

#[tokio::test]
async fn each_change_is_a_line_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    fs::write(&path, "{\"id\":0}\n").unwrap();
    let audit = audit(Some(path.clone()));
    for status in [202, 404] {
        audit.keep(Timestamp::UNIX_EPOCH, change(status));
    }
    audit.drain().await;
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3, "it is appended to");
    assert_eq!(lines[1]["operator"], "alice");
    assert_eq!(lines[1]["at"], "1970-01-01T00:00:00Z");
    assert_eq!(
        (&lines[2]["outcome"], &lines[2]["status"]),
        (&"refused".into(), &404.into())
    );
    assert_eq!((audit.totals().written, audit.totals().lost), (2, 0));
    // After the end it is counted that nothing is written.
    audit.keep(Timestamp::UNIX_EPOCH, change(202));
    assert_eq!(audit.totals().lost, 1);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_costs_lines_and_nothing_else() {
    let audit = audit(Some("/dev/full".into()));
    for _ in 0..3 {
        audit.keep(Timestamp::UNIX_EPOCH, change(202));
    }
    audit.drain().await;
    assert_eq!((audit.totals().written, audit.totals().lost), (0, 3));
    assert_eq!(audit.recent().len(), 3);
    let trouble = audit.trouble().unwrap();
    assert!(
        trouble.contains("/dev/full") && trouble.contains("No space"),
        "{trouble}"
    );
}

#[tokio::test]
async fn a_folder_that_comes_back_is_written_to_again() {
    let folder = tempfile::tempdir().unwrap();
    let away = folder.path().join("away");
    let audit = audit(Some(away.join("audit.jsonl")));
    audit.keep(Timestamp::UNIX_EPOCH, change(202));
    while audit.totals().lost == 0 {
        tokio::task::yield_now().await;
    }
    assert!(audit.trouble().is_some());
    fs::create_dir(&away).unwrap();
    audit.keep(Timestamp::UNIX_EPOCH, change(202));
    audit.drain().await;
    assert_eq!((audit.totals().written, audit.totals().lost), (1, 1));
    assert_eq!(audit.trouble(), None);
}
