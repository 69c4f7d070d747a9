//! Edits of the file, in every way that files are edited.

use std::fs;
use std::time::Duration;

use crate::gateway::{Gateway, channel, replace};

/// The second channel plays a film: a card would show its name.
fn named(name: &str) -> String {
    let two = format!("source = \"film.mp4\"\nname = \"{name}\"");
    format!("{}{}", channel("one", ""), channel("two", &two))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_edits_and_the_last_one_is_in_force_while_others_play() {
    let gateway = Gateway::start(&named("first")).await;
    let pids = gateway.playing(&["one", "two"]).await;
    for edit in 0..100 {
        let text = named(&format!("edit {edit}"));
        match edit % 2 {
            0 => replace(&gateway.path(), &text),
            _ => fs::write(gateway.path(), &text).unwrap(),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let took = gateway
        .until("the last edit is in force", || {
            gateway.name("two").as_deref() == Some("edit 99")
        })
        .await;
    println!("the last of 100 edits was in force after {took:?}");
    assert_eq!(
        gateway.playing(&["one", "two"]).await,
        pids,
        "a name is worth no new encoder"
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bad_file_is_refused_with_its_place_and_the_old_one_stays() {
    let gateway = Gateway::start(&named("good")).await;
    let pids = gateway.playing(&["one"]).await;
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config/bad");
    let mut bad: Vec<_> = fs::read_dir(corpus)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == "toml"))
        .collect();
    bad.sort();
    assert!(bad.len() >= 40);
    for path in &bad {
        replace(&gateway.path(), &fs::read_to_string(path).unwrap());
        let (status, body) = gateway.ask("POST", "/api/v1/config/reload").await;
        let name = path.display();
        assert_eq!(status, 422, "{name}: {body}");
        let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["error"]["code"], "config_refused");
        assert!(
            answer["error"]["details"]["problems"][0]["line"].is_u64(),
            "{body}"
        );
        assert!(!body.contains("hunter2"), "{name}: {body}");
        assert_eq!(gateway.ids(), ["one", "two"], "{name}");
        assert_eq!(gateway.name("two").as_deref(), Some("good"));
    }
    let (status, ready) = gateway.get("/readyz").await;
    assert_eq!(
        status, 200,
        "a bad file takes no gateway out of its balancer"
    );
    assert!(
        ready.contains("stays in force") && ready.contains("channels.toml:"),
        "{ready}"
    );
    let view = gateway.json("/api/v1/config").await;
    assert!(
        view["last_error"]["problems"][0]["column"].is_u64(),
        "{view}"
    );
    assert!(!view.to_string().contains("hunter2"), "{view}");
    assert_eq!(gateway.playing(&["one"]).await, pids);

    replace(&gateway.path(), &named("better"));
    let took = gateway
        .until("the good one", || {
            gateway.name("two").as_deref() == Some("better")
        })
        .await;
    println!(
        "a good file after {} bad ones was in force after {took:?}",
        bad.len()
    );
    assert!(gateway.json("/api/v1/config").await["last_error"].is_null());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_gone_leaves_its_channels_and_is_told() {
    let gateway = Gateway::start(&named("good")).await;
    let pids = gateway.playing(&["one"]).await;
    fs::remove_file(gateway.path()).unwrap();
    gateway
        .until_async("it is told", async || {
            let (_, ready) = gateway.get("/readyz").await;
            ready.contains("there is no configuration")
        })
        .await;
    assert_eq!(gateway.ids(), ["one", "two"]);
    replace(&gateway.path(), &named("back"));
    let took = gateway
        .until("it is back", || {
            gateway.name("two").as_deref() == Some("back")
        })
        .await;
    println!("a file that came back was in force after {took:?}");
    assert_eq!(gateway.playing(&["one"]).await, pids);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_swapped_behind_a_symlink_is_followed() {
    let folder = crate::gateway::folder_with_fake();
    let at = |name: &str| folder.path().join(name);
    for (name, text) in [("..1", "first"), ("..2", "second")] {
        fs::create_dir(at(name)).unwrap();
        fs::write(at(name).join("channels.toml"), named(text)).unwrap();
    }
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, at("..new")).unwrap();
        fs::rename(at("..new"), at(name)).unwrap();
    };
    link("..1", "..data");
    link("..data/channels.toml", "channels.toml");
    let path = at("channels.toml");
    let (data, new) = (at("..data"), at("..new"));
    let gateway = Gateway::start_in(folder, path.clone()).await;
    // Seen through the links: from here on it is the watch that looks.
    fs::write(&path, named("edited")).unwrap();
    let edited = || gateway.name("two").as_deref() == Some("edited");
    gateway.until("the edit", edited).await;
    std::os::unix::fs::symlink("..2", &new).unwrap();
    fs::rename(new, data).unwrap();
    let took = gateway
        .until("the swap", || {
            gateway.name("two").as_deref() == Some("second")
        })
        .await;
    println!("a swapped folder was in force after {took:?}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_configuration_is_shown_without_its_secrets() {
    let secret = r#"
        sources = [{ url = "http://joe:hunter2@tv.example/hunter2/1.ts?t=hunter2", timeout = "2s",
            user_agent = "hunter2", headers = { "X-Key" = "hunter2" } }]
    "#;
    let hook = "[[webhook]]\nurl = \"http://127.0.0.1:9/hunter2\"\nsecret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n";
    let gateway = Gateway::start(&format!("{}{hook}", channel("one", secret))).await;
    let (status, text) = gateway.get("/api/v1/config").await;
    assert_eq!(status, 200);
    assert!(
        !text.contains("hunter2") && !text.contains("MfKQ"),
        "{text}"
    );
    let view: serde_json::Value = serde_json::from_str(&text).unwrap();
    let source = &view["channels"][0]["sources"][0];
    assert_eq!(source["headers"], serde_json::json!(["X-Key"]));
    assert_eq!(
        (&source["timeout"], &source["has_user_agent"]),
        (&2.0.into(), &true.into())
    );
    assert_eq!(view["webhooks"][0]["label"], "http://127.0.0.1:9/…");
    // The address of the command line stands, and what cannot change now is named.
    let server = "[server]\ncage = \"off\"\nlisten = \"127.0.0.1:1\"\nmax_connections = 77\n";
    replace(
        &gateway.path(),
        &format!("{server}{}", channel("one", secret)),
    );
    gateway.look().await;
    let view = gateway.json("/api/v1/config").await;
    assert_eq!(
        view["needs_restart"],
        serde_json::json!(["max_connections", "max_connections_per_address"])
    );
    gateway.stop().await;
}
