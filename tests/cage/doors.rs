//! Every door, inside and outside.

use headgate::cage::{Layer, Network};

use super::world::{Host, World, is_root, kernel_has};

/// What stays open in the cage: the child's own source.
fn permitted(world: &World) -> String {
    format!("read={}", world.path("own.mp4").display())
}

/// Doors that are shut without a cage too, where the test itself may not open them.
fn is_for_root(door: &str) -> bool {
    ["read=/etc/shadow", "capabilities"].contains(&door)
}

#[test]
fn without_a_cage_the_doors_open() {
    let world = World::new();
    let found = world.launch(Host::Bare, None, &world.doors());
    assert!(
        found.success,
        "it should have become /bin/true: {}",
        found.said
    );
    let shut: Vec<&String> = found
        .doors
        .iter()
        .filter(|(door, shut)| shut.is_some() && (is_root() || !is_for_root(door)))
        // Not every kernel is built with it.
        .filter(|(door, _)| *door != "socket=mptcp")
        // Leading a group already.
        .filter(|(door, _)| *door != "another session")
        .map(|(door, _)| door)
        .collect();
    assert!(
        shut.is_empty(),
        "nothing proved of {shut:?}: {:?}",
        found.doors
    );
    assert!(found.doors.len() > 50, "{:?}", found.doors.keys());
    assert!(
        !found.doors.contains_key("exec"),
        "an open one does not come back"
    );
}

#[test]
fn in_the_cage_every_door_is_shut() {
    if !kernel_has(Layer::Files) || !kernel_has(Layer::Calls) {
        return;
    }
    for host in [Host::Bare, Host::Docker, Host::DockerNobody] {
        if host != Host::Bare && !is_root() {
            eprintln!("NOT TESTED: {host:?} is made by root only");
            continue;
        }
        let world = World::new();
        let order = world.order(Network::Nothing);
        let found = world.launch(host, Some(&order), &world.doors());
        assert!(found.success, "{host:?}: {}", found.said);
        assert_eq!(found.open(), [permitted(&world)], "{host:?}");
        assert!(found.is_shut("exec") && found.is_shut("spawn"), "{host:?}");
        assert!(found.doors.len() > 50, "{host:?}: {:?}", found.doors);
    }
}

#[test]
fn a_private_source_is_read_and_nothing_else_that_is_private() {
    if !kernel_has(Layer::Files) {
        return;
    }
    for host in [Host::Bare, Host::Docker] {
        if host == Host::Docker && !is_root() {
            continue;
        }
        let world = World::new();
        let mut order = world.order(Network::Nothing);
        order.access.files = vec![world.path("private.mp4")];
        let found = world.launch(host, Some(&order), &world.doors());
        let own = format!("read={}", world.path("private.mp4").display());
        assert_eq!(found.open(), [own], "{host:?}: {}", found.said);
    }
}

#[test]
fn the_way_out_is_one_port_and_nothing_else() {
    if !kernel_has(Layer::Ports) || !kernel_has(Layer::Calls) {
        return;
    }
    let world = World::new();
    let order = world.order(Network::Proxy(world.port(3)));
    let found = world.launch(Host::Bare, Some(&order), &world.doors());
    let mut open = [world.connection(3), permitted(&world)];
    open.sort();
    assert_eq!(found.open(), open);
}

#[test]
fn each_network_reaches_what_it_names() {
    if !kernel_has(Layer::Ports) || !kernel_has(Layer::Calls) {
        return;
    }
    let world = World::new();
    let reach = |network| {
        let found = world.launch(Host::Bare, Some(&world.order(network)), &world.doors());
        let open = found.open().into_iter().map(str::to_owned);
        let open: Vec<String> = open.filter(|door| *door != permitted(&world)).collect();
        let (tcp, other): (Vec<_>, Vec<_>) = open
            .into_iter()
            .partition(|door| door.starts_with("connect="));
        (
            tcp.len(),
            other.iter().any(|door| door.starts_with("send=")),
            other,
        )
    };
    let (tcp, _, other) = reach(Network::Web);
    assert_eq!(tcp, 20, "any server of the web");
    let files = ["/etc/passwd", "/etc/shadow"];
    assert!(
        !files
            .iter()
            .any(|path| other.contains(&format!("read={path}"))),
        "{other:?}"
    );
    assert!(
        !other
            .iter()
            .any(|door| door.starts_with("listen=") || door.starts_with("create=")),
        "{other:?}"
    );
    let (tcp, udp, _) = reach(Network::Datagrams);
    assert_eq!((tcp, udp), (0, true), "UDP, and no TCP");
    let (tcp, _, other) = reach(Network::Streams(world.port(0)));
    assert_eq!(tcp, 1, "one port");
    assert!(
        !other
            .iter()
            .any(|door| door.contains("mptcp") || door.contains("netlink")),
        "{other:?}"
    );
}
