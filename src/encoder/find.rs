//! Where ffmpeg is.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// No ffmpeg where it was looked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no ffmpeg; looked at {}; install it (apt install ffmpeg), or set `server.ffmpeg` or $FFMPEG", places(.looked_at))]
pub struct FfmpegNotFound {
    /// Where it was looked for, in this order.
    pub looked_at: Vec<PathBuf>,
}

/// The ffmpeg to run: the configured one, `$FFMPEG`, the first in `PATH`, or `tools_dir/ffmpeg`.
///
/// One that was named by a person is the only one looked at: another one in its place would be a surprise.
///
/// # Errors
/// [`FfmpegNotFound`] says where it was looked for.
pub fn find_ffmpeg(
    configured: Option<&Path>,
    env_ffmpeg: Option<&OsStr>,
    path_var: Option<&OsStr>,
    tools_dir: &Path,
) -> Result<PathBuf, FfmpegNotFound> {
    let looked_at = candidates(configured, env_ffmpeg, path_var, tools_dir);
    match looked_at.iter().find(|path| is_program(path)) {
        Some(found) => Ok(found.clone()),
        None => Err(FfmpegNotFound { looked_at }),
    }
}

fn candidates(
    configured: Option<&Path>,
    env_ffmpeg: Option<&OsStr>,
    path_var: Option<&OsStr>,
    tools_dir: &Path,
) -> Vec<PathBuf> {
    let named = configured.or(env_ffmpeg.filter(|name| !name.is_empty()).map(Path::new));
    match named {
        // A bare name is looked up as a shell would.
        Some(name) if name.components().count() > 1 => vec![name.to_owned()],
        Some(name) => in_path(path_var, name),
        None => {
            let mut all = in_path(path_var, Path::new("ffmpeg"));
            all.push(tools_dir.join("ffmpeg"));
            all
        }
    }
}

fn in_path(path_var: Option<&OsStr>, name: &Path) -> Vec<PathBuf> {
    std::env::split_paths(path_var.unwrap_or_default())
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .collect()
}

fn is_program(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

fn places(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return "no place, because PATH is empty".into();
    }
    let names: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn program(folder: &Path, name: &str, mode: u32) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn what_a_person_named_wins_and_is_the_only_one() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (
            program(folder.path(), "a", 0o755),
            program(folder.path(), "b", 0o755),
        );
        let none = folder.path().join("none");
        let find = |configured, env| find_ffmpeg(configured, env, None, folder.path());
        assert_eq!(find(Some(&a), Some(b.as_os_str())), Ok(a.clone()));
        assert_eq!(find(None, Some(b.as_os_str())), Ok(b.clone()));
        assert_eq!(find(Some(&none), None).unwrap_err().looked_at, [none]);
    }

    #[test]
    fn then_path_then_tools() {
        let folder = tempfile::tempdir().unwrap();
        let (bin, tools) = (folder.path().join("bin"), folder.path().join("tools"));
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::create_dir_all(&tools).unwrap();
        let find = || find_ffmpeg(None, Some(OsStr::new("")), Some(bin.as_os_str()), &tools);
        let error = find().unwrap_err();
        assert!(
            error.to_string().contains(&tools.display().to_string()),
            "{error}"
        );
        let in_tools = program(&tools, "ffmpeg", 0o755);
        assert_eq!(find(), Ok(in_tools.clone()));
        program(&bin, "ffmpeg", 0o644);
        assert_eq!(
            find(),
            Ok(in_tools),
            "what cannot be executed does not count"
        );
        let in_path = program(&bin, "ffmpeg", 0o755);
        assert_eq!(find(), Ok(in_path));
        assert_eq!(
            find_ffmpeg(
                Some(Path::new("ffmpeg")),
                None,
                Some(bin.as_os_str()),
                &tools
            ),
            Ok(bin.join("ffmpeg"))
        );
    }
}
