//! Landlock: files, programs, TCP ports, signals and abstract sockets, without privileges.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath,
    PathFd, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};

use super::access::Network;
use super::order::Order;
use super::places;
use super::report::{Layer, Missing};

/// Names are asked for over TCP when the answer is long.
const DOMAIN: u16 = 53;

/// Whether this kernel can guard files at all.
pub(super) fn are_guarded() -> bool {
    has(|ruleset| ruleset.handle_access(AccessFs::Execute))
}

/// Shuts everything that the order does not name; says which layers this kernel does not have.
///
/// # Errors
/// When the kernel has Landlock and refuses it.
pub(super) fn shut(
    order: &Order,
    program: &Path,
    loader: Option<PathBuf>,
) -> Result<Vec<Missing>, String> {
    let missing = lacking(order);
    if missing.iter().any(|missing| missing.layer == Layer::Files) {
        return Ok(missing);
    }
    restrict(order, program, loader)
        .map_err(|error| format!("the kernel refuses to shut files and ports: {error}"))?;
    Ok(missing)
}

fn lacking(order: &Order) -> Vec<Missing> {
    let mut missing = Vec::new();
    let mut lack = |layer, there: bool, why: &str| {
        if !order.wants(layer) {
            missing.push(Missing::new(layer, "left out by order"));
        } else if !there {
            missing.push(Missing::new(layer, why));
        }
    };
    lack(
        Layer::Files,
        are_guarded(),
        "this kernel has no Landlock (Linux 5.13, in the list of `lsm=`): ffmpeg can read what its user can read, and run programs",
    );
    lack(
        Layer::Ports,
        has_ports() && order.wants(Layer::Files),
        "this kernel's Landlock does not know TCP (Linux 6.7): an ffmpeg with a network source can connect to any port",
    );
    lack(
        Layer::Scopes,
        has(|ruleset| ruleset.scope(Scope::Signal)) && order.wants(Layer::Files),
        "this kernel's Landlock does not know scopes (Linux 6.12): only the list of system calls keeps signals in",
    );
    missing
}

fn has_ports() -> bool {
    has(|ruleset| ruleset.handle_access(AccessNet::ConnectTcp))
}

fn has(feature: impl FnOnce(Ruleset) -> Result<Ruleset, RulesetError>) -> bool {
    feature(Ruleset::default().set_compatibility(CompatLevel::HardRequirement)).is_ok()
}

fn restrict(order: &Order, program: &Path, loader: Option<PathBuf>) -> Result<(), RulesetError> {
    // What a newer kernel than this one is asked for is left out by the library.
    let abi = ABI::V9;
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?;
    if order.wants(Layer::Ports) {
        ruleset = ruleset.handle_access(AccessNet::BindTcp)?;
        if order.access.network != Network::Web {
            ruleset = ruleset.handle_access(AccessNet::ConnectTcp)?;
        }
    }
    if order.wants(Layer::Scopes) {
        ruleset = ruleset
            .scope(Scope::Signal)?
            .scope(Scope::AbstractUnixSocket)?;
    }
    let mut rules = ruleset.create()?;
    let run = AccessFs::Execute | AccessFs::ReadFile;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    for path in [Some(program), loader.as_deref()].into_iter().flatten() {
        rules = allow(rules, path, run)?;
    }
    for path in places::FOR_ALL
        .iter()
        .copied()
        .chain(places::of(order.access.network))
    {
        rules = allow(rules, Path::new(path), read)?;
    }
    for path in beside(program).iter().chain(&order.access.files) {
        rules = allow(rules, path, read)?;
    }
    if order.wants(Layer::Ports) {
        for port in ports(order.access.network) {
            rules = rules.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
        }
    }
    rules.restrict_self().map(drop)
}

fn ports(network: Network) -> Vec<u16> {
    match network {
        Network::Proxy(port) => vec![port],
        Network::Streams(port) => vec![port, DOMAIN],
        Network::Nothing | Network::Web | Network::Datagrams => Vec::new(),
    }
}

/// What is not there cannot be opened anyway.
fn allow(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    let Ok(place) = PathFd::new(path) else {
        return Ok(rules);
    };
    let access = match path.is_dir() {
        true => access,
        false => access & !BitFlags::from(AccessFs::ReadDir),
    };
    rules.add_rule(PathBeneath::new(place, access))
}

/// The libraries of a program that was unpacked somewhere: `…/bin/ffmpeg` has them in `…/lib`.
fn beside(program: &Path) -> Vec<PathBuf> {
    let real = program
        .canonicalize()
        .unwrap_or_else(|_| program.to_owned());
    let Some(folder) = real.parent().filter(|folder| folder.ends_with("bin")) else {
        return Vec::new();
    };
    // Directly below the root it is one of the places anyway; and `lib` of a home folder may be anything.
    let prefix = folder
        .parent()
        .filter(|prefix| prefix.starts_with("/opt") || prefix.starts_with("/usr"));
    let folders = prefix.map(|prefix| [prefix.join("lib"), prefix.join("lib64")]);
    folders.into_iter().flatten().collect()
}
