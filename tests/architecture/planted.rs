//! The walls are tested too: every kind of violation, planted, is found, and innocent look-alikes are not.

use super::source::SourceFile;
use super::{MAX_LINES, violations};

const CORE: &str = "//! Why.\n#![deny(clippy::disallowed_methods, clippy::disallowed_types)]\n";

/// What is said about one file with this code in it.
fn said(path: &str, code: &str) -> Vec<String> {
    violations(&[SourceFile {
        path: path.to_owned(),
        text: format!("{CORE}{code}\n"),
    }])
}

#[track_caller]
fn found(path: &str, code: &str, what: &str) {
    let said = said(path, code);
    let hit = said.iter().any(|line| line.contains(what));
    assert!(
        hit,
        "{code:?} in {path} should be found as {what:?}: {said:?}"
    );
}

#[track_caller]
fn free(path: &str, code: &str) {
    let said = said(path, code);
    assert!(said.is_empty(), "{code:?} in {path} is fine: {said:?}");
}

#[test]
fn arrows_that_point_up_are_found() {
    found(
        "src/hls/window.rs",
        "use crate::session::Lease;",
        "may not use `session::Lease`",
    );
    found(
        "src/media/mod.rs",
        "fn f(x: &crate::hls::Rendered) {}",
        "may not use",
    );
    found(
        "src/session/map.rs",
        "use crate::{base::ChannelId, http::Route};",
        "http::Route",
    );
    found(
        "src/http/media.rs",
        "use super::super::encoder::Launcher;",
        "encoder::Launcher",
    );
    found("src/http/mod.rs", "use super::telemetry;", "telemetry");
    found(
        "src/encoder/process.rs",
        "use crate::hls::{self};",
        "may not use",
    );
    found(
        "src/session/state.rs",
        "use super::map::SessionMap;",
        "session::map",
    );
    found(
        "src/config/model.rs",
        "use headgate::media;",
        "may not use `media`",
    );
}

#[test]
fn arrows_that_point_down_are_free() {
    free(
        "src/session/map.rs",
        "use crate::{base::ChannelId, hls::{Rendered, Part as P}, config};",
    );
    free(
        "src/session/map.rs",
        "use super::{error::ServeError, report};",
    );
    free("src/app.rs", "use crate::{http, session, telemetry};");
    free(
        "src/http/api/sessions.rs",
        "use super::super::answer::Answer; use crate::session::*;",
    );
    free(
        "src/encoder/plan/ladder.rs",
        "use super::argv; use crate::config::Rung;",
    );
}

#[test]
fn a_core_room_that_reaches_for_the_world_is_found() {
    for code in [
        "use tokio::sync::watch;",
        "use tokio;",
        "use tracing as log;",
        "fn f() { tracing::info!(\"x\"); }",
        "use std::{fmt, fs as files};",
        "fn f() { std::thread::sleep(x) }",
        "fn f() { let t = std::time::Instant::now(); }",
        "use std::time::{Instant, SystemTime}; fn f() { SystemTime::now(); }",
        "use std::net::{IpAddr, TcpStream};",
        "use dashmap::DashMap;",
        "fn f() -> impl Fn() + use<'_> { || { rand::random::<u8>() } }",
    ] {
        found("src/hls/packager.rs", code, "is pure");
        found("src/session/state.rs", code, "is pure");
        found("src/http/route.rs", code, "is pure");
        found("src/encoder/plan/argv.rs", code, "is pure");
    }
}

#[test]
fn what_looks_like_the_world_and_is_not_is_free() {
    for code in [
        "use std::net::{IpAddr, SocketAddr}; use std::time::{Duration, Instant};",
        "fn notify(rand: u8) -> u8 { let tokio = rand; tokio }",
        "// use tokio::spawn;\n/* std::fs /* nested */ Instant::now */",
        "const A: &str = \"use tokio::spawn; // \\\" \"; const B: &str = r#\"std::fs \" \"#;",
        "const C: char = '\"'; fn f<'a>(x: &'a str) -> &'a str { x } const D: u8 = b'\\'';",
        "#[cfg(test)] mod tests { use std::fs; use tokio::spawn; }",
        "#[cfg(test)]\n#[derive(Debug)]\nstruct S { at: tokio::time::Instant }",
        "#[cfg(all(test, unix))] use std::fs;",
    ] {
        free("src/hls/packager.rs", code);
    }
}

#[test]
fn what_is_not_for_tests_alone_is_still_found() {
    found(
        "src/hls/packager.rs",
        "#[cfg(not(test))] use std::fs;",
        "is pure",
    );
    found(
        "src/hls/packager.rs",
        "#[cfg(test)] mod tests { } use std::fs;",
        "is pure",
    );
    found(
        "src/hls/packager.rs",
        "#[cfg(test)] mod golden; use std::fs;",
        "is pure",
    );
}

#[test]
fn a_test_module_in_its_own_file_is_free_and_only_that_one() {
    let file = |path: &str, code: &str| SourceFile {
        path: path.to_owned(),
        text: format!("{CORE}{code}\n"),
    };
    let parent = file("src/hls/packager.rs", "#[cfg(test)] mod golden;");
    let golden = file("src/hls/packager/golden.rs", "use std::fs;");
    let other = file("src/hls/packager/other.rs", "use std::fs;");
    let said = violations(&[parent, golden, other]);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("src/hls/packager/other.rs:3:"),
        "{said:?}"
    );
}

#[test]
fn a_heavy_thing_away_from_its_home_is_found() {
    found(
        "src/session/actor.rs",
        "use dashmap::DashMap;",
        "`dashmap` lives in",
    );
    found(
        "src/session/actor.rs",
        "fn f(r: hyper::Request<()>) {}",
        "`hyper` lives in",
    );
    found(
        "src/config/mod.rs",
        "use notify::Watcher;",
        "`notify` lives in",
    );
    found(
        "src/session/actor.rs",
        "use tokio::process::{Child, Command};",
        "process::Command",
    );
    found(
        "src/encoder/pipes.rs",
        "use std::process; fn f() { process::Command::new(x); }",
        "process::Command",
    );
    found(
        "src/app.rs",
        "fn f() { std::process::exit(1) }",
        "process::exit",
    );
    found(
        "src/encoder/process.rs",
        "use std::env; fn f() { env::var_os(x); }",
        "env::var_os",
    );
}

#[test]
fn a_heavy_thing_at_home_is_free() {
    free("src/session/map.rs", "use dashmap::DashMap;");
    free("src/http/connection.rs", "use hyper::body::Incoming;");
    free("src/encoder/process.rs", "use tokio::process::Command;");
    free(
        "src/main.rs",
        "fn main() { std::process::exit(std::env::args().len() as i32) }",
    );
    free(
        "src/session/actor.rs",
        "enum Command { Stop } fn f(c: Command) { Command::Stop; }",
    );
}

#[test]
fn unfinished_work_is_found_also_in_tests() {
    found("src/session/map.rs", "fn f() { todo!() }", "`todo`");
    found(
        "src/session/map.rs",
        "fn f() { unimplemented!(\"later\") }",
        "`unimplemented`",
    );
    found(
        "src/session/map.rs",
        "#[cfg(test)] mod t { #[test] #[ignore = \"slow\"] fn f() {} }",
        "`ignore`",
    );
    free("src/session/map.rs", "fn todo() {} // todo!()");
}

#[test]
fn shapeless_files_are_found() {
    let text = |text: &str| {
        violations(&[SourceFile {
            path: "src/session/map.rs".to_owned(),
            text: text.to_owned(),
        }])
    };
    assert!(text("use std::fmt;\n")[0].contains("header"));
    assert!(text(&format!("//! Why.\n{}", "\n".repeat(MAX_LINES)))[0].contains("longer than"));
    assert!(text(&format!("//! Why.\n{}", "\n".repeat(MAX_LINES - 1))).is_empty());
    found("src/session/utils.rs", "", "`utils` says nothing");
    let unwalled = violations(&[SourceFile {
        path: "src/hls/mod.rs".to_owned(),
        text: "//! Why.\n".to_owned(),
    }]);
    assert!(unwalled[0].contains("begins with `#![deny"), "{unwalled:?}");
}

#[test]
#[should_panic(expected = "stands in no room")]
fn a_room_that_nobody_announced_is_found() {
    said("src/cluster/mod.rs", "use crate::base;");
}
