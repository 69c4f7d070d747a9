//! What a prisoner could wish for, all of it there: files, servers, processes, folders; and how it is let in.

use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use headgate::cage::{Access, Layer, Network, Order};
use landlock::{AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, Scope};

/// A variable of the gateway's environment that is nobody's business.
const SECRET: &str = "HEADGATE_TEST_SECRET";

pub(crate) struct World {
    folder: tempfile::TempDir,
    home: tempfile::TempDir,
    pub(crate) listeners: Vec<TcpListener>,
    udp: UdpSocket,
    _unix: UnixListener,
    _abstract: UnixDatagram,
    victim: Child,
}

/// What was found: each door, and the error of those that are shut.
pub(crate) struct Found {
    pub(crate) doors: BTreeMap<String, Option<String>>,
    pub(crate) said: String,
    pub(crate) success: bool,
}

/// Whom the launcher lives under.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Host {
    Bare,
    Docker,
    /// Docker, and a user of its own from the start.
    DockerNobody,
}

// === impl World ===

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        open_to_all(folder.path());
        for name in ["channels.toml", "own.mp4", "private.mp4", "writable"] {
            let path = folder.path().join(name);
            fs::write(&path, "what stands in it").unwrap();
            let mode = if name == "private.mp4" { 0o600 } else { 0o666 };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        // As the folder of a user would be, if it were not private.
        let home = tempfile::tempdir_in(std::env::var_os("HOME").unwrap_or("/tmp".into())).unwrap();
        open_to_all(home.path());
        fs::write(home.path().join("id_ed25519"), "a key").unwrap();
        let unix = folder.path().join("socket");
        let name = folder.path().display().to_string();
        let listen = |at: usize| {
            let address = if at.is_multiple_of(2) {
                "127.0.0.1:0"
            } else {
                "127.0.0.2:0"
            };
            TcpListener::bind(address).unwrap()
        };
        let abstract_name = UnixAddress::from_abstract_name(&name).unwrap();
        let world = Self {
            home,
            listeners: (0..20).map(listen).collect(),
            udp: UdpSocket::bind("127.0.0.1:0").unwrap(),
            _unix: UnixListener::bind(&unix).unwrap(),
            _abstract: UnixDatagram::bind_addr(&abstract_name).unwrap(),
            victim: Command::new("sleep").arg("600").spawn().unwrap(),
            folder,
        };
        fs::set_permissions(unix, fs::Permissions::from_mode(0o777)).unwrap();
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn port(&self, at: usize) -> u16 {
        self.listeners[at].local_addr().unwrap().port()
    }

    pub(crate) fn connection(&self, at: usize) -> String {
        format!("connect={}", self.listeners[at].local_addr().unwrap())
    }

    /// Every door that there is, the one that does not come back last.
    pub(crate) fn doors(&self) -> Vec<String> {
        let (folder, home) = (self.folder.path().display(), self.home.path().display());
        let mut doors: Vec<String> = [
            "/etc/shadow",
            "/etc/passwd",
            "/proc/self/environ",
            "/proc/self/maps",
            "/proc/1/status",
        ]
        .map(|path| format!("read={path}"))
        .into();
        for name in ["channels.toml", "own.mp4", "private.mp4"] {
            doors.push(format!("read={folder}/{name}"));
        }
        doors.push(format!("read={home}/id_ed25519"));
        doors.extend(["/", "/etc", "/home", "/tmp"].map(|path| format!("list={path}")));
        doors.push(format!("list={home}"));
        for path in [
            folder.to_string(),
            home.to_string(),
            ".".into(),
            "/tmp".into(),
            "/var/tmp".into(),
            "/dev/shm".into(),
        ] {
            doors.push(format!("create={path}"));
        }
        for how in ["write", "truncate", "rename", "mode"] {
            doors.push(format!("{how}={folder}/writable"));
        }
        doors.push(format!("folder={folder}"));
        doors.extend((0..self.listeners.len()).map(|at| self.connection(at)));
        doors.push("listen=127.0.0.1:0".into());
        doors.push(format!("send={}", self.udp.local_addr().unwrap()));
        doors.push(format!("unix={folder}/socket"));
        doors.push(format!("abstract={folder}"));
        doors.extend(["netlink", "mptcp", "unix", "udp"].map(|kind| format!("socket={kind}")));
        doors.push(format!("variable={SECRET}"));
        doors.push(format!("process={}", self.victim.id()));
        doors.push("self=".into());
        doors.push("exec=/bin/true".into());
        doors
    }

    /// A launched ffmpeg is told to reach this.
    pub(crate) fn order(&self, network: Network) -> Order {
        Order {
            access: Access {
                files: vec![self.path("own.mp4")],
                network,
            },
            ..Order::default()
        }
    }

    /// The probe in ffmpeg's place; without an order as if there were no cage.
    pub(crate) fn launch(&self, host: Host, order: Option<&Order>, doors: &[String]) -> Found {
        let mut command = match host {
            Host::Bare => Command::new(headgate()),
            Host::Docker | Host::DockerNobody => {
                let mut command = Command::new(self.probe());
                command.args(["inside", "docker"]);
                command.args((host == Host::DockerNobody).then_some("nobody"));
                command.arg("--").arg(self.visible_headgate());
                command
            }
        };
        command.args(["__launch", "--parent", &std::process::id().to_string()]);
        command.args(order.map(Order::words).unwrap_or_default());
        command.arg("--").arg(self.probe()).arg("doors").args(doors);
        let output = command
            .env(SECRET, "hush")
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let text = String::from_utf8_lossy(&output.stdout);
        let door = |line: &str| {
            let mut words = line.split('\t');
            let name = words.next()?.to_owned();
            let shut = words.next()? == "shut";
            Some((
                name,
                shut.then(|| words.next().unwrap_or_default().to_owned()),
            ))
        };
        Found {
            doors: text.lines().filter_map(door).collect(),
            said,
            success: output.status.success(),
        }
    }

    /// Where another user than the one who built it may run it.
    pub(crate) fn probe(&self) -> PathBuf {
        self.copy(&built("examples/cage_probe"), "probe")
    }

    fn visible_headgate(&self) -> PathBuf {
        self.copy(Path::new(headgate()), "headgate")
    }

    fn copy(&self, program: &Path, name: &str) -> PathBuf {
        let path = self.path(name);
        if !path.exists() {
            fs::copy(program, &path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        path
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.victim.kill();
        let _ = self.victim.wait();
    }
}

// === impl Found ===

impl Found {
    /// The doors that are open.
    pub(crate) fn open(&self) -> Vec<&str> {
        let doors = self.doors.iter();
        doors
            .filter(|(_, shut)| shut.is_none())
            .map(|(name, _)| name.as_str())
            .collect()
    }

    pub(crate) fn is_shut(&self, door: &str) -> bool {
        match self.doors.get(door) {
            Some(shut) => shut.is_some(),
            None => panic!("nobody tried {door}: {:?}, {}", self.doors, self.said),
        }
    }
}

pub(crate) fn headgate() -> &'static str {
    env!("CARGO_BIN_EXE_headgate")
}

/// Of what cargo built beside the tests.
fn built(name: &str) -> PathBuf {
    let path = Path::new(headgate()).with_file_name(name);
    assert!(path.exists(), "{path:?}: cargo build --example cage_probe");
    path
}

fn open_to_all(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
}

/// Asked of the kernel without the gateway's code: a layer that it has must hold.
pub(crate) fn kernel_has(layer: Layer) -> bool {
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let has = match layer {
        Layer::Files => ruleset.handle_access(AccessFs::Execute).is_ok(),
        Layer::Ports => ruleset.handle_access(AccessNet::ConnectTcp).is_ok(),
        Layer::Scopes => ruleset.scope(Scope::Signal).is_ok(),
        Layer::Calls => matches!(std::env::consts::ARCH, "x86_64" | "aarch64" | "riscv64"),
        Layer::User => is_root(),
    };
    if !has {
        eprintln!(
            "NOT TESTED: this host has no layer {:?}; what it holds is left out",
            layer.name()
        );
    }
    has
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
