//! The commands: asking a gateway whose operators have tokens, and a token that comes from the environment.

use std::path::Path;
use std::process::{Command, Output};

use crate::gateway::{ALICE, BOB, CHANNELS, Gateway};

/// Runs a command in this folder, with these variables.
async fn headgate(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headgate"));
    command.current_dir(folder).args(arguments);
    command.envs(variables.iter().copied());
    let running = tokio::task::spawn_blocking(move || command.output().unwrap());
    running.await.unwrap()
}

fn said(output: &Output) -> (Option<i32>, String) {
    let text = [&*output.stdout, &*output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[tokio::test]
async fn a_story_is_told_to_who_has_a_token() {
    let gateway = Gateway::with_tokens().await;
    let folder = gateway.folder.path();
    let operators = format!("http://{}", gateway.operators);
    let viewers = format!("http://{}", gateway.viewers);
    let explain = ["explain", "one", "--url", &operators];
    let with = |more: &[&'static str]| {
        [
            explain.map(String::from).to_vec(),
            more.iter().map(|m| (*m).to_owned()).collect(),
        ]
        .concat()
    };

    for (more, variables) in [
        (vec!["--token-file", "bob.token"], vec![]),
        (vec![], vec![("HEADGATE_OPERATORS_TOKEN", BOB)]),
        (vec![], vec![("HEADGATE_OPERATORS_TOKEN_FILE", "bob.token")]),
        (vec!["--token", ALICE], vec![]),
    ] {
        let arguments = with(&more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (code, text) = said(&headgate(folder, &arguments, &variables).await);
        assert_eq!(code, Some(0), "{more:?}: {text}");
    }
    for variables in [
        vec![],
        vec![("HEADGATE_OPERATORS_TOKEN", "nobodys-token-0123456789")],
    ] {
        let (code, text) = said(&headgate(folder, &explain, &variables).await);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("--token-file"), "{text}");
    }
    let elsewhere = ["explain", "one", "--url", &viewers];
    let (code, text) = said(&headgate(folder, &elsewhere, &[]).await);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("does not serve operators"), "{text}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_file_is_checked_with_the_token_of_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("[operators]\nlisten = \"0.0.0.0:8081\"\n{CHANNELS}");
    std::fs::write(folder.path().join("channels.toml"), text).unwrap();
    let (code, text) = said(&headgate(folder.path(), &["check"], &[]).await);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("[[operators.token]]"), "{text}");
    let variables = [("HEADGATE_OPERATORS_TOKEN", ALICE)];
    let (code, text) = said(&headgate(folder.path(), &["check"], &variables).await);
    assert_eq!(code, Some(0), "{text}");
    let short = [("HEADGATE_OPERATORS_TOKEN", "hunter2")];
    let (code, text) = said(&headgate(folder.path(), &["check"], &short).await);
    assert_eq!(code, Some(2), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}
