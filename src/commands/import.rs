//! `headgate import`: somebody's M3U channel list becomes a `channels.toml`.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::config::{Config, MAX_FILE_SIZE};
use crate::iptv::import::{Imported, import};
use crate::iptv::playlist::Playlist;

/// The longest list that is read, in bytes.
const MAX_LIST: u64 = 64 << 20;

/// The most notes that are shown.
const MAX_NOTES: usize = 1000;

/// What came of a list, for people.
#[derive(Debug)]
pub struct Report {
    /// The file, if it is to be printed.
    pub toml: Option<String>,
    /// What was done and what was not.
    pub notes: String,
}

/// Reads the list (`-` is standard input), and writes the configuration to a file that does not exist yet, or gives it
/// back.
///
/// # Errors
/// A sentence for people.
pub fn run(list: &Path, output: Option<&Path>) -> Result<Report, String> {
    let text = read(list)?;
    let imported = import(&Playlist::read(&text));
    if imported.channels == 0 {
        let notes = show(&imported);
        return Err(format!(
            "{notes}{}: there is no channel in it that can be taken",
            list.display()
        ));
    }
    check(&imported, output.unwrap_or(Path::new("channels.toml")))?;
    let mut notes = show(&imported);
    let count = match imported.channels {
        1 => "1 channel".to_owned(),
        more => format!("{more} channels"),
    };
    match output {
        Some(path) => {
            write(path, &imported.toml)?;
            notes.push_str(&format!("{}: {count}\n", path.display()));
        }
        None => notes.push_str(&format!("{count}\n")),
    }
    let toml = output.is_none().then_some(imported.toml);
    Ok(Report { toml, notes })
}

fn read(list: &Path) -> Result<String, String> {
    let shown = list.display();
    let unreadable = |error: io::Error| format!("{shown} cannot be read: {error}");
    let mut bytes = Vec::new();
    let read = match list.as_os_str() == "-" {
        true => io::stdin()
            .lock()
            .take(MAX_LIST + 1)
            .read_to_end(&mut bytes),
        false => {
            let file = std::fs::File::open(list).map_err(unreadable)?;
            file.take(MAX_LIST + 1).read_to_end(&mut bytes)
        }
    };
    read.map_err(unreadable)?;
    if bytes.len() as u64 > MAX_LIST {
        return Err(format!("{shown} has more than {} MiB", MAX_LIST >> 20));
    }
    // Old lists are in Latin-1: what is not UTF-8 is shown as such, and the rest is taken.
    Ok(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// What is written is what the gateway takes.
fn check(imported: &Imported, path: &Path) -> Result<(), String> {
    let length = imported.toml.len() as u64;
    if length > MAX_FILE_SIZE {
        return Err(format!(
            "the configuration would have {} MiB, and the gateway reads at most {}: import the groups one by one",
            length >> 20,
            MAX_FILE_SIZE >> 20
        ));
    }
    match Config::parse(&imported.toml, path) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "the configuration would not be good; this is a mistake of ours\n{error}"
        )),
    }
}

/// The file may hold passwords, so it is its owner's alone.
fn write(path: &Path, text: &str) -> Result<(), String> {
    let shown = path.display();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            format!("{shown} exists and is left as it is; name another file, or leave out `-o` to see the result")
        }
        _ => format!("{shown} cannot be written: {error}"),
    })?;
    file.write_all(text.as_bytes())
        .map_err(|error| format!("{shown} cannot be written: {error}"))
}

fn show(imported: &Imported) -> String {
    let mut text = String::new();
    for (line, note) in imported.notes.iter().take(MAX_NOTES) {
        text.push_str(&format!("line {line}: {note}\n"));
    }
    let rest = imported.notes.len().saturating_sub(MAX_NOTES);
    if rest > 0 {
        text.push_str(&format!("and {rest} more of that kind\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_written_once_and_for_its_owner() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (list, output) = (folder.path().join("a.m3u"), folder.path().join("c.toml"));
        fs::write(
            &list,
            b"#EXTM3U\n#EXTINF:-1,Caf\xe9\nhttp://h/1\n#EXTINF:-1,B\n",
        )
        .unwrap();
        let report = run(&list, Some(&output)).unwrap();
        assert!(
            report.notes.contains("line 5: left out"),
            "{}",
            report.notes
        );
        assert!(report.toml.is_none());
        assert!(crate::config::check(&output).unwrap().contains("1 channel"));
        let mode = fs::metadata(&output).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let refused = run(&list, Some(&output)).unwrap_err();
        assert!(refused.contains("exists and is left as it is"), "{refused}");
        let printed = run(&list, None).unwrap().toml.unwrap();
        assert_eq!(printed, fs::read_to_string(&output).unwrap());
    }

    #[test]
    fn a_list_without_channels_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("a.m3u");
        fs::write(&list, "#EXTM3U\n#EXTINF:-1,A\n/etc/passwd\n").unwrap();
        assert!(run(&list, None).unwrap_err().contains("line 3: left out"));
        assert!(
            run(&folder.path().join("none"), None)
                .unwrap_err()
                .contains("cannot be read")
        );
    }
}
