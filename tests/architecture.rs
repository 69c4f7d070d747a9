//! The walls of the house, kept by a machine: who may use whom, where heavy things live, what the core never touches.
//!
//! Reads `src/` and compares the paths that the code names with the tables below. A new room, a new arrow or a new home
//! is one line in a table, and a reason for it in `ARCHITECTURE.md`. Test modules are free: what is said here is about
//! the product. Clippy keeps what needs types: locks across `.await`, clocks behind an alias, prints.

#[path = "architecture/source.rs"]
mod source;

use std::collections::HashSet;
use std::path::Path;
use std::{fs, io};

use source::{NamedPath, SourceFile, Token};

// === The tables ===

/// No file is longer than this, its tests included: longer ones hold two ideas.
const MAX_LINES: usize = 400;

/// Modules below a room's own are its own. The most particular line counts.
struct Room {
    /// `encoder::plan`; the empty one is the root of the crate.
    module: &'static str,
    /// What it may name of this crate besides itself.
    may_use: &'static [&'static str],
    kind: Kind,
}

#[derive(PartialEq)]
enum Kind {
    /// Pure: no clock, no system, no runtime, no logger.
    Core,
    /// May wait, spawn and log; never an edge.
    Engine,
    /// The way in or out; edges do not see each other.
    Edge,
    /// Sees every room.
    Wiring,
}

const ROOMS: &[Room] = &[
    room("", &[], Kind::Wiring),
    room("main", &[], Kind::Wiring),
    room(
        "access",
        &["base", "client", "config", "security"],
        Kind::Engine,
    ),
    room("app", &[], Kind::Wiring),
    room("audit", &["base", "events"], Kind::Engine),
    room("cli", &[], Kind::Wiring),
    room("commands", &[], Kind::Wiring),
    room("base", &[], Kind::Core),
    room("media", &["base"], Kind::Core),
    room("hls", &["base", "media"], Kind::Core),
    room("cage", &[], Kind::Engine),
    room("cage::access", &[], Kind::Core),
    room("cage::report", &[], Kind::Core),
    room("client", &[], Kind::Engine),
    room("dash", &["base", "hls", "media"], Kind::Core),
    room("config", &["base", "events"], Kind::Engine),
    room("config::secret", &["base"], Kind::Core),
    room("config::access_spec", &["config::secret"], Kind::Core),
    room(
        "config::model",
        &[
            "base",
            "config::access_spec",
            "config::operators_spec",
            "config::secret",
        ],
        Kind::Core,
    ),
    room("config::operators_spec", &["config::secret"], Kind::Core),
    room(
        "config::diff",
        &["base", "config::model", "config::secret"],
        Kind::Core,
    ),
    room("config::watch", &["base", "config"], Kind::Edge),
    room("egress", &["base", "client", "config"], Kind::Engine),
    room("egress::address", &["base"], Kind::Core),
    room("egress::manifest", &["egress::names"], Kind::Core),
    room("egress::names", &[], Kind::Core),
    room(
        "encoder",
        &["base", "cage", "config", "egress", "media"],
        Kind::Engine,
    ),
    room(
        "encoder::plan",
        &[
            "base",
            "cage::access",
            "config",
            "egress::names",
            "encoder::scrub",
            "media",
        ],
        Kind::Core,
    ),
    room("encoder::scrub", &["base"], Kind::Core),
    room("discovery", &["iptv"], Kind::Edge),
    room("events", &["base"], Kind::Engine),
    room("fuzzing", &[], Kind::Wiring),
    room(
        "guide",
        &["client", "config", "egress", "iptv"],
        Kind::Engine,
    ),
    room("iptv", &["config"], Kind::Core),
    room(
        "session",
        &[
            "base",
            "cage::CageReport",
            "config",
            "dash",
            "egress",
            "encoder",
            "events",
            "hls",
            "media",
            "pressure",
        ],
        Kind::Engine,
    ),
    room("security", &["base"], Kind::Core),
    room("session::cmcd", &[], Kind::Core),
    room("session::state", &["base"], Kind::Core),
    room(
        "http",
        &[
            "access", "audit", "base", "config", "events", "guide", "hls", "iptv", "security",
            "session", "tls",
        ],
        Kind::Edge,
    ),
    room(
        "http::route",
        &["base", "hls", "iptv", "session::MediaName"],
        Kind::Core,
    ),
    room("pressure", &["config", "events"], Kind::Engine),
    room("pressure::watermark", &[], Kind::Core),
    room("security", &["base", "config"], Kind::Core),
    room("story", &[], Kind::Core),
    room(
        "telemetry",
        &[
            "audit", "base", "config", "egress", "pressure", "session", "tls",
        ],
        Kind::Edge,
    ),
    room("tls", &["base", "config"], Kind::Engine),
    room("tls::validity", &[], Kind::Core),
    room(
        "webhook",
        &["base", "client", "config", "events"],
        Kind::Edge,
    ),
    room("webhook::delivery", &[], Kind::Core),
    room("webhook::signature", &[], Kind::Core),
];

/// Crates that the core does without.
const NOT_IN_CORE_CRATES: &[&str] = &[
    "axum",
    "dashmap",
    "getrandom",
    "hyper",
    "hyper_util",
    "notify",
    "parking_lot",
    "procfs",
    "rand",
    "rustix",
    "tokio",
    "tokio_util",
    "tower",
    "tracing",
];

/// Paths that the core does without. Addresses (`std::net::IpAddr`) are data and welcome.
const NOT_IN_CORE_PATHS: &[&str] = &[
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Uuid::now_v7",
    "Uuid::new_v4",
    "std::env",
    "std::fs",
    "std::os",
    "std::process",
    "std::thread",
    "TcpListener",
    "TcpStream",
    "ToSocketAddrs",
    "UdpSocket",
];

/// One heavy dependency, one home: `(crate, the modules that may name it)`.
const CRATE_HOMES: &[(&str, &[&str])] = &[
    ("dashmap", &["session::map"]),
    ("foldhash", &["session::map"]),
    ("landlock", &["cage::files"]),
    ("libc", &["cage"]),
    ("seccompiler", &["cage::calls"]),
    ("hyper", &["egress", "guide::fetch", "http", "webhook"]),
    ("hyper_util", &["client", "egress", "http", "tls::client"]),
    (
        "hyper_rustls",
        &["client", "egress::connect", "tls::client"],
    ),
    ("instant_acme", &["tls"]),
    ("quick_xml", &["iptv::xmltv_reader", "iptv::xmltv_values"]),
    ("rcgen", &["tls"]),
    ("rustls", &["client", "egress::lease", "tls"]),
    ("rustls_pki_types", &["tls"]),
    ("socket2", &["discovery", "http::unsent"]),
    ("subtle", &["iptv::xtream", "security"]),
    ("tokio_rustls", &["tls::accept"]),
    ("toml_edit", &["iptv::import"]),
    ("zstd", &["hls::rendered"]),
    ("hmac", &["security::token", "webhook::signature"]),
    ("ring", &["client", "egress::lease", "security::jwk", "tls"]),
    ("sha2", &["security", "webhook::signature"]),
    ("axum", &["http"]),
    ("tower", &["egress::connect", "http"]),
    ("socket2", &["http::unsent"]),
    ("rust_embed", &["http"]),
    ("notify", &["config::watch"]),
    ("toml", &["config"]),
    ("annotate_snippets", &["config"]),
    ("mp4_atom", &["media"]),
    ("m3u8_rs", &["hls"]),
    ("procfs", &["encoder", "telemetry"]),
    (
        "prometheus_client",
        &["telemetry", "http::counters", "webhook::counters"],
    ),
    ("tracing_subscriber", &["telemetry"]),
    ("clap", &["cli", "main"]),
    // Descriptions of plain data are plain data.
    (
        "utoipa",
        &[
            "audit::record",
            "events::event",
            "http",
            "session::playback",
            "session::report",
        ],
    ),
];

/// The same for paths: `(path, the modules that may name it)`.
const PATH_HOMES: &[(&str, &[&str])] = &[
    ("process::Command", SPAWNERS),
    ("CommandExt", SPAWNERS),
    ("kill_process", &["encoder"]),
    ("kill_process_group", &["encoder"]),
    ("process::exit", &["main"]),
    ("env::args", &["main"]),
    ("env::args_os", &["main"]),
    ("env::var", &["main"]),
    ("env::var_os", &["main"]),
    ("env::vars", &["main"]),
    // The launcher is a process of its own, and hands on what is harmless.
    ("env::vars_os", &["encoder::launch", "main"]),
];

/// Who starts processes: ffmpeg itself, the launcher between it and the gateway, and the probes of what ffmpeg can do.
const SPAWNERS: &[&str] = &[
    "encoder::capability",
    "encoder::launch",
    "encoder::probe",
    "encoder::process",
    "encoder::spawner",
];

/// Macros that mean unfinished work, anywhere.
const UNFINISHED: &[&str] = &["todo", "unimplemented"];

/// Names of rooms that collect what nobody thought about.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "helpers", "types", "manager"];

const fn room(module: &'static str, may_use: &'static [&'static str], kind: Kind) -> Room {
    Room {
        module,
        may_use,
        kind,
    }
}

// === The checks ===

/// Everything that is wrong with a set of files under `src/`: `path:line: what`.
fn violations(files: &[SourceFile]) -> Vec<String> {
    let exempt = test_only_files(files);
    let mut wrong = Vec::new();
    for file in files {
        let module = module_of(&file.path);
        check_shape(file, &mut wrong);
        check_unfinished(file, &mut wrong);
        if exempt.iter().any(|test| within(&module, test)) {
            continue;
        }
        let code = source::code_tokens(&file.text);
        for named in source::named_paths(&code) {
            let report = |what: String| format!("{}:{}: {what}", file.path, named.line);
            wrong.extend(wrong_arrow(&module, &named).map(report));
            wrong.extend(impure(&module, &named).map(report));
            wrong.extend(away_from_home(&module, &named).map(report));
        }
    }
    wrong
}

fn check_shape(file: &SourceFile, wrong: &mut Vec<String>) {
    let lines = file.text.lines().count();
    if lines > MAX_LINES {
        let path = &file.path;
        wrong.push(format!(
            "{path}:{lines}: longer than {MAX_LINES} lines: which two ideas are in here?"
        ));
    }
    if !file.text.starts_with("//!") {
        wrong.push(format!(
            "{}:1: no `//!` header that says why this file exists",
            file.path
        ));
    }
    let module = module_of(&file.path);
    if let Some(name) = module.split("::").find(|name| EMPTY_NAMES.contains(name)) {
        wrong.push(format!(
            "{}:1: `{name}` says nothing; name the thing",
            file.path
        ));
    }
    let walled = is_core(&module) && ROOMS.iter().any(|room| room.module == module);
    if walled && !file.text.contains("#![deny(clippy::disallowed_methods") {
        wrong.push(format!(
            "{}:1: a core room begins with `#![deny(clippy::disallowed_methods, clippy::disallowed_types)]`",
            file.path
        ));
    }
}

fn check_unfinished(file: &SourceFile, wrong: &mut Vec<String>) {
    let all = source::tokens(&file.text);
    let says = |run: &[Token], words: &[&str]| {
        run.iter()
            .map(|t| t.text.as_str())
            .eq(words.iter().copied())
    };
    for run in all.windows(3) {
        let unfinished = UNFINISHED.iter().any(|name| says(&run[..2], &[name, "!"]));
        let switched_off = says(run, &["#", "[", "ignore"]);
        if !unfinished && !switched_off {
            continue;
        }
        let what = if unfinished { &run[0] } else { &run[2] };
        let (path, line, what) = (&file.path, what.line, &what.text);
        wrong.push(format!(
            "{path}:{line}: `{what}`: nothing is left for later"
        ));
    }
}

fn wrong_arrow(module: &str, named: &NamedPath) -> Option<String> {
    if !named.imported && named.segments.len() == 1 {
        return None; // `pub(crate)` and `pub(super)` name nothing.
    }
    let target = target_in_crate(module, &named.segments)?;
    let from = room_of(module);
    let free = from.kind == Kind::Wiring || within(&target, from.module);
    if free || from.may_use.iter().any(|room| within(&target, room)) {
        return None;
    }
    Some(format!("`{}` may not use `{target}`", from.module))
}

fn impure(module: &str, named: &NamedPath) -> Option<String> {
    if !is_core(module) {
        return None;
    }
    let by_crate = NOT_IN_CORE_CRATES
        .iter()
        .find(|name| named.begins_in_crate(name));
    let by_path = || NOT_IN_CORE_PATHS.iter().find(|path| named.contains(path));
    let what = by_crate.or_else(by_path)?;
    Some(format!(
        "`{module}` is pure: no `{what}` here; take it as an argument or return an effect"
    ))
}

fn away_from_home(module: &str, named: &NamedPath) -> Option<String> {
    let by_crate = CRATE_HOMES
        .iter()
        .find(|(name, _)| named.begins_in_crate(name));
    let by_path = || PATH_HOMES.iter().find(|(path, _)| named.contains(path));
    let (what, homes) = by_crate.or_else(by_path)?;
    if homes.iter().any(|home| within(module, home)) {
        return None;
    }
    Some(format!("`{what}` lives in {homes:?}, not in `{module}`"))
}

// === Names of modules ===

/// `src/hls/mod.rs` is `hls`, `src/hls/window.rs` is `hls::window`, `src/lib.rs` is the root, the empty one.
fn module_of(path: &str) -> String {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs");
    let module = inside.trim_end_matches("/mod").replace('/', "::");
    if module == "lib" {
        String::new()
    } else {
        module
    }
}

/// What a path of this crate points at, from the crate's root; `None` for paths of other crates.
fn target_in_crate(module: &str, segments: &[String]) -> Option<String> {
    let mut base: Vec<&str> = module.split("::").filter(|name| !name.is_empty()).collect();
    let rest = match segments[0].as_str() {
        "crate" | "headgate" => {
            base.clear();
            &segments[1..]
        }
        "super" => {
            let up = segments.iter().take_while(|name| *name == "super").count();
            base.truncate(base.len().saturating_sub(up));
            &segments[up..]
        }
        _ => return None,
    };
    base.extend(rest.iter().map(String::as_str));
    Some(base.join("::"))
}

/// Is `module` the room, or in it?
fn within(module: &str, room: &str) -> bool {
    module == room
        || module
            .strip_prefix(room)
            .is_some_and(|rest| rest.starts_with("::"))
}

fn room_of(module: &str) -> &'static Room {
    ROOMS
        .iter()
        .filter(|room| within(module, room.module))
        .max_by_key(|room| room.module.len())
        .unwrap_or_else(|| panic!("`{module}` stands in no room: give it a line in ROOMS"))
}

fn is_core(module: &str) -> bool {
    room_of(module).kind == Kind::Core
}

/// The modules in files of their own that are compiled for tests only.
fn test_only_files(files: &[SourceFile]) -> HashSet<String> {
    let mut found = HashSet::new();
    for file in files {
        let parent = module_of(&file.path);
        for name in source::test_modules(&file.text) {
            found.insert(
                format!("{parent}::{name}")
                    .trim_start_matches("::")
                    .to_owned(),
            );
        }
    }
    found
}

// === Reading the house ===

/// Every Rust file below a folder of the crate, in order.
fn rust_files(folder: &str) -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(root, &root.join(folder), &mut files)
        .expect("the crate's own files should be readable");
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<SourceFile>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let inside = path.strip_prefix(root).unwrap_or(&path);
            files.push(SourceFile {
                path: inside.to_string_lossy().replace('\\', "/"),
                text: fs::read_to_string(&path)?,
            });
        }
    }
    Ok(())
}

#[test]
fn the_house_keeps_its_walls() {
    let files = rust_files("src");
    assert!(files.len() > 10, "src/ was not found");
    let wrong = violations(&files);
    assert!(wrong.is_empty(), "walls broken:\n{}", wrong.join("\n"));
}

#[test]
fn no_test_is_switched_off() {
    let mut wrong = Vec::new();
    for file in rust_files("tests") {
        check_unfinished(&file, &mut wrong);
    }
    assert!(wrong.is_empty(), "switched off:\n{}", wrong.join("\n"));
}

/// The table itself obeys the arrows: it cannot be loosened into nonsense by one careless line.
#[test]
fn edges_are_never_allowed_to_see_edges_or_encoders() {
    let edges: Vec<&Room> = ROOMS
        .iter()
        .filter(|room| room.kind == Kind::Edge)
        .collect();
    for edge in &edges {
        assert!(!edge.may_use.contains(&"encoder"), "{}", edge.module);
        for other in &edges {
            assert!(!edge.may_use.contains(&other.module), "{}", edge.module);
        }
    }
    for engine in ROOMS
        .iter()
        .filter(|room| matches!(room.kind, Kind::Core | Kind::Engine))
    {
        for edge in &edges {
            assert!(!engine.may_use.contains(&edge.module), "{}", engine.module);
        }
    }
}

#[path = "architecture/planted.rs"]
mod planted;
