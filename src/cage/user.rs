//! Another user than root, and no capabilities.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::io;
use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    configure_capability_in_ambient_set, set_capabilities, set_keep_capabilities,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use super::order::Order;
use super::report::{Layer, Missing};

/// `nobody` nearly everywhere, and in every container: owns nothing.
const NOBODY: u32 = 65534;

/// What it takes to become another user, and to end that one's processes afterwards.
const NEEDED: CapabilitySet = CapabilitySet::SETUID
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::KILL);

/// Gives root away, where this is root, and every capability. `files_are_guarded` says that what may be read is decided
/// by Landlock afterwards: then a private file that the order names stays readable.
///
/// # Errors
/// When the kernel refuses what it should not.
pub(super) fn drop_rights(
    order: &Order,
    program: &Path,
    files_are_guarded: bool,
) -> Result<Option<Missing>, String> {
    if !order.wants(Layer::User) {
        return Ok(Some(Missing::new(Layer::User, "left out by order")));
    }
    let refused = |error: io::Errno| format!("rights cannot be given away: {error}");
    if !geteuid().is_root() {
        return keep(CapabilitySet::empty()).map(|()| None).map_err(refused);
    }
    let has = capabilities(None).map_err(refused)?.effective;
    if !has.contains(NEEDED) {
        keep(CapabilitySet::empty()).map_err(refused)?;
        return Ok(Some(still_root(
            "root without the right to become another user and end it (SETUID, SETGID, KILL)",
        )));
    }
    if !is_for_others(program) {
        keep(CapabilitySet::empty()).map_err(refused)?;
        return Ok(Some(still_root("only root may run this ffmpeg")));
    }
    // Docker leaves root the wider one of the two.
    let mut readers = [CapabilitySet::DAC_READ_SEARCH, CapabilitySet::DAC_OVERRIDE].into_iter();
    let reader = readers
        .find(|reader| has.contains(*reader))
        .filter(|_| files_are_guarded);
    match become_nobody(order, program, reader) {
        Ok(missing) => Ok(missing),
        // A container that knows no other user.
        Err(io::Errno::INVAL) => {
            keep(CapabilitySet::empty()).map_err(refused)?;
            Ok(Some(still_root(
                "this container knows no other user than root",
            )))
        }
        Err(error) => Err(refused(error)),
    }
}

fn still_root(why: &str) -> Missing {
    Missing::new(
        Layer::User,
        format!(
            "ffmpeg stays root, without capabilities: {why}; start the gateway as another user"
        ),
    )
}

fn is_for_others(program: &Path) -> bool {
    program
        .metadata()
        .is_ok_and(|metadata| metadata.mode() & 0o001 != 0)
}

/// `reader` is what opens private files to a process that Landlock lets open nothing else.
fn become_nobody(
    order: &Order,
    program: &Path,
    reader: Option<CapabilitySet>,
) -> io::Result<Option<Missing>> {
    let (root, nobody) = (Uid::ROOT, Uid::from_raw(NOBODY));
    let group = Gid::from_raw(NOBODY);
    set_thread_groups(&[])?;
    set_thread_res_gid(group, group, group)?;
    set_keep_capabilities(true)?;
    // Root is kept in the back until it is known that it is not needed.
    set_thread_res_uid(root, nobody, root)?;
    let mut files = order.access.files.iter().map(std::path::PathBuf::as_path);
    let is_private = is_denied(program) || files.any(is_denied);
    set_thread_res_uid(root, root, root)?;
    if is_private && reader.is_none() {
        keep(CapabilitySet::empty())?;
        return Ok(Some(still_root(
            "its source may be read by root only, and nothing else would guard other files",
        )));
    }
    set_thread_res_uid(nobody, nobody, nobody)?;
    keep(match is_private {
        true => reader.unwrap_or(CapabilitySet::empty()),
        false => CapabilitySet::empty(),
    })?;
    Ok(None)
}

/// A file that is not there, or is a folder, fails in its own way later.
fn is_denied(path: &Path) -> bool {
    File::open(path).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

/// Keeps these capabilities only, through the exec.
fn keep(kept: CapabilitySet) -> io::Result<()> {
    // Kernels before 4.3 have no such set.
    let _ = clear_ambient_capability_set();
    set_capabilities(
        None,
        CapabilitySets {
            effective: kept,
            permitted: kept,
            inheritable: kept,
        },
    )?;
    if !kept.is_empty() {
        configure_capability_in_ambient_set(kept, true)?;
    }
    Ok(())
}
