//! What a program needs to be run at all: the loader that it names.
//!
//! Only a program itself can be caged: what a script runs is other programs, and those are what the cage forbids.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The longest path of a loader, in bytes.
const MAX_LOADER: u64 = 4096;

/// The type of a program header that names the loader.
const INTERPRETER: u32 = 3;

/// The loader of a 64-bit ELF program; `None` inside if it is linked statically.
///
/// # Errors
/// Why this is not such a program.
pub(super) fn loader(program: &Path) -> Result<Option<PathBuf>, String> {
    let mut file = File::open(program).map_err(|error| error.to_string())?;
    read(&mut file)
}

fn read(file: &mut (impl Read + Seek)) -> Result<Option<PathBuf>, String> {
    let odd = |_| "it is not a program of this processor".to_owned();
    let mut head = [0; 64];
    file.read_exact(&mut head).map_err(odd)?;
    if head.starts_with(b"#!") {
        return Err("it is a script, which runs other programs".into());
    }
    // 64 bits, little end first: what x86-64, ARM and RISC-V are.
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return Err("it is not a program of this processor".into());
    }
    let (offset, count) = (number(&head[32..40]), number(&head[56..58]));
    let size = number(&head[54..56]);
    for index in 0..count {
        let mut entry = [0; 56];
        let at = index
            .checked_mul(size)
            .and_then(|skipped| skipped.checked_add(offset));
        let at = at.ok_or_else(|| "its headers are broken".to_owned())?;
        file.seek(SeekFrom::Start(at)).map_err(odd)?;
        file.read_exact(&mut entry).map_err(odd)?;
        if number(&entry[..4]) != u64::from(INTERPRETER) {
            continue;
        }
        let mut path = Vec::new();
        file.seek(SeekFrom::Start(number(&entry[8..16])))
            .map_err(odd)?;
        let length = number(&entry[32..40]).min(MAX_LOADER);
        file.take(length).read_to_end(&mut path).map_err(odd)?;
        let path = path.split(|byte| *byte == 0).next().unwrap_or_default();
        return Ok(Some(PathBuf::from(OsStr::from_bytes(path))));
    }
    Ok(None)
}

/// Little end first.
fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn this_test_names_its_loader() {
        let own = std::env::current_exe().unwrap();
        let loader = loader(&own).unwrap().expect("tests are linked dynamically");
        assert!(loader.is_absolute() && loader.exists(), "{loader:?}");
    }

    #[test]
    fn what_is_no_program_says_so() {
        let refuse = |bytes: &[u8]| read(&mut Cursor::new(bytes.to_vec())).unwrap_err();
        let script = [b"#!/bin/sh\n".as_slice(), &[b' '; 64]].concat();
        assert!(refuse(&script).contains("script"));
        assert!(refuse(b"").contains("not a program"));
        assert!(refuse(&[0; 100]).contains("not a program"));
    }

    proptest::proptest! {
        #[test]
        fn broken_headers_end_soon(rest in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            let bytes = [b"\x7fELF\x02\x01".as_slice(), &rest].concat();
            let _ = read(&mut Cursor::new(bytes));
        }
    }
}
