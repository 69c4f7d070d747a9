//! seccomp: which system calls there are for ffmpeg, and with which arguments.

use std::collections::BTreeMap;

use libc::{c_int, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use super::access::Network;
use super::lists;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;
type Failure = seccompiler::BackendError;

/// Requests to a device that are questions: whether it is a terminal, how much there is to read, whether to wait.
const QUESTIONS: [u64; 6] = [
    libc::TCGETS,
    libc::TIOCGWINSZ,
    libc::FIONREAD,
    libc::FIONBIO,
    libc::FIOCLEX,
    libc::FIONCLEX,
];

/// What a process may say of itself: its threads' names, whether it can be looked into, what it is allowed.
const SAYINGS: [c_int; 5] = [
    libc::PR_SET_NAME,
    libc::PR_GET_NAME,
    libc::PR_GET_DUMPABLE,
    libc::PR_CAPBSET_READ,
    libc::PR_GET_NO_NEW_PRIVS,
];

/// Any of these opens a file for something else than reading.
const WRITING: [c_int; 4] = [libc::O_WRONLY, libc::O_RDWR, libc::O_CREAT, libc::O_TRUNC];

/// Shuts every call that the network does not need, for this process and what it becomes; it cannot be undone.
///
/// # Errors
/// When this kernel or this processor has no such filter.
pub(super) fn shut(network: Network) -> Result<(), String> {
    let said = |error: &dyn std::fmt::Display| {
        format!("system calls cannot be filtered here ({error}): ffmpeg can use any of them")
    };
    let own = u64::from(std::process::id());
    // The later filter decides which error is seen where both refuse, and needs `seccomp` itself to come in.
    let refusing = refusing().map_err(|error| said(&error))?;
    let allowing = allowing(network, own).map_err(|error| said(&error))?;
    seccompiler::apply_filter(&refusing).map_err(|error| said(&error))?;
    seccompiler::apply_filter(&allowing).map_err(|error| said(&error))
}

/// What is not permitted, whatever else is.
fn refusing() -> Result<BpfProgram, Failure> {
    let mut rules = Rules::new();
    for call in lists::REFUSED.iter().chain(lists::REFUSED_HERE) {
        if *call != libc::SYS_seccomp {
            rules.insert(*call, Vec::new());
        }
    }
    // A process beside this one would outlive it; a thread does not.
    let thread = condition(0, SeccompCmpOp::MaskedEq(flag(libc::CLONE_THREAD)), 0)?;
    rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![thread])?]);
    for (call, argument) in openers() {
        let each = WRITING.into_iter().map(|bit| {
            let bit = flag(bit);
            SeccompRule::new(vec![condition(argument, SeccompCmpOp::MaskedEq(bit), bit)?])
        });
        rules.insert(call, each.collect::<Result<_, _>>()?);
    }
    let refuse = SeccompAction::Errno(code(libc::EPERM));
    compile(rules, SeccompAction::Allow, refuse)
}

/// What there is.
fn allowing(network: Network, own: u64) -> Result<BpfProgram, Failure> {
    let mut rules = Rules::new();
    for call in lists::ALLOWED.iter().chain(lists::ALLOWED_HERE) {
        rules.insert(*call, Vec::new());
    }
    let only = |argument, values: &[u64]| -> Result<Vec<SeccompRule>, Failure> {
        let rule =
            |value: &u64| SeccompRule::new(vec![condition(argument, SeccompCmpOp::Eq, *value)?]);
        values.iter().map(rule).collect()
    };
    rules.insert(libc::SYS_ioctl, only(1, &QUESTIONS)?);
    rules.insert(libc::SYS_prctl, only(0, &SAYINGS.map(flag))?);
    rules.insert(libc::SYS_tgkill, only(0, &[own])?);
    rules.insert(libc::SYS_prlimit64, only(0, &[0, own])?);
    if network != Network::Nothing {
        sockets(&mut rules, network)?;
    }
    // Old programs of the same processor count their calls differently; the filter ends them.
    let absent = SeccompAction::Errno(code(libc::ENOSYS));
    compile(rules, absent, SeccompAction::Allow)
}

fn sockets(rules: &mut Rules, network: Network) -> Result<(), Failure> {
    for call in lists::SOCKETS {
        rules.insert(*call, Vec::new());
    }
    // Data in the first packet connects without asking Landlock, in some kernels.
    for (call, argument) in [
        (libc::SYS_sendto, 3),
        (libc::SYS_sendmsg, 2),
        (libc::SYS_sendmmsg, 3),
    ] {
        let plain = condition(
            argument,
            SeccompCmpOp::MaskedEq(flag(libc::MSG_FASTOPEN)),
            0,
        )?;
        rules.insert(call, vec![SeccompRule::new(vec![plain])?]);
    }
    let stream = (libc::SOCK_STREAM, libc::IPPROTO_TCP);
    let datagram = (libc::SOCK_DGRAM, libc::IPPROTO_UDP);
    let kinds: &[(c_int, c_int)] = match network {
        Network::Nothing => &[],
        Network::Proxy(_) => &[stream],
        Network::Web | Network::Streams(_) => &[stream, datagram],
        Network::Datagrams => &[datagram],
    };
    if network == Network::Datagrams {
        rules.insert(libc::SYS_bind, Vec::new());
    }
    let mut makers = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        for (kind, protocol) in kinds {
            // Not what has streams too and escapes Landlock: MPTCP, SCTP, SMC.
            for protocol in [0, *protocol] {
                makers.push(SeccompRule::new(vec![
                    condition(0, SeccompCmpOp::Eq, flag(family))?,
                    condition(1, SeccompCmpOp::MaskedEq(0xf), flag(*kind))?,
                    condition(2, SeccompCmpOp::Eq, flag(protocol))?,
                ])?);
            }
        }
    }
    rules.insert(libc::SYS_socket, makers);
    Ok(())
}

/// Calls that open a file, and which of their arguments says what for.
fn openers() -> Vec<(c_long, u8)> {
    let mut openers = vec![(libc::SYS_openat, 2)];
    #[cfg(target_arch = "x86_64")]
    openers.push((libc::SYS_open, 1));
    openers
}

fn condition(
    argument: u8,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, Failure> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

/// Flags and error numbers are positive.
fn flag(value: c_int) -> u64 {
    u64::from(code(value))
}

fn code(value: c_int) -> u32 {
    value.unsigned_abs()
}

fn compile(
    rules: Rules,
    otherwise: SeccompAction,
    matched: SeccompAction,
) -> Result<BpfProgram, Failure> {
    let processor = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, otherwise, matched, processor)?.try_into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_compile_for_every_network() {
        refusing().unwrap();
        for network in [
            Network::Nothing,
            Network::Web,
            Network::Proxy(80),
            Network::Streams(554),
            Network::Datagrams,
        ] {
            allowing(network, 1).unwrap();
        }
    }

    #[test]
    fn no_call_is_both_free_and_refused() {
        let free = lists::ALLOWED
            .iter()
            .chain(lists::ALLOWED_HERE)
            .chain(lists::SOCKETS);
        for call in free {
            assert!(!lists::REFUSED.contains(call), "{call}");
            assert!(!lists::REFUSED_HERE.contains(call), "{call}");
        }
    }
}
