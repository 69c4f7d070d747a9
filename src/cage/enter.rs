//! The steps into the cage, in the one order that works.

use std::ffi::OsString;
use std::path::Path;

use super::order::Order;
use super::places;
use super::report::Missing;

/// What became of it.
#[derive(Debug)]
pub struct Entered {
    /// The layers that are not there.
    pub missing: Vec<Missing>,
}

/// Shuts this process, and what it becomes, in; `tie` is called when the user is the last one, because a change of user
/// cuts the tie to the parent.
///
/// # Errors
/// When a layer that this host has refuses, when `tie` fails, or when the order is strict and a layer is missing.
#[cfg(target_os = "linux")]
pub fn enter(
    order: &Order,
    program: &Path,
    tie: impl FnOnce() -> Result<(), String>,
) -> Result<Entered, String> {
    use super::report::Layer;
    use super::{calls, files, program as programs, user};

    let loader = match programs::loader(program) {
        Ok(loader) => loader,
        Err(why) => {
            tie()?;
            return strictly(order, not_caged(program, &why));
        }
    };
    let guarded = order.wants(Layer::Files) && files::are_guarded();
    own_session();
    let mut missing = Vec::new();
    missing.extend(user::drop_rights(order, program, guarded)?);
    tie()?;
    limit()?;
    rustix::thread::set_no_new_privs(true)
        .map_err(|error| format!("new privileges cannot be refused: {error}"))?;
    missing.extend(files::shut(order, program, loader)?);
    if !order.wants(Layer::Calls) {
        missing.push(Missing::new(Layer::Calls, "left out by order"));
    } else if let Err(why) = calls::shut(order.access.network) {
        missing.push(Missing::new(Layer::Calls, why));
    }
    strictly(order, missing)
}

/// Other systems have no such cage.
///
/// # Errors
/// When `tie` fails, or the order is strict.
#[cfg(not(target_os = "linux"))]
pub fn enter(
    order: &Order,
    program: &Path,
    tie: impl FnOnce() -> Result<(), String>,
) -> Result<Entered, String> {
    tie()?;
    strictly(order, not_caged(program, "only Linux has the means"))
}

/// What a caged program is told of the gateway's environment.
pub fn environment(
    all: impl IntoIterator<Item = (OsString, OsString)>,
) -> Vec<(OsString, OsString)> {
    let harmless = |name: &OsString| name.to_str().is_some_and(places::is_harmless);
    all.into_iter().filter(|(name, _)| harmless(name)).collect()
}

fn strictly(order: &Order, missing: Vec<Missing>) -> Result<Entered, String> {
    if order.strict && !missing.is_empty() {
        let words: Vec<String> = missing.iter().map(ToString::to_string).collect();
        let words = words.join("; ");
        return Err(format!(
            "`cage = \"require\"`, and the cage is not whole here: {words}"
        ));
    }
    Ok(Entered { missing })
}

fn not_caged(program: &Path, why: &str) -> Vec<Missing> {
    use super::report::Layer;

    let why = format!("{} cannot be caged: {why}", program.display());
    [Layer::Files, Layer::Calls]
        .map(|layer| Missing::new(layer, why.clone()))
        .into()
}

/// Without a terminal to type into. The child was born as the leader of its group, and a leader cannot have a session of
/// its own: it steps back for a moment. It goes on without if that is refused.
#[cfg(target_os = "linux")]
fn own_session() {
    use rustix::process::{getpgid, getppid, setpgid, setsid};

    let group = getpgid(getppid()).ok();
    if setpgid(None, group).is_ok() && setsid().is_err() {
        // Whoever kills the group must find it.
        let _ = setpgid(None, None);
    }
}

/// No memory dumps, no files, few descriptors. Not the address space: a ladder of three maps 1.2 GB and uses an eighth
/// of it. Not the processes: they are counted for a user, and every encoder is the same user.
#[cfg(target_os = "linux")]
fn limit() -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    for (resource, most) in [
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Msgqueue, 0),
        (Resource::Nofile, 256),
    ] {
        let allowed = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let limit = Some(most.min(allowed));
        let rlimit = Rlimit {
            current: limit,
            maximum: limit,
        };
        setrlimit(resource, rlimit)
            .map_err(|error| format!("{resource:?} cannot be limited: {error}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::report::{CageReport, Layer};
    use super::*;

    #[test]
    fn a_strict_order_accepts_nothing_less() {
        let order = Order {
            strict: true,
            ..Order::default()
        };
        let missing = || vec![Missing::new(Layer::Ports, "too old")];
        let error = strictly(&order, missing()).unwrap_err();
        assert!(error.contains("ports: too old"), "{error}");
        assert!(strictly(&order, Vec::new()).is_ok());
        assert!(strictly(&Order::default(), missing()).is_ok());
    }

    #[test]
    fn a_program_that_cannot_be_caged_has_no_cage() {
        let report = CageReport::of(not_caged(Path::new("/x"), "it is a script"));
        assert_eq!(report.status(), "none");
        let said = report.to_string();
        assert_eq!(said, "none (/x cannot be caged: it is a script)");
    }
}
