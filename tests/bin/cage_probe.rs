//! Stands in ffmpeg's place and tries every door: `cage_probe doors KEY=VALUE …` says for each, a line, whether it is
//! open. What it is to try is told, so that a run outside of the cage can show that the doors are there.
//!
//! `cage_probe inside docker|nobody … -- COMMAND …` becomes a command under what a container does to it: Docker's
//! capabilities and a filter like its default one, or another user.

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.split_first() {
        Some((word, rest)) if word == "doors" => linux::doors(rest),
        Some((word, rest)) if word == "inside" => linux::inside(rest),
        _ => panic!("doors or inside?"),
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::fmt::Display;
    use std::fs::{self, File, OpenOptions};
    use std::io::{self, Read, Write};
    use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram, UnixStream};
    use std::os::unix::process::CommandExt;
    use std::process::{Command, ExitCode};
    use std::time::Duration;

    use rustix::process::{
        Pid, PidfdFlags, PidfdGetfdFlags, Resource, Rlimit, Signal, getppid, kill_process,
        pidfd_getfd, pidfd_open, set_parent_process_death_signal, setrlimit, setsid,
        test_kill_process,
    };
    use rustix::thread::{
        CapabilitySet, CapabilitySets, capabilities, remove_capability_from_bounding_set,
        set_capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid,
        set_thread_res_uid,
    };
    use seccompiler::{
        SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule, TargetArch,
    };
    use socket2::{Domain, Protocol, Socket, Type};

    const SOON: Duration = Duration::from_secs(2);

    /// Tries what it is told to, one line for each door.
    pub(super) fn doors(words: &[String]) -> ExitCode {
        for word in words {
            let (key, value) = word.split_once('=').expect("KEY=VALUE");
            match key {
                "read" => tell(word, read(value)),
                "list" => tell(word, fs::read_dir(value).map(drop)),
                "write" => tell(word, OpenOptions::new().append(true).open(value).map(drop)),
                "truncate" => tell(
                    word,
                    OpenOptions::new()
                        .write(true)
                        .truncate(true)
                        .open(value)
                        .map(drop),
                ),
                "create" => tell(word, create(value)),
                "folder" => tell(
                    word,
                    fs::create_dir(format!("{value}/made-by-probe"))
                        .and_then(|()| fs::remove_dir(format!("{value}/made-by-probe"))),
                ),
                "rename" => tell(
                    word,
                    fs::rename(value, format!("{value}.moved"))
                        .and_then(|()| fs::rename(format!("{value}.moved"), value)),
                ),
                "mode" => tell(
                    word,
                    fs::metadata(value)
                        .and_then(|found| fs::set_permissions(value, found.permissions())),
                ),
                "connect" => tell(
                    word,
                    TcpStream::connect_timeout(&address(value), SOON).map(drop),
                ),
                "listen" => tell(word, TcpListener::bind(address(value)).map(drop)),
                "send" => tell(word, send(value)),
                "unix" => tell(word, UnixStream::connect(value).map(drop)),
                "abstract" => tell(word, abstract_socket(value)),
                "socket" => tell(word, socket(value)),
                "variable" => tell(word, std::env::var(value)),
                "process" => process(value),
                "self" => own(),
                "exec" => {
                    tell("spawn", Command::new(value).status().map(drop));
                    // Only a shut door comes back.
                    tell("exec", Err::<(), _>(Command::new(value).exec()));
                }
                _ => panic!("{word}: what is that?"),
            }
        }
        ExitCode::SUCCESS
    }

    fn tell<T, E: Display>(door: &str, attempt: Result<T, E>) {
        let said = match attempt {
            Ok(_) => format!("{door}\topen\n"),
            Err(error) => format!("{door}\tshut\t{error}\n"),
        };
        io::stdout()
            .write_all(said.as_bytes())
            .expect("somebody should read this");
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn read(path: &str) -> io::Result<()> {
        File::open(path)?.read(&mut [0; 1]).map(drop)
    }

    fn create(folder: &str) -> io::Result<()> {
        let path = format!("{folder}/made-by-probe-{}", std::process::id());
        fs::write(&path, "x")?;
        fs::remove_file(path)
    }

    fn send(to: &str) -> io::Result<()> {
        UdpSocket::bind("127.0.0.1:0")?
            .send_to(b"out", to)
            .map(drop)
    }

    fn abstract_socket(name: &str) -> io::Result<()> {
        let address = UnixAddress::from_abstract_name(name)?;
        UnixDatagram::unbound()?.connect_addr(&address)
    }

    fn socket(kind: &str) -> io::Result<()> {
        let made = match kind {
            "netlink" => Socket::new(Domain::from(16), Type::RAW, None),
            "mptcp" => Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP)),
            "icmp" => Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)),
            "packet" => Socket::new(Domain::PACKET, Type::RAW, None),
            "unix" => Socket::new(Domain::UNIX, Type::STREAM, None),
            "udp" => Socket::new(Domain::IPV4, Type::DGRAM, None),
            _ => panic!("{kind}: what is that?"),
        };
        made.map(drop)
    }

    /// Of the test's own, outside of the cage, and of nobody who would be missed.
    fn process(number: &str) {
        let number: i32 = number.parse().expect("a process");
        let pid = Pid::from_raw(number).expect("a process");
        tell("signal", kill_process(pid, Signal::CONT));
        tell(
            "signal the parent",
            test_kill_process(getppid().expect("a parent")),
        );
        // Both of these are what the kernel asks of a debugger.
        tell("memory", File::open(format!("/proc/{number}/mem")));
        tell("environment", read(&format!("/proc/{number}/environ")));
        let taken = pidfd_open(pid, PidfdFlags::empty())
            .and_then(|process| pidfd_getfd(process, 0, PidfdGetfdFlags::empty()));
        tell("descriptor", taken);
    }

    /// What only an attacker wants of itself.
    fn own() {
        tell("outlive the gateway", set_parent_process_death_signal(None));
        tell("another session", setsid());
        let more = Rlimit {
            current: Some(4096),
            maximum: Some(4096),
        };
        tell("more descriptors", setrlimit(Resource::Nofile, more));
        tell(
            "memory that runs",
            rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::empty()),
        );
        tell("capabilities", set_capabilities(None, all()));
    }

    fn all() -> CapabilitySets {
        CapabilitySets {
            effective: CapabilitySet::SYS_ADMIN,
            permitted: CapabilitySet::SYS_ADMIN,
            inheritable: CapabilitySet::empty(),
        }
    }

    /// Becomes a command inside of what the words before `--` name.
    pub(super) fn inside(words: &[String]) -> ExitCode {
        let mut words = words.iter();
        for word in words.by_ref() {
            match word.as_str() {
                "docker" => docker(),
                "nobody" => nobody(),
                "--" => break,
                _ => panic!("{word}: what is that?"),
            }
        }
        let program = words.next().expect("a command");
        let error = Command::new(program).args(words).exec();
        panic!("{program}: {error}");
    }

    fn nobody() {
        let (user, group) = (
            rustix::process::Uid::from_raw(65534),
            rustix::process::Gid::from_raw(65534),
        );
        set_thread_groups(&[]).expect("root");
        set_thread_res_gid(group, group, group).expect("root");
        set_thread_res_uid(user, user, user).expect("root");
    }

    /// What Docker leaves a process by default: 14 capabilities, and no call that makes namespaces, mounts or asks the
    /// kernel for its inside. `clone3` does not exist, because a filter cannot look into its argument.
    fn docker() {
        keep_capabilities();
        set_no_new_privs(true).expect("Linux");
        let refused = [
            libc::SYS_add_key,
            libc::SYS_bpf,
            libc::SYS_delete_module,
            libc::SYS_finit_module,
            libc::SYS_fsopen,
            libc::SYS_init_module,
            libc::SYS_io_uring_setup,
            libc::SYS_kexec_load,
            libc::SYS_keyctl,
            libc::SYS_mount,
            libc::SYS_move_mount,
            libc::SYS_open_by_handle_at,
            libc::SYS_perf_event_open,
            libc::SYS_pivot_root,
            libc::SYS_reboot,
            libc::SYS_request_key,
            libc::SYS_setns,
            libc::SYS_swapon,
            libc::SYS_umount2,
            libc::SYS_unshare,
            libc::SYS_userfaultfd,
        ];
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
            refused.into_iter().map(|call| (call, Vec::new())).collect();
        let spaces = [
            0x0002_0000_u64,
            0x0200_0000,
            0x0400_0000,
            0x0800_0000,
            0x1000_0000,
            0x2000_0000,
            0x4000_0000,
        ];
        let spaces = spaces.map(|space| {
            let condition = SeccompCondition::new(
                0,
                SeccompCmpArgLen::Dword,
                SeccompCmpOp::MaskedEq(space),
                space,
            );
            SeccompRule::new(vec![condition.expect("a condition")]).expect("a rule")
        });
        rules.insert(libc::SYS_clone, spaces.into());
        apply(rules, 1);
        apply(BTreeMap::from([(libc::SYS_clone3, Vec::new())]), 38);
    }

    fn apply(rules: BTreeMap<i64, Vec<SeccompRule>>, error: u32) {
        let processor = TargetArch::try_from(std::env::consts::ARCH).expect("a known processor");
        let refuse = SeccompAction::Errno(error);
        let filter =
            SeccompFilter::new(rules, SeccompAction::Allow, refuse, processor).expect("a filter");
        let program: seccompiler::BpfProgram = filter.try_into().expect("a program");
        seccompiler::apply_filter(&program).expect("the filter should be taken");
    }

    fn keep_capabilities() {
        let kept = [
            CapabilitySet::CHOWN,
            CapabilitySet::DAC_OVERRIDE,
            CapabilitySet::FSETID,
            CapabilitySet::FOWNER,
            CapabilitySet::MKNOD,
            CapabilitySet::NET_RAW,
            CapabilitySet::SETGID,
            CapabilitySet::SETUID,
            CapabilitySet::SETFCAP,
            CapabilitySet::SETPCAP,
            CapabilitySet::NET_BIND_SERVICE,
            CapabilitySet::SYS_CHROOT,
            CapabilitySet::KILL,
            CapabilitySet::AUDIT_WRITE,
        ];
        let kept = kept
            .into_iter()
            .fold(CapabilitySet::empty(), CapabilitySet::union);
        let now = capabilities(None).expect("Linux").permitted;
        for number in 0..64 {
            let one = CapabilitySet::from_bits_retain(1 << number);
            if !kept.contains(one) && now.contains(one) {
                // A capability that this kernel does not know.
                let _ = remove_capability_from_bounding_set(one);
            }
        }
        let sets = CapabilitySets {
            effective: now & kept,
            permitted: now & kept,
            inheritable: CapabilitySet::empty(),
        };
        set_capabilities(None, sets).expect("fewer capabilities");
    }
}
