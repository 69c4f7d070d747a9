//! With one layer taken away another one still holds; and what is missing is said.

use std::process::Command;

use headgate::cage::{Layer, Missing, Network, Order};

use super::world::{Host, World, headgate, is_root, kernel_has};

/// What the launcher says is missing, and what it says to people.
fn examine(order: &Order, program: &std::path::Path) -> (Vec<Missing>, String, bool) {
    let output = Command::new(headgate())
        .args(["__launch", "--parent", &std::process::id().to_string()])
        .args(order.words())
        .arg("--examine")
        .arg("--")
        .arg(program)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let missing = text.lines().filter_map(Missing::parse).collect();
    (missing, said, output.status.success())
}

#[test]
fn without_landlock_the_other_user_and_the_calls_hold() {
    if !is_root() || !kernel_has(Layer::Calls) {
        eprintln!("NOT TESTED: only root has another user to become");
        return;
    }
    let world = World::new();
    let mut order = world.order(Network::Nothing);
    order.without = vec![Layer::Files];
    let found = world.launch(Host::Bare, Some(&order), &world.doors());
    let private = format!("read={}", world.path("private.mp4").display());
    for door in [
        "read=/etc/shadow",
        private.as_str(),
        "signal",
        "memory",
        "descriptor",
        "spawn",
    ] {
        assert!(found.is_shut(door), "{door}");
    }
    let written = [
        "create=",
        "write=",
        "truncate=",
        "rename=",
        "mode=",
        "folder=",
        "connect=",
        "send=",
        "listen=",
        "unix=",
        "abstract=",
    ];
    let open = found.open();
    let leaks = open
        .iter()
        .filter(|door| written.iter().any(|kind| door.starts_with(kind)));
    assert_eq!(leaks.count(), 0, "{open:?}");
    assert!(
        open.contains(&"read=/etc/passwd"),
        "the layer was really gone: {open:?}"
    );
}

#[test]
fn without_the_list_of_calls_files_and_programs_stay_shut() {
    if !kernel_has(Layer::Files) {
        return;
    }
    let world = World::new();
    let mut order = world.order(Network::Nothing);
    order.without = vec![Layer::Calls];
    let found = world.launch(Host::Bare, Some(&order), &world.doors());
    let open = found.open();
    let own = format!("read={}", world.path("own.mp4").display());
    let files = [
        "read=",
        "list=",
        "create=",
        "write=",
        "truncate=",
        "rename=",
        "folder=",
    ];
    let leaks = open
        .iter()
        .filter(|door| files.iter().any(|kind| door.starts_with(kind)) && **door != own);
    assert_eq!(leaks.count(), 0, "{open:?}");
    for door in ["exec", "spawn"] {
        assert!(found.is_shut(door), "{door}");
    }
    if kernel_has(Layer::Ports) {
        assert!(
            !open.iter().any(|door| door.starts_with("connect=")),
            "{open:?}"
        );
    }
    if kernel_has(Layer::Scopes) {
        for door in ["signal", "signal the parent", "descriptor", "memory"] {
            assert!(found.is_shut(door), "{door}");
        }
        assert!(
            !open.iter().any(|door| door.starts_with("abstract=")),
            "{open:?}"
        );
    }
    assert!(
        open.contains(&"socket=udp"),
        "the layer was really gone: {open:?}"
    );
}

#[test]
fn the_first_landlock_there_was_shuts_everything_for_who_needs_no_network() {
    if !kernel_has(Layer::Files) || !kernel_has(Layer::Calls) {
        return;
    }
    let world = World::new();
    let mut order = world.order(Network::Nothing);
    order.without = vec![Layer::Ports, Layer::Scopes];
    let found = world.launch(Host::Bare, Some(&order), &world.doors());
    let own = format!("read={}", world.path("own.mp4").display());
    assert_eq!(found.open(), [own]);
}

#[test]
fn what_this_host_lacks_is_what_is_said() {
    let world = World::new();
    let (missing, said, success) = examine(&world.order(Network::Proxy(1)), &world.probe());
    assert!(success, "{said}");
    for layer in [Layer::Files, Layer::Ports, Layer::Scopes, Layer::Calls] {
        let is_said = missing.iter().any(|missing| missing.layer == layer);
        assert_eq!(is_said, !kernel_has(layer), "{layer:?}: {missing:?}");
    }
    assert!(
        !missing.iter().any(|missing| missing.layer == Layer::User),
        "{missing:?}"
    );
}

#[test]
fn each_layer_that_is_left_out_is_missed() {
    let world = World::new();
    for layer in Layer::ALL.into_iter().filter(|layer| kernel_has(*layer)) {
        let mut order = world.order(Network::Proxy(1));
        order.without = vec![layer];
        let (missing, said, success) = examine(&order, &world.probe());
        assert!(success, "{said}");
        assert!(
            missing.iter().any(|missing| missing.layer == layer),
            "{layer:?}: {missing:?}"
        );
        order.strict = true;
        let (_, said, success) = examine(&order, &world.probe());
        assert!(
            !success && said.contains("require") && said.contains(layer.name()),
            "{said}"
        );
        let found = world.launch(Host::Bare, Some(&order), &world.doors());
        assert!(
            found.doors.is_empty() && !found.success,
            "it was not to be started"
        );
    }
}

#[test]
fn a_script_is_not_caged_and_that_is_said() {
    let world = World::new();
    let script = world.path("script");
    std::fs::write(&script, format!("#!/bin/sh\n{:60}\n", "exit 0")).unwrap();
    let (missing, ..) = examine(&world.order(Network::Nothing), &script);
    let report = headgate::cage::CageReport::of(missing);
    assert_eq!(report.status(), "none");
    assert!(report.to_string().contains("script"), "{report}");
}
